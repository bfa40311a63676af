package voiceprint

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine/nn"
)

// network turns T×40 cepstra into one embedding. It holds weights only.
//
//	trunk   dilated residual TDNN                                    T×40 -> T/2×J
//	pool    attentive statistics with the context of the utterance  -> 2J
//	embed   norm, dense, norm                                        -> D
//
// All widths follow from the shapes of the weights.
type network struct {
	trunk    *nn.Trunk
	pool     *nn.AttentivePool
	poolNorm *nn.BatchNorm
	embed    *nn.Dense
	d        int
}

// normEps is what PyTorch's BatchNorm1d adds to a variance.
const normEps = 1e-5

// poolEps is the least variance of the pooling in the recipe.
const poolEps = 1e-6

// maxWidth bounds what a weights file may ask for.
const maxWidth = 4096

// loadNetwork reads the tensors under the names of the recipe's state_dict: those of nn.LoadTrunk, pool and embed. Weights of
// bias-free dense layers are [inputs, out]; those of the layers with a bias are [out, in]. Errors: ErrModel.
func loadNetwork(t *nn.Tensors, in, dims int) (*network, error) {
	l := &loader{t: t}
	n := &network{d: dims}
	var err error
	n.trunk, err = nn.LoadTrunk(t, "", in)
	l.keep(err)
	attention := l.dim("pool.frame.weight", 2, 1)
	if l.err != nil {
		return nil, l.err
	}
	n.loadPool(l, attention)
	if l.err != nil {
		return nil, l.err
	}
	return n, nil
}

func (n *network) loadPool(l *loader, attention int) {
	joined := n.trunk.Out()
	frame := l.makeDense(l.dense("pool.frame", joined, attention), joined, attention)
	context, err := nn.LoadDense(l.t, "pool.context", 2*joined, attention)
	l.keep(err)
	score, err := nn.LoadDense(l.t, "pool.score", attention, joined)
	l.keep(err)
	n.poolNorm = l.norm("pool_norm", 2*joined)
	embed := l.makeDense(l.dense("embed", 2*joined, n.d), 2*joined, n.d)
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
	trunk nn.TrunkScratch
	join  []float32
	stats []float32
}

func grow(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n+n/4)[:n]
	}
	return x[:n]
}

// forward writes the embedding of t cepstral rows x (t×in) to dst (D values). t must be 1 or more.
func (n *network) forward(s *netScratch, dst, x []float32, t int) {
	rows, joined := n.trunk.OutLen(t), n.trunk.Out()
	s.join, s.stats = grow(s.join, rows*joined), grow(s.stats, 2*joined)
	n.trunk.Forward(&s.trunk, s.join, x, t)
	n.pool.Forward(&s.trunk.Scratch, s.stats, s.join, rows)
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
