package analysis

import (
	"errors"
	"fmt"
	"math"
)

// AffectOptions say how the scores of segments become the course of a call, and what raises an experience alert.
type AffectOptions struct {
	Noise      NoiseOptions
	DriftSD    float64 // how far the expressed level wanders in one minute, standard deviation; default 0.2, more follows the scores more closely
	EdgeMs     int64   // speech that counts as the start and as the end, in ms; default 20000
	TrendRise  float64 // change of anger from the first to the last segment, on the fitted line, that is a trend; default 0.15
	Experience ExperienceOptions
}

// NoiseOptions say how far the score of a segment lies from what the voice expressed. The variance of one score is sd²/w + FloorSD²
// with w the seconds of speech times the confidence of the score.
type NoiseOptions struct {
	ArousalSD float64 // of one second at confidence 1; default 0.20
	ValenceSD float64 // likewise; default 0.30
	AngerSD   float64 // likewise, and of every other class; default 0.25
	FloorSD   float64 // what more speech in one segment does not average out; default 0.08
}

// ExperienceOptions say what is an escalation, a recovery and a cold end. The defaults are set for few false alarms, at the price of
// a third of the true ones: TestFalseAlarmsOnNeutralCalls and TestAngryCallsAreFound state the figures and the simulated calls
// that they are measured on, the card of emotion-tdnn-v1 those on voices. Natural calls may be worse.
type ExperienceOptions struct {
	WindowMs    int64   // longest stretch before and after the change, and longest time between them; default 120000
	SpeechMs    int64   // least speech in either stretch; default 12000
	Segments    int     // least scored segments in either stretch; default 5
	ArousalRise float64 // least difference of mean arousal; default 0.15
	AngerRise   float64 // least difference of mean anger; default 0.25
	AngerHigh   float64 // least mean anger of the angry stretch, also without its angriest segment; default 0.55
	AngerSure   float64 // least mean anger of a stretch that no escalation led to, for a recovery or a cold end; default 0.85
	AngerLow    float64 // most mean anger of the calm stretch; default 0.3
	Z           float64 // least difference in standard errors of it, for arousal and for anger; default 4.5
}

// DefaultAffectOptions returns the options that a session uses when it is given none.
func DefaultAffectOptions() AffectOptions {
	return AffectOptions{
		Noise:     NoiseOptions{ArousalSD: 0.20, ValenceSD: 0.30, AngerSD: 0.25, FloorSD: 0.08},
		DriftSD:   0.2,
		EdgeMs:    20_000,
		TrendRise: 0.15,
		Experience: ExperienceOptions{
			WindowMs: 120_000, SpeechMs: 12_000, Segments: 5,
			ArousalRise: 0.15, AngerRise: 0.25, AngerHigh: 0.55, AngerSure: 0.85, AngerLow: 0.3, Z: 4.5,
		},
	}
}

// Validate lists everything that is wrong with o.
func (o AffectOptions) Validate() error {
	var errs []error
	within := func(name string, x, low, high float64) {
		if math.IsNaN(x) || x < low || x > high {
			errs = append(errs, fmt.Errorf("analysis: affect: %s: %g, want %g to %g", name, x, low, high))
		}
	}
	const longest = 3600_000
	within("noise arousal sd", o.Noise.ArousalSD, 0.001, 1)
	within("noise valence sd", o.Noise.ValenceSD, 0.001, 1)
	within("noise anger sd", o.Noise.AngerSD, 0.001, 1)
	within("noise floor sd", o.Noise.FloorSD, 0, 1)
	within("drift sd", o.DriftSD, 0, 10)
	within("edge ms", float64(o.EdgeMs), 1000, longest)
	within("trend rise", o.TrendRise, 0.01, 1)
	e := o.Experience
	within("window ms", float64(e.WindowMs), 1000, longest)
	within("speech ms", float64(e.SpeechMs), 0, float64(e.WindowMs))
	within("segments", float64(e.Segments), 2, 1000)
	within("arousal rise", e.ArousalRise, 0, 1)
	within("anger rise", e.AngerRise, 0, 1)
	within("anger high", e.AngerHigh, 0, 1)
	within("anger sure", e.AngerSure, e.AngerHigh, 1)
	within("anger low", e.AngerLow, 0, e.AngerHigh)
	within("z", e.Z, 0, 100)
	return errors.Join(errs...)
}
