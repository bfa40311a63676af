package scorecard

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Review is one reviewer's finished scorecard, as agreement and drift are taken from it.
type Review struct {
	Call      string
	Form      string // with its version: answers to two versions are not compared
	Evaluator string
	Answers   map[string]string
	Score     *float64
}

// Agreement is how far reviewers answered one question of one form the same way on the same calls.
type Agreement struct {
	Form     string
	Question string
	Calls    int      // with two reviewers or more
	Same     float64  // share of the pairs of answers that are the same
	Alpha    *float64 // Krippendorff's, for answers without order; nil where only one answer was ever given
}

// Agree returns the agreement by question, the lowest first. A reviewer who scored a call twice counts with the later review.
func Agree(reviews []Review) []Agreement {
	type unit struct{ form, question, call string }
	answers := map[unit]map[string]string{}
	for _, r := range reviews {
		for q, a := range r.Answers {
			if a == "" {
				continue
			}
			u := unit{r.Form, q, r.Call}
			if answers[u] == nil {
				answers[u] = map[string]string{}
			}
			answers[u][r.Evaluator] = a
		}
	}
	type key struct{ form, question string }
	tallies := map[key]*tally{}
	for u, by := range answers {
		if len(by) < 2 {
			continue
		}
		k := key{u.form, u.question}
		if tallies[k] == nil {
			tallies[k] = &tally{of: map[string]float64{}}
		}
		tallies[k].add(slices.Collect(maps.Values(by)))
	}
	var out []Agreement
	for k, t := range tallies {
		out = append(out, Agreement{Form: k.form, Question: k.question, Calls: t.calls, Same: 1 - t.pairsApart/t.pairs, Alpha: t.alpha()})
	}
	slices.SortFunc(out, func(a, b Agreement) int {
		return cmp.Or(cmp.Compare(a.Same, b.Same), cmp.Compare(a.Form, b.Form), cmp.Compare(a.Question, b.Question))
	})
	return out
}

// tally collects the pairs of answers to one question.
type tally struct {
	calls             int
	pairs, pairsApart float64            // ordered pairs, each call's weighing as many answers as it has
	of                map[string]float64 // how often each answer was given
}

func (t *tally) add(answers []string) {
	t.calls++
	m := float64(len(answers))
	for i, a := range answers {
		t.of[a]++
		for j, b := range answers {
			if i == j {
				continue
			}
			t.pairs += 1 / (m - 1)
			if a != b {
				t.pairsApart += 1 / (m - 1)
			}
		}
	}
}

// alpha is 1 less the observed disagreement over the expected one.
func (t *tally) alpha() *float64 {
	n := 0.0
	for _, c := range t.of {
		n += c
	}
	expected := 0.0
	for _, c := range t.of {
		expected += c * (n - c) / (n - 1)
	}
	if expected == 0 {
		return nil
	}
	a := 1 - t.pairsApart/expected
	return &a
}

// Drift is how a reviewer scores beside the others.
type Drift struct {
	Evaluator string
	Reviews   int
	Mean      float64  // of the scores
	Against   *float64 // mean difference to the others' mean on the same calls and form; nil where nobody else scored them
	Shared    int      // calls behind Against
}

// Drifts returns one line a reviewer, the widest difference first.
func Drifts(reviews []Review) []Drift {
	type unit struct{ form, call string }
	scores := map[unit]map[string]float64{}
	by := map[string][]float64{}
	for _, r := range reviews {
		if r.Score == nil {
			continue
		}
		by[r.Evaluator] = append(by[r.Evaluator], *r.Score)
		u := unit{r.Form, r.Call}
		if scores[u] == nil {
			scores[u] = map[string]float64{}
		}
		scores[u][r.Evaluator] = *r.Score
	}
	var out []Drift
	for who, own := range by {
		d := Drift{Evaluator: who, Reviews: len(own), Mean: mean(own)}
		var apart []float64
		for _, u := range scores {
			mine, ok := u[who]
			if !ok || len(u) < 2 {
				continue
			}
			var others []float64
			for _, k := range slices.Sorted(maps.Keys(u)) {
				if k != who {
					others = append(others, u[k])
				}
			}
			apart = append(apart, mine-mean(others))
		}
		slices.Sort(apart) // sums in one order, so that the same reviews give the same figure
		if d.Shared = len(apart); d.Shared > 0 {
			m := mean(apart)
			d.Against = &m
		}
		out = append(out, d)
	}
	width := func(d Drift) float64 {
		if d.Against == nil {
			return -1
		}
		return math.Abs(*d.Against)
	}
	slices.SortFunc(out, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(width(b), width(a)), cmp.Compare(a.Evaluator, b.Evaluator))
	})
	return out
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
