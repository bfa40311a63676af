package engine

import (
	"errors"
	"fmt"
	"math"
)

// ErrPitch is what PitchOptions.Validate wraps its findings in, but for the rate, which is ErrRate.
var ErrPitch = errors.New("engine: pitch options")

// PitchOptions says how the fundamental frequency is searched and when a frame counts as voiced. The names and the defaults
// of the thresholds and costs are those of Boersma (1993) as Praat ships them, so a track can be compared number by number.
type PitchOptions struct {
	Rate    int     // samples per second of the input, 8000 to 48000, default 8000
	HopMs   float64 // step between frame centres in ms, 1 to 50, default 10
	FrameMs float64 // length in ms of the spectral frame that each pitch frame stands beside, default 25; see PitchFrame.Center

	FloorHz   float64 // lowest fundamental searched, at least 40, default 75; the analysis window is three of its periods
	CeilingHz float64 // highest fundamental searched, at most Rate/4, default 500

	SilenceThreshold float64 // peak of a frame, as a fraction of the running peak, below which it counts as silence, 0 to 0.5, 0 = off, default 0.03
	VoicingThreshold float64 // strength that a candidate must beat to be voiced, 0 to 1, default 0.45
	OctaveCost       float64 // strength taken from a candidate per octave below the ceiling, 0 to 1, default 0.01
	OctaveJumpCost   float64 // cost per octave between neighbouring frames, at a hop of 10 ms, 0 to 2, default 0.35
	VoicingCost      float64 // cost of a change between voiced and unvoiced, at a hop of 10 ms, 0 to 2, default 0.14
	MaxCandidates    int     // candidates kept per frame, the unvoiced one included, 2 to 32, default 15

	NoiseFactor    float64 // times the estimated noise is taken from the spectrum before correlating, 0 to 4, 0 = off as in Praat, default 1
	MaxLagMs       float64 // longest time that a frame waits for later frames to decide it, in ms, 0 to 2000, default 1000
	PeakHalfLifeMs float64 // time in which the running peak falls by half, in ms, at least 100, default 20000
}

// DefaultPitchOptions returns the options for speech on a telephone line: 8000 Hz, 75 to 500 Hz, one frame per 10 ms.
func DefaultPitchOptions() PitchOptions {
	return PitchOptions{
		Rate:             8000,
		HopMs:            10,
		FrameMs:          25,
		FloorHz:          75,
		CeilingHz:        500,
		SilenceThreshold: 0.03,
		VoicingThreshold: 0.45,
		OctaveCost:       0.01,
		OctaveJumpCost:   0.35,
		VoicingCost:      0.14,
		MaxCandidates:    15,
		NoiseFactor:      1,
		MaxLagMs:         1000,
		PeakHalfLifeMs:   20000,
	}
}

// HopSamples returns the step between frame centres in samples, rounded to the nearest.
func (o PitchOptions) HopSamples() int { return wholeSamples(o.HopMs, o.Rate) }

// FrameSamples returns the length in samples of the spectral frame that a pitch frame stands beside, rounded to the nearest.
func (o PitchOptions) FrameSamples() int { return wholeSamples(o.FrameMs, o.Rate) }

// MaxLagFrames returns MaxLagMs in whole frames.
func (o PitchOptions) MaxLagFrames() int { return int(o.MaxLagMs / o.HopMs) }

// NumFrames returns T, the number of pitch frames of n samples: as many as spectral frames that fit whole.
func (o PitchOptions) NumFrames(n int64) int64 {
	if w := int64(o.FrameSamples()); n >= w {
		return 1 + (n-w)/int64(o.HopSamples())
	}
	return 0
}

// halfWindow returns half the analysis window in samples; the whole is three periods of the floor.
func (o PitchOptions) halfWindow() int { return int(1.5 * float64(o.Rate) / o.FloorHz) }

