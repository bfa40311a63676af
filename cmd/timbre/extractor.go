package main

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/models"
)

// vadModel is the network whose probabilities features --kind vad prints.
const vadModel = "vad-gru-v1"

// extractor turns samples into rows of one kind. The values given to emit are good until it returns.
type extractor struct {
	columns []string
	options string
	write   func(x []float32, emit func(timeMs float64, values []float32))
	flush   func(emit func(timeMs float64, values []float32))
}

// newExtractor returns the extractor of a kind for samples at rate.
func newExtractor(kind, preset string, rate int) (*extractor, error) {
	switch kind {
	case "mfcc":
		return streamExtractor(mfccPreset(preset, rate).Stream(), true)
	case "fbank":
		return streamExtractor(engine.StreamOptions{Fbank: fbankPreset(preset, rate)}, false)
	case "pitch":
		return pitchExtractor(rate)
	}
	return vadExtractor()
}

func mfccPreset(preset string, rate int) engine.MFCCOptions {
	switch preset {
	case "kaldi":
		return engine.KaldiMFCC(rate)
	case "librosa":
		return engine.LibrosaMFCC(rate)
	case "psf":
		return engine.PSFMFCC(rate)
	}
	return engine.DefaultMFCC(rate)
}

func fbankPreset(preset string, rate int) engine.FbankOptions {
	switch preset {
	case "kaldi":
		return engine.KaldiFbank(rate)
	case "librosa":
		return engine.LibrosaMelDB(rate)
	case "psf":
		return engine.PSFFbank(rate)
	}
	return engine.DefaultFbank(rate)
}

func streamExtractor(o engine.StreamOptions, cepstra bool) (*extractor, error) {
	s, err := engine.NewStream(o)
	if err != nil {
		return nil, err
	}
	e := &extractor{options: o.String()}
	if cepstra {
		e.columns = numbered("c%d", o.NumCols())
	} else {
		e.columns = numbered("mel%d", o.Fbank.Mel.NumBands)
	}
	half, rate := float64(o.Fbank.Frame.WindowSamples())/2, float64(o.Fbank.Frame.Rate)
	row := func(emit func(float64, []float32)) func(*engine.Frame) {
		return func(f *engine.Frame) {
			values := f.LogMel
			if cepstra {
				values = f.MFCC
			}
			emit((float64(f.Start)+half)*1000/rate, values)
		}
	}
	e.write = func(x []float32, emit func(float64, []float32)) { s.Write(x, row(emit)) }
	e.flush = func(emit func(float64, []float32)) { s.Flush(row(emit)) }
	return e, nil
}

func pitchExtractor(rate int) (*extractor, error) {
	o := engine.DefaultPitchOptions()
	o.Rate = rate
	t, err := engine.NewPitchTracker(o)
	if err != nil {
		return nil, err
	}
	values := make([]float32, 2)
	row := func(emit func(float64, []float32)) func(engine.PitchFrame) {
		return func(f engine.PitchFrame) {
			values[0], values[1] = absent, f.Strength
			if f.Voiced() {
				values[0] = f.F0Hz
			}
			emit(float64(f.Center)*1000/float64(rate), values)
		}
	}
	return &extractor{columns: []string{"f0_hz", "strength"}, options: o.String(),
		write: func(x []float32, emit func(float64, []float32)) { t.Write(x, row(emit)) },
		flush: func(emit func(float64, []float32)) { t.Flush(row(emit)) },
	}, nil
}

func vadExtractor() (*extractor, error) {
	m, err := models.Load(vadModel)
	if err != nil {
		return nil, err
	}
	net, err := vad.LoadNet(m.Tensors)
	if err != nil {
		return nil, err
	}
	s, err := vad.NewScorer(vad.DefaultOptions(), net)
	if err != nil {
		return nil, err
	}
	step := int64(0)
	values := make([]float32, 3)
	row := func(emit func(float64, []float32)) func(vad.Score) {
		return func(sc vad.Score) {
			values[0], values[1], values[2] = sc.Speech, sc.Music, sc.Noise
			emit((float64(step)+0.5)*vad.StepSamples*1000/vad.Rate, values)
			step++
		}
	}
	return &extractor{columns: []string{"speech", "music", "noise"}, options: fmt.Sprintf("model %s %s", m.Manifest.Name, m.Manifest.Version),
		write: func(x []float32, emit func(float64, []float32)) { s.Write(x, row(emit)) },
		flush: func(emit func(float64, []float32)) { s.Flush(row(emit)) },
	}, nil
}

func numbered(format string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i)
	}
	return names
}
