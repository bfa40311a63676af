package eval

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawTrials draws scores, often with ties, and labels with at least one of each kind.
func drawTrials(t *rapid.T, most int) (scores []float64, target []bool) {
	n := rapid.IntRange(2, most).Draw(t, "n")
	one := rapid.Float64Range(-30, 30)
	if rapid.Bool().Draw(t, "ties") {
		one = rapid.Map(rapid.IntRange(-4, 4), func(k int) float64 { return float64(k) })
	}
	scores = rapid.SliceOfN(one, n, n).Draw(t, "scores")
	target = rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "target")
	target[0], target[n-1] = true, false
	return scores, target
}

func drawCost(t *rapid.T) Cost {
	return Cost{rapid.Float64Range(0.001, 0.999).Draw(t, "p"), rapid.Float64Range(0.1, 10).Draw(t, "cm"), rapid.Float64Range(0.1, 10).Draw(t, "cf")}
}

func ranked(t *rapid.T, scores []float64, target []bool) *Ranked {
	r, err := RankScores(scores, target)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, l := drawTrials(t, 60)
		r := ranked(t, s, l)
		c := drawCost(t)
		eer, _ := r.EER()
		minDCF, threshold := r.MinDCF(c)
		act, cllr, minCllr := r.ActDCF(c), r.Cllr(), r.MinCllr()
		check := func(ok bool, what string, args ...any) {
			if !ok {
				t.Fatalf(what, args...)
			}
		}
		const eps = 1e-12
		check(eer >= 0 && eer <= 1, "EER %v", eer)
		check(r.EERHull() <= eer+eps && r.EERHull() <= 0.5+eps, "EER of the hull %v, plain %v", r.EERHull(), eer)
		check(minDCF >= 0 && minDCF <= 1+eps, "minDCF %v, want in [0, 1]", minDCF)
		check(act >= minDCF-eps, "actDCF %v below minDCF %v", act, minDCF)
		check(cllr >= minCllr-eps, "Cllr %v below minCllr %v", cllr, minCllr)
		check(minCllr >= -eps && minCllr <= 1+eps, "minCllr %v, want in [0, 1]", minCllr)
		got := c.dcf(r.Rates(threshold))
		check(math.Abs(got-minDCF) <= 1e-9, "cost at the threshold of minDCF %v, want %v", got, minDCF)
		// The EER of the hull is the largest over all priors of the lowest error rate: no prior gets past it.
		p := Cost{c.PTarget, 1, 1}
		bayes, _ := r.MinDCF(p)
		bayes *= math.Min(p.PTarget, 1-p.PTarget)
		check(bayes <= r.EERHull()+eps, "error rate %v at prior %v above the EER of the hull %v", bayes, p.PTarget, r.EERHull())
	})
}

