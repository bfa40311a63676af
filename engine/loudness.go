package engine

import (
	"fmt"
	"math"
)

// Loudness measures the loudness of one channel by ITU-R BS.1770-4 and EBU R 128: K-weighting, mean square over blocks of 400 ms that
// start every 100 ms, and for the whole a mean over the blocks that pass two gates. The unit is LUFS; a 997 Hz sine of
// full scale has -3.01.
//
// The weighting is the standard's 48 kHz filter taken back to its analogue form and mapped to the rate at hand, so 8 kHz needs no
// resampling. Write allocates nothing, memory does not grow with time. Not safe for concurrent use.
type Loudness struct {
	rate   int
	shelf  Biquad // rise of 4 dB above 1.7 kHz: the head
	lowCut Biquad // high-pass at 38 Hz
	step   int    // samples in 100 ms

	filled int     // samples in the step that is under way
	sum    float64 // and their weighted sum of squares
	steps  [30]float64
	count  int64 // steps complete

	// blocks above -70 LUFS, by loudness in classes of 0.1 LU; each class keeps its exact sum, so only the class that the relative
	// gate falls into is decided as a whole
	blocks [loudnessClasses]struct {
		n   int64
		sum float64
	}
}

const (
	absoluteGateLUFS = -70.0
	relativeGateLU   = -10.0
	loudnessClasses  = 900 // -70 to +20 LUFS in tenths
	loudnessOffset   = -0.691
)

// NewLoudness returns a meter for mono samples at rate. It returns ErrRate outside MinRate to MaxRate.
func NewLoudness(rate int) (*Loudness, error) {
	if rate < MinRate || rate > MaxRate {
		return nil, fmt.Errorf("%w: %d Hz, want %d to %d", ErrRate, rate, MinRate, MaxRate)
	}
	l := &Loudness{rate: rate, step: (rate + 5) / 10}
	l.shelf, l.lowCut = kWeighting(float64(rate))
	return l, nil
}

// kWeighting returns the two filters of BS.1770-4, tables 1 and 2, at any rate. The analogue parameters are those that the bilinear
// transform at 48 kHz turns into the tables: a shelf (f0, gain, Q) and a high-pass (f0, Q).
func kWeighting(rate float64) (shelf, lowCut Biquad) {
	k := math.Tan(math.Pi * 1681.974450955533 / rate)
	q := 0.7071752369554196
	high := math.Pow(10, 3.999843853973347/20)
	band := math.Pow(high, 0.4996667741545416)
	a0 := 1 + k/q + k*k
	shelf = Biquad{
		B0: (high + band*k/q + k*k) / a0, B1: 2 * (k*k - high) / a0, B2: (high - band*k/q + k*k) / a0,
		A1: 2 * (k*k - 1) / a0, A2: (1 - k/q + k*k) / a0,
	}
	k, q = math.Tan(math.Pi*38.13547087602444/rate), 0.5003270373238773
	a0 = 1 + k/q + k*k
	lowCut = Biquad{B0: 1, B1: -2, B2: 1, A1: 2 * (k*k - 1) / a0, A2: (1 - k/q + k*k) / a0}
	return shelf, lowCut
}

// Write takes the next samples, mono PCM in [-1, 1]. A sample that is not a finite number, or beyond ±1000, counts as 0: the filters
// remember, and one such value would spoil all that follows.
func (l *Loudness) Write(x []float32) {
	for len(x) > 0 {
		n := min(len(x), l.step-l.filled)
		shelf, lowCut, sum := l.shelf, l.lowCut, l.sum
		for _, v := range x[:n] {
			if !(v >= -1000 && v <= 1000) {
				v = 0
			}
			y := lowCut.Next(shelf.Next(float64(v)))
			sum += y * y
		}
		l.shelf, l.lowCut, l.sum = shelf, lowCut, sum
		x = x[n:]
		if l.filled += n; l.filled == l.step {
			l.closeStep()
		}
	}
}

// closeStep ends 100 ms and counts the block of 400 ms that ends with it.
func (l *Loudness) closeStep() {
	l.steps[l.count%int64(len(l.steps))] = l.sum
	l.count++
	l.filled, l.sum = 0, 0
	mean, ok := l.meanSquare(4)
	if !ok {
		return
	}
	lufs := lufsOf(mean)
	if lufs <= absoluteGateLUFS {
		return
	}
	b := &l.blocks[min(int((lufs-absoluteGateLUFS)*10), loudnessClasses-1)]
	b.n++
	b.sum += mean
}

// meanSquare returns the mean square of the last n steps; ok is false before there are so many.
func (l *Loudness) meanSquare(n int) (mean float64, ok bool) {
	if l.count < int64(n) {
		return 0, false
	}
	for i := 1; i <= n; i++ {
		mean += l.steps[(l.count-int64(i))%int64(len(l.steps))]
	}
	return mean / float64(n*l.step), true
}

func lufsOf(mean float64) float64 { return loudnessOffset + 10*math.Log10(max(mean, 1e-15)) }

// Momentary returns the loudness of the last 400 ms in LUFS, to the last whole 100 ms. ok is false in the first 400 ms.
func (l *Loudness) Momentary() (lufs float64, ok bool) {
	mean, ok := l.meanSquare(4)
	return lufsOf(mean), ok
}

// ShortTerm returns the loudness of the last 3 s in LUFS, to the last whole 100 ms. ok is false in the first 3 s.
func (l *Loudness) ShortTerm() (lufs float64, ok bool) {
	mean, ok := l.meanSquare(30)
	return lufsOf(mean), ok
}

// Integrated returns the loudness of all so far in LUFS: the mean over blocks above -70 LUFS, then over those of them that lie less
// than 10 LU below that mean. ok is false when no block is above -70 LUFS, which is silence and not a low loudness.
func (l *Loudness) Integrated() (lufs float64, ok bool) {
	mean, ok := l.gated(0)
	if !ok {
		return lufsOf(0), false
	}
	gate := math.Pow(10, (lufsOf(mean)+relativeGateLU-loudnessOffset)/10) // as a mean square
	mean, ok = l.gated(gate)
	return lufsOf(mean), ok
}

// gated returns the mean square over the classes whose own mean is above gate.
func (l *Loudness) gated(gate float64) (mean float64, ok bool) {
	var n int64
	sum := 0.0
	for i := range l.blocks {
		if b := &l.blocks[i]; b.n > 0 && b.sum > gate*float64(b.n) {
			n += b.n
			sum += b.sum
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

// Reset forgets everything heard.
func (l *Loudness) Reset() {
	*l = Loudness{rate: l.rate, step: l.step}
	l.shelf, l.lowCut = kWeighting(float64(l.rate))
}
