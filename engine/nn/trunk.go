package nn

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Trunk is a dilated residual TDNN below its pooling, after ECAPA-TDNN: T×In rows of features, every second one, to T/2×Out.
//
//	first   conv of 5 frames, stride 2, norm, ReLU          T×In -> T/2×C
//	blocks  x + SE(ReLU(norm(conv of 3 frames, dilated)))   T/2×C, one per dilation
//	join    the outputs of all blocks beside each other, dense, norm, ReLU   -> T/2×Out
//
// A norm between a convolution and its activation is folded into the convolution. All widths follow from the shapes of the weights.
// It holds weights only and is safe for concurrent use; a TrunkScratch is the working memory of one user.
type Trunk struct {
	first  *TDNN
	blocks []*Residual
	join   []*Dense // one part per block; the first has the bias
	c, out int
}

// trunkNormEps is what PyTorch's BatchNorm1d adds to a variance.
const trunkNormEps = 1e-5

// Bounds of what a weights file may ask for.
const (
	maxTrunkWidth    = 4096
	maxTrunkBlocks   = 64
	maxTrunkDilation = 64
)

// LoadTrunk reads first, first_norm, blocks.N.conv, .norm and .se, join and join_norm, each behind prefix, for features of in values.
// Weights of the convolutions and of join are [inputs, out], tap by tap; those of squeeze and excitation are [out, in]. The metadata
// "dilations" has one number per block, as "1,2,3": no shape tells them. Errors: ErrShape and those of the tensors.
func LoadTrunk(t *Tensors, prefix string, in int) (*Trunk, error) {
	l := &trunkLoader{t: t, prefix: prefix}
	n := &Trunk{}
	dilations := l.dilations()
	n.c = l.dim("first.weight", 1)
	n.out = l.dim("join.weight", 1)
	if l.err != nil {
		return nil, l.err
	}
	n.first = l.tdnn("first", "first_norm", Conv1DOptions{In: in, Out: n.c, Kernel: 5, Stride: 2, Dilation: 1, PadLeft: 2, PadRight: 2})
	for i, d := range dilations {
		n.blocks = append(n.blocks, l.block(fmt.Sprintf("blocks.%d.", i), n.c, d))
	}
	if name := fmt.Sprintf("%sblocks.%d.conv.weight", prefix, len(dilations)); l.has(name) {
		l.keep(fmt.Errorf("%w: %d dilations, but there is a tensor %q", ErrShape, len(dilations), name))
	}
	n.loadJoin(l, len(dilations))
	if l.err != nil {
		return nil, l.err
	}
	return n, nil
}

// loadJoin folds the norm into the join and cuts it into one part per block.
func (n *Trunk) loadJoin(l *trunkLoader, blocks int) {
	whole := l.dense("join", n.c*blocks, n.out)
	norm := l.norm("join_norm", n.out)
	if l.err != nil {
		return
	}
	// The fold is linear, so each part may be folded by itself; the shift belongs to the sum and goes with the first.
	for i := range blocks {
		part := make([]float32, n.out*n.c)
		for o := range n.out {
			copy(part[o*n.c:(o+1)*n.c], whole[o*n.c*blocks+i*n.c:])
		}
		d, err := NewDense(n.c, n.out, part, nil)
		if err == nil {
			d, err = norm.FoldDense(d)
		}
		l.keep(err)
		n.join = append(n.join, d)
	}
}

// In returns the values per input row.
func (n *Trunk) In() int { return n.first.In() }

// Out returns the values per output row.
func (n *Trunk) Out() int { return n.out }

// OutLen returns the output rows of t input rows.
func (n *Trunk) OutLen(t int) int { return n.first.OutLen(t) }

// TrunkScratch is the working memory of a forward pass; it grows to the longest utterance. The zero value is ready.
type TrunkScratch struct {
	Scratch
	x, y []float32
}

// Forward writes the OutLen(t)×Out rows of the utterance x, t×In with t 1 or more, to dst, which may not overlap x.
func (n *Trunk) Forward(s *TrunkScratch, dst, x []float32, t int) {
	rows := n.OutLen(t)
	s.x, s.y = growTo(s.x, rows*n.c), growTo(s.y, rows*n.c)
	n.first.Forward(&s.Scratch, s.x, x, t) // t×In -> t/2×C
	for i, b := range n.blocks {
		b.Forward(&s.Scratch, s.y, s.x, rows)
		s.x, s.y = s.y, s.x
		if i == 0 {
			n.join[0].Forward(dst, s.x, rows)
		} else {
			n.join[i].Add(dst, s.x, rows)
		}
	}
	ReLU(dst[:rows*n.out])
}

