package csat

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// Answer is one line of a file of survey answers.
type Answer struct {
	ContactID string // the platform's id of the contact, or the record's own id
	Kind      string // csat, nps or ces; a calibration uses csat alone
	Value     int
}

var surveyColumns = []string{"contact_id", "kind", "value"}

// scales are the answers that each kind of question allows.
var scales = map[string][2]int{"csat": {1, 5}, "nps": {0, 10}, "ces": {1, 7}}

// maxSurveyErrors bounds how many faults of one file are named.
const maxSurveyErrors = 10

// ReadSurveys reads CSV (RFC 4180) with the header contact_id,kind,value. The error names up to ten faults with their lines.
func ReadSurveys(r io.Reader) ([]Answer, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = len(surveyColumns)
	head, err := c.Read()
	if err != nil && !errors.Is(err, csv.ErrFieldCount) {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("csat: surveys: empty, want the header %s", strings.Join(surveyColumns, ","))
		}
		return nil, fmt.Errorf("csat: surveys: %w", err)
	}
	if len(head) > 0 {
		head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheets write a byte order mark
	}
	if !slices.Equal(head, surveyColumns) {
		return nil, fmt.Errorf("csat: surveys: header %q, want %s", strings.Join(head, ","), strings.Join(surveyColumns, ","))
	}
	var out []Answer
	var errs []error
	bad := func(format string, args ...any) {
		line, _ := c.FieldPos(0)
		errs = append(errs, fmt.Errorf("csat: surveys: line %d: "+format, append([]any{line}, args...)...))
	}
	for len(errs) < maxSurveyErrors {
		f, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(append(errs, fmt.Errorf("csat: surveys: %w", err))...)
		}
		scale, known := scales[f[1]]
		value, err := strconv.Atoi(f[2])
		switch {
		case f[0] == "":
			bad("contact_id: empty, want an id")
		case !known:
			bad("kind: %q, want csat, nps or ces", f[1])
		case err != nil || value < scale[0] || value > scale[1]:
			bad("value: %q, want %d to %d for %s", f[2], scale[0], scale[1], f[1])
		default:
			out = append(out, Answer{ContactID: strings.Clone(f[0]), Kind: strings.Clone(f[1]), Value: value})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// Collector joins records with answers. Its zero value is ready. Not safe for concurrent use.
type Collector struct {
	Records   int // taken, each record once
	NoAffect  int // of them without affect of a customer, which a calibration cannot use
	Unmatched int // answers for csat whose contact no record has

	calls []collected
	byID  map[string]int // index into calls by the record's id
}

type collected struct {
	id, contactID string
	revision      int
	x             Features
	affect        bool
	answer        int
}

// Add takes a finished record; of one record given in several revisions the last counts. Its own surveys are taken, of several the
// last one. The record is not kept.
func (c *Collector) Add(r *interaction.Interaction) error {
	if r.Contact.State == interaction.StateLive {
		return fmt.Errorf("csat: record %s: state live, want a finished call", r.Contact.ID)
	}
	x, err := Measure(r)
	n := collected{id: r.Contact.ID, contactID: r.Contact.ContactID, revision: r.Contact.Revision, x: x, affect: err == nil}
	if r.CX != nil {
		for _, s := range r.CX.Surveys {
			if s.Kind == "csat" {
				n.answer = s.Value
			}
		}
	}
	if c.byID == nil {
		c.byID = map[string]int{}
	}
	if i, seen := c.byID[n.id]; seen {
		if n.revision >= c.calls[i].revision {
			c.calls[i] = n
		}
		return nil
	}
	c.byID[n.id] = len(c.calls)
	c.calls = append(c.calls, n)
	return nil
}

// Calls returns the calls of a calibration with the answers of the records and of the list, which goes before. An answer belongs to the
// record with its contact; of several, legs of one contact, to the last one given to Add. Of several answers
// for one contact the last counts. A leg before the last one is left out, since nobody was asked about it.
func (c *Collector) Calls(list []Answer) []Call {
	c.Records, c.NoAffect, c.Unmatched = len(c.calls), 0, 0
	byContact := map[string]int{}
	for i, n := range c.calls {
		if n.contactID != "" {
			byContact[n.contactID] = i
		}
	}
	answer := make([]int, len(c.calls))
	for i, n := range c.calls {
		answer[i] = n.answer
	}
	for _, a := range list {
		if a.Kind != "csat" {
			continue
		}
		i, ok := byContact[a.ContactID]
		if !ok {
			i, ok = c.byID[a.ContactID]
		}
		if !ok {
			c.Unmatched++
			continue
		}
		answer[i] = a.Value
	}
	var out []Call
	for i, n := range c.calls {
		if !n.affect {
			c.NoAffect++
			continue
		}
		if n.contactID != "" && byContact[n.contactID] != i && answer[i] == 0 {
			continue
		}
		out = append(out, Call{X: n.x, Answer: answer[i]})
	}
	return out
}
