package server

import (
	"context"
	"time"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

const (
	// housekeeping is how often what is old is looked for.
	housekeeping = 5 * time.Minute
	// leftEvery is how often calls are looked for whose node is gone.
	leftEvery = 30 * time.Second
	// leftAfter is how old the last checkpoint of such a call is, so that nobody asks for those that are well.
	leftAfter = 20 * time.Second
)

// keepHouse takes up the calls of dead nodes and removes what has expired, until ctx ends.
func (s *Server) keepHouse(ctx context.Context) {
	tick, look := time.NewTicker(housekeeping), time.NewTicker(leftEvery)
	defer tick.Stop()
	defer look.Stop()
	before := time.Unix(1<<40, 0) // whatever the clock says: what nobody has at the start was left behind
	for expire := true; ; {
		if err := s.left.takeUp(ctx, before); err != nil && ctx.Err() == nil {
			s.log.Warn("server: calls left behind", "err", err)
		}
		if expire {
			if err := s.expire(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("server: sweep", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			expire = true
		case <-look.C:
			expire = false
		}
		before = s.now().Add(-leftAfter)
	}
}

// sweepEvery is how often persons are looked for whose time is over: not with every round of the house, since one under a legal
// hold leaves a line in the audit log each time.
const sweepEvery = 24 * time.Hour

// expire removes records whose retention ended, and keys and entries that expired.
func (s *Server) expire(ctx context.Context) error {
	if err := s.store.Sweep(ctx); err != nil {
		return err
	}
	tenants, err := s.store.Tenants(ctx)
	if err != nil {
		return err
	}
	due := s.now().Sub(s.swept) >= sweepEvery
	for _, t := range tenants {
		if due {
			n, err := s.people.sweep(ctx, t.ID)
			if n != (identity.Swept{}) {
				s.log.Info("server: persons and prints deleted whose time is over", "tenant", t.ID, "persons", n.Deleted, "held", n.Held, "pending_prints", n.Pending, "voice_normals", n.Normals)
			}
			if err != nil {
				return err
			}
		}
		for {
			ids, err := s.store.Tenant(t.ID).ExpiredInteractions(ctx, 100)
			if err != nil {
				return err
			}
			gone := 0
			for _, id := range ids {
				err := s.audio.deleteCall(ctx, t.ID, id)
				if code := store.Code(err); err != nil && code != "not_found" && code != "conflict" { // deleted or held meanwhile
					return err
				}
				if err == nil {
					gone++
				}
			}
			if gone > 0 {
				s.log.Info("server: records deleted at the end of their retention", "tenant", t.ID, "records", gone)
			}
			if gone == 0 {
				break
			}
		}
	}
	if due {
		s.swept = s.now()
	}
	return s.store.ScrubDeleted(ctx)
}
