package voiceprint

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
)

func codes(d Decision) []string {
	var out []string
	for _, r := range d.Reasons {
		out = append(out, r.Code)
	}
	return out
}

func TestDecide(t *testing.T) {
	w := calibrated(t, 64)
	centre, other := w.centre(), w.centre()
	p := w.print(w.hear(centre, 30))
	accept, ok := w.m.calibration.Threshold(0.01)
	if !ok {
		t.Fatalf("no threshold: %q", w.m.calibration.Withheld)
	}
	short := w.hear(centre, 1)
	noisy := w.hear(centre, 10)
	noisy.Quality.SNRdB = -3
	clipped := w.hear(centre, 10)
	clipped.Quality.Clipped = 0.4
	unmeasured := w.hear(centre, 20)
	unmeasured.Quality.SNRdB, unmeasured.Quality.BandwidthHz = unknown, unknown
	strict := DefaultPolicy()
	strict.AcceptLLR = 90
	rare := DefaultPolicy()
	rare.FMR = 1e-7
	for _, c := range []struct {
		name      string
		test      Embedding
		policy    Policy
		want      Outcome
		codes     []string
		threshold bool
	}{
		{"same_speaker", w.hear(centre, 20), DefaultPolicy(), Authenticated, []string{CodeAboveThreshold}, true},
		{"other_speaker", w.hear(other, 20), DefaultPolicy(), NotAuthenticated, []string{CodeBelowThreshold}, true},
		{"between_the_thresholds", w.hear(centre, 20), strict, Inconclusive, []string{CodeBetweenThresholds}, true},
		{"too_little_speech", short, DefaultPolicy(), Inconclusive, []string{CodeTooLittleSpeech}, true},
		{"too_noisy", noisy, DefaultPolicy(), Inconclusive, []string{CodeTooNoisy}, true},
		{"clipped", clipped, DefaultPolicy(), Inconclusive, []string{CodeClipped}, true},
		{"quality_that_could_not_be_told", unmeasured, DefaultPolicy(), Authenticated, []string{CodeAboveThreshold}, true},
		{"rate_without_a_threshold", w.hear(centre, 20), rare, Inconclusive, []string{CodeNoThreshold}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := w.m.Decide(p, c.test, c.policy)
			if err != nil {
				t.Fatal(err)
			}
			if d.Outcome != c.want || !slices.Equal(codes(d), append(c.codes, CodeSpoofNotChecked)) {
				t.Errorf("%v, want %s with %v", d, c.want, c.codes)
			}
			if d.LLR == nil || (d.Threshold != nil) != c.threshold || d.Quality != c.test.Quality && c.name != "quality_that_could_not_be_told" {
				t.Errorf("%v, want an LLR, a threshold (%t) and the quality of the test", d, c.threshold)
			}
			if c.threshold && c.policy == DefaultPolicy() && *d.Threshold != accept.LLR {
				t.Errorf("threshold %g, want %g", *d.Threshold, accept.LLR)
			}
			for _, r := range d.Reasons {
				if r.Text == "" || strings.Contains(r.Text, "%!") {
					t.Errorf("reason %+v without words", r)
				}
			}
		})
	}
}

func TestDecideRefusesOtherModels(t *testing.T) {
	w := calibrated(t, 64)
	e := w.hear(w.centre(), 20)
	p := w.print(e)
	strange := *p
	strange.Model.SHA256[0] ^= 1
	if _, err := w.m.Decide(&strange, e, DefaultPolicy()); !errors.Is(err, ErrModel) {
		t.Errorf("print of other weights: error %v, want ErrModel", err)
	}
	f := e
	f.Model.Version = "2.0.0"
	if _, err := w.m.Decide(p, f, DefaultPolicy()); !errors.Is(err, ErrModel) {
		t.Errorf("embedding of another version: error %v, want ErrModel", err)
	}
	f = e
	f.Vector = e.Vector[1:]
	if _, err := w.m.Decide(p, f, DefaultPolicy()); !errors.Is(err, ErrModel) {
		t.Errorf("embedding of another size: error %v, want ErrModel", err)
	}
	bad := DefaultPolicy()
	bad.FMR = 0
	if _, err := w.m.Decide(p, e, bad); !errors.Is(err, ErrOptions) {
		t.Errorf("policy without a rate: error %v, want ErrOptions", err)
	}
	if _, err := w.m.WithCalibration(&Calibration{}); !errors.Is(err, ErrFormat) {
		t.Errorf("empty calibration: error %v, want ErrFormat", err)
	}
	if _, err := tinyModel(t).WithCalibration(w.m.calibration); !errors.Is(err, ErrModel) {
		t.Errorf("calibration of other weights: error %v, want ErrModel", err)
	}
}

