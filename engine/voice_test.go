package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestVoiceAgainstPraat holds jitter, shimmer and HNR of real voices against Praat: first all the way from our own pitch, clean;
// then from Praat's pitch, clean and at 10 dB, which is the measuring alone.
func TestVoiceAgainstPraat(t *testing.T) {
	near := func(got, want, abs, rel float64) bool { return math.Abs(got-want) <= max(abs, rel*want) }
	for _, rate := range []int{8000, 16000} {
		voices := praatVoices(t, rate)
		for _, v := range voices {
			for _, condition := range []string{"clean", "white10"} {
				x := v.sound(t, voices, condition)
				want := v.praat[condition]
				own, _ := pitchOf(t, x, rate)
				fromOwn, err := MeasureVoice(x, rate, own)
				if err != nil {
					t.Fatalf("%s %s: %v", v.name, condition, err)
				}
				theirs := slices.Clone(own)
				for i := range theirs {
					theirs[i].F0Hz = 0
					if i > 0 && i <= len(want.F0Hz) {
						theirs[i].F0Hz = float32(want.F0Hz[i-1])
					}
				}
				fromTheirs, err := MeasureVoice(x, rate, theirs)
				if err != nil {
					t.Fatalf("%s %s: %v", v.name, condition, err)
				}
				t.Logf("%5d %-7s %-21s Praat jitter %.2f %% shimmer %.2f %% HNR %.2f dB of %d pulses | our pitch %+.2f %+.2f pp %+.2f dB of %d | Praat's pitch %+.2f %+.2f pp %+.2f dB of %d",
					rate, condition, v.name, 100*want.Jitter, 100*want.Shimmer, want.HNRdBMeanVoiced, want.Pulses,
					100*(fromOwn.Jitter-want.Jitter), 100*(fromOwn.Shimmer-want.Shimmer), fromOwn.HNRdB-want.HNRdBMeanVoiced, fromOwn.Pulses,
					100*(fromTheirs.Jitter-want.Jitter), 100*(fromTheirs.Shimmer-want.Shimmer), fromTheirs.HNRdB-want.HNRdBMeanVoiced, fromTheirs.Pulses)
				if condition == "clean" &&
					(!near(fromOwn.Jitter, want.Jitter, 0.003, 0.15) || !near(fromOwn.Shimmer, want.Shimmer, 0.0075, 0) || !near(fromOwn.HNRdB, want.HNRdBMeanVoiced, 1, 0)) {
					t.Errorf("%s at %d Hz: %+v; Praat has %g, %g, %g dB; want jitter within 0.3 points or 15 %%, shimmer 0.75 points, HNR 1 dB",
						v.name, rate, fromOwn, want.Jitter, want.Shimmer, want.HNRdBMeanVoiced)
				}
				// In noise our track goes on into frames where Praat hears none; what their marks measure is the noise.
				if condition == "white10" &&
					(!near(fromOwn.Jitter, want.Jitter, 0.015, 0) || !near(fromOwn.Shimmer, want.Shimmer, 0.025, 0) || !near(fromOwn.HNRdB, want.HNRdBMeanVoiced, 2, 0)) {
					t.Errorf("%s at 10 dB and %d Hz: %+v; Praat has %g, %g, %g dB; want jitter within 1.5 points, shimmer 2.5 points, HNR 2 dB",
						v.name, rate, fromOwn, want.Jitter, want.Shimmer, want.HNRdBMeanVoiced)
				}
				if !near(fromTheirs.Jitter, want.Jitter, 0.0025, 0.12) || !near(fromTheirs.Shimmer, want.Shimmer, 0.0075, 0) ||
					!near(fromTheirs.HNRdB, want.HNRdBMeanVoiced, 0.75, 0) || !near(float64(fromTheirs.Pulses), float64(want.Pulses), 3, 0.02) {
					t.Errorf("%s %s at %d Hz, from Praat's pitch: %+v; Praat has %g, %g, %g dB, %d pulses", v.name, condition, rate, fromTheirs,
						want.Jitter, want.Shimmer, want.HNRdBMeanVoiced, want.Pulses)
				}
			}
		}
	}
}

