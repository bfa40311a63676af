package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/cluster"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/store"
)

// nodes is api.Live over the calls of every node: this node's by the hub, another's by asking it. A call lives where its socket is,
// and that node serves questions about it for as long as it runs.
type nodes struct {
	calls  // of this node
	broker *events.Broker
	store  *store.Store
	node   string
	log    *slog.Logger
	claims *cluster.Directory // nil: this node is alone

	mu      sync.Mutex
	serving map[callKey]func()
}

var _ api.Live = (*nodes)(nil)

// question is what one node asks another about a call. Tenant and ID are told where the call is asked for by the platform's id.
type question struct {
	Tenant string              `json:"tenant,omitempty"`
	ID     string              `json:"id,omitempty"`
	What   string              `json:"what"` // snapshot, bind or mark
	Bind   interaction.Binding `json:"bind"`
	Kind   string              `json:"kind,omitempty"`
	Detail string              `json:"detail,omitempty"`
}

// answer is what it gets.
type answer struct {
	Code   string                   `json:"code,omitempty"` // not_found, invalid or internal; empty: done
	Text   string                   `json:"text,omitempty"`
	Record *interaction.Interaction `json:"record,omitempty"`
}

// hear begins and ends to serve a call. It is told of every event of this node.
func (n *nodes) hear(e interaction.Event) {
	key := callKey{e.Tenant, e.CallID}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e.Type {
	case interaction.EventSessionStarted:
		if n.serving[key] != nil {
			return
		}
		stop, err := n.broker.Serve(func(ctx context.Context, q []byte) []byte { return n.reply(ctx, key, q) }, "call", e.Tenant, e.CallID)
		if err != nil {
			n.log.Warn("server: other nodes will not find a call", "interaction", e.CallID, "err", err)
			return
		}
		n.serving[key] = stop
	case interaction.EventSessionEnded:
		if stop := n.serving[key]; stop != nil {
			stop()
			delete(n.serving, key)
		}
	}
}

// reply answers another node.
func (n *nodes) reply(ctx context.Context, key callKey, body []byte) []byte {
	var q question
	var a answer
	err := json.Unmarshal(body, &q)
	if key.id == "" {
		key = callKey{q.Tenant, q.ID}
	}
	if err == nil {
		switch q.What {
		case "served": // that there is an answer is the answer
		case "snapshot":
			a.Record, err = n.calls.Snapshot(ctx, key.tenant, key.id)
		case "bind":
			err = n.calls.Bind(ctx, key.tenant, key.id, q.Bind)
		case "mark":
			err = n.calls.Mark(ctx, key.tenant, key.id, q.Kind, q.Detail)
		default:
			err = fmt.Errorf("server: question %q, want served, snapshot, bind or mark", q.What)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, api.ErrNotFound):
		a.Code, a.Text = "not_found", err.Error()
	case errors.Is(err, api.ErrInvalid):
		a.Code, a.Text = "invalid", err.Error()
	default:
		a.Code, a.Text = "internal", err.Error()
	}
	out, err := json.Marshal(a)
	if err != nil {
		n.log.Error("server: answer to another node", "interaction", key.id, "err", err)
		return []byte(`{"code":"internal"}`)
	}
	return out
}

// errElsewhere is another node's fault, whose text is in the log of both.
var errElsewhere = errors.New("server: another node failed")

// ask puts a question about a call to the node that has it, if the error of this node says that the call is not here.
func (n *nodes) ask(ctx context.Context, here error, tenant, id string, q question) (*interaction.Interaction, error) {
	if !errors.Is(here, api.ErrNotFound) {
		return nil, here
	}
	q.Tenant, q.ID = tenant, id
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("server: question: %w", err)
	}
	got, err := n.broker.Ask(ctx, body, "call", tenant, id)
	if errors.Is(err, events.ErrNobody) && n.claims != nil { // id may be the platform's
		owner, oerr := n.claims.Owner(ctx, tenant, id)
		if oerr == nil && owner != "" {
			got, err = n.broker.Ask(ctx, body, "node", owner)
		}
	}
	if errors.Is(err, events.ErrNobody) {
		return nil, here
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	var a answer
	if err := json.Unmarshal(got, &a); err != nil {
		return nil, fmt.Errorf("server: answer of another node: %w", err)
	}
	switch a.Code {
	case "":
		return a.Record, nil
	case "not_found":
		return nil, here
	case "invalid":
		return nil, fmt.Errorf("%w: %s", api.ErrInvalid, a.Text)
	}
	return nil, fmt.Errorf("%w: %s", errElsewhere, a.Text)
}

func (n *nodes) Snapshot(ctx context.Context, tenant, id string) (*interaction.Interaction, error) {
	r, err := n.calls.Snapshot(ctx, tenant, id)
	if err == nil {
		return r, nil
	}
	return n.ask(ctx, err, tenant, id, question{What: "snapshot"})
}

func (n *nodes) Bind(ctx context.Context, tenant, id string, b interaction.Binding) error {
	err := n.calls.Bind(ctx, tenant, id, b)
	if err == nil {
		return nil
	}
	_, err = n.ask(ctx, err, tenant, id, question{What: "bind", Bind: b})
	return err
}

func (n *nodes) Mark(ctx context.Context, tenant, id, kind, detail string) error {
	err := n.calls.Mark(ctx, tenant, id, kind, detail)
	if err == nil {
		return nil
	}
	_, err = n.ask(ctx, err, tenant, id, question{What: "mark", Kind: kind, Detail: detail})
	return err
}

// named gives next the record's id of a running call where the path has the platform's, as the other paths of a call take either.
func (n *nodes) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record, err := n.Snapshot(r.Context(), api.TenantOf(r), r.PathValue("id"))
		if err == nil { // else nobody has it now: events of the record's id may still come
			r.SetPathValue("id", record.Contact.ID)
		}
		next.ServeHTTP(w, r)
	})
}

// Running lists this node's calls as they are now, and those of the others as their last checkpoints show them.
func (n *nodes) Running(ctx context.Context, tenant string) ([]api.Call, error) {
	out, err := n.calls.Running(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for c, err := range store.Every(ctx, n.store.Tenant(tenant).Checkpoints) {
		if err != nil {
			return nil, fault(err)
		}
		if c.Node == n.node {
			continue
		}
		s := api.Summarise(c.Record)
		k := api.Call{
			ID: s.ID, CallID: s.ContactID, Dialect: c.Record.Contact.Source.Dialect, Endpoint: c.Record.Contact.Source.Endpoint, DurationMs: s.DurationMs,
			AgentID: s.AgentID, Queue: s.Queue,
		}
		if s.StartedAt != nil {
			k.StartedAt = *s.StartedAt
		}
		out = append(out, k)
	}
	return out, nil
}
