package people

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/sentiment"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// spoken returns seconds of statistics, in segments of 3 s.
func spoken(seed uint64, seconds float64) sentiment.Normaliser {
	rng := rand.New(rand.NewPCG(seed, 1))
	var n sentiment.Normaliser
	x := make([]float64, sentiment.NumValues)
	for n.Seconds() < seconds {
		for i := range x {
			x[i] = float64(seed) + rng.NormFloat64()
		}
		n.Add(x, 0.4, 3)
	}
	return n
}

// remembering returns an office whose policy keeps normals, with a model of emotion by name.
func remembering(t *testing.T, model string) *office {
	o := newOffice(t)
	o.permit(" earlier_calls: true")
	o.Emotion = identity.Model{Name: model, Version: "1", SHA256: strings.Repeat("cd", 32)}
	return o
}

// of returns what a call with these facts is given.
func (o *office) of(call policy.Call) analysis.Normals {
	o.t.Helper()
	made, err := o.Policy.Resolve(call)
	if err != nil {
		o.t.Fatal(err)
	}
	return o.Normals("server", made)
}

func (o *office) agrees(who, purpose, channel, where string) {
	o.t.Helper()
	if _, err := o.Registry.GiveConsent(o.t.Context(), "tester", store.Consent{SpeakerID: who, Ref: "r", Purpose: purpose, Channel: channel, Jurisdiction: where}); err != nil {
		o.t.Fatal(err)
	}
}

// seconds returns what is known of earlier calls, -1: nothing.
func (o *office) seconds(n analysis.Normals, who, call string) float64 {
	o.t.Helper()
	got, known, err := n.Earlier(o.t.Context(), who, call)
	if err != nil {
		o.t.Fatal(err)
	}
	if !known {
		return -1
	}
	return got.Seconds()
}

func (o *office) keeps(n analysis.Normals, who, call string, of sentiment.Normaliser) {
	o.t.Helper()
	if err := n.Keep(o.t.Context(), who, call, of); err != nil {
		o.t.Fatal(err)
	}
}

func TestNormalsAreNilWhereThePolicyOrAModelIsMissing(t *testing.T) {
	o := newOffice(t)
	o.Emotion = identity.Model{Name: "m", Version: "1", SHA256: strings.Repeat("cd", 32)}
	if n := o.of(policy.Call{}); n != nil {
		t.Error("the default policy keeps normals")
	}
	o.permit(" earlier_calls: true")
	if n := o.of(policy.Call{}); n == nil {
		t.Error("a policy that permits it keeps none")
	}
	o.Emotion = identity.Model{}
	if n := o.of(policy.Call{}); n != nil {
		t.Error("normals without a model that they are of")
	}
}

func TestEarlierCallsAddUpAndFade(t *testing.T) {
	o := remembering(t, "m")
	n := o.of(policy.Call{})
	o.agrees("anna", identity.PurposeAnalytics, "call", "")
	if s := o.seconds(n, "anna", "c1"); s != -1 {
		t.Errorf("%g s before the first call", s)
	}
	o.keeps(n, "anna", "c1", spoken(1, 30))
	if got, known, err := n.Earlier(t.Context(), "anna", "c2"); err != nil || !known || got != spoken(1, 30) {
		t.Errorf("%v, known %t: %g s, want the first call as it was", err, known, got.Seconds())
	}
	o.keeps(n, "anna", "c2", spoken(2, 600))
	if s := o.seconds(n, "anna", "c3"); s != 30+callSeconds {
		t.Errorf("%g s after a long call, want %g of it beside the 30", s, callSeconds)
	}
	for i := range 10 {
		o.keeps(n, "anna", fmt.Sprint("later", i), spoken(3, 60))
	}
	if s := o.seconds(n, "anna", "c3"); s != keptSeconds {
		t.Errorf("%g s, want %g at most", s, keptSeconds)
	}
	rows, err := o.Registry.Normals(t.Context(), "anna")
	if err != nil || len(rows) != 1 || rows[0].Calls != 12 || rows[0].SpeechMs != 1000*keptSeconds {
		t.Errorf("%d rows, %v: %+v", len(rows), err, rows)
	}
}

