package degrade

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
)

// tone returns n samples of a sine of amplitude 0.3.
func tone(n, rate int, hz float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(0.3 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return x
}

// speech returns n samples of noise bursts of 0.6 s with pauses of 0.4 s between them.
func speech(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		if i%Rate < Rate*6/10 {
			x[i] = float32(0.05 * r.NormFloat64())
		}
	}
	return x
}

func dB(ratio float64) float64 { return 10 * math.Log10(ratio) }

func apply(t *testing.T, l Line, x []float32, rate int) []float32 {
	t.Helper()
	y, got, err := l.Apply(x, rate)
	if err != nil || got != Rate {
		t.Fatalf("%s: %d Hz, error %v, want %d", l, got, err, Rate)
	}
	return y
}

func TestParse(t *testing.T) {
	for _, name := range Lines() {
		if l, err := Parse(name); err != nil || string(l) != name {
			t.Errorf("%s: %q, error %v", name, l, err)
		}
	}
	for _, name := range []string{"", "Phone", "gsm"} {
		if _, err := Parse(name); !errors.Is(err, ErrLine) {
			t.Errorf("%q: %v, want ErrLine", name, err)
		}
		if _, _, err := Line(name).Apply(nil, Rate); !errors.Is(err, ErrLine) {
			t.Errorf("apply %q: %v, want ErrLine", name, err)
		}
	}
	if _, _, err := Phone.Apply(nil, 1000); !errors.Is(err, audio.ErrLimit) {
		t.Errorf("1000 Hz: %v, want audio.ErrLimit", err)
	}
}

func TestNoneChangesNothing(t *testing.T) {
	x := speech(1000, 1)
	y, rate, err := None.Apply(x, 44100)
	if err != nil || rate != 44100 || &y[0] != &x[0] || len(y) != len(x) {
		t.Errorf("%d samples at %d Hz, error %v, want the same slice", len(y), rate, err)
	}
}

func TestBandOfThePhone(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		silent := math.Inf(-1)
		for _, c := range []struct{ hz, lowDB, highDB float64 }{
			{50, silent, -40}, {125, -25, -23.5}, {200, -8.8, -8.2}, {250, -3.2, -2.8}, {350, -0.5, 0.2}, {1000, -0.2, 0.2}, {3000, -0.2, 0.2},
			{3400, -1.1, -0.6}, {3900, silent, -38},
		} {
			x := tone(2*rate, rate, c.hz)
			y := apply(t, Phone, x, rate)
			if len(y) != 2*Rate {
				t.Fatalf("%d Hz: %d samples, want %d", rate, len(y), 2*Rate)
			}
			// The middle second, past what the filter does at its start; a residue is below the steps of mu-law, hence the floor.
			got := dB(meanPower(y[Rate/2:3*Rate/2]) / meanPower(x))
			if got < c.lowDB || got > c.highDB {
				t.Errorf("%g Hz at %d Hz: %.2f dB, want %g to %g", c.hz, rate, got, c.lowDB, c.highDB)
			}
		}
	}
}

func TestLineIsScipysButterworth(t *testing.T) {
	x := make([]float32, 8)
	x[0] = 1
	// scipy 1.10.1: sosfilt of butter(4, 250, "highpass", fs=8000, output="sos") and butter(4, 3500, "lowpass", ...), one after the other.
	want := []float64{0.46114852, 0.23539944, -0.63170687, -0.14012592, -0.09843081, -0.20198862, 0.09126307, -0.11260359}
	for i, v := range bandPass(x) {
		if math.Abs(float64(v)-want[i]) > 1e-6 {
			t.Errorf("sample %d of the impulse response: %.8f, want %.8f", i, v, want[i])
		}
	}
}

func TestPhoneKeepsTheTime(t *testing.T) {
	x := make([]float32, Rate)
	copy(x[4000:], tone(800, Rate, 1000))
	y := apply(t, Phone, x, Rate)
	best, at := 0.0, 0
	for lag := -200; lag <= 200; lag++ {
		sum := 0.0
		for i := 3000; i < 6000; i++ {
			sum += float64(x[i]) * float64(y[i+lag])
		}
		if sum > best {
			best, at = sum, lag
		}
	}
	if at < -1 || at > 1 { // the phase of the filter moves a burst by an eighth of a millisecond at most
		t.Errorf("the burst is %d samples late, want -1 to 1", at)
	}
}

