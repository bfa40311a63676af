package engine

import "math"

const (
	// sincPhases is the number of places between two lags at which a correlation is interpolated; the parabola through the best
	// three of them gives the rest.
	sincPhases = 64
	// sincDepth is the number of lags on each side that an interpolated value is made of.
	sincDepth = 30
)

// sincInterpolator finds the maxima of a sampled correlation between its samples, with a Hann-windowed sinc.
type sincInterpolator struct {
	depth int
	w     []float64 // (sincPhases+1)×2·depth: weight of lag l-depth+1+j for the value at l + phase/sincPhases
}

func newSincInterpolator(depth int) sincInterpolator {
	s := sincInterpolator{depth, make([]float64, (sincPhases+1)*2*depth)}
	for p := range sincPhases + 1 {
		for j := range 2 * depth {
			d := float64(p)/sincPhases - float64(j-depth+1)
			v := 0.5 + 0.5*math.Cos(math.Pi*d/(float64(depth)+0.5))
			if d != 0 {
				v *= math.Sin(math.Pi*d) / (math.Pi * d)
			}
			s.w[p*2*depth+j] = v
		}
	}
	return s
}

// mirror fills the negative lags of r, which starts at lag -depth, from the positive ones.
func (s sincInterpolator) mirror(r []float64) {
	for lag := 1; lag <= s.depth; lag++ {
		r[s.depth-lag] = r[s.depth+lag]
	}
}

// at returns r at lag g/sincPhases. r starts at lag -depth and goes on for depth lags after that.
func (s sincInterpolator) at(r []float64, g int) float64 {
	lag, phase := g/sincPhases, g%sincPhases
	w := s.w[phase*2*s.depth:][:2*s.depth]
	r = r[lag+1:][:len(w)] // lag-depth+1 first
	var sum float64
	for i, v := range r {
		sum += v * w[i]
	}
	return sum
}

// peak climbs from lag, a maximum among the samples of r, to the maximum between them and returns its place in lags and its
// value. r starts at lag -depth and goes on for depth+1 lags after lag.
func (s sincInterpolator) peak(r []float64, lag int) (at, value float64) {
	shift, _ := parabola(r[s.depth+lag-1], r[s.depth+lag], r[s.depth+lag+1])
	lo, hi := (lag-1)*sincPhases+1, (lag+1)*sincPhases-1
	g := lag*sincPhases + int(math.Round(shift*sincPhases))
	prev, here, next := s.at(r, g-1), s.at(r, g), s.at(r, g+1)
	for next > here && g < hi {
		g++
		prev, here, next = here, next, s.at(r, g+1)
	}
	for prev > here && g > lo {
		g--
		prev, here, next = s.at(r, g-1), prev, here
	}
	shift, value = parabola(prev, here, next)
	return (float64(g) + shift) / sincPhases, value
}

// parabola returns the place of the extremum of the parabola through (-1, a), (0, b), (1, c), within half a step, and its
// value. b must not lie between a and c; where all are equal, it is the extremum.
func parabola(a, b, c float64) (at, value float64) {
	curve := 2*b - a - c
	if curve == 0 {
		return 0, b
	}
	at = min(max(0.5*(c-a)/curve, -0.5), 0.5)
	return at, b + 0.25*(c-a)*at
}
