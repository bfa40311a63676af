package analysis

import (
	"math"

	"github.com/timbre-voice/timbre/engine/timeline"
)

const (
	blockLen = Rate / 50 // samples of a level block: 20 ms

	// floorDBFS is the lowest noise floor that is reported: half a step of G.711 near zero is about -78 dBFS, so on a telephone
	// line nothing below it is known.
	floorDBFS = -80.0

	// clipLevel is what counts as full scale. The largest value of mu-law is 0.980, that of A-law 0.984.
	clipLevel = 0.975
	clipRun   = 3 // samples in a row at full scale that make a clipped passage; a lone peak is a peak
)

// levels keeps the RMS level of every 20 ms of a channel, one byte each, in half dB steps below full scale, so that the noise
// floor can be taken when it is known where the speech was.
type levels struct {
	blocks []uint8
	sum    float64
	n      int
}

func (l *levels) add(x []float32) {
	for _, v := range x {
		l.sum += float64(v) * float64(v)
		if l.n++; l.n == blockLen {
			l.blocks = append(l.blocks, uint8(min(max(-2*dBFS(l.sum/blockLen)+0.5, 0), 255)))
			l.sum, l.n = 0, 0
		}
	}
}

// noiseFloor returns the median level, in dBFS, of the blocks that share no sample with busy (speech and sounds, with their
// padding); where fewer than half a second is left, the level that 5 % of all blocks stay below. It reports false for a channel
// shorter than a block. The median, unlike the mean, is not moved by a click or a door.
func (l *levels) noiseFloor(busy timeline.Set) (float64, bool) {
	if len(l.blocks) == 0 {
		return 0, false
	}
	var free, all [256]int
	nFree := 0
	b := 0
	for i, level := range l.blocks {
		all[level]++
		block := timeline.Interval{Start: int64(i) * blockLen, End: int64(i+1) * blockLen}
		for b < len(busy) && busy[b].End <= block.Start {
			b++
		}
		if b < len(busy) && busy[b].Overlaps(block) {
			continue
		}
		free[level]++
		nFree++
	}
	level := 0.0
	if nFree >= 25 {
		level = quantile(&free, nFree, 0.5)
	} else {
		level = quantile(&all, len(l.blocks), 0.05)
	}
	return max(level, floorDBFS), true
}

// quantile returns the level in dBFS that a share q of the n counted blocks does not exceed.
func quantile(counts *[256]int, n int, q float64) float64 {
	seen := 0
	for level := 255; level > 0; level-- { // from the quietest
		if seen += counts[level]; float64(seen) >= q*float64(n) {
			return -float64(level) / 2
		}
	}
	return 0
}

// clipping counts the samples in runs at full scale. It looks at the audio as it arrived: a resampler would hide them.
type clipping struct {
	total, clipped int64
	run            int64
	positive       bool
}

func (c *clipping) add(x []float32) {
	for _, v := range x {
		positive := v > 0
		if v < clipLevel && v > -clipLevel {
			c.run = 0
			continue
		}
		if c.run > 0 && positive != c.positive {
			c.run = 0
		}
		c.positive = positive
		switch c.run++; {
		case c.run == clipRun:
			c.clipped += clipRun
		case c.run > clipRun:
			c.clipped++
		}
	}
	c.total += int64(len(x))
}

func (c *clipping) share() float64 {
	if c.total == 0 {
		return 0
	}
	return float64(c.clipped) / float64(c.total)
}

// dBFS converts a mean square to decibels relative to full scale, where a full-scale square wave is 0. Silence is -200.
func dBFS(power float64) float64 {
	return 10 * math.Log10(power+1e-20)
}

// powerOf is the inverse of dBFS.
func powerOf(level float64) float64 {
	return math.Pow(10, level/10)
}

// rounded returns v to so many decimals, which is what a record carries: the measurement knows no more, and the last bits of a
// float differ between processors.
func rounded(v float64, decimals int) *float64 {
	p := math.Pow(10, float64(decimals))
	v = math.Round(v*p) / p
	return &v
}
