package nn

import "math"

// Sigmoid returns 1/(1+e^-x), with no overflow at either end.
func Sigmoid(x float32) float32 {
	if x >= 0 {
		return float32(1 / (1 + math.Exp(-float64(x))))
	}
	e := math.Exp(float64(x))
	return float32(e / (1 + e))
}

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float32) float32 {
	// One exponential instead of the three branches of math.Tanh; the last bits of float32 do not see the difference.
	if x > 15 {
		return 1
	}
	if x < -15 {
		return -1
	}
	if x > -0.05 && x < 0.05 { // e^2x - 1 would cancel here
		x2 := x * x
		return x * (1 - x2*(1.0/3-x2*(2.0/15)))
	}
	e := math.Exp(2 * float64(x))
	return float32((e - 1) / (e + 1))
}

// ReLU replaces negative elements of x by zero, in place.
func ReLU(x []float32) {
	for i, v := range x {
		if v < 0 {
			x[i] = 0
		}
	}
}

// Softmax replaces each row of the T×C slice x by its softmax, in place. Rows are shifted by their maximum first, so large
// scores do not overflow. len(x) must be a multiple of c.
func Softmax(x []float32, c int) {
	for ; len(x) >= c && c > 0; x = x[c:] {
		row := x[:c]
		top := row[0]
		for _, v := range row[1:] {
			top = max(top, v)
		}
		var sum float64
		for i, v := range row {
			e := math.Exp(float64(v - top))
			row[i] = float32(e)
			sum += e
		}
		for i := range row {
			row[i] = float32(float64(row[i]) / sum)
		}
	}
}
