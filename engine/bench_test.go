package engine

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// speechLike returns seconds of a gliding harmonic tone with syllables and noise, so that no stage sees silence only.
func speechLike(rate int, seconds float64, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 3))
	x := make([]float32, int(seconds*float64(rate)))
	phase := 0.0
	for i := range x {
		t := float64(i) / float64(rate)
		phase += 2 * math.Pi * (130 + 40*math.Sin(2*math.Pi*0.7*t)) / float64(rate)
		v := 0.0
		for h := 1; h <= 12; h++ {
			v += math.Sin(float64(h)*phase) / float64(h)
		}
		loud := 0.5 + 0.5*math.Sin(2*math.Pi*4*t)
		x[i] = float32(0.2*loud*v + 0.005*r.NormFloat64())
	}
	return x
}

// reportRealtime states how many seconds of audio one second of this core gets through, when each iteration is so many.
func reportRealtime(b *testing.B, seconds float64) {
	b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}

// benchFrames runs one stage on one frame of 10 ms at a time.
func benchFrames(b *testing.B, bytes int, stage func(t int)) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(bytes))
	t := 0
	for b.Loop() {
		stage(t)
		t++
	}
	reportRealtime(b, 0.01)
}

// BenchmarkStage times every stage of the default features at 8 kHz by itself.
func BenchmarkStage(b *testing.B) {
	o := DefaultMFCC(8000)
	x := speechLike(8000, 4, 1)
	spec, err := newSpectrum(o.Fbank.Frame)
	if err != nil {
		b.Fatal(err)
	}
	fb, err := newFbank(o.Fbank)
	if err != nil {
		b.Fatal(err)
	}
	cep, err := newCepstra(o.CepstraOptions, o.Fbank.Mel.NumBands)
	if err != nil {
		b.Fatal(err)
	}
	frame := func(t int) []float32 { at := 80 * (t % 390); return x[at : at+201] }
	logMel, mfcc := make([]float32, 40), make([]float32, 20)
	spec.compute(frame(7), 200, momentsOf(frame(7)[1:]))
	fb.compute(logMel, spec.power)

	b.Run("framing", func(b *testing.B) {
		f := newFramer(o.Fbank.Frame)
		benchFrames(b, 320, func(t int) {
			f.take(frame(t)[:80])
			for f.ready() {
				f.frame()
				f.step()
			}
			f.drop()
		})
	})
	b.Run("level", func(b *testing.B) { benchFrames(b, 800, func(t int) { LevelDBFS(frame(t)[1:]) }) })
	b.Run("window_fft_power", func(b *testing.B) {
		benchFrames(b, 800, func(t int) { f := frame(t); spec.compute(f, 200, momentsOf(f[1:])) })
	})
	b.Run("mel_bank", func(b *testing.B) { benchFrames(b, 8*129, func(int) { fb.bank.Apply(fb.band, spec.power) }) })
	b.Run("mel_bank_log", func(b *testing.B) { benchFrames(b, 8*129, func(int) { fb.compute(logMel, spec.power) }) })
	b.Run("dct_lifter", func(b *testing.B) { benchFrames(b, 160, func(int) { cep.d.transform(mfcc, logMel) }) })

	m, err := MFCC(o, x)
	if err != nil {
		b.Fatal(err)
	}
	deltas, acc := DefaultDeltas().kernels(), make([]float64, 20)
	wide := NewMatrix(m.Rows, 60)
	for t := range m.Rows {
		copy(wide.Row(t), m.Row(t))
	}
	row := func(t int64) []float32 { return wide.Row(int(t)) }
	b.Run("deltas", func(b *testing.B) {
		benchFrames(b, 80, func(t int) { appendDeltas(deltas, acc, row, int64(t%wide.Rows), int64(wide.Rows)) })
	})
	b.Run("cmvn", func(b *testing.B) {
		s := NewCMVNStats(60)
		benchFrames(b, 240, func(t int) { r := row(int64(t % wide.Rows)); s.Add(r); s.Apply(r, true) })
	})
	b.Run("sliding_cmvn", func(b *testing.B) {
		s, dst := newSlidingSums(SlidingCMVNOptions{WindowFrames: 300, MinFrames: 1, NormVar: true}, 60), make([]float32, 60)
		ring := func(t int64) []float32 { return wide.Row(int(t % int64(wide.Rows))) }
		benchFrames(b, 240, func(t int) { s.normalise(dst, ring, int64(t), math.MaxInt64) })
	})
	b.Run("shape", func(b *testing.B) {
		h := newShaper(DefaultShape(8000), spec)
		s := h.newShape()
		benchFrames(b, 8*129, func(int) { h.compute(&s, spec.power) })
	})
	b.Run("loudness", func(b *testing.B) {
		l, err := NewLoudness(8000)
		if err != nil {
			b.Fatal(err)
		}
		benchFrames(b, 320, func(t int) { l.Write(frame(t)[:80]) })
	})
}

