package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/live"
)

// watch hears every event of this node's calls: it passes them to the bus, tries the alert rules on them, and has alerts delivered. It
// never makes a call wait: when more than watchQueue events wait for the rules, the newest goes past them and is counted; what an
// alert missed that way, the final record still shows.
type watch struct {
	bus     *events.Bus
	rules   rules.Set
	queue   events.Queue
	hooks   events.Webhooks
	log     *slog.Logger
	now     func() time.Time
	alert   func(ctx context.Context, tenant, id string, a interaction.Alert) error
	running func(tenant string) []live.Running
	in      chan interaction.Event
	missed  atomic.Int64
	refused atomic.Int64 // events that the bus would not take
	calls   map[callKey]*watched
	swept   time.Time
}

var _ live.Events = (*watch)(nil)

const (
	watchQueue = 8192
	watchIdle  = time.Hour // a call of which nothing was heard for so long is forgotten
)

type callKey struct{ tenant, id string }

// watched is what is remembered of a call.
type watched struct {
	*rules.Call
	roles map[string]interaction.Role
	at    time.Time
}

// Publish takes an event; see live.Events.
func (w *watch) Publish(e interaction.Event) {
	if err := w.bus.Publish(e); err != nil {
		w.refused.Add(1)
		w.log.Error("server: event not published", "interaction", e.CallID, "err", err)
	}
	select {
	case w.in <- e:
	default:
		w.missed.Add(1)
	}
}

// run tries the rules until ctx ends. Events alone would not tell a silence, in which nothing happens, so it looks how far the calls
// have come once a second.
func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.in:
			w.hear(ctx, e)
		case <-tick.C:
			w.look(ctx)
		}
	}
}

// look tells the rules how far each call has come, once all that was heard of it is told.
func (w *watch) look(ctx context.Context) {
	if len(w.rules.Rules) == 0 || len(w.in) > 0 {
		return
	}
	for _, r := range w.running("") {
		if c := w.calls[callKey{r.Tenant, r.ID}]; c != nil {
			w.raise(ctx, r.Tenant, r.ID, c.Progress(r.DurationMs))
		}
	}
}

func (w *watch) hear(ctx context.Context, e interaction.Event) {
	if e.Type == interaction.EventAlert {
		w.deliver(ctx, e)
		return
	}
	w.raise(ctx, e.Tenant, e.CallID, w.try(e))
}

func (w *watch) raise(ctx context.Context, tenant, id string, alerts []interaction.Alert) {
	for _, a := range alerts {
		if err := w.alert(ctx, tenant, id, a); err != nil { // the call has ended meanwhile; its record gets the alert
			w.log.Debug("server: alert of a call that is over", "interaction", id, "rule", a.Rule, "err", err)
		}
	}
}

// try lets the rules hear one event and returns the alerts that they raise.
func (w *watch) try(e interaction.Event) []interaction.Alert {
	key := callKey{e.Tenant, e.CallID}
	now := w.now()
	c := w.calls[key]
	if c == nil {
		w.sweep(now)
		c = &watched{Call: w.rules.NewCall(e.Queue), roles: map[string]interaction.Role{}}
		w.calls[key] = c
	}
	c.at = now
	c.Queue(e.Queue)
	for _, p := range e.Participants {
		c.roles[p.ID] = p.Role
	}
	var alerts []interaction.Alert
	switch e.Type {
	case interaction.EventSpeechStarted:
		if e.Channel != nil && e.StartMs != nil {
			alerts = c.SpeechStarted(*e.Channel, *e.StartMs)
		}
	case interaction.EventSegment:
		if e.Segment != nil && final(e) {
			role := e.Role
			if known, ok := c.roles[e.Segment.ParticipantID]; ok {
				role = known
			}
			alerts = c.Segment(*e.Segment, role)
		}
	case interaction.EventSoundStarted:
		if e.Sound != nil {
			alerts = c.SoundStarted(e.Sound.Kind, e.Sound.Channel, e.Sound.StartMs)
		}
	case interaction.EventSound:
		if e.Sound != nil {
			alerts = c.Sound(*e.Sound)
		}
	case interaction.EventMark:
		if e.Mark != nil {
			alerts = c.Mark(*e.Mark)
		}
	case interaction.EventVoice:
		if e.Voice != nil {
			alerts = c.Voice(*e.Voice, e.TimeMs)
		}
	case interaction.EventSummary, interaction.EventSessionEnded:
		delete(w.calls, key)
		return nil
	}
	return append(alerts, c.Progress(e.TimeMs)...)
}

// final reports whether a segment is over; what is told of one while it lasts is told again then.
func final(e interaction.Event) bool { return e.IsFinal == nil || *e.IsFinal }

// sweep forgets calls whose end went past, once an hour.
func (w *watch) sweep(now time.Time) {
	if now.Sub(w.swept) < watchIdle {
		return
	}
	w.swept = now
	for key, c := range w.calls {
		if now.Sub(c.at) > watchIdle {
			delete(w.calls, key)
		}
	}
}

// deliver has an alert posted to the webhooks that want alerts while the call still runs; bodies makes whole what is queued.
func (w *watch) deliver(ctx context.Context, e interaction.Event) {
	body, err := json.Marshal(interaction.Event{Type: e.Type, Version: e.Version, Tenant: e.Tenant, CallID: e.CallID, Seq: e.Seq, TimeMs: e.TimeMs, Alert: nameOf(e.Alert)})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err = events.Enqueue(ctx, w.queue, w.hooks, e.Tenant, e.Type, fmt.Sprintf("%s-%d", e.CallID, e.Seq), body)
	}
	if err != nil {
		w.log.Warn("server: alert not delivered; the record has it", "interaction", e.CallID, "err", err)
	}
}
