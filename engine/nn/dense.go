package nn

import (
	"errors"
	"fmt"
)

// ErrShape says that weights do not have the shape that a layer asks for.
var ErrShape = errors.New("nn: wrong shape")

// Dense is a fully connected layer, y = W·x + b, the Linear of PyTorch. It is safe for concurrent use.
type Dense struct {
	in, out int
	m       *packed
}

// NewDense returns the layer with weights w (Out×In row-major) and bias b (Out values, or nil for none). Both are copied.
// It returns ErrShape when a length does not fit.
func NewDense(in, out int, w, b []float32) (*Dense, error) {
	err := errors.Join(wantLen("dense weight", w, out, in), wantBias("dense bias", b, out))
	if err != nil {
		return nil, err
	}
	return &Dense{in: in, out: out, m: packWeights(best(), w, b, out, in)}, nil
}

// LoadDense reads prefix.weight [out, in] and prefix.bias [out]; the bias may be missing.
func LoadDense(t *Tensors, prefix string, in, out int) (*Dense, error) {
	w, err := t.Float32(prefix+".weight", out, in)
	if err != nil {
		return nil, err
	}
	b, err := t.optional(prefix+".bias", out)
	if err != nil {
		return nil, err
	}
	return NewDense(in, out, w, b)
}

// In returns the channels per input row.
func (d *Dense) In() int { return d.in }

// Out returns the channels per output row.
func (d *Dense) Out() int { return d.out }

// Forward writes the t×Out result of the t×In rows x into dst. dst must hold t×Out floats and must not overlap x.
func (d *Dense) Forward(dst, x []float32, t int) {
	d.m.mul(dst, d.out, x, d.in, t, false)
}

func wantLen(what string, w []float32, dims ...int) error {
	n := 1
	for _, d := range dims {
		if d <= 0 {
			return fmt.Errorf("%w: %s: dimensions %v, want all positive", ErrShape, what, dims)
		}
		n *= d
	}
	if len(w) != n {
		return fmt.Errorf("%w: %s: %d values, want %v = %d", ErrShape, what, len(w), dims, n)
	}
	return nil
}

func wantBias(what string, b []float32, n int) error {
	if b == nil {
		return nil
	}
	return wantLen(what, b, n)
}
