package audio

import "math"

// mp3Bands is how the 576 lines of a spectrum are shared out at one sampling rate.
type mp3Bands struct {
	mpeg1    bool
	rate     int // row of the tables
	long     [22]uint8
	short    [13]uint8
	pretab   [22]uint8
	gains    [mp3Gains]float32 // 2^((i-mp3Gain0)/4)
	position [3][2][32]float32 // what intensity stereo multiplies left and right with: MPEG-1, MPEG-2 with both step sizes
}

// The exponent of a line is at most 255 - 210 quarters of a power of two, and at least -210 - 2 for middle and side - 7·8 for the
// subblock gain - 4·(31 + 3) for the scalefactor.
const (
	mp3Gain0 = 210 + 2 + 56 + 136
	mp3Gains = mp3Gain0 + 256 - 210
)

func newMP3Bands(h mp3Header) *mp3Bands {
	rate := mp3RateIndex(h)
	b := &mp3Bands{mpeg1: h.version == 1, rate: rate, long: mp3LongBands(rate), short: mp3ShortBands(rate), pretab: mp3Pretab()}
	for i := range b.gains {
		b.gains[i] = float32(math.Exp2(float64(i-mp3Gain0) / 4))
	}
	for i := range 32 {
		// 11172-3, 2.4.3.4.9.3: left and right are as tan(i·π/12) to 1.
		if i < 6 {
			tan := math.Tan(float64(i) * math.Pi / 12)
			b.position[0][0][i], b.position[0][1][i] = float32(tan/(1+tan)), float32(1/(1+tan))
		}
		// 13818-3, 2.4.3.2: odd positions weaken left, even ones right.
		for step := 1; step <= 2; step++ {
			weak := float32(math.Exp2(-float64(step*((i+1)/2)) / 4))
			b.position[step][0][i], b.position[step][1][i] = 1, weak
			if i&1 == 1 {
				b.position[step][0][i], b.position[step][1][i] = weak, 1
			}
		}
	}
	b.position[0][0][6] = 1
	return b
}

// regions returns the lines where the three regions of big values of g end.
func (b *mp3Bands) regions(g *mp3Granule) [3]int {
	end := 2 * g.pairs
	first, second := 0, 576
	if g.switched() {
		// Eight long bands or three short ones.
		switch {
		case b.rate == mp3At8k && g.block == 2:
			first = 72
		case b.rate == mp3At8k:
			first = 108
		case b.mpeg1 || g.block == 2:
			first = 36
		default:
			first = 54
		}
	} else {
		for i := range min(g.region0+1, 22) {
			first += int(b.long[i])
		}
		second = first
		for i := g.region0 + 1; i < min(g.region0+g.region1+2, 22); i++ {
			second += int(b.long[i])
		}
	}
	return [3]int{min(first, end), min(second, end), end}
}

// amplify gives the lines of x their level. ms tells that only middle and side stereo follows, whose 1/√2 is taken here.
func (b *mp3Bands) amplify(x *[576]float32, g *mp3Granule, ms bool) {
	level := mp3Gain0 + g.gain - 210
	if ms {
		level -= 2
	}
	longs, firstShort := g.layout(b.mpeg1)
	at := 0
	for i := 0; i < longs && at < g.lines; i++ {
		v := int(g.scale[i])
		if g.preflag {
			v += int(b.pretab[i])
		}
		at = mp3Scale(x, at, int(b.long[i]), b.gains[level-v*g.shift])
	}
	for i, k := firstShort, longs; i < 13 && at < g.lines; i, k = i+1, k+3 {
		for w := range 3 {
			at = mp3Scale(x, at, int(b.short[i]), b.gains[level-8*g.sub[w]-int(g.scale[k+w])*g.shift])
		}
	}
}

// mp3Scale multiplies n lines from at on and returns the line behind them.
func mp3Scale(x *[576]float32, at, n int, by float32) int {
	s := x[at : at+n]
	for i := range s {
		s[i] *= by
	}
	return at + n
}

// stereo turns the two coded channels of a joint stereo granule into left and right; mode is mode_extension. Both still have their
// short blocks window after window.
func (b *mp3Bands) stereo(x0, x1 *[576]float32, g0, g1 *mp3Granule, mode int) {
	ms, intensity := mode&2 != 0, mode&1 != 0
	lines := max(g0.lines, g1.lines)
	g0.lines, g1.lines = lines, lines
	if !intensity {
		if ms {
			mp3MidSide(x0[:lines], x1[:lines], 1)
		}
		return
	}
	steps := 0
	if !b.mpeg1 {
		steps = 1 + g1.compress&1
	}
	// From the top down, a band is coded by its intensity while nothing of the right channel has been seen, in short blocks per window.
	longs, firstShort := g1.layout(b.mpeg1)
	at := 576
	var seen [3]bool
	band := func(n, k int, seen *bool) {
		at -= n
		l, r := x0[at:at+n], x1[at:at+n]
		for _, v := range r {
			*seen = *seen || v != 0
		}
		pos := g1.scale[k]
		if !*seen && !(b.mpeg1 && pos >= 7) && g1.noPosition>>k&1 == 0 {
			left, right := b.position[steps][0][pos&31], b.position[steps][1][pos&31]
			for i, v := range l {
				l[i], r[i] = v*left, v*right
			}
		} else if ms {
			mp3MidSide(l, r, math.Sqrt2/2)
		}
	}
	for i := 12; i >= firstShort; i-- {
		k := longs + 3*(min(i, 11)-firstShort) // the last band has the position of the one below
		for w := 2; w >= 0; w-- {
			band(int(b.short[i]), k+w, &seen[w])
		}
	}
	any := seen[0] || seen[1] || seen[2]
	for i := longs - 1; i >= 0; i-- {
		band(int(b.long[i]), min(i, 20), &any)
	}
}

// mp3MidSide turns middle and side into left and right, times by.
func mp3MidSide(m, s []float32, by float32) {
	s = s[:len(m)]
	for i, v := range m {
		m[i], s[i] = (v+s[i])*by, (v-s[i])*by
	}
}

// reorder brings the windows of short blocks from one behind the other to side by side: line 3·i + w is line i of window w.
func (b *mp3Bands) reorder(x *[576]float32, g *mp3Granule) {
	if g.block != 2 {
		return
	}
	longs, i := g.layout(b.mpeg1)
	at := 0
	for k := range longs {
		at += int(b.long[k])
	}
	var tmp [3 * 66]float32
	for ; i < 13 && at < g.lines; i++ {
		n := int(b.short[i])
		part := x[at : at+3*n]
		for w := range 3 {
			for j, v := range part[w*n : w*n+n] {
				tmp[3*j+w] = v
			}
		}
		copy(part, tmp[:3*n])
		at += 3 * n
	}
	g.lines = max(g.lines, min(at, 576))
}