func TestPhoneIsMuLaw(t *testing.T) {
	values := codes().value
	if len(values) != 255 || !slices.IsSorted(values) {
		t.Fatalf("%d values, sorted %t, want 255 that rise", len(values), slices.IsSorted(values))
	}
	for _, v := range apply(t, Phone, speech(4*Rate, 2), Rate) {
		if _, ok := slices.BinarySearch(values, v); !ok {
			t.Fatalf("%g is no value of mu-law", v)
		}
	}
	for _, v := range []float32{-2, -1, -0.3, -1e-5, 0, 1e-5, 0.011, 0.7, 2} { // the nearest, by trying all
		want := slices.MinFunc(values, func(a, b float32) int {
			if math.Abs(float64(a-v)) < math.Abs(float64(b-v)) {
				return -1
			}
			return 1
		})
		if got := codes().of(v); math.Abs(float64(got-v)) != math.Abs(float64(want-v)) {
			t.Errorf("%g becomes %g, want %g", v, got, want)
		}
	}
}

func TestNoiseIsTenDecibelsUnderTheSpeech(t *testing.T) {
	x := speech(10*Rate, 3)
	clean, noisy := apply(t, Phone, x, Rate), apply(t, PhoneNoisy, x, Rate)
	noise := make([]float32, len(clean))
	for i := range noise {
		noise[i] = noisy[i] - clean[i]
	}
	// The steps of mu-law add a little of their own.
	if got := dB(activePower(clean) / meanPower(noise)); math.Abs(got-SNRdB) > 0.5 {
		t.Errorf("SNR %.2f dB, want %d", got, SNRdB)
	}
	if pause := dB(meanPower(noisy[Rate*7/10:Rate*9/10]) / meanPower(noise)); math.Abs(pause) > 1 {
		t.Errorf("the pauses hold %.1f dB of noise more than the whole, want the same: the noise is steady", pause)
	}
}

func TestNoiseDependsOnTheSamplesAlone(t *testing.T) {
	a, b := speech(Rate, 4), speech(Rate, 5)
	first := apply(t, PhoneNoisy, a, Rate)
	apply(t, PhoneNoisy, b, Rate)
	if !slices.Equal(first, apply(t, PhoneNoisy, a, Rate)) {
		t.Error("the same recording sounds different the second time")
	}
	noise := func(x []float32) []float32 {
		y := bandPass(x)
		addNoise(y, x)
		for i, v := range bandPass(x) {
			y[i] -= v
		}
		return y
	}
	na, nb := noise(a), noise(b)
	dot := 0.0
	for i := range na {
		dot += float64(na[i]) * float64(nb[i])
	}
	if r := dot / math.Sqrt(meanPower(na)*meanPower(nb)) / float64(len(na)); math.Abs(r) > 0.05 {
		t.Errorf("the noise of two recordings correlates by %.3f, want none", r)
	}
}

func TestInputIsOnlyReadAndEdgesHold(t *testing.T) {
	x := speech(Rate, 6)
	kept := slices.Clone(x)
	apply(t, PhoneNoisy, x, Rate)
	if !slices.Equal(x, kept) {
		t.Error("the input was changed")
	}
	for _, n := range []int{0, 1, 90, 181} {
		for _, l := range []Line{Phone, PhoneNoisy} {
			if y := apply(t, l, make([]float32, n), Rate); len(y) != n || meanPower(y) != 0 {
				t.Errorf("%s: %d samples of silence become %d of power %g, want silence", l, n, len(y), meanPower(y))
			}
		}
	}
}

func BenchmarkPhoneNoisy(b *testing.B) {
	x := speech(10*Rate, 7)
	b.ReportAllocs()
	b.SetBytes(int64(2 * len(x)))
	for b.Loop() {
		if _, _, err := PhoneNoisy.Apply(x, Rate); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}
