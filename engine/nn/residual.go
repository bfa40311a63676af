package nn

import (
	"errors"
	"fmt"
)

// Res2 is the Res2Net block of ECAPA-TDNN: channels in equal groups, the first passed through, each other one through a block of
// its own after the output of its left neighbour was added, so that later groups see longer spans of time.
type Res2 struct {
	blocks []*TDNN
	width  int // channels per group
}

// NewRes2 returns the block of len(blocks)+1 groups. Every block must keep the width of a group and the number of rows.
func NewRes2(blocks ...*TDNN) (*Res2, error) {
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%w: res2: no blocks, want 1 or more", ErrShape)
	}
	r := &Res2{blocks, blocks[0].In()}
	for i, b := range blocks {
		if err := wantSame(fmt.Sprintf("res2 block %d", i), b, r.width, r.width); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// LoadRes2 reads prefix.blocks.0 to prefix.blocks.<scale-2>, as LoadTDNN does, for c channels in scale groups.
func LoadRes2(t *Tensors, prefix string, c, scale, kernel, dilation int, eps float64) (*Res2, error) {
	if scale < 2 || c <= 0 || c%scale != 0 {
		return nil, fmt.Errorf("%w: res2 %s: %d channels in %d groups, want 2 or more equal groups", ErrShape, prefix, c, scale)
	}
	blocks := make([]*TDNN, scale-1)
	errs := make([]error, scale-1)
	for i := range blocks {
		blocks[i], errs[i] = LoadTDNN(t, fmt.Sprintf("%s.blocks.%d", prefix, i), Same(c/scale, c/scale, kernel, dilation), eps)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return NewRes2(blocks...)
}

// wantSame checks that l maps in to out channels and keeps the number of rows.
func wantSame(what string, l Layer, in, out int) error {
	if l.In() != in || l.Out() != out {
		return fmt.Errorf("%w: %s: %d to %d channels, want %d to %d", ErrShape, what, l.In(), l.Out(), in, out)
	}
	for _, t := range []int{1, 100, 101} {
		if n := l.OutLen(t); n != t {
			return fmt.Errorf("%w: %s: %d output rows of %d, want as many", ErrShape, what, n, t)
		}
	}
	return nil
}

// In returns the channels per input row.
func (r *Res2) In() int { return (len(r.blocks) + 1) * r.width }

// Out returns the channels per output row, In again.
func (r *Res2) Out() int { return r.In() }

// OutLen returns t.
func (r *Res2) OutLen(t int) int { return t }

// Forward computes the utterance x (t×In) into dst.
func (r *Res2) Forward(s *Scratch, dst, x []float32, t int) int {
	c, w := r.In(), r.width
	used := s.used
	sum := s.take(t * w)
	for i := range t {
		copy(dst[i*c:][:w], x[i*c:])
	}
	for g, b := range r.blocks {
		from, stride := x[min(len(x), (g+1)*w):], c
		if g > 0 { // the first block has no neighbour with anything new
			for i := range t {
				row := sum[i*w : (i+1)*w]
				copy(row, x[i*c+(g+1)*w:])
				b.conv.m.isa.axpy(row, 1, dst[i*c+g*w:][:w])
			}
			from, stride = sum, w
		}
		b.forward(s, dst[min(len(dst), (g+1)*w):], c, from, stride, t)
	}
	s.used = used
	return t
}

// SE is squeeze and excitation over time: channels are weighed by σ(up(ReLU(down(mean over time)))).
type SE struct {
	down, up *Dense
}

// NewSE returns the layer of C to hidden and back to C channels.
func NewSE(down, up *Dense) (*SE, error) {
	if down.out != up.in || down.in != up.out {
		return nil, fmt.Errorf("%w: se: %d to %d channels, then %d to %d", ErrShape, down.in, down.out, up.in, up.out)
	}
	return &SE{down, up}, nil
}

// LoadSE reads prefix.down (hidden×c) and prefix.up (c×hidden), as LoadDense does.
func LoadSE(t *Tensors, prefix string, c, hidden int) (*SE, error) {
	down, errDown := LoadDense(t, prefix+".down", c, hidden)
	up, errUp := LoadDense(t, prefix+".up", hidden, c)
	if err := errors.Join(errDown, errUp); err != nil {
		return nil, err
	}
	return NewSE(down, up)
}

// In returns the channels per row.
func (e *SE) In() int { return e.down.in }

// Out returns the channels per row.
func (e *SE) Out() int { return e.down.in }

// OutLen returns t.
func (e *SE) OutLen(t int) int { return t }

// Forward weighs the utterance x (t×C) into dst.
func (e *SE) Forward(s *Scratch, dst, x []float32, t int) int {
	used, c := s.used, e.down.in
	zeros := s.take(c)
	clear(zeros)
	copy(dst[:t*c], x)
	e.weigh(s, dst, zeros, 0, t)
	s.used = used
	return t
}

// weigh replaces the rows of x by their weighed values plus the rows of add, addStride floats apart.
func (e *SE) weigh(s *Scratch, x, add []float32, addStride, t int) {
	if t <= 0 {
		return
	}
	used, c, k := s.used, e.down.in, e.down.m.isa
	mean, gate, hidden := s.take(c), s.take(c), s.take(e.down.out)
	meanRows(k, mean, gate, x, t)
	e.down.m.mul(hidden, e.down.out, mean, c, 1, true)
	e.up.m.mul(gate, c, hidden, e.down.out, 1, false)
	for i, v := range gate {
		gate[i] = Sigmoid(v)
	}
	for i := range t {
		k.scaleShift(x[i*c:(i+1)*c], gate, add[i*addStride:][:c])
	}
	s.used = used
}

// Residual is x + SE(layers(x)): with one TDNN the dilated residual block, with TDNN, Res2 and TDNN the SE-Res2Block of ECAPA-TDNN.
type Residual struct {
	se     *SE
	layers []Layer
	wide   int // channels of the widest layer
	isa    isa
}

// NewResidual returns the block. Layers must keep the number of rows, follow each other in width and end as wide as they began.
// se may be nil: x + layers(x).
func NewResidual(se *SE, layers ...Layer) (*Residual, error) {
	if len(layers) == 0 {
		return nil, fmt.Errorf("%w: residual: no layers, want 1 or more", ErrShape)
	}
	r := &Residual{se: se, layers: layers, isa: best()}
	c := layers[0].In()
	for i, l := range layers {
		out := l.Out()
		if i == len(layers)-1 {
			out = layers[0].In()
		}
		if err := wantSame(fmt.Sprintf("residual layer %d", i), l, c, out); err != nil {
			return nil, err
		}
		c, r.wide = out, max(r.wide, out)
	}
	if se != nil && se.In() != c {
		return nil, fmt.Errorf("%w: residual: se of %d channels, want %d", ErrShape, se.In(), c)
	}
	return r, nil
}

// In returns the channels per row.
func (r *Residual) In() int { return r.layers[0].In() }

// Out returns the channels per row.
func (r *Residual) Out() int { return r.In() }

// OutLen returns t.
func (r *Residual) OutLen(t int) int { return t }

// Forward computes the utterance x (t×In) into dst.
func (r *Residual) Forward(s *Scratch, dst, x []float32, t int) int {
	used, in, last := s.used, x, len(r.layers)-1
	var ping [2][]float32
	for i := range min(2, last) {
		ping[i] = s.take(t * r.wide)
	}
	for i, l := range r.layers[:last] {
		l.Forward(s, ping[i%2], in, t)
		in = ping[i%2]
	}
	r.layers[last].Forward(s, dst, in, t)
	if c := r.In(); r.se != nil {
		r.se.weigh(s, dst, x, c, t)
	} else {
		r.isa.axpy(dst[:t*c], 1, x[:t*c])
	}
	s.used = used
	return t
}
