package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/console/scorecard"
	"github.com/timbre-voice/timbre/server/store"
)

// forms is api.Forms over the store.
type forms struct{ store *store.Store }

var _ api.Forms = forms{}

func formVersion(v *store.Form) api.FormVersion {
	return api.FormVersion{ID: v.ID, Version: v.Version, State: v.State, Title: v.Title, MadeBy: v.MadeBy, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt}
}

func (f forms) Forms(ctx context.Context, tenant, id string, p api.Page) (api.List[api.FormVersion], error) {
	if id == "" {
		l, err := f.store.Tenant(tenant).Forms(ctx, pageOf(p))
		return listOf(l, err, formVersion)
	}
	rows, err := f.store.Tenant(tenant).FormVersions(ctx, id)
	if err == nil && len(rows) == 0 {
		return api.List[api.FormVersion]{}, fmt.Errorf("%w: form %q", api.ErrNotFound, id)
	}
	// The versions of one form are few, so that they are one page whatever its limit.
	return listOf(store.List[store.Form]{Items: rows}, err, formVersion)
}

func (f forms) Form(ctx context.Context, tenant, id string, version int) (api.Form, error) {
	t := f.store.Tenant(tenant)
	if version > 0 {
		v, err := t.Form(ctx, id, version)
		if err != nil {
			return api.Form{}, fault(err)
		}
		return wholeForm(&v)
	}
	rows, err := t.FormVersions(ctx, id)
	if err != nil {
		return api.Form{}, fault(err)
	}
	if len(rows) == 0 {
		return api.Form{}, fmt.Errorf("%w: form %q", api.ErrNotFound, id)
	}
	at := slices.IndexFunc(rows, func(v store.Form) bool { return v.State == "active" })
	if at < 0 {
		at = len(rows) - 1
	}
	return wholeForm(&rows[at])
}

func wholeForm(v *store.Form) (api.Form, error) {
	out := api.Form{FormVersion: formVersion(v)}
	if err := json.Unmarshal(v.Definition, &out.Definition); err != nil {
		return api.Form{}, fmt.Errorf("server: form %s %d: %w", v.ID, v.Version, err)
	}
	return out, nil
}

func (f forms) SaveForm(ctx context.Context, tenant, by string, n api.NewForm) (api.Form, error) {
	if err := n.Definition.Validate(); err != nil {
		return api.Form{}, fmt.Errorf("%w: definition: %w", api.ErrInvalid, err)
	}
	definition, err := json.Marshal(n.Definition)
	if err != nil {
		return api.Form{}, fmt.Errorf("server: form: %w", err)
	}
	if err := f.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return api.Form{}, fault(err)
	}
	t := f.store.Tenant(tenant)
	v, err := t.SaveForm(ctx, store.Form{ID: n.ID, Title: n.Title, Definition: definition, MadeBy: by})
	if err != nil {
		return api.Form{}, fault(err)
	}
	if err := note(ctx, t, by, "form_save", v.ID+"/"+strconv.Itoa(v.Version)); err != nil {
		return api.Form{}, err
	}
	return wholeForm(&v)
}

func (f forms) ActivateForm(ctx context.Context, tenant, by, id string, version int) error {
	t := f.store.Tenant(tenant)
	if err := t.ActivateForm(ctx, id, version); err != nil {
		return fault(err)
	}
	return note(ctx, t, by, "form_activate", id+"/"+strconv.Itoa(version))
}

// note writes a line into a tenant's audit log.
func note(ctx context.Context, t *store.Tenant, by, action, subject string) error {
	if _, err := t.AppendAudit(ctx, store.AuditEntry{Actor: by, Action: action, Subject: subject}); err != nil {
		return fault(fmt.Errorf("audit: %w", err))
	}
	return nil
}

// judge checks an evaluation against its form, and gives it the score that the form makes of its answers. One that is sent with
// another score is refused: two reviewers with the same answers have the same score.
func judge(ctx context.Context, t *store.Tenant, e *interaction.Evaluation) error {
	v, err := t.Form(ctx, e.Form, e.Version)
	if err != nil {
		return fault(err)
	}
	form, err := scorecard.Parse(v.Definition)
	if err != nil {
		return fmt.Errorf("server: form %s %d: %w", v.ID, v.Version, err)
	}
	if err := form.Check(e.Answers); err != nil {
		return fmt.Errorf("%w: answers: %w", api.ErrInvalid, err)
	}
	r := form.Score(e.Answers)
	if e.State == "submitted" && r.Score == nil {
		return fmt.Errorf("%w: answers: a submitted evaluation needs them all: missing %v, auto-fail to be confirmed %v", api.ErrInvalid, r.Missing, r.Confirm)
	}
	if e.Score != nil && (r.Score == nil || !near(*e.Score, *r.Score)) {
		return fmt.Errorf("%w: score: %g, want none or the %s that the form makes of the answers", api.ErrInvalid, *e.Score, shown(r.Score))
	}
	e.Score = r.Score
	return nil
}

// near allows for a score that a client wrote with two decimals.
func near(a, b float64) bool { return a-b < 0.01 && b-a < 0.01 }

func shown(score *float64) string {
	if score == nil {
		return "null"
	}
	return strconv.FormatFloat(*score, 'g', 6, 64)
}
