package voiceprint

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/models"
)

// TestEmbedRepeats: one extractor after other audio, a fresh one, and another goroutine's give the same bits.
func TestEmbedRepeats(t *testing.T) {
	m := tinyModel(t)
	a, b := extractor(t, m), extractor(t, m)
	x, other := voice(t, "voice_female_en_8k"), voice(t, "voice_male_it_8k")
	want, got := make([]float32, m.Dims()), make([]float32, m.Dims())
	if err := a.Into(want, x); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(b.Into(got, other), b.Into(got, x[:3000]), b.Into(got, x)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatal("the embedding depends on what was embedded before")
		}
	}
	if n := norm(want); math.Abs(n-1) > 1e-6 {
		t.Errorf("length %g, want 1", n)
	}
}

// TestEmbedHearsNoLevel: the mean over the utterance takes a gain off.
func TestEmbedHearsNoLevel(t *testing.T) {
	m := tinyModel(t)
	e := extractor(t, m)
	x := voice(t, "voice_male_en_8k")
	loud, soft := make([]float32, m.Dims()), make([]float32, m.Dims())
	quiet := slices.Clone(x)
	for i := range quiet {
		quiet[i] *= 0.5
	}
	if err := errors.Join(e.Into(loud, x), e.Into(soft, quiet)); err != nil {
		t.Fatal(err)
	}
	if c := cosine(loud, soft); c < 0.999 {
		t.Errorf("cosine %g between a voice and itself at half the level", c)
	}
}

func TestEmbedRefuses(t *testing.T) {
	m := tinyModel(t)
	e := extractor(t, m)
	x := voice(t, "voice_male_en_8k")[:2*Rate]
	with := func(v float64) []float32 {
		y := slices.Clone(x)
		y[1234] = float32(v)
		return y
	}
	for _, c := range []struct {
		name string
		x    []float32
		want error
		text string
	}{
		{"nothing", nil, ErrNoSpeech, "0 samples"},
		{"one_sample", x[:1], ErrTooLittle, "1 samples"},
		{"under_a_quarter_second", x[:LeastSpeech-1], ErrTooLittle, "1999"},
		{"silence", make([]float32, Rate), ErrNoSpeech, "all 8000"},
		{"constant", slices.Repeat([]float32{0.25}, Rate), ErrNoSpeech, "0.25"},
		{"nan", with(math.NaN()), ErrSample, "sample 1234"},
		{"infinity", with(math.Inf(-1)), ErrSample, "sample 1234"},
		{"far_beyond_full_scale", with(1e20), ErrSample, "sample 1234"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.Embed(Speech{Samples: c.x})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v about %q", err, c.want, c.text)
			}
		})
	}
	if err := e.Into(make([]float32, 3), x); !errors.Is(err, ErrModel) {
		t.Errorf("room for 3 values: error %v, want ErrModel", err)
	}
	if _, err := e.Embed(Speech{Samples: x}); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}

func TestLoadModelRefuses(t *testing.T) {
	weights := randomWeights(t, tiny, 1)
	for _, c := range []struct {
		name   string
		damage func(a *models.Artefact)
		want   error
		text   string
	}{
		{"another_task", func(a *models.Artefact) { a.Manifest.Task = "vad" }, ErrModel, "task"},
		{"another_rate", func(a *models.Artefact) { a.Manifest.SampleRateHz = 16000 }, ErrModel, "16000"},
		{"other_features", func(a *models.Artefact) { a.Manifest.Features = "fbank" }, ErrModel, "fbank"},
		{"other_dims", func(a *models.Artefact) { a.Manifest.OutputDims = 17 }, ErrModel, "embed"},
		{"dims_without_end", func(a *models.Artefact) { a.Manifest.OutputDims = 1 << 30 }, ErrModel, "output dims"},
		{"short_digest", func(a *models.Artefact) { a.Manifest.SHA256 = "ab" }, ErrModel, "sha256"},
		{"damaged_scoring", func(a *models.Artefact) { a.Files[ScoringFile] = []byte("none") }, ErrModel, ScoringFile},
		{"damaged_calibration", func(a *models.Artefact) { a.Files[CalibrationFile] = []byte("{") }, ErrFormat, "speaker-tdnn-v1"},
		{"calibration_of_another_model", func(a *models.Artefact) {
			c, err := calibrated(t, 48).m.calibration.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			a.Files[CalibrationFile] = c
		}, ErrModel, "fitted on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := artefact(t, weights, tiny.dims)
			c.damage(a)
			if _, err := LoadModel(a); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v about %q", err, c.want, c.text)
			}
		})
	}
}

