package engine

import "math"

// peakFloor is the least value that the running peak takes, -40 dBFS: with the default silence threshold a line that never
// carries more than -70 dBFS is silence, however periodic its hum.
const peakFloor = 0.01

// PitchTracker follows the pitch of one channel as its samples arrive.
//
// Each frame is analysed by the method of Boersma (1993): the autocorrelation of a windowed frame, divided by that of the
// window, has its maxima at the candidates for the period; a Viterbi path through the candidates of all frames, the unvoiced
// one among them, decides. Three things differ from the paper and from Praat.
//
// A frame is decided as soon as every surviving path agrees on it, a few frames later as a rule, and after MaxLagMs at the
// latest by the best of them, because a stream knows no future.
//
// The silence term compares the peak of a frame with a running peak, the greatest so far with a half-life of PeakHalfLifeMs, not
// with that of the whole recording. It never falls below -40 dBFS, so that the noise before the first word is not taken for
// the loudest sound so far.
//
// Steady noise is weighed down in the spectrum before correlating (NoiseFactor), which keeps weak voiced frames voiced on a
// noisy line; in a clean one the weights are near 1.
//
// All of it is driven by frames alone: the frames that come out do not depend on how the samples were cut into calls of Write.
// After the first call nothing is allocated. Not safe for concurrent use; make one per channel.
type PitchTracker struct {
	o    PitchOptions
	corr *pitchCorrelator
	path *pitchPath

	hop, half, frame int
	decay            float64 // of the running peak, per frame

	buf   []float32 // samples from position start on, with room for many frames
	start int64     // position of buf[0]; below 0 at first, for the silence before the first sample
	total int64     // samples written so far
	next  int64     // frame to be analysed next
	peak  float64   // running peak
}

// NewPitchTracker returns a tracker at sample 0. The errors are those of o.Validate.
func NewPitchTracker(o PitchOptions) (*PitchTracker, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	corr, err := newPitchCorrelator(o)
	if err != nil {
		return nil, err
	}
	t := &PitchTracker{
		o:     o,
		corr:  corr,
		path:  newPitchPath(o),
		hop:   o.HopSamples(),
		half:  o.halfWindow(),
		frame: o.FrameSamples(),
		decay: math.Exp2(-o.HopMs / o.PeakHalfLifeMs),
	}
	t.buf = make([]float32, 0, max(8*t.half, 4*t.hop+2*t.half)+t.frame)
	t.Reset()
	return t, nil
}

// Options returns the options that t was made with.
func (t *PitchTracker) Options() PitchOptions { return t.o }

// Reset forgets everything heard; the next sample is sample 0 again.
func (t *PitchTracker) Reset() {
	lead := max(t.half-t.frame/2, 0)
	t.buf = t.buf[:lead]
	clear(t.buf)
	t.start, t.total, t.next, t.peak = -int64(lead), 0, 0, peakFloor
	if t.corr.noise != nil {
		t.corr.noise.reset()
	}
	t.path.reset()
}

// Write takes the next samples of mono PCM in [-1, 1] and calls emit, in order, for each frame that they decide. x is not
// kept. emit must not call t.
func (t *PitchTracker) Write(x []float32, emit func(PitchFrame)) {
	t.total += int64(len(x))
	t.feed(x, emit)
}

// feed appends x to the buffer in pieces that fit and analyses every frame whose window is complete.
func (t *PitchTracker) feed(x []float32, emit func(PitchFrame)) {
	for len(x) > 0 {
		n := min(len(x), cap(t.buf)-len(t.buf))
		t.buf = append(t.buf, x[:n]...)
		x = x[n:]
		for t.analyse(emit) {
		}
		t.drop()
	}
}

// center returns the middle sample of frame i.
func (t *PitchTracker) center(i int64) int64 { return i*int64(t.hop) + int64(t.frame/2) }

// needs returns the position behind the last sample that frame i needs: its window and the spectral frame beside it.
func (t *PitchTracker) needs(i int64) int64 {
	return max(t.center(i)+int64(t.half), i*int64(t.hop)+int64(t.frame))
}

// analyse takes the next frame when it has what it needs and reports whether it had.
func (t *PitchTracker) analyse(emit func(PitchFrame)) bool {
	if t.needs(t.next) > t.start+int64(len(t.buf)) {
		return false
	}
	c := t.center(t.next)
	from := c - int64(t.half) - t.start
	to := from + int64(2*t.half)
	slot := t.path.slot()
	slot.frame = PitchFrame{Index: t.next, Center: c}
	peak := t.corr.analyse(t.buf[from:to], slot)
	t.peak = max(peak, t.peak*t.decay, peakFloor)
	t.path.push(min(peak/t.peak, 1), emit)
	t.next++
	return true
}

// drop forgets the samples before the window of the next frame.
func (t *PitchTracker) drop() {
	n := min(t.center(t.next)-int64(t.half)-t.start, int64(len(t.buf)))
	if n <= 0 {
		return
	}
	t.buf = t.buf[:copy(t.buf, t.buf[n:])]
	t.start += n
}

// Flush ends the stream: it analyses the frames that still lack samples after their middle with silence in their place, so
// that T = NumFrames of all samples written, emits every frame not yet decided, and resets t.
func (t *PitchTracker) Flush(emit func(PitchFrame)) {
	var silence [64]float32
	for want := t.o.NumFrames(t.total); t.next < want; {
		missing := t.needs(t.next) - t.start - int64(len(t.buf))
		for missing > 0 {
			n := min(missing, int64(len(silence)))
			missing -= n
			t.buf = append(t.buf, silence[:n]...)
		}
		t.analyse(emit)
		t.drop()
	}
	t.path.flush(emit)
	t.Reset()
}
