package vad

import "github.com/timbre-voice/timbre/engine/timeline"

// Segmenter turns one probability per step into Start and End events with hysteresis. It is the only place where segments are
// decided: a live call and a file run the same code. Memory is fixed by MaxSegmentMs. Not safe for concurrent use.
type Segmenter struct {
	o            SegmentOptions
	kind         Kind
	on, off, pad int64 // steps, steps, samples
	back         int64 // steps by which a segment may begin before EntryProb is reached
	limit        int64 // steps, 0 = none
	at           int64 // steps seen
	state        segmentState
	first, last  int64     // first step of the open segment; the latest step at or above ExitProb
	heard        int64     // steps at or above ExitProb since first
	lead         int64     // steps at or above ExitProb just before now, while idle; at most back
	free         int64     // sample up to which a former segment reaches
	probs        []float32 // ring of the open segment's probabilities, when limit > 0
}

type segmentState uint8

const (
	idle    segmentState = iota
	waiting              // above EntryProb once, MinOnMs not yet reached
	open                 // Start told
)

// NewSegmenter returns a segmenter for events of one kind.
func NewSegmenter(o SegmentOptions, kind Kind) (*Segmenter, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	steps := func(ms int) int64 { return (int64(ms)*Rate/1000 + StepSamples - 1) / StepSamples }
	s := &Segmenter{o: o, kind: kind, on: max(1, steps(o.MinOnMs)), off: max(1, steps(o.MinOffMs)),
		pad: timeline.Samples(int64(o.PadMs), Rate), limit: int64(o.MaxSegmentMs) * Rate / 1000 / StepSamples}
	s.back = s.off
	if s.limit > 0 {
		s.back = min(s.off, s.limit/2)
		s.probs = make([]float32, s.limit)
	}
	return s, nil
}

// Push takes the probability of the next step and tells what it decides. known is the stream position at which that
// probability became known, and the end of the stream where the stream has ended: it is the At of the events, and no interval
// reaches past it. Push allocates nothing.
func (s *Segmenter) Push(p float32, known int64, emit func(Event)) {
	i := s.at
	s.at++
	above := float64(p) >= s.o.ExitProb
	if s.limit > 0 {
		s.probs[i%s.limit] = p
	}
	if s.state == idle {
		switch {
		case float64(p) >= s.o.EntryProb:
			s.state, s.first, s.heard = waiting, i-s.lead, s.lead
		case above:
			s.lead = min(s.lead+1, s.back)
		default:
			s.lead = 0
		}
		if s.state == idle {
			return
		}
	}
	if above {
		s.last = i
		s.heard++
	}
	if s.state == waiting && s.heard >= s.on {
		s.state = open
		emit(Event{Type: Start, Kind: s.kind, Interval: timeline.Interval{Start: s.start(), End: min(s.at*StepSamples, known)}, At: known})
	}
	switch {
	case i-s.last >= s.off:
		s.close((s.last+1)*StepSamples+s.pad, known, emit)
	case s.state == open && s.limit > 0 && s.at-s.first >= s.limit:
		s.split(known, emit)
	}
}

// Flush ends the stream at sample position end: what is open is closed there at the latest. The segmenter is then at its start
// state again, for another stream.
func (s *Segmenter) Flush(end int64, emit func(Event)) {
	if s.state == open {
		s.close((s.last+1)*StepSamples+s.pad, end, emit)
	}
	s.at, s.state, s.lead, s.free = 0, idle, 0, 0
}

// start is where the open segment begins, padding included.
func (s *Segmenter) start() int64 { return max(s.first*StepSamples-s.pad, s.free) }

func (s *Segmenter) close(end, known int64, emit func(Event)) {
	if s.state == open {
		end = min(end, known)
		emit(Event{Type: End, Kind: s.kind, Interval: timeline.Interval{Start: s.start(), End: end}, At: known})
		s.free = end
	}
	s.state, s.lead = idle, 0
}

// split ends the open segment at its least probable step past the middle and opens the next one there.
func (s *Segmenter) split(known int64, emit func(Event)) {
	cut, low := s.at-1, float32(2)
	for i := max(s.first+s.limit/2, s.at-s.limit); i < s.at; i++ {
		if p := s.probs[i%s.limit]; p < low {
			cut, low = i, p
		}
	}
	last := s.last
	s.close(cut*StepSamples, known, emit)
	s.state, s.first, s.heard = open, cut, 0
	s.last = max(last, cut)
	emit(Event{Type: Start, Kind: s.kind, Interval: timeline.Interval{Start: s.start(), End: min(s.at*StepSamples, known)}, At: known})
}
