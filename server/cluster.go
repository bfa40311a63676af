package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/cluster"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/store"
)

// join makes this node one of a cluster, where its NATS server is one that others may be connected to.
func (s *Server) join(ctx context.Context, d Deps) error {
	if s.config.NATS.URL == "" {
		return nil
	}
	var err error
	s.cluster, err = cluster.New(ctx, cluster.Options{
		Conn: s.broker.Conn(), Replicas: s.config.NATS.Replicas, Log: d.Log,
		Lost: func(ctx context.Context, tenant, id string) {
			if err := s.takeUp(ctx, tenant, id); err != nil && ctx.Err() == nil {
				s.log.Warn("server: the call of a node that is gone is not taken up yet", "interaction", id, "err", err)
			}
		},
	})
	if err != nil {
		return err
	}
	s.nodes.claims = s.cluster
	// Two processes of one host, or one and its former self, are not the same node.
	s.nodes.node = d.Node + "-" + s.cluster.Address()[:8]
	s.records.node = s.nodes.node
	return nil
}

// directory is what the hub is given: nil where this node is alone.
func (s *Server) directory() live.Directory {
	if s.cluster == nil { // not a nil *cluster.Directory in an interface
		return nil
	}
	return s.cluster
}

// meet begins to serve the other nodes.
func (s *Server) meet() error {
	if s.cluster == nil {
		return nil
	}
	if err := s.cluster.Serve(s.hub.OpenHere); err != nil {
		return err
	}
	_, err := s.broker.Serve(func(ctx context.Context, q []byte) []byte { return s.nodes.reply(ctx, callKey{}, q) }, "node", s.cluster.Address())
	return err
}

// deserted reports whether no node has the call of a checkpoint. A node that cannot be asked may have it.
func (s *Server) deserted(ctx context.Context, tenant, id string) bool {
	_, err := s.broker.Ask(ctx, []byte(`{"what":"alive"}`), "call", tenant, id)
	return errors.Is(err, events.ErrNobody)
}

// takeUp saves a call as interrupted that no node has. One that has no checkpoint was saved, or never had any.
func (s *Server) takeUp(ctx context.Context, tenant, id string) error {
	// In this order: a node gives a call up after it has saved it, so that a checkpoint which is there then is left behind, and does not
	// take the place of a record that came meanwhile.
	if !s.deserted(ctx, tenant, id) {
		return nil
	}
	c, err := s.store.Tenant(tenant).Checkpoint(ctx, id)
	if store.Code(err) == "not_found" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("server: call left behind: %w", err)
	}
	r, ended := c.Record, c.At
	if r.Contact.StartedAt != nil && ended.Before(*r.Contact.StartedAt) {
		ended = *r.Contact.StartedAt
	}
	r.Contact.State, r.Contact.EndedAt = interaction.StateInterrupted, &ended
	if err := s.records.Save(ctx, r); err != nil {
		return fmt.Errorf("server: call left behind: %w", err)
	}
	s.log.Info("server: the call of a node that is gone is saved as interrupted", "interaction", id, "node", c.Node)
	return nil
}