func benchStream(b *testing.B, o StreamOptions, x []float32) {
	b.Helper()
	s, err := NewStream(o)
	if err != nil {
		b.Fatal(err)
	}
	frames := 0
	emit := func(*Frame) { frames++ }
	b.ReportAllocs()
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		s.Write(x, emit)
		s.Flush(emit)
	}
	reportRealtime(b, float64(len(x))/float64(o.Fbank.Frame.Rate))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
}

// BenchmarkStream times whole extractors, 10 s of audio per iteration.
func BenchmarkStream(b *testing.B) {
	full := func(rate int, pitch bool) StreamOptions {
		o := DefaultStream(rate)
		shape, norm, p := DefaultShape(rate), DefaultSlidingCMVN(), DefaultPitchOptions()
		o.Shape, o.CepstraCMVN, o.Deltas = &shape, &norm, DefaultDeltas()
		if pitch {
			p.Rate = rate
			o.Pitch = &p
		}
		return o
	}
	for _, c := range []struct {
		name string
		o    StreamOptions
	}{
		{"mfcc/default_8k", DefaultStream(8000)},
		{"mfcc/default_16k", DefaultStream(16000)},
		{"mfcc/psf_8k", PSFMFCC(8000).Stream()},
		{"logmel/default_8k", StreamOptions{Fbank: DefaultFbank(8000)}},
		{"logmel/default_16k", StreamOptions{Fbank: DefaultFbank(16000)}},
		{"mfcc_deltas_cmvn_shape/default_8k", full(8000, false)},
		{"mfcc_deltas_cmvn_shape_pitch/default_8k", full(8000, true)},
	} {
		b.Run(c.name, func(b *testing.B) { benchStream(b, c.o, speechLike(c.o.Fbank.Frame.Rate, 10, 1)) })
	}
}

// BenchmarkPeer runs the recipes that testdata/bench/peers_feats.py gives to other tools, on the same audio: three times a voice of
// testdata/audio. The names are read by that script.
func BenchmarkPeer(b *testing.B) {
	voice := func(b *testing.B, name string) []float32 {
		once, _ := wav16(b, testkit.Read(b, testkit.Testdata(b, "audio", name)))
		return append(append(append([]float32(nil), once...), once...), once...)
	}
	short := func(rate int) MFCCOptions { // librosa at 25/10 ms
		o := LibrosaMFCC(rate)
		o.Fbank.Frame.WindowMs, o.Fbank.Frame.HopMs, o.Fbank.Frame.FFTSize = 25, 10, 0
		o.Fbank.Mel.NumBands = 40
		return o
	}
	for _, r := range []struct {
		rate       int
		name, file string
	}{{8000, "8k", "voice_female_en_8k.wav"}, {16000, "16k", "voice_male_en_16k.wav"}} {
		x := voice(b, r.file)
		for _, c := range []struct {
			name string
			o    StreamOptions
		}{
			{"knf_mfcc", KaldiMFCC(r.rate).Stream()},
			{"knf_logmel", StreamOptions{Fbank: KaldiFbank(r.rate)}},
			{"librosa_mfcc", short(r.rate).Stream()},
			{"librosa_logmel", StreamOptions{Fbank: short(r.rate).Fbank}},
			{"librosa_default_mfcc", LibrosaMFCC(r.rate).Stream()},
			{"own_mfcc", DefaultStream(r.rate)},
		} {
			b.Run(c.name+"_"+r.name, func(b *testing.B) { benchStream(b, c.o, x) })
		}
	}
}
