package scorecard

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/interaction"
)

func form(tb testing.TB) *Form {
	tb.Helper()
	f, err := Parse([]byte(`{"sections":[
		{"id":"open","title":"Opening","weight":1,"questions":[
			{"id":"greets","title":"Greets","kind":"yes_no","weight":1},
			{"id":"tone","title":"Tone","kind":"scale","max":5,"weight":3,"na":true}]},
		{"id":"duty","title":"Duties","weight":3,"questions":[
			{"id":"identity","title":"Checks identity","kind":"yes_no","weight":1,"auto_fail":true},
			{"id":"listens","title":"Lets the customer finish","kind":"scale","max":3,"weight":1,
				"suggest":{"metric":"interruptions_agent","steps":[{"below":1,"answer":"3"},{"below":5,"answer":"2"}],"otherwise":"1"}},
			{"id":"note","title":"What to coach","kind":"text","weight":0}]}]}`))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func TestScore(t *testing.T) {
	f := form(t)
	num := func(x float64) *float64 { return &x }
	for _, c := range []struct {
		name    string
		answers map[string]string
		score   *float64
		missing string
		confirm string
		failed  string
	}{
		{"nothing_answered_is_not_zero", nil, nil, "greets tone identity listens", "", ""},
		{"best", map[string]string{"greets": "yes", "tone": "5", "identity": "yes", "listens": "3"}, num(100), "", "", ""},
		{"weights", map[string]string{"greets": "no", "tone": "5", "identity": "yes", "listens": "2"}, num((75 + 3*75) / 4.0), "", "", ""},
		{"not_applicable_gives_its_weight_away", map[string]string{"greets": "no", "tone": "na", "identity": "yes", "listens": "3"}, num(75), "", "", ""},
		{"auto_fail_waits_for_a_person", map[string]string{"greets": "yes", "tone": "5", "identity": "no", "listens": "3"}, nil, "", "identity", ""},
		{"auto_fail_confirmed", map[string]string{"greets": "yes", "tone": "5", "identity": "no", "identity.confirmed": "yes", "listens": "3"}, num(0), "", "", "identity"},
		{"auto_fail_withdrawn_is_a_plain_no", map[string]string{"greets": "yes", "tone": "5", "identity": "no", "identity.confirmed": "no", "listens": "3"}, num((100 + 3*50) / 4.0), "", "", ""},
		{"answer_off_the_scale_counts_as_none", map[string]string{"greets": "yes", "tone": "6", "identity": "yes", "listens": "3"}, nil, "tone", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := f.Score(c.answers)
			if (r.Score == nil) != (c.score == nil) || r.Score != nil && math.Abs(*r.Score-*c.score) > 1e-9 {
				t.Errorf("score %v, want %v", show(r.Score), show(c.score))
			}
			for _, l := range []struct {
				what, want string
				got        []string
			}{{"missing", c.missing, r.Missing}, {"confirm", c.confirm, r.Confirm}, {"failed", c.failed, r.Failed}} {
				if got := strings.Join(l.got, " "); got != l.want {
					t.Errorf("%s %q, want %q", l.what, got, l.want)
				}
			}
			if r.Complete() != (c.score != nil) {
				t.Errorf("complete %t", r.Complete())
			}
		})
	}
}

func show(x *float64) string {
	if x == nil {
		return "none"
	}
	return fmt.Sprint(*x)
}

func TestSectionOfNothingApplicableLeavesTheScore(t *testing.T) {
	f := Form{Sections: []Section{
		{ID: "a", Title: "A", Weight: 9, Questions: []Question{{ID: "x", Title: "X", Kind: YesNo, Weight: 1, NotApplicable: true}}},
		{ID: "b", Title: "B", Weight: 1, Questions: []Question{{ID: "y", Title: "Y", Kind: YesNo, Weight: 1, NotApplicable: true}}}}}
	r := f.Score(map[string]string{"x": NotApplicable, "y": Yes})
	if r.Score == nil || *r.Score != 100 || r.Sections["a"] != nil {
		t.Errorf("score %s, section a %v: want 100 from b alone", show(r.Score), r.Sections["a"])
	}
	r = f.Score(map[string]string{"x": NotApplicable, "y": NotApplicable})
	if r.Score != nil || !r.Complete() {
		t.Errorf("score %s, complete %t: want none, and complete", show(r.Score), r.Complete())
	}
}

func TestScoreProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f Form
		answers := map[string]string{}
		for i := range rapid.IntRange(1, 4).Draw(t, "sections") {
			s := Section{ID: fmt.Sprintf("s%d", i), Title: "S", Weight: rapid.Float64Range(0.1, 10).Draw(t, "w")}
			for j := range rapid.IntRange(1, 4).Draw(t, "questions") {
				q := Question{ID: fmt.Sprintf("q%d_%d", i, j), Title: "Q", Kind: Scale, Max: rapid.IntRange(2, 10).Draw(t, "max"),
					Weight: rapid.Float64Range(0.1, 10).Draw(t, "qw"), NotApplicable: true}
				s.Questions = append(s.Questions, q)
				answers[q.ID] = rapid.SampledFrom(q.Options()).Draw(t, "a")
			}
			f.Sections = append(f.Sections, s)
		}
		if err := f.Validate(); err != nil {
			t.Fatal(err)
		}
		if err := f.Check(answers); err != nil {
			t.Fatal(err)
		}
		r := f.Score(answers)
		if r.Score == nil {
			return // all not applicable
		}
		if *r.Score < -1e-9 || *r.Score > 100+1e-9 {
			t.Fatalf("score %g, want 0 to 100", *r.Score)
		}
		scaled := f
		scaled.Sections = append([]Section(nil), f.Sections...)
		for i := range scaled.Sections {
			scaled.Sections[i].Weight *= 7
		}
		if s := scaled.Score(answers); math.Abs(*s.Score-*r.Score) > 1e-9 {
			t.Fatalf("score %g changed to %g when every weight was 7 times as much", *r.Score, *s.Score)
		}
		for _, s := range f.Sections {
			for _, q := range s.Questions {
				if answers[q.ID] == NotApplicable || answers[q.ID] == fmt.Sprint(q.Max) {
					continue
				}
				was := answers[q.ID]
				answers[q.ID] = fmt.Sprint(q.Max)
				if better := f.Score(answers); *better.Score < *r.Score-1e-9 {
					t.Fatalf("score fell from %g to %g when %s got better", *r.Score, *better.Score, q.ID)
				}
				answers[q.ID] = was
			}
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, definition, want string }{
		{"no_json", `{`, "definition"},
		{"unknown_field", `{"sections":[],"colour":1}`, "colour"},
		{"two_values", `{"sections":[{"id":"a","title":"A","weight":1,"questions":[{"id":"q","title":"Q","kind":"yes_no","weight":1}]}]} {}`, "more than one"},
		{"no_questions", `{"sections":[]}`, "none, want at least 1"},
		{"all_weights_zero", `{"sections":[{"id":"a","title":"A","weight":0,"questions":[{"id":"q","title":"Q","kind":"yes_no","weight":1}]}]}`, "all 0"},
		{"taken_id", `{"sections":[{"id":"a","title":"A","weight":1,"questions":[{"id":"a","title":"Q","kind":"yes_no","weight":1}]}]}`, "taken"},
		{"auto_fail_scale", `{"sections":[{"id":"a","title":"A","weight":1,"questions":[{"id":"q","title":"Q","kind":"scale","max":5,"weight":1,"auto_fail":true}]}]}`, "auto_fail"},
		{"emotion_without_word", `{"sections":[{"id":"a","title":"A","weight":1,"questions":[{"id":"q","title":"Q","kind":"yes_no","weight":1,"suggest":{"metric":"anger_end","steps":[],"otherwise":"no"}}]}]}`, "customer_emotion"},
		{"steps_out_of_order", `{"sections":[{"id":"a","title":"A","weight":1,"questions":[{"id":"q","title":"Q","kind":"yes_no","weight":1,"suggest":{"metric":"overtalk_s","steps":[{"below":5,"answer":"yes"},{"below":5,"answer":"no"}],"otherwise":"no"}}]}]}`, "more than the one before"},
		{"answer_off_the_question", `{"sections":[{"id":"a","title":"A","weight":1,"questions":[{"id":"q","title":"Q","kind":"yes_no","weight":1,"suggest":{"metric":"overtalk_s","steps":[],"otherwise":"3"}}]}]}`, "otherwise"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.definition))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestCheckRefusesWhatTheFormDoesNotAsk(t *testing.T) {
	f := form(t)
	for _, answers := range []map[string]string{{"greets": "maybe"}, {"greets": "na"}, {"other": "yes"}, {"identity.confirmed": "perhaps"}, {"greets.confirmed": "yes"}, {"note": strings.Repeat("x", 4001)}} {
		if f.Check(answers) == nil {
			t.Errorf("answers %v were taken", answers)
		}
	}
	if err := f.Check(map[string]string{"tone": "na", "note": "listens well", "identity": ""}); err != nil {
		t.Error(err)
	}
}

