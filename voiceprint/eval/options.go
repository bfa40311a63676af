package eval

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options says what Evaluate measures.
type Options struct {
	Costs []Cost          // applications for minDCF and actDCF; may be empty
	FMRs  []float64       // FMRs at which FNMR is wanted, in (0, 1); may be empty
	Bands []time.Duration // inner edges of the bands of net speech of the test, rising, above 0; empty: no bands

	OfferAt float64 // expected false matches from which a threshold is offered, at least 3; default 30, the rule of 30

	Replicates  int     // bootstrap replicates; 0: no intervals; else 100 to 100000, default 1000
	Level       float64 // confidence level of the intervals, in [0.5, 0.999], default 0.95
	MinSpeakers int     // fewest speakers with target trials for which an interval is given, at least 2, default 5
	Seed        uint64  // of the PCG that draws the replicates; any value, default 1

	MaxGroups int // most distinct values of a group column that get a table, at least 1, default 64
}

// DefaultOptions returns what the project's own tables are made with.
func DefaultOptions() Options {
	return Options{
		Costs:       DefaultCosts(),
		FMRs:        []float64{1e-2, 1e-3, 1e-4},
		Bands:       []time.Duration{2 * time.Second, 3 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second},
		OfferAt:     30,
		Replicates:  1000,
		Level:       0.95,
		MinSpeakers: 5,
		Seed:        1,
		MaxGroups:   64,
	}
}

// Validate returns every fault of o.
func (o Options) Validate() error {
	var errs []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("eval: options: "+format, args...))
		}
	}
	for i, c := range o.Costs {
		errs = append(errs, c.Validate())
		bad(!slices.Contains(o.Costs[:i], c), "cost %v stands twice, want it once", c)
	}
	for i, f := range o.FMRs {
		bad(f > 0 && f < 1, "fmr %g, want in (0, 1)", f)
		bad(!slices.Contains(o.FMRs[:i], f), "fmr %g stands twice, want it once", f)
	}
	for i, b := range o.Bands {
		bad(b > 0, "band edge %v, want above 0", b)
		bad(i == 0 || b > o.Bands[i-1], "band edge %v after %v, want rising", b, o.Bands[max(i-1, 0)])
	}
	bad(o.OfferAt >= 3, "offer at %g expected false matches, want at least 3", o.OfferAt)
	bad(o.Replicates == 0 || o.Replicates >= 100 && o.Replicates <= 100000, "%d replicates, want 0 or 100 to 100000", o.Replicates)
	bad(o.Level >= 0.5 && o.Level <= 0.999, "level %g, want in [0.5, 0.999]", o.Level)
	bad(o.MinSpeakers >= 2, "min speakers %d, want at least 2", o.MinSpeakers)
	bad(o.MaxGroups >= 1, "max groups %d, want at least 1", o.MaxGroups)
	return errors.Join(errs...)
}

// String returns every option on one line.
func (o Options) String() string {
	return fmt.Sprintf("costs=%v fmrs=%v bands=%v offer_at=%g replicates=%d level=%g min_speakers=%d seed=%d max_groups=%d",
		o.Costs, o.FMRs, o.Bands, o.OfferAt, o.Replicates, o.Level, o.MinSpeakers, o.Seed, o.MaxGroups)
}
