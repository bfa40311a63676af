package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// The penalties of a fit, in clips: an offset of 1 costs half a clip, a scale of 0 or of 2 costs two.
const (
	offsetPenalty = 1.0
	scalePenalty  = 4.0
	maxIterations = 100
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

// vectorScaling returns the scale and the offsets with the least penalised negative log-likelihood, by Newton's method with halved steps.
func vectorScaling(examples []example, k int) (scale float64, offset []float64, err error) {
	x := make([]float64, k+1)
	x[0] = 1
	loss, grad, hess := objective(x, examples, k)
	for range maxIterations {
		var chol mat.Cholesky
		var step mat.VecDense
		if !chol.Factorize(hess) || chol.SolveVecTo(&step, grad) != nil {
			break
		}
		if mat.Dot(&step, grad) < 1e-10*(1+math.Abs(loss)) {
			return x[0], x[1:], nil
		}
		moved := false
		for size := 1.0; size > 1e-10 && !moved; size /= 2 {
			next := make([]float64, len(x))
			for i := range x {
				next[i] = x[i] - size*step.AtVec(i)
			}
			if l, g, h := objective(next, examples, k); l < loss {
				x, loss, grad, hess, moved = next, l, g, h, true
			}
		}
		if !moved {
			return x[0], x[1:], nil // as near as the digits allow
		}
	}
	return 0, nil, fmt.Errorf("%w: the fit did not converge", ErrCalibrate)
}
