package live

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// TestClockIsSetUnderACall sets the time of day an hour forth and back while a call runs: its offsets are those of its audio, and what the
// record and the events say of the time of day goes on from its beginning.
func TestClockIsSetUnderACall(t *testing.T) {
	begun := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	for name, jump := range map[string]time.Duration{"an_hour_back": -time.Hour, "an_hour_forth": time.Hour} {
		t.Run(name, func(t *testing.T) {
			var wall, clock atomic.Int64 // ns
			wall.Store(begun.UnixNano())
			pass := func(d time.Duration) { wall.Add(int64(d)); clock.Add(int64(d)) }
			records, events := newShelf(), &wire{}
			h := newHub(t, Options{Records: records, Events: events, Checkpoint: time.Millisecond,
				Now: func() time.Time { return time.Unix(0, wall.Load()) }, Clock: func() time.Duration { return time.Duration(clock.Load()) }})
			x := shortCall(t)
			c := open(t, h, start("CA1", agent, customer))
			ctx := t.Context()
			for i := 0; i < len(x[0]); i += 160 {
				if i == 160*100 {
					must(t, h.Mark(ctx, "acme", "CA1", "hold", ""))
					wall.Add(int64(jump))
					must(t, h.Mark(ctx, "acme", "CA1", "unhold", ""), h.Bind(ctx, "acme", "CA1", interaction.Binding{CustomerID: "c-1"}))
				}
				must(t, c.Write(ctx, 0, x[0][i:min(i+160, len(x[0]))]), c.Write(ctx, 1, x[1][i:min(i+160, len(x[1]))]))
				pass(20 * time.Millisecond)
			}
			for what := range records.arrived {
				if what == "checkpoint" {
					break
				}
			}
			must(t, c.End(ctx, ingest.EndStop))
			r := records.record(t, c.ID()) // validated when it was saved
			length := time.Duration((len(x[0])+159)/160) * 20 * time.Millisecond
			if !r.Contact.StartedAt.Equal(begun) || !r.Contact.EndedAt.Equal(begun.Add(length)) {
				t.Errorf("from %s to %s, want %s and %s later", r.Contact.StartedAt, r.Contact.EndedAt, begun, length)
			}
			if want := int64(len(x[0])) / 8; r.Contact.DurationMs != want {
				t.Errorf("%d ms, want the %d of the audio", r.Contact.DurationMs, want)
			}
			if len(r.Marks) != 2 || r.Marks[0].AtMs != 2000 || r.Marks[1].AtMs != 2000 {
				t.Errorf("marks %+v, want both at 2000 ms", r.Marks)
			}
			events.mu.Lock()
			defer events.mu.Unlock()
			var last time.Time
			for _, e := range events.events {
				if e.TimeMs < 0 || e.TimeMs > r.Contact.DurationMs {
					t.Errorf("event %s at %d ms", e.Type, e.TimeMs)
				}
				if e.At != nil {
					if e.At.Before(last) {
						t.Errorf("event %s at %s, after one at %s", e.Type, e.At, last)
					}
					last = *e.At
				}
			}
		})
	}
}

// TestClockIsSetUnderAWait sets the time of day while a hub waits for a broken connection to come back: the wait is not cut short, and
// the stream takes up its call.
func TestClockIsSetUnderAWait(t *testing.T) {
	var wall atomic.Int64
	wall.Store(time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC).UnixNano())
	records := newShelf()
	h := newHub(t, Options{Records: records, Linger: time.Minute, Now: func() time.Time { return time.Unix(0, wall.Load()) }})
	ctx, x := t.Context(), shortCall(t)
	c := open(t, h, start("CA1", customer))
	must(t, c.Write(ctx, 0, x[1][:8000]))
	ended := make(chan error, 1)
	go func() { ended <- c.End(ctx, ingest.EndDropped) }()
	for h.waiting.Load() == 0 && len(ended) == 0 { // it has seen the end
		if _, err := h.Snapshot(ctx, "acme", "CA1"); err != nil {
			t.Fatal(err)
		}
	}
	wall.Add(int64(time.Hour))
	again := open(t, h, start("CA1", customer))
	if again.ID() != c.ID() {
		t.Errorf("another call %s, want %s", again.ID(), c.ID())
	}
	must(t, <-ended, again.Write(ctx, 0, x[1][8000:16000]), again.End(ctx, ingest.EndStop))
	if r := records.record(t, c.ID()); r.Contact.DurationMs != 2000 || r.Contact.State != interaction.StateComplete {
		t.Errorf("%d ms, %s, want 2000 and complete", r.Contact.DurationMs, r.Contact.State)
	}
}
