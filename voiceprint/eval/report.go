package eval

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Absent is one figure that could not be computed, and why.
type Absent struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
}

// PointEstimate is an operating point with the intervals of what was measured there.
type PointEstimate struct {
	OperatingPoint
	// FMRAt is the FMR at the very threshold of the point: how far it may be off on other speakers.
	FMRAt       Estimate
	FNMR        Estimate // at the wanted FMR, the threshold found anew in each replicate
	FRR         Estimate // like FNMR, with target trials that have no score counted as refused
	ThresholdAt Estimate
}

// FixedPoint is what one slice of the trials sees at a threshold found on all of them.
type FixedPoint struct {
	Wanted    float64 // FMR that the threshold has over all trials
	Threshold float64
	FMR, FNMR Estimate
}

// Result is every figure of one set of trials.
type Result struct {
	Trials, Targets, Nontargets int // all, with or without a score
	Failed                      int // trials without a score
	Speakers                    int // distinct speakers on either side; 0 when not known
	TargetSpeakers              int // speakers that have target trials; 0 when not known

	EER, EERHull   Estimate
	MinDCF, ActDCF []Estimate // one per Options.Costs
	Cllr, MinCllr  Estimate
	Points         []PointEstimate // one per Options.FMRs
	AtOverall      []FixedPoint    // slices only: one per threshold that the whole set offers
	FTA, FTE       Estimate

	NotComputed []Absent
}

// Slice is the result of the trials that share a band or a group value.
type Slice struct {
	Name string
	Result
}

// GroupTable is the slices of one group column, by name.
type GroupTable struct {
	Column string
	Slices []Slice
}

// Report is what Evaluate measured, with everything needed to read it.
type Report struct {
	Options Options
	LLR     bool // scores were natural-log LLRs
	Unit    Unit // what the intervals resample
	Overall Result
	Bands   []Slice // bands of net speech of the test that hold trials, shortest first, unmeasured ones last
	Groups  []GroupTable
	Ranked  *Ranked // the scored trials, for the plots; nil where one kind is missing
}

// Evaluate measures set: every figure over all trials, then per band of net speech and per group value.
//
// Intervals are percentile intervals of a bootstrap over speakers, because the trials of one speaker are not independent: each
// replicate draws as many speakers as there are, with replacement, those with target trials and the pure impostors apart; a
// target trial then counts as often as its speaker was drawn, a nontarget trial as often as the product for its two speakers.
// Where an error rate is measured as 0 the upper end is the rule of 3 over the speakers. No interval is given for fewer than
// Options.MinSpeakers speakers with target trials. minDCF, minCllr and the EER of the hull are fitted to each replicate, and a
// replicate repeats trials: their intervals lean low where trials are few. Equal input and Options give equal reports; set is
// borrowed and not changed.
//
// It returns the faults of opts and set. A figure that the trials cannot support is no error: it is NaN, and Result.NotComputed
// says why.
func Evaluate(set *Set, opts Options) (*Report, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if err := set.Validate(); err != nil {
		return nil, err
	}
	rep := &Report{Options: opts, LLR: set.LLR, Unit: UnitSpeaker}
	if set.Trials[0].EnrolSpeaker == "" {
		rep.Unit = UnitTrial
	}
	all := make([]int32, len(set.Trials))
	for i := range all {
		all[i] = int32(i)
	}
	e := evaluator{set: set, rep: rep, opts: &rep.Options}
	rep.Overall, rep.Ranked = e.result(all, nil)
	var offered []OperatingPoint
	for _, p := range rep.Overall.Points {
		if p.Offered {
			offered = append(offered, p.OperatingPoint)
		}
	}
	e.bands(all, offered)
	e.groups(all, offered)
	return rep, nil
}

type evaluator struct {
	set  *Set
	rep  *Report
	opts *Options
}

// result measures the trials idx; offered are the thresholds of the whole set, nil for the whole set itself.
func (e *evaluator) result(idx []int32, offered []OperatingPoint) (Result, *Ranked) {
	s, rankErr := newSample(e.set, idx, e.rep.Unit)
	res := Result{Trials: len(idx)}
	for _, i := range idx {
		t := &e.set.Trials[i]
		if t.Target {
			res.Targets++
		} else {
			res.Nontargets++
		}
		if t.Failed() {
			res.Failed++
		}
	}
	if e.rep.Unit == UnitSpeaker {
		res.Speakers, res.TargetSpeakers = s.units, len(s.clients)
	}
	l := layout{o: e.opts, llr: e.set.LLR, wanted: make([]bool, len(e.opts.FMRs))}
	points := make([]OperatingPoint, len(e.opts.FMRs))
	for i, f := range e.opts.FMRs {
		points[i] = OperatingPoint{Wanted: f, Threshold: math.NaN(), FMR: math.NaN(), FNMR: math.NaN(), Support: SupportNone, Statement: "no trials of one kind"}
		if s.ranked != nil {
			points[i] = s.ranked.FNMRAtFMR(f, e.opts.OfferAt)
			l.wanted[i] = points[i].Support != SupportNone
		}
		l.fixed = append(l.fixed, points[i].Threshold)
	}
	for _, p := range offered {
		l.fixed = append(l.fixed, p.Threshold)
	}
	flat := s.estimate(&l)

	res.EER, res.EERHull, res.Cllr, res.MinCllr = flat[atEER], flat[atEERHull], flat[atCllr], flat[atMinCllr]
	res.FTA, res.FTE = flat[atFTA], flat[atFTE]
	for i := range e.opts.Costs {
		res.MinDCF = append(res.MinDCF, flat[l.minDCF(i)])
		res.ActDCF = append(res.ActDCF, flat[l.actDCF(i)])
	}
	for i, p := range points {
		pe := PointEstimate{p, unknown(), unknown(), unknown(), unknown()}
		if l.wanted[i] {
			k := l.atFMR(i)
			pe.FNMR, pe.FRR, pe.ThresholdAt, pe.FMRAt = flat[k], flat[k+1], flat[k+2], flat[l.atFixed(i)]
		}
		res.Points = append(res.Points, pe)
	}
	for i, p := range offered {
		k := l.atFixed(len(points) + i)
		res.AtOverall = append(res.AtOverall, FixedPoint{p.Wanted, p.Threshold, flat[k], flat[k+1]})
	}
	e.explain(&res, s, rankErr)
	return res, s.ranked
}

