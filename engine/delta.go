package engine

import (
	"errors"
	"fmt"
)

// DeltaOptions asks for time derivatives of the cepstra. The zero value asks for none.
type DeltaOptions struct {
	Order  int // 0 none, 1 deltas, 2 deltas and delta-deltas, 3
	Window int // frames on each side of the regression N, 1 to 20, usually 2; must be 0 when Order is 0
}

// DefaultDeltas returns order 2 with two frames on each side, HTK's and Kaldi's choice.
func DefaultDeltas() DeltaOptions { return DeltaOptions{Order: 2, Window: 2} }

// Validate returns every problem of o, joined; errors.Is finds ErrDelta.
func (o DeltaOptions) Validate() error {
	var errs []error
	if o.Order < 0 || o.Order > 3 {
		errs = append(errs, fmt.Errorf("%w: Order %d, want 0 (none) to 3", ErrDelta, o.Order))
	}
	switch {
	case o.Order == 0 && o.Window != 0:
		errs = append(errs, fmt.Errorf("%w: Window %d without an Order, want 0", ErrDelta, o.Window))
	case o.Order != 0 && (o.Window < 1 || o.Window > 20):
		errs = append(errs, fmt.Errorf("%w: Window %d, want 1 to 20", ErrDelta, o.Window))
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o DeltaOptions) String() string { return fmt.Sprintf("order=%d window=%d", o.Order, o.Window) }

// Lag returns how many later frames a vector with deltas needs, Order·Window.
func (o DeltaOptions) Lag() int { return o.Order * o.Window }

// kernels returns the weights of each order: kernel i has 2·i·N+1 taps about the frame. The first is the slope of the straight
// line fitted to 2N+1 frames, j/Σj² (Furui 1986); each further one is the one before convolved with the first.
func (o DeltaOptions) kernels() [][]float64 {
	n := o.Window
	first := make([]float64, 2*n+1)
	squares := 0.0
	for j := -n; j <= n; j++ {
		squares += float64(j * j)
	}
	for j := -n; j <= n; j++ {
		first[j+n] = float64(j) / squares
	}
	ks := make([][]float64, o.Order)
	for i, last := 0, []float64{1}; i < o.Order; i++ {
		k := make([]float64, len(last)+2*n)
		for a, x := range last {
			for b, y := range first {
				k[a+b] += x * y
			}
		}
		ks[i], last = k, k
	}
	return ks
}

// Deltas returns x with its derivatives appended, T×D -> T×D(1+Order): values, deltas, delta-deltas. Frames beyond an end repeat the
// frame at that end, in the values, so the ends are Kaldi's add-deltas and not the recursion over deltas of other tools.
func Deltas(o DeltaOptions, x *Matrix) (*Matrix, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	out := NewMatrix(x.Rows, x.Cols*(1+o.Order))
	ks, acc := o.kernels(), make([]float64, x.Cols)
	for t := range x.Rows {
		copy(out.Row(t), x.Row(t))
	}
	row := func(t int64) []float32 { return out.Row(int(t)) }
	for t := range out.Rows {
		appendDeltas(ks, acc, row, int64(t), int64(x.Rows))
	}
	return out, nil
}

// appendDeltas fills the derivatives of row t of T rows behind the len(acc) values at its head.
func appendDeltas(kernels [][]float64, acc []float64, row func(int64) []float32, t, total int64) {
	d := len(acc)
	out := row(t)
	for i, k := range kernels {
		clear(acc)
		half := int64(len(k) / 2)
		for j, w := range k {
			if w == 0 {
				continue
			}
			x := row(min(max(t+int64(j)-half, 0), total-1))[:d]
			for c, v := range x {
				acc[c] += w * float64(v)
			}
		}
		dst := out[(i+1)*d : (i+2)*d]
		for c, v := range acc {
			dst[c] = float32(v)
		}
	}
}