// TestSameUnder holds the changes of a set that no metric of order may see, and what each does to the metrics of calibration.
func TestSameUnder(t *testing.T) {
	maps := map[string]func(scores []float64, target []bool) ([]float64, []bool){
		"rising_map": func(s []float64, l []bool) ([]float64, []bool) {
			// Cubic, then shifted: strictly rising, and exact enough to keep what is apart apart.
			return apply(s, func(x float64) float64 { return x*x*x/100 + 3*x - 5 }), l
		},
		"order_of_the_trials": func(s []float64, l []bool) ([]float64, []bool) {
			n := len(s)
			s2, l2 := make([]float64, n), make([]bool, n)
			for i := range s {
				s2[n-1-i], l2[n-1-i] = s[i], l[i]
			}
			return s2, l2
		},
		"every_trial_twice": func(s []float64, l []bool) ([]float64, []bool) {
			return append(append([]float64{}, s...), s...), append(append([]bool{}, l...), l...)
		},
		"nontargets_three_times": func(s []float64, l []bool) ([]float64, []bool) {
			s, l = append([]float64{}, s...), append([]bool{}, l...)
			for i, n := 0, len(s); i < n; i++ {
				if !l[i] {
					s, l = append(s, s[i], s[i]), append(l, false, false)
				}
			}
			return s, l
		},
	}
	for name, change := range maps {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s, l := drawTrials(t, 60)
				for i := range s {
					s[i] = math.Round(s[i]*1000) / 1000
				}
				c := drawCost(t)
				a := ranked(t, s, l)
				s2, l2 := change(s, l)
				b := ranked(t, s2, l2)
				eerA, _ := a.EER()
				eerB, _ := b.EER()
				dcfA, _ := a.MinDCF(c)
				dcfB, _ := b.MinDCF(c)
				pairs := map[string][2]float64{"eer": {eerA, eerB}, "eer_hull": {a.EERHull(), b.EERHull()}, "min_dcf": {dcfA, dcfB}, "min_cllr": {a.MinCllr(), b.MinCllr()}}
				if name != "rising_map" {
					pairs["cllr"] = [2]float64{a.Cllr(), b.Cllr()}
					pairs["act_dcf"] = [2]float64{a.ActDCF(c), b.ActDCF(c)}
				}
				for what, p := range pairs {
					if !(math.Abs(p[0]-p[1]) <= 1e-9) {
						t.Fatalf("%s: %v before, %v after", what, p[0], p[1])
					}
				}
			})
		})
	}
}

func apply(s []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(s))
	for i, x := range s {
		out[i] = f(x)
	}
	return out
}

// TestMirror: targets and nontargets change places and the scores their sign; misses become false accepts.
func TestMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, l := drawTrials(t, 60)
		c := drawCost(t)
		m := make([]bool, len(l))
		for i := range l {
			m[i] = !l[i]
		}
		a, b := ranked(t, s, l), ranked(t, apply(s, func(x float64) float64 { return -x }), m)
		eerA, _ := a.EER()
		eerB, _ := b.EER()
		dcfA, _ := a.MinDCF(c)
		dcfB, _ := b.MinDCF(Cost{1 - c.PTarget, c.CFA, c.CMiss})
		for what, p := range map[string][2]float64{"eer": {eerA, eerB}, "eer_hull": {a.EERHull(), b.EERHull()}, "min_dcf": {dcfA, dcfB},
			"min_cllr": {a.MinCllr(), b.MinCllr()}, "cllr": {a.Cllr(), b.Cllr()}} {
			if !(math.Abs(p[0]-p[1]) <= 1e-9) {
				t.Fatalf("%s: %v, mirrored %v", what, p[0], p[1])
			}
		}
	})
}

// TestPAVBruteForce compares with the max-min form of isotonic regression: the fit at i is the largest over a <= i of the smallest
// over b >= i of the mean over a..b.
func TestPAVBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, l := drawTrials(t, 14)
		r := ranked(t, s, l)
		fit := make([]float64, len(r.scores))
		cost := 0.0
		for i := range fit {
			fit[i] = math.Inf(-1)
			for a := 0; a <= i; a++ {
				lowest := math.Inf(1)
				for b := i; b < len(fit); b++ {
					var tar, all float64
					for k := a; k <= b; k++ {
						tar += r.c.tar[k]
						all += r.c.tar[k] + r.c.non[k]
					}
					lowest = math.Min(lowest, tar/all)
				}
				fit[i] = math.Max(fit[i], lowest)
			}
			// Prior odds out of the posterior, then Cllr as it is written down.
			llr := math.Log(fit[i]/(1-fit[i])) - math.Log(r.c.sumTar/r.c.sumNon)
			if r.c.tar[i] > 0 {
				cost += r.c.tar[i] / r.c.sumTar * math.Log2(1+math.Exp(-llr)) / 2
			}
			if r.c.non[i] > 0 {
				cost += r.c.non[i] / r.c.sumNon * math.Log2(1+math.Exp(llr)) / 2
			}
		}
		if got := r.MinCllr(); !(math.Abs(got-cost) <= 1e-9) {
			t.Fatalf("minCllr %v, brute force %v", got, cost)
		}
		at := 0
		last := math.Inf(-1)
		for i, b := range r.PAV() {
			if i > 0 && b.LLR <= last {
				t.Fatalf("block %+v does not rise above %v", b, last)
			}
			last = b.LLR
			for ; at < len(fit) && r.scores[at] <= b.To; at++ {
				if share := float64(b.Targets) / float64(b.Targets+b.Nontargets); r.scores[at] < b.From || math.Abs(share-fit[at]) > 1e-12 {
					t.Fatalf("block %+v: share %v at score %v, brute force %v", b, share, r.scores[at], fit[at])
				}
			}
		}
		if at != len(fit) {
			t.Fatalf("blocks end before score %v", r.scores[at])
		}
	})
}

