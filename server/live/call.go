package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/ingest"
)

// privacyTail is for how long samples are dropped after privacy_off: what was spoken before it may still be on its way, in the
// network or held for a chunk that is missing.
const privacyTail = 500 * time.Millisecond

// maxWarnings bounds the warnings of one record.
const maxWarnings = 50

// call is one running call.
type call struct {
	hub        *Hub
	id, tenant string
	key        string // in Hub.joined
	platformID string
	dialect    string
	endpoint   string
	rate       int
	started    time.Time
	at         time.Duration     // when it began, by Hub.clock
	session    *analysis.Session // set before begun is
	begun      atomic.Bool
	log        *slog.Logger
	done       chan struct{} // closed when the call is over and its record saved
	hurry      chan struct{} // closed when nobody waits for lost streams any more
	hurried    sync.Once
	privacy    atomic.Bool

	joining sync.Mutex // one stream joins at a time

	// The session's goroutine takes mu to complete events, so that who holds it must not call the session.
	mu       sync.Mutex
	ending   bool
	channels []*channel
	streams  map[*stream]struct{}
	rejoined chan struct{} // closed and renewed when a stream joins
	bound    interaction.Binding
	warnings []string
	alerts   []interaction.Alert
	last     ingest.End // how the last stream ended

	out  outlet
	kept keeper
}

// channel is one channel of a call: a track, by whatever stream it comes.
type channel struct {
	index int
	name  string // of the track
	role  interaction.Role
	pos   atomic.Int64 // samples received, gaps included
	until atomic.Int64 // position up to which samples are dropped after privacy ended
	owner *stream      // nil: its stream has ended
	lost  bool         // and not in order

	affectDue int64 // ms of audio from which on affect is told again; of the session's goroutine
}

// newCall returns a call that has yet to begin. It is quick, for the hub waits for it.
func newCall(h *Hub, s ingest.Start) *call {
	now := h.now()
	c := &call{
		hub: h, id: newID(now), tenant: cmp.Or(s.Tenant, "default"), platformID: s.CallID, dialect: s.Dialect, endpoint: s.Endpoint,
		rate: s.Rate, started: now, at: h.clock(), done: make(chan struct{}), hurry: make(chan struct{}), streams: map[*stream]struct{}{},
		rejoined: make(chan struct{}),
	}
	c.log = h.log.With("interaction", c.id, "tenant", c.tenant)
	c.joining.Lock() // until begin is done, so that a stream that joins at once finds a call that has begun
	c.out.call, c.kept.call = c, c
	return c
}