// explain fills NotComputed.
func (e *evaluator) explain(res *Result, s *sample, rankErr error) {
	say := func(what, format string, args ...any) {
		res.NotComputed = append(res.NotComputed, Absent{what, fmt.Sprintf(format, args...)})
	}
	if rankErr != nil {
		say("eer, min_dcf, act_dcf, cllr, fnmr_at_fmr", "%v", rankErr)
	} else {
		if !e.set.LLR {
			say("act_dcf, cllr", "scores are raw, not LLRs: calibrate them first")
		} else if math.IsInf(res.Cllr.Value, 0) {
			say("cllr", "infinite: a trial has an infinite LLR on the wrong side")
		}
		for _, p := range res.Points {
			if p.Support == SupportNone {
				say("fnmr_at_fmr "+rateKey(p.Wanted), "%s", p.Statement)
			} else if !p.Offered {
				say("threshold at fmr "+rateKey(p.Wanted), "%s", p.Statement)
			}
		}
	}
	switch n := len(s.clients); {
	case e.opts.Replicates == 0:
		say("confidence_intervals", "not asked for")
	case n < e.opts.MinSpeakers:
		what := "speakers with target trials"
		if e.rep.Unit == UnitTrial {
			what = "target trials"
		}
		say("confidence_intervals", "%d %s, want at least %d", n, what, e.opts.MinSpeakers)
	case rankErr == nil && !res.EER.Interval():
		say("confidence_intervals", "more than a tenth of the replicates drew no trials of one kind")
	}
	if e.rep.Unit == UnitTrial && e.opts.Replicates > 0 {
		say("confidence_intervals by speaker", "speakers are not named: intervals treat trials as independent and are too narrow")
	}
}

func (e *evaluator) bands(all []int32, offered []OperatingPoint) {
	edges := e.opts.Bands
	if len(edges) == 0 {
		return
	}
	in := make([][]int32, len(edges)+2) // below the first, between, from the last, unmeasured
	for _, i := range all {
		d := e.set.Trials[i].NetSpeech
		b := len(edges) + 1
		if d >= 0 {
			b, _ = slices.BinarySearchFunc(edges, d, func(edge, d time.Duration) int {
				if edge <= d {
					return -1
				}
				return 1
			})
		}
		in[b] = append(in[b], i)
	}
	if len(in[len(edges)+1]) == len(all) {
		return // nothing measured: no table
	}
	for b, idx := range in {
		if len(idx) == 0 {
			continue
		}
		res, _ := e.result(idx, offered)
		e.rep.Bands = append(e.rep.Bands, Slice{bandName(edges, b), res})
	}
}

func bandName(edges []time.Duration, b int) string {
	sec := func(d time.Duration) string { return fmt.Sprintf("%g", d.Seconds()) }
	switch {
	case b == 0:
		return "<" + sec(edges[0]) + " s"
	case b < len(edges):
		return sec(edges[b-1]) + "-" + sec(edges[b]) + " s"
	case b == len(edges):
		return ">=" + sec(edges[b-1]) + " s"
	}
	return "not measured"
}

func (e *evaluator) groups(all []int32, offered []OperatingPoint) {
	for c, column := range e.set.Columns {
		in := map[string][]int32{}
		for _, i := range all {
			v := e.set.Trials[i].Groups[c]
			in[v] = append(in[v], i)
		}
		if len(in) > e.opts.MaxGroups {
			e.rep.Overall.NotComputed = append(e.rep.Overall.NotComputed,
				Absent{"groups " + column, fmt.Sprintf("%d distinct values, want at most %d", len(in), e.opts.MaxGroups)})
			continue
		}
		t := GroupTable{Column: column}
		for _, v := range slices.Sorted(maps.Keys(in)) {
			res, _ := e.result(in[v], offered)
			if v == "" {
				v = "not stated"
			}
			t.Slices = append(t.Slices, Slice{v, res})
		}
		e.rep.Groups = append(e.rep.Groups, t)
	}
}
