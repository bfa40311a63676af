package engine

import (
	"math"
	"slices"
)

const (
	// A match this good goes on with the stretch; a worse one leaves its period unmarked.
	pulseMatch = 0.3
	// A mark that falls outside the stretch, the last on that side, needs a match this good.
	pulseMatchOutside = 0.7
	// The peak of a marked period, as a fraction of the segment's: inside and outside the stretch.
	pulsePeak, pulsePeakOutside = 0.01, 0.0233
	// The next mark is looked for at these distances, in periods.
	pulseNear, pulseFar = 0.8, 1.25
)

// voicedStretch is a run of voiced frames. Positions are samples from the start of the segment.
type voicedStretch struct {
	frames    []PitchFrame
	lead      float64 // added to a frame's Center to make a position
	from, to  float64 // half a hop before the first middle and behind the last
	leftPulse float64 // last mark of the stretch before; no mark comes nearer than most of a period
}

// at returns the position of frame i. Center is a boundary between two samples, position counts from the middle of one.
func (s *voicedStretch) at(i int) float64 { return float64(s.frames[i].Center) + s.lead }

// period returns the period at position t in samples, by straight lines between the frames; 0 outside the stretch.
func (s *voicedStretch) period(t, rate float64) float64 {
	if t < s.from || t > s.to {
		return 0
	}
	i, _ := slices.BinarySearchFunc(s.frames, t, func(f PitchFrame, t float64) int {
		if float64(f.Center)+s.lead < t {
			return -1
		}
		return 1
	})
	before, after := max(i-1, 0), min(i, len(s.frames)-1)
	hz := float64(s.frames[before].F0Hz)
	if before != after {
		a, b := s.at(before), s.at(after)
		hz += (float64(s.frames[after].F0Hz) - hz) * (t - a) / (b - a)
	}
	return max(rate/hz, 4) // a track may say anything; marks must move on
}

// findPulses marks one moment in every period of the voiced stretches of m.frames, into m.marks; peak is that of x. In each stretch the greatest
// excursion within a period of its middle comes first; from there marks follow to both sides, each where the period about it
// is most like the period about the last, by normalised cross-correlation.
func (m *VoiceMeter) findPulses(x []float32, start int64, peak float64) {
	m.marks = m.marks[:0]
	last := math.Inf(-1)
	for i, j := 0, 0; i < len(m.frames); i = j {
		for j = i + 1; j < len(m.frames) && m.frames[j].Index == m.frames[j-1].Index+1; j++ {
		}
		half := 0.005 * float64(m.o.Rate) // of a hop, where a single frame does not tell it
		if j > i+1 {
			half = float64(m.frames[i+1].Center-m.frames[i].Center) / 2
		}
		s := voicedStretch{frames: m.frames[i:j], lead: -float64(start) - 0.5, leftPulse: last}
		s.from, s.to = s.at(0)-half, s.at(j-i-1)+half
		m.markStretch(x, &s, peak)
		if n := len(m.marks); n > 0 {
			last = m.marks[n-1]
		}
	}
}

// markStretch appends the marks of one stretch, in order.
func (m *VoiceMeter) markStretch(x []float32, s *voicedStretch, peak float64) {
	rate := float64(m.o.Rate)
	mid := (s.from + s.to) / 2
	period := s.period(mid, rate)
	seed, ok := extremum(x, mid-period/2, mid+period/2)
	if !ok {
		return
	}
	first := len(m.marks)
	m.follow(x, s, seed, -1, peak)
	slices.Reverse(m.marks[first:])
	m.marks = append(m.marks, seed)
	m.follow(x, s, seed, +1, peak)
}

// follow appends marks from seed towards side, -1 or +1, until the stretch ends.
func (m *VoiceMeter) follow(x []float32, s *voicedStretch, seed, side, peak float64) {
	rate := float64(m.o.Rate)
	last := seed // the mark before, on this side
	for t := seed; ; {
		period := s.period(t, rate)
		if period == 0 {
			return
		}
		near, far := t+side*pulseNear*period, t+side*pulseFar*period
		next, match, level := matchPeriod(x, t, period, min(near, far), max(near, far))
		if match < 0 {
			next = t + side*period // nothing to compare with: step over
		}
		t = next
		outside := t < s.from || t > s.to
		needMatch, needPeak := pulseMatch, pulsePeak*peak
		if outside {
			needMatch, needPeak = pulseMatchOutside, pulsePeakOutside*peak
		}
		if match > needMatch && level > needPeak && math.Abs(t-last) > pulseNear*period && t-s.leftPulse > pulseNear*period {
			m.marks = append(m.marks, t)
			last = t
		}
		if outside {
			return
		}
	}
}

// extremum returns the place of the sample of greatest magnitude between positions from and to, refined by a parabola.
func extremum(x []float32, from, to float64) (at float64, ok bool) {
	lo, hi := max(int(math.Ceil(from)), 1), min(int(math.Floor(to)), len(x)-2)
	best := 0.0
	k := -1
	for i := lo; i <= hi; i++ {
		if v := math.Abs(float64(x[i])); v > best {
			best, k = v, i
		}
	}
	if k < 0 {
		return 0, false
	}
	sign := math.Copysign(1, float64(x[k]))
	shift := 0.0
	if a, c := sign*float64(x[k-1]), sign*float64(x[k+1]); a <= best && c <= best {
		shift, _ = parabola(a, best, c)
	}
	return float64(k) + shift, true
}

// matchPeriod compares the samples within half a period of position t with those about every position from lo to hi and
// returns the best place by a parabola, the normalised correlation there and the peak of the samples about it. match is -1
// where x does not reach or has no maximum.
func matchPeriod(x []float32, t, period, lo, hi float64) (at, match, level float64) {
	from := int(math.Round(t - period/2))
	n := int(math.Round(period))
	if from < 0 || from+n > len(x) {
		return t, -1, 0
	}
	ref := x[from : from+n]
	var own float64
	for _, v := range ref {
		own += float64(v) * float64(v)
	}
	d0, d1 := int(math.Floor(lo-t)), int(math.Ceil(hi-t))
	d0, d1 = max(d0, -from), min(d1, len(x)-n-from)
	match = -1
	best := 0
	var r0, r1 float64 // correlations two and one shifts back
	for d := d0; d <= d1; d++ {
		r2 := correlation(ref, x[from+d:from+d+n], own)
		if d >= d0+2 && r1 >= r0 && r1 >= r2 && r1 > match {
			shift, value := parabola(r0, r1, r2)
			if value > match {
				at, match, best = t+float64(d-1)+shift, value, d-1
			}
		}
		r0, r1 = r1, r2
	}
	if match < 0 {
		return t, -1, 0
	}
	for _, v := range x[from+best : from+best+n] {
		level = max(level, math.Abs(float64(v)))
	}
	return at, match, level
}

// correlation returns the normalised correlation of a, whose power is own, with b of the same length.
func correlation(a, b []float32, own float64) float64 {
	var xy, yy float64
	b = b[:len(a)]
	for i, v := range a {
		w := float64(b[i])
		xy += float64(v) * w
		yy += w * w
	}
	if d := own * yy; d > 0 {
		return xy / math.Sqrt(d)
	}
	return 0
}
