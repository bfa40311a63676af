package nn

import "errors"

// LSTM is one layer of long short-term memory with PyTorch's formulas:
//
//	i, f, o = σ(W_i* x + b_i* + W_h* h + b_h*)    g = tanh(W_ig x + b_ig + W_hg h + b_hg)
//	c = f·c + i·g                                 h = o·tanh(c)
//
// Weight rows hold the gates in the order i, f, g, o. It is safe for concurrent use; each stream has its own LSTMState.
type LSTM struct {
	in, hidden int
	wi, wh     *packed // 4H×In and 4H×H: the four gates are one matrix
}

// LSTMState is the hidden and the cell vector of one stream and the scratch of one step.
type LSTMState struct {
	H, C   []float32 // H values each; zero at the start
	gi, gh []float32 // recurrentBlock×4H, 4H
}

// NewLSTM returns the layer; the slices (4H×In, 4H×H, 4H, 4H) are copied. It returns ErrShape when a length does not fit.
func NewLSTM(in, hidden int, wi, wh, bi, bh []float32) (*LSTM, error) {
	err := errors.Join(wantLen("lstm weight_ih", wi, 4*hidden, in), wantLen("lstm weight_hh", wh, 4*hidden, hidden),
		wantLen("lstm bias_ih", bi, 4*hidden), wantLen("lstm bias_hh", bh, 4*hidden))
	if err != nil {
		return nil, err
	}
	return &LSTM{in, hidden, packWeights(best(), wi, bi, 4*hidden, in), packWeights(best(), wh, bh, 4*hidden, hidden)}, nil
}

// LoadLSTM reads layer 0 of a torch.nn.LSTM saved under prefix: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0.
func LoadLSTM(t *Tensors, prefix string, in, hidden int) (*LSTM, error) {
	w, err := loadRecurrent(t, prefix, in, hidden, 4)
	if err != nil {
		return nil, err
	}
	return NewLSTM(in, hidden, w[0], w[1], w[2], w[3])
}

// In returns the channels per input row.
func (l *LSTM) In() int { return l.in }

// Hidden returns H, the channels per output row.
func (l *LSTM) Hidden() int { return l.hidden }

// NewState returns the state at the start of a stream: all zeros.
func (l *LSTM) NewState() *LSTMState {
	n := l.hidden
	m := make([]float32, (2+4+4*recurrentBlock)*n)
	return &LSTMState{H: m[:n:n], C: m[n : 2*n : 2*n], gh: m[2*n : 6*n : 6*n], gi: m[6*n:]}
}

// Reset puts s back to the start of a stream.
func (l *LSTM) Reset(s *LSTMState) {
	clear(s.H)
	clear(s.C)
}

// Forward advances s over the t×In rows x and writes the hidden vector after each row to dst (t×H). dst may not overlap x.
func (l *LSTM) Forward(s *LSTMState, dst, x []float32, t int) {
	n := l.hidden
	for i := range t {
		if i%recurrentBlock == 0 {
			l.wi.mul(s.gi, 4*n, x[i*l.in:], l.in, min(recurrentBlock, t-i), false)
		}
		l.wh.mul(s.gh, 4*n, s.H, n, 1, false)
		g := s.gi[i%recurrentBlock*4*n:][:4*n]
		l.wi.isa.axpy(g, 1, s.gh)
		out := dst[i*n : (i+1)*n]
		for j := range n {
			in, forget, o := Sigmoid(g[j]), Sigmoid(g[n+j]), Sigmoid(g[3*n+j])
			s.C[j] = forget*s.C[j] + in*Tanh(g[2*n+j])
			out[j] = o * Tanh(s.C[j])
		}
		copy(s.H, out)
	}
}
