package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Governance tells by what rules the server works and what was done.
type Governance interface {
	// Explain says in words what the policy comes to for a call.
	Explain(ctx context.Context, tenant string, c PolicyCall) (Policy, error)
	// Audit lists the log, the latest line first; about one subject unless that is empty.
	Audit(ctx context.Context, tenant, subject string, p Page) (List[AuditLine], error)
	// CheckAudit walks the whole log.
	CheckAudit(ctx context.Context, tenant string) (AuditCheck, error)
}

// PolicyCall is the call that a policy is asked for.
type PolicyCall struct {
	Site         string `query:"site" maxLength:"200" doc:"The policy that the call's endpoint names."`
	Jurisdiction string `query:"jurisdiction" maxLength:"20" doc:"As DE, US-IL or EU; absent: as the policy says."`
	Queue        string `query:"queue" maxLength:"200"`
}

// Policy is what may be computed on a call and kept of it.
type Policy struct {
	Policy       string       `json:"policy"`
	Jurisdiction string       `json:"jurisdiction"`
	Lines        []PolicyLine `json:"lines"`
}

// PolicyLine is one rule in words.
type PolicyLine struct {
	Group  string `json:"group" enum:"computed,kept,searched,shown"`
	Key    string `json:"key" doc:"Of the configuration file."`
	Value  any    `json:"value"`
	Text   string `json:"text"`
	Source string `json:"source" doc:"What decided it: the default, the file or a law."`
}

// AuditLine is one line of the audit log.
type AuditLine struct {
	Seq     int64             `json:"seq"`
	At      time.Time         `json:"at"`
	Actor   string            `json:"actor"`
	Action  string            `json:"action"`
	Subject string            `json:"subject" doc:"A pseudonym where it is a person."`
	Detail  map[string]string `json:"detail,omitempty"`
	Hash    string            `json:"hash" doc:"SHA-256 over this line and the hash of the one before, in hexadecimal."`
}

// AuditCheck is what a walk through the log found.
type AuditCheck struct {
	Intact  bool   `json:"intact"`
	Entries int64  `json:"entries" doc:"That hold together."`
	Head    string `json:"head,omitempty" doc:"Hash of the last one: kept elsewhere it shows, later, that nothing was cut off."`
	Fault   string `json:"fault,omitempty" doc:"The first place that does not hold."`
}

// Model is a model that this server holds.
type Model struct {
	Name         string        `json:"name"`
	Task         string        `json:"task"`
	Version      string        `json:"version"`
	Summary      string        `json:"summary"`
	SampleRateHz int           `json:"sample_rate_hz"`
	Classes      []string      `json:"classes,omitempty"`
	Params       int           `json:"params"`
	WeightsBytes int64         `json:"weights_bytes"`
	SHA256       string        `json:"sha256"`
	Licence      string        `json:"licence"`
	LicenceClass string        `json:"licence_class" enum:"permissive,share-alike,non-commercial"`
	TrainingData []TrainingSet `json:"training_data,omitempty"`
	Card         string        `json:"card,omitempty" doc:"What it can and cannot do, in Markdown; of one model alone."`
}

// TrainingSet is one source that a model was trained on.
type TrainingSet struct {
	Name    string `json:"name"`
	What    string `json:"what"`
	Licence string `json:"licence"`
}

func (a *API) governance(g Governance) {
	add(a, op{method: http.MethodGet, path: "/v1/policy", scope: ScopeRead, id: "explain-policy", summary: "What may be computed on a call and kept of it, in words", tag: "governance"},
		func(ctx context.Context, p Principal, in *PolicyCall) (*body[Policy], error) {
			return ok(g.Explain(ctx, p.Tenant, *in))
		})
	add(a, op{method: http.MethodGet, path: "/v1/audit", scope: ScopeAdmin, id: "list-audit", summary: "The audit log, the latest line first", tag: "governance"},
		func(ctx context.Context, p Principal, in *struct {
			Subject string `query:"subject" maxLength:"512" doc:"Lines about it alone."`
			Page
		}) (*body[List[AuditLine]], error) {
			return page(g.Audit(ctx, p.Tenant, in.Subject, in.Page))
		})
	add(a, op{method: http.MethodGet, path: "/v1/audit/check", scope: ScopeAdmin, id: "check-audit", summary: "Check that no line of the audit log was changed, removed or put in", tag: "governance", timeout: time.Minute},
		func(ctx context.Context, p Principal, _ *struct{}) (*body[AuditCheck], error) {
			return ok(g.CheckAudit(ctx, p.Tenant))
		})
}

func (a *API) models(list []Model) {
	add(a, op{method: http.MethodGet, path: "/v1/models", scope: ScopeRead, id: "list-models", summary: "The models that this server holds", tag: "governance"},
		func(context.Context, Principal, *struct{}) (*body[List[Model]], error) {
			short := slices.Clone(list)
			for i := range short {
				short[i].Card = ""
			}
			return page(List[Model]{Items: short}, nil)
		})
	add(a, op{method: http.MethodGet, path: "/v1/models/{name}", scope: ScopeRead, id: "get-model", summary: "A model with its card", tag: "governance"},
		func(_ context.Context, _ Principal, in *struct {
			Name string `path:"name" maxLength:"100"`
		}) (*body[Model], error) {
			for _, m := range list {
				if m.Name == in.Name {
					return ok(m, nil)
				}
			}
			return nil, fmt.Errorf("%w: model %q", ErrNotFound, in.Name)
		})
}
