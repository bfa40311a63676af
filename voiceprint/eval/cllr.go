package eval

import "math"

// Cllr returns the cost of the log-likelihood ratios in bits (Brümmer & du Preez 2006): the mean, over targets and nontargets
// with equal weight, of what each LLR loses to a sure and right one. The scores must be natural-log LLRs. 0 is perfect, 1 is what
// LLRs of 0 get, and more than 1 is worse than not listening.
//
// An infinite LLR on the right side costs nothing; one infinite LLR on the wrong side makes Cllr infinite, as it should: it
// claims certainty and is wrong. Nothing is clipped.
func (r *Ranked) Cllr() float64 {
	lossTar, lossNon := losses(r.scores)
	return r.c.cllr(lossTar, lossNon)
}

// losses returns the cost in bits of a target and of a nontarget trial at each of the scores.
func losses(llr []float64) (tar, non []float64) {
	tar, non = make([]float64, len(llr)), make([]float64, len(llr))
	for i, s := range llr {
		tar[i], non[i] = log2p1exp(-s), log2p1exp(s)
	}
	return tar, non
}

// log2p1exp returns log2(1 + exp(x)) without overflow.
func log2p1exp(x float64) float64 {
	return (math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))) / math.Ln2
}

func (c *counts) cllr(lossTar, lossNon []float64) float64 {
	var tar, non float64
	for i := range c.tar {
		if c.tar[i] > 0 { // 0 times an infinite loss is no loss
			tar += c.tar[i] * lossTar[i]
		}
		if c.non[i] > 0 {
			non += c.non[i] * lossNon[i]
		}
	}
	return (tar/c.sumTar + non/c.sumNon) / 2
}

// MinCllr returns the Cllr that the best rising map from score to LLR reaches: what is left when calibration is perfect. The map
// is PAV with the prior of the set taken out, without Laplace smoothing: its outer blocks may hold one kind of trial only and
// map to infinite LLRs, which are right and cost nothing. It depends on the order of the scores alone.
func (r *Ranked) MinCllr() float64 {
	var hull counts
	hull.pool(&r.c)
	return hull.minCllr()
}

// minCllr takes pooled counts.
func (c *counts) minCllr() float64 {
	var tar, non float64
	for i := range c.tar {
		t, n := c.tar[i]/c.sumTar, c.non[i]/c.sumNon
		if t > 0 {
			tar += t * math.Log1p(n/t) // LLR = ln(t/n)
		}
		if n > 0 {
			non += n * math.Log1p(t/n)
		}
	}
	return (tar + non) / (2 * math.Ln2)
}

// PAVBlock is a run of scores that PAV maps to one LLR.
type PAVBlock struct {
	From, To   float64 // lowest and highest score
	Targets    int
	Nontargets int
	LLR        float64 // natural log; -Inf without targets, +Inf without nontargets
}

// PAV returns the optimal rising map from score to LLR of these trials, as blocks in rising order.
func (r *Ranked) PAV() []PAVBlock {
	var hull counts
	hull.pool(&r.c)
	blocks := make([]PAVBlock, len(hull.tar))
	at := 0
	for i := range blocks {
		b := &blocks[i]
		b.From, b.Targets, b.Nontargets = r.scores[at], int(hull.tar[i]), int(hull.non[i])
		for left := hull.tar[i] + hull.non[i]; left > 0; at++ {
			left -= r.c.tar[at] + r.c.non[at]
		}
		b.To = r.scores[at-1]
		b.LLR = math.Log(hull.tar[i]/r.c.sumTar) - math.Log(hull.non[i]/r.c.sumNon)
	}
	return blocks
}
