package engine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// pulseTrain returns a vowel-like sound: at each time in seconds a pulse of the amplitude beside it, ringing in three formants.
func pulseTrain(rate int, seconds float64, times, amps []float64) []float32 {
	formants := [][3]float64{{520, 70, 1}, {1490, 90, 0.5}, {2480, 130, 0.25}} // Hz, bandwidth, share
	y := make([]float64, int(seconds*float64(rate)))
	for i, at := range times {
		from := max(int(math.Ceil(at*float64(rate))), 0)
		for n := from; n < min(from+rate/40, len(y)); n++ {
			d := float64(n)/float64(rate) - at
			for _, f := range formants {
				y[n] += amps[i] * f[2] * math.Exp(-math.Pi*f[1]*d) * math.Sin(2*math.Pi*f[0]*d)
			}
		}
	}
	out := make([]float32, len(y))
	for i, v := range y {
		out[i] = float32(0.3 * v)
	}
	return out
}

// steadyPulses returns the times of pulses at hz, and ones for their amplitudes.
func steadyPulses(hz, seconds float64) (times, amps []float64) {
	for at := 0.0; at < seconds; at += 1 / hz {
		times, amps = append(times, at), append(amps, 1)
	}
	return times, amps
}

func tone(rate int, hz, level, seconds float64) []float32 {
	x := make([]float32, int(seconds*float64(rate)))
	for i := range x {
		x[i] = float32(level * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return x
}

func whiteNoise(n int, level float64, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(level * r.NormFloat64())
	}
	return x
}

func mustPitch(t testing.TB, rate int, x []float32) []PitchFrame {
	t.Helper()
	o := DefaultPitchOptions()
	o.Rate = rate
	track, err := Pitch(o, x)
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func countVoiced(track []PitchFrame) (n int) {
	for _, f := range track {
		if f.Voiced() {
			n++
		}
	}
	return n
}

func TestPitchOfTonesAndPulseTrains(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 48000} {
		for _, hz := range []float64{80, 87.3, 100, 131.7, 180, 211.3, 260, 319.9, 400, 450} {
			times, amps := steadyPulses(hz, 1)
			for name, x := range map[string][]float32{
				"tone":                 tone(rate, hz, 0.3, 1),
				"pulses":               pulseTrain(rate, 1, times, amps),
				"missing_fundamental":  missingFundamental(rate, hz),
				"quiet_tone_40_dB_off": tone(rate, hz, 0.003, 1),
			} {
				track := mustPitch(t, rate, x)
				inner := track[5 : len(track)-5] // whole windows
				if v := countVoiced(inner); v != len(inner) {
					t.Errorf("%s of %g Hz at %d Hz: %d of %d frames voiced", name, hz, rate, v, len(inner))
					continue
				}
				for _, f := range inner {
					if math.Abs(float64(f.F0Hz)/hz-1) > 0.003 {
						t.Errorf("%s of %g Hz at %d Hz: frame %d has %g Hz, want within 0.3 %%", name, hz, rate, f.Index, f.F0Hz)
						break
					}
				}
			}
		}
	}
}

// missingFundamental is a sum of the harmonics of hz between 300 and 3400 Hz, the telephone band.
func missingFundamental(rate int, hz float64) []float32 {
	x := make([]float32, rate)
	for k := math.Ceil(300 / hz); k*hz < 3400; k++ {
		for i := range x {
			x[i] += float32(0.3 / k * math.Sin(2*math.Pi*k*hz*float64(i)/float64(rate)+k))
		}
	}
	return x
}

func TestPitchOfSilenceAndNoiseIsUnvoiced(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		hum := tone(rate, 100, 0.0002, 5) // mains hum at -74 dBFS: periodic, and silence
		for name, x := range map[string][]float32{
			"digital_silence": make([]float32, 5*rate),
			"white_noise":     whiteNoise(30*rate, 0.1, 1),
			"faint_noise":     whiteNoise(10*rate, 1e-4, 2),
			"loud_noise":      whiteNoise(10*rate, 0.5, 3),
			"constant_offset": slices.Repeat([]float32{0.25}, 5*rate),
			"faint_hum":       hum,
		} {
			track := mustPitch(t, rate, x)
			if n := countVoiced(track); n != 0 || len(track) == 0 {
				t.Errorf("%s at %d Hz: %d of %d frames voiced", name, rate, n, len(track))
			}
		}
	}
}

