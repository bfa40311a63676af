package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Ranked is the scores of a set of trials in rising order, equal scores merged: the form that every metric reads in one pass.
// Failed trials are left out. A Ranked never changes, so any number of goroutines may read it.
type Ranked struct {
	scores []float64 // M distinct scores, rising
	c      counts
}

// counts holds, per place in rising order of score, how many target and nontarget trials stand there. They are counts or sums of
// bootstrap weights: whole numbers, exact in float64.
type counts struct {
	tar, non       []float64 // M each
	sumTar, sumNon float64
}

type scoredAt struct {
	score float64
	trial int32
}

// Rank sorts the trials that have a score. It returns ErrNoTargets, ErrNoNontargets or ErrScore (NaN).
func Rank(trials []Scored) (*Ranked, error) {
	r, _, err := rank(trials)
	return r, err
}

// RankScores is Rank for bare scores: target[i] is the label of scores[i]. Both are borrowed.
func RankScores(scores []float64, target []bool) (*Ranked, error) {
	if len(scores) != len(target) {
		return nil, fmt.Errorf("%w: %d scores, %d labels, want as many", ErrSet, len(scores), len(target))
	}
	trials := make([]Scored, len(scores))
	for i, s := range scores {
		trials[i] = Scored{Score: s, Target: target[i]}
	}
	return Rank(trials)
}

// rank also returns, for each trial, its place among the distinct scores, or -1 for a failed one.
func rank(trials []Scored) (*Ranked, []int32, error) {
	order := make([]scoredAt, 0, len(trials))
	place := make([]int32, len(trials))
	for i := range trials {
		place[i] = -1
		if trials[i].Failed() {
			continue
		}
		if math.IsNaN(trials[i].Score) {
			return nil, nil, fmt.Errorf("%w: trial %d", ErrScore, i)
		}
		order = append(order, scoredAt{trials[i].Score, int32(i)})
	}
	slices.SortFunc(order, func(a, b scoredAt) int { return cmp.Compare(a.score, b.score) })
	distinct := 0
	for i, o := range order {
		if i == 0 || o.score != order[i-1].score {
			distinct++
		}
	}
	r := &Ranked{scores: make([]float64, 0, distinct), c: newCounts(distinct)}
	for i, o := range order {
		if i == 0 || o.score != order[i-1].score {
			r.scores = append(r.scores, o.score)
		}
		at := len(r.scores) - 1
		place[o.trial] = int32(at)
		r.c.add(at, trials[o.trial].Target, 1)
	}
	switch {
	case r.c.sumTar == 0:
		return nil, nil, ErrNoTargets
	case r.c.sumNon == 0:
		return nil, nil, ErrNoNontargets
	}
	return r, place, nil
}

func newCounts(m int) counts { return counts{tar: make([]float64, m), non: make([]float64, m)} }

func (c *counts) reset() {
	clear(c.tar)
	clear(c.non)
	c.sumTar, c.sumNon = 0, 0
}

func (c *counts) add(at int, target bool, w float64) {
	if target {
		c.tar[at] += w
		c.sumTar += w
	} else {
		c.non[at] += w
		c.sumNon += w
	}
}

// Targets returns the number of target trials with a score.
func (r *Ranked) Targets() int { return int(r.c.sumTar) }

// Nontargets returns the number of nontarget trials with a score.
func (r *Ranked) Nontargets() int { return int(r.c.sumNon) }

// Rates returns the share of nontarget trials accepted and of target trials refused at a threshold: a trial is accepted when its
// score is at or above it.
func (r *Ranked) Rates(threshold float64) (fmr, fnmr float64) { return r.c.rates(r.scores, threshold) }

func (c *counts) rates(scores []float64, threshold float64) (fmr, fnmr float64) {
	at, _ := slices.BinarySearch(scores, threshold)
	for i := range at {
		fnmr += c.tar[i]
	}
	for i := at; i < len(scores); i++ {
		fmr += c.non[i]
	}
	return fmr / c.sumNon, fnmr / c.sumTar
}

