package csat

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// Without features that vary, the thresholds are the log odds of the answers' frequencies.
func TestFitWithoutFeaturesIsTheFrequencies(t *testing.T) {
	var points []point
	for answer, n := range []int{3, 7, 10, 40, 40} {
		for range n {
			points = append(points, point{answer: answer + 1, count: 1})
		}
	}
	m, err := fit(points, 1)
	if err != nil {
		t.Fatal(err)
	}
	for k, below := range []float64{3.2, 10.4, 20.6, 60.8} {
		if want := math.Log(below / (101 - below)); math.Abs(m.cut[k]-want) > 1e-6 {
			t.Errorf("threshold %d: %.6f, want %.6f", k, m.cut[k], want)
		}
	}
	if m.weight != (Features{}) {
		t.Errorf("weights %v, want 0", m.weight)
	}
}

// With two answers and one feature of two values the model is logistic regression, whose weight is a log odds ratio.
func TestFitOfATwoByTwoTableIsItsOddsRatio(t *testing.T) {
	var points []point
	add := func(z float64, answer, n int) {
		points = append(points, point{z: Features{z}, answer: answer, count: float64(n)})
	}
	add(-1, 1, 600)
	add(-1, 5, 400)
	add(1, 1, 200)
	add(1, 5, 800)
	m, err := fit(points, 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	if want := math.Log(80.0*60/(20*40)) / 2; math.Abs(m.weight[0]-want) > 5e-3 {
		t.Errorf("weight %.5f, want %.5f", m.weight[0], want)
	}
}

func drawOrdinal(t *rapid.T) *ordinal {
	m := &ordinal{}
	at := rapid.Float64Range(-6, 0).Draw(t, "first")
	for k := range m.cut {
		m.cut[k] = at
		at += rapid.Float64Range(0.01, 3).Draw(t, "step")
	}
	for i := range m.weight {
		m.weight[i] = rapid.Float64Range(-2, 2).Draw(t, "weight")
	}
	return m
}

// The derivatives are held against differences of the value.
func TestDerivatives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawOrdinal(t)
		var points []point
		for range rapid.IntRange(1, 6).Draw(t, "n") {
			var z Features
			for i := range z {
				z[i] = rapid.Float64Range(-2, 2).Draw(t, "z")
			}
			points = append(points, point{z, rapid.IntRange(1, 5).Draw(t, "answer"), 1})
		}
		_, grad, hess := m.objective(points, 0.7)
		const h = 1e-5
		moved := func(i int, by float64) *ordinal {
			n := *m
			if i < cuts {
				n.cut[i] += by
			} else {
				n.weight[i-cuts] += by
			}
			return &n
		}
		for i := range params {
			up, gu, _ := moved(i, h).objective(points, 0.7)
			down, gd, _ := moved(i, -h).objective(points, 0.7)
			if d := (up - down) / (2 * h); math.Abs(d-grad.AtVec(i)) > 1e-4*(1+math.Abs(d)) {
				t.Fatalf("gradient %d: %g, by differences %g", i, grad.AtVec(i), d)
			}
			for j := range params {
				if d := (gu.AtVec(j) - gd.AtVec(j)) / (2 * h); math.Abs(d-hess.At(i, j)) > 1e-2*(1+math.Abs(d)) {
					t.Fatalf("hessian %d %d: %g, by differences %g", i, j, hess.At(i, j), d)
				}
			}
		}
	})
}

func TestProbabilitiesAreOnesAndRiseWithEta(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawOrdinal(t)
		var low, high Features
		for i := range low {
			low[i] = rapid.Float64Range(-3, 3).Draw(t, "z")
			high[i] = low[i]
			if m.weight[i] > 0 {
				high[i] += 0.5
			}
		}
		sum, mean := 0.0, [2]float64{}
		for i, z := range []Features{low, high} {
			for k, p := range m.probabilities(z) {
				if p < -1e-12 {
					t.Fatalf("probability %g of answer %d", p, k+1)
				}
				sum += p
				mean[i] += p * float64(k+1)
			}
		}
		if math.Abs(sum-2) > 1e-9 || mean[1] < mean[0]-1e-9 {
			t.Fatalf("sums %g, want 2; means %v, want rising", sum, mean)
		}
	})
}

