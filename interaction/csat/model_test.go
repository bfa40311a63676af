package csat

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/interaction"
)

// fitted is one model that the tests share; none changes it.
var fitted = sync.OnceValues(func() (*Model, error) { return Calibrate(truth(rand.New(rand.NewPCG(1, 2)), 900, 3), 1) })

func file(tb testing.TB) []byte {
	tb.Helper()
	m, err := fitted()
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestFileRoundTrip(t *testing.T) {
	m, err := Parse(file(t))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := fitted()
	if !reflect.DeepEqual(m, want) {
		t.Errorf("read %+v, want %+v", m, want)
	}
	if m.Identity() != want.Identity() || len(m.Identity().SHA256) != 64 {
		t.Errorf("identity %+v, want %+v", m.Identity(), want.Identity())
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, says string }{
		{"schema", `"timbre.csat/1"`, `"timbre.csat/2"`, `schema: "timbre.csat/2", want timbre.csat/1`},
		{"unknown_field", `"schema"`, `"made_by": 1, "schema"`, `unknown field "made_by"`},
		{"feature_name", `"anger_end"`, `"anger_start"`, `features[1].name: "anger_start", want anger_end`},
		{"band_name", `"raised"`, `"loud"`, `response[1].name: "loud" from 0.3, want "raised" from 0.3`},
		{"folds", `"folds": 5`, `"folds": 0`, "validation.folds: 0, want 2 to 100"},
		{"infinite", `"folds": 5`, `"folds": 5, "mae": 1e999`, "cannot unmarshal number 1e999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(string(file(t)), c.old, c.new, 1)
			if m, err := Parse([]byte(text)); err == nil || m != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "null": "null", "array": "[]", "no_fields": "{}", "two": string(file(t)) + "{}",
		"too_long": strings.Repeat(" ", maxModelBytes) + string(file(t))} {
		if m, err := Parse([]byte(text)); err == nil || m != nil || !strings.HasPrefix(err.Error(), "csat: ") {
			t.Errorf("%s: model %v, error %v", name, m, err)
		}
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	m, err := Parse(file(t))
	if err != nil {
		t.Fatal(err)
	}
	m.Features[2].SD = 0
	m.Thresholds[3] = m.Thresholds[2]
	m.Validation.Answers = 49
	m.Response = m.Response[:2]
	err = m.Validate()
	for _, want := range []string{"features[2].sd: 0, want", "thresholds[3]: ", "validation.answers: 49, want 50", "response: 2, want 3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func drawFeatures(t *rapid.T) Features {
	var x Features
	for i := range x {
		x[i] = rapid.Float64().Draw(t, "x")
	}
	return x
}

func TestPredictionsAreAnswers(t *testing.T) {
	m, err := fitted()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		x := drawFeatures(t)
		p := m.Predict(x)
		if !(1 <= p.Low && p.Low <= p.Value && p.Value <= p.High && p.High <= 5) {
			t.Fatalf("prediction %+v of %v", p, x)
		}
		angrier := x
		angrier[angerPeak], angrier[angerEnd] = angrier[angerPeak]+1, angrier[angerEnd]+1
		if q := m.Predict(angrier); q.Value > p.Value {
			t.Fatalf("more anger raised the answer from %g to %g", p.Value, q.Value)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(file(f))
	f.Add([]byte(`{"schema":"timbre.csat/1","features":[],"thresholds":[1,2,3,4]}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		p := m.Predict(Features{angerPeak: 0.7, logMinutes: -5})
		if !(1 <= p.Low && p.Low <= p.Value && p.Value <= p.High && p.High <= 5) {
			t.Errorf("prediction %+v", p)
		}
		var b bytes.Buffer
		if err := m.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(b.Bytes())
		if err != nil || again.Identity() != m.Identity() {
			t.Errorf("a model that was read does not come back: %v", err)
		}
	})
}

func record(id, contact string, revision int, anger float64) *interaction.Interaction {
	r := interaction.New()
	r.Contact.ID, r.Contact.ContactID, r.Contact.Revision, r.Contact.State = id, contact, revision, interaction.StateComplete
	r.Participants = []interaction.Participant{{ID: "agent-1", Role: interaction.RoleAgent}, {ID: "customer-1", Role: interaction.RoleCustomer, Channel: 1}}
	r.Affect = []interaction.Affect{{ParticipantID: "customer-1", PeakNegative: &interaction.AffectPoint{Anger: anger},
		Overall: interaction.AffectPoint{Arousal: 0.4, SpeechMs: 9000}, End: interaction.AffectPoint{Anger: 0.25, Arousal: 0.5}}}
	r.Conversation = &interaction.Conversation{TotalConversationDurationMs: 120_000,
		TalkTime:      interaction.TalkTime{ByRole: map[interaction.Role]interaction.RoleTalk{interaction.RoleCustomer: {Share: 0.45}}},
		NonTalkTime:   interaction.NonTalkTime{TotalMs: 30_000},
		Overtalk:      &interaction.Overtalk{TotalMs: 6000},
		Interruptions: &interaction.Interruptions{TotalCount: 3}}
	return r
}

func TestMeasure(t *testing.T) {
	x, err := Measure(record("a", "", 1, 0.75))
	want := Features{0.75, 0.25, 0.4, 0.5, 0.45, 0.05, 1.5, 0.25, 0.6931471805599453}
	if err != nil || x != want {
		t.Errorf("%v, %v, want %v", x, err, want)
	}
	r := record("a", "", 1, 0.75)
	r.Conversation = nil
	if x, err = Measure(r); err != nil || x[angerPeak] != 0.75 || x[talkShare] == x[talkShare] {
		t.Errorf("without conversation: %v, %v", x, err)
	}
	r.Affect[0].ParticipantID = "agent-1"
	if _, err = Measure(r); !errors.Is(err, ErrNoAffect) {
		t.Errorf("affect of the agent alone: %v, want %v", err, ErrNoAffect)
	}
}

func TestCollector(t *testing.T) {
	var c Collector
	surveyed := record("own", "", 1, 0.3)
	surveyed.CX = &interaction.CX{Surveys: []interaction.Survey{{Kind: "nps", Value: 9}, {Kind: "csat", Value: 4}}}
	silent := record("silent", "k9", 1, 0)
	silent.Affect = nil
	for _, r := range []*interaction.Interaction{record("a", "k1", 2, 0.1), record("a", "k1", 1, 0.9), record("leg1", "k2", 1, 0.2),
		record("leg2", "k2", 1, 0.4), surveyed, silent} {
		if err := c.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	calls := c.Calls([]Answer{{"k1", "csat", 1}, {"k1", "csat", 2}, {"k2", "csat", 5}, {"gone", "csat", 3}, {"k1", "nps", 10}, {"own", "csat", 3}})
	type got struct {
		anger  float64
		answer int
	}
	var have []got
	for _, x := range calls {
		have = append(have, got{x.X[angerPeak], x.Answer})
	}
	if want := []got{{0.1, 2}, {0.4, 5}, {0.3, 3}}; !reflect.DeepEqual(have, want) {
		t.Errorf("calls %v, want %v", have, want)
	}
	if c.Records != 5 || c.NoAffect != 1 || c.Unmatched != 1 {
		t.Errorf("records %d, without affect %d, unmatched %d, want 5, 1, 1", c.Records, c.NoAffect, c.Unmatched)
	}
	live := record("live", "", 1, 0)
	live.Contact.State = interaction.StateLive
	if err := c.Add(live); err == nil || !strings.Contains(err.Error(), "state live") {
		t.Errorf("a live record: %v", err)
	}
}

func TestReadSurveys(t *testing.T) {
	const good = "\ufeffcontact_id,kind,value\n\"a,1\",csat,5\nb,nps,0\nc,ces,7\n"
	list, err := ReadSurveys(strings.NewReader(good))
	if want := []Answer{{"a,1", "csat", 5}, {"b", "nps", 0}, {"c", "ces", 7}}; err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("%v, %v, want %v", list, err, want)
	}
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "empty, want the header contact_id,kind,value"},
		{"no_header", "a,csat,5\n", `header "a,csat,5"`},
		{"value", "contact_id,kind,value\na,csat,6\nb,csat,x\n", `line 2: value: "6", want 1 to 5 for csat`},
		{"kind", "contact_id,kind,value\na,CSAT,5\n", `line 2: kind: "CSAT", want csat, nps or ces`},
		{"id", "contact_id,kind,value\n,csat,5\n", "line 2: contact_id: empty"},
		{"columns", "contact_id,kind,value\na,csat\n", "record on line 2: wrong number of fields"},
	} {
		if _, err := ReadSurveys(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.says)
		}
	}
}

func FuzzReadSurveys(f *testing.F) {
	f.Add("contact_id,kind,value\na,csat,5\n")
	f.Add("contact_id,kind,value\n\"a\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadSurveys(strings.NewReader(text))
		if err != nil && list != nil {
			t.Error("a list beside an error")
		}
		for _, a := range list {
			if scale, ok := scales[a.Kind]; !ok || a.Value < scale[0] || a.Value > scale[1] || a.ContactID == "" {
				t.Errorf("answer %+v", a)
			}
		}
	})
}

func TestJSONHasNoNumbersThatAreNone(t *testing.T) {
	m, err := Calibrate(truth(rand.New(rand.NewPCG(3, 3)), 700, 3), 1)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(m); err != nil || bytes.Contains(b, []byte("NaN")) {
		t.Errorf("%s, %v", b, err)
	}
}
