package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/timbre-voice/timbre/interaction"
)

// Interactions keeps the records of calls.
type Interactions interface {
	Interaction(ctx context.Context, tenant, id string) (*interaction.Interaction, error)
	Find(ctx context.Context, tenant string, q Query, p Page) (List[Summary], error)
	// Export writes every record that q finds to w, oldest first, as json (one record per line) or csv (one summary per row).
	Export(ctx context.Context, tenant string, q Query, format string, w io.Writer) error
	DeleteInteraction(ctx context.Context, tenant, id string) error
	// EraseCustomer deletes every record in which a person is the customer, with the audio that was kept of it, and what else is
	// kept under the customer's id, and returns how many records there were. by is who asks, for the audit log.
	EraseCustomer(ctx context.Context, tenant, by, id string) (records int, err error)
	// Correct adds a reviewer's word against a measured label of a segment and returns the record's new revision.
	Correct(ctx context.Context, tenant, id, segment string, c interaction.Correction) (*interaction.Interaction, error)
	// Evaluate adds a reviewer's scorecard and returns the record's new revision.
	Evaluate(ctx context.Context, tenant, id string, e interaction.Evaluation) (*interaction.Interaction, error)
	// Reapply tries the alert rules of today on past records that q finds, stores the alerts that they raise, and returns how many
	// records there were and how many alerts were new.
	Reapply(ctx context.Context, tenant string, q Query) (records, alerts int, err error)
	Customer(ctx context.Context, tenant, id string, from, to time.Time, p Page) (Journey, error)
	Agent(ctx context.Context, tenant, id string, from, to time.Time) (AgentSummary, error)
}

// Query narrows a list of records. An absent field does not narrow.
type Query struct {
	From        time.Time         `query:"from" doc:"Started at or after, RFC 3339."`
	To          time.Time         `query:"to" doc:"Started before, RFC 3339."`
	ContactID   string            `query:"contact_id" maxLength:"512"`
	AgentID     string            `query:"agent_id" maxLength:"512"`
	CustomerID  string            `query:"customer_id" maxLength:"512"`
	Queue       string            `query:"queue" maxLength:"512"`
	State       interaction.State `query:"state" enum:"live,complete,interrupted"`
	Decision    string            `query:"decision" enum:"authenticated,not_authenticated,inconclusive,not_enrolled,opted_out,expired,locked" doc:"Of voice verification."`
	Emotion     string            `query:"emotion" enum:"angry,happy,neutral,sad" doc:"Calls in which this was the most probable expressed emotion of a share of the customer's speech."`
	MinShare    float64           `query:"min_emotion_share" minimum:"0" maximum:"1" default:"0.1" doc:"Least share of the customer's scored speech for emotion."`
	Alert       string            `query:"alert" maxLength:"512" doc:"Name of a rule that raised an alert."`
	MinDuration int64             `query:"min_duration_ms" minimum:"0"`
	MaxDuration int64             `query:"max_duration_ms" minimum:"0" doc:"0: no limit."`
	MinNonTalk  int64             `query:"min_longest_silence_ms" minimum:"0" doc:"Least length of the longest time in which nobody spoke."`
	MinOvertalk int64             `query:"min_overtalk_ms" minimum:"0"`
}

// Erased is what the deletion of a customer took away.
type Erased struct {
	Records int `json:"records"`
}

// Summary is one record in a list.
type Summary struct {
	ID               string               `json:"id"`
	ContactID        string               `json:"contact_id,omitempty"`
	State            interaction.State    `json:"state"`
	Revision         int                  `json:"revision"`
	StartedAt        *time.Time           `json:"started_at,omitempty"`
	DurationMs       int64                `json:"duration_ms"`
	Queue            string               `json:"queue,omitempty"`
	AgentID          string               `json:"agent_id,omitempty"`
	CustomerID       string               `json:"customer_id,omitempty"`
	Decision         interaction.Decision `json:"decision,omitempty"`
	LongestSilenceMs int64                `json:"longest_silence_ms"`
	OvertalkMs       int64                `json:"overtalk_ms"`
	Alerts           int64                `json:"alerts"`
	Severity         string               `json:"severity,omitempty" enum:"info,warning,critical" doc:"Of the worst alert."`
	Affect           *AffectSummary       `json:"affect,omitempty" doc:"Of the customer; in a journey."`
}

