package voiceprint

import (
	"errors"
	"fmt"
	"math"
)

// IdentifyOptions say how a search of a gallery is judged.
type IdentifyOptions struct {
	Policy Policy // FMR is then the rate at which a speaker who is not in the gallery is taken for anyone in it (FPIR)
	Top    int    // candidates wanted, 1 to 1000
}

// DefaultIdentify returns the five best at a false alarm rate of 1 %.
func DefaultIdentify() IdentifyOptions { return IdentifyOptions{Policy: DefaultPolicy(), Top: 5} }

// Validate returns every problem of o, joined; errors.Is finds ErrOptions.
func (o IdentifyOptions) Validate() error {
	errs := []error{o.Policy.Validate()}
	if o.Top < 1 || o.Top > 1000 {
		errs = append(errs, fmt.Errorf("%w: Top %d, want 1 to 1000", ErrOptions, o.Top))
	}
	return errors.Join(errs...)
}

// Identification is the answer to who speaks, among the speakers of a gallery or nobody of them. A candidate is a lead for a person.
type Identification struct {
	Candidates []Candidate // LLR at or above Threshold, the best first; empty is the answer "none", unless Reasons say why nothing was decided
	Nearest    []Candidate // the best whatever their LLR, the first of them the Candidates
	Threshold  *float64    // for one entry, raised by the natural log of the number of entries; nil where there is none
	Entries    int         // in the gallery
	Quality    Quality     // of the test
	Reasons    []Reason    // at least one
}

// Identify searches the gallery for a test. The LLR of one entry is the evidence against one other speaker; among N entries the
// chance that some impostor passes is up to N times that of one, so the threshold rises by ln N, which keeps the false alarm rate
// where it is for one entry. Errors: ErrModel, ErrOptions.
func (g *Gallery) Identify(test Embedding, o IdentifyOptions) (Identification, error) {
	if err := o.Validate(); err != nil {
		return Identification{}, err
	}
	side, err := g.m.Side(test)
	if err != nil {
		return Identification{}, err
	}
	out := Identification{Entries: g.Len(), Quality: test.Quality, Reasons: o.Policy.Floor.Check(test.Quality)}
	low := len(out.Reasons) > 0
	if out.Nearest, err = g.Search(side, o.Top); err != nil {
		return Identification{}, err
	}
	accept, why := g.m.accept(o.Policy)
	switch {
	case why != nil:
		out.Reasons = append(out.Reasons, *why)
	default:
		at := accept + math.Log(float64(max(out.Entries, 1)))
		out.Threshold = &at
		if low {
			break
		}
		for _, c := range out.Nearest {
			if *c.LLR >= at {
				out.Candidates = append(out.Candidates, c)
			}
		}
		if n := len(out.Candidates); n > 0 {
			out.Reasons = append(out.Reasons, Reason{CodeAboveThreshold, fmt.Sprintf("%d of %d entries reach the threshold of %.2f", n, out.Entries, at)})
		} else {
			out.Reasons = append(out.Reasons, Reason{CodeBelowThreshold, fmt.Sprintf("none of %d entries reaches the threshold of %.2f", out.Entries, at)})
		}
	}
	out.Reasons = append(out.Reasons, spoofNotChecked())
	return out, nil
}

// Duplicates returns the entries other than id itself that seem to be of the same speaker as p, for a look before p is registered
// under id. It judges as Identify does, without a floor: a print has passed its own. Errors: ErrModel, ErrOptions, ErrUncalib.
func (g *Gallery) Duplicates(id string, p *Voiceprint, o IdentifyOptions) ([]Candidate, error) {
	if g.m.calibration == nil {
		return nil, fmt.Errorf("%w: %v", ErrUncalib, g.m.id)
	}
	o.Policy.Floor = Floor{SNRdB: -100, Clipped: 1}
	o.Top++ // the print's own former entry may be among the best
	found, err := g.Identify(p.Embedding(), o)
	if err != nil {
		return nil, err
	}
	var out []Candidate
	for _, c := range found.Candidates {
		if c.ID != id && len(out) < o.Top-1 {
			out = append(out, c)
		}
	}
	return out, nil
}
