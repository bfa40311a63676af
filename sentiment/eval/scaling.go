package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/timbre-voice/timbre/internal/newton"
)

// The penalties of a fit, in nats beside those of the clips: an offset of 1 costs half of one, a scale of 0 or of 2 two.
const (
	offsetPenalty = 1.0
	scalePenalty  = 4.0
)

// example is one clip: logits with mean 0, its class and its weight.
type example struct {
	logits []float64
	class  int
	weight float64
}

// centred takes the mean off l, in place: the softmax does not see it, and without it scale and offsets hardly depend on each other.
func centred(l []float64) []float64 {
	mean := 0.0
	for _, v := range l {
		mean += v / float64(len(l))
	}
	for i := range l {
		l[i] -= mean
	}
	return l
}

// objective returns the penalised negative log-likelihood of x, the scale and then an offset for each of k classes, with its gradient and
// Hessian. It is convex: the logits are linear in x.
func objective(x []float64, examples []example, k int) (loss float64, grad *mat.VecDense, hess *mat.SymDense) {
	n := k + 1
	g, h := make([]float64, n), make([]float64, n*n) // of h the upper triangle
	loss = scalePenalty / 2 * (x[0] - 1) * (x[0] - 1)
	g[0], h[0] = scalePenalty*(x[0]-1), scalePenalty
	for c := 1; c < n; c++ {
		loss += offsetPenalty / 2 * x[c] * x[c]
		g[c], h[c*n+c] = offsetPenalty*x[c], offsetPenalty
	}
	p := make([]float64, k)
	for _, e := range examples {
		top := math.Inf(-1)
		for c, l := range e.logits {
			p[c] = x[0]*l + x[c+1]
			top = max(top, p[c])
		}
		sum := 0.0
		for _, z := range p {
			sum += math.Exp(z - top)
		}
		loss += e.weight * (top + math.Log(sum) - p[e.class])
		mean, square := 0.0, 0.0 // of the logits under p
		for c, z := range p {
			p[c] = math.Exp(z-top) / sum
			mean += p[c] * e.logits[c]
			square += p[c] * e.logits[c] * e.logits[c]
		}
		g[0] += e.weight * (mean - e.logits[e.class])
		h[0] += e.weight * (square - mean*mean)
		g[e.class+1] -= e.weight
		for c, q := range p {
			g[c+1] += e.weight * q
			h[c+1] += e.weight * q * (e.logits[c] - mean)
			for d := c; d < k; d++ {
				h[(c+1)*n+d+1] -= e.weight * q * p[d]
			}
			h[(c+1)*n+c+1] += e.weight * q
		}
	}
	return loss, mat.NewVecDense(n, g), mat.NewSymDense(n, h)
}

// vectorScaling returns the scale and the offsets of k classes with the least penalised negative log-likelihood.
func vectorScaling(examples []example, k int) (scale float64, offset []float64, err error) {
	start := make([]float64, k+1)
	start[0] = 1
	x, err := newton.Minimise(start, func(x []float64) (float64, *mat.VecDense, *mat.SymDense) { return objective(x, examples, k) })
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrCalibrate, err)
	}
	return x[0], x[1:], nil
}
