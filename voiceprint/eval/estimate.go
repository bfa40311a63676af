package eval

import (
	"math"
	"math/rand/v2"
)

// Estimate is a figure with its interval. NaN stands for "not computed", with the reason in Result.NotComputed.
type Estimate struct {
	Value, Low, High float64
}

// Computed reports whether there is a value.
func (e Estimate) Computed() bool { return !math.IsNaN(e.Value) }

// Interval reports whether there is an interval.
func (e Estimate) Interval() bool { return !math.IsNaN(e.Low) && !math.IsNaN(e.High) }

func unknown() Estimate { return Estimate{math.NaN(), math.NaN(), math.NaN()} }

// layout says where each figure stands in the flat list that one replicate yields.
type layout struct {
	o      *Options
	fixed  []float64 // thresholds at which FMR and FNMR are wanted besides
	llr    bool
	wanted []bool // per FMR: do the trials carry it at all
}

const (
	atEER = iota
	atEERHull
	atCllr
	atMinCllr
	atFTA
	atFTE
	atLists // minDCF per cost, actDCF per cost, then per FMR: FNMR, FRR, threshold; then per fixed threshold: FMR, FNMR
)

func (l *layout) minDCF(i int) int  { return atLists + i }
func (l *layout) actDCF(i int) int  { return atLists + len(l.o.Costs) + i }
func (l *layout) atFMR(i int) int   { return atLists + 2*len(l.o.Costs) + 3*i }
func (l *layout) atFixed(i int) int { return atLists + 2*len(l.o.Costs) + 3*len(l.o.FMRs) + 2*i }
func (l *layout) len() int          { return l.atFixed(len(l.fixed)) }

// measure fills out with every figure of one weighting; hull is scratch. w nil: every unit once, and c are the plain counts.
func (s *sample) measure(l *layout, c, hull *counts, failedTar float64, w, out []float64) {
	for i := range out {
		out[i] = math.NaN()
	}
	out[atFTA], out[atFTE] = failureRate(s.tests, w), failureRate(s.enrols, w)
	if s.ranked == nil {
		return
	}
	scores := s.ranked.scores
	out[atEER], _ = c.eer()
	hull.pool(c)
	out[atEERHull], _ = hull.eer()
	out[atMinCllr] = hull.minCllr()
	if l.llr {
		out[atCllr] = c.cllr(s.lossTar, s.lossNon)
	}
	for i, cost := range l.o.Costs {
		out[l.minDCF(i)], _ = hull.minDCF(cost) // a linear cost is lowest at a corner of the hull
		if l.llr {
			out[l.actDCF(i)] = cost.dcf(c.rates(scores, cost.Threshold()))
		}
	}
	for i, fmr := range l.o.FMRs {
		if !l.wanted[i] {
			continue
		}
		at := c.thresholdAt(fmr)
		threshold := math.Inf(1)
		if at < len(scores) {
			threshold = scores[at]
		}
		_, fnmr := c.rates(scores, threshold)
		k := l.atFMR(i)
		out[k], out[k+2] = fnmr, threshold
		out[k+1] = (fnmr*c.sumTar + failedTar) / (c.sumTar + failedTar)
	}
	for i, threshold := range l.fixed {
		k := l.atFixed(i)
		out[k], out[k+1] = c.rates(scores, threshold)
	}
}

// estimate measures the sample and, where it may, its intervals; flat is by the layout.
func (s *sample) estimate(l *layout) (flat []Estimate) {
	n := l.len()
	value := make([]float64, n)
	var plain, hull counts
	failedTar := 0.0
	if s.ranked != nil {
		plain = s.ranked.c
		for _, d := range s.trials {
			if d.place < 0 && d.target {
				failedTar++
			}
		}
	}
	s.measure(l, &plain, &hull, failedTar, nil, value)
	flat = make([]Estimate, n)
	for i, v := range value {
		flat[i] = Estimate{v, math.NaN(), math.NaN()}
	}
	if l.o.Replicates == 0 || len(s.clients) < l.o.MinSpeakers {
		return flat
	}
	m := 0
	if s.ranked != nil {
		m = len(s.ranked.scores)
	}
	var (
		rng = rand.New(rand.NewPCG(l.o.Seed, 0x74696d6272650001))
		w   = make([]float64, s.units)
		c   = newCounts(m)
		rep = make([][]float64, n)
		out = make([]float64, n)
	)
	for range l.o.Replicates {
		s.draw(rng, w)
		failed := 0.0
		if s.ranked != nil {
			failed = s.weigh(w, &c)
			if c.sumTar == 0 || c.sumNon == 0 {
				continue // the drawn speakers have no scored trial of one kind: nothing to measure
			}
		}
		s.measure(l, &c, &hull, failed, w, out)
		for i, v := range out {
			if !math.IsNaN(v) {
				rep[i] = append(rep[i], v)
			}
		}
	}
	for i := range flat {
		// Replicates without a figure may not shrink the interval unseen: with more than a tenth of them there is none.
		if flat[i].Computed() && len(rep[i])*10 >= l.o.Replicates*9 {
			flat[i].Low, flat[i].High = interval(rep[i], l.o.Level)
			s.openZero(l, i, &flat[i])
		}
	}
	return flat
}

// openZero opens the interval of a figure without errors up to the bound that its units allow.
func (s *sample) openZero(l *layout, i int, e *Estimate) {
	if e.Value != 0 {
		return
	}
	fixed := l.atFixed(0)
	switch {
	case i == atMinCllr:
		e.Low, e.High = math.NaN(), math.NaN() // separable: every replicate is, and no rule says how much that means
	case i >= atLists && i < l.atFMR(0):
		// A cost of 0 with as many refusals as the speakers with target trials leave possible.
		cost := l.o.Costs[(i-atLists)%len(l.o.Costs)]
		e.High = math.Max(e.High, math.Min(1, cost.dcf(0, zeroBound(len(s.clients), l.o.Level))))
	case i == atFTA || i == atFTE:
		e.High = math.Max(e.High, zeroBound(s.units, l.o.Level))
	case i == atEER, i == atEERHull, i >= l.atFMR(0) && i < fixed && (i-l.atFMR(0))%3 != 2, i >= fixed && (i-fixed)%2 == 1:
		e.High = math.Max(e.High, zeroBound(len(s.clients), l.o.Level)) // refusals of targets: by the speakers that have them
	case i >= fixed:
		e.High = math.Max(e.High, zeroBound(s.units, l.o.Level))
	}
}
