package sentiment

import (
	"math"
	"slices"
)

const (
	activeRangeDB = 28.0 // a frame is active down to this far below the 95th percentile of the segment's levels
	minActive     = 10   // active frames without which nothing is told
	minVoiced     = 10   // voiced frames without which nothing is told of the voice
	loudShare     = 0.2  // share of the active frames that count as loud
	minPauseFrame = 10   // frames of a pause
	peakDipDB     = 3.0  // dip that parts two peaks of the level
)

// functionals computes the functionals of a segment; its buffers are reused.
type functionals struct {
	all    []int     // frames from the first active to the last
	active []int     // active frames
	voiced []int     // active and voiced frames
	loud   []int     // loudest active frames
	values []float64 // of one descriptor
	sorted []float64
	smooth []float64
	out    []float64
}

// moments are the plain statistics of some values.
type moments struct{ mean, std float64 }

func momentsOf(x []float64) moments {
	if len(x) == 0 {
		return moments{math.NaN(), math.NaN()}
	}
	var m moments
	for _, v := range x {
		m.mean += v
	}
	m.mean /= float64(len(x))
	for _, v := range x {
		m.std += (v - m.mean) * (v - m.mean)
	}
	m.std = math.Sqrt(m.std / float64(len(x)))
	return m
}

// quantile returns the q-quantile of sorted by linear interpolation between the nearest ranks, NaN of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// take fills f.values with descriptor col of the given frames.
func (f *functionals) take(d *Descriptors, col int, frames []int) []float64 {
	f.values = f.values[:0]
	for _, t := range frames {
		f.values = append(f.values, float64(d.LLD[t*NumLLD+col]))
	}
	return f.values
}

func (f *functionals) sort(x []float64) []float64 {
	f.sorted = append(f.sorted[:0], x...)
	slices.Sort(f.sorted)
	return f.sorted
}

func (f *functionals) put(v ...float64) { f.out = append(f.out, v...) }

// pick finds which frames count.
func (f *functionals) pick(d *Descriptors) {
	f.all, f.active, f.voiced, f.loud = f.all[:0], f.active[:0], f.voiced[:0], f.loud[:0]
	n := d.Frames()
	if n == 0 {
		return
	}
	for t := range n {
		f.all = append(f.all, t)
	}
	levels := f.sort(f.take(d, dLevel, f.all))
	f.all = f.all[:0]
	floor := max(quantile(levels, 0.95)-activeRangeDB, levelFloor+1)
	level := func(t int) float64 { return float64(d.LLD[t*NumLLD+dLevel]) }
	for t := range n {
		if level(t) >= floor {
			f.active = append(f.active, t)
			if d.LLD[t*NumLLD+dF0] > 0 {
				f.voiced = append(f.voiced, t)
			}
		}
	}
	if len(f.active) == 0 {
		return
	}
	for t := f.active[0]; t <= f.active[len(f.active)-1]; t++ {
		f.all = append(f.all, t)
	}
	top := quantile(f.sort(f.take(d, dLevel, f.active)), 1-loudShare)
	for _, t := range f.active {
		if level(t) >= top {
			f.loud = append(f.loud, t)
		}
	}
}

// compute fills dst with the values that FunctionalNames lists.
func (f *functionals) compute(dst []float64, d *Descriptors) {
	if len(dst) != NumFunctionals {
		panic("sentiment: functionals: wrong length")
	}
	f.pick(d)
	if len(f.active) < minActive {
		for i := range dst {
			dst[i] = math.NaN()
		}
		return
	}
	f.out = dst[:0]
	f.pitch(d)
	f.level(d)
	f.rhythm(d)
	f.spectrum(d)
}

// pitch puts the contour of f0 over the voiced frames: distribution, movement, course.
func (f *functionals) pitch(d *Descriptors) {
	n := pitchFunctionals
	if len(f.voiced) < minVoiced {
		for range n {
			f.put(math.NaN())
		}
		return
	}
	x := f.take(d, dF0, f.voiced)
	m, s := momentsOf(x), f.sort(x)
	f.put(m.mean, m.std, quantile(s, 0.05), quantile(s, 0.2), quantile(s, 0.5), quantile(s, 0.8), quantile(s, 0.95),
		quantile(s, 0.95)-quantile(s, 0.05), skewness(x, m))
	f.put(slope(x), third(x, 2)-third(x, 0))
	var up, down, ups, downs, moved, stretches float64
	lo, hi := math.Inf(1), math.Inf(-1)
	spans := 0.0
	for i, t := range f.voiced {
		v := x[i]
		if i == 0 || f.voiced[i-1] != t-1 {
			if stretches > 0 {
				spans += hi - lo
			}
			stretches++
			lo, hi = v, v
			continue
		}
		lo, hi = min(lo, v), max(hi, v)
		step := v - x[i-1]
		if math.Abs(step) > 3 { // an octave error, or another voice
			continue
		}
		moved += math.Abs(step)
		if step > 0 {
			up, ups = up+step, ups+1
		} else {
			down, downs = down-step, downs+1
		}
	}
	spans += hi - lo
	f.put(up/max(ups, 1), down/max(downs, 1), moved/max(ups+downs, 1), spans/stretches, ups/max(ups+downs, 1))
	h := f.take(d, dHNR, f.voiced)
	m, s = momentsOf(h), f.sort(h)
	f.put(m.mean, m.std, quantile(s, 0.2), quantile(s, 0.8))
	// roughness: period and amplitude from frame to frame, what jitter and shimmer are from period to period
	var dp, da, pairs float64
	for i := 2; i < len(f.voiced); i++ {
		t := f.voiced[i]
		if f.voiced[i-2] != t-2 {
			continue
		}
		bend := func(col int) float64 {
			a, b, c := d.LLD[(t-2)*NumLLD+col], d.LLD[(t-1)*NumLLD+col], d.LLD[t*NumLLD+col]
			return math.Abs(float64(a - 2*b + c))
		}
		if v := bend(dF0); v < 3 {
			dp, da, pairs = dp+v, da+bend(dLevel), pairs+1
		}
	}
	f.put(dp/max(pairs, 1), da/max(pairs, 1))
}