// EER returns the plain equal error rate, where the ROC through all thresholds crosses FMR = FNMR, and the score at which it
// does. Between two thresholds the ROC is straight: that matters only where trials of both kinds share one score.
func (r *Ranked) EER() (eer, score float64) {
	eer, at := r.c.eer()
	return eer, r.scores[at]
}

// eer walks the thresholds upwards from "accept all" to the crossing; at is the place that crosses.
func (c *counts) eer() (eer float64, at int) {
	missed, passed := 0.0, c.sumNon
	pm, pf := 0.0, 1.0
	for i := range c.tar {
		missed += c.tar[i]
		passed -= c.non[i]
		pm1, pf1 := missed/c.sumTar, passed/c.sumNon
		if pm1 >= pf1 {
			before, after := pf-pm, pf1-pm1 // after <= 0 < before
			return pm + before/(before-after)*(pm1-pm), i
		}
		pm, pf = pm1, pf1
	}
	return 1, len(c.tar) - 1 // not reached: refusing all gives pm = 1, pf = 0
}

// EERHull returns the EER of the convex hull of the ROC, the one that BOSARIS reports: the largest over all costs and priors of
// the error rate that the best threshold reaches. It is at most the plain EER and at most 0.5.
func (r *Ranked) EERHull() float64 {
	var hull counts
	hull.pool(&r.c)
	eer, _ := hull.eer()
	return eer
}

// pool sets c to the blocks of from that pool-adjacent-violators makes of the share of targets as a rising function of the
// score. Their running sums are the corners of the convex hull of the ROC (Fawcett & Niculescu-Mizil 2007). c is reused.
func (c *counts) pool(from *counts) {
	c.tar, c.non = c.tar[:0], c.non[:0]
	c.sumTar, c.sumNon = from.sumTar, from.sumNon
	for i := range from.tar {
		t, n := from.tar[i], from.non[i]
		if t == 0 && n == 0 {
			continue // weighted away
		}
		// Merge while the block before has at least our share of targets, compared without dividing: whole numbers, no rounding.
		for k := len(c.tar) - 1; k >= 0 && c.tar[k]*n >= t*c.non[k]; k-- {
			t += c.tar[k]
			n += c.non[k]
			c.tar, c.non = c.tar[:k], c.non[:k]
		}
		c.tar, c.non = append(c.tar, t), append(c.non, n)
	}
}

// Point is one operating point: what becomes of the trials when a score at or above Threshold is accepted.
type Point struct {
	Threshold float64 // +Inf refuses all
	FMR, FNMR float64
}

// ROC returns every operating point, from "accept all" (threshold = lowest score) to "refuse all" (+Inf): M+1 points for M
// distinct scores.
func (r *Ranked) ROC() []Point {
	pts := make([]Point, 0, len(r.scores)+1)
	missed, passed := 0.0, r.c.sumNon
	for i, s := range r.scores {
		pts = append(pts, Point{s, passed / r.c.sumNon, missed / r.c.sumTar})
		missed += r.c.tar[i]
		passed -= r.c.non[i]
	}
	return append(pts, Point{math.Inf(1), 0, 1})
}

// Hull returns the corners of the convex hull of the ROC, from "accept all" to "refuse all". Threshold is the lowest score that
// the corner accepts.
func (r *Ranked) Hull() []Point {
	var hull counts
	hull.pool(&r.c)
	pts := make([]Point, 0, len(hull.tar)+1)
	missed, passed, at := 0.0, r.c.sumNon, 0
	seen := 0.0 // trials below r.scores[at]
	for i := range hull.tar {
		for below := missed + r.c.sumNon - passed; seen < below; at++ {
			seen += r.c.tar[at] + r.c.non[at]
		}
		pts = append(pts, Point{r.scores[at], passed / r.c.sumNon, missed / r.c.sumTar})
		missed += hull.tar[i]
		passed -= hull.non[i]
	}
	return append(pts, Point{math.Inf(1), 0, 1})
}
