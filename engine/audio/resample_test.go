package audio

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// resample converts x whole.
func resample(t testing.TB, from, to int, x []float32) []float32 {
	t.Helper()
	r, err := NewResampler(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r.Flush(r.Write(nil, x))
}

// rates are those that every pair of is measured.
func rates() []int { return []int{8000, 16000, 22050, 24000, 32000, 44100, 48000} }

// sine is n samples of a tone of hz at rate.
func sine(rate, n int, hz float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(2 * math.Pi * hz * float64(i) / float64(rate)))
	}
	return x
}

// middle cuts away both ends of y, where the input is taken as zero beyond, and leaves n samples.
func middle(y []float32, n int) []float32 {
	at := (len(y) - n) / 2
	return y[at : at+n]
}

// fit finds the part of y that is a tone of hz, by least squares, and returns its amplitude and the power of what is left.
// It weighs with a Hann window, so that the length need not be a whole number of periods.
func fit(y []float32, rate int, hz float64) (amplitude, rest float64) {
	var cc, ss, cs, yc, ys, ww float64
	w := 2 * math.Pi * hz / float64(rate)
	win := func(i int) float64 {
		return 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(y)))
	}
	for i, v := range y {
		s, c := math.Sincos(w * float64(i))
		g := win(i)
		cc, ss, cs = cc+g*c*c, ss+g*s*s, cs+g*c*s
		yc, ys, ww = yc+g*float64(v)*c, ys+g*float64(v)*s, ww+g
	}
	det := cc*ss - cs*cs
	a, b := (yc*ss-ys*cs)/det, (ys*cc-yc*cs)/det
	for i, v := range y {
		s, c := math.Sincos(w * float64(i))
		d := float64(v) - a*c - b*s
		rest += win(i) * d * d
	}
	return math.Hypot(a, b), rest / ww
}

func db(power float64) float64 { return 10 * math.Log10(power+1e-30) }

// measure sweeps tones through a conversion: the ripple up to 0.9 of the lower band in dB, the strongest image (whatever is not the
// tone, in dB below it) and the strongest alias (whatever a tone above the lower Nyquist frequency leaves, in dB below it).
func measure(t testing.TB, from, to int) (ripple, image, alias float64) {
	t.Helper()
	low := float64(min(from, to)) / 2
	n := from / 8
	image, alias = math.Inf(-1), math.Inf(-1)
	for k := range 24 {
		// To 0.9 of the band for the ripple, on to its edge for images, which are strongest where the filter falls.
		hz := low * (0.02 + (0.9-0.02)*float64(k)/18)
		if k > 18 {
			hz = low * (0.9 + 0.0995*float64(k-18)/5)
		}
		y := middle(resample(t, from, to, sine(from, n, hz)), to/16)
		amplitude, rest := fit(y, to, hz)
		if k <= 18 {
			ripple = max(ripple, math.Abs(20*math.Log10(amplitude)))
		}
		image = max(image, db(rest*2))
	}
	if from <= to {
		return ripple, image, alias // nothing above the lower Nyquist frequency can come in
	}
	high := float64(from) / 2
	for k := range 24 {
		// From the band edge itself; denser there, where the filter still falls.
		u := float64(k) / 23
		hz := low + (high-low)*u*u*0.999
		if k == 0 {
			hz = low * 1.0005
		}
		y := middle(resample(t, from, to, sine(from, n, hz)), to/16)
		var p float64
		for _, v := range y {
			p += float64(v) * float64(v)
		}
		alias = max(alias, db(2*p/float64(len(y))))
	}
	return ripple, image, alias
}