// begin starts the session with the first stream. After an error the call is over.
func (c *call) begin(ctx context.Context, s ingest.Start, permit policy.Permit, who customers) (*stream, error) {
	defer c.joining.Unlock()
	var channels []analysis.Channel
	for _, t := range s.Tracks {
		channels = append(channels, analysis.Channel{Role: t.Role, Separated: t.Separated, Mixed: t.Mixed})
	}
	session, err := c.hub.opts.Engine.NewSession(analysis.Options{
		ID:       c.id,
		Tenant:   c.tenant,
		Rate:     s.Rate,
		Channels: channels,
		Permit:   permit,
		Voice:    who.voice,
		Normals:  who.normals,
		OnEvent:  c.hear,
		Clock:    c.hub.clock,
		Contact: interaction.Contact{
			ContactID: s.CallID,
			StartedAt: &c.started,
			Source:    interaction.Source{Kind: "stream", Dialect: s.Dialect, Endpoint: s.Endpoint},
			Media:     interaction.Media{Encoding: s.Encoding},
		},
	})
	c.mu.Lock()
	if err != nil {
		c.ending = true
		c.mu.Unlock()
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c.session = session
	st := &stream{call: c}
	c.streams[st] = struct{}{}
	for i, t := range s.Tracks {
		ch := &channel{index: i, name: t.Name, role: cmp.Or(t.Role, interaction.RoleUnknown), owner: st}
		c.channels = append(c.channels, ch)
		st.channels = append(st.channels, ch)
	}
	c.bound.ContactID = s.CallID
	c.mu.Unlock()
	c.kept.begin(permit.KeepAudio, s.Encoding)
	c.begun.Store(true)
	c.bindStart(ctx, s.Binding)
	c.tell(ctx, interaction.EventSessionStarted)
	c.hub.running.Go(c.checkpoints)
	return st, nil
}

// bindStart takes what a stream told at its start. The tracks have told the roles.
func (c *call) bindStart(ctx context.Context, b interaction.Binding) {
	b.ChannelRoles = nil
	if err := c.session.Bind(ctx, b); err != nil {
		c.warn(fmt.Sprintf("what the stream told at its start was not taken: %s", err))
		return
	}
	c.mu.Lock()
	c.bound.Merge(b)
	c.mu.Unlock()
}

// join gives the call one stream more. It returns analysis.ErrClosed when the call is ending.
func (c *call) join(ctx context.Context, s ingest.Start) (*stream, error) {
	if s.Rate != c.rate {
		return nil, fmt.Errorf("%w: rate %d Hz, want %d, as the other stream of the call has", ingest.ErrMismatch, s.Rate, c.rate)
	}
	c.joining.Lock()
	defer c.joining.Unlock()
	st := &stream{call: c}
	c.mu.Lock()
	if c.ending {
		c.mu.Unlock()
		return nil, analysis.ErrClosed
	}
	c.streams[st] = struct{}{} // from here on the call does not end
	close(c.rejoined)
	c.rejoined = make(chan struct{})
	at := c.position()
	c.mu.Unlock()
	for _, t := range s.Tracks {
		if err := c.take(ctx, st, t, at); err != nil {
			return nil, errors.Join(fmt.Errorf("live: join: %w", err), st.End(ctx, ingest.EndFailed))
		}
	}
	c.bindStart(ctx, s.Binding)
	c.tell(ctx, interaction.EventCallUpdated)
	return st, nil
}

// take gives st the channel of a track: one that it continues, or a new one. What it missed is a gap.
func (c *call) take(ctx context.Context, st *stream, t ingest.Track, at int64) error {
	c.mu.Lock()
	ch := c.resume(t)
	if ch != nil {
		ch.owner, ch.lost = st, false
	}
	c.mu.Unlock()
	reason := "lost"
	if ch == nil {
		reason = "late"
		index, err := c.session.AddChannel(ctx, analysis.Channel{Role: t.Role, Separated: t.Separated, Mixed: t.Mixed})
		if err != nil {
			return err
		}
		ch = &channel{index: index, name: t.Name, role: cmp.Or(t.Role, interaction.RoleUnknown), owner: st}
		c.mu.Lock()
		if slices.ContainsFunc(c.channels, func(o *channel) bool { return o.role == t.Role }) {
			ch.role = interaction.RoleUnknown // as the session has it
		}
		c.channels = append(c.channels, ch)
		c.mu.Unlock()
	}
	st.channels = append(st.channels, ch)
	missed := at - ch.pos.Load()
	if missed <= 0 {
		return nil
	}
	ch.pos.Add(missed)
	c.kept.skip(ch.index, missed)
	return c.session.Skip(ctx, ch.index, missed, reason)
}

// resume returns the channel that a track continues: one of its name and side whose stream has ended. For the holder of mu.
func (c *call) resume(t ingest.Track) *channel {
	for _, ch := range c.channels {
		if ch.owner == nil && ch.name == t.Name && (ch.role == t.Role || t.Role == "" || ch.role == interaction.RoleUnknown) {
			return ch
		}
	}
	return nil
}

// position returns how far the call has come, in samples, by its furthest channel. For the holder of mu.
func (c *call) position() int64 {
	var at int64
	for _, ch := range c.channels {
		at = max(at, ch.pos.Load())
	}
	return at
}

func (c *call) ms(samples int64) int64 { return samples * 1000 / int64(c.rate) }

func (c *call) positionMs() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ms(c.position())
}

