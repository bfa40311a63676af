package vad

// Detector finds speech and the other sounds of one channel while its samples arrive. Not safe for concurrent use: one
// Detector per channel; detectors may share one Net.
type Detector struct {
	scorer               *Scorer
	speech, music, noise *Segmenter
	tones                *tones
	samples              int64 // written so far
	ended                bool
	told                 int64   // scores told so far
	scores               []Score // of the last Write or Flush
	onScore              func(Score)
	emit                 func(Event)
}

// NewDetector returns a detector with the network, or with the plain energy and spectrum detector when net is nil. Without a
// network there are no hold_music events and no noise events other than tones.
func NewDetector(o Options, net *Net) (*Detector, error) {
	scorer, err := NewScorer(o, net) // validates o
	if err != nil {
		return nil, err
	}
	d := &Detector{scorer: scorer}
	if d.speech, err = NewSegmenter(o.Speech, KindSpeech); err != nil {
		return nil, err
	}
	if net != nil {
		if d.music, err = NewSegmenter(o.Music, KindHoldMusic); err != nil {
			return nil, err
		}
		if d.noise, err = NewSegmenter(o.Noise, KindNoise); err != nil {
			return nil, err
		}
	}
	if o.Tones {
		if d.tones, err = newTones(); err != nil {
			return nil, err
		}
	}
	d.onScore = d.score // bound once: a method value made per call would allocate
	return d, nil
}

// Write takes samples in [-1, 1] and calls emit for every event that they decide, before it returns. Events of one kind come in
// order; those of different kinds may overlap in time, as speech over hold music does. It allocates nothing.
func (d *Detector) Write(x []float32, emit func(Event)) {
	d.emit, d.scores = emit, d.scores[:0]
	for len(x) > 0 {
		// One step at a time keeps the order of events of different kinds the same however the samples are cut.
		n := min(len(x), StepSamples-int(d.samples%StepSamples))
		d.samples += int64(n)
		if d.tones != nil { // first: tones tell inside a step, scores at its end
			d.tones.write(x[:n], emit)
		}
		d.scorer.Write(x[:n], d.onScore)
		x = x[n:]
	}
	d.emit = nil
}

// Flush ends the stream: everything still open gets its End. The detector is then ready for another stream that begins at 0.
func (d *Detector) Flush(emit func(Event)) {
	d.emit, d.ended, d.scores = emit, true, d.scores[:0]
	d.scorer.Flush(d.onScore)
	for _, s := range []*Segmenter{d.speech, d.music, d.noise} {
		if s != nil {
			s.Flush(d.samples, emit)
		}
	}
	if d.tones != nil {
		d.tones.flush(emit)
	}
	d.emit, d.ended, d.samples, d.told = nil, false, 0, 0
}

// Scores returns what the last Write or Flush scored, a step each, in order, as a Scorer of the same options and network tells them:
// whoever needs another segmentation of the channel need not score it again. Borrowed until the next Write or Flush.
func (d *Detector) Scores() []Score { return d.scores }

// DelaySamples returns how long after the last sample of a step its score is told.
func (d *Detector) DelaySamples() int64 { return d.scorer.DelaySamples() }

func (d *Detector) score(s Score) {
	d.told++
	d.scores = append(d.scores, s)
	known := d.told*StepSamples + d.scorer.DelaySamples()
	if d.ended {
		known = d.samples
	}
	d.speech.Push(s.Speech, known, d.emit)
	if d.music != nil {
		d.music.Push(s.Music, known, d.emit)
		// A rough voice scores as noise too; noise is told from where nobody speaks, and MinOffMs carries it over short talk.
		d.noise.Push(s.Noise*(1-s.Speech), known, d.emit)
	}
}
