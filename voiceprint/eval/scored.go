package eval

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// What a set of trials may lack.
var (
	ErrNoTargets    = errors.New("eval: no target trials with a score, want at least one")
	ErrNoNontargets = errors.New("eval: no nontarget trials with a score, want at least one")
	ErrScore        = errors.New("eval: score is not a number")
	ErrSet          = errors.New("eval: scored trials")
)

// Unmeasured as NetSpeech of a trial says that nobody measured it.
const Unmeasured time.Duration = -1

// Scored is one trial with its score, or with the failure that left it without one.
type Scored struct {
	Target bool
	Score  float64 // higher is more alike; may be infinite, never NaN; ignored when a side failed

	EnrolFailed bool // the enrolment yielded no voiceprint (counts in FTE)
	TestFailed  bool // the test yielded no embedding (counts in FTA)

	// The speakers, equal in a target trial. Empty in every trial: not known, intervals then resample trials.
	EnrolSpeaker, TestSpeaker string
	// What was enrolled and what was tested (see Trial.EnrolKey). FTE and FTA count each key once; an empty key counts by trial.
	EnrolKey, TestKey string

	NetSpeech time.Duration // of the test side, for the duration bands; Unmeasured when not known
	Groups    []string      // one value per Set.Columns; "" is a value of its own, shown as "not stated"
}

// Failed reports whether the trial has no score.
func (s *Scored) Failed() bool { return s.EnrolFailed || s.TestFailed }

// Set is the scored trials of one system on one list.
type Set struct {
	LLR     bool     // scores are natural-log likelihood ratios; false: raw scores, for which actDCF and Cllr mean nothing
	Columns []string // names of the group columns
	Trials  []Scored
}

// Validate returns every kind of fault in the set, each with the first trial that has it (counted from 0).
func (s *Set) Validate() error {
	var errs []error
	seen := map[string]bool{}
	fault := func(kind string, i int, format string, args ...any) {
		if !seen[kind] {
			seen[kind] = true
			errs = append(errs, fmt.Errorf("%w: trial %d: %s", ErrSet, i, fmt.Sprintf(format, args...)))
		}
	}
	if len(s.Trials) == 0 {
		return fmt.Errorf("%w: none, want at least one", ErrSet)
	}
	named := s.Trials[0].EnrolSpeaker != ""
	enrolFailed, testFailed := map[string]bool{}, map[string]bool{}
	for i := range s.Trials {
		t := &s.Trials[i]
		if !t.Failed() && math.IsNaN(t.Score) {
			fault("nan", i, "score NaN, want a number")
		}
		if (t.EnrolSpeaker != "") != named || (t.TestSpeaker != "") != named {
			fault("named", i, "speakers %s and %s, want both sides named in every trial or in none", quote(t.EnrolSpeaker), quote(t.TestSpeaker))
		} else if named && t.Target != (t.EnrolSpeaker == t.TestSpeaker) {
			fault("label", i, "label target %t, but speakers are %s and %s", t.Target, quote(t.EnrolSpeaker), quote(t.TestSpeaker))
		}
		if len(t.Groups) != len(s.Columns) {
			fault("groups", i, "%d group values, want %d, one per column", len(t.Groups), len(s.Columns))
		}
		if failed, ok := enrolFailed[t.EnrolKey]; ok && t.EnrolKey != "" && failed != t.EnrolFailed {
			fault("fte", i, "enrolment %s failed in one trial and not in another, want the same in all", quote(t.EnrolKey))
		}
		if failed, ok := testFailed[t.TestKey]; ok && t.TestKey != "" && failed != t.TestFailed {
			fault("fta", i, "test %s failed in one trial and not in another, want the same in all", quote(t.TestKey))
		}
		enrolFailed[t.EnrolKey], testFailed[t.TestKey] = t.EnrolFailed, t.TestFailed
	}
	names := map[string]bool{}
	for i, c := range s.Columns {
		if c == "" || names[c] {
			errs = append(errs, fmt.Errorf("%w: column %d: name %s, want one that is not empty and not used twice", ErrSet, i, quote(c)))
		}
		names[c] = true
	}
	return errors.Join(errs...)
}
