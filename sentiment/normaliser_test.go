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
		n.Add(drawn(rng, 3), 0.4, 3)
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
	n.Add(drawn(rng, 0), 0.4, MeanSeconds)
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
		all.Add(x, 0.4, 2)
		rest.Add(x, 0.4, 2)
	}
	all.Add(own, 0.4, 3.5)
	got := all.Without(own, 0.4, 3.5)
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
	one.Add(own, 0.4, 3.5)
	if one.Without(own, 0.4, 3.5) != (Normaliser{}) {
		t.Error("the only segment leaves something behind")
	}
}

// TestAnArousedHistoryCountsForLess: by the rule of Normaliser, whichever way the history came together.
func TestAnArousedHistoryCountsForLess(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	of := func(seconds float64, aroused ...float64) Normaliser {
		var n Normaliser
		for _, p := range aroused {
			n.Add(drawn(rng, 1), p, seconds)
		}
		return n
	}
	for name, c := range map[string]struct {
		n      Normaliser
		counts float64 // seconds
	}{
		"calm":              {of(4, 0, 0.1, 0), 12},
		"half":              {of(4, 0.5, 0.5), 8},
		"as_many_calm":      {of(4, 1, 1, 0, 0), 16},
		"three_of_four":     {of(4, 1, 1, 1, 0), 12},
		"rather_aroused":    {of(4, 0.9), 4 * 0.36},
		"nothing_but_anger": {of(4, 1, 1, 1), 0},
	} {
		t.Run(name, func(t *testing.T) {
			whole := c.n
			r, q := whole.reliability()
			level := whole.levelReliability()
			for what, got := range map[string][2]float64{
				"mean": {r, c.counts / (c.counts + MeanSeconds)}, "spread": {q, c.counts / (c.counts + SpreadSeconds)}, "level": {level, c.counts / (c.counts + MeanSeconds)},
			} {
				if math.Abs(got[0]-got[1]) > 1e-9 {
					t.Errorf("reliability of the %s %g, want %g: %g of %g s", what, got[0], got[1], c.counts, whole.Seconds())
				}
			}
			var merged Normaliser
			merged.Merge(&whole)
			capped := whole.Capped(2)
			if got := merged.credit(); got != whole.credit() {
				t.Errorf("merged with nothing it counts for %g, want %g", got, whole.credit())
			}
			if got := capped.credit(); math.Abs(got-whole.credit()) > 1e-9 {
				t.Errorf("weighed down it counts for %g, want %g", got, whole.credit())
			}
		})
	}
	own := drawn(rng, 2)
	both := of(5, 0.2)
	calm := both
	both.Add(own, 1, 20)
	if r, _ := both.reliability(); r >= 25/(25+MeanSeconds) {
		t.Errorf("reliability %g of 20 s of anger and 5 calm ones, want less than of 25", r)
	}
	rest := both.Without(own, 1, 20)
	if r, _ := rest.reliability(); math.Abs(r-5/(5+MeanSeconds)) > 1e-9 || math.Abs(rest.aroused-calm.aroused) > 1e-9 {
		t.Errorf("without the anger reliability %g, want that of 5 s", r)
	}
}

func TestUnknownFunctionalsAddNothing(t *testing.T) {
	var n Normaliser
	x := make([]float64, NumValues)
	for i := range x {
		x[i] = math.NaN()
	}
	n.Add(x, 0.4, 5)
	if n != (Normaliser{}) {
		t.Error("a segment of which nothing is known counts")
	}
	x[0] = 2
	n.Add(x, 0.4, 5)
	if m, v := n.normal(1, 0, 1); m != 0 || v != 1 || n.Seconds() != 5 {
		t.Errorf("unknown functional: %g, variance %g after %g s, want the population's 0 and 1", m, v, n.Seconds())
	}
}
