package engine

// pitchLane runs a PitchTracker beside the frames and answers which pitch frame stands nearest to one of them. Settled pitch
// frames wait in a ring until the frames have caught up.
type pitchLane struct {
	t      *PitchTracker
	hop    int64
	middle int64 // of pitch frame 0
	half   int64 // half a spectral window
	ring   []PitchFrame
	fresh  []PitchFrame // settled by the last write or flush of the stream
	count  int64        // pitch frames settled
	ended  bool
	keep   func(PitchFrame) // made once: a method value would allocate on each Write
}

func newPitchLane(o StreamOptions) (*pitchLane, error) {
	t, err := NewPitchTracker(*o.Pitch)
	if err != nil {
		return nil, err
	}
	f := o.Fbank.Frame
	l := &pitchLane{t: t, hop: int64(o.Pitch.HopSamples()), middle: int64(o.Pitch.FrameSamples() / 2), half: int64(f.WindowSamples() / 2)}
	// the tracker runs ahead of the oldest waiting frame by that frame's lag, its window and one chunk of input
	ahead := (o.LagFrames()+2)*f.HopSamples() + f.WindowSamples() + f.FFTSamples() + framerChunk
	l.ring = make([]PitchFrame, ahead/int(l.hop)+4)
	l.keep = func(p PitchFrame) {
		l.ring[int(l.count%int64(len(l.ring)))] = p
		l.fresh = append(l.fresh, p)
		l.count++
	}
	return l, nil
}

func (l *pitchLane) write(x []float32) { l.t.Write(x, l.keep) }

func (l *pitchLane) flush() {
	l.t.Flush(l.keep)
	l.ended = true
}

func (l *pitchLane) reset() {
	l.t.Reset()
	l.count, l.ended = 0, false
}

// beside returns the pitch frame nearest to the middle of the frame that starts at start, the later one when two are as near. ok is
// false while it is not settled. A frame after the last pitch frame gets the last one.
func (l *pitchLane) beside(start int64) (p PitchFrame, ok bool) {
	i := max((start+l.half-l.middle+l.hop/2)/l.hop, 0)
	if i >= l.count {
		if !l.ended {
			return PitchFrame{}, false
		}
		if l.count == 0 {
			return PitchFrame{}, true
		}
		i = l.count - 1
	}
	return l.ring[int(i%int64(len(l.ring)))], true
}
