package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/interaction"
)

// minVoicedMs is the least voiced speech from which a median pitch and its range are given.
const minVoicedMs = 100

// prosody measures segments, one at a time. Its buffers are reused.
type prosody struct {
	pitch     *engine.PitchTracker
	voice     *engine.VoiceMeter
	syllables *engine.SyllableMeter
	track     []engine.PitchFrame
	f0        []float64
}

func newProsody() (*prosody, error) {
	o := engine.DefaultPitchOptions()
	o.Rate = Rate
	pitch, err := engine.NewPitchTracker(o)
	if err != nil {
		return nil, err
	}
	voice, err := engine.NewVoiceMeter(engine.DefaultVoiceOptions(Rate))
	if err != nil {
		return nil, err
	}
	syllables, err := engine.NewSyllableMeter(engine.DefaultSyllableOptions(Rate))
	if err != nil {
		return nil, err
	}
	return &prosody{pitch: pitch, voice: voice, syllables: syllables}, nil
}

// follow returns the pitch track of the segment x, at Rate, good until the next call.
func (p *prosody) follow(x []float32) []engine.PitchFrame {
	p.track = p.track[:0]
	keep := func(f engine.PitchFrame) { p.track = append(p.track, f) }
	p.pitch.Write(x, keep)
	p.pitch.Flush(keep)
	return p.track
}

// measure returns how the segment x, at Rate, whose pitch is track, was spoken, its number of syllables, and what could not be
// measured. The level is the caller's to add.
func (p *prosody) measure(x []float32, track []engine.PitchFrame) (*interaction.Prosody, int, []interaction.NotComputed) {
	var out interaction.Prosody
	var absent []interaction.NotComputed
	tooShort := func(what, detail string) {
		absent = append(absent, interaction.NotComputed{What: what, Code: interaction.CodeTooShort, Detail: detail})
	}
	p.f0 = p.f0[:0]
	for _, f := range track {
		if f.Voiced() {
			p.f0 = append(p.f0, float64(f.F0Hz))
		}
	}
	if voicedMs := float64(len(p.f0)) * p.pitch.Options().HopMs; voicedMs >= minVoicedMs {
		slices.Sort(p.f0)
		out.F0Hz = rounded(percentile(p.f0, 0.5), 1)
		out.F0RangeST = rounded(12*math.Log2(percentile(p.f0, 0.95)/percentile(p.f0, 0.05)), 1)
	} else {
		tooShort("prosody.f0_hz", fmt.Sprintf("%.0f ms of voiced speech, want %d", voicedMs, minVoicedMs))
	}
	// The only error of both meters is too little voice, whose text has the amount and the floor.
	if q, err := p.voice.Measure(x, 0, track); err == nil {
		out.Jitter = rounded(q.Jitter, 4)
		out.Shimmer = rounded(q.Shimmer, 4)
		out.HNRdB = rounded(q.HNRdB, 1)
	} else {
		tooShort("prosody.voice_quality", detail(err))
	}
	s, err := p.syllables.Measure(x, 0, track)
	if err == nil {
		out.SyllablesPerS = rounded(s.PerSecond, 2)
	} else {
		tooShort("prosody.syllables_per_s", detail(err))
	}
	return &out, len(s.Nuclei), absent
}

// detail returns what a meter found too little of, without the sentinel's own words.
func detail(err error) string {
	return strings.TrimPrefix(err.Error(), engine.ErrTooLittleVoice.Error()+": ")
}

// percentile returns the q-quantile of sorted by linear interpolation between the nearest ranks.
func percentile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
