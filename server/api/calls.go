package api

import (
	"context"
	"net/http"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Live holds the calls that run. Its errors are ErrNotFound where no such call runs, and ErrInvalid for what cannot be.
type Live interface {
	Running(ctx context.Context, tenant string) ([]Call, error)
	Snapshot(ctx context.Context, tenant, id string) (*interaction.Interaction, error)
	Bind(ctx context.Context, tenant, id string, b interaction.Binding) error
	Mark(ctx context.Context, tenant, id, kind, detail string) error
}

// Call is a running call in a list.
type Call struct {
	ID         string    `json:"id"`
	CallID     string    `json:"call_id,omitempty" doc:"The platform's id of the call."`
	Dialect    string    `json:"dialect"`
	Endpoint   string    `json:"endpoint,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	DurationMs int64     `json:"duration_ms" doc:"Of the audio so far."`
	AgentID    string    `json:"agent_id,omitempty"`
	Queue      string    `json:"queue,omitempty"`
	Streams    int       `json:"streams" doc:"Connections that carry audio of the call now."`
}

// CallPath names a call in a path.
type CallPath struct {
	ID string `path:"id" maxLength:"128" doc:"The record's id."`
}

// Mark is what the platform or a person tells of a call, at this moment of it.
type Mark struct {
	Kind   string `json:"kind" enum:"hold,unhold,transfer,agent_joined,agent_left,ivr,privacy_on,privacy_off" doc:"Samples between privacy_on and privacy_off are dropped before any processing."`
	Detail string `json:"detail,omitempty" maxLength:"512" doc:"Of transfer, agent_joined and agent_left the agent's id."`
}

func (a *API) calls() {
	live := a.opts.Live
	add(a, op{method: http.MethodGet, path: "/v1/calls", scope: ScopeRead, id: "list-calls", summary: "Calls that run now", tag: "calls"},
		func(ctx context.Context, p Principal, _ *struct{}) (*body[List[Call]], error) {
			calls, err := live.Running(ctx, p.Tenant)
			return page(List[Call]{Items: calls}, err)
		})
	add(a, op{method: http.MethodGet, path: "/v1/calls/{id}", scope: ScopeRead, id: "get-call", summary: "The record of a running call as far as it has come", tag: "calls"},
		func(ctx context.Context, p Principal, in *CallPath) (*body[*interaction.Interaction], error) {
			return ok(live.Snapshot(ctx, p.Tenant, in.ID))
		})
	add(a, op{method: http.MethodPatch, path: "/v1/calls/{id}", scope: ScopeIngest, id: "bind-call", summary: "Tell who is on a running call", tag: "calls",
		about: "At any time of the call. A field that is absent says nothing and takes nothing back.", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *struct {
			CallPath
			Body interaction.Binding
		}) (*none, error) {
			return done(live.Bind(ctx, p.Tenant, in.ID, in.Body))
		})
	add(a, op{method: http.MethodPost, path: "/v1/calls/{id}/marks", scope: ScopeIngest, id: "mark-call", summary: "Tell what happens on a running call", tag: "calls",
		about: "The mark stands at the audio that was received last.", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *struct {
			CallPath
			Body Mark
		}) (*none, error) {
			return done(live.Mark(ctx, p.Tenant, in.ID, in.Body.Kind, in.Body.Detail))
		})
}
