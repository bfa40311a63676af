package vad

import "github.com/timbre-voice/timbre/engine"

// Bands is the number of log-mel bands that every scorer sees per step.
const Bands = 32

// FrontEnd returns the features of a scorer: log-mel bands of 32 ms every 16 ms over the telephone band. The mean of a frame is
// removed, so a line's constant offset is not heard, and the floor lies under the noise of a mu-law line at rest, so digital
// silence looks like the quietest line. Weights carry this struct's text, and a network refuses to run on another.
func FrontEnd() engine.FbankOptions {
	return engine.FbankOptions{
		Frame: engine.FrameOptions{Rate: Rate, WindowMs: 1000 * WindowSamples / Rate, HopMs: 1000 * StepSamples / Rate, Scale: 1,
			RemoveDC: true, PreEmphScope: engine.PreEmphFrame, Window: engine.WindowHannPeriodic, Edges: engine.EdgesSnip},
		Mel: engine.MelOptions{NumBands: Bands, LowHz: 80, HighHz: 3900, Scale: engine.MelHTK, Shape: engine.MelShapeMel,
			Norm: engine.MelNormPeak},
		Spectrum: engine.SpectrumPower, Log: engine.LogNatural, Floor: 6e-6, // ln = -12
	}
}

// front turns samples into log-mel rows, one per step. Step i ends with sample (i+1)·StepSamples and its window reaches
// WindowSamples back from there, into zeros before the stream begins.
type front struct {
	stream *engine.Stream
	out    func(*engine.Frame)
	lead   [WindowSamples - StepSamples]float32
}

func newFront(out func(row []float32)) (*front, error) {
	s, err := engine.NewStream(engine.StreamOptions{Fbank: FrontEnd()})
	if err != nil {
		return nil, err
	}
	f := &front{stream: s, out: func(fr *engine.Frame) { out(fr.LogMel) }}
	f.reset()
	return f, nil
}

func (f *front) reset() {
	f.stream.Reset()
	f.stream.Write(f.lead[:], f.out) // completes no frame
}

func (f *front) write(x []float32) { f.stream.Write(x, f.out) }