// shortPulses returns a click, the slope of a bell 0.5 ms wide, at each time in seconds, of the amplitude beside it. They do not
// reach into each other, so each period has exactly the length and the height it was given.
func shortPulses(rate int, seconds float64, times, amps []float64) []float32 {
	const sigma = 0.00025
	x := make([]float32, int(seconds*float64(rate)))
	for i, at := range times {
		from, to := int((at-6*sigma)*float64(rate)), int((at+6*sigma)*float64(rate))
		for n := max(from, 0); n <= min(to, len(x)-1); n++ {
			d := (float64(n)/float64(rate) - at) / sigma
			x[n] += float32(0.5 * amps[i] * d * math.Exp(-d*d/2))
		}
	}
	return x
}

// TestVoiceOfKnownPulses measures pulse trains whose periods and amplitudes are known one by one.
func TestVoiceOfKnownPulses(t *testing.T) {
	for _, rate := range []int{8000, 16000, 44100} {
		for _, hz := range []float64{110, 210} {
			for _, c := range []struct{ jitter, shimmer float64 }{{0, 0}, {0.01, 0}, {0.03, 0}, {0, 0.05}, {0, 0.12}, {0.02, 0.08}} {
				r := rand.New(rand.NewPCG(uint64(rate), uint64(hz)))
				var times, amps []float64
				// The mean difference of two neighbours that stray evenly by ±a is 2a/3.
				for at := 0.2; at < 1.8; at += (1 + 1.5*c.jitter*(2*r.Float64()-1)) / hz {
					times, amps = append(times, at), append(amps, 1+1.5*c.shimmer*(2*r.Float64()-1))
				}
				x := shortPulses(rate, 2, times, amps)
				wantJitter, wantShimmer := localVariation(differences(times)), localVariation(amps)
				q, err := MeasureVoice(x, rate, mustPitch(t, rate, x))
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(float64(q.Pulses-len(times))) > 3 {
					t.Errorf("%d Hz, %g Hz, %+v: %d pulses found, %d made", rate, hz, c, q.Pulses, len(times))
				}
				if math.Abs(q.Jitter-wantJitter) > 0.0005+0.05*wantJitter {
					t.Errorf("%d Hz, %g Hz, %+v: jitter %.4f, made with %.4f", rate, hz, c, q.Jitter, wantJitter)
				}
				if math.Abs(q.Shimmer-wantShimmer) > 0.002+0.05*wantShimmer+0.25*wantJitter { // the reach of an amplitude follows the period
					t.Errorf("%d Hz, %g Hz, %+v: shimmer %.4f, made with %.4f", rate, hz, c, q.Shimmer, wantShimmer)
				}
				if c.jitter == 0 && c.shimmer == 0 && q.HNRdB < 25 {
					t.Errorf("%d Hz, %g Hz: HNR %.1f dB of a perfect train", rate, hz, q.HNRdB)
				}
			}
		}
	}
}

func differences(v []float64) []float64 {
	d := make([]float64, len(v)-1)
	for i := range d {
		d[i] = v[i+1] - v[i]
	}
	return d
}

// localVariation is the mean absolute difference of neighbours over the mean.
func localVariation(v []float64) float64 {
	var diff, sum float64
	for i, p := range v {
		sum += p
		if i > 0 {
			diff += math.Abs(p - v[i-1])
		}
	}
	return diff / float64(len(v)-1) / (sum / float64(len(v)))
}

// TestHNROfToneInNoise checks the ratio where it is known: a tone in white noise of a given level.
func TestHNROfToneInNoise(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, db := range []float64{5, 10, 20, 30} {
			x := tone(rate, 150, 0.3, 6)
			for i, v := range whiteNoise(len(x), 0.3/math.Sqrt2*math.Pow(10, -db/20), 8) {
				x[i] += v
			}
			m, err := NewVoiceMeter(DefaultVoiceOptions(rate))
			if err != nil {
				t.Fatal(err)
			}
			q, err := m.Measure(x, 0, mustPitch(t, rate, x))
			if err != nil {
				t.Fatal(err)
			}
			// The greatest of many correlations lies above the true one the more noise there is.
			if got := q.HNRdB; q.VoicedFrames < 500 || math.Abs(got-db) > 1 {
				t.Errorf("%d Hz: %+v, the sound has %g dB", rate, q, db)
			}
		}
	}
}

