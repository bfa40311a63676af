package voiceprint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/timbre-voice/timbre/engine/nn"
)

// network is the dilated residual TDNN: T×40 cepstra, every second frame, to one embedding. It holds weights only.
//
//	first   conv of 5 frames, stride 2, norm, ReLU          T×40 -> T/2×C
//	blocks  x + SE(ReLU(norm(conv of 3 frames, dilated)))   T/2×C, one per dilation
//	join    the outputs of all blocks beside each other, dense, norm, ReLU   -> T/2×J
//	pool    attentive statistics with the context of the utterance           -> 2J
//	embed   norm, dense, norm                                                -> D
//
// A norm between a convolution and its activation is folded into the convolution. All widths follow from the shapes of the weights.
type network struct {
	first     *nn.TDNN
	blocks    []*nn.Residual
	join      []*nn.Dense // one part per block; the first has the bias
	pool      *nn.AttentivePool
	poolNorm  *nn.BatchNorm
	embed     *nn.Dense
	in, c     int
	joined, d int
}

// normEps is what PyTorch's BatchNorm1d adds to a variance.
const normEps = 1e-5

// poolEps is the least variance of the pooling in the recipe.
const poolEps = 1e-6

// Bounds of what a weights file may ask for.
const (
	maxWidth    = 4096
	maxBlocks   = 64
	maxDilation = 64
)

// loadNetwork reads the tensors under the names of the recipe's state_dict. Weights of convolutions and of bias-free dense layers
// are [inputs, out], tap by tap; those of the layers with a bias are [out, in]. Errors: ErrModel.
func loadNetwork(t *nn.Tensors, in, dims int) (*network, error) {
	l := &loader{t: t}
	n := &network{in: in, d: dims}
	dilations := l.dilations()
	n.c = l.dim("first.weight", 2, 1)
	n.joined = l.dim("join.weight", 2, 1)
	attention := l.dim("pool.frame.weight", 2, 1)
	if l.err != nil {
		return nil, l.err
	}
	n.first = l.tdnn("first", "first_norm", nn.Conv1DOptions{In: in, Out: n.c, Kernel: 5, Stride: 2, Dilation: 1, PadLeft: 2, PadRight: 2})
	for i, d := range dilations {
		p := fmt.Sprintf("blocks.%d.", i)
		hidden := l.dim(p+"se.down.weight", 2, 0)
		if l.err != nil {
			return nil, l.err
		}
		conv := l.tdnn(p+"conv", p+"norm", nn.Same(n.c, n.c, 3, d))
		se, err := nn.LoadSE(t, p+"se", n.c, hidden)
		l.keep(err)
		if l.err != nil {
			return nil, l.err
		}
		block, err := nn.NewResidual(se, conv)
		l.keep(err)
		n.blocks = append(n.blocks, block)
	}
	if name := fmt.Sprintf("blocks.%d.conv.weight", len(dilations)); l.has(name) {
		l.keep(fmt.Errorf("%d dilations, but there is a tensor %q", len(dilations), name))
	}
	n.loadJoin(l, len(dilations))
	n.loadPool(l, attention)
	if l.err != nil {
		return nil, l.err
	}
	return n, nil
}

// loadJoin folds the norm into the join and cuts it into one part per block.
func (n *network) loadJoin(l *loader, blocks int) {
	whole := l.dense("join", n.c*blocks, n.joined)
	norm := l.norm("join_norm", n.joined)
	if l.err != nil {
		return
	}
	// The fold is linear, so each part may be folded by itself; the shift belongs to the sum and goes with the first.
	for i := range blocks {
		part := make([]float32, n.joined*n.c)
		for o := range n.joined {
			copy(part[o*n.c:(o+1)*n.c], whole[o*n.c*blocks+i*n.c:])
		}
		d, err := nn.NewDense(n.c, n.joined, part, nil)
		if err == nil {
			d, err = norm.FoldDense(d)
		}
		l.keep(err)
		n.join = append(n.join, d)
	}
}

func (n *network) loadPool(l *loader, attention int) {
	frame := l.makeDense(l.dense("pool.frame", n.joined, attention), n.joined, attention)
	context, err := nn.LoadDense(l.t, "pool.context", 2*n.joined, attention)
	l.keep(err)
	score, err := nn.LoadDense(l.t, "pool.score", attention, n.joined)
	l.keep(err)
	n.poolNorm = l.norm("pool_norm", 2*n.joined)
	embed := l.makeDense(l.dense("embed", 2*n.joined, n.d), 2*n.joined, n.d)
	norm := l.norm("embed_norm", n.d)
	if l.err != nil {
		return
	}
	n.pool, err = nn.NewAttentivePool(frame, context, score, poolEps)
	l.keep(err)
	n.embed, err = norm.FoldDense(embed)
	l.keep(err)
}

