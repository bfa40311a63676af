package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// callSet is a set with everything in it: 10 speakers, failures on both sides, bands, one group column.
func callSet() *Set {
	r := rand.New(rand.NewPCG(21, 22))
	s := &Set{LLR: true, Columns: []string{"language"}}
	for a := range 10 {
		for b := range 10 {
			for k := range 6 {
				t := Scored{
					Target: a == b, EnrolSpeaker: fmt.Sprint(a), TestSpeaker: fmt.Sprint(b), EnrolKey: fmt.Sprintf("e%d", a), TestKey: fmt.Sprintf("t%d.%d", b, k),
					NetSpeech: time.Duration(k+1) * time.Second, Groups: []string{[]string{"en", "de", ""}[a%3]},
				}
				t.Score = 2*r.NormFloat64() - 3
				if t.Target {
					t.Score = 2*r.NormFloat64() + 3
				}
				t.EnrolFailed = a == 9
				t.TestFailed = k == 0 && b < 5 // the shortest of five speakers
				if t.Failed() {
					t.Score = math.NaN()
				}
				s.Trials = append(s.Trials, t)
			}
		}
	}
	return s
}

func evaluate(t *testing.T, s *Set, o Options) *Report {
	t.Helper()
	rep, err := Evaluate(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestReportCounts(t *testing.T) {
	set := callSet()
	before := slices.Clone(set.Trials)
	rep := evaluate(t, set, DefaultOptions())
	o := &rep.Overall
	// 10 × 10 pairs of 6: 600 trials, 60 of them target. Enrolment 9 fails: 60 trials. Of the other 540, tests t0.0..t4.0 fail
	// against 9 enrolments each: 45. Without a score: 105.
	if o.Trials != 600 || o.Targets != 60 || o.Nontargets != 540 || o.Failed != 105 || o.Speakers != 10 || o.TargetSpeakers != 10 {
		t.Errorf("%d trials, %d target, %d nontarget, %d failed, %d speakers, %d with targets", o.Trials, o.Targets, o.Nontargets, o.Failed, o.Speakers, o.TargetSpeakers)
	}
	near9(t, "FTE: 1 of 10 enrolments", o.FTE.Value, 0.1)
	near9(t, "FTA: 5 of 60 tests", o.FTA.Value, 5./60)
	if rep.Ranked.Targets() != 49 || rep.Ranked.Nontargets() != 446 { // 60 - 6 (speaker 9) - 5; 540 - 54 - 40
		t.Errorf("%d and %d scored, want 49 and 446", rep.Ranked.Targets(), rep.Ranked.Nontargets())
	}
	// FRR counts the 11 target trials without a score as refused.
	p := o.Points[0]
	near9(t, "FRR", p.FRR.Value, (p.FNMR.Value*49+11)/60)
	near9(t, "FNMR", p.FNMR.Value, p.OperatingPoint.FNMR)
	eer, _ := rep.Ranked.EER()
	near9(t, "EER", o.EER.Value, eer)
	near9(t, "Cllr", o.Cllr.Value, rep.Ranked.Cllr())
	near9(t, "minCllr", o.MinCllr.Value, rep.Ranked.MinCllr())
	for i, c := range rep.Options.Costs {
		near9(t, "minDCF", o.MinDCF[i].Value, first(rep.Ranked.MinDCF(c)))
		near9(t, "actDCF", o.ActDCF[i].Value, rep.Ranked.ActDCF(c))
	}
	for i := range before {
		if a, b := before[i], set.Trials[i]; a.Target != b.Target || a.EnrolKey != b.EnrolKey || a.Score != b.Score && !math.IsNaN(a.Score) {
			t.Fatalf("trial %d was changed", i)
		}
	}
}

func TestReportSlices(t *testing.T) {
	rep := evaluate(t, callSet(), DefaultOptions())
	names := func(s []Slice) (n []string) {
		for _, x := range s {
			n = append(n, fmt.Sprintf("%s: %d", x.Name, x.Trials))
		}
		return n
	}
	// Tests of 1 to 6 s, 100 trials each; an edge belongs to the band above it.
	if got, want := names(rep.Bands), []string{"<2 s: 100", "2-3 s: 100", "3-5 s: 200", "5-10 s: 200"}; !slices.Equal(got, want) {
		t.Errorf("bands %q, want %q", got, want)
	}
	if len(rep.Groups) != 1 || rep.Groups[0].Column != "language" {
		t.Fatalf("groups %+v", rep.Groups)
	}
	if got, want := names(rep.Groups[0].Slices), []string{"not stated: 180", "de: 180", "en: 240"}; !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
	near9(t, "FTA below 2 s: 5 of 10 tests", rep.Bands[0].FTA.Value, 0.5)
	near9(t, "FTA from 2 s", rep.Bands[1].FTA.Value, 0)
	if n := len(rep.Bands[0].AtOverall); n != 0 {
		t.Errorf("%d overall thresholds in a band; 446 nontarget trials support none", n)
	}
	// "en" has the speakers 0, 3, 6 and the failed 9: four with targets, one short of an interval.
	en := rep.Groups[0].Slices[2]
	if en.EER.Interval() || !slices.ContainsFunc(en.NotComputed, func(a Absent) bool {
		return a.What == "confidence_intervals" && a.Reason == "4 speakers with target trials, want at least 5"
	}) {
		t.Errorf("en: EER %+v, not computed %+v", en.EER, en.NotComputed)
	}
	// A slice equals the evaluation of its trials alone.
	set := callSet()
	var short Set
	short.LLR = true
	for _, tr := range set.Trials {
		if tr.NetSpeech < 2*time.Second {
			tr.Groups = nil
			short.Trials = append(short.Trials, tr)
		}
	}
	alone := evaluate(t, &short, DefaultOptions())
	if alone.Overall.EER != rep.Bands[0].EER || alone.Overall.Cllr != rep.Bands[0].Cllr {
		t.Errorf("band %+v, alone %+v", rep.Bands[0].EER, alone.Overall.EER)
	}
}

func TestOverallThresholdInSlices(t *testing.T) {
	o := DefaultOptions()
	o.FMRs, o.Replicates = []float64{0.1, 0.05}, 100
	rep := evaluate(t, callSet(), o)
	p := rep.Overall.Points[0] // 446 trials expect 44.6 false matches at 0.1, 22.3 at 0.05
	if !p.Offered || rep.Overall.Points[1].Offered {
		t.Fatalf("%+v", rep.Overall.Points)
	}
	var passed, all float64
	for _, b := range rep.Bands {
		if len(b.AtOverall) != 1 || b.AtOverall[0].Threshold != p.Threshold {
			t.Fatalf("band %s: %+v, want the one threshold offered", b.Name, b.AtOverall)
		}
		scored := 0.0
		for _, tr := range callSet().Trials {
			if !tr.Target && !tr.Failed() && bandOf(tr.NetSpeech) == b.Name {
				scored++
			}
		}
		passed += b.AtOverall[0].FMR.Value * scored
		all += scored
	}
	near9(t, "FMR of the bands together", passed/all, p.OperatingPoint.FMR)
	near9(t, "FMR at the threshold", p.FMRAt.Value, p.OperatingPoint.FMR)
}

func bandOf(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "<2 s"
	case d < 3*time.Second:
		return "2-3 s"
	case d < 5*time.Second:
		return "3-5 s"
	}
	return "5-10 s"
}

func TestReportJSON(t *testing.T) {
	b, err := json.Marshal(evaluate(t, callSet(), DefaultOptions()))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	ci := m["confidence_intervals"].(map[string]any)
	for _, k := range []string{"eer", "eer_hull", "cllr", "min_cllr", "fta", "fte"} {
		v, ok := m[k].(float64)
		span, ok2 := ci[k].([]any)
		if !ok || !ok2 || !(span[0].(float64) <= v && v <= span[1].(float64)) {
			t.Errorf("%s: %v in %v, want a number in its interval", k, m[k], ci[k])
		}
	}
	for _, k := range []string{"min_dcf", "act_dcf"} {
		if d := m[k].(map[string]any); len(d) != 2 || d["0.01"] == nil || d["0.05"] == nil {
			t.Errorf("%s: %v, want 0.01 and 0.05", k, d)
		}
	}
	f := m["fnmr_at_fmr"].(map[string]any)
	if len(f) != 3 || f["0.01"] == nil || f["0.001"] != nil || f["0.0001"] != nil {
		t.Errorf("fnmr_at_fmr: %v, want 0.01 measured, 0.001 and 0.0001 null: 446 nontarget trials", f)
	}
	if m["trials"] != 600.0 || m["targets"] != 60.0 || m["scale"] != "llr" {
		t.Errorf("trials %v, targets %v, scale %v", m["trials"], m["targets"], m["scale"])
	}
	for _, p := range m["operating_points"].([]any) {
		p := p.(map[string]any)
		if p["threshold"] != nil || p["statement"] == "" {
			t.Errorf("%v: want no threshold and a statement", p)
		}
	}
}

func TestReportOfRawScores(t *testing.T) {
	set := callSet()
	set.LLR = false
	rep := evaluate(t, set, DefaultOptions())
	if rep.Overall.Cllr.Computed() || rep.Overall.ActDCF[0].Computed() || !rep.Overall.MinCllr.Computed() {
		t.Errorf("raw scores: Cllr %+v, actDCF %+v, minCllr %+v", rep.Overall.Cllr, rep.Overall.ActDCF, rep.Overall.MinCllr)
	}
	b, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(`"cllr":null`)) || !bytes.Contains(b, []byte("calibrate them first")) {
		t.Errorf("JSON lacks the null or the reason: %s", b)
	}
}