// TestLoadModelWithFiles reads cohort, backend and calibration from the files of an artefact.
func TestLoadModelWithFiles(t *testing.T) {
	w := world{tinyModel(t), rand.New(rand.NewPCG(4, 4))}
	a := artefact(t, randomWeights(t, tiny, 1), tiny.dims)
	f := newTensorFile()
	var cohort []float32
	for range 30 {
		cohort = append(cohort, w.hear(w.centre(), 10).Vector...)
	}
	f.add("cohort", cohort, 30, tiny.dims)
	a.Files[ScoringFile] = f.bytes(t, map[string]string{"top_n": "10"})
	m := load(t, a)
	if m.Scoring() != "as_norm top 10 of 30" {
		t.Fatalf("scoring %q", m.Scoring())
	}
	o := DefaultFit()
	o.Replicates, o.MaxEER = 100, 0.49
	c, err := m.FitCalibration(world{m, w.r}.trials(t, 20, 4), o)
	if err != nil {
		t.Fatal(err)
	}
	if a.Files[CalibrationFile], err = c.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
	if m = load(t, a); m.Calibration() == nil || m.Calibration().Scoring != m.Scoring() {
		t.Error("no calibration was read")
	}
	// A model without the cohort gives other scores: the calibration is not for it.
	if _, err := tinyModel(t).WithCalibration(c); !errors.Is(err, ErrModel) {
		t.Errorf("error %v, want ErrModel", err)
	}
}

func TestWithScoringRefuses(t *testing.T) {
	m := tinyModel(t)
	d := m.Dims()
	rows := func(n int) []float32 {
		v := make([]float32, n*d)
		for i := range n {
			v[i*d+i%d] = 1
		}
		return v
	}
	for _, c := range []struct {
		name string
		fill func(f *tensorFile) map[string]string
		text string
	}{
		{"cohort_too_small", func(f *tensorFile) map[string]string {
			f.add("cohort", rows(5), 5, d)
			return map[string]string{"top_n": "3"}
		}, "cohort"},
		{"no_top_n", func(f *tensorFile) map[string]string { f.add("cohort", rows(30), 30, d); return nil }, "top_n"},
		{"top_n_beyond_the_cohort", func(f *tensorFile) map[string]string {
			f.add("cohort", rows(30), 30, d)
			return map[string]string{"top_n": "31"}
		}, "31"},
		{"cohort_of_other_dims", func(f *tensorFile) map[string]string {
			f.add("cohort", make([]float32, 30*3), 30, 3)
			return map[string]string{"top_n": "3"}
		}, "cohort"},
		{"row_without_direction", func(f *tensorFile) map[string]string {
			f.add("cohort", make([]float32, 30*d), 30, d)
			return map[string]string{"top_n": "3"}
		}, "row 0"},
		{"mean_of_other_dims", func(f *tensorFile) map[string]string { f.add("backend.mean", []float32{1}, 1); return nil }, "backend.mean"},
		{"transform_of_other_dims", func(f *tensorFile) map[string]string {
			f.add("backend.transform", make([]float32, 6), 2, 3)
			return nil
		}, "backend.transform"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newTensorFile()
			meta := c.fill(f)
			if _, err := m.WithScoring(f.tensors(t, meta)); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want ErrModel about %q", err, c.text)
			}
		})
	}
}

// TestASNormByHand compares with the definition in float64.
func TestASNormByHand(t *testing.T) {
	w := calibrated(t, 48)
	w.m = withCohort(t, w, 60, false)
	for range 20 {
		c := w.centre()
		a, b := w.hear(c, 30), w.hear(c, 4)
		stats := func(v []float32) (float64, float64) {
			var cos []float64
			for k := range 60 {
				cos = append(cos, cosine(v, w.m.scoring.cohort[k*48:(k+1)*48]))
			}
			slices.Sort(cos)
			mean, sq := 0.0, 0.0
			for _, x := range cos[40:] {
				mean += x / 20
			}
			for _, x := range cos[40:] {
				sq += (x - mean) * (x - mean) / 20
			}
			return mean, math.Sqrt(sq)
		}
		am, as := stats(a.Vector)
		bm, bs := stats(b.Vector)
		x := cosine(a.Vector, b.Vector)
		want := 0.5*(x-am)/as + 0.5*(x-bm)/bs
		sa, sb := side(t, w.m, a), side(t, w.m, b)
		if got := w.m.Score(sa, sb); math.Abs(got-want) > 1e-4*(1+math.Abs(want)) || got != w.m.Score(sb, sa) {
			t.Fatalf("score %g and %g the other way round, want %g", got, w.m.Score(sb, sa), want)
		}
	}
}
