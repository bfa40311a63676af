package engine

import "math"

// spectrum turns one frame of samples into its power spectrum. All scale factors are folded into the window table.
type spectrum struct {
	o      FrameOptions
	window []float64 // [W] window · Scale
	mean   float64   // what the mean contributes per sample: (1-PreEmph)/W, 0 when it is kept
	fft    *RealFFT
	power  []float64 // [Bins] result of the last frame
}

func newSpectrum(o FrameOptions) (*spectrum, error) {
	w, err := Window(o.Window, o.WindowSamples())
	if err != nil {
		return nil, err
	}
	for i := range w {
		w[i] *= o.Scale
	}
	fft, err := NewRealFFT(o.FFTSamples())
	if err != nil {
		return nil, err
	}
	s := &spectrum{o: o, window: w, fft: fft, power: make([]float64, fft.Bins())}
	if o.RemoveDC {
		s.mean = (1 - o.PreEmph) / float64(len(w))
	}
	return s, nil
}

// moments holds the sum and the sum of squares of a frame's samples in [-1, 1], before the mean is removed.
type moments struct{ sum, squares float64 }

// momentsOf runs four sums at once: one chain of additions would wait for its own latency.
func momentsOf(x []float32) moments {
	var s0, s1, s2, s3, q0, q1, q2, q3 float64
	for len(x) >= 4 {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0, s1, s2, s3 = s0+a, s1+b, s2+c, s3+d
		q0, q1, q2, q3 = q0+a*a, q1+b*b, q2+c*c, q3+d*d
		x = x[4:]
	}
	for _, v := range x {
		a := float64(v)
		s0, q0 = s0+a, q0+a*a
	}
	return moments{(s0 + s1) + (s2 + s3), (q0 + q1) + (q2 + q3)}
}

// compute fills s.power from frame, W+1 samples of which the first is the one before the frame. Samples of the frame from
// position valid on stand after the end of the signal. m holds the moments of frame[1:].
func (s *spectrum) compute(frame []float32, valid int, m moments) {
	x := frame[1:]
	c := s.o.PreEmph
	prev := float64(frame[0])
	if s.o.PreEmphScope == PreEmphFrame {
		prev = float64(x[0])
	}
	// y = (x[n]-mean) - c(x[n-1]-mean) is x[n] - c·x[n-1] less a constant
	offset := m.sum * s.mean
	window := s.window
	if s.o.PreEmphScope == PreEmphSignal && valid < len(x) {
		// the signal is filtered and then padded, so the step after its last sample must not leave a click
		x, window = x[:valid], window[:valid]
		clear(s.fft.in[valid/2:])
	}
	z := s.fft.in
	n := len(x) / 2
	for j := 0; j < n; j++ {
		p := (*[2]float32)(x[2*j:])
		w := (*[2]float64)(window[2*j:])
		a, b := float64(p[0]), float64(p[1])
		z[j] = complex((a-c*prev-offset)*w[0], (b-c*a-offset)*w[1])
		prev = b
	}
	if len(x)%2 == 1 {
		z[n] = complex((float64(x[2*n])-c*prev-offset)*window[2*n], 0)
	}
	// the rest of fft.in is zero since it was made: nobody writes past the window
	s.fft.powerPacked(s.power)
}

// LevelFloorDBFS is the level reported for digital silence: just under the least a 24-bit sample can hold.
const LevelFloorDBFS = -150

// LevelDBFS returns the root mean square of x in dB relative to full scale, where a constant 1 is 0 dBFS and a full-scale sine
// -3.01 dBFS. It is LevelFloorDBFS for silence, for an empty x and where the level is below it. The mean is not removed.
func LevelDBFS(x []float32) float32 { return levelOf(momentsOf(x).squares, len(x)) }

func levelOf(squares float64, n int) float32 {
	const floor = 1e-15 // 10·log10 of it is LevelFloorDBFS
	p := squares / float64(max(n, 1))
	if !(p > floor) { // NaN is silence, too
		return LevelFloorDBFS
	}
	return float32(10 * math.Log10(min(p, math.MaxFloat64)))
}
