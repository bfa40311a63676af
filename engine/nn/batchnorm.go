package nn

import (
	"errors"
	"fmt"
	"math"
)

// BatchNorm is the affine map that a trained batch norm is at inference: y = Scale·x + Shift per channel. It is safe for
// concurrent use.
type BatchNorm struct {
	isa          isa
	scale, shift []float32
}

// NewBatchNorm returns the map of running mean and variance, learned gain and bias (all C values) and the epsilon added to the
// variance, as in torch.nn.BatchNorm1d: scale = gain/√(variance+eps), shift = bias - mean·scale. The slices are not kept.
func NewBatchNorm(mean, variance, gain, bias []float32, eps float64) (*BatchNorm, error) {
	c := len(mean)
	err := errors.Join(wantLen("batch norm variance", variance, c), wantLen("batch norm weight", gain, c), wantLen("batch norm bias", bias, c))
	if err != nil {
		return nil, err
	}
	if !(eps >= 0) {
		return nil, fmt.Errorf("nn: batch norm epsilon: %g, want 0 or more", eps)
	}
	b := &BatchNorm{best(), make([]float32, c), make([]float32, c)}
	for i := range c {
		v := float64(variance[i]) + eps
		if !(v > 0) {
			return nil, fmt.Errorf("nn: batch norm variance of channel %d: %g with epsilon, want above 0", i, v)
		}
		s := float64(gain[i]) / math.Sqrt(v)
		b.scale[i] = float32(s)
		b.shift[i] = float32(float64(bias[i]) - float64(mean[i])*s)
	}
	return b, nil
}

// LoadBatchNorm reads prefix.running_mean, running_var, weight and bias, each [c]. PyTorch's default epsilon is 1e-5.
func LoadBatchNorm(t *Tensors, prefix string, c int, eps float64) (*BatchNorm, error) {
	var v [4][]float32
	var errs [4]error
	for i, n := range []string{".running_mean", ".running_var", ".weight", ".bias"} {
		v[i], errs[i] = t.Float32(prefix+n, c)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return NewBatchNorm(v[0], v[1], v[2], v[3], eps)
}

// Apply maps the T×C rows x in place.
func (b *BatchNorm) Apply(x []float32) {
	for c := len(b.scale); len(x) >= c && c > 0; x = x[c:] {
		b.isa.scaleShift(x[:c], b.scale, b.shift)
	}
}

// FoldDense returns a Dense that equals d followed by b. d is not changed.
func (b *BatchNorm) FoldDense(d *Dense) (*Dense, error) {
	m, err := b.fold(d.m)
	if err != nil {
		return nil, err
	}
	return &Dense{in: d.in, out: d.out, m: m}, nil
}

// FoldConv1D returns a Conv1D that equals c followed by b. c is not changed.
func (b *BatchNorm) FoldConv1D(c *Conv1D) (*Conv1D, error) {
	m, err := b.fold(c.m)
	if err != nil {
		return nil, err
	}
	return &Conv1D{o: c.o, m: m}, nil
}

// fold scales each output row of m and moves the shift into the bias.
func (b *BatchNorm) fold(m *packed) (*packed, error) {
	if len(b.scale) != m.rows {
		return nil, fmt.Errorf("%w: batch norm of %d channels after a layer of %d", ErrShape, len(b.scale), m.rows)
	}
	w, bias := m.unpack()
	for r, s := range b.scale {
		for i := range m.cols {
			w[r*m.cols+i] *= s
		}
		bias[r] = s*bias[r] + b.shift[r]
	}
	return packWeights(m.isa, w, bias, m.rows, m.cols), nil
}
