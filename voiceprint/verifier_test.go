package voiceprint

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// ownVoice returns a model with an extractor whose print of a voice its own audio matches: with weights of noise an embedding tells
// one recording from another by its sound alone, which is all that these tests need. The map to LLRs is made by hand.
func ownVoice(t testing.TB) (*Extractor, *Voiceprint, []float32) {
	t.Helper()
	m := tinyModel(t)
	c := &Calibration{Model: m.id, Scoring: m.Scoring(), Bias: -975, Terms: []Term{{Name: TermScore, Weight: 1000, Low: -1, High: 1}},
		Thresholds: []Threshold{{FMR: 0.01, LLR: 4}}, Fit: Fit{Targets: 1, Nontargets: 1, PTarget: 0.5}}
	m, err := m.WithCalibration(c)
	if err != nil {
		t.Fatal(err)
	}
	e := extractor(t, m)
	x := voice(t, "voice_female_en_8k")
	long := slices.Repeat(x, 10)
	v, err := e.Embed(Speech{Samples: long, Quality: quality(30)})
	if err != nil {
		t.Fatal(err)
	}
	return e, &Voiceprint{Model: m.id, Vector: v.Vector, Length: 1, Quality: v.Quality, Sources: []Source{{Weight: 1, Quality: v.Quality}}}, long
}

func speechOf(x []float32) Speech {
	s := Speech{Samples: x, Quality: Quality{SNRdB: 25, BandwidthHz: 3400}}
	s.Quality.NetSpeech = s.length()
	return s
}

// heardOf is speech that is all there.
func heardOf(e *Extractor, x []float32) Heard { return embeddable{e, speechOf(x)} }

func TestVerifierSharpensAndStops(t *testing.T) {
	e, p, x := ownVoice(t)
	v, err := NewVerifier(e.m, p, DefaultLive())
	if err != nil {
		t.Fatal(err)
	}
	if d := v.Decision(); d.Outcome != Inconclusive || codes(d)[0] != CodeNoSpeech || d.LLR != nil {
		t.Errorf("before any speech: %v", d)
	}
	var changes []Change
	looks, last := 0, time.Duration(0)
	for n := Rate / 2; n <= len(x); n += Rate / 2 {
		was := v.Decision()
		c, err := v.Update(heardOf(e, x[:n]))
		if err != nil {
			t.Fatal(err)
		}
		if q := v.Decision().Quality.NetSpeech; q != last {
			looks++
			last = q
		}
		if c != nil {
			changes = append(changes, *c)
			if c.From.Outcome != was.Outcome || c.To.Outcome != v.Decision().Outcome {
				t.Errorf("change from %v to %v, but the decision went from %v to %v", c.From, c.To, was, v.Decision())
			}
		} else if v.Decision().Outcome != was.Outcome {
			t.Errorf("from %v to %v without a change", was, v.Decision())
		}
	}
	if len(changes) == 0 || v.Decision().Outcome != Authenticated || !v.Certain() {
		t.Fatalf("decision %v, certain %t, changes %v, want authenticated for certain", v.Decision(), v.Certain(), changes)
	}
	if looks < 2 || looks > 8 || last > 15*time.Second {
		t.Errorf("%d looks, the last at %v: want it to stop when certain", looks, last)
	}
	// The end of the call decides on everything, as a recording would.
	if _, err := v.Close(heardOf(e, x)); err != nil {
		t.Fatal(err)
	}
	want, err := e.Verify(p, speechOf(x), DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	if d := v.Decision(); d.Outcome != want.Outcome || *d.LLR != *want.LLR || !slices.Equal(d.Reasons, want.Reasons) {
		t.Errorf("at the end %v, of the recording %v", d, want)
	}
	if c, err := v.Update(heardOf(e, x)); c != nil || err != nil {
		t.Errorf("after the end: %v, %v", c, err)
	}
}

// TestVerifierNeverFlipsSilently feeds a voice and then, on the same line, noise that is unlike it: the change is told with both
// decisions.
func TestVerifierNeverFlipsSilently(t *testing.T) {
	e, p, x := ownVoice(t)
	o := DefaultLive()
	o.CertainSpeech = time.Hour // go on looking
	v, err := NewVerifier(e.m, p, o)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	line := slices.Clone(x[:6*Rate])
	for range 60 * Rate {
		line = append(line, float32(0.3*r.NormFloat64()))
	}
	var told []Outcome
	for n := Rate; n <= len(line); n += Rate {
		was := v.Decision().Outcome
		c, err := v.Update(heardOf(e, line[:n]))
		if err != nil {
			t.Fatal(err)
		}
		now := v.Decision().Outcome
		if (c != nil) != (now != was) {
			t.Fatalf("from %s to %s, change %v", was, now, c)
		}
		if c != nil {
			told = append(told, now)
		}
	}
	if len(told) < 2 || told[0] != Authenticated || told[len(told)-1] != NotAuthenticated {
		t.Errorf("told %v, want authenticated first and not_authenticated last", told)
	}
}

// TestVerifierHolds walks the LLR over the threshold in small steps: within HoldLLR the decision stands and says so.
func TestVerifierHolds(t *testing.T) {
	v := &Verifier{o: DefaultLive()}
	at := func(llr float64) Decision { accept := 4.0; return Decision{LLR: &llr, Threshold: &accept} }
	for _, c := range []struct {
		now  Outcome
		llr  float64
		held bool
	}{{Authenticated, 3.6, true}, {Authenticated, 3.4, false}, {NotAuthenticated, 0.4, true}, {NotAuthenticated, 0.6, false}, {Inconclusive, 4.1, false}, {Inconclusive, -0.1, false}} {
		v.now = Decision{Outcome: c.now}
		if got := v.held(at(c.llr)); got != c.held {
			t.Errorf("%s at LLR %g: held %t, want %t", c.now, c.llr, got, c.held)
		}
	}
}

func TestVerifierRefuses(t *testing.T) {
	e, p, _ := ownVoice(t)
	strange := *p
	strange.Model.Version = "0"
	if _, err := NewVerifier(e.m, &strange, DefaultLive()); !errors.Is(err, ErrModel) {
		t.Errorf("print of another model: error %v, want ErrModel", err)
	}
	for _, bad := range []func(o *LiveOptions){
		func(o *LiveOptions) { o.Every = 0 }, func(o *LiveOptions) { o.Growth = 0.5 }, func(o *LiveOptions) { o.CertainLLR = -1 },
		func(o *LiveOptions) { o.HoldLLR = -1 }, func(o *LiveOptions) { o.CertainSpeech = -1 }, func(o *LiveOptions) { o.Policy.FMR = 1 },
	} {
		o := DefaultLive()
		bad(&o)
		if _, err := NewVerifier(e.m, p, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: error %v, want ErrOptions", o, err)
		}
	}
}
