package voiceprint

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// takes cuts a voice into recordings of so many seconds and gives each the quality of a good line.
func takes(x []float32, seconds ...float64) []Speech {
	var out []Speech
	for _, s := range seconds {
		n := int(s * Rate)
		piece := slices.Repeat(x, n/len(x)+1)[:n]
		for i := range piece {
			piece[i] *= 1 - 0.01*float32(len(out)) // another level: another recording
		}
		out = append(out, Speech{Samples: piece, Quality: quality(s)})
	}
	return out
}

// anyVoice accepts whatever a network of noise says about the voices, so that the rest of an enrolment can be looked at.
func anyVoice() EnrolOptions {
	o := DefaultEnrol()
	o.MinSelfCosine, o.MinGroupCosine = -1, -1
	return o
}

func extractor(t testing.TB, m *Model) *Extractor {
	t.Helper()
	e, err := m.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	var q *QualityError
	if !errors.As(err, &q) || !errors.Is(err, ErrQuality) {
		t.Fatalf("error %v, want a QualityError", err)
	}
	if !slices.ContainsFunc(q.Reasons, func(r Reason) bool { return r.Code == code }) {
		t.Errorf("error %v, want the code %s", err, code)
	}
}

func TestEnrol(t *testing.T) {
	m := tinyModel(t)
	e := extractor(t, m)
	x := voice(t, "voice_female_en_8k")
	for _, combine := range []Combine{CombineAverage, CombinePool} {
		t.Run(string(combine), func(t *testing.T) {
			o := anyVoice()
			o.Combine = combine
			given := takes(x, 12, 10, 5)
			p, report, err := e.Enrol(o, given...)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			if p.Model != m.ID() || p.Quality.NetSpeech != 27*time.Second || len(p.Sources) != 3 || len(report) != 3 || p.Sources[1].Digest != given[1].Digest() {
				t.Errorf("%v of %v with %d sources", p.Quality, p.Model, len(p.Sources))
			}
			for i, r := range report {
				if !r.Used || r.Reasons != nil {
					t.Errorf("recording %d: %+v, want it used", i, r)
				}
			}
			want := make([]float32, m.Dims())
			if combine == CombinePool {
				if err := e.Into(want, JoinSpeech(given...).Samples); err != nil {
					t.Fatal(err)
				}
			} else {
				one := make([]float32, m.Dims())
				for _, s := range given {
					if err := e.Into(one, s.Samples); err != nil {
						t.Fatal(err)
					}
					for i, v := range one {
						want[i] += v * float32(math.Sqrt(s.Quality.NetSpeech.Seconds()))
					}
				}
				unit(want)
			}
			if c := cosine(p.Vector, want); c < 1-1e-6 {
				t.Errorf("cosine %g with the vector made by hand", c)
			}
		})
	}
}

func TestEnrolRefuses(t *testing.T) {
	e := extractor(t, tinyModel(t))
	x := voice(t, "voice_female_en_8k")
	noisy := takes(x, 30)
	noisy[0].Quality.SNRdB = 2
	clipped := takes(x, 30)
	clipped[0].Quality.Clipped = 0.3
	same := takes(x, 12, 12)
	same[1] = same[0]
	strict := anyVoice()
	strict.MinSelfCosine = 0.9999999
	for _, c := range []struct {
		name string
		o    EnrolOptions
		in   []Speech
		code string
	}{
		{"nothing", anyVoice(), nil, CodeTooLittleSpeech},
		{"no_speech", anyVoice(), []Speech{{}}, CodeNoSpeech},
		{"too_little", anyVoice(), takes(x, 10, 9), CodeTooLittleSpeech},
		{"many_scraps", anyVoice(), takes(x, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), CodeTooLittleSpeech},
		{"too_noisy", anyVoice(), noisy, CodeTooNoisy},
		{"clipped", anyVoice(), clipped, CodeClipped},
		{"same_audio_does_not_count_twice", anyVoice(), same, CodeSameAudio},
		{"recordings_disagree", strict, []Speech{takes(x, 12)[0], takes(voice(t, "voice_male_it_8k"), 12)[0]}, CodeNoSelfMatch},
		{"halves_disagree", strict, takes(x, 25.3), CodeNoSelfMatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, report, err := e.Enrol(c.o, c.in...)
			refused(t, err, c.code)
			if p != nil || len(report) != len(c.in) {
				t.Errorf("print %v, report of %d, want none and one entry per recording", p, len(report))
			}
		})
	}
	for _, bad := range []func(o *EnrolOptions){
		func(o *EnrolOptions) { o.Combine = "mix" }, func(o *EnrolOptions) { o.MinSpeech = -1 }, func(o *EnrolOptions) { o.MinSelfLLR = math.NaN() },
		func(o *EnrolOptions) { o.MinGroupCosine = 2 }, func(o *EnrolOptions) { o.WindowSeconds = 0.1 }, func(o *EnrolOptions) { o.Recording.Clipped = -1 },
	} {
		o := DefaultEnrol()
		bad(&o)
		if _, _, err := e.Enrol(o, takes(x, 30)...); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: error %v, want ErrOptions", o, err)
		}
	}
}

