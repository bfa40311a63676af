package engine

import "math"

// logTable computes natural logarithms at a third of the cost of math.Log. The mantissa selects one of 128 centres c; what is
// left, r = m/c - 1, lies within 1/256 and needs three terms of the series of log(1+r). The absolute error is below 1e-10, far
// under the rounding of the float32 features that it feeds.
type logTable [128]struct{ inv, log float64 }

func newLogTable() *logTable {
	t := new(logTable)
	for i := range t {
		c := 1 + (float64(i)+0.5)/float64(len(t))
		t[i].inv, t[i].log = 1/c, math.Log(c)
	}
	return t
}

// ln returns the natural logarithm of x, which must be a normal positive number; anything else gives a finite number without
// meaning.
func (t *logTable) ln(x float64) float64 {
	const mantissa = 1<<52 - 1
	b := math.Float64bits(x)
	e := &t[b>>45&127]
	m := math.Float64frombits(b&mantissa | 1023<<52)
	r := m*e.inv - 1
	return float64(int64(b>>52)-1023)*math.Ln2 + e.log + r*(1+r*(r*(1.0/3)-0.5))
}
