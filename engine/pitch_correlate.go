package engine

import "math"

// pitchCorrelator finds the candidates of one frame.
type pitchCorrelator struct {
	rate             float64
	ceilingHz        float64
	floorHz          float64
	threshold        float64 // least value of a maximum that becomes a candidate
	octaveCost       float64
	period           int // longest period in samples
	minLag, maxLag   int // lags searched, both included
	window           []float64
	inverseOfWindowR []float64 // 1 / normalised autocorrelation of the window, by lag, up to maxLag+depth+1
	sinc             sincInterpolator

	noise *pitchNoise // nil when off
	fft   *RealFFT
	seq   []float64    // the transform's input: the windowed frame, then its power spectrum, both halves
	power []float64    // bins 0 .. half the transform
	acf   []complex128 // autocorrelation, lag 0 first, times the length of the transform
	r     []float64    // lags -depth .. maxLag+depth+1; depth is that of sinc
}

// newPitchCorrelator makes the tables for valid options.
func newPitchCorrelator(o PitchOptions) (*pitchCorrelator, error) {
	n := 2 * o.halfWindow()
	rate := float64(o.Rate)
	c := &pitchCorrelator{
		rate:       rate,
		ceilingHz:  o.CeilingHz,
		floorHz:    o.FloorHz,
		threshold:  0.5 * o.VoicingThreshold,
		octaveCost: o.OctaveCost,
		period:     int(rate / o.FloorHz),
		minLag:     max(int(rate/o.CeilingHz), 2),
		maxLag:     n/3 + 1,
		window:     make([]float64, n),
	}
	// Beyond half its length the window's own autocorrelation is too small to divide by.
	depth := min(sincDepth, n/2-c.maxLag-2)
	c.sinc = newSincInterpolator(depth)
	size := 1
	for size < n+c.maxLag+depth+2 {
		size *= 2
	}
	var err error
	if c.fft, err = NewRealFFT(size); err != nil {
		return nil, err
	}
	c.seq = make([]float64, size)
	c.power = make([]float64, size/2+1)
	c.acf = make([]complex128, size/2+1)
	c.r = make([]float64, c.maxLag+2*depth+2)
	for i := range c.window {
		c.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/float64(n+1))
	}
	copy(c.seq, c.window)
	c.fft.Power(c.power, c.seq)
	c.correlate()
	c.inverseOfWindowR = make([]float64, c.maxLag+depth+2)
	for lag := range c.inverseOfWindowR {
		c.inverseOfWindowR[lag] = real(c.acf[0]) / real(c.acf[lag])
	}
	if o.NoiseFactor > 0 {
		c.noise = newPitchNoise(o, size)
	}
	return c, nil
}

// correlate turns c.power into c.acf. A power spectrum is real and even, and so its transform is its inverse transform.
func (c *pitchCorrelator) correlate() {
	copy(c.seq, c.power)
	for i, j := 1, len(c.seq)-1; i < j; i, j = i+1, j-1 {
		c.seq[j] = c.power[i]
	}
	c.fft.Coefficients(c.acf, c.seq)
}

// strongest returns the greatest normalised autocorrelation at the lags searched, 0 to 1.
func (c *pitchCorrelator) strongest() float64 {
	var top float64
	scale := 1 / real(c.acf[0])
	at := func(lag int) float64 { return real(c.acf[lag]) * scale * c.inverseOfWindowR[lag] }
	for a, b, lag := at(c.minLag-1), at(c.minLag), c.minLag; lag <= c.maxLag; lag++ {
		d := at(lag + 1)
		if b > top && b > a && b >= d {
			_, top = parabola(a, b, d)
		}
		a, b = b, d
	}
	return min(top, 1)
}

// analyse fills slot with the candidates of the frame x, which is as long as the window, and returns the peak of its middle:
// the greatest distance from the mean within half a period of the floor.
func (c *pitchCorrelator) analyse(x []float32, slot *pitchSlot) (peak float64) {
	mid := len(x) / 2
	var mean float64
	for _, v := range x[mid-c.period : mid+c.period] {
		mean += float64(v)
	}
	mean /= float64(2 * c.period)
	for _, v := range x[mid-c.period/2 : mid+c.period/2+1] {
		peak = max(peak, math.Abs(float64(v)-mean))
	}
	slot.n = 1
	var power float64
	for i, v := range x {
		w := (float64(v) - mean) * c.window[i]
		c.seq[i] = w
		power += w * w
	}
	// Digital silence, or samples that are not numbers: no candidate, and nothing for the noise to learn.
	if !(peak > 0 && power > 0 && !math.IsInf(power, 0)) {
		return 0
	}
	clear(c.seq[len(x):])
	c.fft.Power(c.power, c.seq)
	c.correlate()
	lift := 1.0
	if c.noise != nil {
		lift = c.noise.weigh(c.power, c.strongest())
		c.correlate()
	}
	r := c.r[c.sinc.depth:]
	for lag, w := range c.inverseOfWindowR {
		r[lag] = real(c.acf[lag]) / real(c.acf[0]) * w
	}
	c.sinc.mirror(c.r)
	for lag := c.minLag; lag <= c.maxLag; lag++ {
		if r[lag]*lift > c.threshold && r[lag] > r[lag-1] && r[lag] >= r[lag+1] {
			c.add(lag, lift, slot)
		}
	}
	return peak
}

// add puts the maximum near lag, raised by lift, among the candidates of slot; when they are full, in place of the weakest if
// it is stronger.
func (c *pitchCorrelator) add(lag int, lift float64, slot *pitchSlot) {
	at, strength := c.sinc.peak(c.r, lag)
	hz := c.rate / at
	if hz < c.floorHz || hz > c.ceilingHz {
		return
	}
	if strength > 1 { // the division by the window's autocorrelation can overshoot
		strength = 1 / strength
	}
	strength = min(strength*lift, 1)
	// A lower fundamental costs, because every multiple of the period is a maximum too.
	local := strength - c.octaveCost*math.Log2(c.ceilingHz/hz)
	k := slot.n
	if k == len(slot.cand) {
		k = 1
		for i := 2; i < len(slot.cand); i++ {
			if slot.cand[i].local < slot.cand[k].local {
				k = i
			}
		}
		if slot.cand[k].local >= local {
			return
		}
	} else {
		slot.n++
	}
	slot.cand[k] = pitchCandidate{hz: hz, octave: math.Log2(hz), strength: strength, local: local}
}
