package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/store"
)

// bodies makes what webhooks get of what was queued. The broker holds names of calls and nothing about persons, for what it once
// held stays in its files, where no deletion reaches it: who and what is read from the record when it is sent. A record that was
// deleted meanwhile is not told.
type bodies struct {
	store    *store.Store
	snapshot func(ctx context.Context, tenant, id string) (*interaction.Interaction, error) // of a running call, on any node
}

// whole is events.DelivererOptions.Whole.
func (v bodies) whole(ctx context.Context, d events.Delivery) (json.RawMessage, error) {
	var e interaction.Event
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return nil, events.Permanent(fmt.Errorf("server: delivery: %w", err))
	}
	r, err := v.record(ctx, d.Tenant, e.CallID)
	if err != nil || r == nil {
		return nil, err
	}
	switch e.Type {
	case interaction.EventSummary:
		e.Record, e.State, e.TimeMs = r, r.Contact.State, r.Contact.DurationMs
	case interaction.EventAlert:
		e.Alert = asRecorded(e.Alert, r.Alerts)
		for _, p := range r.Participants {
			if p.Role == interaction.RoleAgent && p.FromMs <= e.TimeMs {
				e.AgentID = p.ExternalID // the latest leg's
			}
		}
	}
	e.Queue = r.Contact.Queue
	return json.Marshal(e)
}

// whole is bodies.whole of this server.
func (s *Server) whole(ctx context.Context, d events.Delivery) (json.RawMessage, error) {
	return bodies{s.store, s.snapshot}.whole(ctx, d)
}

// snapshot returns the record of a running call, on any node.
func (s *Server) snapshot(ctx context.Context, tenant, id string) (*interaction.Interaction, error) {
	return s.nodes.Snapshot(ctx, tenant, id)
}

// record returns the record of a call, running or stored; none where there is none any more.
func (v bodies) record(ctx context.Context, tenant, id string) (*interaction.Interaction, error) {
	r, err := v.store.Tenant(tenant).Interaction(ctx, id)
	if store.Code(err) != "not_found" {
		return r, err
	}
	if r, err = v.snapshot(ctx, tenant, id); !errors.Is(err, api.ErrNotFound) {
		return r, err
	}
	// It may have ended between the two.
	if r, err = v.store.Tenant(tenant).Interaction(ctx, id); store.Code(err) == "not_found" {
		return nil, nil
	}
	return r, err
}

// nameOf is an alert as it is queued: without its evidence, which may name a person.
func nameOf(a *interaction.Alert) *interaction.Alert {
	if a == nil {
		return nil
	}
	named := *a
	named.Evidence = ""
	return &named
}

// asRecorded returns the alert of the record that a names: of its rule, the nearest in time; a itself where the record has none.
func asRecorded(a *interaction.Alert, all []interaction.Alert) *interaction.Alert {
	var best *interaction.Alert
	if a == nil {
		return nil
	}
	distance := func(b *interaction.Alert) int64 { return max(a.StartMs-b.StartMs, b.StartMs-a.StartMs) }
	for i := range all {
		if b := &all[i]; b.Rule == a.Rule && (best == nil || distance(b) < distance(best)) {
			best = b
		}
	}
	if best == nil {
		return a
	}
	return best
}
