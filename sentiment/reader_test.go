package sentiment

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// voice returns a recorded voice at Rate.
func voice(tb testing.TB) []float32 {
	tb.Helper()
	x, f, _, err := audio.ReadAll(bytes.NewReader(testkit.Read(tb, testkit.Testdata(tb, "audio", "voice_female_en_8k.wav"))), 0)
	if err != nil || f.Rate != Rate {
		tb.Fatalf("%v: %v", f, err)
	}
	return x[0]
}

func newReader(tb testing.TB) *Reader {
	tb.Helper()
	r, err := NewReader()
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func read(tb testing.TB, x []float32) []float64 {
	tb.Helper()
	dst := make([]float64, NumFunctionals)
	newReader(tb).Read(dst, x)
	return dst
}

// index returns where the functional of that name stands.
func index(tb testing.TB, name string) int {
	tb.Helper()
	i := slices.Index(FunctionalNames(), name)
	if i < 0 {
		tb.Fatalf("no functional %q", name)
	}
	return i
}

func TestNamesMatchValues(t *testing.T) {
	names := FunctionalNames()
	if len(names) != NumFunctionals || len(DescriptorNames()) != NumLLD {
		t.Fatalf("%d functionals and %d descriptors named, want %d and %d", len(names), len(DescriptorNames()), NumFunctionals, NumLLD)
	}
	sorted := slices.Sorted(slices.Values(names))
	if len(slices.Compact(sorted)) != len(names) {
		t.Error("a name is there twice")
	}
	if names[fLevel] != "level_p80" {
		t.Errorf("fLevel is %s", names[fLevel])
	}
}

func TestStreamEqualsBatch(t *testing.T) {
	x := voice(t)
	want := make([]float64, NumFunctionals)
	frames := *newReader(t).Read(want, x)
	rng := rand.New(rand.NewPCG(1, 2))
	r := newReader(t)
	for range 5 {
		r.Reset()
		for rest := x; len(rest) > 0; {
			n := min(len(rest), rng.IntN(700))
			r.Write(rest[:n])
			rest = rest[n:]
		}
		r.Flush()
		got := make([]float64, NumFunctionals)
		r.Functionals(got)
		if !slices.Equal(got, want) || !slices.Equal(r.Frames().LLD, frames.LLD) {
			t.Fatal("stream differs from batch")
		}
	}
}

func TestJoinedFramesAreThoseOfBoth(t *testing.T) {
	x := voice(t)
	dst := make([]float64, NumFunctionals)
	a := newReader(t).Read(dst, x[:2*Rate])
	b := newReader(t).Read(dst, x[2*Rate:])
	tail := a.Last(50)
	if !slices.Equal(tail.LLD, a.LLD[len(a.LLD)-50*NumLLD:]) || len(a.Last(1000).LLD) != len(a.LLD) {
		t.Error("Last does not give the last frames")
	}
	tail.Append(b, 30)
	if tail.Frames() != 80 || !slices.Equal(tail.LLD[50*NumLLD:], b.LLD[:30*NumLLD]) {
		t.Error("Append does not put the first frames behind")
	}
	tail.LLD[0]++
	if a.LLD[len(a.LLD)-50*NumLLD] == tail.LLD[0] {
		t.Error("Last shares memory with the segment")
	}
	whole := Descriptors{}
	whole.Append(a, a.Frames())
	want := make([]float64, NumFunctionals)
	r := newReader(t)
	r.Read(want, x[:2*Rate])
	r.Measure(dst, &whole)
	if !slices.Equal(dst, want) {
		t.Error("Measure differs from the functionals of the same frames")
	}
}

func TestGainChangesOnlyTheLevel(t *testing.T) {
	x := voice(t)
	want := read(t, x)
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = v * 0.25
	}
	for i, v := range read(t, y) {
		change, name := math.Abs(v-want[i]), FunctionalNames()[i]
		if i == fLevel {
			if math.Abs(want[i]-v-12.04) > 0.01 {
				t.Errorf("level_p80 went from %.2f to %.2f dB, want 12.04 less", want[i], v)
			}
			continue
		}
		if change > 0.02*math.Abs(want[i])+0.02 {
			t.Errorf("%s: %g, want %g as before", name, v, want[i])
		}
	}
}

func TestToneIsReadAsWhatItIs(t *testing.T) {
	// a voice-like tone of ten harmonics whose pitch rises from 150 to 200 Hz, with a pause of 200 ms in the middle
	x := make([]float32, 2*Rate)
	phase := 0.0
	for i := range x {
		at := float64(i) / float64(len(x))
		phase += 2 * math.Pi * (150 + 50*at) / Rate
		if i > Rate-Rate/10 && i < Rate+Rate/10 {
			continue
		}
		for h := 1.0; h <= 10; h++ {
			x[i] += float32(0.1 / h * math.Sin(h*phase))
		}
	}
	f := read(t, x)
	for name, want := range map[string][2]float64{
		"f0_p50":       {semitones(168), semitones(182)},
		"f0_slope":     {4.5, 5.5}, // 12·log2(200/150) = 4.98
		"f0_range":     {4, 5.2},
		"pauses_per_s": {0.45, 0.6},
		"voiced_share": {0.9, 1},
		"active_share": {0.85, 0.95},
		"hnr_mean":     {15, 40},
	} {
		if v := f[index(t, name)]; !(v >= want[0] && v <= want[1]) {
			t.Errorf("%s %g, want %v", name, v, want)
		}
	}
}

func TestTooLittleIsNaN(t *testing.T) {
	for name, x := range map[string][]float32{"empty": nil, "one_sample": {0.5}, "silence": make([]float32, Rate), "90_ms": voice(t)[4000:4720]} {
		for i, v := range read(t, x) {
			if !math.IsNaN(v) {
				t.Fatalf("%s: %s is %g, want NaN", name, FunctionalNames()[i], v)
			}
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	noise := make([]float32, Rate)
	for i := range noise {
		noise[i] = float32(rng.NormFloat64() * 0.05)
	}
	f := read(t, noise)
	if v := f[index(t, "f0_p50")]; !math.IsNaN(v) {
		t.Errorf("noise has a pitch of %g semitones", v)
	}
	if v := f[index(t, "flatness_ln_mean")]; !(v > -2) {
		t.Errorf("noise has a flatness of %g, want near 0", v)
	}
}

func TestHostileSamplesGiveFiniteOrNaN(t *testing.T) {
	x := voice(t)[:Rate]
	for i := range x {
		switch i % 97 {
		case 0:
			x[i] = float32(math.NaN())
		case 1:
			x[i] = float32(math.Inf(1))
		case 2:
			x[i] = 1e30
		}
	}
	for i, v := range read(t, x) {
		if math.IsInf(v, 0) {
			t.Errorf("%s is %g", FunctionalNames()[i], v)
		}
	}
}

// TestPitchIsTheTrackOfATracker cuts a segment at random, and reads another one before it.
func TestPitchIsTheTrackOfATracker(t *testing.T) {
	x := voice(t)
	want, err := engine.Pitch(engine.DefaultPitchOptions(), x)
	if err != nil {
		t.Fatal(err)
	}
	r, random := newReader(t), rand.New(rand.NewPCG(5, 6))
	r.Write(x[:3*Rate/2])
	for range 5 {
		r.Reset()
		for rest := x; len(rest) > 0; {
			n := min(len(rest), random.IntN(3000))
			r.Write(rest[:n])
			rest = rest[n:]
		}
		r.Flush()
		if got := r.Pitch(); !slices.Equal(got, want) {
			t.Fatalf("%d pitch frames differ from the tracker's %d", len(got), len(want))
		}
	}
}
