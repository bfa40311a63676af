package sentiment

import (
	"math"
	"math/rand/v2"
	"testing"
)

// drawn returns functionals about mean with deviation 1.
func drawn(rng *rand.Rand, mean float64) []float64 {
	x := make([]float64, NumValues)
	for i := range x {
		x[i] = mean + rng.NormFloat64()
	}
	return x
}

func TestNormaliserMovesFromThePopulationToTheSpeaker(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var n Normaliser
	if r, q := n.reliability(); r != 0 || q != 0 {
		t.Fatalf("reliability %g and %g before the first word, want 0", r, q)
	}
	before := 0.0
	for range 40 {
		n.Add(drawn(rng, 3), 3)
		r, _ := n.reliability()
		if r <= before || r >= 1 {
			t.Fatalf("reliability %g after %g s, want above %g and below 1", r, n.Seconds(), before)
		}
		before = r
	}
	if n.Seconds() != 120 || before < 0.9 {
		t.Errorf("%g s, reliability %g; want 120 and most of the way", n.Seconds(), before)
	}
	m, v := n.normal(7, 1, 2) // population 1 ± 2: the speaker is at (3-1)/2 = 1 with a variance of 1/4
	if math.Abs(m-1) > 0.3 || math.Abs(v-0.25) > 0.12 {
		t.Errorf("normal %g, variance %g, want about 1 and 0.25", m, v)
	}
	n = Normaliser{}
	n.Add(drawn(rng, 0), MeanSeconds)
	if r, _ := n.reliability(); r != 0.5 {
		t.Errorf("reliability %g after MeanSeconds, want half", r)
	}
}

func TestWithoutIsAsIfNeverAdded(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var all, rest Normaliser
	own := drawn(rng, 1)
	own[3] = math.NaN()
	for k := range 5 {
		x := drawn(rng, 1)
		if k == 2 {
			x[4] = math.Inf(1)
		}
		all.Add(x, 2)
		rest.Add(x, 2)
	}
	all.Add(own, 3.5)
	got := all.Without(own, 3.5)
	for i := range NumValues {
		m, v := got.normal(i, 0, 1)
		wm, wv := rest.normal(i, 0, 1)
		if math.Abs(m-wm) > 1e-9 || math.Abs(v-wv) > 1e-9 {
			t.Fatalf("functional %d: %g %g, want %g %g", i, m, v, wm, wv)
		}
	}
	if math.Abs(got.Seconds()-rest.Seconds()) > 1e-9 || all.Seconds() != 13.5 {
		t.Errorf("%g and %g s, want 10 and 13.5", got.Seconds(), all.Seconds())
	}
	var one Normaliser
	one.Add(own, 3.5)
	if one.Without(own, 3.5) != (Normaliser{}) {
		t.Error("the only segment leaves something behind")
	}
}

func TestUnknownFunctionalsAddNothing(t *testing.T) {
	var n Normaliser
	x := make([]float64, NumValues)
	for i := range x {
		x[i] = math.NaN()
	}
	n.Add(x, 5)
	if n != (Normaliser{}) {
		t.Error("a segment of which nothing is known counts")
	}
	x[0] = 2
	n.Add(x, 5)
	if m, v := n.normal(1, 0, 1); m != 0 || v != 1 || n.Seconds() != 5 {
		t.Errorf("unknown functional: %g, variance %g after %g s, want the population's 0 and 1", m, v, n.Seconds())
	}
}
