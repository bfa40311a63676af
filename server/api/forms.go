package api

import (
	"context"
	"net/http"
	"time"

	"github.com/timbre-voice/timbre/server/console/scorecard"
)

// Forms keeps the scorecards that reviewers fill in. by is who asks, for the audit log.
type Forms interface {
	// Forms lists every version of every form by id and version; of one form where id is not empty.
	Forms(ctx context.Context, tenant, id string, p Page) (List[FormVersion], error)
	// Form returns a version with its questions; of version 0 the one in force or, where there is none, the latest.
	Form(ctx context.Context, tenant, id string, version int) (Form, error)
	// SaveForm changes the draft of a form, or begins the next version where it has none.
	SaveForm(ctx context.Context, tenant, by string, f NewForm) (Form, error)
	// ActivateForm puts a draft in force and locks the version that was.
	ActivateForm(ctx context.Context, tenant, by, id string, version int) error
}

// FormVersion is one version of a form without its questions.
type FormVersion struct {
	ID        string    `json:"id"`
	Version   int       `json:"version"`
	State     string    `json:"state" enum:"draft,active,locked" doc:"A draft may be changed; the active version is what reviewers get; a locked one stays for the evaluations made with it."`
	Title     string    `json:"title"`
	MadeBy    string    `json:"made_by"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Form is one version of a form.
type Form struct {
	FormVersion
	Definition scorecard.Form `json:"definition"`
}

// NewForm is a draft as an administrator sends it.
type NewForm struct {
	ID         string         `json:"id" minLength:"1" maxLength:"128" doc:"Of a form that is there, to change its draft or begin its next version."`
	Title      string         `json:"title" minLength:"1" maxLength:"200"`
	Definition scorecard.Form `json:"definition" doc:"Sections, questions and weights."`
}

func (a *API) forms(f Forms) {
	add(a, op{method: http.MethodGet, path: "/v1/forms", scope: ScopeReview, id: "list-forms", summary: "Every version of every scorecard form", tag: "forms"},
		func(ctx context.Context, p Principal, in *Page) (*body[List[FormVersion]], error) {
			return page(f.Forms(ctx, p.Tenant, "", *in))
		})
	add(a, op{method: http.MethodGet, path: "/v1/forms/{id}", scope: ScopeReview, id: "get-form", summary: "A form with its questions", tag: "forms",
		about: "The version in force, or the latest where none is."},
		func(ctx context.Context, p Principal, in *IDPath) (*body[Form], error) {
			return ok(f.Form(ctx, p.Tenant, in.ID, 0))
		})
	add(a, op{method: http.MethodGet, path: "/v1/forms/{id}/versions", scope: ScopeReview, id: "list-form-versions", summary: "The versions of a form", tag: "forms"},
		func(ctx context.Context, p Principal, in *struct {
			IDPath
			Page
		}) (*body[List[FormVersion]], error) {
			return page(f.Forms(ctx, p.Tenant, in.ID, in.Page))
		})
	type versionPath struct {
		IDPath
		Version int `path:"version" minimum:"1"`
	}
	add(a, op{method: http.MethodGet, path: "/v1/forms/{id}/versions/{version}", scope: ScopeReview, id: "get-form-version", summary: "One version of a form with its questions", tag: "forms"},
		func(ctx context.Context, p Principal, in *versionPath) (*body[Form], error) {
			return ok(f.Form(ctx, p.Tenant, in.ID, in.Version))
		})
	add(a, op{method: http.MethodPost, path: "/v1/forms", scope: ScopeAdmin, id: "save-form", summary: "Make a form, or change its draft", tag: "forms", status: http.StatusCreated,
		about: "A form whose last version is in force or locked gets a new draft, the next version. Reviewers get it once it is activated."},
		func(ctx context.Context, p Principal, in *struct{ Body NewForm }) (*body[Form], error) {
			return ok(f.SaveForm(ctx, p.Tenant, p.by(), in.Body))
		})
	add(a, op{method: http.MethodPost, path: "/v1/forms/{id}/versions/{version}/activate", scope: ScopeAdmin, id: "activate-form", summary: "Put a draft in force", tag: "forms", status: http.StatusNoContent,
		about: "The version that was in force is locked. Refused with 409 where the version is no draft."},
		func(ctx context.Context, p Principal, in *versionPath) (*none, error) {
			return done(f.ActivateForm(ctx, p.Tenant, p.by(), in.ID, in.Version))
		})
}
