package csat

import (
	"math"
	"math/rand/v2"
)

// truth is a site whose customers answer by proportional odds on two of the features, and answer at all the less the angrier they
// were.
func truth(r *rand.Rand, n int, effect float64) []Call {
	calls := make([]Call, n)
	for i := range calls {
		c := &calls[i]
		for f := range c.X {
			c.X[f] = r.Float64()
		}
		c.X[logMinutes] = 1 + r.NormFloat64()
		if r.IntN(10) == 0 {
			c.X[overtalkShare] = math.NaN()
		}
		eta := effect * (0.5 - c.X[angerPeak] + 0.5 - c.X[angerEnd])
		u := r.Float64()
		y := 1
		for k, cut := range []float64{-2, -1, 0, 1.2} {
			if u > logistic(cut-eta) {
				y = k + 2
			}
		}
		if r.Float64() < 0.6-0.5*c.X[angerPeak] {
			c.Answer = y
		}
	}
	return calls
}