func growTo(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n+n/4)[:n]
	}
	return x[:n]
}

// trunkLoader reads tensors and keeps the first error, so that a missing tensor is told once.
type trunkLoader struct {
	t      *Tensors
	prefix string
	err    error
}

func (l *trunkLoader) keep(err error) {
	if err != nil && l.err == nil {
		l.err = err
	}
}

func (l *trunkLoader) has(name string) bool {
	_, err := l.t.Shape(name)
	return err == nil
}

// dim returns one dimension of a tensor that must have two.
func (l *trunkLoader) dim(name string, at int) int {
	shape, err := l.t.Shape(l.prefix + name)
	if err == nil && (len(shape) != 2 || shape[at] < 1 || shape[at] > maxTrunkWidth) {
		err = fmt.Errorf("%w: tensor %q is %v, want 2 dimensions of 1 to %d", ErrShape, l.prefix+name, shape, maxTrunkWidth)
	}
	l.keep(err)
	if err != nil {
		return 0
	}
	return shape[at]
}

// dilations reads the frames between the taps of each block.
func (l *trunkLoader) dilations() []int {
	text, ok := l.t.Metadata("dilations")
	if !ok {
		l.keep(errors.New(`nn: trunk: no metadata "dilations", want one number per block as "1,2,3"`))
		return nil
	}
	var out []int
	for f := range strings.SplitSeq(text, ",") {
		d, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || d < 1 || d > maxTrunkDilation || len(out) == maxTrunkBlocks {
			l.keep(fmt.Errorf("nn: trunk: metadata dilations %q, want 1 to %d numbers from 1 to %d", text, maxTrunkBlocks, maxTrunkDilation))
			return nil
		}
		out = append(out, d)
	}
	return out
}

// block returns one residual block of c channels, nil after an error.
func (l *trunkLoader) block(name string, c, dilation int) *Residual {
	hidden := l.dim(name+"se.down.weight", 0)
	conv := l.tdnn(name+"conv", name+"norm", Same(c, c, 3, dilation))
	if l.err != nil {
		return nil
	}
	se, err := LoadSE(l.t, l.prefix+name+"se", c, hidden)
	l.keep(err)
	if err != nil {
		return nil
	}
	block, err := NewResidual(se, conv)
	l.keep(err)
	return block
}

// dense returns the weights [in, out] of name turned to [out, in].
func (l *trunkLoader) dense(name string, in, out int) []float32 {
	w, err := l.t.Float32(l.prefix+name+".weight", in, out)
	l.keep(err)
	if err != nil {
		return nil
	}
	return turned(w, in, out)
}

// turned returns w [in, out] as [out, in].
func turned(w []float32, in, out int) []float32 {
	y := make([]float32, len(w))
	for i := range in {
		for o := range out {
			y[o*in+i] = w[i*out+o]
		}
	}
	return y
}

func (l *trunkLoader) norm(name string, c int) *BatchNorm {
	b, err := LoadBatchNorm(l.t, l.prefix+name, c, trunkNormEps)
	l.keep(err)
	return b
}

// tdnn returns ReLU(norm(conv)) with the norm folded in.
func (l *trunkLoader) tdnn(conv, norm string, o Conv1DOptions) *TDNN {
	w := l.dense(conv, o.Kernel*o.In, o.Out) // Out×(K·In)
	b := l.norm(norm, o.Out)
	if l.err != nil {
		return nil
	}
	torch := make([]float32, len(w)) // Out×In×K
	for out := range o.Out {
		for k := range o.Kernel {
			for in := range o.In {
				torch[(out*o.In+in)*o.Kernel+k] = w[(out*o.Kernel+k)*o.In+in]
			}
		}
	}
	c, err := NewConv1D(o, torch, nil)
	if err == nil {
		c, err = b.FoldConv1D(c)
	}
	l.keep(err)
	if err != nil {
		return nil
	}
	layer, err := NewTDNN(c, nil)
	l.keep(err)
	return layer
}
