package sentiment

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/models"
)

// TestShippedModels loads every shipped model of emotion, with the shape that its manifest states.
func TestShippedModels(t *testing.T) {
	list, err := models.List()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range list {
		if m.Task != "emotion" {
			continue
		}
		found++
		a, err := models.Load(m.Name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := LoadModel(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Fits(models.Want{Features: FeatureSet, InputDims: 2*got.width + 1, OutputDims: outputs}); err != nil {
			t.Error(err)
		}
		if got.calibration != NoCalibration() {
			t.Errorf("%s is shipped with a site's calibration", m.Name)
		}
	}
	if found == 0 {
		t.Error("no model of emotion is shipped")
	}
}

func site() Calibration {
	c := NoCalibration()
	c.Alone.Classes.Scale, c.Alone.Classes.Offset = 0.5, [NumClasses]float64{1, -0.5, 0, -0.5}
	c.Alone.Arousal.Scale, c.Alone.Arousal.Offset = 0.7, -1
	c.Known.Classes.Scale, c.Known.Classes.Offset = 0.8, [NumClasses]float64{0.2, -0.7, 0.6, -0.1}
	c.Fit = Fit{Data: "calls of May", Clips: 60, Speakers: 12, Counts: [NumClasses]int{15, 15, 15, 15}}
	return c
}

func TestCalibrationByHand(t *testing.T) {
	s := Score{Probabilities: [NumClasses]float32{0.1, 0.2, 0.4, 0.3}, Arousal: 0.8}
	got := site().Alone.Apply(s)
	var want [NumClasses]float64
	sum := 0.0
	for i, p := range s.Probabilities {
		want[i] = math.Sqrt(float64(p)) * math.Exp(site().Alone.Classes.Offset[i])
		sum += want[i]
	}
	for i, v := range want {
		if d := math.Abs(float64(got.Probabilities[i]) - v/sum); d > 1e-6 {
			t.Errorf("class %d: %g, want %g", i, got.Probabilities[i], v/sum)
		}
	}
	odds := math.Pow(0.8/0.2, 0.7) * math.Exp(-1)
	if d := math.Abs(float64(got.Arousal) - odds/(1+odds)); d > 1e-6 {
		t.Errorf("arousal %g, want %g", got.Arousal, odds/(1+odds))
	}
	if v := got.Probabilities[Happy] + got.Probabilities[Neutral]/2; got.Valence != v {
		t.Errorf("valence %g, want %g", got.Valence, v)
	}
	certain := Score{Probabilities: [NumClasses]float32{1, 0, 0, 0}, Arousal: 1}
	if v := site().Alone.Apply(certain); v.Label() != Angry || !finite(float64(v.Confidence())) || !(v.Arousal > 0.5 && v.Arousal < 1) {
		t.Errorf("certainty becomes %+v", v)
	}
}

// TestModelAppliesItsCalibration holds that what a calibration does to scores, as it is fitted, is what a model with it says: Alone of a
// speaker of whom nothing is known, Known after a minute, and between them before.
func TestModelAppliesItsCalibration(t *testing.T) {
	plain := modelOf(t, weights())
	fitted := *plain
	fitted.calibration = site()
	rng := rand.New(rand.NewPCG(3, 4))
	var n Normaliser
	for n.Seconds() <= 90 {
		x := drawn(rng, 2)
		bare, errBare := plain.NewScorer().Score(x, &n)
		got, errGot := fitted.NewScorer().Score(x, &n)
		if err := errors.Join(errBare, errGot); err != nil {
			t.Fatal(err)
		}
		alone, known := site().Alone.Apply(bare), site().Known.Apply(bare)
		near := func(want Score) bool {
			for i, p := range got.Probabilities {
				if math.Abs(float64(p-want.Probabilities[i])) > 1e-5 {
					return false
				}
			}
			return math.Abs(float64(got.Arousal-want.Arousal)) < 1e-5
		}
		s := n.Seconds()
		if near(alone) != (s == 0) || near(known) != (s >= 60) {
			t.Fatalf("behind %g s: %v, alone %v, known %v", s, got, alone, known)
		}
		if low, high := min(alone.Arousal, known.Arousal), max(alone.Arousal, known.Arousal); got.Arousal < low-1e-5 || got.Arousal > high+1e-5 {
			t.Fatalf("behind %g s: arousal %g, want %g to %g", s, got.Arousal, low, high)
		}
		if again, _ := fitted.WithoutCalibration().NewScorer().Score(x, &n); again != bare {
			t.Fatalf("without calibration %v, want %v", again, bare)
		}
		n.Add(x, 0.3, 10)
	}
}

func TestCalibrationFile(t *testing.T) {
	b, err := json.Marshal(site())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ParseCalibration(b); err != nil || c != site() {
		t.Errorf("read back as %+v, %v", c, err)
	}
	good := string(b)
	for name, c := range map[string]struct{ old, new, want string }{
		"not_json":         {good, "{", "unexpected EOF"},
		"text_behind":      {good, good + " 1", "text after"},
		"schema":           {"emotion-calibration/1", "emotion-calibration/2", "timbre.emotion-calibration/1"},
		"unknown_field":    {`"fit"`, `"fits"`, "fits"},
		"scale_0":          {`"scale":0.5`, `"scale":0`, "classes alone: scale 0, want above 0"},
		"scale_negative":   {`"scale":0.7`, `"scale":-0.7`, "arousal alone: scale -0.7"},
		"offset_too_large": {"[1,", "[11,", "classes alone: offset 11, want within ±10"},
		"too_long":         {good, strings.Repeat(" ", maxCalibration+1), "bytes, want at most"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseCalibration([]byte(bad)); !errors.Is(err, ErrCalibration) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestLoadModelTakesTheCalibrationOfTheArtefact(t *testing.T) {
	a, err := models.Load("emotion-mlp-v2")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(site())
	if err != nil {
		t.Fatal(err)
	}
	a.Files = map[string][]byte{CalibrationFile: b}
	if m, err := LoadModel(a); err != nil || m.calibration != site() {
		t.Errorf("calibration %+v, %v", m, err)
	}
	a.Files[CalibrationFile] = []byte("{}")
	if _, err := LoadModel(a); !errors.Is(err, ErrCalibration) || !strings.Contains(err.Error(), a.Manifest.Name) {
		t.Errorf("a damaged calibration: %v", err)
	}
	if a, err = models.Load("vad-gru-v1"); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadModel(a); !errors.Is(err, models.ErrMismatch) {
		t.Errorf("a model of another task: %v", err)
	}
}

func FuzzParseCalibration(f *testing.F) {
	b, err := json.Marshal(site())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCalibration(b)
		if err != nil {
			return
		}
		for _, r := range []float64{0, 0.5, 1} {
			if s := c.at(r).Apply(Score{Probabilities: [NumClasses]float32{0, 1}}); !finite(float64(s.Confidence())) || !finite(float64(s.Arousal)) {
				t.Errorf("%s makes %v", b, s)
			}
		}
	})
}
