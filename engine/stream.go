package engine

import "math"

// Frame is what a Stream knows of one frame. The frame and its slices belong to the Stream and are good until emit returns.
type Frame struct {
	Index     int64      // t, from 0
	Start     int64      // position of the frame's first sample; below 0 where EdgeKind begins before the signal
	LogMel    []float32  // [M] log-mel features
	MFCC      []float32  // [NumCols] cepstra, deltas, delta-deltas; nil when not asked for
	LevelDBFS float32    // root mean square of the samples before any processing, see LevelDBFS; padding does not count
	Shape     Shape      // spectral shape; zero when not asked for
	Pitch     PitchFrame // pitch frame whose middle is nearest to this frame's; zero when not asked for or when there is none
}

// Stream extracts the features of one channel as its samples arrive. Batch extraction is a Stream and Flush, so both yield the
// same values bit for bit, however the samples are cut.
//
// A frame comes out once its last sample, and the later frames that its derivatives, normalisation and pitch look at, are there:
// StreamOptions.LagFrames at most. NewStream allocates; Write and Flush do not. Values that are not numbers read as silence in
// LogMel and LevelDBFS. Not safe for concurrent use: make one Stream per channel.
type Stream struct {
	o      StreamOptions
	in     framer
	spec   *spectrum
	fb     *fbank
	cep    *cepstra // nil without Cepstra
	deltas [][]float64
	acc    []float64 // [NumCeps]
	shape  *shaper   // nil without Shape
	plain  *spectrum // spectrum of the shape: spec, or its own when spec has pre-emphasis
	pitch  *pitchLane

	// Frames wait in a ring of fixed slots: frame t is in ring[t % len(ring)]. emitted <= derived <= computed.
	ring                       []Frame
	computed, derived, emitted int64
	total                      int64 // frames in all, math.MaxInt64 while the signal goes on

	logMel, mfcc       *slidingSums // nil without normalisation
	logMelRow, mfccRow func(int64) []float32
	out                Frame // what emit sees; its slices are its own only where frames are normalised
}

// NewStream returns a Stream at the start of a signal, or the problems of o.
func NewStream(o StreamOptions) (*Stream, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Stream{o: o, total: math.MaxInt64}
	var err error
	if s.spec, err = newSpectrum(o.Fbank.Frame); err != nil {
		return nil, err
	}
	if s.fb, err = newFbank(o.Fbank); err != nil {
		return nil, err
	}
	if o.Cepstra != nil {
		if s.cep, err = newCepstra(*o.Cepstra, o.Fbank.Mel.NumBands); err != nil {
			return nil, err
		}
		s.deltas, s.acc = o.Deltas.kernels(), make([]float64, o.Cepstra.NumCeps)
	}
	if o.Shape != nil {
		s.plain = s.spec
		if o.Fbank.Frame.PreEmph != 0 {
			f := o.Fbank.Frame
			f.PreEmph = 0
			if s.plain, err = newSpectrum(f); err != nil {
				return nil, err
			}
		}
		s.shape = newShaper(*o.Shape, s.plain)
	}
	if o.Pitch != nil {
		if s.pitch, err = newPitchLane(o); err != nil {
			return nil, err
		}
	}
	s.in = newFramer(o.Fbank.Frame)
	s.makeRing()
	return s, nil
}

// makeRing sizes the ring: frames that wait for later ones, and frames already out that derivatives and sums still look back at.
func (s *Stream) makeRing() {
	m, d := s.o.Fbank.Mel.NumBands, s.o.NumCols()
	slots := s.o.LagFrames() + s.o.Deltas.Lag() + 2
	back := 0
	if c := s.o.LogMelCMVN; c != nil {
		back = max(back, c.WindowFrames)
		s.logMel, s.out.LogMel = newSlidingSums(*c, m), make([]float32, m)
		s.logMelRow = func(t int64) []float32 { return s.at(t).LogMel }
	}
	if c := s.o.CepstraCMVN; c != nil {
		back = max(back, c.WindowFrames)
		s.mfcc, s.out.MFCC = newSlidingSums(*c, d), make([]float32, d)
	}
	if s.cep != nil {
		s.mfccRow = func(t int64) []float32 { return s.at(t).MFCC }
	}
	s.ring = make([]Frame, slots+back+1)
	for i := range s.ring {
		f := &s.ring[i]
		f.LogMel = make([]float32, m)
		if s.cep != nil {
			f.MFCC = make([]float32, d)
		}
		if s.shape != nil {
			f.Shape = s.shape.newShape()
		}
	}
}

func (s *Stream) at(t int64) *Frame { return &s.ring[int(t%int64(len(s.ring)))] }

// Options returns the options s was made with.
func (s *Stream) Options() StreamOptions { return s.o }

