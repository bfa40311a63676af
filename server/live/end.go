package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// end closes a call that has no streams, once, and returns when its record is saved or spilled.
func (c *call) end(ctx context.Context) error {
	c.mu.Lock()
	if c.ending || len(c.streams) > 0 {
		c.mu.Unlock()
		return nil
	}
	c.ending = true
	broken := slices.ContainsFunc(c.channels, func(ch *channel) bool { return ch.lost })
	how := c.last
	c.mu.Unlock()
	defer c.hub.forget(c)

	finish := c.session.Close
	if broken {
		finish = c.session.Interrupt
	}
	r, err := finish(ctx)
	if err != nil {
		c.kept.discard()
		c.out.close()
		return fmt.Errorf("live: call %s: %w", c.id, err)
	}
	r.Contact.Audio = c.kept.finish()
	ended := r.Contact.StartedAt.Add(c.hub.clock() - c.at) // not by the time of day, which may have been set meanwhile
	r.Contact.EndedAt = &ended
	c.complete(r)
	err = c.save(r)
	c.out.emit(interaction.Event{Type: interaction.EventSummary, Record: r})
	c.out.emit(interaction.Event{Type: interaction.EventSessionEnded, State: r.Contact.State, Reason: string(how), At: &ended})
	c.out.close()
	c.log.Info("call ended", "state", string(r.Contact.State), "how", string(how), "duration_ms", r.Contact.DurationMs)
	return err
}

// save keeps the final record.
func (c *call) save(r *interaction.Interaction) error {
	if err := c.hub.save(r); err != nil {
		c.log.Error("record not saved", "err", err)
		return fmt.Errorf("live: call %s: record: %w", c.id, err)
	}
	return nil
}

// Waits between the attempts to save a record.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	oneAttempt = 5 * time.Second // at most: who ended the call waits for it

	spillAfter = 3 // failed attempts
)

// save tries to save r until it is saved or the hub ends. After a few failures r goes to the spill folder, where it survives us,
// and the attempts go on in the background.
func (h *Hub) save(r *interaction.Interaction) error {
	wait := firstRetry
	for n := 1; ; n++ {
		ending := h.ctx.Err() != nil
		err := h.attempt(r, ending)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrRefused) {
			return h.setAside(r, err)
		}
		h.log.Warn("record not saved yet", "interaction", r.Contact.ID, "attempt", n, "err", err)
		if (n >= spillAfter || ending) && h.opts.Spill != "" {
			path, serr := writeSpill(h.opts.Spill, spillEnding, r)
			if serr != nil {
				err = errors.Join(err, serr)
			} else {
				if !ending {
					h.running.Go(func() { h.recover([]spilled{{path, r}}) })
				}
				return nil
			}
		}
		if ending {
			return err
		}
		if !h.pause(wait) {
			continue // one last attempt, and the spill
		}
		wait = min(2*wait, lastRetry)
	}
}

// setAside keeps what the store refuses for good where somebody can look into it, and returns the reason: the record is not saved.
func (h *Hub) setAside(r *interaction.Interaction, reason error) error {
	path := ""
	if h.opts.Spill != "" {
		var err error
		path, err = SetAside(h.opts.Spill, r)
		reason = errors.Join(reason, err)
	}
	h.log.Error("a record is refused for good and set aside", "interaction", r.Contact.ID, "file", path, "err", reason)
	return reason
}

// attempt saves r once. The last one, when the hub ends, does not end with it.
func (h *Hub) attempt(r *interaction.Interaction, last bool) error {
	ctx := h.ctx
	if last {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, oneAttempt)
	defer cancel()
	return h.opts.Records.Save(ctx, r)
}

// pause waits, and reports false when the hub ended meanwhile.
func (h *Hub) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// recover saves records from the spill folder until all are saved or the hub ends.
func (h *Hub) recover(left []spilled) {
	for wait := firstRetry; h.pause(wait); wait = min(2*wait, lastRetry) {
		if left = h.recoverOnce(left); len(left) == 0 {
			return
		}
	}
}

// recoverOnce tries each once and returns those that are left.
func (h *Hub) recoverOnce(all []spilled) (left []spilled) {
	for _, s := range all {
		err := h.opts.Records.Save(h.ctx, s.record)
		if err == nil {
			err = removeSpill(s.path)
		} else if errors.Is(err, ErrRefused) {
			path, aside := s.setAside()
			h.log.Error("a spilled record is refused for good and set aside", "interaction", s.record.Contact.ID, "file", path, "err", err)
			err = aside
		}
		if err != nil {
			h.log.Warn("spilled record not saved yet", "interaction", s.record.Contact.ID, "err", err)
			left = append(left, s)
		}
	}
	return left
}

// giveUpWaiting ends the wait for streams that may come back.
func (c *call) giveUpWaiting() { c.hurried.Do(func() { close(c.hurry) }) }

// abandon ends a call whose streams nobody ended in time.
func (c *call) abandon() {
	c.mu.Lock()
	open := make([]*stream, 0, len(c.streams))
	for s := range c.streams {
		open = append(open, s)
	}
	c.mu.Unlock()
	for _, s := range open {
		if err := s.End(context.Background(), ingest.EndDrained); err != nil {
			c.log.Error("call not ended in order", "err", err)
		}
	}
}
