package scorecard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is how a question is answered.
type Kind string

// The kinds of question.
const (
	YesNo Kind = "yes_no" // "yes" or "no"
	Scale Kind = "scale"  // "1" to Max
	Text  Kind = "text"   // words that carry no score
)

// The answers that are not a step of a scale.
const (
	Yes           = "yes"
	No            = "no"
	NotApplicable = "na"
)

// Form is one version of a scorecard's questions.
type Form struct {
	Sections []Section `json:"sections"`
	// CustomerEmotion says that suggestions may stand on the customer's expressed emotion. A customer's emotion is not the agent's
	// doing: without this word a form whose suggestions ask for it is refused.
	CustomerEmotion bool `json:"customer_emotion,omitempty"`
}

// Section is a group of questions with its share of the score.
type Section struct {
	ID        string     `json:"id"`
	Title     string     `json:"title"`
	Weight    float64    `json:"weight"` // 0 or more, relative to the other sections
	Questions []Question `json:"questions"`
}

// Question is one thing that a reviewer looks for.
type Question struct {
	ID            string      `json:"id"` // of its own in the form
	Title         string      `json:"title"`
	Instructions  string      `json:"instructions,omitempty"`
	Kind          Kind        `json:"kind"`
	Max           int         `json:"max,omitempty"` // of a scale: 2 to 10
	Weight        float64     `json:"weight"`        // 0 or more, relative to the other questions of its section
	NotApplicable bool        `json:"na,omitempty"`  // may be answered so
	AutoFail      bool        `json:"auto_fail,omitempty"`
	Suggest       *Suggestive `json:"suggest,omitempty"`
}

// Suggestive says how a measurement proposes an answer: the first step that the value lies below gives it, and Otherwise where it
// lies below none.
type Suggestive struct {
	Metric    string `json:"metric"` // one of MetricNames
	Steps     []Step `json:"steps"`  // by rising Below
	Otherwise string `json:"otherwise"`
}

// Step is one answer of a Suggestive.
type Step struct {
	Below  float64 `json:"below"`
	Answer string  `json:"answer"`
}

// MaxQuestions bounds a form.
const MaxQuestions = 100

var idForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Parse reads a form's definition and checks it.
func Parse(definition []byte) (*Form, error) {
	d := json.NewDecoder(bytes.NewReader(definition))
	d.DisallowUnknownFields()
	f := new(Form)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("scorecard: definition: %w", err)
	}
	if d.More() {
		return nil, errors.New("scorecard: definition: more than one value, want one form")
	}
	return f, f.Validate()
}

// Validate lists everything that is wrong with f.
func (f *Form) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("scorecard: "+format, args...)) }
	seen := map[string]bool{}
	name := func(what, id string) {
		switch {
		case !idForm.MatchString(id):
			fail("%s id: %q, want a small letter and up to 39 more, digits or _", what, id)
		case seen[id]:
			fail("%s id: %q, taken", what, id)
		}
		seen[id] = true
	}
	n, weight := 0, 0.0
	for _, s := range f.Sections {
		name("section", s.ID)
		if strings.TrimSpace(s.Title) == "" {
			fail("section %s: no title", s.ID)
		}
		if !(s.Weight >= 0 && s.Weight <= 1000) {
			fail("section %s: weight %g, want 0 to 1000", s.ID, s.Weight)
		}
		own := 0.0
		for _, q := range s.Questions {
			name("question", q.ID)
			n++
			if q.Kind != Text {
				own += q.Weight
			}
			f.question(&q, fail)
		}
		if own > 0 {
			weight += s.Weight
		}
	}
	switch {
	case n == 0:
		fail("questions: none, want at least 1")
	case n > MaxQuestions:
		fail("questions: %d, want at most %d", n, MaxQuestions)
	case !(weight > 0):
		fail("weights: all 0, want a section above 0 with a question above 0")
	}
	return errors.Join(errs...)
}

func (f *Form) question(q *Question, fail func(string, ...any)) {
	if strings.TrimSpace(q.Title) == "" {
		fail("question %s: no title", q.ID)
	}
	if !(q.Weight >= 0 && q.Weight <= 1000) {
		fail("question %s: weight %g, want 0 to 1000", q.ID, q.Weight)
	}
	switch q.Kind {
	case YesNo, Text:
		if q.Max != 0 {
			fail("question %s: max %d, want none without a scale", q.ID, q.Max)
		}
	case Scale:
		if q.Max < 2 || q.Max > 10 {
			fail("question %s: max %d, want 2 to 10", q.ID, q.Max)
		}
	default:
		fail("question %s: kind %q, want yes_no, scale or text", q.ID, q.Kind)
	}
	if q.AutoFail && q.Kind != YesNo {
		fail("question %s: auto_fail on kind %q, want yes_no", q.ID, q.Kind)
	}
	s := q.Suggest
	if s == nil {
		return
	}
	m := slices.IndexFunc(metrics[:], func(m metric) bool { return m.name == s.Metric })
	switch {
	case m < 0:
		fail("question %s: metric %q, want one of %s", q.ID, s.Metric, strings.Join(MetricNames(), ", "))
	case metrics[m].emotion && !f.CustomerEmotion:
		fail("question %s: metric %s is the customer's emotion, which enters an agent's score only where the form says customer_emotion", q.ID, s.Metric)
	}
	for i, step := range s.Steps {
		if i > 0 && !(step.Below > s.Steps[i-1].Below) {
			fail("question %s: step below %g, want more than the one before, %g", q.ID, step.Below, s.Steps[i-1].Below)
		}
		if !q.takes(step.Answer) {
			fail("question %s: step answer %q, want one that the question takes", q.ID, step.Answer)
		}
	}
	if !q.takes(s.Otherwise) {
		fail("question %s: otherwise %q, want an answer that the question takes", q.ID, s.Otherwise)
	}
}

// Options returns the answers that q takes, in the order in which they are shown; none for a text.
func (q *Question) Options() []string {
	var out []string
	switch q.Kind {
	case YesNo:
		out = []string{Yes, No}
	case Scale:
		for k := 1; k <= q.Max; k++ {
			out = append(out, fmt.Sprint(k))
		}
	}
	if q.NotApplicable {
		out = append(out, NotApplicable)
	}
	return out
}

func (q *Question) takes(answer string) bool {
	return slices.Contains(q.Options(), answer)
}
