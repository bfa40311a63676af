package eval

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/sentiment"
)

// foreign returns clips on which a model of true logits is too sure by 1/scale and shifted by -offset: what the calibration with this
// scale and these offsets puts right.
func foreign(seed uint64, n, speakers int, want sentiment.View) []Scored {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []Scored
	for i := range n {
		c := Scored{Label: i % sentiment.NumClasses, Speaker: string(rune('a' + i/sentiment.NumClasses%speakers))}
		// log odds whose posterior, every class alike, is exact: class means 1.5 apart and unit variance
		var l [sentiment.NumClasses]float64
		for k := range l {
			mean := 0.0
			if k == c.Label {
				mean = 1.5
			}
			l[k] = 1.5 * (mean + rng.NormFloat64() - 0.75)
		}
		sum := 0.0
		for k := range l {
			l[k] = (l[k] - want.Classes.Offset[k]) / want.Classes.Scale
			sum += math.Exp(l[k])
		}
		for k := range l {
			c.Score.Probabilities[k] = float32(math.Exp(l[k]) / sum)
		}
		high := -1.0
		if aroused(c.Label) {
			high = 1
		}
		a := (2*(high+rng.NormFloat64()) - want.Arousal.Offset) / want.Arousal.Scale
		c.Score.Arousal = float32(1 / (1 + math.Exp(-a)))
		out = append(out, c)
	}
	return out
}

func shifted() sentiment.View {
	c := sentiment.Identity()
	c.Classes.Scale, c.Classes.Offset = 0.5, [sentiment.NumClasses]float64{1.2, -0.8, 0.3, -0.7}
	c.Arousal.Scale, c.Arousal.Offset = 0.6, -1
	return c
}

func TestCalibrateFindsWhatIsWrong(t *testing.T) {
	want := shifted()
	clips := foreign(1, 4000, 20, want)
	got, err := Calibrate(clips, nil, "simulated", 1)
	if err != nil {
		t.Fatal(err)
	}
	c := got.Calibration.Alone
	if math.Abs(c.Classes.Scale-want.Classes.Scale) > 0.05 || math.Abs(c.Arousal.Scale-want.Arousal.Scale) > 0.06 || math.Abs(c.Arousal.Offset-want.Arousal.Offset) > 0.15 {
		t.Errorf("%+v, want %+v", c, want)
	}
	for k, o := range c.Classes.Offset {
		if math.Abs(o-want.Classes.Offset[k]) > 0.15 {
			t.Errorf("offset of %s %.2f, want %.2f", sentiment.Classes()[k], o, want.Classes.Offset[k])
		}
	}
	if a := got.Alone; !(a.Fitted.ECE < 0.03 && a.Own.ECE > 0.1 && a.Fitted.UAR > a.Own.UAR+0.05 && a.Fitted.LogLoss < a.Own.LogLoss-0.1) {
		t.Errorf("held out %+v", a)
	}
	if want := (sentiment.Fit{Data: "simulated", Clips: 4000, Speakers: 20, Counts: [4]int{1000, 1000, 1000, 1000}}); got.Calibration.Fit != want || got.Calibration.Known != c || got.Known != (HeldOut{}) {
		t.Errorf("%+v, want %+v; known %+v", got.Calibration.Fit, want, got.Known)
	}
	if again, _ := Calibrate(clips, nil, "simulated", 1); !reflect.DeepEqual(got, again) {
		t.Error("the same clips give another calibration")
	}
}

// TestCalibrateFromFewClips holds that the smallest set that is taken is worth taking, on clips and speakers that no fit saw.
func TestCalibrateFromFewClips(t *testing.T) {
	test := foreign(99, 4000, 20, shifted())
	for seed := range uint64(5) {
		clips := foreign(seed, 52, 6, shifted())
		got, err := Calibrate(clips, func(v sentiment.View) ([]Scored, error) {
			if v.Classes.Scale == 1 {
				t.Error("histories are not told what holds of clips alone")
			}
			return clips, nil
		}, "few", seed)
		if err != nil {
			t.Fatal(err)
		}
		before, after := evenFigures(test), []Scored(nil)
		for _, c := range test {
			c.Score = got.Calibration.Known.Apply(c.Score)
			after = append(after, c)
		}
		if p := evenFigures(after); !(p.UAR > before.UAR+0.03 && p.LogLoss < before.LogLoss && p.ECE < before.ECE) {
			t.Errorf("seed %d: %+v, before %+v", seed, p, before)
		}
		if got.Known.Clips != 52 || got.Alone.Clips != 52 {
			t.Errorf("%d and %d clips, want 52 each", got.Alone.Clips, got.Known.Clips)
		}
	}
}

