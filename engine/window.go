package engine

import (
	"fmt"
	"math"
)

// WindowKind names a tapering window. The zero value "" is no window and is refused, so a forgotten field cannot pass.
//
// With N samples and x = 2πn/P, the period P is N-1 for a symmetric window (both ends equal; filter design, Kaldi) and N for a
// periodic one (the next sample would be the first again; spectral analysis, librosa, PyTorch). The names say which.
type WindowKind string

const (
	WindowRectangular   WindowKind = "rectangular"    // 1 everywhere
	WindowHannPeriodic  WindowKind = "hann_periodic"  // 0.5 - 0.5 cos x, P = N; librosa and torch "hann"
	WindowHannSymmetric WindowKind = "hann_symmetric" // 0.5 - 0.5 cos x, P = N-1; Kaldi and numpy "hanning"
	WindowHamming       WindowKind = "hamming"        // 0.54 - 0.46 cos x, P = N-1; Kaldi, numpy, HTK
	WindowBlackman      WindowKind = "blackman"       // 0.42 - 0.5 cos x + 0.08 cos 2x, P = N-1; Kaldi, numpy
	WindowPovey         WindowKind = "povey"          // (0.5 - 0.5 cos x)^0.85, P = N-1; Kaldi: like Hamming, but zero at the ends
)

// WindowKinds returns every window this package knows.
func WindowKinds() []WindowKind {
	return []WindowKind{WindowRectangular, WindowHannPeriodic, WindowHannSymmetric, WindowHamming, WindowBlackman, WindowPovey}
}

// Window returns the n samples of window kind; the peak is at most 1.
// A window of one sample is 1. It returns ErrWindow for an unknown kind and ErrFrame for n < 1.
func Window(kind WindowKind, n int) ([]float64, error) {
	if n < 1 {
		return nil, fmt.Errorf("%w: window of %d samples, want 1 or more", ErrFrame, n)
	}
	period := float64(n - 1)
	if kind == WindowHannPeriodic {
		period = float64(n)
	}
	w := make([]float64, n)
	for i := range w {
		x := 2 * math.Pi * float64(i) / max(period, 1)
		switch kind {
		case WindowRectangular:
			w[i] = 1
		case WindowHannPeriodic, WindowHannSymmetric:
			w[i] = 0.5 - 0.5*math.Cos(x)
		case WindowHamming:
			w[i] = 0.54 - 0.46*math.Cos(x)
		case WindowBlackman:
			w[i] = 0.42 - 0.5*math.Cos(x) + 0.08*math.Cos(2*x)
		case WindowPovey:
			// the difference can round below zero at the last sample, where a fractional power would be NaN
			w[i] = math.Pow(max(0.5-0.5*math.Cos(x), 0), 0.85)
		default:
			return nil, fmt.Errorf("%w: %q, want one of %q", ErrWindow, kind, WindowKinds())
		}
	}
	if n == 1 {
		w[0] = 1 // the formulas tend to 0 here, which would silence the frame
	}
	return w, nil
}
