package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// population draws a set in which speakers differ: each has a score offset of its own as target (some people are hard to verify)
// and as impostor, with spread standard deviations beside the trial's own 1.
func population(r *rand.Rand, speakers, perSpeaker int, spread float64) *Set {
	s := &Set{LLR: true}
	var offset, voice []float64
	for range speakers {
		offset, voice = append(offset, spread*r.NormFloat64()), append(voice, spread*r.NormFloat64())
	}
	for a := range speakers {
		for b := range speakers {
			for range perSpeaker {
				t := Scored{Target: a == b, EnrolSpeaker: strconv.Itoa(a), TestSpeaker: strconv.Itoa(b), NetSpeech: Unmeasured}
				if t.Score = r.NormFloat64() - 1.5 + 0.5*(voice[a]+voice[b]); a == b {
					t.Score = r.NormFloat64() + 1.5 + offset[a]
				}
				s.Trials = append(s.Trials, t)
			}
		}
	}
	return s
}

func intervalOptions() Options {
	o := DefaultOptions()
	o.Replicates = 150
	o.Bands = nil
	o.FMRs = []float64{0.05}
	return o
}

// TestIntervalCoversTruth draws many small sets from a population whose error rates are known in closed form. Both score kinds are
// normal over the population: targets sd sqrt(1+s²), nontargets sd sqrt(1+s²/2), so EER = Φ(-3/(sum of both)). Intervals of 95 %
// from 25 speakers must hold the truth in most draws; percentile intervals of few units are known to fall a little short.
func TestIntervalCoversTruth(t *testing.T) {
	const draws, spread = 60, 1.0
	truth := phi(-3 / (math.Sqrt(1+spread*spread) + math.Sqrt(1+spread*spread/2)))
	r := rand.New(rand.NewPCG(11, 12))
	bySpeaker, byTrial := 0, 0
	for range draws {
		set := population(r, 25, 3, spread)
		for _, unit := range []Unit{UnitSpeaker, UnitTrial} {
			if unit == UnitTrial {
				for i := range set.Trials {
					set.Trials[i].EnrolSpeaker, set.Trials[i].TestSpeaker = "", ""
				}
			}
			rep, err := Evaluate(set, intervalOptions())
			if err != nil {
				t.Fatal(err)
			}
			if rep.Unit != unit {
				t.Fatalf("unit %s, want %s", rep.Unit, unit)
			}
			e := rep.Overall.EER
			if !e.Interval() || e.Low > e.Value || e.High < e.Value {
				t.Fatalf("EER %+v, want the value inside its interval", e)
			}
			if e.Low <= truth && truth <= e.High {
				if unit == UnitSpeaker {
					bySpeaker++
				} else {
					byTrial++
				}
			}
		}
	}
	t.Logf("of %d intervals %d by speaker and %d by trial hold the true EER %.4f", draws, bySpeaker, byTrial, truth)
	if bySpeaker < draws*88/100 {
		t.Errorf("%d of %d intervals by speaker hold the truth, want at least 88 %%", bySpeaker, draws)
	}
	if byTrial >= bySpeaker {
		t.Errorf("%d intervals by trial hold the truth and %d by speaker: resampling trials must look more certain than it is", byTrial, bySpeaker)
	}
}

func TestIntervalIsSeeded(t *testing.T) {
	set := population(rand.New(rand.NewPCG(1, 1)), 12, 2, 0.5)
	run := func(seed uint64) Estimate {
		o := intervalOptions()
		o.Seed = seed
		rep, err := Evaluate(set, o)
		if err != nil {
			t.Fatal(err)
		}
		return rep.Overall.Cllr
	}
	if a, b := run(1), run(1); a != b {
		t.Errorf("one seed, two answers: %+v and %+v", a, b)
	}
	if a, b := run(1), run(2); a == b || a.Value != b.Value {
		t.Errorf("seeds 1 and 2: %+v and %+v, want one value and two intervals", a, b)
	}
}

