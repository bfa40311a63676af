package eval

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Unit is what a bootstrap replicate draws.
type Unit string

const (
	UnitSpeaker Unit = "speaker" // speakers are known: all trials of a drawn speaker come along
	UnitTrial   Unit = "trial"   // speakers are not known: trials are drawn as if independent; intervals are too narrow
)

// sample is a set of trials indexed for resampling. A unit is a speaker or, where speakers are not known, a trial.
type sample struct {
	ranked  *Ranked
	lossTar []float64 // per distinct score, nil for raw scores
	lossNon []float64

	trials []drawn
	enrols []attempt
	tests  []attempt
	units  int
	// Units with target trials and units without are drawn apart, each as many times as there are: every replicate then has
	// targets and, where pure impostors exist, as many of them as the list.
	clients, others []int32
}

type drawn struct {
	place       int32 // among the distinct scores, -1: failed
	enrol, test int32 // units
	target      bool
}

type attempt struct {
	unit   int32
	failed bool
}

// newSample indexes the trials of set that idx lists. The errors are those of Rank; the sample then still knows its attempts.
func newSample(set *Set, idx []int32, unit Unit) (*sample, error) {
	trials := make([]Scored, len(idx))
	for i, k := range idx {
		trials[i] = set.Trials[k]
	}
	s := &sample{trials: make([]drawn, len(trials))}
	units := map[string]int32{}
	unitOf := func(name string, trial int) int32 {
		if unit == UnitTrial {
			return int32(trial)
		}
		u, ok := units[name]
		if !ok {
			u = int32(len(units))
			units[name] = u
		}
		return u
	}
	enrolSeen, testSeen := map[string]bool{}, map[string]bool{}
	for i := range trials {
		t := &trials[i]
		d := drawn{place: -1, enrol: unitOf(t.EnrolSpeaker, i), test: unitOf(t.TestSpeaker, i), target: t.Target}
		s.trials[i] = d
		if t.EnrolKey == "" || !enrolSeen[t.EnrolKey] {
			s.enrols = append(s.enrols, attempt{d.enrol, t.EnrolFailed})
		}
		// A test against a failed enrolment was not necessarily tried, but the caller says what became of it.
		if t.TestKey == "" || !testSeen[t.TestKey] {
			s.tests = append(s.tests, attempt{d.test, t.TestFailed})
		}
		enrolSeen[t.EnrolKey], testSeen[t.TestKey] = true, true
	}
	s.units = len(units)
	if unit == UnitTrial {
		s.units = len(trials)
	}
	client := make([]bool, s.units)
	for _, d := range s.trials {
		if d.target {
			client[d.enrol] = true
		}
	}
	for u, c := range client {
		if c {
			s.clients = append(s.clients, int32(u))
		} else {
			s.others = append(s.others, int32(u))
		}
	}
	r, place, err := rank(trials)
	if err != nil {
		return s, err
	}
	for i, p := range place {
		s.trials[i].place = p
	}
	s.ranked = r
	if set.LLR {
		s.lossTar, s.lossNon = losses(r.scores)
	}
	return s, nil
}

// draw sets w to how often each unit is drawn in one replicate.
func (s *sample) draw(rng *rand.Rand, w []float64) {
	clear(w)
	for _, stratum := range [][]int32{s.clients, s.others} {
		for range stratum {
			w[stratum[rng.IntN(len(stratum))]]++
		}
	}
}

// weight is how often a trial stands in a replicate. One speaker on both sides comes once per draw; two speakers meet once per
// pair of draws: the two-way (pigeonhole) bootstrap of Owen (2007).
func (d drawn) weight(w []float64) float64 {
	if d.enrol == d.test {
		return w[d.enrol]
	}
	return w[d.enrol] * w[d.test]
}

// weigh sets c to the counts of a replicate and returns the weight of the target trials that failed.
func (s *sample) weigh(w []float64, c *counts) (failedTar float64) {
	c.reset()
	for _, d := range s.trials {
		n := d.weight(w)
		switch {
		case n == 0:
		case d.place >= 0:
			c.add(int(d.place), d.target, n)
		case d.target:
			failedTar += n
		}
	}
	return failedTar
}

// failureRate returns the share of the attempts that failed, NaN without attempts. w nil: every unit once.
func failureRate(a []attempt, w []float64) float64 {
	var all, failed float64
	for _, x := range a {
		n := 1.0
		if w != nil {
			n = w[x.unit]
		}
		all += n
		if x.failed {
			failed += n
		}
	}
	return failed / all
}

// interval returns the percentile interval of the replicates of one figure, by order statistics (an infinite replicate stays
// infinite); x is sorted in place.
func interval(x []float64, level float64) (low, high float64) {
	slices.Sort(x)
	n := float64(len(x) + 1)
	at := func(rank float64) float64 { return x[min(max(int(rank)-1, 0), len(x)-1)] }
	return at(math.Floor(n * (1 - level) / 2)), at(math.Ceil(n * (1 + level) / 2))
}

// zeroBound returns the largest rate that leaves n independent units without one error with probability 1-level: about 3/n at
// 0.95, the rule of 3. A bootstrap of no errors is blind to it: every replicate is without errors.
func zeroBound(n int, level float64) float64 { return 1 - math.Pow(1-level, 1/float64(n)) }