func (c *call) bind(ctx context.Context, b interaction.Binding) error {
	if err := c.session.Bind(ctx, b); err != nil {
		return c.invalid(err)
	}
	c.mu.Lock()
	c.bound.Merge(b)
	for i, r := range b.ChannelRoles {
		if r == "" || i >= len(c.channels) {
			continue
		}
		for _, ch := range c.channels {
			if ch.role == r {
				ch.role = interaction.RoleUnknown
			}
		}
		c.channels[i].role = r
	}
	c.mu.Unlock()
	c.tell(ctx, interaction.EventCallUpdated)
	return nil
}

// tell gives out an event that says who is on the call.
func (c *call) tell(ctx context.Context, kind interaction.EventKind) {
	e := interaction.Event{Type: kind}
	if kind == interaction.EventSessionStarted {
		e.At = &c.started
	}
	if r, err := c.snapshot(ctx); err == nil {
		e.Contact, e.Participants = &r.Contact, r.Participants
	}
	c.out.emit(e)
}

func (c *call) mark(ctx context.Context, kind, detail string) error {
	m := interaction.Mark{Kind: kind, Detail: detail}
	if kind == "privacy_on" {
		c.privacy.Store(true) // before the position is taken: nothing after it may get in
	}
	m.AtMs = c.positionMs()
	if err := c.session.Mark(ctx, m); err != nil {
		return c.invalid(err)
	}
	switch kind {
	case "privacy_off":
		c.mu.Lock()
		for _, ch := range c.channels {
			if c.privacy.Load() {
				ch.until.Store(ch.pos.Load() + int64(privacyTail.Seconds()*float64(c.rate)))
			}
		}
		c.mu.Unlock()
		c.privacy.Store(false)
	case "transfer", "agent_joined", "agent_left":
		c.mu.Lock()
		c.bound.AgentID, c.bound.AgentName = "", ""
		if kind != "agent_left" {
			c.bound.AgentID = detail
		}
		c.mu.Unlock()
	}
	c.out.emit(interaction.Event{Type: interaction.EventMark, Mark: &m})
	if kind == "transfer" || kind == "agent_joined" || kind == "agent_left" {
		c.tell(ctx, interaction.EventCallUpdated)
	}
	return nil
}

// private says that what comes on a channel now must be dropped.
func (c *call) private(ch *channel) bool { return c.privacy.Load() || ch.pos.Load() < ch.until.Load() }

// invalid tells the errors of a caller from the end of the call.
func (c *call) invalid(err error) error {
	if c.hub.ctx.Err() != nil {
		return err
	}
	select {
	case <-c.done:
		return fmt.Errorf("%w: it has ended", ErrNotFound)
	default:
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

func (c *call) alert(a interaction.Alert) {
	c.mu.Lock()
	c.alerts = append(c.alerts, a)
	c.mu.Unlock()
	c.out.emit(interaction.Event{Type: interaction.EventAlert, Alert: &a})
}

func (c *call) warn(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.warnings) < maxWarnings && !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
}

// snapshot returns the partial record with what the hub knows.
func (c *call) snapshot(ctx context.Context) (*interaction.Interaction, error) {
	r, err := c.session.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c.complete(r)
	return r, nil
}

// complete adds what the hub knows to a record.
func (c *call) complete(r *interaction.Interaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Contact.Media.Warnings = append(r.Contact.Media.Warnings, c.warnings...)
	for _, a := range c.alerts {
		a.StartMs, a.EndMs = min(a.StartMs, r.Contact.DurationMs), min(a.EndMs, r.Contact.DurationMs)
		r.Alerts = append(r.Alerts, a)
	}
}

func (c *call) line() Running {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Running{ID: c.id, Tenant: c.tenant, CallID: c.platformID, Dialect: c.dialect, Endpoint: c.endpoint, StartedAt: c.started,
		DurationMs: c.ms(c.position()), AgentID: c.bound.AgentID, Queue: c.bound.Queue, Streams: len(c.streams)}
}