// TestWeightByHand: four speakers, a drawn twice, b once, c not, d (a pure impostor, drawn apart) once. A target trial counts by
// its speaker, a nontarget trial by the product.
func TestWeightByHand(t *testing.T) {
	set := &Set{Trials: []Scored{
		{Target: true, Score: 3, EnrolSpeaker: "a", TestSpeaker: "a"},
		{Target: true, Score: 4, EnrolSpeaker: "b", TestSpeaker: "b"},
		{Target: true, Score: 5, EnrolSpeaker: "c", TestSpeaker: "c"},
		{Score: 0, EnrolSpeaker: "a", TestSpeaker: "b"},
		{Score: 1, EnrolSpeaker: "a", TestSpeaker: "c"},
		{Score: 2, EnrolSpeaker: "a", TestSpeaker: "d"},
		{Target: true, EnrolSpeaker: "a", TestSpeaker: "a", TestFailed: true},
	}}
	s, err := newSample(set, []int32{0, 1, 2, 3, 4, 5, 6}, UnitSpeaker)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.clients, []int32{0, 1, 2}) || !slices.Equal(s.others, []int32{3}) {
		t.Fatalf("clients %v, others %v", s.clients, s.others)
	}
	c := newCounts(6)
	failed := s.weigh([]float64{2, 1, 0, 1}, &c)
	if failed != 2 || !slices.Equal(c.tar, []float64{0, 0, 0, 2, 1, 0}) || !slices.Equal(c.non, []float64{2, 0, 2, 0, 0, 0}) {
		t.Errorf("failed %v, targets %v, nontargets %v", failed, c.tar, c.non)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	w := make([]float64, 4)
	for range 50 {
		s.draw(rng, w)
		if w[0]+w[1]+w[2] != 3 || w[3] != 1 {
			t.Fatalf("weights %v, want three clients and one impostor", w)
		}
	}
}

func TestZeroErrors(t *testing.T) {
	// 20 speakers, perfectly apart: every replicate has EER 0, and the interval still may not end at 0.
	set := population(rand.New(rand.NewPCG(7, 8)), 20, 1, 0)
	for i := range set.Trials {
		if set.Trials[i].Target {
			set.Trials[i].Score += 100
		}
	}
	rep, err := Evaluate(set, intervalOptions())
	if err != nil {
		t.Fatal(err)
	}
	want := 1 - math.Pow(0.05, 1./20) // 20 speakers without an error: 0.139, near 3/20
	if m := rep.Overall.MinCllr; m.Value != 0 || m.Interval() {
		t.Errorf("minCllr %+v, want 0 without an interval", m)
	}
	// At p_target 0.01 a miss rate counts as it is.
	for what, e := range map[string]Estimate{"min_dcf": rep.Overall.MinDCF[0], "eer": rep.Overall.EER, "fnmr": rep.Overall.Points[0].FNMR, "frr": rep.Overall.Points[0].FRR, "fta": rep.Overall.FTA, "fte": rep.Overall.FTE} {
		if e.Value != 0 || e.Low != 0 || math.Abs(e.High-want) > 1e-12 {
			t.Errorf("%s: %+v, want 0 with an upper end of %v", what, e, want)
		}
	}
}

func TestIntervalOrderStatistics(t *testing.T) {
	x := make([]float64, 999)
	for i := range x {
		x[i] = float64(999 - i) // 999..1, so order statistic k is k
	}
	// (999+1)·0.025 = 25 and (999+1)·0.975 = 975.
	if low, high := interval(x, 0.95); low != 25 || high != 975 {
		t.Errorf("[%v, %v], want [25, 975]", low, high)
	}
	if low, high := interval([]float64{math.Inf(1), 2, 1}, 0.95); low != 1 || !math.IsInf(high, 1) {
		t.Errorf("[%v, %v], want [1, +Inf]", low, high)
	}
}