func TestPitchDoesNotDependOnLevel(t *testing.T) {
	voice := praatVoices(t, 8000)[0]
	x := make([]float32, len(voice.clean))
	for i, v := range voice.clean {
		x[i] = float32(v)
	}
	want := mustPitch(t, 8000, x)
	for _, db := range []float64{-20, -6, 6} {
		gain := float32(math.Pow(10, db/20))
		y := make([]float32, len(x))
		for i := range x {
			y[i] = gain * x[i]
		}
		for i, f := range mustPitch(t, 8000, y) {
			if f.Voiced() != want[i].Voiced() || math.Abs(float64(f.F0Hz-want[i].F0Hz)) > 0.01 {
				t.Fatalf("%+g dB: frame %d is %+v, was %+v", db, i, f, want[i])
			}
		}
	}
}

func TestPitchStreamEqualsBatch(t *testing.T) {
	voices := praatVoices(t, 8000)
	x := voices[3].sound(t, voices, "white10")
	x = append(slices.Clone(x), whiteNoise(3000, 0.01, 4)...)
	x = append(x, make([]float32, 2000)...)
	r := rand.New(rand.NewPCG(5, 6))
	for _, lagMs := range []float64{0, 50, 1000} {
		o := DefaultPitchOptions()
		o.MaxLagMs = lagMs
		want, err := Pitch(o, x)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(want)) != o.NumFrames(int64(len(x))) {
			t.Fatalf("%d frames, NumFrames says %d", len(want), o.NumFrames(int64(len(x))))
		}
		tracker, err := NewPitchTracker(o)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 12 {
			var got []PitchFrame
			keep := func(f PitchFrame) { got = append(got, f) }
			longest := []int{1, 2, 17, 80, 700, 9000}[round%6]
			for rest := x; len(rest) > 0; {
				n := min(r.IntN(longest+1), len(rest))
				tracker.Write(rest[:n], keep)
				rest = rest[n:]
			}
			tracker.Flush(keep) // resets: the next round starts afresh
			if !slices.Equal(got, want) {
				t.Fatalf("lag %g ms, pieces up to %d samples: stream differs from batch", lagMs, longest)
			}
		}
		tracker.Write(x[:5000], func(PitchFrame) {})
		tracker.Reset()
		var got []PitchFrame
		keep := func(f PitchFrame) { got = append(got, f) }
		tracker.Write(x, keep)
		tracker.Flush(keep)
		if !slices.Equal(got, want) {
			t.Fatal("after Reset the stream differs from batch")
		}
	}
}

func TestPitchFramesComeInOrderWithinTheLag(t *testing.T) {
	voices := praatVoices(t, 8000)
	x := voices[0].sound(t, voices, "babble10")
	for _, lagMs := range []float64{0, 100, 1000} {
		o := DefaultPitchOptions()
		o.MaxLagMs = lagMs
		tracker, err := NewPitchTracker(o)
		if err != nil {
			t.Fatal(err)
		}
		var next, written, lagSum int64
		longest := int64(0)
		emit := func(f PitchFrame) {
			if f.Index != next || f.Center != next*80+100 {
				t.Fatalf("frame %+v, want index %d and centre %d", f, next, next*80+100)
			}
			next++
			lagSum += written - f.Center
			longest = max(longest, written-f.Center)
		}
		for i := range x {
			written = int64(i + 1)
			tracker.Write(x[i:i+1], emit)
		}
		// The window reaches 160 samples past the middle; after that the decision may wait.
		if limit := int64(160 + lagMs*8); longest > limit {
			t.Errorf("lag %g ms: a frame came %d samples after its middle, want at most %d", lagMs, longest, limit)
		}
		t.Logf("lag %g ms: frames come %.0f ms after their middle on average, %d ms at most", lagMs, float64(lagSum)/float64(next)/8, longest/8)
		tracker.Flush(emit)
		if want := o.NumFrames(int64(len(x))); next != want {
			t.Errorf("%d frames, want %d", next, want)
		}
	}
}

func TestPitchNumFramesOfShortInput(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 0, 199: 0, 200: 1, 279: 1, 280: 2, 360: 3} {
		track := mustPitch(t, 8000, tone(8000, 200, 0.3, float64(n)/8000+1e-9)[:n])
		if len(track) != want {
			t.Errorf("%d samples: %d frames, want %d", n, len(track), want)
		}
	}
}

func TestPitchOutlivesSamplesThatAreNotNumbers(t *testing.T) {
	x := tone(8000, 200, 0.3, 2)
	x[4000], x[4500], x[5000] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
	x[5500], x[5501] = math.MaxFloat32, -math.MaxFloat32
	track := mustPitch(t, 8000, x)
	for _, f := range track {
		if f.F0Hz != f.F0Hz || f.Strength != f.Strength {
			t.Fatalf("frame %+v is not a number", f)
		}
		if (f.Center < 3800 || f.Center > 5000+160) && f.Center < 5300 && f.Index > 3 && math.Abs(float64(f.F0Hz)-200) > 1 {
			t.Errorf("frame %+v, want 200 Hz before and between", f)
		}
	}
}

