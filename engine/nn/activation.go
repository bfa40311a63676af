package nn

import "math"

// exp32 returns e^x to 2e-7 relative; below -87 it is 0 and above 88 +Inf. Coefficients are those of expf in Cephes 2.2 (Moshier,
// 1992); math.Exp computes digits that float32 does not hold.
func exp32(x float32) float32 {
	if x < -87 {
		return 0
	}
	if x > 88 {
		return float32(math.Inf(1))
	}
	const round = 3 << 22 // adding it leaves whole numbers only
	n := float32(x*math.Log2E+round) - round
	x -= n * 0.693359375 // ln 2 in two parts: n times the first is exact
	x += n * 2.12194440e-4
	p := ((((1.9875691500e-4*x+1.3981999507e-3)*x+8.3334519073e-3)*x+4.1665795894e-2)*x+1.6666665459e-1)*x + 5.0000001201e-1
	return (p*x*x + x + 1) * math.Float32frombits(uint32(int32(n)+127)<<23)
}

// Sigmoid returns 1/(1+e^-x), with no overflow at either end.
func Sigmoid(x float32) float32 {
	if x >= 0 {
		return 1 / (1 + exp32(-x))
	}
	e := exp32(x)
	return e / (1 + e)
}

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float32) float32 {
	switch {
	case x > 9.1: // 1 - tanh is under half a unit in the last place
		return 1
	case x < -9.1:
		return -1
	case x > -0.625 && x < 0.625: // e^2x - 1 would cancel here; tanhf of Cephes 2.2
		z := x * x
		return x + x*z*((((-5.70498872745e-3*z+2.06390887954e-2)*z-5.37397155531e-2)*z+1.33314422036e-1)*z-3.33332819422e-1)
	}
	return 1 - 2/(exp32(2*x)+1)
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
			e := exp32(v - top)
			row[i] = e
			sum += float64(e)
		}
		for i := range row {
			row[i] = float32(float64(row[i]) / sum)
		}
	}
}