// TestReportWithGaps: sets that cannot give most figures still give a report, valid JSON, and say why.
func TestReportWithGaps(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name   string
		set    Set
		reason string
	}{
		{"targets_only", Set{LLR: true, Trials: []Scored{{Target: true, Score: 1}}}, ErrNoNontargets.Error()},
		{"all_failed", Set{LLR: true, Trials: []Scored{{Target: true, TestFailed: true}, {EnrolFailed: true}}}, ErrNoTargets.Error()},
		{"wrong_and_certain", Set{LLR: true, Trials: []Scored{{Target: true, Score: -inf}, {Target: true, Score: 2}, {Score: -1}}}, "infinite LLR on the wrong side"},
		{"two_trials", Set{LLR: true, Trials: []Scored{{Target: true, Score: 1}, {Score: 0}}}, "1 target trials, want at least 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := evaluate(t, &c.set, DefaultOptions())
			b, err := json.Marshal(rep)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(b, []byte(c.reason)) {
				t.Errorf("JSON lacks %q: %s", c.reason, b)
			}
			var text strings.Builder
			if err := rep.WriteText(&text); err != nil || !strings.Contains(text.String(), c.reason) {
				t.Errorf("%v, text lacks %q:\n%s", err, c.reason, text.String())
			}
		})
	}
}