func TestExtend(t *testing.T) {
	m := tinyModel(t)
	e := extractor(t, m)
	x := voice(t, "voice_female_en_8k")
	given := takes(x, 12, 10, 8)
	whole, _, err := e.Enrol(anyVoice(), given...)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := e.Enrol(anyVoice(), given[:2]...)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(p.Vector)
	q, report, err := e.Extend(p, anyVoice(), given[1], given[2])
	if err != nil {
		t.Fatal(err)
	}
	if c := cosine(q.Vector, whole.Vector); c < 1-1e-6 || math.Abs(q.Length-whole.Length) > 1e-5 || q.Quality.NetSpeech != whole.Quality.NetSpeech {
		t.Errorf("extended print: cosine %g, length %g and %g, %v; want that of one enrolment", c, q.Length, whole.Length, q.Quality)
	}
	if !slices.Equal(p.Vector, before) || len(p.Sources) != 2 {
		t.Error("the former print changed")
	}
	if report[0].Used || report[0].Reasons[0].Code != CodeSameAudio || !report[1].Used {
		t.Errorf("report %+v, want the first left out as the same audio", report)
	}
	if _, _, err := e.Extend(p, anyVoice(), given[0]); !errors.Is(err, ErrDuplicate) {
		t.Errorf("nothing new: error %v, want ErrDuplicate", err)
	}
	strange := *p
	strange.Model.Name = "speaker-other-v1"
	if _, _, err := e.Extend(&strange, anyVoice(), given[2]); !errors.Is(err, ErrModel) {
		t.Errorf("print of another model: error %v, want ErrModel", err)
	}
	strict := anyVoice()
	strict.MinSelfCosine = 0.99999999
	_, _, err = e.Extend(p, strict, takes(voice(t, "voice_male_it_8k"), 8)[0])
	refused(t, err, CodeNoPrintMatch)
}

// TestSplit gives the grouping embeddings of one and of two synthetic speakers.
func TestSplit(t *testing.T) {
	w := calibrated(t, 64)
	for _, c := range []struct {
		name          string
		first, second int // windows
		several       bool
	}{{"one_speaker", 8, 0, false}, {"two_speakers", 6, 6, true}, {"two_speakers_unequal", 12, 3, true}, {"one_odd_window", 12, 1, false}} {
		t.Run(c.name, func(t *testing.T) {
			const rounds = 40
			right := 0
			for range rounds {
				a, b := w.centre(), w.centre()
				var vs []Embedding
				for range c.first {
					vs = append(vs, w.hear(a, 4))
				}
				for range c.second {
					vs = append(vs, w.hear(b, 4))
				}
				w.r.Shuffle(len(vs), func(i, j int) { vs[i], vs[j] = vs[j], vs[i] })
				reason, err := w.m.apart(vs, DefaultEnrol())
				if err != nil {
					t.Fatal(err)
				}
				if (reason != nil) == c.several {
					right++
				}
			}
			if right < rounds*9/10 {
				t.Errorf("%d of %d right, want nine in ten", right, rounds)
			}
		})
	}
}

// TestQualityErrorTells every reason in its text.
func TestQualityErrorTells(t *testing.T) {
	err := error(&QualityError{[]Reason{{CodeTooNoisy, "SNR of 2 dB"}, {CodeClipped, "much"}}})
	for _, part := range []string{"too_noisy", "SNR of 2 dB", "clipped", "much"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if errors.Is(err, ErrDuplicate) {
		t.Error("noise is no duplicate")
	}
}

// TestWeight: more speech and less noise count more, and nothing counts for nothing.
func TestWeight(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 1000 {
		q := quality(0.3 + 100*r.Float64())
		q.SNRdB = 70*r.Float64() - 10
		more, cleaner := q, q
		more.NetSpeech *= 2
		cleaner.SNRdB += 5
		if w := q.weight(); !(w > 0) || more.weight() < w || cleaner.weight() < w {
			t.Fatalf("%v weighs %g, twice the speech %g, 5 dB more %g", q, w, more.weight(), cleaner.weight())
		}
	}
}
