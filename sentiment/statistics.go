package sentiment

import "math"

// semitones returns the pitch of hz above 27.5 Hz.
func semitones(hz float64) float64 { return 12 * math.Log2(hz/27.5) }

func log32(x float32) float32 { return float32(math.Log(float64(x))) }

// sumDB adds two powers given in dB.
func sumDB(a, b float32) float32 {
	return float32(10 * math.Log10(math.Pow(10, float64(a)/10)+math.Pow(10, float64(b)/10)))
}

// skewness returns the third standardised moment of x, 0 where x does not vary.
func skewness(x []float64, m moments) float64 {
	if m.std < 1e-9 {
		return 0
	}
	sum := 0.0
	for _, v := range x {
		z := (v - m.mean) / m.std
		sum += z * z * z
	}
	return sum / float64(len(x))
}

// slope returns by how much the straight line fitted to x rises over its whole length.
func slope(x []float64) float64 {
	n := float64(len(x))
	if n < 3 {
		return 0
	}
	mid, xy, xx := (n-1)/2, 0.0, 0.0
	for i, v := range x {
		t := float64(i) - mid
		xy, xx = xy+t*v, xx+t*t
	}
	return xy / xx * (n - 1)
}

// third returns the mean of third i of x.
func third(x []float64, i int) float64 {
	part := x[i*len(x)/3 : (i+1)*len(x)/3]
	return momentsOf(part).mean
}

// correlation returns Pearson's r of a and b, 0 where one does not vary.
func correlation(a, b []float64) float64 {
	ma, mb := momentsOf(a), momentsOf(b)
	if ma.std < 1e-9 || mb.std < 1e-9 {
		return 0
	}
	sum := 0.0
	for i, v := range a {
		sum += (v - ma.mean) * (b[i] - mb.mean)
	}
	return sum / (float64(len(a)) * ma.std * mb.std)
}

// modulation returns the share of the variance of x, a level every HopMs, that lies between low and high Hz: the difference of two
// moving means, whose lengths are half a period of the edges.
func modulation(x []float64, low, high float64) float64 {
	m := momentsOf(x)
	if m.std < 1e-9 {
		return 0
	}
	half := func(hz float64) int { return max(int(500/hz/HopMs/2), 1) }
	wide, narrow := half(low), half(high)
	sum := 0.0
	cumulative := make([]float64, len(x)+1)
	for i, v := range x {
		cumulative[i+1] = cumulative[i] + v
	}
	mean := func(i, reach int) float64 {
		lo, hi := max(i-reach, 0), min(i+reach+1, len(x))
		return (cumulative[hi] - cumulative[lo]) / float64(hi-lo)
	}
	for i := range x {
		v := mean(i, narrow) - mean(i, wide)
		sum += v * v
	}
	return sum / float64(len(x)) / (m.std * m.std)
}
