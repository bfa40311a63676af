package engine

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	godsp "github.com/mjibson/go-dsp/fft"
	"gonum.org/v1/gonum/dsp/fourier"
)

func gaussian(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 77))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// TestRealFFTAgreesWithOracles holds the plan against two independent libraries and, at short lengths, against the definition.
// The error of a good FFT grows like log n times the rounding unit; 1e-10 absolute on unit-variance noise is far above that and
// far below any wrong twiddle factor.
func TestRealFFTAgreesWithOracles(t *testing.T) {
	lengths := []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 31, 32, 33, 64, 100, 127, 128, 200, 240, 256, 320, 400, 441, 480,
		511, 512, 513, 600, 640, 800, 1000, 1024, 1103, 2048, 4096, 8192, 16384}
	for _, n := range lengths {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			x := gaussian(n, uint64(n))
			f, err := NewRealFFT(n)
			if err != nil {
				t.Fatal(err)
			}
			got := f.Coefficients(nil, x)
			pow := f.Power(nil, x)
			gon := fourier.NewFFT(n).Coefficients(nil, x)
			dsp := godsp.FFTReal(x)
			if len(got) != n/2+1 || len(pow) != len(got) {
				t.Fatalf("%d coefficients and %d powers, want %d", len(got), len(pow), n/2+1)
			}
			for k, c := range got {
				if d := cmplx.Abs(c - gon[k]); !(d < 1e-10) {
					t.Fatalf("bin %d: %v, gonum %v", k, c, gon[k])
				}
				if d := cmplx.Abs(c - dsp[k]); !(d < 1e-10*math.Sqrt(float64(n))) { // go-dsp's Bluestein is the coarser one
					t.Fatalf("bin %d: %v, go-dsp %v", k, c, dsp[k])
				}
				want := real(c)*real(c) + imag(c)*imag(c)
				if !(math.Abs(pow[k]-want) <= 1e-12*(1+want)) {
					t.Fatalf("bin %d: power %v, want %v", k, pow[k], want)
				}
			}
			if n > 640 {
				return
			}
			for k, c := range got {
				var sum complex128
				for i, v := range x {
					sum += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*float64(k*i%n)/float64(n))
				}
				if !(cmplx.Abs(c-sum) < 1e-10) {
					t.Fatalf("bin %d: %v, definition %v", k, c, sum)
				}
			}
		})
	}
}

// TestRealFFTTone: a cosine in the middle of bin k has amplitude N/2 there and nothing elsewhere.
func TestRealFFTTone(t *testing.T) {
	for _, n := range []int{8, 16, 64, 256, 400, 512} {
		f, err := NewRealFFT(n)
		if err != nil {
			t.Fatal(err)
		}
		for k := 1; k < n/2; k++ {
			x := make([]float64, n)
			for i := range x {
				x[i] = math.Cos(2*math.Pi*float64(k*i%n)/float64(n) + 0.3)
			}
			for j, c := range f.Coefficients(nil, x) {
				want := complex(0, 0)
				if j == k {
					want = cmplx.Rect(float64(n)/2, 0.3)
				}
				if cmplx.Abs(c-want) > 1e-10 {
					t.Fatalf("n %d tone %d bin %d: %v, want %v", n, k, j, c, want)
				}
			}
		}
	}
}

func TestRealFFTRefusesLengths(t *testing.T) {
	for _, n := range []int{-1, 0, 1, maxFFT + 1} {
		if _, err := NewRealFFT(n); !errors.Is(err, ErrFFT) {
			t.Errorf("%d: %v, want ErrFFT", n, err)
		}
	}
}

func TestRealFFTLeavesInput(t *testing.T) {
	for _, n := range []int{16, 64, 100, 256} {
		x := gaussian(n, 5)
		keep := append([]float64(nil), x...)
		f, err := NewRealFFT(n)
		if err != nil {
			t.Fatal(err)
		}
		a := f.Coefficients(nil, x)
		b := f.Coefficients(nil, x)
		for i := range x {
			if x[i] != keep[i] {
				t.Fatal("input changed")
			}
		}
		for k := range a {
			if a[k] != b[k] {
				t.Fatal("second transform of the same input differs")
			}
		}
	}
}

// BenchmarkRealFFT times one transform per frame of 10 ms, ours and gonum's.
func BenchmarkRealFFT(b *testing.B) {
	for _, n := range []int{200, 256, 400, 512, 1024} {
		x := gaussian(n, 1)
		b.Run(fmt.Sprintf("power/%d", n), func(b *testing.B) {
			f, err := NewRealFFT(n)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]float64, f.Bins())
			b.ReportAllocs()
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				f.Power(dst, x)
			}
			reportRealtime(b, 0.01)
		})
		b.Run(fmt.Sprintf("gonum/%d", n), func(b *testing.B) {
			f := fourier.NewFFT(n)
			dst := make([]complex128, n/2+1)
			b.ReportAllocs()
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				f.Coefficients(dst, x)
			}
			reportRealtime(b, 0.01)
		})
	}
}
