package sentiment

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine"
)

// Reader takes the features of one segment while its samples arrive. NewReader allocates; after that memory grows to the longest
// segment read. Not safe for concurrent use: make one Reader per channel.
type Reader struct {
	stream  *engine.Stream
	cepstra *engine.Stream
	frames  Descriptors
	track   []engine.PitchFrame
	keep    func(*engine.Frame)
	keepCep func(*engine.Frame)
	work    functionals
}

// NewReader returns a Reader before the first sample of a segment.
func NewReader() (*Reader, error) {
	s, err := engine.NewStream(descriptorOptions())
	if err != nil {
		return nil, fmt.Errorf("sentiment: %w", err)
	}
	c, err := engine.NewStream(cepstraOptions())
	if err != nil {
		return nil, fmt.Errorf("sentiment: %w", err)
	}
	r := &Reader{stream: s, cepstra: c}
	r.keep = r.frames.add // made once: a method value would allocate on each Write
	r.keepCep = func(f *engine.Frame) { r.frames.Cepstra = append(r.frames.Cepstra, f.MFCC...) }
	return r, nil
}

// Write takes the next samples of the segment, mono PCM in [-1, 1] at Rate. Any cut gives the same frames.
func (r *Reader) Write(x []float32) {
	r.stream.Write(x, r.keep)
	r.cepstra.Write(x, r.keepCep)
	r.track = append(r.track, r.stream.SettledPitch()...)
}

// Flush ends the segment: the frames that waited for later ones come out. The next Write begins another segment after Reset.
func (r *Reader) Flush() {
	r.stream.Flush(r.keep)
	r.cepstra.Flush(r.keepCep)
	r.track = append(r.track, r.stream.SettledPitch()...)
}

// Reset forgets the segment.
func (r *Reader) Reset() {
	r.stream.Reset()
	r.cepstra.Reset()
	r.frames.reset()
	r.track = r.track[:0]
}

// Frames returns the descriptors so far, borrowed until the next Write, Flush or Reset. Before Flush the last second may be missing:
// it waits for the pitch.
func (r *Reader) Frames() *Descriptors { return &r.frames }

// Pitch returns the pitch track behind the frames, that of an engine.PitchTracker with the default options at Rate, borrowed as Frames
// is. It is whole after Flush.
func (r *Reader) Pitch() []engine.PitchFrame { return r.track }

// Functionals fills dst, NumFunctionals values, with the functionals of the frames so far; NaN where there is too little to tell.
// No model is asked: the learned functionals are Scorer.Measure's.
func (r *Reader) Functionals(dst []float64) { r.work.compute(dst, &r.frames) }

// Measure fills dst with the functionals of other frames, as those of several segments joined.
func (r *Reader) Measure(dst []float64, d *Descriptors) { r.work.compute(dst, d) }

// Read returns the functionals and the descriptors of the segment x in one piece.
func (r *Reader) Read(dst []float64, x []float32) *Descriptors {
	r.Reset()
	r.Write(x)
	r.Flush()
	r.Functionals(dst)
	return &r.frames
}