// netScratch is the working memory of one forward pass; it grows to the longest utterance.
type netScratch struct {
	s          nn.Scratch
	x, y, join []float32
	stats      []float32
}

func grow(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n+n/4)[:n]
	}
	return x[:n]
}

// forward writes the embedding of t cepstral rows x (t×in) to dst (D values). t must be 1 or more.
func (n *network) forward(s *netScratch, dst, x []float32, t int) {
	rows := n.first.OutLen(t)
	s.x, s.y, s.join = grow(s.x, rows*n.c), grow(s.y, rows*n.c), grow(s.join, rows*n.joined)
	s.stats = grow(s.stats, 2*n.joined)
	n.first.Forward(&s.s, s.x, x, t) // t×40 -> t/2×C
	for i, b := range n.blocks {
		b.Forward(&s.s, s.y, s.x, rows)
		s.x, s.y = s.y, s.x
		if i == 0 {
			n.join[0].Forward(s.join, s.x, rows)
		} else {
			n.join[i].Add(s.join, s.x, rows)
		}
	}
	nn.ReLU(s.join) // t/2×J
	n.pool.Forward(&s.s, s.stats, s.join, rows)
	n.poolNorm.Apply(s.stats)
	n.embed.Forward(dst, s.stats, 1)
}

// loader reads tensors and keeps the first error, so that a missing tensor is told once.
type loader struct {
	t   *nn.Tensors
	err error
}

func (l *loader) keep(err error) {
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("%w: %w", ErrModel, err)
	}
}

func (l *loader) has(name string) bool {
	_, err := l.t.Shape(name)
	return err == nil
}

// dim returns one dimension of a tensor that must have as many as rank.
func (l *loader) dim(name string, rank, at int) int {
	shape, err := l.t.Shape(name)
	if err == nil && (len(shape) != rank || shape[at] < 1 || shape[at] > maxWidth) {
		err = fmt.Errorf("tensor %q is %v, want %d dimensions of 1 to %d", name, shape, rank, maxWidth)
	}
	l.keep(err)
	if err != nil {
		return 0
	}
	return shape[at]
}

// dilations reads the frames between the taps of each block from the metadata: no shape tells them.
func (l *loader) dilations() []int {
	text, ok := l.t.Metadata("dilations")
	if !ok {
		l.keep(errors.New(`no metadata "dilations", want one number per block as "1,2,3"`))
		return nil
	}
	var out []int
	for f := range strings.SplitSeq(text, ",") {
		d, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || d < 1 || d > maxDilation || len(out) == maxBlocks {
			l.keep(fmt.Errorf("metadata dilations %q, want 1 to %d numbers from 1 to %d", text, maxBlocks, maxDilation))
			return nil
		}
		out = append(out, d)
	}
	return out
}

// dense returns the weights of prefix.weight [in, out] turned to [out, in].
func (l *loader) dense(prefix string, in, out int) []float32 {
	w, err := l.t.Float32(prefix+".weight", in, out)
	l.keep(err)
	if err != nil {
		return nil
	}
	turned := make([]float32, len(w))
	for i := range in {
		for o := range out {
			turned[o*in+i] = w[i*out+o]
		}
	}
	return turned
}

func (l *loader) makeDense(w []float32, in, out int) *nn.Dense {
	if l.err != nil {
		return nil
	}
	d, err := nn.NewDense(in, out, w, nil)
	l.keep(err)
	return d
}

func (l *loader) norm(prefix string, c int) *nn.BatchNorm {
	b, err := nn.LoadBatchNorm(l.t, prefix, c, normEps)
	l.keep(err)
	return b
}

// tdnn returns ReLU(norm(conv)) with the norm folded in.
func (l *loader) tdnn(conv, norm string, o nn.Conv1DOptions) *nn.TDNN {
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
	c, err := nn.NewConv1D(o, torch, nil)
	if err == nil {
		c, err = b.FoldConv1D(c)
	}
	l.keep(err)
	if err != nil {
		return nil
	}
	layer, err := nn.NewTDNN(c, nil)
	l.keep(err)
	return layer
}
