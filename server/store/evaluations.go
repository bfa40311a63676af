package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Evaluation is one reviewer's scorecard of a call.
type Evaluation struct {
	ID            string // set by the store where empty
	InteractionID string
	AgentID       string // whom it is about
	interaction.Evaluation
	Notes       []Note
	CreatedAt   time.Time // set by the store
	UpdatedAt   time.Time // set by the store
	SubmittedAt time.Time // set by the store; zero: a draft
}

// Note is a reviewer's remark, at a time of the call where AtMs is set.
type Note struct {
	AtMs *int64 `json:"at_ms,omitempty"`
	Text string `json:"text"`
}

var evaluations = table[Evaluation]{name: "evaluations", what: "evaluation", key: []string{"id"},
	cols: []string{"id", "interaction_id", "agent_id", "form", "version", "evaluator", "answers", "notes", "score", "state", "dispute", "created_at",
		"updated_at", "submitted_at"},
	fields: func(v *Evaluation) []any {
		return []any{&v.ID, &v.InteractionID, &v.AgentID, &v.Form, &v.Version, &v.Evaluator, jsonOf(&v.Answers), jsonOf(&v.Notes), &v.Score,
			&v.State, &v.Dispute, at(&v.CreatedAt), at(&v.UpdatedAt), at(&v.SubmittedAt)}
	}}

// evaluationSteps says which states may follow a state; "" is a new one. Read only.
var evaluationSteps = map[string][]string{
	"":             {"draft", "submitted"},
	"draft":        {"draft", "submitted"},
	"submitted":    {"acknowledged", "disputed"},
	"disputed":     {"submitted", "acknowledged"}, // scored again, or settled
	"acknowledged": {},
}

// SaveEvaluation adds an evaluation or changes the one of that id, and writes it into the record. Errors: ErrNotFound for an
// unknown call or, for a new one, an unknown form; ErrConflict for a step that its state does not allow.
func (t *Tenant) SaveEvaluation(ctx context.Context, v Evaluation) (Evaluation, error) {
	now := t.s.time()
	if v.ID == "" {
		v.ID = NewID(now)
	}
	for _, f := range []struct{ name, value string }{{"form", v.Form}, {"evaluator", v.Evaluator}, {"interaction_id", v.InteractionID}} {
		if err := checkKey("evaluation "+f.name, f.value); err != nil {
			return Evaluation{}, err
		}
	}
	err := t.inTurn(ctx, "evaluation", func(tx *sql.Tx) error {
		v.CreatedAt, v.UpdatedAt, v.SubmittedAt = now, now, time.Time{}
		before, err := evaluations.find(ctx, tx, t.id, "id = $1", "", v.ID)
		if err != nil {
			return err
		}
		was := ""
		if len(before) == 1 {
			b := before[0]
			was, v.CreatedAt, v.SubmittedAt = b.State, b.CreatedAt, b.SubmittedAt
			if b.InteractionID != v.InteractionID || b.Form != v.Form || b.Version != v.Version || b.Evaluator != v.Evaluator {
				return conflict("evaluation", []any{v.ID}, "its call, form, version and evaluator stay")
			}
		} else if _, err := forms.get(ctx, tx, t.id, v.Form, v.Version); err != nil {
			return err
		}
		if !slices.Contains(evaluationSteps[was], v.State) {
			return conflict("evaluation", []any{v.ID}, "state "+show(was)+" cannot become "+show(v.State))
		}
		if v.State == "submitted" {
			v.SubmittedAt = now
		}
		if err := evaluations.put(ctx, tx, t.id, &v, "created_at"); err != nil {
			return err
		}
		return t.refresh(ctx, tx, v.InteractionID)
	})
	return v, err
}

// Evaluation returns an evaluation or ErrNotFound.
func (t *Tenant) Evaluation(ctx context.Context, id string) (Evaluation, error) {
	return evaluations.get(ctx, t.s.read, t.id, id)
}

// EvaluationQuery says which evaluations are wanted; an empty field asks for all.
type EvaluationQuery struct {
	InteractionID, AgentID, Evaluator, Form string
	States                                  []string
}

// Evaluations lists evaluations, the latest first.
func (t *Tenant) Evaluations(ctx context.Context, q EvaluationQuery, p Page) (List[Evaluation], error) {
	var c conditions
	c.equal("interaction_id", q.InteractionID)
	c.equal("agent_id", q.AgentID)
	c.equal("evaluator", q.Evaluator)
	c.equal("form", q.Form)
	among(&c, "state", q.States)
	return evaluations.page(ctx, t.s.read, t.id, p, order{cols: []string{"created_at", "id"}, kinds: "ns", desc: true}, c.where(), c.args...)
}

// Form is one version of a scorecard. A draft is edited; the active version is what reviewers get; a locked one stays as the
// evaluations that were made with it.
type Form struct {
	ID         string
	Version    int    // 1, 2, ...
	State      string // draft, active or locked; set by the store
	Title      string
	Definition json.RawMessage // sections, questions and weights, as the console reads them
	MadeBy     string
	CreatedAt  time.Time // set by the store
	UpdatedAt  time.Time // set by the store
}

