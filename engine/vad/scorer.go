package vad

// Score is the probability of each class in one step. They do not add up to one: speech over hold music is both.
type Score struct {
	Speech, Music, Noise float32
}

// Scorer gives one Score per step of one channel. Not safe for concurrent use; scorers of one Net may run side by side.
type Scorer struct {
	front  *front
	net    *Net
	state  *netState
	energy energy
	emit   func(Score)
	delay  int // steps that scores lag behind the window
	skip   int // scores still to swallow at the start, so that step i is the i-th told
	fill   int // samples in the unfinished step
	zeros  [StepSamples]float32
}

// NewScorer returns a scorer with the network, or with the plain energy and spectrum detector when net is nil.
func NewScorer(o Options, net *Net) (*Scorer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Scorer{net: net}
	var err error
	if s.front, err = newFront(s.step); err != nil {
		return nil, err
	}
	if net != nil {
		s.delay = net.delay
		s.state = net.newState()
	}
	s.Reset()
	return s, nil
}

// DelaySamples returns how long after the last sample of a step its score is told: 0 for the energy detector.
func (s *Scorer) DelaySamples() int64 { return int64(s.delay) * StepSamples }

// Reset puts the scorer back to the start of a stream.
func (s *Scorer) Reset() {
	s.front.reset()
	s.energy.reset()
	if s.net != nil {
		s.net.reset(s.state)
	}
	s.skip, s.fill = s.delay, 0
}

// Write takes samples in [-1, 1] and calls emit for every step whose score is now known, in order. It allocates nothing.
func (s *Scorer) Write(x []float32, emit func(Score)) {
	s.emit = emit
	s.front.write(x)
	s.emit = nil
	s.fill = (s.fill + len(x)) % StepSamples
}

// Flush tells the scores of the steps not told yet, the last one filled up with silence, and resets the scorer: n samples in
// all give ceil(n/StepSamples) scores.
func (s *Scorer) Flush(emit func(Score)) {
	if s.fill > 0 {
		s.Write(s.zeros[s.fill:], emit)
	}
	for range s.delay {
		s.Write(s.zeros[:], emit)
	}
	s.Reset()
}

func (s *Scorer) step(row []float32) {
	sc := Score{}
	if s.net != nil {
		sc = s.net.step(s.state, row)
	} else {
		sc = s.energy.score(row)
	}
	if s.skip > 0 {
		s.skip--
		return
	}
	s.emit(sc)
}

// Probabilities returns the probability of speech in each step of x: ceil(len(x)/StepSamples) values, the i-th for samples
// i·StepSamples up to (i+1)·StepSamples.
func Probabilities(o Options, net *Net, x []float32) ([]float32, error) {
	s, err := NewScorer(o, net)
	if err != nil {
		return nil, err
	}
	out := make([]float32, 0, (len(x)+StepSamples-1)/StepSamples)
	emit := func(sc Score) { out = append(out, sc.Speech) }
	s.Write(x, emit)
	s.Flush(emit)
	return out, nil
}