func TestCalibrateFindsWhatTheSiteIs(t *testing.T) {
	calls := truth(rand.New(rand.NewPCG(5, 6)), 6000, 3)
	m, err := Calibrate(calls, 1)
	if err != nil {
		t.Fatal(err)
	}
	// A feature that is uniform on [0, 1] has a standard deviation of 0.289; its weight was -3 for the whole range.
	for i, f := range m.Features {
		want := 0.0
		if i == angerPeak || i == angerEnd {
			want = -3 * 0.289
		}
		if math.Abs(f.Weight-want) > 0.15 {
			t.Errorf("weight of %s: %.3f, want %.3f", f.Name, f.Weight, want)
		}
	}
	v := m.Validation
	if v.LogLoss > v.LogLossReference-0.1 || v.MAE >= v.MAEReference || v.Coverage < 0.93 {
		t.Errorf("validation %+v, want a loss well under the reference, a lower error, and 95 %% in the interval", v)
	}
	if len(m.Response) != 3 || *m.Response[0].Rate < *m.Response[2].Rate+0.2 {
		t.Errorf("response %+v, want angry callers to answer less", m.Response)
	}
	if v.MeanPredicted > v.MeanAnswer-0.1 {
		t.Errorf("mean of the answers %.2f, predicted of all calls %.2f, want lower, since angry callers answered less", v.MeanAnswer, v.MeanPredicted)
	}
	again, err := Calibrate(calls, 1)
	if err != nil || again.Identity() != m.Identity() {
		t.Errorf("the same calls and seed gave another model, error %v", err)
	}
}

func TestCalibrateRefuses(t *testing.T) {
	answered := func(n int, answer func(i int) int) []Call {
		r := rand.New(rand.NewPCG(7, 8))
		out := truth(r, n, 0)
		for i := range out {
			out[i].Answer = answer(i)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		calls []Call
		want  error
	}{
		{"no_calls", nil, ErrTooFewAnswers},
		{"49_answers_of_200_calls", answered(200, func(i int) int {
			if i >= 49 {
				return 0
			}
			return 1 + i%5
		}), ErrTooFewAnswers},
		{"all_answer_5", answered(100, func(int) int { return 5 }), ErrOneAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m, err := Calibrate(c.calls, 1); !errors.Is(err, c.want) || m != nil {
				t.Errorf("model %v, error %v, want %v", m, err, c.want)
			}
		})
	}
	if _, err := Calibrate([]Call{{Answer: 6}}, 1); err == nil {
		t.Error("answer 6 was taken")
	}
}

// The bar of skill is one of 5 % by chance, on answers that have nothing to do with the calls.
func TestCalibrateRefusesAnswersWithoutRelation(t *testing.T) {
	taken := 0
	for seed := range uint64(12) {
		calls := truth(rand.New(rand.NewPCG(seed, 9)), 300, 0)
		switch _, err := Calibrate(calls, 1); {
		case err == nil:
			taken++
		case !errors.Is(err, ErrNoSkill):
			t.Fatal(err)
		}
	}
	if taken > 2 {
		t.Errorf("%d of 12 sites without a relation got a model, want at most 2", taken)
	}
}

func TestWilson(t *testing.T) {
	// Newcombe, Statistics in Medicine 17:857 (1998), table I: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611.
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {0, 20, 0, 0.1611}} {
		if _, low, high := wilson(c.k, c.n); math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.k, c.n, low, high, c.low, c.high)
		}
	}
}

func TestSummarise(t *testing.T) {
	for _, c := range []struct {
		name             string
		p                [answers]float64
		value, low, high float64
	}{
		{"sure", [answers]float64{0, 0, 0, 1, 0}, 4, 4, 4},
		{"open", [answers]float64{0.2, 0.2, 0.2, 0.2, 0.2}, 3, 1, 5},
		{"mean_beside_the_mode", [answers]float64{0.98, 0, 0, 0, 0.02}, 1.08, 1, 2},
		{"tails_left_out", [answers]float64{0.02, 0.08, 0.6, 0.28, 0.02}, 3.2, 2, 4},
	} {
		if v, l, h := summarise(c.p); v != c.value || l != c.low || h != c.high {
			t.Errorf("%s: %g (%g to %g), want %g (%g to %g)", c.name, v, l, h, c.value, c.low, c.high)
		}
	}
}
