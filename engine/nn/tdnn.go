package nn

import "fmt"

// Layer maps the rows of a whole utterance. Forward takes t rows of In channels, writes OutLen(t) rows of Out channels to dst,
// which may not overlap x, and returns their number. A Layer is safe for concurrent use; s is not.
type Layer interface {
	In() int
	Out() int
	OutLen(t int) int
	Forward(s *Scratch, dst, x []float32, t int) int
}

// Same returns the geometry of an odd kernel, centred, with as many output rows as input rows: zeros stand beyond both ends.
func Same(in, out, kernel, dilation int) Conv1DOptions {
	reach := (kernel - 1) * dilation
	return Conv1DOptions{In: in, Out: out, Kernel: kernel, Stride: 1, Dilation: dilation, PadLeft: reach / 2, PadRight: reach - reach/2}
}

// TDNN is the time-delay block of speaker networks over whole utterances: a convolution, ReLU and, behind them, a batch norm.
// A norm that stands between the two is folded into the convolution instead (BatchNorm.FoldConv1D).
type TDNN struct {
	conv *Conv1D
	norm *BatchNorm
}

// NewTDNN returns the block; norm may be nil. It returns ErrShape when the norm has another width.
func NewTDNN(conv *Conv1D, norm *BatchNorm) (*TDNN, error) {
	if norm != nil && len(norm.scale) != conv.o.Out {
		return nil, fmt.Errorf("%w: tdnn: batch norm of %d channels after a convolution of %d", ErrShape, len(norm.scale), conv.o.Out)
	}
	return &TDNN{conv, norm}, nil
}

// LoadTDNN reads prefix.conv as LoadConv1D does and prefix.norm as LoadBatchNorm does.
func LoadTDNN(t *Tensors, prefix string, o Conv1DOptions, eps float64) (*TDNN, error) {
	conv, err := LoadConv1D(t, prefix+".conv", o)
	if err != nil {
		return nil, err
	}
	norm, err := LoadBatchNorm(t, prefix+".norm", o.Out, eps)
	if err != nil {
		return nil, err
	}
	return NewTDNN(conv, norm)
}

// In returns the channels per input row.
func (l *TDNN) In() int { return l.conv.o.In }

// Out returns the channels per output row.
func (l *TDNN) Out() int { return l.conv.o.Out }

// OutLen returns the output rows of t input rows.
func (l *TDNN) OutLen(t int) int { return l.conv.o.OutLen(t) }

// Forward computes the utterance x (t×In) into dst.
func (l *TDNN) Forward(s *Scratch, dst, x []float32, t int) int {
	return l.forward(s, dst, l.Out(), x, l.In(), t)
}

// forward is Forward on channels inside wider rows.
func (l *TDNN) forward(s *Scratch, dst []float32, dstStride int, x []float32, xStride, t int) int {
	n := l.conv.utterance(s, dst, dstStride, x, xStride, t, true)
	if l.norm != nil {
		for i := range n {
			l.norm.isa.scaleShift(dst[i*dstStride:][:l.Out()], l.norm.scale, l.norm.shift)
		}
	}
	return n
}

// utterance is the convolution of t rows, xStride floats apart, zeros beyond them. Sums are those of a stream, bit for bit.
func (c *Conv1D) utterance(s *Scratch, dst []float32, dstStride int, x []float32, xStride, t int, relu bool) int {
	n := c.o.OutLen(t)
	if c.o.Kernel == 1 && c.o.PadLeft == 0 && c.o.PadRight == 0 {
		c.m.mul(dst, dstStride, x, c.o.Stride*xStride, n, relu)
		return n
	}
	used, cols := s.used, c.o.Kernel*c.o.In
	taps := s.take(convBlock * cols)
	for i := 0; i < n; i += convBlock {
		k := min(convBlock, n-i)
		for j := range k {
			at := (i+j)*c.o.Stride - c.o.PadLeft
			for tap := range c.o.Kernel {
				row := taps[j*cols+tap*c.o.In:][:c.o.In]
				if at >= 0 && at < t {
					copy(row, x[at*xStride:])
				} else {
					clear(row)
				}
				at += c.o.Dilation
			}
		}
		c.m.mul(dst[i*dstStride:], dstStride, taps, cols, k, relu)
	}
	s.used = used
	return n
}
