package vad

import (
	"testing"
)

// cadenced appends bursts: on and off seconds in turn, n times.
func (t *track) cadenced(n int, levelDBFS float64, onOff []float64, hz ...float64) *track {
	for range n {
		for i, s := range onOff {
			if i%2 == 0 {
				t.tone(s, levelDBFS, hz...)
			} else {
				t.silence(s)
			}
		}
	}
	return t
}

// TestCallProgress plays tones as ITU-T E.180 and T.30 give them and expects one sound over all bursts.
func TestCallProgress(t *testing.T) {
	for _, c := range []struct {
		name   string
		n      int
		onOff  []float64
		hz     []float64
		kind   Kind
		detail string
	}{
		{"ringback_europe", 3, []float64{1, 4}, []float64{425}, KindRingback, "425 Hz"},
		{"ringback_one_burst", 1, []float64{1, 4}, []float64{425}, KindRingback, "425 Hz"},
		{"ringback_france", 2, []float64{1.5, 3.5}, []float64{440}, KindRingback, "440 Hz"},
		{"ringback_north_america", 2, []float64{2, 4}, []float64{440, 480}, KindRingback, "440+480 Hz"},
		{"ringback_united_kingdom", 3, []float64{0.4, 0.2, 0.4, 2}, []float64{400, 450}, KindRingback, "400+450 Hz"},
		{"busy_europe", 6, []float64{0.5, 0.5}, []float64{425}, KindNoise, "busy 425 Hz"},
		{"congestion_europe", 8, []float64{0.25, 0.25}, []float64{425}, KindNoise, "busy 425 Hz"},
		{"busy_north_america", 6, []float64{0.5, 0.5}, []float64{480, 620}, KindNoise, "busy 480+620 Hz"},
		{"busy_united_kingdom", 6, []float64{0.375, 0.375}, []float64{400}, KindNoise, "busy 400 Hz"},
		{"dial_europe", 1, []float64{6, 0}, []float64{425}, KindNoise, "dial 425 Hz"},
		{"dial_north_america", 1, []float64{6, 0}, []float64{350, 440}, KindNoise, "dial 350+440 Hz"},
		{"fax_calling", 3, []float64{0.5, 3}, []float64{1100}, KindFax, "CNG"},
		{"fax_calling_38Hz_high", 3, []float64{0.5, 3}, []float64{1138}, KindFax, "CNG"},
		{"fax_answering", 1, []float64{3, 1}, []float64{2100}, KindFax, "CED"},
	} {
		for _, level := range []float64{-12, -35} {
			t.Run(c.name, func(t *testing.T) {
				s := newTrack(11).silence(1).cadenced(c.n, level, c.onOff, c.hz...)
				length := len(s.x)
				s.silence(1).noise(-62)
				ends := sounds(detect(t, DefaultOptions(), nil, s.x))
				if len(ends) != 1 {
					t.Fatalf("at %g dBFS: %v, want one %s", level, ends, c.kind)
				}
				last := c.onOff[len(c.onOff)-1]
				e := ends[0]
				if e.Kind != c.kind || e.Detail != c.detail {
					t.Errorf("at %g dBFS: %v, want %s (%s)", level, e, c.kind, c.detail)
				}
				if from, to := int64(Rate), int64(length-samples(last)); !near(e.Interval.Start, from, 40) || !near(e.Interval.End, to, 40) {
					t.Errorf("at %g dBFS: %v, want [%d, %d)", level, e.Interval, from, to)
				}
			})
		}
	}
}

// TestAnswerToneWithPhaseReversals turns the phase every 450 ms, as ITU-T V.8 has it to switch echo cancellers off.
func TestAnswerToneWithPhaseReversals(t *testing.T) {
	s := newTrack(12).silence(1)
	at := len(s.x)
	s.tone(3.3, -15, 2100)
	for i := range s.x[at:] {
		if i/samples(0.45)%2 == 1 {
			s.x[at+i] = -s.x[at+i]
		}
	}
	s.silence(1)
	ends := sounds(detect(t, DefaultOptions(), nil, s.x))
	if len(ends) != 1 || ends[0].Kind != KindFax || ends[0].Detail != "CED" || !near(ends[0].Interval.End, int64(samples(4.3)), 60) {
		t.Fatalf("%v, want one fax (CED) up to %d", ends, samples(4.3))
	}
}

// TestTonesThatAreNone holds what only looks like signalling.
func TestTonesThatAreNone(t *testing.T) {
	for name, x := range map[string][]float32{
		"short_beep_425":    newTrack(13).silence(1).tone(0.3, -15, 425).silence(7).x,
		"one_burst_of_1100": newTrack(14).silence(1).tone(0.5, -15, 1100).silence(6).x,
		"beep_1000":         newTrack(15).silence(1).tone(1, -15, 1000).silence(6).x,
		"white_noise":       newTrack(16).silence(15).noise(-25).x,
		"steady_2000":       newTrack(17).tone(4, -15, 2000).x,
		"sweep":             sweep(8),
	} {
		for _, e := range sounds(detect(t, DefaultOptions(), nil, x)) {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// sounds leaves the speech out: without a network the onset of a tone can pass for a moment of speech.
func sounds(all []Event) []Event {
	var out []Event
	for _, e := range all {
		if e.Kind != KindSpeech {
			out = append(out, e)
		}
	}
	return out
}

// sweep glides through all tones in the given seconds.
func sweep(seconds float64) []float32 {
	s := newTrack(18)
	for range int(seconds * 50) {
		s.tone(0.02, -15, 300+3000*float64(len(s.x))/(seconds*Rate))
	}
	return s.x
}
