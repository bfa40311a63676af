package nn

import (
	"errors"
	"fmt"
)

// Conv1DOptions is the geometry of a one-dimensional convolution over time.
type Conv1DOptions struct {
	In, Out  int // channels per input and output row
	Kernel   int // taps K
	Stride   int // input rows per output row, 1 or more
	Dilation int // rows between taps, 1 or more
	PadLeft  int // zero rows before the first; (Kernel-1)·Dilation makes the layer causal with one output per Stride inputs
	PadRight int // zero rows after the last; 0 for a layer that is streamed without delay
}

// Causal returns the geometry whose output row t sees input rows up to t and none after.
func Causal(in, out, kernel, dilation int) Conv1DOptions {
	return Conv1DOptions{In: in, Out: out, Kernel: kernel, Stride: 1, Dilation: dilation, PadLeft: (kernel - 1) * dilation}
}

// Validate reports every field that is out of range.
func (o Conv1DOptions) Validate() error {
	var errs []error
	low := func(name string, v, least int) {
		if v < least {
			errs = append(errs, fmt.Errorf("nn: conv1d %s: %d, want %d or more", name, v, least))
		}
	}
	low("In", o.In, 1)
	low("Out", o.Out, 1)
	low("Kernel", o.Kernel, 1)
	low("Stride", o.Stride, 1)
	low("Dilation", o.Dilation, 1)
	low("PadLeft", o.PadLeft, 0)
	low("PadRight", o.PadRight, 0)
	return errors.Join(errs...)
}

// String prints the geometry.
func (o Conv1DOptions) String() string {
	return fmt.Sprintf("conv1d %d->%d kernel %d stride %d dilation %d pad %d+%d", o.In, o.Out, o.Kernel, o.Stride, o.Dilation, o.PadLeft, o.PadRight)
}

// span is the number of input rows under one output row.
func (o Conv1DOptions) span() int { return (o.Kernel-1)*o.Dilation + 1 }

// OutLen returns the output rows of t input rows, as torch.nn.Conv1d counts them after padding.
func (o Conv1DOptions) OutLen(t int) int {
	n := t + o.PadLeft + o.PadRight - o.span()
	if n < 0 {
		return 0
	}
	return n/o.Stride + 1
}

// Conv1D is a convolution over time with the cross-correlation sign of PyTorch (no kernel flip). It is safe for concurrent use;
// each stream has its own Conv1DState.
type Conv1D struct {
	o Conv1DOptions
	m *packed // Out×(K·In): taps outside channels, so that neighbouring rows under the kernel are one row of a matrix
}

// NewConv1D returns the layer with weights w in PyTorch's order Out×In×K and bias b (Out values, or nil). Both are copied.
func NewConv1D(o Conv1DOptions, w, b []float32) (*Conv1D, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := errors.Join(wantLen("conv1d weight", w, o.Out, o.In, o.Kernel), wantBias("conv1d bias", b, o.Out)); err != nil {
		return nil, err
	}
	taps := make([]float32, len(w))
	for out := range o.Out {
		for in := range o.In {
			for k := range o.Kernel {
				taps[(out*o.Kernel+k)*o.In+in] = w[(out*o.In+in)*o.Kernel+k]
			}
		}
	}
	return &Conv1D{o, packWeights(best(), taps, b, o.Out, o.Kernel*o.In)}, nil
}

// LoadConv1D reads prefix.weight [Out, In, K] and prefix.bias [Out]; the bias may be missing.
func LoadConv1D(t *Tensors, prefix string, o Conv1DOptions) (*Conv1D, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	w, err := t.Float32(prefix+".weight", o.Out, o.In, o.Kernel)
	if err != nil {
		return nil, err
	}
	b, err := t.optional(prefix+".bias", o.Out)
	if err != nil {
		return nil, err
	}
	return NewConv1D(o, w, b)
}

// Options returns the geometry.
func (c *Conv1D) Options() Conv1DOptions { return c.o }

// convBlock is how many new rows a state takes in before it computes; it bounds the memory of a stream.
const convBlock = 48