func TestACallCountsOnceAndIsNotItsOwnPast(t *testing.T) {
	o := remembering(t, "m")
	n := o.of(policy.Call{})
	o.agrees("anna", identity.PurposeAnalytics, "call", "")
	for range 3 {
		o.keeps(n, "anna", "c1", spoken(1, 30))
	}
	if s := o.seconds(n, "anna", "c2"); s != 30 {
		t.Errorf("%g s of one call that was analysed three times, want 30", s)
	}
	if s := o.seconds(n, "anna", "c1"); s != -1 {
		t.Errorf("a call that is analysed anew knows %g s of itself", s)
	}
	for i := range maxMarks + 5 {
		o.keeps(n, "anna", fmt.Sprint("c", i), spoken(1, 6))
	}
	plain, err := o.Registry.Normal(t.Context(), "anna", o.Emotion, identity.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	k, err := n.(*normals).parse(plain)
	if err != nil || len(k.calls) != maxMarks {
		t.Errorf("%v, %d calls are told apart, want %d", err, len(k.calls), maxMarks)
	}
}

// TestNormalsOfWhomAndWhere: the consent, the law of the call and that of the person's own jurisdiction decide, and no other person, tenant
// or model sees anything.
func TestNormalsOfWhomAndWhere(t *testing.T) {
	o := remembering(t, "m")
	o.permit(" earlier_calls: true\n overrides: [{name: maine, for: {jurisdictions: [US-ME]}, earlier_calls: false}]")
	o.agrees("anna", identity.PurposeAnalytics, "call", "")
	o.agrees("bert", identity.PurposeVerify, "web", "")                // to another purpose
	o.agrees("ines", identity.PurposeAnalytics, "call", "US-IL")       // no release
	o.agrees("ilse", identity.PurposeAnalytics, "web", "US-IL")        // a release
	o.agrees("mona", identity.PurposeAnalytics, "web", "US-ME")        // where the policy does not permit it
	o.agrees("rita", identity.PurposeAnalytics, "call", "not a place") // of a place that is none
	for who, want := range map[string]float64{"anna": 30, "bert": -1, "ines": -1, "ilse": 30, "mona": -1, "nobody": -1} {
		n := o.of(policy.Call{})
		o.keeps(n, who, "c1", spoken(1, 30))
		if s := o.seconds(n, who, "c2"); s != want {
			t.Errorf("%s: %g s, want %g", who, s, want)
		}
		if rows, err := o.Registry.Normals(t.Context(), who); err != nil || len(rows) > 0 != (want > 0) {
			t.Errorf("%s: %d rows, %v", who, len(rows), err)
		}
	}
	if s := o.seconds(o.of(policy.Call{Jurisdiction: "US-TX"}), "anna", "c2"); s != -1 {
		t.Errorf("%g s of anna on a call in Texas, without a release", s)
	}
	if n := o.of(policy.Call{Jurisdiction: "US-ME"}); n != nil {
		t.Error("kept where the policy does not permit it")
	}
	_, _, err := o.of(policy.Call{}).Earlier(t.Context(), "rita", "c1")
	if err == nil || strings.Contains(err.Error(), "rita") || strings.Contains(err.Error(), "place") {
		t.Errorf("%v, want an error that names nobody", err)
	}
	if err = o.of(policy.Call{}).Keep(t.Context(), "rita", "c1", spoken(1, 30)); err == nil || strings.Contains(err.Error(), "rita") {
		t.Errorf("%v, want an error that names nobody", err)
	}

	own := o.Emotion
	o.Emotion.SHA256 = strings.Repeat("ef", 32)
	if s := o.seconds(o.of(policy.Call{}), "anna", "c2"); s != -1 {
		t.Errorf("another model knows %g s", s)
	}
	o.Emotion = own
	if _, err := o.Registry.OptOut(t.Context(), "tester", "anna", "letter"); err != nil {
		t.Fatal(err)
	}
	o.agrees("anna", identity.PurposeAnalytics, "web", "")
	o.keeps(o.of(policy.Call{}), "anna", "c3", spoken(1, 30))
	if s := o.seconds(o.of(policy.Call{}), "anna", "c4"); s != -1 {
		t.Errorf("%g s of who opted out", s)
	}
}

func FuzzParseKept(f *testing.F) {
	var model sentiment.ModelSum
	for calls := range 3 {
		k := kept{normal: spoken(1, 9)}
		for i := range calls {
			k.calls = append(k.calls, markOf(fmt.Sprint(i)))
		}
		b := k.bytes(model)
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(b[:2])
	}
	f.Add([]byte{keptVersion, maxMarks + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKept(b, model)
		if err != nil {
			if k != nil || !errors.Is(err, sentiment.ErrStatistics) && !errors.Is(err, sentiment.ErrOtherModel) {
				t.Fatalf("%v, want a kind of it and nothing else", err)
			}
			return
		}
		if again, err := parseKept(k.bytes(model), model); err != nil || again.normal != k.normal || len(again.calls) != len(k.calls) {
			t.Fatalf("written and read again: %v", err)
		}
	})
}
