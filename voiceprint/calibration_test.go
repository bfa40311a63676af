package voiceprint

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/voiceprint/eval"
)

// TestFitFindsTheTruth draws scores of two normal distributions whose LLR is known in closed form.
func TestFitFindsTheTruth(t *testing.T) {
	m := tinyModel(t)
	r := rand.New(rand.NewPCG(1, 1))
	var trials []CalibrationTrial
	add := func(target bool, mean float64, who, other int) {
		// Equal deviation 1 and means ±1: the LLR is 2·score.
		trials = append(trials, CalibrationTrial{Target: target, Score: mean + r.NormFloat64(), Enrol: quality(20), Test: quality(5),
			EnrolSpeaker: string(rune('a' + who)), TestSpeaker: string(rune('a' + other))})
	}
	for i := range 15000 {
		add(true, 1, i%20, i%20)
		add(false, -1, i%20, (i+1+i%7)%20)
	}
	o := DefaultFit()
	o.Terms, o.Ridge, o.PTarget, o.Replicates = []string{TermScore}, 0, 0.5, 100
	c, err := m.FitCalibration(trials, o)
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Terms[0].Weight; math.Abs(w-2) > 0.05 || math.Abs(c.Bias) > 0.05 {
		t.Errorf("LLR = %.3f·score%+.3f, want 2·score", w, c.Bias)
	}
	if c.Fit.Cllr < c.Fit.MinCllr || c.Fit.Cllr > c.Fit.MinCllr+0.01 {
		t.Errorf("Cllr %.4f, minCllr %.4f, want them near each other", c.Fit.Cllr, c.Fit.MinCllr)
	}
	if len(c.Thresholds) != 1 || c.Thresholds[0].FMR != 0.01 || len(c.Withheld) != 1 {
		t.Fatalf("thresholds %+v, withheld %q, want 15 expected false matches at 0.1 %% to be too few", c.Thresholds, c.Withheld)
	}
	// The score that 1 % of N(-1, 1) exceed is -1 + 2.326; its LLR twice that.
	if th := c.Thresholds[0]; math.Abs(th.LLR-2*1.326) > 0.15 || !(th.LLRLow <= th.LLR && th.LLR <= th.LLRHigh) || !(th.FMRLow <= 0.01 && th.FMRHigh >= 0.01) {
		t.Errorf("threshold of 1 %%: %+v, want an LLR of 2.65 inside its interval", th)
	}
}

// TestFitHoldsAcrossDurations fits on speakers of a synthetic world and judges on other speakers: one map for all durations must cost
// little more than the best threshold does, over all trials and in every band.
func TestFitHoldsAcrossDurations(t *testing.T) {
	w := calibrated(t, 48)
	judge := world{w.m, rand.New(rand.NewPCG(77, 78))}
	set := &eval.Set{LLR: true}
	for _, tr := range judge.trials(t, 60, 6) {
		set.Trials = append(set.Trials, eval.Scored{Target: tr.Target, Score: w.m.calibration.LLR(tr.Score, tr.Enrol, tr.Test),
			EnrolSpeaker: tr.EnrolSpeaker, TestSpeaker: tr.TestSpeaker, NetSpeech: tr.Test.NetSpeech})
	}
	o := eval.DefaultOptions()
	o.Replicates, o.Bands = 0, []time.Duration{4 * time.Second, 8 * time.Second, 15 * time.Second}
	rep, err := eval.Evaluate(set, o)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, res eval.Result, room float64) {
		least, act := res.MinDCF[1].Value, res.ActDCF[1].Value
		t.Logf("%s: EER %.2f %%, minDCF %.3f, actDCF %.3f, Cllr %.3f, minCllr %.3f", name, 100*res.EER.Value, least, act, res.Cllr.Value, res.MinCllr.Value)
		if act > least+room || res.Cllr.Value > res.MinCllr.Value+0.07 { // PAV fits itself to few trials
			t.Errorf("%s: actDCF %.3f with minDCF %.3f, Cllr %.3f with minCllr %.3f", name, act, least, res.Cllr.Value, res.MinCllr.Value)
		}
	}
	check("all", rep.Overall, 0.05)
	for _, b := range rep.Bands {
		check(b.Name, b.Result, 0.12)
	}
	if len(rep.Bands) < 3 {
		t.Errorf("%d bands, want 3", len(rep.Bands))
	}
}