// TestHullBruteForce: every chord between two operating points can be reached by tossing a coin; the EER of the hull is the lowest
// crossing of a chord with the diagonal. And no operating point lies below the hull.
func TestHullBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, l := drawTrials(t, 25)
		r := ranked(t, s, l)
		roc, hull := r.ROC(), r.Hull()
		lowest := 1.0
		for _, a := range roc {
			for _, b := range roc {
				da, db := a.FMR-a.FNMR, b.FMR-b.FNMR
				if da >= 0 && db <= 0 && da != db {
					lowest = math.Min(lowest, a.FNMR+da/(da-db)*(b.FNMR-a.FNMR))
				}
			}
		}
		if got := r.EERHull(); math.Abs(got-lowest) > 1e-9 {
			t.Fatalf("EER of the hull %v, brute force %v", got, lowest)
		}
		for i := 1; i < len(hull); i++ {
			a, b := hull[i-1], hull[i]
			for _, p := range roc {
				if (b.FMR-a.FMR)*(p.FNMR-a.FNMR)-(b.FNMR-a.FNMR)*(p.FMR-a.FMR) > 1e-9 {
					t.Fatalf("point %+v lies below the edge %+v %+v", p, a, b)
				}
			}
			if fmr, fnmr := r.Rates(a.Threshold); math.Abs(fmr-a.FMR) > 1e-12 || math.Abs(fnmr-a.FNMR) > 1e-12 {
				t.Fatalf("corner %+v: its threshold gives %v, %v", a, fmr, fnmr)
			}
		}
	})
}

// TestWeights: a replicate's weights are the same as trials written down as often.
func TestWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, l := drawTrials(t, 20)
		r := ranked(t, s, l)
		c := newCounts(len(r.scores))
		var s2 []float64
		var l2 []bool
		for i := range s {
			w := rapid.IntRange(0, 3).Draw(t, "w")
			if i == 0 || i == len(s)-1 {
				w++ // one of each kind stays
			}
			for at, x := range r.scores {
				if x == s[i] {
					c.add(at, l[i], float64(w))
				}
			}
			for range w {
				s2, l2 = append(s2, s[i]), append(l2, l[i])
			}
		}
		b := ranked(t, s2, l2)
		var hull counts
		hull.pool(&c)
		cost := drawCost(t)
		eer, _ := c.eer()
		wantEER, _ := b.EER()
		hullEER, _ := hull.eer()
		dcf, _ := hull.minDCF(cost)
		wantDCF, _ := b.MinDCF(cost)
		lossTar, lossNon := losses(r.scores)
		for what, p := range map[string][2]float64{"eer": {eer, wantEER}, "eer_hull": {hullEER, b.EERHull()}, "min_dcf": {dcf, wantDCF},
			"min_cllr": {hull.minCllr(), b.MinCllr()}, "cllr": {c.cllr(lossTar, lossNon), b.Cllr()},
			"act_dcf": {cost.dcf(c.rates(r.scores, cost.Threshold())), b.ActDCF(cost)}} {
			if !(math.Abs(p[0]-p[1]) <= 1e-9) {
				t.Fatalf("%s: %v by weight, %v written down", what, p[0], p[1])
			}
		}
	})
}