// AffectSummary is the course of the customer's expressed emotion in short.
type AffectSummary struct {
	Overall      interaction.AffectPoint  `json:"overall"`
	Start        interaction.AffectPoint  `json:"start"`
	End          interaction.AffectPoint  `json:"end"`
	PeakNegative *interaction.AffectPoint `json:"peak_negative,omitempty"`
	PeakPositive *interaction.AffectPoint `json:"peak_positive,omitempty"`
	Trend        string                   `json:"trend"`
}

// severities are in order of weight; the first is none. Read only.
var severities = []string{"", "info", "warning", "critical"}

// Summarise returns a record in short.
func Summarise(r *interaction.Interaction) Summary {
	c := &r.Contact
	s := Summary{ID: c.ID, ContactID: c.ContactID, State: c.State, Revision: c.Revision, StartedAt: c.StartedAt, DurationMs: c.DurationMs, Queue: c.Queue,
		AgentID: r.ExternalID(interaction.RoleAgent), CustomerID: r.ExternalID(interaction.RoleCustomer)}
	if r.Voice != nil {
		s.Decision = r.Voice.Decision
	}
	if v := r.Conversation; v != nil {
		s.LongestSilenceMs = v.NonTalkTime.LongestMs
		if v.Overtalk != nil {
			s.OvertalkMs = v.Overtalk.TotalMs
		}
	}
	worst := 0
	for _, alert := range r.Alerts {
		worst = max(worst, slices.Index(severities, alert.Severity))
	}
	s.Alerts, s.Severity = int64(len(r.Alerts)), severities[worst]
	s.Affect = customerAffect(r)
	return s
}

// customerAffect never looks at an agent.
func customerAffect(r *interaction.Interaction) *AffectSummary {
	for _, p := range r.Participants {
		for _, f := range r.Affect {
			if p.Role == interaction.RoleCustomer && f.ParticipantID == p.ID {
				return &AffectSummary{f.Overall, f.Start, f.End, f.PeakNegative, f.PeakPositive, f.Trend}
			}
		}
	}
	return nil
}

// InteractionPath names a record in a path.
type InteractionPath struct {
	ID string `path:"id" maxLength:"128"`
}

// NewEvaluation is a scorecard as a reviewer sends it.
type NewEvaluation struct {
	Form    string            `json:"form" minLength:"1" maxLength:"200"`
	Version int               `json:"version" minimum:"1"`
	Answers map[string]string `json:"answers"`
	Score   *float64          `json:"score,omitempty" doc:"Absent until it can be computed."`
	State   string            `json:"state" enum:"draft,submitted"`
}

// NewCorrection is a reviewer's word against a measured label.
type NewCorrection struct {
	Field string `json:"field" enum:"emotion,participant"`
	To    string `json:"to" minLength:"1" maxLength:"200"`
	By    string `json:"by" minLength:"1" maxLength:"200"`
}

