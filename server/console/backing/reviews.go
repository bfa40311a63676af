package backing

import (
	"context"
	"fmt"

	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/store"
)

func evaluationOf(v store.Evaluation) console.Evaluation {
	out := console.Evaluation{ID: v.ID, InteractionID: v.InteractionID, AgentID: v.AgentID, Evaluation: v.Evaluation,
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, SubmittedAt: v.SubmittedAt}
	for _, n := range v.Notes {
		out.Notes = append(out.Notes, console.Note{AtMs: n.AtMs, Text: n.Text})
	}
	return out
}

func (t *tenant) SaveEvaluation(ctx context.Context, v console.Evaluation) (console.Evaluation, error) {
	row := store.Evaluation{ID: v.ID, InteractionID: v.InteractionID, AgentID: v.AgentID, Evaluation: v.Evaluation}
	for _, n := range v.Notes {
		row.Notes = append(row.Notes, store.Note{AtMs: n.AtMs, Text: n.Text})
	}
	out, err := t.t.SaveEvaluation(ctx, row)
	return evaluationOf(out), fault(err)
}

func (t *tenant) Evaluation(ctx context.Context, id string) (console.Evaluation, error) {
	v, err := t.t.Evaluation(ctx, id)
	return evaluationOf(v), fault(err)
}

func (t *tenant) Evaluations(ctx context.Context, q console.EvaluationQuery, p console.Page) (console.List[console.Evaluation], error) {
	l, err := t.t.Evaluations(ctx, store.EvaluationQuery(q), pageOf(p))
	return listOf(l, err, evaluationOf)
}

func (t *tenant) SaveForm(ctx context.Context, v console.Form) (console.Form, error) {
	out, err := t.t.SaveForm(ctx, store.Form(v))
	return console.Form(out), fault(err)
}

func (t *tenant) ActivateForm(ctx context.Context, id string, version int) error {
	return fault(t.t.ActivateForm(ctx, id, version))
}

func (t *tenant) Form(ctx context.Context, id string, version int) (console.Form, error) {
	v, err := t.t.Form(ctx, id, version)
	return console.Form(v), fault(err)
}

func (t *tenant) Forms(ctx context.Context) ([]console.Form, error) {
	return all(ctx, t.t.Forms, func(v store.Form) console.Form { return console.Form(v) })
}

func (t *tenant) SaveView(ctx context.Context, v console.SavedView) (console.SavedView, error) {
	out, err := t.t.SaveView(ctx, store.SavedView(v))
	return console.SavedView(out), fault(err)
}

func (t *tenant) Views(ctx context.Context, user string) ([]console.SavedView, error) {
	rows, err := t.t.Views(ctx, user)
	return sliceOf(rows, err, func(v store.SavedView) console.SavedView { return console.SavedView(v) })
}

func (t *tenant) DeleteView(ctx context.Context, owner, id string) error {
	return fault(t.t.DeleteView(ctx, owner, id))
}

func (t *tenant) Surveys(ctx context.Context, customer string, p console.Page) (console.List[console.Survey], error) {
	l, err := t.t.Surveys(ctx, store.SurveyQuery{CustomerID: customer}, pageOf(p))
	return listOf(l, err, func(v store.Survey) console.Survey { return console.Survey(v) })
}

func (t *tenant) SaveTask(ctx context.Context, v console.Task) (console.Task, error) {
	out, err := t.t.SaveTask(ctx, store.Task(v))
	return console.Task(out), fault(err)
}

func (t *tenant) Task(ctx context.Context, id string) (console.Task, error) {
	v, err := t.t.Task(ctx, id)
	return console.Task(v), fault(err)
}

func (t *tenant) Tasks(ctx context.Context, q console.TaskQuery, p console.Page) (console.List[console.Task], error) {
	l, err := t.t.Tasks(ctx, store.TaskQuery(q), pageOf(p))
	return listOf(l, err, func(v store.Task) console.Task { return console.Task(v) })
}

func (t *tenant) APIKeys(ctx context.Context) ([]console.APIKey, error) {
	return all(ctx, t.t.APIKeys, func(v store.APIKey) console.APIKey {
		return console.APIKey{ID: v.ID, Name: v.Name, Scopes: v.Scopes, CreatedAt: v.CreatedAt, UsedAt: v.UsedAt, ExpiresAt: v.ExpiresAt, RevokedAt: v.RevokedAt}
	})
}

func (t *tenant) AddAPIKey(ctx context.Context, name string, scopes []string) (string, error) {
	if t.opts.NewKey == nil {
		return "", fmt.Errorf("%w: %w", console.ErrInvalid, errKeys)
	}
	return t.opts.NewKey(ctx, t.t.ID(), name, scopes)
}

func (t *tenant) RevokeAPIKey(ctx context.Context, id string) error {
	return fault(t.t.RevokeAPIKey(ctx, id))
}
