package eval

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func mustRank(tb testing.TB, tar, non []float64) *Ranked {
	tb.Helper()
	r, err := RankScores(append(append([]float64{}, tar...), non...), labels(len(tar), len(non)))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func labels(targets, nontargets int) []bool {
	l := make([]bool, targets+nontargets)
	for i := range targets {
		l[i] = true
	}
	return l
}

func near9(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got != want && !(math.Abs(got-want) <= 1e-9) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestExtremes(t *testing.T) {
	equal := Cost{0.5, 1, 1}
	for _, c := range []struct {
		name                            string
		tar, non                        []float64
		eer, hull, minDCF, minCllr, at1 float64
	}{
		{"perfect", []float64{3, 4, 5}, []float64{0, 1, 2, 2.5}, 0, 0, 0, 0, 0},
		// Every target below every nontarget: the ROC runs along the far sides, its hull is the diagonal of chance.
		{"reversed", []float64{0, 1, 2}, []float64{3, 4, 5, 6}, 1, 0.5, 1, 1, 1},
		// One score for all: the only thresholds accept all or refuse all, and the path between them is straight.
		{"identical", []float64{7, 7, 7}, []float64{7, 7, 7, 7}, 0.5, 0.5, 1, 1, 1},
		{"one_of_each", []float64{1}, []float64{0}, 0, 0, 0, 0, 0},
		{"infinite_and_right", []float64{math.Inf(1), 1}, []float64{math.Inf(-1), 0}, 0, 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustRank(t, c.tar, c.non)
			eer, _ := r.EER()
			near9(t, "plain EER", eer, c.eer)
			near9(t, "EER of the hull", r.EERHull(), c.hull)
			dcf, _ := r.MinDCF(equal)
			near9(t, "minDCF", dcf, c.minDCF)
			near9(t, "minCllr", r.MinCllr(), c.minCllr)
			_, fnmr := r.Rates(c.non[len(c.non)-1] + 1e-9)
			if c.name != "infinite_and_right" {
				near9(t, "FNMR above the last nontarget", fnmr, c.at1)
			}
		})
	}
}

// TestByHand: targets 1 3 4 6, nontargets 0 2 3 5 and 0.5, sorted
//
//	score   0    0.5  1    2    3     4    5    6
//	kind    n    n    t    n    t n   t    n    t
//
// Accepting from each score on, with T = 4 and N = 5, misses and false accepts are
//
//	from    0    0.5  1    2    3    4    5    6    none
//	miss/4  0    0    0    1    1    2    3    3    4
//	fa/5    5    4    3    3    2    1    1    0    0
func TestByHand(t *testing.T) {
	r := mustRank(t, []float64{1, 3, 4, 6}, []float64{0, 2, 3, 5, 0.5})
	want := []Point{
		{0, 1, 0}, {0.5, 4. / 5, 0}, {1, 3. / 5, 0}, {2, 3. / 5, 1. / 4}, {3, 2. / 5, 1. / 4}, {4, 1. / 5, 2. / 4}, {5, 1. / 5, 3. / 4}, {6, 0, 3. / 4}, {math.Inf(1), 0, 1},
	}
	if d := cmp.Diff(want, r.ROC(), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Errorf("ROC (-want +got):\n%s", d)
	}
	// FMR - FNMR is 2/5 - 1/4 = 0.15 from 3 on and 1/5 - 2/4 = -0.3 from 4 on; one tie lies between, so the path is straight and
	// meets the diagonal a third of the way: EER = 1/4 + 1/3 · 1/4 = 1/3.
	eer, score := r.EER()
	near9(t, "EER", eer, 1./3)
	near9(t, "score of the EER", score, 3)
	// PAV, share of targets: n n | t n | t n (tie) | t n | t -> (0,2) (1,1) (1,1) (1,1) (1,0). Blocks of equal share are one:
	// (0,2) (3,3) (1,0). Corners of the hull (FMR, FNMR): (1,0) (3/5,0) (0,3/4) (0,1).
	hull := []Point{{0, 1, 0}, {1, 3. / 5, 0}, {6, 0, 3. / 4}, {math.Inf(1), 0, 1}}
	if d := cmp.Diff(hull, r.Hull(), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Errorf("hull (-want +got):\n%s", d)
	}
	// The edge from (3/5, 0) to (0, 3/4) meets the diagonal where x/(3/5) + x/(3/4) = 1: x = 1/(5/3+4/3) = 1/3.
	near9(t, "EER of the hull", r.EERHull(), 1./3)
	// LLR of a block is ln(share of the targets in it / share of the nontargets in it): ln((3/4)/(3/5)) = ln(5/4).
	blocks := []PAVBlock{
		{0, 0.5, 0, 2, math.Inf(-1)},
		{1, 5, 3, 3, math.Log(5. / 4)},
		{6, 6, 1, 0, math.Inf(1)},
	}
	if d := cmp.Diff(blocks, r.PAV(), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Errorf("PAV (-want +got):\n%s", d)
	}
	// Targets: 3 of 4 pay log2(1 + 4/5); nontargets: 3 of 5 pay log2(1 + 5/4); the outer blocks pay nothing.
	near9(t, "minCllr", r.MinCllr(), (3./4*math.Log2(9./5)+3./5*math.Log2(9./4))/2)
	// Even prior and costs: the normalised cost is FNMR + FMR, lowest from score 1 on: 0 + 3/5 (from 3 on it is 0.65).
	dcf, threshold := r.MinDCF(Cost{0.5, 1, 1})
	near9(t, "minDCF 0.5", dcf, 3./5)
	near9(t, "its threshold", threshold, 1)
	// p_target 0.05: FNMR + 19 FMR, lowest from 6 on: 3/4. 0.01: FNMR + 99 FMR, the same.
	for _, c := range DefaultCosts() {
		dcf, threshold = r.MinDCF(c)
		near9(t, "minDCF "+c.String(), dcf, 3./4)
		near9(t, "its threshold", threshold, 6)
	}
	// actDCF at 0.05: threshold ln 19 = 2.944, so 1 is missed and 3, 5 pass: 1/4 + 19·2/5 = 7.85. At 0.5, threshold 0, all pass: 1.
	near9(t, "actDCF 0.05", r.ActDCF(Cost{0.05, 1, 1}), 7.85)
	near9(t, "actDCF 0.5", r.ActDCF(Cost{0.5, 1, 1}), 1)
	// Even prior and costs ask for an LLR of 0.
	near9(t, "threshold of even costs", Cost{0.5, 1, 1}.Threshold(), 0)
	near9(t, "threshold with costs", Cost{0.01, 10, 1}.Threshold(), math.Log(9.9))
}

// TestCllrByHand: LLRs ln 3 and -ln 3 for two targets, 0 and -ln 7 for two nontargets. Losses in bits: targets log2(1+1/3) and
// log2(1+3) = 2, nontargets log2(2) = 1 and log2(1+1/7).
func TestCllrByHand(t *testing.T) {
	r := mustRank(t, []float64{math.Log(3), -math.Log(3)}, []float64{0, -math.Log(7)})
	near9(t, "Cllr", r.Cllr(), ((math.Log2(4./3)+2)/2+(1+math.Log2(8./7))/2)/2)
	near9(t, "Cllr of zero LLRs", mustRank(t, []float64{0, 0}, []float64{0}).Cllr(), 1)
	inf := math.Inf(1)
	near9(t, "Cllr of infinite LLRs that are right", mustRank(t, []float64{inf}, []float64{-inf, -inf}).Cllr(), 0)
	if c := mustRank(t, []float64{inf, -inf}, []float64{-inf}).Cllr(); !math.IsInf(c, 1) {
		t.Errorf("Cllr with a target at -Inf: %v, want +Inf", c)
	}
	// Far out the loss is the LLR itself: 1000 nats are 1000/ln 2 bits, without overflow.
	near9(t, "Cllr far out", mustRank(t, []float64{-1000}, []float64{-1000}).Cllr(), 1000/math.Ln2/2)
}

// TestPublishedCosts: NIST SRE plans give the normalised costs in the form FNMR + β·FMR with β = (c_fa/c_miss)(1-p)/p: 99 for
// p_target 0.01 and 199 for 0.005 (SRE 2016), and in the SRE 2008 form c_miss 10, c_fa 1, p 0.01: FNMR + 9.9 FMR.
func TestPublishedCosts(t *testing.T) {
	for _, c := range []struct {
		cost Cost
		beta float64
	}{{Cost{0.01, 1, 1}, 99}, {Cost{0.005, 1, 1}, 199}, {Cost{0.01, 10, 1}, 9.9}} {
		for _, p := range []Point{{0, 0.013, 0.21}, {0, 1, 0}, {0, 0, 1}} {
			near9(t, c.cost.String(), c.cost.dcf(p.FMR, p.FNMR), p.FNMR+c.beta*p.FMR)
		}
		near9(t, "threshold is ln β", c.cost.Threshold(), math.Log(c.beta))
	}
}

func TestRankErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		scores []float64
		target []bool
		want   error
	}{
		{"no_targets", []float64{1, 2}, []bool{false, false}, ErrNoTargets},
		{"no_nontargets", []float64{1, 2}, []bool{true, true}, ErrNoNontargets},
		{"nothing", nil, nil, ErrNoTargets},
		{"nan", []float64{1, math.NaN()}, []bool{true, false}, ErrScore},
		{"lengths", []float64{1}, []bool{true, false}, ErrSet},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := RankScores(c.scores, c.target); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	r, err := Rank([]Scored{{Target: true, Score: 1}, {Target: true, Score: math.NaN(), TestFailed: true}, {Score: 0}, {Score: 9, EnrolFailed: true}})
	if err != nil || r.Targets() != 1 || r.Nontargets() != 1 {
		t.Errorf("failed trials: %v, %v, want one of each kind", r, err)
	}
}

