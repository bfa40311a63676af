package engine

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// syllableTrain is a voice of hz whose loudness swells perSecond times a second between low and 1, with its peaks in seconds.
func syllableTrain(rate int, hz, perSecond, low, seconds float64) (x []float32, peaks []float64) {
	times, amps := steadyPulses(hz, seconds)
	for i, at := range times {
		amps[i] = low + (1-low)*0.5*(1-math.Cos(2*math.Pi*perSecond*at))
	}
	for at := 0.5 / perSecond; at < seconds; at += 1 / perSecond {
		peaks = append(peaks, at)
	}
	return pulseTrain(rate, seconds, times, amps), peaks
}

func TestSyllablesOfKnownTrains(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, hz := range []float64{110, 220} {
			for _, perSecond := range []float64{2, 3, 4.5, 6} {
				x, peaks := syllableTrain(rate, hz, perSecond, 0.1, 6)
				m, err := NewSyllableMeter(DefaultSyllableOptions(rate))
				if err != nil {
					t.Fatal(err)
				}
				s, err := m.Measure(x, 1000, shifted(mustPitch(t, rate, x), 1000))
				if err != nil {
					t.Fatal(err)
				}
				if len(s.Nuclei) != len(peaks) {
					t.Errorf("%d Hz, voice of %g Hz: %d nuclei, made with %d", rate, hz, len(s.Nuclei), len(peaks))
					continue
				}
				for i, at := range s.Nuclei {
					if got := float64(at-1000) / float64(rate); math.Abs(got-peaks[i]) > 0.03 {
						t.Errorf("%d Hz, voice of %g Hz: nucleus %d at %.3f s, made at %.3f s", rate, hz, i, got, peaks[i])
					}
				}
				if math.Abs(s.PerSecond/perSecond-1) > 0.07 {
					t.Errorf("%d Hz, voice of %g Hz: %.2f syllables/s, made with %g", rate, hz, s.PerSecond, perSecond)
				}
			}
		}
	}
}

func shifted(track []PitchFrame, by int64) []PitchFrame {
	track = slices.Clone(track)
	for i := range track {
		track[i].Center += by
	}
	return track
}

// TestSyllablesLeaveOutWhatIsNone: swells under the dip, unvoiced swells, and pauses.
func TestSyllablesLeaveOutWhatIsNone(t *testing.T) {
	rate := 8000
	m, err := NewSyllableMeter(DefaultSyllableOptions(rate))
	if err != nil {
		t.Fatal(err)
	}
	flat, _ := syllableTrain(rate, 140, 4, 0.9, 4) // dips of 0.9 dB
	s, err := m.Measure(flat, 0, mustPitch(t, rate, flat))
	if len(s.Nuclei) > 1 {
		t.Errorf("%d nuclei in a voice whose loudness moves by 0.9 dB (%v)", len(s.Nuclei), err)
	}
	hiss := whiteNoise(4*rate, 0.1, 10)
	for i := range hiss {
		hiss[i] *= float32(0.1 + 0.9*math.Pow(math.Sin(math.Pi*4*float64(i)/float64(rate)), 2))
	}
	s, err = m.Measure(hiss, 0, mustPitch(t, rate, hiss))
	if !errors.Is(err, ErrTooLittleVoice) || len(s.Nuclei) != 0 || s.PerSecond != 0 {
		t.Errorf("unvoiced swells: %+v, %v, want ErrTooLittleVoice", s, err)
	}
	word, _ := syllableTrain(rate, 140, 4, 0.1, 1.5)
	said := slices.Concat(word, make([]float32, 2*rate), word)
	s, err = m.Measure(said, 0, mustPitch(t, rate, said))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Nuclei) != 12 || math.Abs(float64(s.PhonationSamples)/float64(rate)-3) > 0.2 {
		t.Errorf("two words of six syllables and 1.5 s with 2 s between: %d nuclei in %.2f s", len(s.Nuclei), float64(s.PhonationSamples)/float64(rate))
	}
	for name, x := range map[string][]float32{"empty": nil, "silence": make([]float32, rate), "short": word[:rate/5]} {
		if v, err := SyllableRate(x, rate, mustPitch(t, rate, x)); !errors.Is(err, ErrTooLittleVoice) || v != 0 {
			t.Errorf("%s: %g, %v, want ErrTooLittleVoice", name, v, err)
		}
	}
}