// Validate returns nil, or every problem of o at once, with the value and the range allowed;
// errors.Is finds ErrPitch and ErrRate.
func (o PitchOptions) Validate() error {
	var errs []error
	check := func(name string, v, lo, hi float64) {
		if !(v >= lo && v <= hi) { // NaN fails too
			errs = append(errs, fmt.Errorf("%w: %s %g, want %g to %g", ErrPitch, name, v, lo, hi))
		}
	}
	if o.Rate < MinRate || o.Rate > MaxRate {
		errs = append(errs, fmt.Errorf("%w: %d Hz, want %d to %d", ErrRate, o.Rate, MinRate, MaxRate))
	}
	check("HopMs", o.HopMs, 1, 50)
	check("FrameMs", o.FrameMs, 1, 100)
	check("FloorHz", o.FloorHz, 40, 400)
	check("CeilingHz", o.CeilingHz, o.FloorHz+10, float64(o.Rate)/4)
	check("SilenceThreshold", o.SilenceThreshold, 0, 0.5)
	check("VoicingThreshold", o.VoicingThreshold, 0, 1)
	check("OctaveCost", o.OctaveCost, 0, 1)
	check("OctaveJumpCost", o.OctaveJumpCost, 0, 2)
	check("VoicingCost", o.VoicingCost, 0, 2)
	check("MaxCandidates", float64(o.MaxCandidates), 2, 32)
	check("NoiseFactor", o.NoiseFactor, 0, 4)
	check("MaxLagMs", o.MaxLagMs, 0, 2000)
	check("PeakHalfLifeMs", o.PeakHalfLifeMs, 100, 3.6e6)
	return errors.Join(errs...)
}

// String prints every option with its unit.
func (o PitchOptions) String() string {
	return fmt.Sprintf("rate=%d hop_ms=%g frame_ms=%g floor_hz=%g ceiling_hz=%g silence=%g voicing=%g octave_cost=%g "+
		"octave_jump_cost=%g voicing_cost=%g candidates=%d noise_factor=%g max_lag_ms=%g peak_half_life_ms=%g",
		o.Rate, o.HopMs, o.FrameMs, o.FloorHz, o.CeilingHz, o.SilenceThreshold, o.VoicingThreshold, o.OctaveCost,
		o.OctaveJumpCost, o.VoicingCost, o.MaxCandidates, o.NoiseFactor, o.MaxLagMs, o.PeakHalfLifeMs)
}

// PitchFrame is the pitch at one moment.
type PitchFrame struct {
	// Index counts frames from 0.
	Index int64
	// Center is the sample at the middle of the frame: HopSamples*Index + FrameSamples/2, with the division rounded down. That is
	// the middle of spectral frame Index of the same hop and length, so the two pair by Index as well as by Center. The pitch
	// window (three periods of the floor, 40 ms at 75 Hz) is longer than the spectral one and stands around the same middle; what
	// it would need from before the first and after the last sample is taken as silence.
	Center int64
	// F0Hz is the fundamental frequency; 0 means unvoiced.
	F0Hz float32
	// Strength is the normalised autocorrelation at the pitch, 0 to 1: the share of the frame's power that is periodic, after
	// steady noise was weighed down (see NoiseFactor). In an unvoiced frame it is that of the strongest candidate, 0 without any.
	Strength float32
}

// Voiced reports whether the frame has a pitch.
func (f PitchFrame) Voiced() bool { return f.F0Hz > 0 }

// HNRdB returns the harmonics-to-noise ratio of the frame in dB, 10 log10(s / (1-s)), within ±60 dB. With noise weighed down it
// is that of the voice rather than of the line; VoiceMeter measures the sound as it is.
func (f PitchFrame) HNRdB() float64 { return harmonicityDB(float64(f.Strength)) }

// harmonicityDB turns a normalised autocorrelation into a harmonics-to-noise ratio, limited to ±60 dB.
func harmonicityDB(r float64) float64 {
	const limit = 1e-6
	r = min(max(r, limit), 1-limit)
	return 10 * math.Log10(r/(1-r))
}

// Pitch returns the track of x, mono PCM in [-1, 1], as T frames with T = o.NumFrames(len(x)). It is a PitchTracker fed in
// one piece and flushed. The errors are those of o.Validate. Safe for concurrent use.
func Pitch(o PitchOptions, x []float32) ([]PitchFrame, error) {
	t, err := NewPitchTracker(o)
	if err != nil {
		return nil, err
	}
	track := make([]PitchFrame, 0, o.NumFrames(int64(len(x))))
	keep := func(f PitchFrame) { track = append(track, f) }
	t.Write(x, keep)
	t.Flush(keep)
	return track, nil
}
