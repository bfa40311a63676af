package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/store"
)

// left takes up the calls whose node is gone. That a node is gone is not guessed from the clock, which jumps: a call whose checkpoint
// is there and that no node answers for has none. Alone, at the start, that is every one that the run before left behind.
type left struct {
	records *records
	store   *store.Store
	served  func(ctx context.Context, tenant, id string) (bool, error) // whether a node has the call
	aside   string                                                     // folder for records that the store refuses for good
	log     *slog.Logger
}

// leftBatch is how many checkpoints are looked at in one go.
const leftBatch = 100

// takeUp saves the calls that nobody has as interrupted, of those whose last checkpoint is from before a time. One that cannot be
// saved now does not stop the others; the error is that of the last.
func (l *left) takeUp(ctx context.Context, before time.Time) error {
	var failed error
	for after := (store.Left{}); ; {
		batch, err := l.store.LeftCheckpoints(ctx, before, after, leftBatch)
		if err != nil {
			return fmt.Errorf("server: calls left behind: %w", err)
		}
		for _, v := range batch {
			if err := l.take(ctx, v); err != nil {
				failed = fmt.Errorf("server: call left behind: %s: %w", v.InteractionID, err)
			}
		}
		if len(batch) < leftBatch || ctx.Err() != nil {
			return failed
		}
		after = batch[len(batch)-1]
	}
}

// take saves one call as interrupted, unless a node has it. A call that is finished meanwhile stays as it is: the store moves no
// record back.
func (l *left) take(ctx context.Context, v store.Left) error {
	log := l.log.With("interaction", v.InteractionID)
	// In this order: a node gives a call up after it has saved it, so that a checkpoint which is there then is left behind.
	served, err := l.served(ctx, v.Tenant, v.InteractionID)
	if err != nil || served {
		return err
	}
	tenant := l.store.Tenant(v.Tenant)
	c, err := tenant.Checkpoint(ctx, v.InteractionID)
	switch code := store.Code(err); {
	case code == "not_found": // it ended meanwhile
		return nil
	case code == "internal":
		// What cannot be read is no reason to leave the others. It stays where it is, for who looks into it.
		log.Error("server: the checkpoint of a call left behind cannot be read", "err", err)
		return nil
	case err != nil:
		return err
	}
	r := c.Record
	r.Contact.State = interaction.StateInterrupted
	ended := c.At
	if r.Contact.StartedAt != nil && ended.Before(*r.Contact.StartedAt) {
		ended = *r.Contact.StartedAt
	}
	r.Contact.EndedAt = &ended
	err = l.records.Save(ctx, r)
	if errors.Is(err, live.ErrRefused) {
		// It must not be tried again at every start.
		path, aside := live.SetAside(l.aside, r)
		log.Error("server: a call left behind is refused for good and set aside", "file", path, "err", errors.Join(err, aside))
		if aside != nil {
			return aside
		}
		return tenant.DeleteCheckpoint(ctx, v.InteractionID)
	}
	if err == nil {
		log.Info("server: a call left behind is saved as interrupted", "node", c.Node, "duration_ms", r.Contact.DurationMs)
	}
	return err
}

// served reports whether a node has a call: this one, or another that answers for it.
func (n *nodes) served(ctx context.Context, tenant, id string) (bool, error) {
	n.mu.Lock()
	here := n.serving[callKey{tenant, id}] != nil
	n.mu.Unlock()
	if here {
		return true, nil
	}
	err := n.broker.Ready() // else each question would wait in vain
	if err == nil {
		_, err = n.broker.Ask(ctx, []byte(`{"what":"served"}`), "call", tenant, id)
	}
	if errors.Is(err, events.ErrNobody) {
		return false, nil
	}
	return err == nil, err
}