func TestPitchTrackerAllocatesNothing(t *testing.T) {
	voices := praatVoices(t, 8000)
	x := voices[0].sound(t, voices, "babble10")
	tracker, err := NewPitchTracker(DefaultPitchOptions())
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	emit := func(PitchFrame) { frames++ }
	if n := testing.AllocsPerRun(5, func() {
		for i := 0; i+160 <= len(x); i += 160 {
			tracker.Write(x[i:i+160], emit)
		}
		tracker.Flush(emit)
	}); n != 0 || frames == 0 {
		t.Errorf("%g allocations for %d frames, want none", n, frames)
	}
}

func TestPitchOptionsValidateNamesEveryProblem(t *testing.T) {
	if err := DefaultPitchOptions().Validate(); err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	bad := PitchOptions{Rate: 7999, HopMs: nan, FrameMs: 0, FloorHz: 39, CeilingHz: 4000, SilenceThreshold: -1, VoicingThreshold: 2,
		OctaveCost: nan, OctaveJumpCost: -1, VoicingCost: 3, MaxCandidates: 1, NoiseFactor: 5, MaxLagMs: 2001, PeakHalfLifeMs: 1}
	err := bad.Validate()
	if !errors.Is(err, ErrPitch) || !errors.Is(err, ErrRate) {
		t.Fatalf("%v, want ErrPitch and ErrRate", err)
	}
	for _, name := range []string{"7999 Hz", "HopMs NaN", "FrameMs 0", "FloorHz 39", "CeilingHz 4000", "SilenceThreshold -1", "VoicingThreshold 2",
		"OctaveCost NaN", "OctaveJumpCost -1", "VoicingCost 3", "MaxCandidates 1", "NoiseFactor 5", "MaxLagMs 2001", "PeakHalfLifeMs 1"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %q", err, name)
		}
	}
	if _, err := NewPitchTracker(bad); !errors.Is(err, ErrPitch) {
		t.Errorf("NewPitchTracker: %v, want ErrPitch", err)
	}
	if _, err := Pitch(bad, nil); !errors.Is(err, ErrPitch) {
		t.Errorf("Pitch: %v, want ErrPitch", err)
	}
	s := DefaultPitchOptions().String()
	for _, part := range []string{"rate=8000", "hop_ms=10", "floor_hz=75", "ceiling_hz=500", "noise_factor=1", "max_lag_ms=1000"} {
		if !strings.Contains(s, part) {
			t.Errorf("%q does not show %q", s, part)
		}
	}
}

// TestPitchAtTheEdgesOfTheOptions runs every corner that Validate allows: none may read outside its buffers.
func TestPitchAtTheEdgesOfTheOptions(t *testing.T) {
	for _, rate := range []int{8000, 22050, 48000} {
		for _, floor := range []float64{40, 75, 400} {
			for _, hop := range []float64{1, 50} {
				for _, frame := range []float64{1, 100} {
					for _, candidates := range []int{2, 32} {
						o := DefaultPitchOptions()
						o.Rate, o.FloorHz, o.HopMs, o.FrameMs, o.MaxCandidates = rate, floor, hop, frame, candidates
						o.CeilingHz = float64(rate) / 4
						hz := 2 * floor
						x := append(tone(rate, hz, 0.3, 0.6), whiteNoise(rate/4, 0.1, 7)...)
						track, err := Pitch(o, x)
						if err != nil {
							t.Fatal(err)
						}
						if int64(len(track)) != o.NumFrames(int64(len(x))) {
							t.Fatalf("%v: %d frames, want %d", o, len(track), o.NumFrames(int64(len(x))))
						}
						mid := track[slices.IndexFunc(track, func(f PitchFrame) bool { return f.Center > int64(rate)*3/10 })]
						if candidates > 2 && math.Abs(float64(mid.F0Hz)/hz-1) > 0.01 {
							t.Errorf("%v: %+v in a tone of %g Hz", o, mid, hz)
						}
					}
				}
			}
		}
	}
}

func ExamplePitch() {
	o := DefaultPitchOptions() // 8000 Hz
	x := make([]float32, 8000) // half a second of a 150 Hz tone, then silence
	for i := range x[:4000] {
		x[i] = float32(0.2 * math.Sin(2*math.Pi*150*float64(i)/8000))
	}
	track, err := Pitch(o, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range []int{20, 80} {
		f := track[i]
		fmt.Printf("%d ms: voiced %t, %.0f Hz\n", 1000*f.Center/int64(o.Rate), f.Voiced(), f.F0Hz)
	}
	// Output:
	// 212 ms: voiced true, 150 Hz
	// 812 ms: voiced false, 0 Hz
}