// Alias and image are at least 80 dB down and the ripple is under 0.1 dB to 0.9 of the band, for every ordered pair of rates.
func TestResamplerRejection(t *testing.T) {
	t.Log("   from      to   ripple dB  image dB  alias dB (upwards nothing can fold back: -Inf)")
	for _, from := range rates() {
		for _, to := range rates() {
			if from == to {
				continue
			}
			ripple, image, alias := measure(t, from, to)
			t.Logf("%7d %7d   %9.4f %9.1f %9.1f", from, to, ripple, image, alias)
			if ripple >= 0.1 || image > -80 || alias > -80 {
				t.Errorf("%d to %d: ripple %.3f dB, want under 0.1; image %.1f dB, alias %.1f dB, want at most -80", from, to, ripple, image, alias)
			}
		}
	}
}

// Rates that share no useful divisor go through the interpolated table, and are no worse.
func TestResamplerOddRates(t *testing.T) {
	for _, p := range [][2]int{{44101, 8000}, {8000, 11027}, {11127, 16000}, {192000, 8011}, {4001, 47999}, {11025, 8000}, {12000, 8000}, {96000, 44100}, {4000, 192000}, {192000, 4000}} {
		r, err := NewResampler(p[0], p[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(r.table) > maxTable {
			t.Errorf("%d to %d: table of %d, want at most %d", p[0], p[1], len(r.table), maxTable)
		}
		ripple, image, alias := measure(t, p[0], p[1])
		t.Logf("%7d %7d   %9.4f %9.1f %9.1f  interpolated %v", p[0], p[1], ripple, image, alias, r.grid > 0)
		if ripple >= 0.1 || image > -80 || alias > -80 {
			t.Errorf("%d to %d: ripple %.3f dB, image %.1f dB, alias %.1f dB", p[0], p[1], ripple, image, alias)
		}
	}
}

// Any cut of the stream gives the very same samples as one call, with and without an interpolated table, and again after Flush.
func TestResamplerStreamEqualsBatch(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 16))
	for _, p := range [][2]int{{16000, 8000}, {8000, 16000}, {44100, 8000}, {22050, 48000}, {48000, 44100}, {8000, 8000}, {44101, 8000}, {192000, 8000}} {
		x := make([]float32, 5000+r.IntN(5000))
		for i := range x {
			x[i] = float32(2*r.Float64() - 1)
		}
		want := resample(t, p[0], p[1], x)
		rs, err := NewResampler(p[0], p[1])
		if err != nil {
			t.Fatal(err)
		}
		for trial := range 5 {
			var got []float32
			for rest := x; len(rest) > 0; {
				n := min(len(rest), r.IntN([]int{2, 30, 700, 3000, 9000}[trial]))
				got = rs.Write(got, rest[:n])
				rest = rest[n:]
			}
			if got = rs.Flush(got); !slices.Equal(got, want) {
				t.Fatalf("%v: stream differs from batch in trial %d: %d samples, want %d", p, trial, len(got), len(want))
			}
		}
		rs.Write(nil, x[:777])
		rs.Reset()
		if got := rs.Flush(rs.Write(nil, x)); !slices.Equal(got, want) {
			t.Errorf("%v: differs after Reset", p)
		}
	}
}

// N samples become ceil(N·to/from), whatever N is.
func TestResamplerLength(t *testing.T) {
	for _, from := range rates() {
		for _, to := range append(rates(), 11027) {
			r, err := NewResampler(from, to)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{0, 1, 2, 3, 55, 56, 57, 111, 112, 113, 1000, 1024, 1025, 4097} {
				if got, want := len(r.Flush(r.Write(nil, make([]float32, n)))), (n*to+from-1)/from; got != want {
					t.Errorf("%d to %d: %d samples from %d, want %d", from, to, got, n, want)
				}
			}
		}
	}
}

// Output sample k is the input at time k·from/to: the filter's delay is gone.
func TestResamplerIsAligned(t *testing.T) {
	for _, from := range rates() {
		for _, to := range rates() {
			hz := 1234.5
			y := resample(t, from, to, sine(from, from/4, hz))
			want := sine(to, to/4, hz)
			for k := to / 20; k < to/5; k++ {
				if d := math.Abs(float64(y[k]) - float64(want[k])); d > 1e-4 {
					t.Fatalf("%d to %d: sample %d is %v, want %v", from, to, k, y[k], want[k])
				}
			}
		}
	}
}

