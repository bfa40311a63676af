package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Survey is one answered question about a contact. It is joined with the calls by the contact's id, whichever is known first.
type Survey struct {
	ID         string // the survey system's id of the answer; set by the store where empty
	ContactID  string // required
	CustomerID string // filled from the call where empty
	Kind       string // nps, csat or ces
	Value      int    // 0 to 10, 1 to 5, 1 to 7
	AskedAt    time.Time
	AnsweredAt time.Time
	CreatedAt  time.Time // set by the store
}

var surveys = table[Survey]{name: "surveys", what: "survey", key: []string{"id"},
	cols: []string{"id", "contact_id", "customer_id", "kind", "value", "asked_at", "answered_at", "created_at"},
	fields: func(v *Survey) []any {
		return []any{&v.ID, &v.ContactID, &v.CustomerID, &v.Kind, &v.Value, at(&v.AskedAt), at(&v.AnsweredAt), at(&v.CreatedAt)}
	}}

// surveyScales holds the scale of each kind, in the order of their names. Read only.
var surveyScales = []struct {
	kind      string
	low, high int
}{{"ces", 1, 7}, {"csat", 1, 5}, {"nps", 0, 10}}

// Survey returns the answer as the record holds it.
func (v *Survey) Survey() interaction.Survey {
	return interaction.Survey{Kind: v.Kind, Value: v.Value, AskedAt: present(v.AskedAt), AnsweredAt: present(v.AnsweredAt)}
}

// present returns a row's time as a record holds it.
func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (v *Survey) validate() error {
	if err := checkKey("survey contact_id", v.ContactID); err != nil {
		return err
	}
	i := slices.IndexFunc(surveyScales, func(s struct {
		kind      string
		low, high int
	}) bool {
		return s.kind == v.Kind
	})
	if i < 0 {
		return invalid("survey kind", v.Kind, "ces, csat or nps")
	}
	if s := surveyScales[i]; v.Value < s.low || v.Value > s.high {
		return invalid("survey value", v.Value, fmt.Sprintf("%d to %d for %s", s.low, s.high, s.kind))
	}
	if !v.AskedAt.IsZero() && !v.AnsweredAt.IsZero() && v.AnsweredAt.Before(v.AskedAt) {
		return invalid("survey answered_at", v.AnsweredAt, "not before asked_at "+v.AskedAt.String())
	}
	return nil
}

// AddSurvey keeps an answer and writes it into the records of its contact. Errors: ErrInvalid for a value off its scale,
// ErrConflict where the answer's id is there already.
func (t *Tenant) AddSurvey(ctx context.Context, v Survey) (Survey, error) {
	v.CreatedAt = t.s.time()
	if v.ID == "" {
		v.ID = NewID(v.CreatedAt)
	}
	v.AskedAt, v.AnsweredAt = stored(&v.AskedAt), stored(&v.AnsweredAt)
	if err := v.validate(); err != nil {
		return Survey{}, err
	}
	var out Survey
	err := t.inTurn(ctx, "survey", func(tx *sql.Tx) (err error) {
		if err := surveys.insert(ctx, tx, t.id, &v); err != nil {
			return err
		}
		if err := t.refreshContact(ctx, tx, v.ContactID); err != nil {
			return err
		}
		out, err = surveys.get(ctx, tx, t.id, v.ID) // with the customer
		return err
	})
	return out, err
}

// Survey returns an answer or ErrNotFound.
func (t *Tenant) Survey(ctx context.Context, id string) (Survey, error) {
	return surveys.get(ctx, t.s.read, t.id, id)
}

// SurveyQuery says which answers are wanted; an empty field asks for all.
type SurveyQuery struct {
	ContactID, CustomerID, Kind string
}

// Surveys lists answers in the order in which they came.
func (t *Tenant) Surveys(ctx context.Context, q SurveyQuery, p Page) (List[Survey], error) {
	var c conditions
	c.equal("contact_id", q.ContactID)
	c.equal("customer_id", q.CustomerID)
	c.equal("kind", q.Kind)
	return surveys.page(ctx, t.s.read, t.id, p, order{cols: []string{"created_at", "id"}, kinds: "ns"}, c.where(), c.args...)
}

// DeleteSurvey removes an answer, also from the records. Errors: ErrNotFound.
func (t *Tenant) DeleteSurvey(ctx context.Context, id string) error {
	return t.inTurn(ctx, "survey", func(tx *sql.Tx) error {
		v, err := surveys.get(ctx, tx, t.id, id)
		if err != nil {
			return err
		}
		if err := surveys.remove(ctx, tx, t.id, id); err != nil {
			return err
		}
		return t.refreshContact(ctx, tx, v.ContactID)
	})
}
