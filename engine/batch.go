package engine

import "slices"

// Frames returns the frames of x, mono PCM in [-1, 1]. It is a Stream fed in one piece and flushed; the frames own their slices.
func Frames(o StreamOptions, x []float32) ([]Frame, error) {
	s, err := NewStream(o)
	if err != nil {
		return nil, err
	}
	out := make([]Frame, 0, o.Fbank.Frame.NumFrames(int64(len(x))))
	keep := func(f *Frame) { out = append(out, f.Clone()) }
	s.Write(x, keep)
	s.Flush(keep)
	return out, nil
}

// Clone returns a copy of f that owns its slices.
func (f *Frame) Clone() Frame {
	c := *f
	c.LogMel, c.MFCC = slices.Clone(f.LogMel), slices.Clone(f.MFCC)
	c.Shape.SlopesDBPerKHz, c.Shape.BandsDBFS = slices.Clone(f.Shape.SlopesDBPerKHz), slices.Clone(f.Shape.BandsDBFS)
	return c
}

// Extract returns one row per frame of x, mono PCM in [-1, 1]: the MFCC with their derivatives when o asks for cepstra, else the
// log-mel features. T×D row-major with T = NumFrames(len(x)). It is a Stream fed in one piece and flushed.
func Extract(o StreamOptions, x []float32) (*Matrix, error) {
	s, err := NewStream(o)
	if err != nil {
		return nil, err
	}
	m := &Matrix{Cols: o.NumCols()}
	if o.Cepstra == nil {
		m.Cols = o.Fbank.Mel.NumBands
	}
	m.Data = make([]float32, 0, int(o.Fbank.Frame.NumFrames(int64(len(x))))*m.Cols)
	keep := func(f *Frame) {
		if o.Cepstra == nil {
			m.append(f.LogMel)
		} else {
			m.append(f.MFCC)
		}
	}
	s.Write(x, keep)
	s.Flush(keep)
	return m, nil
}

// LogMel returns the log-mel features of x, T×M. It is Extract without cepstra.
func LogMel(o FbankOptions, x []float32) (*Matrix, error) {
	return Extract(StreamOptions{Fbank: o}, x)
}

// MFCC returns the cepstra of x, T×NumCeps, c0 first. It is Extract without derivatives.
func MFCC(o MFCCOptions, x []float32) (*Matrix, error) { return Extract(o.Stream(), x) }