func TestVoiceOfAPartOfAStream(t *testing.T) {
	times, amps := steadyPulses(140, 3)
	x := pulseTrain(8000, 3, times, amps)
	track := mustPitch(t, 8000, x)
	m, err := NewVoiceMeter(DefaultVoiceOptions(8000))
	if err != nil {
		t.Fatal(err)
	}
	part := x[8000:16000]
	whole, err := m.Measure(part, 8000, track) // the track of all of x
	if err != nil {
		t.Fatal(err)
	}
	var own []PitchFrame
	for _, f := range track {
		if f.Center >= 8000 && f.Center < 16000 {
			f.Center -= 8000
			own = append(own, f)
		}
	}
	alone, err := MeasureVoice(part, 8000, own)
	if err != nil {
		t.Fatal(err)
	}
	if whole != alone {
		t.Errorf("with the track of the stream %+v, with its own %+v", whole, alone)
	}
	if whole.Pulses < 135 || whole.Pulses > 141 {
		t.Errorf("%d pulses in a second of 140 Hz", whole.Pulses)
	}
}

func TestVoiceTooLittle(t *testing.T) {
	times, amps := steadyPulses(100, 0.25)
	short := pulseTrain(8000, 0.25, times, amps)
	for name, x := range map[string][]float32{
		"empty":         nil,
		"silence":       make([]float32, 8000),
		"noise":         whiteNoise(8000, 0.1, 9),
		"quarter_of_1s": short,
		"not_numbers":   slices.Repeat([]float32{float32(math.NaN())}, 4000),
	} {
		q, err := MeasureVoice(x, 8000, mustPitch(t, 8000, x))
		if !errors.Is(err, ErrTooLittleVoice) {
			t.Errorf("%s: %+v, %v, want ErrTooLittleVoice", name, q, err)
		}
		if q.Jitter != 0 || q.Shimmer != 0 || q.HNRdB != 0 || q.JitterPeriods >= 30 {
			t.Errorf("%s: %+v has values", name, q)
		}
	}
	// A track that contradicts its sound must not hang or read outside.
	wild := []PitchFrame{{Index: 0, Center: 100, F0Hz: 1e9}, {Index: 1, Center: 180, F0Hz: 1e-9}, {Index: 2, Center: 260, F0Hz: float32(math.Inf(1))}, {Index: 9, Center: 1 << 40, F0Hz: 100}}
	if q, err := MeasureVoice(short, 8000, wild); !errors.Is(err, ErrTooLittleVoice) {
		t.Errorf("wild track: %+v, %v, want ErrTooLittleVoice", q, err)
	}
}

func TestVoiceOptionsValidateNamesEveryProblem(t *testing.T) {
	if err := DefaultVoiceOptions(8000).Validate(); err != nil {
		t.Fatal(err)
	}
	bad := VoiceOptions{Rate: 1, FloorHz: 1, CeilingHz: math.NaN(), MinPeak: 1, PeriodFloorMs: 0, PeriodCeilingMs: 1000, MaxPeriodFactor: 1, MaxAmplitudeFactor: 11, MinPeriods: 0}
	err := bad.Validate()
	if !errors.Is(err, ErrVoice) || !errors.Is(err, ErrRate) {
		t.Fatalf("%v, want ErrVoice and ErrRate", err)
	}
	for _, name := range []string{"1 Hz", "FloorHz 1", "CeilingHz NaN", "MinPeak 1", "PeriodFloorMs 0", "PeriodCeilingMs 1000", "MaxPeriodFactor 1", "MaxAmplitudeFactor 11", "MinPeriods 0"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %q", err, name)
		}
	}
	if _, err := NewVoiceMeter(bad); !errors.Is(err, ErrVoice) {
		t.Errorf("NewVoiceMeter: %v, want ErrVoice", err)
	}
	if _, err := MeasureVoice(nil, 44, nil); !errors.Is(err, ErrRate) {
		t.Errorf("MeasureVoice at 44 Hz: %v, want ErrRate", err)
	}
	if s := DefaultVoiceOptions(8000).String(); !strings.Contains(s, "min_periods=30") {
		t.Errorf("%q does not show min_periods=30", s)
	}
}

func TestVoiceMeterAllocatesNothingOnceGrown(t *testing.T) {
	voices := praatVoices(t, 8000)
	x := voices[0].sound(t, voices, "clean")
	track, _ := pitchOf(t, x, 8000)
	m, err := NewVoiceMeter(DefaultVoiceOptions(8000))
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
