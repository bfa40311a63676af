package voiceprint

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// handCalibrated is a model whose LLR looks at the score and at the speech that was tested.
func handCalibrated(t *testing.T) *Model {
	t.Helper()
	m := tinyModel(t)
	m, err := m.WithCalibration(&Calibration{Model: m.ID(), Scoring: m.Scoring(), Bias: -1,
		Terms:      []Term{{Name: TermScore, Weight: 8}, {Name: TermTestSpeech, Weight: 0.5, Low: 0, High: 4, Mean: 2}},
		Thresholds: []Threshold{{FMR: 0.01, LLR: 4}}, Fit: Fit{Targets: 1, Nontargets: 1, PTarget: 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRecalibrateUndoesAnAffineError: a calibration that a site's scores read as twice and two off is set right, whatever the quality.
func TestRecalibrateUndoesAnAffineError(t *testing.T) {
	m := handCalibrated(t)
	r := rand.New(rand.NewPCG(3, 4))
	var trials []JudgedTrial
	for i := range 8000 {
		v := JudgedTrial{Target: i%2 == 0, EnrolSpeaker: fmt.Sprint("s", i%40)}
		v.TestSpeaker = v.EnrolSpeaker
		truth := 2 + 2*r.NormFloat64() // of two normal classes at ±d²/2 with variance d², the LLR is the value itself
		if !v.Target {
			v.TestSpeaker, truth = fmt.Sprint("s", (i+1)%40), -2+2*r.NormFloat64()
		}
		v.LLR = 2*truth + 2
		trials = append(trials, v)
	}
	c, err := m.Recalibrate(trials, DefaultFit())
	if err != nil {
		t.Fatal(err)
	}
	for _, score := range []float64{-0.5, 0, 0.7} {
		for _, s := range []time.Duration{2 * time.Second, 20 * time.Second} {
			q := Quality{NetSpeech: s, SNRdB: 20, BandwidthHz: 3400}
			was, is := m.Calibration().LLR(score, q, q), c.LLR(score, q, q)
			if want := (was - 2) / 2; math.Abs(is-want) > 0.25+0.05*math.Abs(want) {
				t.Errorf("score %g, %s: LLR %g was %g, want %g", score, s, is, was, want)
			}
		}
	}
	if len(c.Thresholds) == 0 || c.Thresholds[0].FMR != 0.01 || c.Thresholds[0].LLR < 1 || c.Thresholds[0].LLR > 4 {
		t.Errorf("thresholds %+v", c.Thresholds)
	}
	if c.Fit.Targets != 4000 || c.Model != m.ID() || c.Scoring != m.Scoring() {
		t.Errorf("%+v", c)
	}
	if _, err := m.WithCalibration(c); err != nil {
		t.Errorf("the model does not take it: %v", err)
	}
}

func TestRecalibrateRefuses(t *testing.T) {
	m := handCalibrated(t)
	few := []JudgedTrial{{Target: true, LLR: 3, EnrolSpeaker: "a", TestSpeaker: "a"}, {LLR: -3, EnrolSpeaker: "a", TestSpeaker: "b"}}
	if _, err := m.Recalibrate(few, DefaultFit()); !errors.Is(err, ErrCalibrate) {
		t.Errorf("two trials: %v", err)
	}
	bare, err := m.WithCalibration(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = bare.Recalibrate(few, DefaultFit()); !errors.Is(err, ErrUncalib) {
		t.Errorf("without a calibration: %v", err)
	}
}
