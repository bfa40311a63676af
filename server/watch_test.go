package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/live"
)

// watching is a watch without a bus, whose alerts are kept.
func watching(t *testing.T, text string) (*watch, *[]interaction.Alert) {
	t.Helper()
	set, err := rules.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var alerts []interaction.Alert
	return &watch{
		rules: set, log: slog.New(slog.DiscardHandler), now: func() time.Time { return time.Unix(0, 0) }, calls: map[callKey]*watched{},
		alert: func(_ context.Context, _, _ string, a interaction.Alert) error {
			alerts = append(alerts, a)
			return nil
		},
	}, &alerts
}

func at(kind interaction.EventKind, ms int64) interaction.Event {
	return interaction.Event{Type: kind, Tenant: "x", CallID: "c", TimeMs: ms}
}

func started(channel int, ms int64) interaction.Event {
	e := at(interaction.EventSpeechStarted, ms+200)
	e.Channel, e.StartMs = &channel, &ms
	return e
}

func segment(channel int, startMs, endMs int64) interaction.Event {
	e := at(interaction.EventSegment, endMs+200)
	e.Channel, e.Segment = &channel, &interaction.Segment{Channel: channel, ParticipantID: []string{"agent-1", "customer-1"}[channel], StartMs: startMs, EndMs: endMs}
	return e
}

func sound(kind interaction.EventKind, of interaction.SoundKind, startMs, endMs int64) interaction.Event {
	e := at(kind, endMs+500)
	e.Sound = &interaction.Sound{Kind: of, StartMs: startMs, EndMs: endMs}
	return e
}

func TestWatchAlertsSilenceWhileItLasts(t *testing.T) {
	const rule = "rules: [{name: quiet, silence: {over: 5s}}]"
	for _, c := range []struct {
		name   string
		events []interaction.Event
		ms     int64 // how far the call has come then
		want   int
	}{
		{"not_long_enough", []interaction.Event{started(0, 0), segment(0, 0, 1000)}, 6000 + rules.LagMs - 1, 0},
		{"long_enough", []interaction.Event{started(0, 0), segment(0, 0, 1000)}, 6000 + rules.LagMs, 1},
		{"somebody_speaks", []interaction.Event{started(0, 0), segment(0, 0, 1000), started(1, 3000)}, 20000, 0},
		{"music_plays", []interaction.Event{started(0, 0), segment(0, 0, 1000), sound(interaction.EventSoundStarted, interaction.SoundHoldMusic, 1500, 4000)}, 20000, 0},
		{"music_has_ended", []interaction.Event{started(0, 0), segment(0, 0, 1000), sound(interaction.EventSoundStarted, interaction.SoundHoldMusic, 1500, 4000),
			sound(interaction.EventSound, interaction.SoundHoldMusic, 1500, 9000)}, 14000 + rules.LagMs, 1},
		{"call_is_over", []interaction.Event{started(0, 0), segment(0, 0, 1000), at(interaction.EventSessionEnded, 1200)}, 20000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, alerts := watching(t, rule)
			for _, e := range c.events {
				w.hear(t.Context(), e)
			}
			w.running = func(string) []live.Running { return []live.Running{{Tenant: "x", ID: "c", DurationMs: c.ms}} }
			w.look(t.Context())
			w.look(t.Context())
			if len(*alerts) != c.want {
				t.Errorf("alerts %+v, want %d", *alerts, c.want)
			}
		})
	}
}

func TestWatchKnowsWhoSpeaks(t *testing.T) {
	w, alerts := watching(t, "rules: [{name: angry, customer_anger: {over: 0.5}}]")
	begin := at(interaction.EventSessionStarted, 0)
	begin.Participants = []interaction.Participant{{ID: "agent-1", Role: interaction.RoleAgent}, {ID: "customer-1", Role: interaction.RoleCustomer}}
	w.hear(t.Context(), begin)
	for ch := range 2 {
		e := segment(ch, int64(ch)*5000, int64(ch)*5000+1000)
		e.Segment.Emotion = &interaction.Emotion{Probabilities: map[string]float64{"angry": 0.9}}
		w.hear(t.Context(), e)
	}
	if len(*alerts) != 1 || (*alerts)[0].StartMs != 5000 {
		t.Errorf("alerts %+v, want one, of the customer", *alerts)
	}
}

func TestWatchWaitsForTheEndOfASegment(t *testing.T) {
	w, alerts := watching(t, "rules: [{name: angry, customer_anger: {over: 0.5, for: 3s}}, {name: quiet, silence: {over: 2s}}]")
	w.hear(t.Context(), started(1, 0))
	for ms := int64(1000); ms <= 8000; ms += 1000 {
		e := segment(1, 0, ms)
		provisional := false
		e.Role, e.IsFinal = interaction.RoleCustomer, &provisional
		e.Segment.Emotion = &interaction.Emotion{Probabilities: map[string]float64{"angry": 0.9}}
		w.hear(t.Context(), e)
	}
	if len(*alerts) != 0 {
		t.Errorf("alerts on a segment that is not over: %+v", *alerts)
	}
}

func TestWatchForgetsCallsWhoseEndWentPast(t *testing.T) {
	w, _ := watching(t, "rules: [{name: quiet, silence: {over: 5s}}]")
	now := time.Unix(1e9, 0)
	w.now = func() time.Time { return now }
	w.hear(t.Context(), started(0, 0))
	now = now.Add(2 * watchIdle)
	other := started(0, 0)
	other.CallID = "d"
	w.hear(t.Context(), other)
	if len(w.calls) != 1 {
		t.Errorf("%d calls are remembered, want 1", len(w.calls))
	}
}

// TestWatchNeverWaits publishes more than the queue holds while nobody tries the rules.
func TestWatchNeverWaits(t *testing.T) {
	w, _ := watching(t, "")
	n := run(t, config(t.TempDir()))
	w.bus, w.in = n.bus, make(chan interaction.Event, 4)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				w.Publish(at(interaction.EventProgress, 0))
			}
		})
	}
	wg.Wait()
	if got := w.missed.Load(); got != 96 {
		t.Errorf("%d missed, want 96 of 100", got)
	}
	w.Publish(interaction.Event{Type: "gossip"})
	if w.refused.Load() != 1 {
		t.Errorf("%d refused, want 1", w.refused.Load())
	}
}

func TestRaiseKeepsWhatWasTold(t *testing.T) {
	set, err := rules.Parse([]byte("rules: [{name: quiet, silence: {over: 2s}}]"))
	if err != nil {
		t.Fatal(err)
	}
	r := interaction.New()
	r.Contact.DurationMs = 30000
	r.Participants = []interaction.Participant{{ID: "agent-1", Role: interaction.RoleAgent}}
	r.Segments = []interaction.Segment{{ParticipantID: "agent-1", StartMs: 10000, EndMs: 11000}}
	live := interaction.Alert{Rule: "quiet", Severity: "info", StartMs: 100, EndMs: 2100, Evidence: "as it was told"}
	r.Alerts = []interaction.Alert{live}
	if n := raise(set, r); n != 1 || len(r.Alerts) != 2 || r.Alerts[0] != live || r.Alerts[1].StartMs != 11000 {
		t.Errorf("%d raised: %+v", n, r.Alerts)
	}
	before := slices.Clone(r.Alerts)
	if n := raise(set, r); n != 0 || !slices.Equal(r.Alerts, before) {
		t.Errorf("once more: %d raised: %+v", n, r.Alerts)
	}
}
