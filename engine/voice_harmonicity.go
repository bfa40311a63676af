package engine

import "math"

// harmonicityMeter measures the harmonics-to-noise ratio of single frames by forward cross-correlation: the samples of one
// longest period against the same number of samples a lag later, both about the middle of the frame. The greatest normalised
// correlation r over the lags of the range of pitch is the periodic share of the power (Boersma 1993; the method "cc" of Praat
// with one period per window).
type harmonicityMeter struct {
	window         int // samples compared
	minLag, maxLag int
	sinc           sincInterpolator
	span           []float64 // the samples used, mean removed
	r              []float64 // lags -depth .. maxLag+depth+1
}

func newHarmonicityMeter(o VoiceOptions) *harmonicityMeter {
	rate := float64(o.Rate)
	h := &harmonicityMeter{
		window: int(rate / o.FloorHz),
		minLag: max(int(rate/o.CeilingHz)-1, 2),
		maxLag: int(rate/o.FloorHz) + 1,
	}
	h.sinc = newSincInterpolator(min(sincDepth, h.window/4))
	lags := h.maxLag + h.sinc.depth + 2
	h.span = make([]float64, h.window+lags)
	h.r = make([]float64, h.sinc.depth+lags)
	return h
}

// harmonicitySilence is the peak, as a fraction of the segment's, below which a frame counts only when it is the more regular:
// Praat's silence threshold of a harmonicity.
const harmonicitySilence = 0.1

// mean returns the mean ratio in dB over the frames that x reaches around and that are not too quiet, and their number. x
// starts at sample start of the stream that frames count in, the middle of every frame lies in x, and peaks are their peaks as
// fractions of the segment's.
func (h *harmonicityMeter) mean(x []float32, start int64, frames []PitchFrame, peaks []float64) (db float64, n int) {
	for i, f := range frames {
		if r, ok := h.at(x, int(f.Center-start)); ok && r > 2-peaks[i]/harmonicitySilence {
			db += harmonicityDB(r)
			n++
		}
	}
	if n == 0 {
		return 0, 0
	}
	return db / float64(n), n
}

// at returns the greatest normalised correlation of the frame about boundary c of x; ok is false where x has no sound there or
// does not reach around it.
func (h *harmonicityMeter) at(x []float32, c int) (r float64, ok bool) {
	// The two stretches at the longest lag together are centred on c; the extra lags behind serve interpolation alone.
	from := c - h.window
	if from < 0 || from+len(h.span) > len(x) {
		return 0, false
	}
	var mean float64
	for _, v := range x[from : from+2*h.window] {
		mean += float64(v)
	}
	mean /= float64(2 * h.window)
	for i, v := range x[from : from+len(h.span)] {
		h.span[i] = float64(v) - mean
	}
	if !h.correlate() {
		return 0, false
	}
	h.sinc.mirror(h.r)
	lags := h.r[h.sinc.depth:]
	var top float64
	for lag := h.minLag; lag <= h.maxLag; lag++ {
		top = max(top, lags[lag])
	}
	for lag := h.minLag; lag <= h.maxLag; lag++ {
		// Near the best among the samples, because between them another maximum may be greater.
		if lags[lag] > 0 && lags[lag] > top-0.1 && lags[lag] > lags[lag-1] && lags[lag] >= lags[lag+1] {
			_, v := h.sinc.peak(h.r, lag)
			r = max(r, v)
		}
	}
	if r > 1 { // interpolation can overshoot
		r = 1 / r
	}
	return r, r > 0
}

// correlate fills h.r from lag 0 on and reports whether there was anything to correlate.
func (h *harmonicityMeter) correlate() bool {
	head := h.span[:h.window]
	var own, other float64
	for _, v := range head {
		own += v * v
	}
	if !(own > 0) || math.IsInf(own, 0) {
		return false
	}
	other = own
	lags := h.r[h.sinc.depth:]
	lags[0] = 1
	for lag := 1; lag < len(lags); lag++ {
		in, out := h.span[lag+h.window-1], h.span[lag-1]
		other += in*in - out*out
		var xy float64
		tail := h.span[lag:][:len(head)]
		for i, v := range head {
			xy += v * tail[i]
		}
		lags[lag] = 0
		if d := own * other; d > 0 {
			lags[lag] = xy / math.Sqrt(d)
		}
	}
	return true
}
