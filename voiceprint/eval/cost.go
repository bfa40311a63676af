package eval

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Cost is an application in the sense of NIST: how often the claimed speaker really calls, and what each error costs.
type Cost struct {
	PTarget float64 `json:"p_target"` // prior of a target trial, in (0, 1)
	CMiss   float64 `json:"c_miss"`   // cost of refusing a target, above 0
	CFA     float64 `json:"c_fa"`     // cost of accepting a nontarget, above 0
}

// DefaultCosts returns the two applications of NIST SRE 2016: one target in a hundred and one in twenty, unit costs.
func DefaultCosts() []Cost { return []Cost{{0.01, 1, 1}, {0.05, 1, 1}} }

// Validate returns every fault of c.
func (c Cost) Validate() error {
	var errs []error
	if !(c.PTarget > 0 && c.PTarget < 1) {
		errs = append(errs, fmt.Errorf("eval: cost: p_target %g, want in (0, 1)", c.PTarget))
	}
	if !(c.CMiss > 0) || math.IsInf(c.CMiss, 1) {
		errs = append(errs, fmt.Errorf("eval: cost: c_miss %g, want above 0 and finite", c.CMiss))
	}
	if !(c.CFA > 0) || math.IsInf(c.CFA, 1) {
		errs = append(errs, fmt.Errorf("eval: cost: c_fa %g, want above 0 and finite", c.CFA))
	}
	return errors.Join(errs...)
}

// String names all three numbers.
func (c Cost) String() string {
	return fmt.Sprintf("p_target=%g c_miss=%g c_fa=%g", c.PTarget, c.CMiss, c.CFA)
}

// key is how the JSON report calls this cost: the prior alone where the costs are 1, as the field speaks of it.
func (c Cost) key() string {
	k := strconv.FormatFloat(c.PTarget, 'f', -1, 64)
	if c.CMiss != 1 || c.CFA != 1 {
		k += fmt.Sprintf(",%g,%g", c.CMiss, c.CFA)
	}
	return k
}

// Threshold returns the natural-log LLR from which accepting costs less than refusing: the threshold of actDCF.
func (c Cost) Threshold() float64 {
	return math.Log(c.CFA) + math.Log1p(-c.PTarget) - math.Log(c.CMiss) - math.Log(c.PTarget)
}

// dcf is the normalised detection cost of an operating point: 1 is what a system gets that never listens.
func (c Cost) dcf(fmr, fnmr float64) float64 {
	miss, fa := c.PTarget*c.CMiss, (1-c.PTarget)*c.CFA
	return (miss*fnmr + fa*fmr) / math.Min(miss, fa)
}

// MinDCF returns the lowest normalised cost over all thresholds and the threshold that reaches it; the lowest one if several do.
// It is at most 1, because accepting all and refusing all (threshold +Inf) are among the choices.
func (r *Ranked) MinDCF(c Cost) (dcf, threshold float64) {
	dcf, at := r.c.minDCF(c)
	if at == len(r.scores) {
		return dcf, math.Inf(1)
	}
	return dcf, r.scores[at]
}

func (c *counts) minDCF(cost Cost) (dcf float64, at int) {
	dcf = cost.dcf(1, 0)
	missed, passed := 0.0, c.sumNon
	for i := range c.tar {
		missed += c.tar[i]
		passed -= c.non[i]
		if d := cost.dcf(passed/c.sumNon, missed/c.sumTar); d < dcf {
			dcf, at = d, i+1
		}
	}
	return dcf, at
}

// ActDCF returns the normalised cost at the threshold that the cost itself asks for, Cost.Threshold: the scores must be
// natural-log LLRs. It is never below MinDCF; what it is above is lost by calibration.
func (r *Ranked) ActDCF(c Cost) float64 { return c.dcf(r.Rates(c.Threshold())) }
