package scorecard

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// confirmedSuffix ends the key under which a person's yes to an auto-fail stands among the answers.
const confirmedSuffix = ".confirmed"

// ConfirmKey returns the key of the answer, Yes or No, by which a person confirms or withdraws the auto-fail of a question.
func ConfirmKey(question string) string { return question + confirmedSuffix }

// Result is what a set of answers comes to.
type Result struct {
	Score    *float64            // 0 to 100; nil while Missing or Confirm is not empty
	Sections map[string]*float64 // by section id, 0 to 100; nil where nothing in it counts yet
	Missing  []string            // questions without an answer, in the form's order
	Confirm  []string            // auto-fail questions answered no that wait for a person's word
	Failed   []string            // auto-fail questions whose no a person confirmed
}

// Check lists the answers that f does not take. An empty answer is none.
func (f *Form) Check(answers map[string]string) error {
	left := maps.Clone(answers)
	for _, s := range f.Sections {
		for _, q := range s.Questions {
			a := left[q.ID]
			if q.Kind == Text && a != NotApplicable {
				if len(a) > 4000 {
					return fmt.Errorf("scorecard: answer to %s: %d bytes, want at most 4000", q.ID, len(a))
				}
			} else if a != "" && !q.takes(a) {
				return fmt.Errorf("scorecard: answer to %s: %q, want one of %s", q.ID, a, strings.Join(q.Options(), ", "))
			}
			delete(left, q.ID)
			if q.AutoFail {
				if c := left[ConfirmKey(q.ID)]; c != "" && c != Yes && c != No {
					return fmt.Errorf("scorecard: answer to %s: %q, want yes or no", ConfirmKey(q.ID), c)
				}
				delete(left, ConfirmKey(q.ID))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		return fmt.Errorf("scorecard: answer to %s: no such question", id)
	}
	return nil
}

// Score returns what answers come to. Answers that Check refuses count as none.
func (f *Form) Score(answers map[string]string) Result {
	r := Result{Sections: map[string]*float64{}}
	total, weight := 0.0, 0.0
	for _, s := range f.Sections {
		sum, of := 0.0, 0.0
		for _, q := range s.Questions {
			if q.Kind == Text {
				continue
			}
			a := answers[q.ID]
			if !q.takes(a) {
				r.Missing = append(r.Missing, q.ID)
				continue
			}
			if a == NotApplicable {
				continue
			}
			if q.AutoFail && a == No {
				switch answers[ConfirmKey(q.ID)] {
				case Yes:
					r.Failed = append(r.Failed, q.ID)
				case No: // withdrawn: a plain no
				default:
					r.Confirm = append(r.Confirm, q.ID)
				}
			}
			sum += q.Weight * q.worth(a)
			of += q.Weight
		}
		r.Sections[s.ID] = nil
		if of > 0 {
			mean := 100 * sum / of
			r.Sections[s.ID] = &mean
			total += s.Weight * mean
			weight += s.Weight
		}
	}
	if len(r.Missing) > 0 || len(r.Confirm) > 0 {
		return r
	}
	switch {
	case len(r.Failed) > 0:
		r.Score = new(float64)
	case weight > 0: // else everything that counts was not applicable, and there is no score
		score := total / weight
		r.Score = &score
	}
	return r
}

// Complete reports whether answers can be submitted: nothing is missing and nothing waits for a person's word.
func (r *Result) Complete() bool { return len(r.Missing) == 0 && len(r.Confirm) == 0 }

// worth is the value of an answer that q takes, 0 to 1.
func (q *Question) worth(answer string) float64 {
	if q.Kind == Scale {
		k, _ := strconv.Atoi(answer) // one of Options: a number
		return float64(k-1) / float64(q.Max-1)
	}
	if answer == Yes {
		return 1
	}
	return 0
}