func (a *API) interactions() {
	store := a.opts.Interactions
	type find struct {
		Query
		Page
	}
	add(a, op{method: http.MethodGet, path: "/v1/interactions", scope: ScopeRead, id: "find-interactions", summary: "Find records of calls, newest first", tag: "interactions"},
		func(ctx context.Context, p Principal, in *find) (*body[List[Summary]], error) {
			return page(store.Find(ctx, p.Tenant, in.Query, in.Page))
		})
	add(a, op{method: http.MethodGet, path: "/v1/interactions/{id}", scope: ScopeRead, id: "get-interaction", summary: "One interaction record", tag: "interactions"},
		func(ctx context.Context, p Principal, in *InteractionPath) (*body[*interaction.Interaction], error) {
			return ok(store.Interaction(ctx, p.Tenant, in.ID))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/interactions/{id}", scope: ScopeAdmin, id: "delete-interaction", summary: "Delete a record", tag: "interactions",
		about: "Refused with 409 under a legal hold.", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *InteractionPath) (*none, error) {
			return done(store.DeleteInteraction(ctx, p.Tenant, in.ID))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/customers/{id}", scope: ScopeAdmin, id: "erase-customer", summary: "Delete every record of a customer", tag: "interactions", timeout: time.Minute,
		about: "With the kept audio, the surveys, the tasks and the name. What is known of the person's voice goes with DELETE /v1/speakers/{id}. Refused with 409 under a legal hold."},
		func(ctx context.Context, p Principal, in *struct {
			ID string `path:"id" maxLength:"512"`
		}) (*body[Erased], error) {
			n, err := store.EraseCustomer(ctx, p.Tenant, p.by(), in.ID)
			return ok(Erased{Records: n}, err)
		})
	add(a, op{method: http.MethodPost, path: "/v1/interactions/{id}/evaluations", scope: ScopeReview, id: "evaluate-interaction", summary: "Add a scorecard", tag: "interactions", status: http.StatusCreated},
		func(ctx context.Context, p Principal, in *struct {
			InteractionPath
			By   string `query:"evaluator" required:"true" minLength:"1" maxLength:"200"`
			Body NewEvaluation
		}) (*body[*interaction.Interaction], error) {
			e := in.Body
			return ok(store.Evaluate(ctx, p.Tenant, in.ID, interaction.Evaluation{Form: e.Form, Version: e.Version, Evaluator: in.By, Answers: e.Answers, Score: e.Score, State: e.State}))
		})
	add(a, op{method: http.MethodPost, path: "/v1/interactions/{id}/segments/{segment}/corrections", scope: ScopeReview, id: "correct-segment", summary: "Say what a segment really was", tag: "interactions", status: http.StatusCreated},
		func(ctx context.Context, p Principal, in *struct {
			InteractionPath
			Segment string `path:"segment" maxLength:"64"`
			Body    NewCorrection
		}) (*body[*interaction.Interaction], error) {
			c := interaction.Correction{Field: in.Body.Field, To: in.Body.To, By: in.Body.By, At: a.opts.Now().UTC()}
			return ok(store.Correct(ctx, p.Tenant, in.ID, in.Segment, c))
		})
	add(a, op{method: http.MethodPost, path: "/v1/interactions/alerts", scope: ScopeAdmin, id: "reapply-rules", summary: "Try the rules of today on past records", tag: "interactions", timeout: 10 * time.Minute,
		about: "The alerts that they raise and that a record does not have yet are added to it."},
		func(ctx context.Context, p Principal, in *Query) (*body[Reapplied], error) {
			records, alerts, err := store.Reapply(ctx, p.Tenant, *in)
			return ok(Reapplied{records, alerts}, err)
		})
	a.export(store)
}

// Reapplied says what a second run of the rules came to.
type Reapplied struct {
	Records int `json:"records" doc:"That were looked at."`
	Alerts  int `json:"alerts" doc:"That are new."`
}

// exportTypes are the formats of an export. Read only.
var exportTypes = map[string]string{"json": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}

func (a *API) export(store Interactions) {
	d := op{method: http.MethodGet, path: "/v1/interactions/export", scope: ScopeRead, id: "export-interactions", summary: "All records that a query finds", tag: "interactions",
		about: "As JSON Lines, one record a line, or as CSV, one summary a row. The stream breaks off when something fails on the way."}.describe()
	huma.Register(a.huma, d, func(ctx context.Context, in *struct {
		Query
		Format string `query:"format" enum:"json,csv" default:"json"`
	}) (*huma.StreamResponse, error) {
		p := principal(ctx)
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", exportTypes[in.Format])
			hc.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="interactions.%s"`, in.Format))
			if err := store.Export(hc.Context(), p.Tenant, in.Query, in.Format, hc.BodyWriter()); err != nil {
				a.opts.Log.Error("api: export", "request", requestID(ctx), "err", err)
				panic(http.ErrAbortHandler) // the only way to tell a client in the middle of a body that it is not whole
			}
		}}, nil
	})
}
