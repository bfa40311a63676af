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
	Surveys    []SurveyAnswer `json:"surveys" doc:"Those of no contact that is kept, too."`
	Tasks      []Task         `json:"open_tasks"`
	Next       string         `json:"next_cursor,omitempty"`
}

// Contact is one call of a journey.
type Contact struct {
	Summary
	PredictedCSAT *interaction.PredictedCSAT `json:"predicted_csat,omitempty"`
	Surveys       []SurveyAnswer             `json:"surveys,omitempty"`
}

// AgentSummary is how an agent's calls went. It holds nothing that was inferred from the agent's voice.
type AgentSummary struct {
	AgentID         string         `json:"agent_id"`
	From            *time.Time     `json:"from,omitempty"`
	To              *time.Time     `json:"to,omitempty"`
	Calls           int            `json:"calls"`
	TalkShare       *float64       `json:"talk_share,omitempty" doc:"Mean share of the agent in the talk time."`
	SyllablesPerS   *float64       `json:"syllables_per_s,omitempty" doc:"Mean pace."`
	MeanDurationMs  *int64         `json:"mean_duration_ms,omitempty"`
	MeanNonTalkMs   *int64         `json:"mean_non_talk_ms,omitempty"`
	MeanOvertalkMs  *int64         `json:"mean_overtalk_ms,omitempty"`
	Interruptions   *float64       `json:"interruptions_per_call,omitempty" doc:"By the agent."`
	LatencyMs       *int64         `json:"response_latency_ms,omitempty" doc:"Mean of the median latencies."`
	Evaluations     int            `json:"evaluations" doc:"Submitted ones."`
	EvaluationScore *float64       `json:"evaluation_score,omitempty" doc:"Mean over the evaluations that have one."`
	Alerts          map[string]int `json:"alerts,omitempty" doc:"Calls by rule that raised an alert."`
	NotComputed     []string       `json:"not_computed,omitempty" doc:"Fields above that no call had."`
}

// Agents adds up records into a summary. Its zero value with the ids set is ready for use.
type Agents struct {
	Summary AgentSummary

	talk, pace, interruptions, score     mean
	duration, silence, overtalk, latency mean
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

func (m mean) float() *float64 {
	if m.n == 0 {
		return nil
	}
	v := m.sum / float64(m.n)
	return &v
}

func (m mean) ms() *int64 {
	f := m.float()
	if f == nil {
		return nil
	}
	v := int64(*f + 0.5)
	return &v
}

// Add adds one record of the agent. Of a call with several agents, what belongs to the side counts for each of them.
func (a *Agents) Add(r *interaction.Interaction) {
	s := &a.Summary
	s.Calls++
	a.duration.add(float64(r.Contact.DurationMs))
	seen := map[string]bool{}
	for _, alert := range r.Alerts {
		if !seen[alert.Rule] {
			seen[alert.Rule] = true
			if s.Alerts == nil {
				s.Alerts = map[string]int{}
			}
			s.Alerts[alert.Rule]++
		}
	}
	for _, e := range r.Evaluations {
		if e.State == "draft" {
			continue
		}
		s.Evaluations++
		if e.Score != nil {
			a.score.add(*e.Score)
		}
	}
	c := r.Conversation
	if c == nil {
		return
	}
	a.silence.add(float64(c.NonTalkTime.TotalMs))
	if t, ok := c.TalkTime.ByRole[interaction.RoleAgent]; ok {
		a.talk.add(t.Share)
	}
	if p, ok := c.Pace[interaction.RoleAgent]; ok {
		a.pace.add(p.SyllablesPerS)
	}
	if c.Overtalk != nil {
		a.overtalk.add(float64(c.Overtalk.TotalMs))
	}
	if c.Interruptions != nil {
		a.interruptions.add(float64(len(c.Interruptions.ByInterrupter[interaction.RoleAgent])))
	}
	if l, ok := c.ResponseLatencyMs[interaction.RoleAgent]; ok {
		a.latency.add(float64(l.MedianMs))
	}
}

// Result returns the summary of what was added.
func (a *Agents) Result() AgentSummary {
	s := a.Summary
	s.TalkShare, s.SyllablesPerS, s.Interruptions, s.EvaluationScore = a.talk.float(), a.pace.float(), a.interruptions.float(), a.score.float()
	s.MeanDurationMs, s.MeanNonTalkMs, s.MeanOvertalkMs, s.LatencyMs = a.duration.ms(), a.silence.ms(), a.overtalk.ms(), a.latency.ms()
	for _, f := range []struct {
		name   string
		absent bool
	}{
		{"talk_share", s.TalkShare == nil}, {"syllables_per_s", s.SyllablesPerS == nil}, {"mean_duration_ms", s.MeanDurationMs == nil},
		{"mean_non_talk_ms", s.MeanNonTalkMs == nil}, {"mean_overtalk_ms", s.MeanOvertalkMs == nil}, {"interruptions_per_call", s.Interruptions == nil},
		{"response_latency_ms", s.LatencyMs == nil}, {"evaluation_score", s.EvaluationScore == nil},
	} {
		if f.absent {
			s.NotComputed = append(s.NotComputed, f.name)
		}
	}
	return s
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
