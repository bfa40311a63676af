package engine

import (
	"errors"
	"fmt"
	"math"
)

// CMVNStats gathers what cepstral mean and variance normalisation over an utterance, a channel or a speaker needs.
type CMVNStats struct {
	count   int64
	sum, sq []float64
}

// NewCMVNStats returns empty statistics of vectors of dim values.
func NewCMVNStats(dim int) *CMVNStats {
	return &CMVNStats{sum: make([]float64, dim), sq: make([]float64, dim)}
}

// Add counts one vector in. Its length must be the dimension of s.
func (s *CMVNStats) Add(x []float32) {
	for i, v := range x {
		s.sum[i] += float64(v)
		s.sq[i] += float64(v) * float64(v)
	}
	s.count++
}

// Count returns the number of vectors added.
func (s *CMVNStats) Count() int64 { return s.count }

// Apply subtracts the mean from x in place and, with normVar, divides by the population standard deviation. Without statistics it
// leaves x alone. A value that never varied becomes 0.
func (s *CMVNStats) Apply(x []float32, normVar bool) {
	if s.count == 0 {
		return
	}
	normalise(x, x, s.sum, s.sq, float64(s.count), normVar, 1e-20) // Kaldi's floor in ApplyCmvn
}

// CMVN normalises the columns of x over all its rows, in place: the utterance convention of Kaldi's compute-cmvn-stats and
// apply-cmvn.
func CMVN(x *Matrix, normVar bool) {
	s := NewCMVNStats(x.Cols)
	for t := range x.Rows {
		s.Add(x.Row(t))
	}
	for t := range x.Rows {
		s.Apply(x.Row(t), normVar)
	}
}

// normalise writes (x - mean)/deviation to dst. The floor is on the variance.
func normalise(dst, x []float32, sum, sq []float64, n float64, normVar bool, floor float64) {
	for i, v := range x {
		mean := sum[i] / n
		y := float64(v) - mean
		if normVar {
			y /= math.Sqrt(max(sq[i]/n-mean*mean, floor))
		}
		dst[i] = float32(y)
	}
}

// SlidingCMVNOptions describes normalisation over a window of neighbouring frames, with the windows of Kaldi's apply-cmvn-sliding.
//
// With Center the window has WindowFrames frames about the frame, pushed inwards at the ends. Without it, the window is the
// WindowFrames frames before the frame and the frame itself; at the start it is the first MinFrames frames, the later ones
// included. A signal shorter than a window is normalised over what there is.
type SlidingCMVNOptions struct {
	WindowFrames int  // length of the window, 1 to 6000
	MinFrames    int  // least window at the start, 1 to WindowFrames; with Center it must be 0, for it has no effect
	Center       bool // window about the frame, not before it
	NormVar      bool // divide by the standard deviation as well
}

// DefaultSlidingCMVN returns the choice of speaker recognition in Kaldi: mean only, over 3 s about the frame (at 100 frames per
// second). Frames come WindowFrames late at first.
func DefaultSlidingCMVN() SlidingCMVNOptions {
	return SlidingCMVNOptions{WindowFrames: 300, Center: true}
}

// CausalSlidingCMVN returns the choice for live calls: mean only, over the 3 s before the frame, the first frames waiting for 0.5 s.
func CausalSlidingCMVN() SlidingCMVNOptions {
	return SlidingCMVNOptions{WindowFrames: 300, MinFrames: 50}
}

// Validate returns every problem of o, joined; errors.Is finds ErrCMVN.
func (o SlidingCMVNOptions) Validate() error {
	var errs []error
	if o.WindowFrames < 1 || o.WindowFrames > 6000 {
		errs = append(errs, fmt.Errorf("%w: WindowFrames %d, want 1 to 6000", ErrCMVN, o.WindowFrames))
	}
	switch {
	case o.Center && o.MinFrames != 0:
		errs = append(errs, fmt.Errorf("%w: MinFrames %d with Center, want 0", ErrCMVN, o.MinFrames))
	case !o.Center && (o.MinFrames < 1 || o.MinFrames > o.WindowFrames):
		errs = append(errs, fmt.Errorf("%w: MinFrames %d, want 1 to %d (WindowFrames)", ErrCMVN, o.MinFrames, o.WindowFrames))
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o SlidingCMVNOptions) String() string {
	return fmt.Sprintf("window=%d min=%d center=%t norm_var=%t", o.WindowFrames, o.MinFrames, o.Center, o.NormVar)
}

// Lag returns how many later frames the normalisation may wait for.
func (o SlidingCMVNOptions) Lag() int {
	if o.Center {
		return o.WindowFrames - 1
	}
	return o.MinFrames - 1
}

// window returns the frames [lo, hi) that normalise frame t of total; total is math.MaxInt64 while the signal goes on.
func (o SlidingCMVNOptions) window(t, total int64) (lo, hi int64) {
	w := int64(o.WindowFrames)
	if o.Center {
		lo = max(t-w/2, 0)
		hi = lo + w
	} else {
		lo, hi = max(t-w, 0), max(t+1, int64(o.MinFrames))
	}
	if hi > total {
		hi = total
		if o.Center {
			lo = max(total-w, 0)
		}
	}
	return lo, hi
}

// slidingSums keeps the sums over the window of the frame last asked for. They only ever move forward, so each frame is added
// once and taken off once, in float64: over a day of frames the rounding stays below 1e-9 of a log-mel unit.
type slidingSums struct {
	o       SlidingCMVNOptions
	lo, hi  int64
	sum, sq []float64
}

func newSlidingSums(o SlidingCMVNOptions, dim int) *slidingSums {
	return &slidingSums{o: o, sum: make([]float64, dim), sq: make([]float64, dim)}
}

func (s *slidingSums) reset() {
	s.lo, s.hi = 0, 0
	clear(s.sum)
	clear(s.sq)
}

// normalise writes frame t to dst; row gives the frames as they were, from the first of the last window on.
func (s *slidingSums) normalise(dst []float32, row func(int64) []float32, t, total int64) {
	lo, hi := s.o.window(t, total)
	for ; s.hi < hi; s.hi++ {
		s.add(row(s.hi), 1)
	}
	for ; s.lo < lo; s.lo++ {
		s.add(row(s.lo), -1)
	}
	if n := hi - lo; n == 1 && s.o.NormVar {
		clear(dst) // one frame has no spread
	} else {
		normalise(dst, row(t), s.sum, s.sq, float64(n), s.o.NormVar, 1e-10) // Kaldi's floor in SlidingWindowCmn
	}
}

func (s *slidingSums) add(x []float32, sign float64) {
	sum, sq := s.sum[:len(x)], s.sq[:len(x)]
	for i, v := range x {
		f := float64(v)
		sum[i] += sign * f
		sq[i] += sign * f * f
	}
}

// SlidingCMVN returns x normalised over a sliding window, T×D -> T×D.
func SlidingCMVN(o SlidingCMVNOptions, x *Matrix) (*Matrix, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	out, s := NewMatrix(x.Rows, x.Cols), newSlidingSums(o, x.Cols)
	row := func(t int64) []float32 { return x.Row(int(t)) }
	for t := range x.Rows {
		s.normalise(out.Row(t), row, int64(t), int64(x.Rows))
	}
	return out, nil
}
