// Package newton finds the minimum of a smooth convex function of a few parameters, as the fits of calibrations are.
package newton

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ErrNoRest says that a search did not come to rest. Of a convex function only numbers that are none get there.
var ErrNoRest = errors.New("newton: the search did not come to rest")

const maxIterations = 100

// Function returns its value at x with the gradient and the Hessian, which is positive definite. A value of +Inf bars x; its derivatives are
// not looked at. x is not kept.
type Function func(x []float64) (value float64, gradient *mat.VecDense, hessian *mat.SymDense)

// Minimise returns where f is least, by Newton's method from start, whose value is finite; a step that gains nothing is halved. It ends
// where the next step promises a gain of less than 1e-10 of the value. Error: ErrNoRest.
func Minimise(start []float64, f Function) ([]float64, error) {
	x := append([]float64(nil), start...)
	value, gradient, hessian := f(x)
	for range maxIterations {
		var chol mat.Cholesky
		var step mat.VecDense
		if !chol.Factorize(hessian) || chol.SolveVecTo(&step, gradient) != nil {
			return nil, ErrNoRest
		}
		if mat.Dot(&step, gradient) < 1e-10*(1+math.Abs(value)) {
			return x, nil
		}
		moved := false
		for size := 1.0; size > 1e-10 && !moved; size /= 2 {
			next := make([]float64, len(x))
			for i := range x {
				next[i] = x[i] - size*step.AtVec(i)
			}
			if v, g, h := f(next); v < value {
				x, value, gradient, hessian, moved = next, v, g, h, true
			}
		}
		if !moved {
			return x, nil // as near as the digits allow
		}
	}
	return nil, ErrNoRest
}
