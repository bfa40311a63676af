package api

import (
	"context"
	"net/http"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Journey is one customer's way through their contacts.
type Journey struct {
	CustomerID string         `json:"customer_id"`
	Contacts   []Contact      `json:"contacts" doc:"In order of time."`
	Surveys    []SurveyAnswer `json:"surveys"`
	Tasks      []Task         `json:"open_tasks"`
	Next       string         `json:"next_cursor,omitempty"`
}

// Contact is one call of a journey.
type Contact struct {
	Summary
	PredictedCSAT *interaction.PredictedCSAT `json:"predicted_csat,omitempty"`
	Surveys       []SurveyAnswer             `json:"surveys,omitempty"`
}

// AgentSummary is how an agent's calls went. It holds nothing that was inferred from the agent's voice. A figure is a mean over the
// calls in which it was measured, and absent where it was in none.
type AgentSummary struct {
	AgentID         string   `json:"agent_id"`
	Calls           int      `json:"calls"`
	DurationMs      int64    `json:"duration_ms" doc:"Of all calls."`
	TalkShare       *float64 `json:"talk_share,omitempty"`
	Interruptions   *float64 `json:"interruptions,omitempty" doc:"By the agent, a call."`
	LatencyMs       *float64 `json:"response_latency_ms,omitempty"`
	SyllablesPerS   *float64 `json:"syllables_per_s,omitempty"`
	OvertalkMs      *float64 `json:"overtalk_ms,omitempty"`
	NonTalkMs       *float64 `json:"non_talk_ms,omitempty"`
	Evaluations     int      `json:"evaluations" doc:"Submitted ones."`
	EvaluationScore *float64 `json:"evaluation_score,omitempty"`
}

func (a *API) views() {
	store := a.opts.Interactions
	type Span struct {
		From time.Time `query:"from" doc:"At or after, RFC 3339."`
		To   time.Time `query:"to" doc:"Before, RFC 3339."`
	}
	add(a, op{method: http.MethodGet, path: "/v1/customers/{id}/journey", scope: ScopeRead, id: "get-journey", summary: "A customer's contacts in order, with affect, surveys and open tasks", tag: "views"},
		func(ctx context.Context, p Principal, in *struct {
			ID string `path:"id" maxLength:"512"`
			Span
			Page
		}) (*body[Journey], error) {
			return ok(store.Customer(ctx, p.Tenant, in.ID, in.From, in.To, in.Page))
		})
	add(a, op{method: http.MethodGet, path: "/v1/agents/{id}", scope: ScopeRead, id: "get-agent", summary: "How an agent's calls went", tag: "views", timeout: time.Minute,
		about: "Calls, talk metrics and evaluations; nothing inferred from the agent's voice."},
		func(ctx context.Context, p Principal, in *struct {
			ID string `path:"id" maxLength:"512"`
			Span
		}) (*body[AgentSummary], error) {
			return ok(store.Agent(ctx, p.Tenant, in.ID, in.From, in.To))
		})
}
