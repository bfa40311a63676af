package nn

import (
	"errors"
	"fmt"
	"math"
)

// AttentivePool is attentive statistics pooling with a weight per frame and channel, as in ECAPA-TDNN: an utterance of any
// length becomes the weighted mean and the weighted standard deviation of each channel.
//
//	e = score(tanh(frame(h_t) + context([μ; σ])))     a = softmax of e over time     out = [Σ a·h ; √(Σ a·(h-mean)²)]
//
// μ and σ are the plain statistics of the utterance. The paper writes one matrix over [h; μ; σ]: its last 2C columns are the
// context here, taken once per utterance and not once per frame. It is safe for concurrent use.
type AttentivePool struct {
	frame, context, score *Dense
	eps                   float32
}

// NewAttentivePool returns the pooling of frame (C to A channels), context (2C to A, or nil for none) and score (A to C).
// eps is the smallest variance: it is added under the root of σ and bounds the variance of the result from below.
func NewAttentivePool(frame, context, score *Dense, eps float64) (*AttentivePool, error) {
	var errs []error
	if score.in != frame.out || score.out != frame.in {
		errs = append(errs, fmt.Errorf("%w: attentive pool: score of %d to %d channels, want %d to %d", ErrShape, score.in, score.out, frame.out, frame.in))
	}
	if context != nil && (context.in != 2*frame.in || context.out != frame.out) {
		errs = append(errs, fmt.Errorf("%w: attentive pool: context of %d to %d channels, want %d to %d", ErrShape, context.in, context.out, 2*frame.in, frame.out))
	}
	if !(eps > 0) || math.IsInf(eps, 0) {
		errs = append(errs, fmt.Errorf("nn: attentive pool epsilon: %g, want above 0", eps))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &AttentivePool{frame, context, score, float32(eps)}, nil
}

// LoadAttentivePool reads prefix.frame (hidden×c), prefix.score (c×hidden) and, when global, prefix.context (hidden×2c), as
// LoadDense does.
func LoadAttentivePool(t *Tensors, prefix string, c, hidden int, global bool, eps float64) (*AttentivePool, error) {
	frame, errFrame := LoadDense(t, prefix+".frame", c, hidden)
	score, errScore := LoadDense(t, prefix+".score", hidden, c)
	var context *Dense
	var errContext error
	if global {
		context, errContext = LoadDense(t, prefix+".context", 2*c, hidden)
	}
	if err := errors.Join(errFrame, errScore, errContext); err != nil {
		return nil, err
	}
	return NewAttentivePool(frame, context, score, eps)
}

// In returns C, the channels per input row.
func (p *AttentivePool) In() int { return p.frame.in }

// Out returns 2C.
func (p *AttentivePool) Out() int { return 2 * p.frame.in }

// Forward writes the 2C statistics of the utterance x (t×C) to dst, means first. t must be 1 or more: an utterance without
// frames has no statistics.
func (p *AttentivePool) Forward(s *Scratch, dst, x []float32, t int) {
	if t < 1 {
		panic(fmt.Sprintf("nn: attentive pool: %d rows, want 1 or more", t))
	}
	used, c, hidden, k := s.used, p.frame.in, p.frame.out, p.frame.m.isa
	mean, deviation := dst[:c], dst[c:2*c]
	part, top, sum := s.take(c), s.take(c), s.take(c)
	start := p.frame.m.bias
	if p.context != nil {
		meanRows(k, mean, part, x, t)
		clear(deviation)
		for i := range t {
			addSquares(deviation, x[i*c:(i+1)*c], mean)
		}
		for i, v := range deviation {
			deviation[i] = root(v/float32(t) + p.eps)
		}
		start = s.take(hidden)
		p.context.m.mul(start, hidden, dst[:2*c], 2*c, 1, false)
		k.axpy(start, 1, p.frame.m.bias[:hidden])
	}
	h := s.take(t * hidden)
	p.frame.m.mulFrom(start, h, hidden, x, c, t, false) // t×C -> t×A
	for i, v := range h {
		h[i] = Tanh(v)
	}
	a := s.take(t * c)
	p.score.m.mul(a, c, h, hidden, t, false) // t×A -> t×C

	copy(top, a)
	for i := 1; i < t; i++ {
		for j, v := range a[i*c : (i+1)*c] {
			top[j] = max(top[j], v)
		}
	}
	clear(sum)
	clear(mean)
	for i := range t {
		row, in := a[i*c:(i+1)*c], x[i*c:(i+1)*c]
		for j, v := range row {
			e := exp32(v - top[j])
			row[j] = e
			sum[j] += e
			mean[j] += e * in[j]
		}
	}
	for j, v := range sum {
		mean[j] /= v
	}
	clear(deviation)
	for i := range t {
		row, in := a[i*c:(i+1)*c], x[i*c:(i+1)*c]
		for j, v := range row {
			d := in[j] - mean[j]
			deviation[j] += v * d * d
		}
	}
	for j, v := range deviation {
		deviation[j] = root(max(v/sum[j], p.eps))
	}
	s.used = used
}

// addSquares adds (x-mean)² to dst.
func addSquares(dst, x, mean []float32) {
	x, mean = x[:len(dst)], mean[:len(dst)]
	for i := range dst {
		d := x[i] - mean[i]
		dst[i] += d * d
	}
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) }