// Conv1DState is what one stream of a Conv1D remembers: the rows that later outputs still need. Its memory is fixed.
type Conv1DState struct {
	buf  []float32 // rows held, the oldest first
	rows int       // rows in buf
	skip int       // rows still to drop before the next output, when Stride is longer than the kernel
	tap  []float32 // rows of K×In gathered for one output each, used when Dilation > 1
}

// NewState returns the state at the start of a stream: PadLeft rows of zeros.
func (c *Conv1D) NewState() *Conv1DState {
	s := &Conv1DState{buf: make([]float32, (max(c.o.span(), c.o.PadLeft)+convBlock)*c.o.In)}
	if c.o.Dilation > 1 {
		s.tap = make([]float32, convBlock*c.o.Kernel*c.o.In)
	}
	c.Reset(s)
	return s
}

// Reset puts s back to the start of a stream.
func (c *Conv1D) Reset(s *Conv1DState) {
	clear(s.buf)
	s.rows, s.skip = c.o.PadLeft, 0
}

// Write takes t input rows from x (t×In), writes the output rows that they complete to dst and returns how many.
// dst needs room for t/Stride+1 rows (and (PadLeft)/Stride+1 more on the first call when PadLeft is longer than the kernel).
func (c *Conv1D) Write(s *Conv1DState, dst, x []float32, t int) int {
	in, n := c.o.In, 0
	for t > 0 {
		k := min(t, len(s.buf)/in-s.rows)
		copy(s.buf[s.rows*in:], x[:k*in])
		s.rows += k
		x, t = x[k*in:], t-k
		n += c.drain(s, dst[n*c.o.Out:])
	}
	return n
}

// Flush feeds PadRight rows of zeros, writes the rows that they complete to dst and returns how many.
func (c *Conv1D) Flush(s *Conv1DState, dst []float32) int {
	n := 0
	for left := c.o.PadRight; left > 0; {
		k := min(left, len(s.buf)/c.o.In-s.rows)
		clear(s.buf[s.rows*c.o.In : (s.rows+k)*c.o.In])
		s.rows += k
		left -= k
		n += c.drain(s, dst[n*c.o.Out:])
	}
	return n
}

// drain computes every output whose rows are all in the buffer and moves the rest to its front.
func (c *Conv1D) drain(s *Conv1DState, dst []float32) int {
	in, span, at, n := c.o.In, c.o.span(), 0, 0
	if s.skip > 0 {
		at = min(s.skip, s.rows)
		s.skip -= at
	}
	if s.skip == 0 && at+span <= s.rows {
		n = (s.rows-at-span)/c.o.Stride + 1
		c.mul(dst, s.buf[at*in:], n, s.tap)
		if at += n * c.o.Stride; at > s.rows {
			s.skip, at = at-s.rows, s.rows
		}
	}
	copy(s.buf, s.buf[at*in:s.rows*in])
	s.rows -= at
	return n
}

// mul computes n output rows of the rows that begin at x. tap is room for one or more rows of K×In and only used with dilation.
func (c *Conv1D) mul(dst, x []float32, n int, tap []float32) {
	in, out, cols := c.o.In, c.o.Out, c.o.Kernel*c.o.In
	if c.o.Dilation == 1 {
		c.m.mul(dst, out, x, c.o.Stride*in, n, false) // rows under the kernel overlap in memory
		return
	}
	for i := 0; i < n; {
		k := min(n-i, len(tap)/cols)
		for j := range k {
			row := x[(i+j)*c.o.Stride*in:]
			for tapAt := 0; tapAt < cols; tapAt += in {
				copy(tap[j*cols+tapAt:][:in], row[tapAt*c.o.Dilation:])
			}
		}
		c.m.mul(dst[i*out:], out, tap, cols, k, false)
		i += k
	}
}

// Forward writes the OutLen(t) output rows of the t×In rows x to dst and returns their number: a whole stream in one call.
// s is scratch and is reset first; nil makes a fresh one.
func (c *Conv1D) Forward(s *Conv1DState, dst, x []float32, t int) int {
	if s == nil {
		s = c.NewState()
	}
	c.Reset(s)
	n := c.Write(s, dst, x, t)
	return n + c.Flush(s, dst[n*c.o.Out:])
}