var forms = table[Form]{name: "forms", what: "form", key: []string{"id", "version"},
	cols: []string{"id", "version", "state", "title", "definition", "made_by", "created_at", "updated_at"},
	fields: func(v *Form) []any {
		return []any{&v.ID, &v.Version, &v.State, &v.Title, jsonOf(&v.Definition), &v.MadeBy, at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// SaveForm keeps a draft: it changes the form's draft where there is one and else begins the next version. v.Version is ignored.
// Errors: ErrInvalid for a definition that is no JSON.
func (t *Tenant) SaveForm(ctx context.Context, v Form) (Form, error) {
	if !json.Valid(v.Definition) {
		return Form{}, invalid("form definition", string(v.Definition), "JSON")
	}
	now := t.s.time()
	err := t.inTurn(ctx, "form", func(tx *sql.Tx) error {
		v.Version, v.State, v.CreatedAt, v.UpdatedAt = 1, "draft", now, now
		last, err := forms.find(ctx, tx, t.id, "id = $1", "ORDER BY version DESC LIMIT 1", v.ID)
		if err != nil {
			return err
		}
		if len(last) == 1 {
			v.Version = last[0].Version + 1
			if last[0].State == "draft" {
				v.Version, v.CreatedAt = last[0].Version, last[0].CreatedAt
			}
		}
		return forms.put(ctx, tx, t.id, &v)
	})
	return v, err
}

// ActivateForm makes a draft the active version and locks the one that was. Errors: ErrNotFound, ErrConflict where it is no draft.
func (t *Tenant) ActivateForm(ctx context.Context, id string, version int) error {
	return t.inTurn(ctx, "form", func(tx *sql.Tx) error {
		v, err := forms.get(ctx, tx, t.id, id, version)
		if err != nil {
			return err
		}
		if v.State != "draft" {
			return conflict("form", []any{id, version}, "it is "+v.State+", not a draft")
		}
		now := t.s.time().UnixMicro()
		if _, err := exec(ctx, tx, "UPDATE forms SET state = 'locked', updated_at = $3 WHERE tenant = $1 AND id = $2 AND state = 'active'",
			t.id, id, now); err != nil {
			return explain(err, "form", id)
		}
		return forms.set(ctx, tx, t.id, []any{id, version}, "state = 'active', updated_at = $1", now)
	})
}

// Form returns a version of a form or ErrNotFound.
func (t *Tenant) Form(ctx context.Context, id string, version int) (Form, error) {
	return forms.get(ctx, t.s.read, t.id, id, version)
}

// Forms lists all versions of all forms.
func (t *Tenant) Forms(ctx context.Context, p Page) (List[Form], error) {
	return forms.page(ctx, t.s.read, t.id, p, order{cols: []string{"id", "version"}, kinds: "sn"}, "")
}

// FormVersions lists the versions of one form, the first one first; none where there is no such form.
func (t *Tenant) FormVersions(ctx context.Context, id string) ([]Form, error) {
	return forms.find(ctx, t.s.read, t.id, "id = $1", "ORDER BY version", id)
}

// Correction is a reviewer's word against a measured label, kept as training data.
type Correction struct {
	ID            string // set by the store
	InteractionID string
	SegmentID     string
	interaction.Correction
}

var corrections = table[Correction]{name: "corrections", what: "correction", key: []string{"id"},
	cols: []string{"id", "interaction_id", "segment_id", "field", "was", "is_now", "made_by", "made_at"},
	fields: func(v *Correction) []any {
		return []any{&v.ID, &v.InteractionID, &v.SegmentID, &v.Field, &v.From, &v.To, &v.By, at(&v.At)}
	}}

// AddCorrection keeps a correction of a segment and writes it into the record. From is filled with what was measured and At with
// the time. Errors: ErrNotFound for an unknown call or segment, ErrInvalid.
func (t *Tenant) AddCorrection(ctx context.Context, v Correction) (Correction, error) {
	now := t.s.time()
	v.ID, v.At = NewID(now), now
	switch {
	case v.Field != "emotion" && v.Field != "participant":
		return Correction{}, invalid("correction field", v.Field, "emotion or participant")
	case v.By == "":
		return Correction{}, invalid("correction by", "", "who corrected")
	case v.To == "":
		return Correction{}, invalid("correction to", "", "the right label")
	}
	err := t.inTurn(ctx, "correction", func(tx *sql.Tx) error {
		r, err := t.record(ctx, tx, v.InteractionID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(r.Segments, func(s interaction.Segment) bool { return s.ID == v.SegmentID })
		if i < 0 {
			return notFound("segment", v.SegmentID)
		}
		v.From = r.Segments[i].ParticipantID
		if v.Field == "emotion" {
			v.From = ""
			if e := r.Segments[i].Emotion; e != nil {
				v.From = e.Label
			}
		}
		if err := corrections.insert(ctx, tx, t.id, &v); err != nil {
			return err
		}
		return t.refresh(ctx, tx, v.InteractionID)
	})
	return v, err
}

// Corrections lists all corrections in the order in which they were made.
func (t *Tenant) Corrections(ctx context.Context, p Page) (List[Correction], error) {
	return corrections.page(ctx, t.s.read, t.id, p, order{cols: []string{"made_at", "id"}, kinds: "ns"}, "")
}