// TestEveryClassWeighsTheSame holds that a frequent class moves no offset.
func TestEveryClassWeighsTheSame(t *testing.T) {
	clips := foreign(3, 4000, 20, shifted())
	even, err := Calibrate(clips, nil, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	var skewed []Scored
	for i, c := range clips {
		if c.Label == sentiment.Neutral || i%40 < 8 {
			skewed = append(skewed, c)
		}
	}
	got, err := Calibrate(skewed, nil, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	for k, o := range got.Calibration.Alone.Classes.Offset {
		if math.Abs(o-even.Calibration.Alone.Classes.Offset[k]) > 0.3 {
			t.Errorf("offset of %s %.2f of %d clips, %.2f of even ones", sentiment.Classes()[k], o, got.Calibration.Fit.Counts[k], even.Calibration.Alone.Classes.Offset[k])
		}
	}
}

// TestHeldOutSeesNoSpeakerTwice holds that all clips of a speaker are in one fold.
func TestHeldOutSeesNoSpeakerTwice(t *testing.T) {
	clips := foreign(4, 800, 8, sentiment.Identity())
	fold, n := deal(clips, 7)
	of := map[string]int{}
	used := map[int]bool{}
	for i, c := range clips {
		if f, ok := of[c.Speaker]; ok && f != fold[i] {
			t.Fatalf("speaker %s is in folds %d and %d", c.Speaker, f, fold[i])
		}
		of[c.Speaker] = fold[i]
		used[fold[i]] = true
	}
	if n != folds || len(used) != folds {
		t.Errorf("%d folds, %d of them used, want %d", n, len(used), folds)
	}
}

// TestAViewThatGainsNothingIsLeft holds that where the scores behind a history are right, those alone are calibrated alone.
func TestAViewThatGainsNothingIsLeft(t *testing.T) {
	clips, right := foreign(8, 120, 10, shifted()), foreign(7, 120, 10, sentiment.Identity())
	for i := range right {
		right[i].Speaker = clips[i].Speaker
	}
	got, err := Calibrate(clips, func(sentiment.View) ([]Scored, error) { return right, nil }, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Alone.Taken() || got.Known.Taken() || got.Calibration.Known != sentiment.Identity() || got.Calibration.Alone == sentiment.Identity() {
		t.Errorf("%+v", got)
	}
	if _, err := Calibrate(clips, func(sentiment.View) ([]Scored, error) { return right[:9], nil }, "", 1); err == nil || !strings.Contains(err.Error(), "9 clips behind a history, want the 120") {
		t.Errorf("clips missing: %v", err)
	}
}

func TestCalibrateRefuses(t *testing.T) {
	good := foreign(5, 200, 10, shifted())
	rng := rand.New(rand.NewPCG(6, 6))
	noise := append([]Scored(nil), foreign(6, 200, 10, sentiment.Identity())...)
	for i := range noise {
		noise[i].Label = rng.IntN(sentiment.NumClasses)
	}
	var noHappy []Scored
	for _, c := range good {
		if c.Label != sentiment.Happy {
			noHappy = append(noHappy, c)
		}
	}
	for name, c := range map[string]struct {
		clips []Scored
		want  string
	}{
		"few_clips":       {good[:40], "40 clips, want at least 50"},
		"class_missing":   {noHappy, "0 happy, want at least 5 clips of each class"},
		"few_speakers":    {foreign(5, 200, 3, shifted()), "3 speakers, want at least 4"},
		"no_such_label":   {append([]Scored{{Label: 9}}, good...), "label 9"},
		"labels_at_whim":  {noise, "say nothing of the labels"},
		"nothing_to_gain": {foreign(7, 60, 10, sentiment.Identity()), "keep those"},
	} {
		got, err := Calibrate(c.clips, nil, "", 1)
		if err == nil || !strings.Contains(err.Error(), c.want) || name != "no_such_label" && !errors.Is(err, ErrCalibrate) {
			t.Errorf("%s: %+v, %v, want %q", name, got, err, c.want)
		}
	}
}

// TestObjectiveHasItsDerivatives compares gradient and Hessian with differences of the objective.
func TestObjectiveHasItsDerivatives(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	var examples []example
	for range 30 {
		l := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		examples = append(examples, example{centred(l), rng.IntN(4), 0.5 + rng.Float64()})
	}
	x := []float64{0.8, 0.3, -0.2, 0.5, -0.4}
	_, grad, hess := objective(x, examples, 4)
	const step = 1e-5
	for i := range x {
		up, down := append([]float64(nil), x...), append([]float64(nil), x...)
		up[i] += step
		down[i] -= step
		a, ga, _ := objective(up, examples, 4)
		b, gb, _ := objective(down, examples, 4)
		if d := (a - b) / (2 * step); math.Abs(d-grad.AtVec(i)) > 1e-5 {
			t.Errorf("derivative %d is %g, want %g", i, grad.AtVec(i), d)
		}
		for j := range x {
			if d := (ga.AtVec(j) - gb.AtVec(j)) / (2 * step); math.Abs(d-hess.At(i, j)) > 1e-4 {
				t.Errorf("second derivative %d, %d is %g, want %g", i, j, hess.At(i, j), d)
			}
		}
	}
}