// level puts how the level moves. But for the first, the values do not depend on the gain of the line.
func (f *functionals) level(d *Descriptors) {
	x := f.take(d, dLevel, f.active)
	m, s := momentsOf(x), f.sort(x)
	f.put(quantile(s, 0.8), m.std, quantile(s, 0.95)-quantile(s, 0.5), quantile(s, 0.5)-quantile(s, 0.2), quantile(s, 0.95)-quantile(s, 0.05),
		skewness(x, m), slope(x), third(x, 2)-third(x, 0))
	// rises and falls over the whole, pauses included
	x = f.take(d, dLevel, f.all)
	floor := quantile(s, 0.95) - activeRangeDB
	f.smooth = f.smooth[:0]
	for i := range x {
		lo, hi := max(i-2, 0), min(i+3, len(x))
		sum := 0.0
		for _, v := range x[lo:hi] {
			sum += max(v, floor)
		}
		f.smooth = append(f.smooth, sum/float64(hi-lo))
	}
	var up, down, ups, downs float64
	for i := 1; i < len(f.smooth); i++ {
		if step := f.smooth[i] - f.smooth[i-1]; step > 0 {
			up, ups = up+step, ups+1
		} else if step < 0 {
			down, downs = down-step, downs+1
		}
	}
	f.put(up/max(ups, 1), down/max(downs, 1))
	// modulation of the level, as a share of its variance: slow (syllables) and fast
	f.put(modulation(f.smooth, 2, 4), modulation(f.smooth, 4, 8), modulation(f.smooth, 8, 16))
	// how level and pitch go together
	c := math.NaN()
	if len(f.voiced) >= minVoiced {
		a := append([]float64(nil), f.take(d, dF0, f.voiced)...)
		c = correlation(a, f.take(d, dLevel, f.voiced))
	}
	f.put(c)
}

// rhythm puts how sound and silence, voice and breath alternate.
func (f *functionals) rhythm(d *Descriptors) {
	span := float64(len(f.all)) * HopMs / 1000
	sound := float64(len(f.active)) * HopMs / 1000
	f.put(float64(len(f.active))/float64(len(f.all)), float64(len(f.voiced))/float64(len(f.active)))
	count, mean, std := f.runs(f.voiced)
	f.put(count/sound, mean, std)
	pauses, paused := 0.0, 0.0
	for i := 1; i < len(f.active); i++ {
		if gap := f.active[i] - f.active[i-1] - 1; gap >= minPauseFrame {
			pauses++
			paused += float64(gap)
		}
	}
	f.put(pauses/span, paused/max(pauses, 1)/100)
	// peaks of the smoothed level that a dip parts, as syllable nuclei are
	peaks, low, high := 0.0, math.Inf(1), math.Inf(-1)
	for _, v := range f.smooth {
		if v-low >= peakDipDB {
			if v > high {
				high = v
			} else if high-v >= peakDipDB {
				peaks++
				low, high = v, math.Inf(-1)
			}
		} else {
			low = min(low, v)
		}
	}
	f.put((peaks + 1) / sound)
}

// runs returns the number of runs of consecutive frames, and mean and standard deviation of their length in seconds.
func (f *functionals) runs(frames []int) (count, mean, std float64) {
	f.values = f.values[:0]
	for i, t := range frames {
		if i == 0 || frames[i-1] != t-1 {
			f.values = append(f.values, 0)
		}
		f.values[len(f.values)-1] += HopMs / 1000.0
	}
	if len(f.values) == 0 {
		return 0, 0, 0
	}
	m := momentsOf(f.values)
	return float64(len(f.values)), m.mean, m.std
}

// spectrum puts, for each spectral descriptor and each cepstrum, its distribution over the active, the voiced and the loud frames.
func (f *functionals) spectrum(d *Descriptors) {
	for col := range NumLLD {
		if col == dF0 || col == dHNR || col == dLevel {
			continue
		}
		x := f.take(d, col, f.active)
		m, s := momentsOf(x), f.sort(x)
		f.put(m.mean, m.std, quantile(s, 0.2), quantile(s, 0.8), f.delta(d, col))
		v := moments{math.NaN(), math.NaN()}
		if len(f.voiced) >= minVoiced {
			v = momentsOf(f.take(d, col, f.voiced))
		}
		f.put(v.mean, v.std)
		f.put(momentsOf(f.take(d, col, f.loud)).mean)
	}
}

// delta returns the standard deviation of the change of descriptor col over 40 ms, within runs of active frames.
func (f *functionals) delta(d *Descriptors, col int) float64 {
	sum, n := 0.0, 0.0
	for i := 4; i < len(f.active); i++ {
		t := f.active[i]
		if f.active[i-4] == t-4 {
			v := float64(d.LLD[t*NumLLD+col] - d.LLD[(t-4)*NumLLD+col])
			sum, n = sum+v*v, n+1
		}
	}
	return math.Sqrt(sum / max(n, 1))
}
