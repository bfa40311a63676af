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
	in, hidden int
	wi, wh     *packed // 3H×In and 3H×H: the three gates are one matrix
}

// GRUState is the hidden vector of one stream and the scratch of one step.
type GRUState struct {
	H      []float32 // hidden vector, H values; zero at the start
	gi, gh []float32 // recurrentBlock×3H, 3H
}

// NewGRU returns the layer; the slices (3H×In, 3H×H, 3H, 3H) are copied. It returns ErrShape when a length does not fit.
func NewGRU(in, hidden int, wi, wh, bi, bh []float32) (*GRU, error) {
	err := errors.Join(wantLen("gru weight_ih", wi, 3*hidden, in), wantLen("gru weight_hh", wh, 3*hidden, hidden),
		wantLen("gru bias_ih", bi, 3*hidden), wantLen("gru bias_hh", bh, 3*hidden))
	if err != nil {
		return nil, err
	}
	return &GRU{in, hidden, packWeights(best(), wi, bi, 3*hidden, in), packWeights(best(), wh, bh, 3*hidden, hidden)}, nil
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
	n := g.hidden
	m := make([]float32, (1+3+3*recurrentBlock)*n)
	return &GRUState{H: m[:n:n], gh: m[n : 4*n : 4*n], gi: m[4*n:]}
}

// Reset puts s back to the start of a stream.
func (g *GRU) Reset(s *GRUState) { clear(s.H) }

// recurrentBlock is how many rows have their input products taken at once: these do not wait for the hidden vector.
const recurrentBlock = 12

// Forward advances s over the t×In rows x and writes the hidden vector after each row to dst (t×H). dst may not overlap x.
func (g *GRU) Forward(s *GRUState, dst, x []float32, t int) {
	n := g.hidden
	for i := range t {
		if i%recurrentBlock == 0 {
			g.wi.mul(s.gi, 3*n, x[i*g.in:], g.in, min(recurrentBlock, t-i), false)
		}
		g.wh.mul(s.gh, 3*n, s.H, n, 1, false)
		gi, gh := s.gi[i%recurrentBlock*3*n:][:3*n], s.gh[:3*n]
		out, h := dst[i*n:(i+1)*n], s.H[:n]
		gr, gz, gn, hr, hz, hn := gi[:n], gi[n:2*n], gi[2*n:], gh[:n], gh[n:2*n], gh[2*n:]
		for j := range out {
			r := Sigmoid(gr[j] + hr[j])
			z := Sigmoid(gz[j] + hz[j])
			c := Tanh(gn[j] + r*hn[j])
			out[j] = (1-z)*c + z*h[j]
		}
		copy(h, out)
	}
}
