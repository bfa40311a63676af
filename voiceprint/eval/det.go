package eval

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Probit returns the standard normal quantile of p: the scale of both axes of a DET plot, on which normally distributed scores
// make a straight line. 0 and 1 give infinities, anything outside [0, 1] NaN.
func Probit(p float64) float64 {
	if !(p >= 0 && p <= 1) {
		return math.NaN()
	}
	// Not math.Erfcinv: it works by Erfinv(1-x) and loses the tail (4e-9 at 1e-9, infinite from 1e-17 on).
	return mathext.NormalQuantile(p)
}

// DETPoint is one point of a DET curve: an operating point and its place on the probit axes, infinite at a rate of 0 or 1.
type DETPoint struct {
	Point
	X, Y float64 // probit of FMR and of FNMR
}

// DET returns the DET curve from "accept all" to "refuse all", without the points that lie within minStep of the last one kept on
// both probit axes; 0 keeps all. The first and last point are always kept.
func (r *Ranked) DET(minStep float64) []DETPoint {
	roc := r.ROC()
	var out []DETPoint
	for i, p := range roc {
		d := DETPoint{p, Probit(p.FMR), Probit(p.FNMR)}
		if n := len(out); n > 0 && i < len(roc)-1 && near(d.X, out[n-1].X, minStep) && near(d.Y, out[n-1].Y, minStep) {
			continue
		}
		out = append(out, d)
	}
	return out
}

// near holds for two infinities of one sign too.
func near(a, b, step float64) bool { return step > 0 && (a == b || math.Abs(a-b) < step) }
