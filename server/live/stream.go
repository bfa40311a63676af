package live

import (
	"context"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// stream is one stream's hold on a call; it is the ingest.Call.
type stream struct {
	call     *call
	channels []*channel // by track
	ended    bool       // guarded by call.mu
	results  *ingest.Results
}

// ID returns the record's id.
func (s *stream) ID() string { return s.call.id }

// Write gives samples to the session, or drops them under privacy.
func (s *stream) Write(ctx context.Context, track int, x []float32) error {
	ch, err := s.channel(track)
	if err != nil {
		return err
	}
	for len(x) > 0 {
		n := int64(len(x))
		private := s.call.private(ch)
		if until := ch.until.Load(); private && !s.call.privacy.Load() {
			n = min(n, until-ch.pos.Load())
		}
		if private {
			err = s.call.session.Skip(ctx, ch.index, n, "privacy")
		} else {
			err = s.call.session.Write(ctx, ch.index, x[:n])
		}
		if err != nil {
			return err
		}
		if private {
			s.call.kept.skip(ch.index, n)
		} else {
			s.call.kept.write(ch.index, x[:n])
		}
		ch.pos.Add(n)
		x = x[n:]
	}
	return nil
}

// Skip tells that n samples are missing.
func (s *stream) Skip(ctx context.Context, track int, n int64, reason string) error {
	ch, err := s.channel(track)
	if err != nil || n == 0 {
		return err
	}
	if err := s.call.session.Skip(ctx, ch.index, n, reason); err != nil {
		return err
	}
	s.call.kept.skip(ch.index, n)
	from := ch.pos.Add(n) - n
	s.call.out.emit(interaction.Event{Type: interaction.EventGap, Channel: &ch.index,
		Gap: &interaction.Gap{Channel: ch.index, StartMs: s.call.ms(from), EndMs: s.call.ms(from + n), Reason: reason}})
	return nil
}

// Digit tells a key, unless the call is under privacy.
func (s *stream) Digit(ctx context.Context, track int, key string, lengthMs int64) error {
	ch, err := s.channel(track)
	if err != nil || s.call.private(ch) {
		return err
	}
	return s.call.session.Digit(ctx, ch.index, s.call.ms(ch.pos.Load()), lengthMs, key)
}

func (s *stream) channel(track int) (*channel, error) {
	if track < 0 || track >= len(s.channels) {
		return nil, fmt.Errorf("live: track %d, want 0 to %d", track, len(s.channels)-1)
	}
	return s.channels[track], nil
}

// Mark tells that something happened just now.
func (s *stream) Mark(ctx context.Context, kind, detail string) error {
	return s.call.mark(ctx, kind, detail)
}

// Bind tells what became known. Roles are by the tracks of this stream.
func (s *stream) Bind(ctx context.Context, b interaction.Binding) error {
	var roles []interaction.Role
	for track, r := range b.ChannelRoles {
		ch, err := s.channel(track)
		if err != nil {
			return fmt.Errorf("%w: channel_roles: %w", ErrInvalid, err)
		}
		for len(roles) <= ch.index {
			roles = append(roles, "")
		}
		roles[ch.index] = r
	}
	b.ChannelRoles = roles
	return s.call.bind(ctx, b)
}

// Warn adds to the record what had to be tolerated.
func (s *stream) Warn(text string) { s.call.warn(text) }

// Results returns the events from now on, the start of the call first.
func (s *stream) Results() <-chan interaction.Event {
	s.results = s.call.out.subscribe()
	return s.results.Events()
}

// End ends the stream, and with the last one the call.
func (s *stream) End(ctx context.Context, how ingest.End) error {
	c := s.call
	c.mu.Lock()
	if s.ended {
		c.mu.Unlock()
		return nil
	}
	s.ended = true
	delete(c.streams, s)
	for _, ch := range s.channels {
		ch.owner, ch.lost = nil, how != ingest.EndStop && how != ingest.EndClose
	}
	c.last = how
	last := len(c.streams) == 0
	rejoined := c.rejoined
	c.mu.Unlock()
	if s.results != nil {
		defer c.out.unsubscribe(s.results)
	}
	if !last {
		return nil
	}
	if how == ingest.EndDropped && c.hub.opts.Linger > 0 {
		t := time.NewTimer(c.hub.opts.Linger)
		defer t.Stop()
		c.hub.waiting.Add(1)
		defer c.hub.waiting.Add(-1)
		select {
		case <-rejoined:
			return nil
		case <-c.hurry:
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return c.end(ctx)
}
