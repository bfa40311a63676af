package engine

import (
	"math"
	"math/bits"
)

// pitchCandidate is one possible answer for a frame. Candidate 0 of a frame is the unvoiced one, with hz 0.
type pitchCandidate struct {
	hz, octave float64 // frequency, and its logarithm to base 2
	strength   float64 // normalised autocorrelation
	local      float64 // strength after the octave cost: what the path collects for passing here
	total      float64 // what the best path to here has collected, relative to the best of the frame
	back       int     // candidate of the frame before that this path comes from
}

// pitchSlot is one frame of the trellis: cand[:n] are its candidates, choice the one decided on.
type pitchSlot struct {
	frame  PitchFrame
	cand   []pitchCandidate
	n      int
	choice int
}

// pitchPath decides between the candidates of successive frames by an online Viterbi search: the path that collects the most
// strength less the cost of its octave jumps and of its changes between voiced and unvoiced. Frames wait in a ring.
type pitchPath struct {
	ring  []pitchSlot
	count int64 // frames pushed
	done  int64 // frames decided and emitted
	lag   int64 // most frames that may wait behind the newest

	silence, voicing     float64 // thresholds
	jumpCost, changeCost float64 // per octave and per change, at this hop
}

// newPitchPath makes the ring for valid options.
func newPitchPath(o PitchOptions) *pitchPath {
	p := &pitchPath{
		ring:    make([]pitchSlot, o.MaxLagFrames()+2),
		lag:     int64(o.MaxLagFrames()),
		silence: o.SilenceThreshold,
		voicing: o.VoicingThreshold,
		// The costs are stated for 10 ms; shorter steps are more of them.
		jumpCost:   o.OctaveJumpCost * 10 / o.HopMs,
		changeCost: o.VoicingCost * 10 / o.HopMs,
	}
	for i := range p.ring {
		p.ring[i].cand = make([]pitchCandidate, o.MaxCandidates)
	}
	return p
}

func (p *pitchPath) reset() { p.count, p.done = 0, 0 }

// at returns the slot of frame i, which must be the one being filled or one still waiting.
func (p *pitchPath) at(i int64) *pitchSlot { return &p.ring[i%int64(len(p.ring))] }

// slot returns the slot that the next push takes in, to be filled.
func (p *pitchPath) slot() *pitchSlot { return p.at(p.count) }

// push takes the filled slot in and emits what it decides. level is the peak of the frame as a fraction of the running peak.
func (p *pitchPath) push(level float64, emit func(PitchFrame)) {
	s := p.slot()
	s.cand[0] = pitchCandidate{local: p.unvoiced(level)}
	p.count++
	p.extend(s)
	// Each survivor is one bit. Going back, paths merge; where one is left, that frame and all before it are decided.
	alive := p.survivors(s)
	at := p.count - 1
	for ; at >= p.done && bits.OnesCount64(alive) > 1; at-- {
		alive = p.parents(at, alive)
	}
	if at >= p.done {
		p.decide(at, bits.TrailingZeros64(alive), emit)
	}
	if p.count-p.done > p.lag {
		p.force(emit)
	}
}

// unvoiced returns the strength of the unvoiced candidate: the voicing threshold, and more in a frame near silence.
func (p *pitchPath) unvoiced(level float64) float64 {
	if p.silence <= 0 {
		return p.voicing
	}
	return p.voicing + max(0, 2-level*(1+p.voicing)/p.silence)
}

// extend finds the best way to every candidate of s, the newest frame.
func (p *pitchPath) extend(s *pitchSlot) {
	best := math.Inf(-1)
	for k := range s.cand[:s.n] {
		c := &s.cand[k]
		c.total, c.back = c.local, 0
		if p.count > 1 {
			var reach float64
			reach, c.back = p.reach(p.at(p.count-2), c)
			c.total += reach
		}
		best = max(best, c.total)
	}
	for k := range s.cand[:s.n] {
		s.cand[k].total -= best // keeps the sums small in a stream without end
	}
}

// reach returns the most that a path through the frame before collects by the time it steps to c, and where it passes there.
func (p *pitchPath) reach(before *pitchSlot, c *pitchCandidate) (total float64, from int) {
	total = math.Inf(-1)
	for k := range before.cand[:before.n] {
		b := &before.cand[k]
		cost := 0.0
		switch {
		case (b.hz == 0) != (c.hz == 0):
			cost = p.changeCost
		case b.hz != 0:
			cost = p.jumpCost * math.Abs(b.octave-c.octave)
		}
		if v := b.total - cost; v > total {
			total, from = v, k
		}
	}
	return total, from
}

// survivors returns the set of candidates of s that a path still reaches.
func (p *pitchPath) survivors(s *pitchSlot) uint64 {
	var set uint64
	for k := range s.cand[:s.n] {
		if !math.IsInf(s.cand[k].total, -1) {
			set |= 1 << k
		}
	}
	return set
}

// parents returns the candidates of frame i-1 that the paths through set in frame i come from.
func (p *pitchPath) parents(i int64, set uint64) uint64 {
	var out uint64
	for s := p.at(i); set != 0; set &= set - 1 {
		out |= 1 << s.cand[bits.TrailingZeros64(set)].back
	}
	return out
}

// decide fixes the path that ends in candidate k of frame i and emits its frames up to there.
func (p *pitchPath) decide(i int64, k int, emit func(PitchFrame)) {
	for j := i; j >= p.done; j-- {
		s := p.at(j)
		s.choice = k
		k = s.cand[k].back
	}
	for ; p.done <= i; p.done++ {
		p.emit(p.at(p.done), emit)
	}
}

// emit calls emit with the decided frame of s.
func (p *pitchPath) emit(s *pitchSlot, emit func(PitchFrame)) {
	if s.choice > 0 {
		c := s.cand[s.choice]
		s.frame.F0Hz, s.frame.Strength = float32(c.hz), float32(c.strength)
	} else {
		for _, c := range s.cand[1:s.n] {
			s.frame.Strength = max(s.frame.Strength, float32(c.strength))
		}
	}
	emit(s.frame)
}

// best returns the candidate of the newest frame with the greatest total.
func (p *pitchPath) best() int {
	s, k := p.at(p.count-1), 0
	for i := range s.cand[:s.n] {
		if s.cand[i].total > s.cand[k].total {
			k = i
		}
	}
	return k
}

// force decides the oldest waiting frame by the best path so far and ends every path that passes elsewhere there, so that
// what is decided later joins on to it.
func (p *pitchPath) force(emit func(PitchFrame)) {
	s := p.at(p.count - 1)
	keep := p.ancestor(p.best())
	for k := range s.cand[:s.n] {
		if p.ancestor(k) != keep {
			s.cand[k].total = math.Inf(-1)
		}
	}
	p.decide(p.done, keep, emit)
}

// ancestor returns the candidate of the oldest waiting frame on the path that ends in candidate k of the newest.
func (p *pitchPath) ancestor(k int) int {
	for i := p.count - 1; i > p.done; i-- {
		k = p.at(i).cand[k].back
	}
	return k
}

// flush emits every waiting frame along the best path.
func (p *pitchPath) flush(emit func(PitchFrame)) {
	if p.count > p.done {
		p.decide(p.count-1, p.best(), emit)
	}
}
