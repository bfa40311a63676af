package audio

import "math"

// The one prototype filter of every conversion, in units of the lower of the two rates: an ideal low-pass windowed by Kaiser
// (1974). The pass band ends at 0.9 of the lower Nyquist frequency, the stop band starts at that frequency itself, so that nothing
// above it folds back. 88 dB and a transition of 0.1 give 112 taps by Kaiser's formula N = (A - 7.95) / (14.36 Δf).
const (
	protoTaps   = 112    // taps per phase at the lower rate; even, for a whole number of samples of delay
	protoCutoff = 0.95   // -6 dB point over the lower Nyquist frequency: the middle of the transition
	protoBeta   = 8.7387 // Kaiser's β for 88 dB: 0.1102 (A - 8.7)
)

// prototype is the impulse response at time t, in samples of the lower rate from its centre; zero from |t| = protoTaps/2 on. Its
// scale is left to the caller, who knows the gain that is wanted.
func prototype(t float64) float64 {
	const half = protoTaps / 2
	if math.Abs(t) >= half {
		return 0
	}
	u := t / half
	return sinc(protoCutoff*t) * besselI0(protoBeta*math.Sqrt(1-u*u))
}

func sinc(t float64) float64 {
	if t == 0 {
		return 1
	}
	return math.Sin(math.Pi*t) / (math.Pi * t)
}

// besselI0 is the modified Bessel function of the first kind, order 0, by its power series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
