package engine

import (
	"fmt"
	"math"
	"math/bits"

	"gonum.org/v1/gonum/dsp/fourier"
)

// RealFFT is a plan for the discrete Fourier transform of real signals of one length.
// X[k] = Σ x[n]·exp(-2πi·kn/N), not normalised. A power of two from 8 up runs on the package's own radix-4 Stockham kernel as a
// complex transform of half the length; any other length runs on gonum's FFTPACK port.
// A plan holds scratch space: it allocates nothing per transform and is not safe for concurrent use.
type RealFFT struct {
	n    int
	in   []complex128 // N/2 packed samples: in[j] = x[2j] + i·x[2j+1]; ceil(N/2) for an odd N
	own  *stockham
	turn []complex128 // -i/2·exp(-2πi·k/N) for k = 0..N/4, to part the even from the odd samples

	any  *fourier.FFT
	flat []float64
	coef []complex128
}

// maxFFT bounds a plan's memory.
const maxFFT = 1 << 22

// NewRealFFT returns a plan for n real samples, 2 to 4194304. It returns ErrFFT outside that.
func NewRealFFT(n int) (*RealFFT, error) {
	if n < 2 || n > maxFFT {
		return nil, fmt.Errorf("%w: %d, want 2 to %d", ErrFFT, n, maxFFT)
	}
	f := &RealFFT{n: n, in: make([]complex128, (n+1)/2)}
	if n < 8 || bits.OnesCount(uint(n)) != 1 {
		f.any = fourier.NewFFT(n)
		f.flat = make([]float64, n)
		f.coef = make([]complex128, n/2+1)
		return f, nil
	}
	f.own = newStockham(n / 2)
	f.turn = make([]complex128, n/4+1)
	for k := range f.turn {
		s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		f.turn[k] = complex(c, s) * -0.5i
	}
	return f, nil
}

// Len returns the number N of real samples.
func (f *RealFFT) Len() int { return f.n }

// Bins returns the number of coefficients from 0 to the Nyquist frequency, N/2 + 1.
func (f *RealFFT) Bins() int { return f.n/2 + 1 }

// Coefficients writes X[0..N/2] of x to dst and returns it. dst may be nil, else its length must be Bins; x must have Len
// samples and is not kept. Other lengths panic.
func (f *RealFFT) Coefficients(dst []complex128, x []float64) []complex128 {
	if dst == nil {
		dst = make([]complex128, f.Bins())
	}
	if len(dst) != f.Bins() {
		panic(fmt.Sprintf("engine: fft: dst has %d bins, want %d", len(dst), f.Bins()))
	}
	f.pack(x)
	if f.any != nil {
		return f.any.Coefficients(dst, f.unpack())
	}
	z := f.own.transform(f.in)
	m := len(z)
	dst[0] = complex(real(z[0])+imag(z[0]), 0)
	dst[m] = complex(real(z[0])-imag(z[0]), 0)
	for k := 1; k <= m/2; k++ {
		even, odd := split(z[k], z[m-k], f.turn[k])
		dst[k] = even + odd
		dst[m-k] = complex(real(even)-real(odd), imag(odd)-imag(even))
	}
	return dst
}

// Power writes |X[k]|² of x to dst, k = 0..N/2, under the same rules as Coefficients.
func (f *RealFFT) Power(dst, x []float64) []float64 {
	if dst == nil {
		dst = make([]float64, f.Bins())
	}
	if len(dst) != f.Bins() {
		panic(fmt.Sprintf("engine: fft: dst has %d bins, want %d", len(dst), f.Bins()))
	}
	f.pack(x)
	f.powerPacked(dst)
	return dst
}

func (f *RealFFT) pack(x []float64) {
	if len(x) != f.n {
		panic(fmt.Sprintf("engine: fft: %d samples, want %d", len(x), f.n))
	}
	for j := range len(x) / 2 {
		f.in[j] = complex(x[2*j], x[2*j+1])
	}
	if len(x)%2 == 1 {
		f.in[len(x)/2] = complex(x[len(x)-1], 0)
	}
}

func (f *RealFFT) unpack() []float64 {
	for j := range f.flat {
		z := f.in[j/2]
		if j%2 == 0 {
			f.flat[j] = real(z)
		} else {
			f.flat[j] = imag(z)
		}
	}
	return f.flat
}

// powerPacked is Power of the samples already packed into f.in, which it leaves unchanged. len(dst) is Bins.
func (f *RealFFT) powerPacked(dst []float64) {
	if f.any != nil {
		for k, c := range f.any.Coefficients(f.coef, f.unpack()) {
			dst[k] = real(c)*real(c) + imag(c)*imag(c)
		}
		return
	}
	z := f.own.transform(f.in)
	m := len(z)
	dst[m] = (real(z[0]) - imag(z[0])) * (real(z[0]) - imag(z[0]))
	dst[0] = (real(z[0]) + imag(z[0])) * (real(z[0]) + imag(z[0]))
	// bins k and m-k come from the same pair, so the loop walks from both ends to the middle
	half := m / 2
	turn, lo, up := f.turn[1:half+1], z[1:half+1], z[half:m]
	dlo, dup := dst[1:half+1], dst[half:m]
	up, dup, turn, dlo = up[:len(lo)], dup[:len(lo)], turn[:len(lo)], dlo[:len(lo)]
	for i, a := range lo {
		j := len(lo) - 1 - i
		even, odd := split(a, up[j], turn[i])
		xr, xi := real(even)+real(odd), imag(even)+imag(odd)
		yr, yi := real(even)-real(odd), imag(even)-imag(odd)
		dlo[i] = xr*xr + xi*xi
		dup[j] = yr*yr + yi*yi
	}
}

// split returns the two halves of X[k]: the transform of the even samples and the turned transform of the odd ones, from
// a = Z[k], b = Z[m-k] of the packed signal.
func split(a, b, turn complex128) (even, odd complex128) {
	even = complex(0.5*(real(a)+real(b)), 0.5*(imag(a)-imag(b)))
	odd = turn * complex(real(a)-real(b), imag(a)+imag(b))
	return even, odd
}
