package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/sentiment"
)

// Options say how intervals are taken.
type Options struct {
	Replicates int     // of the bootstrap, 0 for no intervals
	Level      float64 // of the intervals, in (0, 1)
	Seed       uint64
}

// DefaultOptions returns 1000 replicates and intervals of 95 %.
func DefaultOptions() Options { return Options{Replicates: 1000, Level: 0.95, Seed: 1} }

// Estimate is a figure with its interval. NaN where it was not computed.
type Estimate struct{ Value, Low, High float64 }

// Report holds the figures of one evaluation.
type Report struct {
	N          int // clips scored
	Speakers   int // 0 where the clips do not name them
	UAR, WAR   Estimate
	AUCArousal Estimate
	ECE        Estimate
	Confusion  Confusion
}

// Evaluate measures clips. Intervals are percentiles of a bootstrap that draws speakers with all their clips, since the clips of one
// speaker are no independent trials; clips without a speaker are drawn by themselves. With fewer than two units there are none.
// Evaluate returns an error for no clips and for a label that is no class.
func Evaluate(clips []Scored, o Options) (*Report, error) {
	if len(clips) == 0 {
		return nil, fmt.Errorf("eval: no clips, want 1 or more")
	}
	if err := check(clips); err != nil {
		return nil, err
	}
	if o.Replicates < 0 || o.Replicates > 1e6 || o.Replicates > 0 && !(o.Level > 0 && o.Level < 1) {
		return nil, fmt.Errorf("eval: bootstrap of %d replicates at level %g, want 0 to 1000000 at above 0 and below 1", o.Replicates, o.Level)
	}
	order := byArousal(clips)
	value := measure(clips, order, nil)
	r := &Report{N: len(clips), Confusion: Confuse(clips)}
	units, count, named := unitsOf(clips)
	if named {
		r.Speakers = count
	}
	rep := [4][]float64{}
	if o.Replicates > 0 && count > 1 {
		rng := rand.New(rand.NewPCG(o.Seed, 0x656d6f74696f6e))
		drawn, weight := make([]float64, count), make([]float64, len(clips))
		for range o.Replicates {
			clear(drawn)
			for range count {
				drawn[rng.IntN(count)]++
			}
			for i, u := range units {
				weight[i] = drawn[u]
			}
			f := measure(clips, order, weight)
			for k, v := range []float64{f.UAR, f.WAR, f.AUCArousal, f.ECE} {
				if !math.IsNaN(v) {
					rep[k] = append(rep[k], v)
				}
			}
		}
	}
	for k, e := range []struct {
		to *Estimate
		v  float64
	}{{&r.UAR, value.UAR}, {&r.WAR, value.WAR}, {&r.AUCArousal, value.AUCArousal}, {&r.ECE, value.ECE}} {
		*e.to = Estimate{e.v, math.NaN(), math.NaN()}
		// replicates without a figure may not shrink the interval unseen
		if len(rep[k])*10 >= o.Replicates*9 && len(rep[k]) > 0 && !math.IsNaN(e.v) {
			slices.Sort(rep[k])
			n := float64(len(rep[k]) - 1)
			e.to.Low = rep[k][int(math.Floor(n*(1-o.Level)/2))]
			e.to.High = rep[k][int(math.Ceil(n*(1+o.Level)/2))]
		}
	}
	return r, nil
}

// unitsOf numbers the unit that each clip is drawn with.
func unitsOf(clips []Scored) (unit []int, count int, named bool) {
	seen := map[string]int{}
	unit = make([]int, len(clips))
	for i, c := range clips {
		if c.Speaker == "" {
			unit[i] = count
			count++
			continue
		}
		u, ok := seen[c.Speaker]
		if !ok {
			u = count
			seen[c.Speaker] = u
			count++
		}
		unit[i], named = u, true
	}
	return unit, count, named && len(seen) == count
}

// MarshalJSON writes the figures under the names of the command line's contract, each with its interval beside it as NAME_ci; what
// was not computed is null.
func (r *Report) MarshalJSON() ([]byte, error) {
	m := map[string]any{"n": r.N, "classes": sentiment.Classes(), "confusion": r.Confusion}
	if r.Speakers > 0 {
		m["speakers"] = r.Speakers
	}
	for name, e := range map[string]Estimate{"uar": r.UAR, "war": r.WAR, "auc_arousal": r.AUCArousal, "ece": r.ECE} {
		m[name], m[name+"_ci"] = number(e.Value), nil
		if !math.IsNaN(e.Low) {
			m[name+"_ci"] = [2]any{number(e.Low), number(e.High)}
		}
	}
	return json.Marshal(m)
}

// number returns v, or nil for one that JSON cannot hold.
func number(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return math.Round(v*1e5) / 1e5
}

// String prints the figures and the confusion matrix as text.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d clips", r.N)
	if r.Speakers > 0 {
		fmt.Fprintf(&b, ", %d speaker", r.Speakers)
		if r.Speakers > 1 {
			b.WriteString("s")
		}
	}
	b.WriteString("\n")
	for _, f := range []struct {
		name string
		e    Estimate
	}{{"UAR", r.UAR}, {"WAR", r.WAR}, {"arousal AUC", r.AUCArousal}, {"ECE", r.ECE}} {
		fmt.Fprintf(&b, "  %-12s %s\n", f.name, f.e)
	}
	fmt.Fprintf(&b, "  %-12s", "true \\ given")
	for _, c := range sentiment.Classes() {
		fmt.Fprintf(&b, "%9s", c)
	}
	b.WriteString("\n")
	for i, row := range r.Confusion {
		fmt.Fprintf(&b, "  %-12s", sentiment.Classes()[i])
		for _, n := range row {
			fmt.Fprintf(&b, "%9d", n)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// String prints the figure with its interval.
func (e Estimate) String() string {
	switch {
	case math.IsNaN(e.Value):
		return "not computed"
	case math.IsNaN(e.Low):
		return fmt.Sprintf("%.3f", e.Value)
	}
	return fmt.Sprintf("%.3f  [%.3f, %.3f]", e.Value, e.Low, e.High)
}
