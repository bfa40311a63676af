package eval

import (
	"fmt"
	"math"
)

// Support says how far the nontarget trials carry a wanted FMR. With N of them, FMR·N false matches are expected.
type Support string

const (
	// SupportRule30: at least 30 expected, so the true FMR lies within 30 % of the measured one with 90 % confidence (rule of 30).
	SupportRule30 Support = "rule_of_30"
	// SupportRule3: at least 3 expected, so the FMR can be told from zero (rule of 3), but not placed.
	SupportRule3 Support = "rule_of_3"
	// SupportNone: fewer than 3 expected: not even zero false matches would show that the FMR is reached.
	SupportNone Support = "none"
)

// OperatingPoint is the verification rate at a wanted FMR, and whether a threshold may be taken from it.
type OperatingPoint struct {
	Wanted    float64 // the FMR asked for
	Threshold float64 // lowest threshold with FMR <= Wanted, +Inf if only refusing all reaches it; NaN when Support is none
	FMR, FNMR float64 // measured at Threshold; NaN when Support is none
	Expected  float64 // false matches expected at Wanted among the nontarget trials
	Support   Support
	Offered   bool   // the trials support Threshold: it may be used on other calls
	Statement string // the numbers behind Support and Offered, in words
}

// FNMRAtFMR returns the operating point at a wanted FMR in (0, 1). The threshold is offered when at least offerAt false matches
// are expected there; 30 follows the rule of 30, below 3 nothing is offered whatever offerAt is. Both rules think of independent
// trials; trials that share speakers carry less, which the intervals of Evaluate show.
func (r *Ranked) FNMRAtFMR(fmr, offerAt float64) OperatingPoint {
	n := r.c.sumNon
	p := OperatingPoint{Wanted: fmr, Expected: fmr * n, Threshold: math.NaN(), FMR: math.NaN(), FNMR: math.NaN()}
	// A hair of room: 0.01 times 3000 must count as 30.
	has := func(want float64) bool { return p.Expected >= want*(1-1e-9) }
	switch {
	case has(30):
		p.Support = SupportRule30
	case has(3):
		p.Support = SupportRule3
	default:
		p.Support = SupportNone
		p.Statement = fmt.Sprintf("%.0f nontarget trials expect %.3g false matches at FMR %g; the rule of 3 wants %.0f trials to measure it: neither FNMR nor threshold",
			n, p.Expected, fmr, math.Ceil(3/fmr*(1-1e-9)))
		return p
	}
	at := r.c.thresholdAt(fmr)
	p.Threshold = math.Inf(1)
	if at < len(r.scores) {
		p.Threshold = r.scores[at]
	}
	p.FMR, p.FNMR = r.Rates(p.Threshold)
	p.Offered = has(offerAt) && !math.IsInf(p.Threshold, 0)
	p.Statement = fmt.Sprintf("%.0f nontarget trials expect %.3g false matches at FMR %g", n, p.Expected, fmr)
	switch {
	case math.IsInf(p.Threshold, 0):
		p.Statement += "; only refusing or accepting every trial reaches it: no threshold"
	case !p.Offered:
		p.Statement += fmt.Sprintf("; %.0f trials are wanted for %g: FNMR is shown, no threshold", math.Ceil(offerAt/fmr*(1-1e-9)), offerAt)
	case p.Support == SupportRule30:
		p.Statement += ": the rule of 30 holds"
	default:
		p.Statement += ": enough for the rule of 3, not for the rule of 30"
	}
	return p
}

// thresholdAt returns the lowest place whose threshold keeps FMR <= fmr; len(c.non) is "refuse all".
func (c *counts) thresholdAt(fmr float64) int {
	room := fmr * c.sumNon * (1 + 1e-12)
	passed := 0.0
	at := len(c.non)
	for at > 0 && passed+c.non[at-1] <= room {
		at--
		passed += c.non[at]
	}
	return at
}
