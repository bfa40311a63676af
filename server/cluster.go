package server

import (
	"context"

	"github.com/timbre-voice/timbre/server/cluster"
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
			if err := s.left.take(ctx, store.Left{Tenant: tenant, InteractionID: id}); err != nil && ctx.Err() == nil {
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
