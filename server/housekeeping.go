package server

import (
	"context"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// leftAfter is how old the last checkpoint of a call is, where other nodes share the store, when its node is taken for dead: longer
// than the time between two checkpoints of the longest call.
const leftAfter = 15 * time.Minute

// housekeeping is how often what is old is looked for.
const housekeeping = 5 * time.Minute

// keepHouse takes up the calls of dead nodes and removes what has expired, until ctx ends.
func (s *Server) keepHouse(ctx context.Context) {
	before := s.begun // alone, every checkpoint that is older than this process is left behind
	if strings.Contains(s.config.Database(), "://") {
		before = s.now().Add(-leftAfter)
	}
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	for {
		if err := s.records.takeUp(ctx, before, s.log); err != nil && ctx.Err() == nil {
			s.log.Warn("server: calls left behind", "err", err)
		}
		if err := s.expire(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("server: sweep", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			before = s.now().Add(-leftAfter)
		}
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
				s.log.Info("server: persons deleted whose time is over", "tenant", t.ID, "persons", n.Deleted, "held", n.Held)
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
	return nil
}
