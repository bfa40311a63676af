package vad

import (
	"errors"
	"fmt"

	"github.com/timbre-voice/timbre/engine/nn"
)

// ErrNet says that weights do not make a network of this package.
var ErrNet = errors.New("vad: weights do not fit")

// Net is the small network: log-mel rows, normalised → two causal convolutions → GRU → one sigmoid per class. It holds weights
// only and is safe for concurrent use.
type Net struct {
	mean, scale  []float32
	conv1, conv2 *nn.Conv1D
	gru          *nn.GRU
	out          *nn.Dense
	delay        int
	params       int
}

// maxNetDim bounds the widths that weights may ask for.
const maxNetDim = 512

// LoadNet builds the network from its tensors; widths follow from their shapes. The tensors must name this package's front end
// in their metadata, so that weights for other features are refused. Errors: ErrNet and those of nn.
func LoadNet(t *nn.Tensors) (*Net, error) {
	if fe, _ := t.Metadata("front_end"); fe != FrontEnd().String() {
		return nil, fmt.Errorf("%w: front end %q, want %q", ErrNet, fe, FrontEnd())
	}
	n := &Net{params: t.Params()}
	meta, _ := t.Metadata("delay_steps")
	if _, err := fmt.Sscanf(meta, "%d", &n.delay); err != nil || n.delay < 0 || n.delay > 8 {
		return nil, fmt.Errorf("%w: delay_steps %q, want 0 to 8", ErrNet, meta)
	}
	dims := map[string][]int{}
	for name, want := range map[string]int{"conv1.weight": 3, "conv2.weight": 3, "gru.weight_hh_l0": 2} {
		d, err := t.Shape(name)
		if err != nil {
			return nil, err
		}
		if len(d) != want {
			return nil, fmt.Errorf("%w: %s has shape %v, want %d dimensions", ErrNet, name, d, want)
		}
		for _, v := range d {
			if v < 1 || v > 3*maxNetDim {
				return nil, fmt.Errorf("%w: %s has shape %v, want 1 to %d", ErrNet, name, d, 3*maxNetDim)
			}
		}
		dims[name] = d
	}
	c1, c2, h := dims["conv1.weight"], dims["conv2.weight"], dims["gru.weight_hh_l0"][1]
	var errs [6]error
	n.mean, errs[0] = t.Float32("norm.mean", Bands)
	n.scale, errs[1] = t.Float32("norm.scale", Bands)
	n.conv1, errs[2] = nn.LoadConv1D(t, "conv1", nn.Causal(Bands, c1[0], c1[2], 1))
	n.conv2, errs[3] = nn.LoadConv1D(t, "conv2", nn.Causal(c1[0], c2[0], c2[2], 1))
	n.gru, errs[4] = nn.LoadGRU(t, "gru", c2[0], h)
	n.out, errs[5] = nn.LoadDense(t, "out", h, 3)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNet, err)
	}
	return n, nil
}

// Params returns the number of trained values.
func (n *Net) Params() int { return n.params }

type netState struct {
	c1, c2       *nn.Conv1DState
	g            *nn.GRUState
	x, y1, y2, h []float32
	logits       [3]float32
}

func (n *Net) newState() *netState {
	o1, o2 := n.conv1.Options(), n.conv2.Options()
	return &netState{c1: n.conv1.NewState(), c2: n.conv2.NewState(), g: n.gru.NewState(), x: make([]float32, Bands),
		y1: make([]float32, o1.Out), y2: make([]float32, o2.Out), h: make([]float32, n.gru.Hidden())}
}

func (n *Net) reset(s *netState) {
	n.conv1.Reset(s.c1)
	n.conv2.Reset(s.c2)
	n.gru.Reset(s.g)
}

func (n *Net) step(s *netState, row []float32) Score {
	for b, v := range row {
		s.x[b] = (v - n.mean[b]) * n.scale[b]
	}
	n.conv1.Write(s.c1, s.y1, s.x, 1)
	nn.ReLU(s.y1)
	n.conv2.Write(s.c2, s.y2, s.y1, 1)
	nn.ReLU(s.y2)
	n.gru.Forward(s.g, s.h, s.y2, 1)
	n.out.Forward(s.logits[:], s.h, 1)
	return Score{Speech: nn.Sigmoid(s.logits[0]), Music: nn.Sigmoid(s.logits[1]), Noise: nn.Sigmoid(s.logits[2])}
}
