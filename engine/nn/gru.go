package nn

import "errors"

// GRU is one layer of gated recurrent units with PyTorch's formulas:
//
//	r = σ(W_ir x + b_ir + W_hr h + b_hr)
//	z = σ(W_iz x + b_iz + W_hz h + b_hz)
//	n = tanh(W_in x + b_in + r·(W_hn h + b_hn))
//	h = (1-z)·n + z·h
//
// Weight rows hold the gates in the order r, z, n. It is safe for concurrent use; each stream has its own GRUState.
type GRU struct {
	in, hidden           int
	wi, wh, biasI, biasH []float32 // 3H×In, 3H×H, 3H, 3H
}

// GRUState is the hidden vector of one stream and the scratch of one step.
type GRUState struct {
	H      []float32 // hidden vector, H values; zero at the start
	gi, gh []float32 // 3H each
}

// NewGRU returns the layer; the slices (3H×In, 3H×H, 3H, 3H) are kept. It returns ErrShape when a length does not fit.
func NewGRU(in, hidden int, wi, wh, bi, bh []float32) (*GRU, error) {
	err := errors.Join(wantLen("gru weight_ih", wi, 3*hidden, in), wantLen("gru weight_hh", wh, 3*hidden, hidden),
		wantLen("gru bias_ih", bi, 3*hidden), wantLen("gru bias_hh", bh, 3*hidden))
	if err != nil {
		return nil, err
	}
	return &GRU{in: in, hidden: hidden, wi: wi, wh: wh, biasI: bi, biasH: bh}, nil
}

// LoadGRU reads layer 0 of a torch.nn.GRU saved under prefix: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0.
func LoadGRU(t *Tensors, prefix string, in, hidden int) (*GRU, error) {
	w, err := loadRecurrent(t, prefix, in, hidden, 3)
	if err != nil {
		return nil, err
	}
	return NewGRU(in, hidden, w[0], w[1], w[2], w[3])
}

func loadRecurrent(t *Tensors, prefix string, in, hidden, gates int) (w [4][]float32, err error) {
	var errs [4]error
	w[0], errs[0] = t.Float32(prefix+".weight_ih_l0", gates*hidden, in)
	w[1], errs[1] = t.Float32(prefix+".weight_hh_l0", gates*hidden, hidden)
	w[2], errs[2] = t.Float32(prefix+".bias_ih_l0", gates*hidden)
	w[3], errs[3] = t.Float32(prefix+".bias_hh_l0", gates*hidden)
	return w, errors.Join(errs[:]...)
}

// In returns the channels per input row.
func (g *GRU) In() int { return g.in }

// Hidden returns H, the channels per output row.
func (g *GRU) Hidden() int { return g.hidden }

// NewState returns the state at the start of a stream: all zeros.
func (g *GRU) NewState() *GRUState {
	m := make([]float32, 7*g.hidden)
	return &GRUState{H: m[:g.hidden:g.hidden], gi: m[g.hidden : 4*g.hidden], gh: m[4*g.hidden:]}
}

// Reset puts s back to the start of a stream.
func (g *GRU) Reset(s *GRUState) { clear(s.H) }

// Forward advances s over the t×In rows x and writes the hidden vector after each row to dst (t×H). dst may not overlap x.
func (g *GRU) Forward(s *GRUState, dst, x []float32, t int) {
	n := g.hidden
	for i := range t {
		gemv(s.gi, g.wi, x[i*g.in:(i+1)*g.in], g.biasI, 3*n, g.in)
		gemv(s.gh, g.wh, s.H, g.biasH, 3*n, n)
		out := dst[i*n : (i+1)*n]
		for j := range n {
			r := Sigmoid(s.gi[j] + s.gh[j])
			z := Sigmoid(s.gi[n+j] + s.gh[n+j])
			c := Tanh(s.gi[2*n+j] + r*s.gh[2*n+j])
			out[j] = (1-z)*c + z*s.H[j]
		}
		copy(s.H, out)
	}
}