func TestSuggest(t *testing.T) {
	f := form(t)
	r := &interaction.Interaction{Conversation: &interaction.Conversation{Interruptions: &interaction.Interruptions{
		ByInterrupter: map[interaction.Role][]interaction.Instance{interaction.RoleAgent: {
			{StartMs: 1000, EndMs: 1500, DurationMs: 500}, {StartMs: 9000, EndMs: 9900, DurationMs: 900}}}}}}
	s, ok := f.Suggest(r)["listens"]
	if !ok || s.Answer != "2" || s.Value != 2 || s.AtMs == nil || *s.AtMs != 9000 {
		t.Errorf("suggestion %+v, want answer 2 for 2 interruptions, the longest at 9000", s)
	}
	if s := f.Suggest(&interaction.Interaction{}); len(s) != 0 {
		t.Errorf("suggestions %v of a record without measurements, want none", s)
	}
	for _, m := range metrics {
		if _, _, ok := m.of(&interaction.Interaction{}); ok {
			t.Errorf("metric %s of an empty record, want none", m.name)
		}
	}
}

// The data and its alpha of 0.743 are the reliability example of Krippendorff, Computing Krippendorff's Alpha-Reliability (2011),
// section C: four observers, twelve units, nominal.
func TestAlphaIsKrippendorffsExample(t *testing.T) {
	observers := [4][12]int{
		{1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0},
		{1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3},
		{0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0},
		{1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0},
	}
	var reviews []Review
	for o, row := range observers {
		for u, v := range row {
			if v != 0 {
				reviews = append(reviews, Review{Call: fmt.Sprint(u), Form: "f", Evaluator: fmt.Sprint(o), Answers: map[string]string{"q": fmt.Sprint(v)}})
			}
		}
	}
	got := Agree(reviews)
	if len(got) != 1 || got[0].Alpha == nil || math.Abs(*got[0].Alpha-0.743) > 5e-4 || got[0].Calls != 11 {
		t.Fatalf("agreement %+v, want alpha 0.743 over 11 calls", got)
	}
}

func TestAgreement(t *testing.T) {
	review := func(call, who, answer string, score float64) Review {
		return Review{Call: call, Form: "f/1", Evaluator: who, Answers: map[string]string{"q": answer}, Score: &score}
	}
	same := Agree([]Review{review("1", "a", "yes", 0), review("1", "b", "yes", 0), review("2", "a", "no", 0), review("2", "b", "no", 0)})
	if len(same) != 1 || same[0].Same != 1 || *same[0].Alpha != 1 {
		t.Errorf("reviewers who always agree: %+v, want 1 and 1", same)
	}
	one := Agree([]Review{review("1", "a", "yes", 0), review("1", "b", "yes", 0)})
	if len(one) != 1 || one[0].Alpha != nil {
		t.Errorf("one answer ever given: %+v, want no alpha", one)
	}
	if alone := Agree([]Review{review("1", "a", "yes", 0), review("2", "b", "yes", 0)}); len(alone) != 0 {
		t.Errorf("calls of one reviewer each: %+v, want nothing", alone)
	}
}

func TestDrift(t *testing.T) {
	review := func(call, who string, score float64) Review {
		return Review{Call: call, Form: "f/1", Evaluator: who, Score: &score}
	}
	got := Drifts([]Review{review("1", "strict", 60), review("1", "kind", 90), review("2", "strict", 50), review("2", "kind", 70), review("3", "alone", 80)})
	want := []string{"kind 25 2", "strict -25 2", "alone none 0"}
	for i, d := range got {
		if s := fmt.Sprintf("%s %s %d", d.Evaluator, show(d.Against), d.Shared); s != want[i] {
			t.Errorf("line %d is %q, want %q", i, s, want[i])
		}
	}
}

func FuzzParse(f *testing.F) {
	b, err := json.Marshal(form(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"sections":[{"weight":1e308}]}`))
	f.Fuzz(func(t *testing.T, definition []byte) {
		g, err := Parse(definition)
		if err != nil {
			return
		}
		r := g.Score(map[string]string{})
		if r.Score != nil && !(*r.Score >= 0 && *r.Score <= 100) {
			t.Errorf("score %g of no answers", *r.Score)
		}
	})
}
