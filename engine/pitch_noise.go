package engine

import "math"

const (
	// pitchNoiseBandHz is wide against the distance of two harmonics, so that the weights follow the envelope of the spectrum
	// and never pick single harmonics out of noise.
	pitchNoiseBandHz = 250
	// pitchNoiseFloor is the least weight of a band. Where all bands are noise all weights are equal, and nothing changes; a
	// smaller one lets single bands rise out of white noise and pass for voice.
	pitchNoiseFloor = 0.06
	// pitchNoiseBias makes the mean power of noise out of the least of its smoothed powers: measured on white noise, where that
	// least is about half the mean.
	pitchNoiseBias = 2
	// The least power is taken over the last 10 × 300 ms, long enough to hold a pause or the gap between two syllables.
	pitchNoiseParts, pitchNoisePartMs = 10, 300
	// pitchNoiseSmoothMs is the time constant of the smoothed powers.
	pitchNoiseSmoothMs = 20
	// pitchNoiseLift is the most that strengths are raised to make up for the noise that the weights leave.
	pitchNoiseLift = 1.3
)

// pitchNoise weighs the power spectra of successive frames by the square of a Wiener gain, 1 - noise/power per band, before they
// become autocorrelations. Voiced speech is strong in few bands and line noise is spread over all of them, so the weights
// keep weak voiced frames periodic; a clean frame has weights near 1. The noise of a band is the least of its recent powers
// (minimum statistics, Martin 2001), so it needs no speech detector and knows only the past.
type pitchNoise struct {
	factor float64   // of the noise
	keep   float64   // of the smoothed power, per frame
	edges  []int     // bands+1 bins: band b is bins edges[b] up to edges[b+1]
	power  []float64 // of the frame, per band, as the next two
	noise  []float64
	smooth []float64
	recent []float64 // pitchNoiseParts×bands: least smoothed power of each part of the past
	gain   []float64 // per band
	band   []int     // per bin: the lower of the two bands it lies between
	share  []float64 // per bin: the part that the upper one has in its weight
	part   int       // frames in a part
	frames int64
}

func newPitchNoise(o PitchOptions, size int) *pitchNoise {
	bins := size/2 + 1
	width := max(int(math.Round(pitchNoiseBandHz*float64(size)/float64(o.Rate))), 1)
	n := (bins + width/2) / width // the last band takes what is left over
	p := &pitchNoise{
		factor: o.NoiseFactor,
		keep:   math.Exp(-o.HopMs / pitchNoiseSmoothMs),
		edges:  make([]int, n+1),
		power:  make([]float64, n),
		noise:  make([]float64, n),
		smooth: make([]float64, n),
		recent: make([]float64, pitchNoiseParts*n),
		gain:   make([]float64, n),
		band:   make([]int, bins),
		share:  make([]float64, bins),
		part:   max(int(pitchNoisePartMs/o.HopMs), 1),
	}
	for b := range n {
		p.edges[b] = b * width
	}
	p.edges[n] = bins
	for i := range bins {
		x := min(max((float64(i)+0.5)/float64(width)-0.5, 0), float64(n-1))
		p.band[i] = min(int(x), n-2)
		p.share[i] = x - float64(p.band[i])
	}
	p.reset()
	return p
}

func (p *pitchNoise) reset() {
	p.frames = 0
	for i := range p.recent {
		p.recent[i] = math.Inf(1)
	}
}

// weigh learns from the power spectrum of the next frame, which must be finite, and weighs it in place. periodic is the
// normalised autocorrelation of the frame as it came: no more than 1 - periodic of its power can be noise, however steady it
// is, so a held tone or vowel is not taken for noise. It returns the factor by which strengths are to be raised for the noise
// that is left: noise of the share s of the power holds every strength down to 1-s of what it was. A frame that is mostly noise
// gets less of it, or chance maxima would pass for voice.
func (p *pitchNoise) weigh(power []float64, periodic float64) (lift float64) {
	all, noise := p.learn(power)
	if !(noise > 0) {
		return 1
	}
	scale := min(1, (1-periodic)*all/noise)
	var left, leftNoise float64
	for b := range p.gain {
		v := scale * p.noise[b]
		g := 0.0
		if near := (p.power[b] + p.smooth[b]) / 2; near > 0 { // half of it smoothed: a single frame of noise strays too far
			g = max(1-v/near, 0)
		}
		p.gain[b] = max(g*g, pitchNoiseFloor)
		width := float64(p.edges[b+1] - p.edges[b])
		left += p.gain[b] * p.power[b] * width
		leftNoise += p.gain[b] * v * width
	}
	for i, b := range p.band {
		power[i] *= p.gain[b] + p.share[i]*(p.gain[b+1]-p.gain[b])
	}
	clean := 1 - leftNoise/left
	return min(1/clean, 1+pitchNoiseLift*(pitchNoiseLift-1)*clean)
}

// learn takes the power spectrum of the next frame into p.power, p.smooth and p.noise, each a mean per bin, and returns the
// sums over all bins of the power and of the noise, of which no band has more than it has power.
func (p *pitchNoise) learn(power []float64) (all, noise float64) {
	n := len(p.smooth)
	now := p.recent[int(p.frames/int64(p.part)%pitchNoiseParts)*n:][:n]
	fresh := p.frames%int64(p.part) == 0
	for b := range n {
		var e float64
		for _, v := range power[p.edges[b]:p.edges[b+1]] {
			e += v
		}
		all += e
		width := float64(p.edges[b+1] - p.edges[b])
		e /= width
		if p.frames == 0 {
			p.smooth[b] = e
		}
		p.smooth[b] = p.keep*p.smooth[b] + (1-p.keep)*e
		if fresh || p.smooth[b] < now[b] {
			now[b] = p.smooth[b]
		}
		least := now[b]
		for i := b; i < len(p.recent); i += n {
			least = min(least, p.recent[i])
		}
		p.power[b], p.noise[b] = e, min(p.factor*pitchNoiseBias*least, e)
		noise += p.noise[b] * width
	}
	p.frames++
	return all, noise
}