func TestFitRefuses(t *testing.T) {
	w := world{tinyModel(t), rand.New(rand.NewPCG(5, 5))}
	good := w.trials(t, 20, 4)
	o := DefaultFit()
	o.Replicates, o.MaxEER = 100, 0.49
	if _, err := w.m.FitCalibration(good, o); err != nil {
		t.Fatalf("good trials: %v", err)
	}
	r := rand.New(rand.NewPCG(6, 6))
	noise := slices.Clone(good)
	for i := range noise {
		noise[i].Score = r.NormFloat64()
	}
	reversed := slices.Clone(good)
	for i := range reversed {
		reversed[i].Score = -reversed[i].Score
	}
	broken := slices.Clone(good)
	broken[3].Score = math.NaN()
	unnamed := slices.Clone(good)
	unnamed[3].TestSpeaker = ""
	mislabelled := slices.Clone(good)
	mislabelled[3].Target = !mislabelled[3].Target
	var few []CalibrationTrial
	for _, tr := range good {
		if tr.EnrolSpeaker < "12" && tr.TestSpeaker < "12" {
			few = append(few, tr)
		}
	}
	var targets []CalibrationTrial
	for _, tr := range good {
		if tr.Target {
			targets = append(targets, tr)
		}
	}
	for _, c := range []struct {
		name   string
		trials []CalibrationTrial
		text   string
	}{
		{"none", nil, "0 target trials"},
		{"too_few_speakers", few, "speakers, want at least 10"},
		{"no_nontargets", targets, "0 nontarget trials"},
		{"classes_overlap", noise, "overlap too much"},
		{"scores_reversed", reversed, "overlap too much"},
		{"score_nan", broken, "trial 3"},
		{"speaker_not_named", unnamed, "trial 3"},
		{"label_against_speakers", mislabelled, "trial 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.m.FitCalibration(c.trials, DefaultFit())
			if !errors.Is(err, ErrCalibrate) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want ErrCalibrate about %q", err, c.text)
			}
		})
	}
}

// TestNoThresholdBeyondTheTrials holds that a rate which the trials cannot measure gets no threshold but a reason.
func TestNoThresholdBeyondTheTrials(t *testing.T) {
	w := world{tinyModel(t), rand.New(rand.NewPCG(5, 5))}
	o := DefaultFit()
	o.Replicates, o.MaxEER, o.FMRs = 100, 0.49, []float64{0.1, 1e-5}
	c, err := w.m.FitCalibration(w.trials(t, 20, 4), o) // 1520 nontarget trials
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Threshold(1e-5); ok || len(c.Withheld) != 1 || !strings.Contains(c.Withheld[0], "1520 nontarget trials") {
		t.Errorf("thresholds %+v, withheld %q", c.Thresholds, c.Withheld)
	}
	if _, ok := c.Threshold(0.1); !ok {
		t.Errorf("no threshold for 10 %%: %q", c.Withheld)
	}
}

func TestCalibrationJSON(t *testing.T) {
	c := calibrated(t, 48).m.calibration
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseCalibration(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, again) {
		t.Errorf("%+v became %+v", c, again)
	}
	for name, change := range map[string][2]string{
		"unknown_field":    {`"bias"`, `"slant":1,"bias"`},
		"other_schema":     {"timbre.calibration/1", "timbre.calibration/2"},
		"short_digest":     {`"sha256":"`, `"sha256":"zz`},
		"unknown_term":     {`"name":"score"`, `"name":"mood"`},
		"text_behind":      {"", ""},
		"p_target_of_1":    {`"p_target":0.05`, `"p_target":1`},
		"no_model":         {`"model":"speaker-tdnn-v1"`, `"model":""`},
		"huge_bias":        {`"bias":`, `"bias":1e300,"bias":`},
		"score_against_it": {`"name":"score","weight":`, `"name":"score","weight":-`},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(string(b), change[0], change[1], 1)
			if name == "text_behind" {
				bad += "{}"
			}
			if name == "huge_bias" {
				bad = strings.Replace(string(b), `"bias":`+mustJSON(t, c.Bias), `"bias":1e300`, 1)
			}
			if bad == string(b) {
				t.Fatal("nothing was changed")
			}
			if _, err := ParseCalibration([]byte(bad)); !errors.Is(err, ErrFormat) {
				t.Errorf("error %v, want ErrFormat", err)
			}
		})
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLLRRisesWithTheScore draws calibrations that are valid and holds that a higher score is never less evidence.
func TestLLRRisesWithTheScore(t *testing.T) {
	c := calibrated(t, 48).m.calibration
	r := rand.New(rand.NewPCG(9, 9))
	for range 2000 {
		q := func() Quality {
			return Quality{NetSpeech: time.Duration(r.Int64N(int64(5 * time.Minute))), SNRdB: []float64{unknown, 70*r.Float64() - 10}[r.IntN(2)], BandwidthHz: unknown}
		}
		a, b, score, step := q(), q(), 2*r.Float64()-1, r.Float64()
		low, high := c.LLR(score, a, b), c.LLR(score+step, a, b)
		if !finiteLLR(low) || !finiteLLR(high) || high < low {
			t.Fatalf("score %g: LLR %g, %g more: %g", score, low, step, high)
		}
	}
}

func finiteLLR(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func FuzzCalibration(f *testing.F) {
	f.Add([]byte(`{"schema":"timbre.calibration/1","model":"speaker-tdnn-v1","version":"1","sha256":"0000000000000000000000000000000000000000000000000000000000000000","scoring":"cosine","bias":-3,"terms":[{"name":"score","weight":10,"low":-1,"high":1,"mean":0}],"thresholds":[],"withheld":null,"fit":{"data":"","targets":1,"nontargets":1,"speakers":0,"p_target":0.5,"ridge":0,"cllr":0,"min_cllr":0}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCalibration(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("error %v, want ErrFormat", err)
			}
			return
		}
		if llr := c.LLR(0.5, quality(10), Quality{SNRdB: unknown, BandwidthHz: unknown}); !finiteLLR(llr) {
			t.Fatalf("LLR %g from %s", llr, b)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
	})
}