// A constant stays that constant, with no tone at the rate of the phases.
func TestResamplerConstant(t *testing.T) {
	x := make([]float32, 20000)
	for i := range x {
		x[i] = 0.5
	}
	for _, p := range [][2]int{{8000, 44100}, {44100, 8000}, {44101, 8000}, {16000, 22050}} {
		for _, v := range middle(resample(t, p[0], p[1], x), 1000) {
			if math.Abs(float64(v)-0.5) > 1e-6 {
				t.Fatalf("%v: %v, want 0.5", p, v)
			}
		}
	}
}

func TestResamplerRefuses(t *testing.T) {
	for _, p := range [][2]int{{0, 8000}, {8000, 0}, {3999, 8000}, {8000, 192001}, {-8000, 8000}} {
		if _, err := NewResampler(p[0], p[1]); !errors.Is(err, ErrLimit) {
			t.Errorf("%v: error %v, want one that is %v", p, err, ErrLimit)
		}
	}
}

func TestResamplerAllocatesNothing(t *testing.T) {
	for _, p := range [][2]int{{8000, 48000}, {44100, 8000}, {44101, 8000}} {
		r, err := NewResampler(p[0], p[1])
		if err != nil {
			t.Fatal(err)
		}
		x, dst := make([]float32, 160), make([]float32, 0, 2000)
		if n := testing.AllocsPerRun(100, func() { dst = r.Write(dst[:0], x) }); n != 0 {
			t.Errorf("%v: %v allocations a Write, want 0", p, n)
		}
		if n := testing.AllocsPerRun(100, func() { dst = r.Flush(r.Write(dst[:0], x)) }); n != 0 {
			t.Errorf("%v: %v allocations a stream, want 0", p, n)
		}
	}
}

func FuzzResampler(f *testing.F) {
	f.Add(16000, 8000, uint16(1000), int64(1))
	f.Add(44101, 8000, uint16(3000), int64(2))
	f.Fuzz(func(t *testing.T, from, to int, n uint16, seed int64) {
		r, err := NewResampler(from, to)
		if err != nil {
			return
		}
		rnd := rand.New(rand.NewPCG(uint64(seed), 1))
		x := make([]float32, n%4096)
		for i := range x {
			x[i] = float32(2*rnd.Float64() - 1)
		}
		want := r.Flush(r.Write(nil, x))
		if k := (len(x)*to + from - 1) / from; len(want) != k {
			t.Fatalf("%d samples, want %d", len(want), k)
		}
		var got []float32
		for rest := x; len(rest) > 0; {
			k := min(len(rest), rnd.IntN(900))
			got = r.Write(got, rest[:k])
			rest = rest[k:]
		}
		if !slices.Equal(r.Flush(got), want) {
			t.Fatal("stream differs from batch")
		}
	})
}

func BenchmarkResampler(b *testing.B) {
	for _, p := range [][2]int{{16000, 8000}, {8000, 16000}, {22050, 8000}, {24000, 8000}, {32000, 8000}, {44100, 8000}, {48000, 8000}, {44100, 16000}, {48000, 16000}, {8000, 48000}, {44100, 48000}, {44101, 8000}} {
		b.Run(fmt.Sprintf("%d_to_%d", p[0], p[1]), func(b *testing.B) {
			r, err := NewResampler(p[0], p[1])
			if err != nil {
				b.Fatal(err)
			}
			x := sine(p[0], p[0]/50, 440) // 20 ms
			var dst []float32
			b.ReportAllocs()
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				dst = r.Write(dst[:0], x)
			}
			b.ReportMetric(float64(len(x))/float64(p[0])*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
		})
	}
}