func TestOperatingPoint(t *testing.T) {
	non := make([]float64, 3000)
	for i := range non {
		non[i] = float64(i) // 0..2999
	}
	r := mustRank(t, []float64{100.5, 2500.5, 2970, 2980.5, 5000}, non)
	// FMR 0.01 leaves 30 false matches: 2970..2999. The target at 2970 ties with the last of them and passes. Two of five miss.
	p := r.FNMRAtFMR(0.01, 30)
	if p.Support != SupportRule30 || !p.Offered {
		t.Errorf("%+v, want rule of 30 and a threshold", p)
	}
	near9(t, "threshold", p.Threshold, 2970)
	near9(t, "FMR", p.FMR, 0.01)
	near9(t, "FNMR", p.FNMR, 2./5)
	// 0.001 expects 3: measured, from 2997 on, but no threshold by the rule of 30; offered on demand.
	p = r.FNMRAtFMR(0.001, 30)
	if p.Support != SupportRule3 || p.Offered || math.IsNaN(p.FNMR) {
		t.Errorf("%+v, want rule of 3, FNMR, no threshold offered", p)
	}
	near9(t, "FNMR", p.FNMR, 4./5)
	if p = r.FNMRAtFMR(0.001, 3); !p.Offered {
		t.Errorf("%+v, want a threshold when 3 expected false matches are enough", p)
	}
	p = r.FNMRAtFMR(0.0001, 3)
	if p.Support != SupportNone || p.Offered || !math.IsNaN(p.FNMR) || !math.IsNaN(p.Threshold) {
		t.Errorf("%+v, want no support and no figures", p)
	}
	const want = "3000 nontarget trials expect 0.3 false matches at FMR 0.0001; the rule of 3 wants 30000 trials to measure it: neither FNMR nor threshold"
	if p.Statement != want {
		t.Errorf("statement %q, want %q", p.Statement, want)
	}
	// A tie of all nontargets: only refusing all reaches FMR 0.01.
	tied := mustRank(t, []float64{1, 1}, make([]float64, 4000))
	if p = tied.FNMRAtFMR(0.01, 30); p.Threshold != 1 || p.FNMR != 0 {
		t.Errorf("%+v, want threshold 1 and no misses", p)
	}
	tied = mustRank(t, []float64{0, 0}, make([]float64, 4000))
	if p = tied.FNMRAtFMR(0.01, 30); p.Offered || !math.IsInf(p.Threshold, 1) || p.FNMR != 1 {
		t.Errorf("%+v, want refusing all, not offered", p)
	}
}