// TestSyllablesAgainstPraat compares with the published method run in Praat, with its intensity and its pitch.
func TestSyllablesAgainstPraat(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		voices := praatVoices(t, rate)
		for _, condition := range []string{"clean", "white10", "phone"} {
			ours, theirs, hits := 0, 0, 0
			for _, v := range voices {
				x := v.sound(t, voices, condition)
				track, _ := pitchOf(t, x, rate)
				m, err := NewSyllableMeter(DefaultSyllableOptions(rate))
				if err != nil {
					t.Fatal(err)
				}
				s, err := m.Measure(x, 0, track)
				if err != nil {
					t.Fatalf("%s %s: %v", v.name, condition, err)
				}
				want := v.praat[condition]
				hit := 0
				for _, at := range want.NucleiS {
					if slices.ContainsFunc(s.Nuclei, func(n int64) bool { return math.Abs(float64(n)/float64(rate)-at) <= 0.03 }) {
						hit++
					}
				}
				phonation := float64(s.PhonationSamples) / float64(rate)
				t.Logf("%5d %-7s %-21s %d nuclei in %.2f s, Praat %d in %.2f s, %d in common", rate, condition, v.name, len(s.Nuclei), phonation, len(want.NucleiS), want.PhonationS, hit)
				if d := len(s.Nuclei) - len(want.NucleiS); d < -2 || d > 2 {
					t.Errorf("%s %s at %d Hz: %d nuclei, Praat has %d, want within 2", v.name, condition, rate, len(s.Nuclei), len(want.NucleiS))
				}
				// Praat counts silence shorter than a pause at the ends of a recording as sound; we do not.
				if d := want.PhonationS - phonation; d < -0.1 || d > 0.45 {
					t.Errorf("%s %s at %d Hz: %.2f s of phonation, Praat has %.2f", v.name, condition, rate, phonation, want.PhonationS)
				}
				ours, theirs, hits = ours+len(s.Nuclei), theirs+len(want.NucleiS), hits+hit
			}
			t.Logf("%5d %-7s all: %d nuclei, Praat %d, %d in common", rate, condition, ours, theirs, hits)
			if theirs < 80 || float64(2*hits)/float64(ours+theirs) < 0.9 {
				t.Errorf("%d %s: %d nuclei, Praat %d, %d in common, want an F-measure of 0.9", rate, condition, ours, theirs, hits)
			}
		}
	}
}

func TestSyllableOptionsValidateNamesEveryProblem(t *testing.T) {
	if err := DefaultSyllableOptions(8000).Validate(); err != nil {
		t.Fatal(err)
	}
	bad := SyllableOptions{Rate: 96000, HopMs: 1, FloorHz: math.NaN(), SpanDB: 4, DipDB: 0, MinPauseMs: -1, MinSoundMs: 1001, MinSpeechMs: 1, VoicedWithinMs: 51}
	err := bad.Validate()
	if !errors.Is(err, ErrSyllable) || !errors.Is(err, ErrRate) {
		t.Fatalf("%v, want ErrSyllable and ErrRate", err)
	}
	for _, name := range []string{"96000 Hz", "HopMs 1", "FloorHz NaN", "SpanDB 4", "DipDB 0", "MinPauseMs -1", "MinSoundMs 1001", "MinSpeechMs 1", "VoicedWithinMs 51"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %q", err, name)
		}
	}
	if _, err := NewSyllableMeter(bad); !errors.Is(err, ErrSyllable) {
		t.Errorf("NewSyllableMeter: %v, want ErrSyllable", err)
	}
	if _, err := SyllableRate(nil, 44, nil); !errors.Is(err, ErrRate) {
		t.Errorf("SyllableRate at 44 Hz: %v, want ErrRate", err)
	}
	if s := DefaultSyllableOptions(8000).String(); !strings.Contains(s, "dip_db=2") {
		t.Errorf("%q does not show dip_db=2", s)
	}
}

func TestSyllableMeterAllocatesNothingOnceGrown(t *testing.T) {
	x, _ := syllableTrain(8000, 120, 4, 0.1, 3)
	track := mustPitch(t, 8000, x)
	m, err := NewSyllableMeter(DefaultSyllableOptions(8000))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(3, func() {
		if _, err := m.Measure(x, 0, track); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations, want none", n)
	}
}
