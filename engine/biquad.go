package engine

// Biquad is a second-order recursive filter in transposed direct form II with the transfer function
//
//	H(z) = (B0 + B1 z⁻¹ + B2 z⁻²) / (1 + A1 z⁻¹ + A2 z⁻²).
//
// The zero value of what is not exported is a filter at rest; a copy goes on by itself. A value that is not finite stays in its memory:
// callers keep such values out. Not safe for concurrent use.
type Biquad struct {
	B0, B1, B2, A1, A2 float64
	s1, s2             float64
}

// Next takes one sample and returns the filter's answer to it.
func (f *Biquad) Next(x float64) float64 {
	y := f.B0*x + f.s1
	f.s1 = f.B1*x - f.A1*y + f.s2
	f.s2 = f.B2*x - f.A2*y
	return y
}