// Write takes the next samples of mono PCM in [-1, 1] at Frame.Rate and calls emit, in order, for each frame that they complete.
// x is not kept. emit must not call s. Any length is fine, 0 included.
func (s *Stream) Write(x []float32, emit func(*Frame)) {
	if s.pitch != nil {
		s.pitch.fresh = s.pitch.fresh[:0]
	}
	for len(x) > 0 {
		n := s.in.take(x)
		if s.pitch != nil {
			s.pitch.write(x[:n])
		}
		x = x[n:]
		for s.in.ready() {
			s.compute(emit)
		}
		s.in.drop()
	}
}

// Flush ends the signal: it emits the frames that only its end decides, T = NumFrames of all samples in all, and resets s, so that
// the next Write begins another signal.
func (s *Stream) Flush(emit func(*Frame)) {
	s.total = s.in.grid.numFrames(s.in.n)
	if s.pitch != nil {
		s.pitch.fresh = s.pitch.fresh[:0]
		s.pitch.flush()
	}
	for s.computed < s.total {
		s.compute(emit)
		s.in.drop()
	}
	s.advance(emit)
	s.Reset()
}

// SettledPitch returns the pitch frames that the last Write or Flush settled, in order, borrowed until the next of either. All of
// them make the track of a PitchTracker with the same options, of which Frame.Pitch has the nearest to each frame. It is empty
// without StreamOptions.Pitch.
func (s *Stream) SettledPitch() []PitchFrame {
	if s.pitch == nil {
		return nil
	}
	return s.pitch.fresh
}

// Reset forgets everything heard; the next sample is sample 0 again.
func (s *Stream) Reset() {
	s.in.reset()
	s.computed, s.derived, s.emitted, s.total = 0, 0, 0, math.MaxInt64
	if s.shape != nil {
		s.shape.reset()
	}
	for _, c := range []*slidingSums{s.logMel, s.mfcc} {
		if c != nil {
			c.reset()
		}
	}
	if s.pitch != nil {
		s.pitch.reset()
	}
}

// compute does all that one frame needs of its own samples, then lets go what is ready.
func (s *Stream) compute(emit func(*Frame)) {
	samples, real := s.in.frame()
	f := s.at(s.computed)
	f.Index, f.Start = s.computed, s.in.at
	m := momentsOf(samples[1:])
	f.LevelDBFS = levelOf(m.squares, real)
	valid := len(samples) - 1
	if e := s.in.grid.edges; e != EdgesReflect {
		valid = int(min(max(s.in.n-f.Start, 0), int64(valid)))
	}
	s.spec.compute(samples, valid, m)
	s.fb.compute(f.LogMel, s.spec.power)
	if s.cep != nil {
		c := f.MFCC[:s.o.Cepstra.NumCeps]
		s.cep.d.transform(c, f.LogMel)
		if s.o.Cepstra.C0 != C0Cepstrum {
			c[0] = s.cep.energy(s.spec, m, s.o.Fbank.Spectrum)
		}
	}
	if s.shape != nil {
		if s.plain != s.spec {
			s.plain.compute(samples, valid, m)
		}
		s.shape.compute(&f.Shape, s.plain.power)
	}
	s.in.step()
	s.computed++
	s.advance(emit)
}

// advance derives and emits every frame whose later neighbours are there.
func (s *Stream) advance(emit func(*Frame)) {
	end := s.total
	if s.computed < end {
		end = math.MaxInt64 // the last frame is not there yet: treat the signal as going on
	}
	if len(s.deltas) == 0 {
		s.derived = s.computed
	} else {
		for lag := int64(s.o.Deltas.Lag()); s.derived < s.computed && (s.derived+lag < s.computed || end == s.computed); s.derived++ {
			appendDeltas(s.deltas, s.acc, s.mfccRow, s.derived, s.computed)
		}
	}
	for s.emitted < s.derived && s.settled(s.logMel, s.computed, end) && s.settled(s.mfcc, s.derived, end) {
		f := s.at(s.emitted)
		if s.pitch != nil {
			p, ok := s.pitch.beside(f.Start)
			if !ok {
				return
			}
			f.Pitch = p
		}
		s.emit(f, end, emit)
	}
}

// settled reports whether the window of the next frame lies within the frames there are.
func (s *Stream) settled(c *slidingSums, there, end int64) bool {
	if c == nil {
		return true
	}
	_, hi := c.o.window(s.emitted, end)
	return hi <= there
}

func (s *Stream) emit(f *Frame, end int64, emit func(*Frame)) {
	out := *f
	if s.logMel != nil {
		out.LogMel = s.out.LogMel
		s.logMel.normalise(out.LogMel, s.logMelRow, f.Index, end)
	}
	if s.mfcc != nil {
		out.MFCC = s.out.MFCC
		s.mfcc.normalise(out.MFCC, s.mfccRow, f.Index, end)
	}
	s.emitted++
	s.out = out
	emit(&s.out)
}
