package eval

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/sentiment"
)

// said returns a clip of class label that the model gave class given with this confidence and arousal.
func said(speaker string, label, given int, confidence, arousal float32) Scored {
	c := Scored{Label: label, Speaker: speaker}
	for i := range c.Score.Probabilities {
		c.Score.Probabilities[i] = (1 - confidence) / 3
	}
	c.Score.Probabilities[given] = confidence
	c.Score.Arousal = arousal
	return c
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

func TestFiguresByHand(t *testing.T) {
	clips := []Scored{
		said("a", sentiment.Angry, sentiment.Angry, 0.9, 0.8),
		said("a", sentiment.Angry, sentiment.Happy, 0.6, 0.7),
		said("a", sentiment.Angry, sentiment.Angry, 0.9, 0.2),
		said("b", sentiment.Sad, sentiment.Sad, 0.6, 0.2),
		said("b", sentiment.Neutral, sentiment.Sad, 0.6, 0.1),
	}
	r, err := Evaluate(clips, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// recalls 2/3 (angry), 1 (sad), 0 (neutral); happy is not there and does not count
	if !near(r.UAR.Value, (2.0/3+1)/3) || !near(r.WAR.Value, 3.0/5) {
		t.Errorf("UAR %g, WAR %g, want 0.5556 and 0.6", r.UAR.Value, r.WAR.Value)
	}
	// arousal: 0.8 and 0.7 beat both low ones, 0.2 ties with one and beats the other: 5.5 of 6
	if !near(r.AUCArousal.Value, 5.5/6) {
		t.Errorf("AUC %g, want %g", r.AUCArousal.Value, 5.5/6)
	}
	// two of 0.9 were right both times, three of 0.6 once: 2/5·0.1 + 3/5·|0.6-1/3|
	if !near(r.ECE.Value, 0.4*0.1+0.6*(0.6-1.0/3)) {
		t.Errorf("ECE %g, want 0.2", r.ECE.Value)
	}
	if r.Confusion[sentiment.Angry] != [4]int{2, 1, 0, 0} || r.Confusion[sentiment.Neutral] != [4]int{0, 0, 0, 1} {
		t.Errorf("confusion %v", r.Confusion)
	}
	if r.N != 5 || r.Speakers != 2 || !math.IsNaN(r.UAR.Low) {
		t.Errorf("%+v: want 5 clips of 2 speakers and no interval", r)
	}
}

func TestExtremes(t *testing.T) {
	var right, wrong []Scored
	for c := range sentiment.NumClasses {
		arousal := float32(0)
		if aroused(c) {
			arousal = 1
		}
		right = append(right, said("", c, c, 1, arousal))
		wrong = append(wrong, said("", c, (c+1)%sentiment.NumClasses, 1, 1-arousal))
	}
	a, _ := Evaluate(right, Options{})
	b, _ := Evaluate(wrong, Options{})
	if a.UAR.Value != 1 || a.AUCArousal.Value != 1 || a.ECE.Value != 0 || a.Speakers != 0 {
		t.Errorf("all right: %v", a)
	}
	if b.UAR.Value != 0 || b.AUCArousal.Value != 0 || b.ECE.Value != 1 {
		t.Errorf("all wrong: %v", b)
	}
	one, _ := Evaluate(right[:1], DefaultOptions())
	if !math.IsNaN(one.AUCArousal.Value) || !math.IsNaN(one.UAR.Low) {
		t.Errorf("one clip: %v, want neither AUC nor interval", one)
	}
}

func TestIntervalsComeFromSpeakers(t *testing.T) {
	// ten speakers, all of whose 50 clips are right or all wrong: the speaker is what varies, so the interval must be wide
	var clips []Scored
	for s := range 10 {
		given := sentiment.Angry
		if s%2 == 1 {
			given = sentiment.Sad
		}
		for range 50 {
			clips = append(clips, said(string(rune('a'+s)), sentiment.Angry, given, 0.5, 0.5))
		}
	}
	bySpeaker, err := Evaluate(clips, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Evaluate(clips, DefaultOptions())
	if bySpeaker.UAR != again.UAR {
		t.Error("the same seed gives another interval")
	}
	for i := range clips {
		clips[i].Speaker = ""
	}
	byClip, _ := Evaluate(clips, DefaultOptions())
	wide, narrow := bySpeaker.UAR.High-bySpeaker.UAR.Low, byClip.UAR.High-byClip.UAR.Low
	if !(wide > 0.4 && narrow < 0.12) {
		t.Errorf("interval %g wide by speaker, %g by clip, want 0.6 and 0.09", wide, narrow)
	}
}

func TestUninformedScoresGiveHalf(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var clips []Scored
	for range 4000 {
		clips = append(clips, said("", rng.IntN(4), rng.IntN(4), 0.25+0.75*rng.Float32(), rng.Float32()))
	}
	r, _ := Evaluate(clips, Options{})
	if math.Abs(r.AUCArousal.Value-0.5) > 0.03 || math.Abs(r.UAR.Value-0.25) > 0.03 {
		t.Errorf("%v, want AUC 0.5 and UAR 0.25", r)
	}
}

func TestEvaluateRefusesWhatItCannotMeasure(t *testing.T) {
	good := []Scored{said("", 0, 0, 1, 1)}
	for name, c := range map[string]struct {
		clips []Scored
		o     Options
	}{
		"no_clips":       {nil, Options{}},
		"label_below_0":  {[]Scored{{Label: -1}}, Options{}},
		"label_too_high": {[]Scored{{Label: sentiment.NumClasses}}, Options{}},
		"level_of_1":     {good, Options{Replicates: 10, Level: 1}},
		"replicates":     {good, Options{Replicates: -1}},
	} {
		if _, err := Evaluate(c.clips, c.o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestJSONHoldsTheContractsNames(t *testing.T) {
	r, _ := Evaluate([]Scored{said("a", 0, 0, 0.9, 1), said("b", 3, 3, 0.9, 0)}, DefaultOptions())
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"uar":1`, `"war":1`, `"auc_arousal":1`, `"ece":0.1`, `"n":2`, `"confusion":[[1,0,0,0]`, `"speakers":2`, `"uar_ci":[`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	if s := r.String(); !strings.Contains(s, "UAR          1.000") || !strings.Contains(s, "true \\ given") {
		t.Error(s)
	}
}