func TestReportText(t *testing.T) {
	var b strings.Builder
	if err := evaluate(t, callSet(), DefaultOptions()).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"600 trials: 60 target, 540 nontarget, 105 without a score; 10 speakers", "EER (plain)", "minDCF p_target=0.01 c_miss=1 c_fa=1", "10.00 % [0.00, 30.00]", // FTE: 1 of 10 speakers, whose bootstrap is binomial

		"net speech of the test  targets", "5-10 s", "language", "not computed:"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("text lacks %q:\n%s", want, b.String())
		}
	}
}

func TestValidate(t *testing.T) {
	bad := Options{Costs: []Cost{{0, 1, 1}, {0.5, -1, math.Inf(1)}}, FMRs: []float64{1, 0.1, 0.1}, Bands: []time.Duration{0, time.Second, time.Second}, OfferAt: 2, Replicates: 5, Level: 1, MinSpeakers: 1}
	err := bad.Validate()
	for _, want := range []string{"p_target 0,", "c_miss -1", "c_fa +Inf", "fmr 1,", "fmr 0.1 stands twice", "band edge 0s", "band edge 1s after 1s", "offer at 2", "5 replicates", "level 1,", "min speakers 1", "max groups 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if err := DefaultOptions().Validate(); err != nil {
		t.Error(err)
	}
	if s := DefaultOptions().String(); !strings.Contains(s, "replicates=1000") || !strings.Contains(s, "p_target=0.05") {
		t.Errorf("options print as %s", s)
	}
	one := Scored{Target: true, Score: 1, EnrolSpeaker: "a", TestSpeaker: "a"}
	for name, set := range map[string]Set{
		"none, want":        {},
		"score NaN":         {Trials: []Scored{{Score: math.NaN()}}},
		"named in every":    {Trials: []Scored{one, {Target: true}}},
		"label target true": {Trials: []Scored{{Target: true, EnrolSpeaker: "a", TestSpeaker: "b"}}},
		"label target fals": {Trials: []Scored{{EnrolSpeaker: "a", TestSpeaker: "a"}}},
		"1 group values":    {Trials: []Scored{{Groups: []string{"x"}}}},
		"enrolment \"k\"":   {Trials: []Scored{{EnrolKey: "k"}, {EnrolKey: "k", EnrolFailed: true}}},
		"test \"k\"":        {Trials: []Scored{{TestKey: "k"}, {TestKey: "k", TestFailed: true}}},
		"column 1":          {Columns: []string{"x", "x"}, Trials: []Scored{{Groups: []string{"", ""}}}},
	} {
		_, err := Evaluate(&set, DefaultOptions())
		if !errors.Is(err, ErrSet) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want ErrSet with %q", err, name)
		}
	}
}

func TestTooManyGroups(t *testing.T) {
	o := DefaultOptions()
	o.MaxGroups = 2
	rep := evaluate(t, callSet(), o)
	last := rep.Overall.NotComputed[len(rep.Overall.NotComputed)-1]
	if len(rep.Groups) != 0 || last.What != "groups language" || last.Reason != "3 distinct values, want at most 2" {
		t.Errorf("groups %v, reason %+v", rep.Groups, last)
	}
}