// TestVerifyWithoutSpeech holds that nothing to hear is a decision with its reason, and never a score of 0.
func TestVerifyWithoutSpeech(t *testing.T) {
	m := tinyModel(t)
	e, err := m.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	x := voice(t, "voice_female_en_8k")
	p := &Voiceprint{Model: m.id, Vector: unitVector(m.Dims()), Length: 1, Sources: []Source{{Weight: 1}}}
	for _, c := range []struct {
		name    string
		samples []float32
		code    string
	}{{"nothing", nil, CodeNoSpeech}, {"silence", make([]float32, 5*Rate), CodeNoSpeech}, {"a_tenth_of_a_second", x[:800], CodeTooLittleSpeech}} {
		t.Run(c.name, func(t *testing.T) {
			d, err := e.Verify(p, Speech{Samples: c.samples, Quality: Quality{NetSpeech: Speech{Samples: c.samples}.length(), SNRdB: unknown, BandwidthHz: unknown}}, DefaultPolicy())
			if err != nil {
				t.Fatal(err)
			}
			if d.Outcome != Inconclusive || d.LLR != nil || codes(d)[0] != c.code || !slices.Contains(codes(d), CodeSpoofNotChecked) {
				t.Errorf("%v, want inconclusive without an LLR, for %s", d, c.code)
			}
		})
	}
	nan := slices.Clone(x)
	nan[5000] = float32(math.NaN())
	if _, err := e.Verify(p, Speech{Samples: nan}, DefaultPolicy()); !errors.Is(err, ErrSample) {
		t.Errorf("NaN inside: error %v, want ErrSample", err)
	}
	// Without a calibration nothing is decided, whatever the cosine.
	d, err := e.Verify(p, Speech{Samples: x, Quality: quality(4)}, DefaultPolicy())
	if err != nil || d.Outcome != Inconclusive || d.LLR != nil || codes(d)[0] != CodeNoCalibration {
		t.Errorf("%v, %v, want inconclusive for want of a calibration", d, err)
	}
	if _, err := m.LLR(side(t, m, p.Embedding()), side(t, m, p.Embedding())); !errors.Is(err, ErrUncalib) {
		t.Errorf("error %v, want ErrUncalib", err)
	}
}

func unitVector(n int) []float32 {
	v := make([]float32, n)
	v[0] = 1
	return v
}

func TestWithhold(t *testing.T) {
	for _, o := range []Outcome{NotEnrolled, OptedOut, Expired, Locked} {
		d := Withhold(o)
		if d.Outcome != o || d.LLR != nil || d.Threshold != nil || codes(d)[0] != string(o) || d.Quality.NetSpeech != 0 {
			t.Errorf("%s: %v", o, d)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an outcome that needs a voice was withheld")
		}
	}()
	Withhold(Authenticated)
}

func TestFloor(t *testing.T) {
	f := Floor{NetSpeech: 3 * time.Second, SNRdB: 5, Clipped: 0.1}
	if got := f.Check(quality(3)); got != nil {
		t.Errorf("at the floor: %v", got)
	}
	if got := f.Check(Quality{NetSpeech: time.Second, SNRdB: 1, Clipped: 0.2}); len(got) != 3 {
		t.Errorf("below it in all: %v, want 3 reasons", got)
	}
	if err := (Floor{SNRdB: math.NaN()}).Validate(); !errors.Is(err, ErrOptions) {
		t.Errorf("floor of NaN: error %v, want ErrOptions", err)
	}
}

// TestWholeWay goes from the samples of two calls at 16 kHz to a decision, and over the stored form of the print.
func TestWholeWay(t *testing.T) {
	e, _, _ := ownVoice(t)
	heard := func(x []float32) Speech {
		up, err := audio.NewResampler(Rate, 16000)
		if err != nil {
			t.Fatal(err)
		}
		c := collector(t, 16000)
		if err := c.Write(up.Flush(up.Write(nil, x))); err != nil {
			t.Fatal(err)
		}
		c.Flush()
		return c.Speech()
	}
	call := pauses(t, "voice_female_en_8k", "voice_female_en_8k")
	o := anyVoice()
	o.MinSpeech, o.MinSelfLLR, o.MinGroupLLR = 4*time.Second, -100, -100
	print, report, err := e.Enrol(o, heard(call))
	if err != nil {
		t.Fatalf("%v, %+v", err, report)
	}
	b, err := print.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var kept Voiceprint
	if err := kept.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	test := heard(pauses(t, "voice_female_en_8k")).FirstSeconds(3)
	d, err := e.Verify(&kept, test, DefaultPolicy())
	if err != nil || d.Outcome != Authenticated || d.Quality.NetSpeech > 3*time.Second {
		t.Errorf("%v, %v, want authenticated", d, err)
	}
	if d, err = e.Verify(&kept, test.FirstSeconds(1), DefaultPolicy()); err != nil || d.Outcome != Inconclusive || codes(d)[0] != CodeTooLittleSpeech {
		t.Errorf("%v, %v, want 1 s to be too little", d, err)
	}
}
