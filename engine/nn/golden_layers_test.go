package nn

import (
	"fmt"
	"testing"
)

// on packs the weights of layers anew for the kernels of k.
func on(k isa, layers ...any) {
	move := func(ms ...**packed) {
		for _, m := range ms {
			w, b := (*m).unpack()
			*m = packWeights(k, w, b, (*m).rows, (*m).cols)
		}
	}
	for _, l := range layers {
		switch l := l.(type) {
		case *Dense:
			move(&l.m)
		case *Conv1D:
			move(&l.m)
		case *GRU:
			move(&l.wi, &l.wh)
		case *LSTM:
			move(&l.wi, &l.wh)
		case *BatchNorm:
			l.isa = k
		case *TDNN:
			on(k, l.conv)
			if l.norm != nil {
				on(k, l.norm)
			}
		case *Res2:
			for _, b := range l.blocks {
				on(k, b)
			}
		case *SE:
			on(k, l.down, l.up)
		case *Residual:
			l.isa = k
			if l.se != nil {
				on(k, l.se)
			}
			for _, b := range l.layers {
				on(k, b)
			}
		case *AttentivePool:
			on(k, l.frame, l.score)
			if l.context != nil {
				on(k, l.context)
			}
		default:
			panic(fmt.Sprintf("no kernels to choose in a %T", l))
		}
	}
}

const goldenEps = 1e-5 // of every batch norm in the file: PyTorch's default

// utterance computes a case of the layers that see whole utterances.
func (c goldenCase) utterance(t *testing.T, w *Tensors, k isa, out, x []float32, rows int) {
	t.Helper()
	var l Layer
	var err error
	switch c.What {
	case "tdnn":
		l, err = LoadTDNN(w, c.Prefix, Same(c.num("in"), c.num("out"), c.num("kernel"), c.num("dilation")), goldenEps)
	case "se":
		l, err = LoadSE(w, c.Prefix, c.num("in"), c.num("hidden"))
	case "res2":
		l, err = LoadRes2(w, c.Prefix, c.num("in"), c.num("scale"), c.num("kernel"), c.num("dilation"), goldenEps)
	case "residual":
		wide, scale := c.num("wide"), 8
		if c.Options["kind"] == "dilated" {
			wide, scale = 0, 0
		}
		l, err = loadResidual(w, c.Prefix, c.num("in"), wide, scale, c.num("dilation"), c.num("hidden"), c.Options["se"].(bool))
	case "attentive_pool":
		p, err := LoadAttentivePool(w, c.Prefix, c.num("in"), c.num("hidden"), c.Options["context"].(bool), c.Options["eps"].(float64))
		if err != nil {
			t.Fatal(err)
		}
		on(k, p)
		p.Forward(new(Scratch), out, x, rows)
		return
	case "ecapa":
		n := must(loadEcapa(w, c.Prefix, c.num("in"), c.num("channels"), c.num("joined"), c.num("attention"), c.num("dims")))
		n.on(k)
		n.forward(new(Scratch), out, x, rows)
		return
	default:
		t.Fatalf("unknown case %q", c.What)
	}
	if err != nil {
		t.Fatal(err)
	}
	on(k, l)
	if n := l.Forward(new(Scratch), out, x, rows); n != rows || n != c.Shape[0] {
		t.Fatalf("%d output rows, want %d", n, c.Shape[0])
	}
}

// loadResidual reads a residual block: one dilated TDNN, or with scale the three layers of an SE-Res2Block.
func loadResidual(w *Tensors, prefix string, c, wide, scale, dilation, hidden int, withSE bool) (*Residual, error) {
	var se *SE
	var err error
	if withSE {
		if se, err = LoadSE(w, prefix+".se", c, hidden); err != nil {
			return nil, err
		}
	}
	if scale == 0 {
		l, err := LoadTDNN(w, prefix+".layers.0", Same(c, c, 3, dilation), goldenEps)
		if err != nil {
			return nil, err
		}
		return NewResidual(se, l)
	}
	a, err := LoadTDNN(w, prefix+".layers.0", Same(c, wide, 1, 1), goldenEps)
	if err != nil {
		return nil, err
	}
	b, err := LoadRes2(w, prefix+".layers.1", wide, scale, 3, dilation, goldenEps)
	if err != nil {
		return nil, err
	}
	d, err := LoadTDNN(w, prefix+".layers.2", Same(wide, c, 1, 1), goldenEps)
	if err != nil {
		return nil, err
	}
	return NewResidual(se, a, b, d)
}

// ecapa is a small ECAPA-TDNN, put together as a model package does it.
type ecapa struct {
	first, join *TDNN
	blocks      []*Residual
	pool        *AttentivePool
	embed       *Dense
}

func loadEcapa(w *Tensors, prefix string, in, c, joined, attention, dims int) (*ecapa, error) {
	n := &ecapa{}
	var err error
	if n.first, err = LoadTDNN(w, prefix+".first", Same(in, c, 5, 1), goldenEps); err != nil {
		return nil, err
	}
	for i := range 3 {
		b, err := loadResidual(w, fmt.Sprintf("%s.blocks.%d", prefix, i), c, c, 4, 2+i, 8, true)
		if err != nil {
			return nil, err
		}
		n.blocks = append(n.blocks, b)
	}
	join, err := LoadConv1D(w, prefix+".join", Same(3*c, joined, 1, 1))
	if err != nil {
		return nil, err
	}
	if n.join, err = NewTDNN(join, nil); err != nil {
		return nil, err
	}
	if n.pool, err = LoadAttentivePool(w, prefix+".pool", joined, attention, true, 1e-6); err != nil {
		return nil, err
	}
	n.embed, err = LoadDense(w, prefix+".embed", 2*joined, dims)
	return n, err
}

func (n *ecapa) on(k isa) {
	on(k, n.first, n.join, n.pool, n.embed)
	for _, b := range n.blocks {
		on(k, b)
	}
}

func (n *ecapa) forward(s *Scratch, dst, x []float32, t int) {
	used, c := s.used, n.first.Out()
	joined, in, out := s.take(t*3*c), s.take(t*c), s.take(t*c)
	n.first.Forward(s, in, x, t)
	for b, l := range n.blocks {
		l.Forward(s, out, in, t)
		for i := range t {
			copy(joined[i*3*c+b*c:], out[i*c:(i+1)*c])
		}
		in, out = out, in
	}
	rows, stats := s.take(t*n.join.Out()), s.take(n.pool.Out())
	n.join.Forward(s, rows, joined, t)
	n.pool.Forward(s, stats, rows, t)
	n.embed.Forward(dst, stats, 1)
	s.used = used
}
