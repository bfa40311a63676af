package engine

// framer holds the samples of the frames to come. It keeps one sample more than the next frame needs, because signal-wide
// pre-emphasis looks one back.
type framer struct {
	grid    frameGrid
	window  int
	at      int64     // position of the next frame's first sample
	buf     []float32 // samples from position base on
	base    int64
	n       int64     // samples taken so far
	next    int64     // frame that comes next
	scratch []float32 // [W+1] a frame that reaches beyond an end
}

// framerChunk is how many samples are taken at a time, whatever the caller's cut.
const framerChunk = 1024

func newFramer(o FrameOptions) framer {
	w := o.WindowSamples()
	// drop leaves fewer than W+1 samples, since the next frame is not complete, so a whole chunk always fits
	f := framer{grid: o.grid(), window: w, buf: make([]float32, 0, w+1+framerChunk), scratch: make([]float32, w+1)}
	f.reset()
	return f
}

func (f *framer) reset() {
	f.buf, f.base, f.n, f.next = f.buf[:0], 0, 0, 0
	f.at = f.grid.firstSample(0)
}

// take copies samples of x to the buffer and returns how many, at least one of a non-empty x.
func (f *framer) take(x []float32) int {
	n := min(len(x), cap(f.buf)-len(f.buf), framerChunk)
	f.buf = append(f.buf, x[:n]...)
	f.n += int64(n)
	return n
}

// step goes on to the frame after.
func (f *framer) step() {
	f.next++
	f.at = f.grid.firstSample(f.next)
}

// ready reports whether every sample of the next frame is there.
func (f *framer) ready() bool { return f.at+int64(f.window) <= f.n }

// drop forgets what no later frame needs.
func (f *framer) drop() {
	k := min(f.at-1-f.base, int64(len(f.buf)))
	if k <= 0 {
		return
	}
	f.buf = f.buf[:copy(f.buf, f.buf[k:])]
	f.base += k
}

// frame returns the next frame as W+1 samples, the first being the one before it, and how many of the W are of the signal. Where the
// frame reaches beyond an end it is padded by the rule of Edges. The slice is good until the next call.
func (f *framer) frame() (samples []float32, real int) {
	start, w := f.at, f.window
	if i := start - 1 - f.base; start >= 1 && start+int64(w) <= f.n {
		return f.buf[i : i+int64(w)+1], w
	}
	for i := range f.scratch {
		s := start - 1 + int64(i)
		inside := s >= 0 && s < f.n
		if f.grid.edges == EdgesReflect {
			for s < 0 || s >= f.n {
				if s < 0 {
					s = -1 - s
				} else {
					s = 2*f.n - 1 - s
				}
			}
			inside = true
		}
		f.scratch[i] = 0
		if k := s - f.base; inside && k >= 0 && k < int64(len(f.buf)) {
			f.scratch[i] = f.buf[k]
			if i > 0 {
				real++
			}
		}
	}
	return f.scratch, real
}
