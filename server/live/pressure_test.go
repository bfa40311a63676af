package live

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

func TestPressureHasHysteresis(t *testing.T) {
	p := pressure{limit: 500 * time.Millisecond, since: -1}
	for _, c := range []struct {
		name    string
		at, lag time.Duration
		over    bool
		changed bool
	}{
		{"at_rest", 0, 0, false, false},
		{"late", 1000 * time.Millisecond, 600 * time.Millisecond, false, false},
		{"a_break", 1900 * time.Millisecond, 500 * time.Millisecond, false, false},
		{"late_again", 2000 * time.Millisecond, 600 * time.Millisecond, false, false},
		{"not_for_long", 2999 * time.Millisecond, time.Hour, false, false},
		{"for_a_second", 3000 * time.Millisecond, 501 * time.Millisecond, true, true},
		{"goes_on", 4 * time.Second, time.Hour, true, false},
		{"under_the_limit_and_not_by_half", 20 * time.Second, 250 * time.Millisecond, true, false},
		{"not_half_as_late", 30 * time.Second, 249 * time.Millisecond, true, false},
		{"for_four_seconds", 34 * time.Second, 0, true, false},
		{"for_five", 35 * time.Second, 100 * time.Millisecond, false, true},
		{"at_rest_again", 36 * time.Second, 0, false, false},
	} {
		over, changed := p.observe(c.at, c.lag)
		if _, lag := p.state(); over != c.over || changed != c.changed || lag != c.lag {
			t.Errorf("%s: overloaded %t, news %t, lag %s, want %t, %t, %s", c.name, over, changed, lag, c.over, c.changed, c.lag)
		}
	}
	none := pressure{since: -1}
	for at := range time.Duration(10) {
		if over, _ := none.observe(at*time.Second, time.Hour); over {
			t.Fatal("overloaded without a limit")
		}
	}
}

// TestOverloadedHubTakesStreamsOfRunningCalls and no others, and lets what can wait go on when it is over.
func TestOverloadedHubTakesStreamsOfRunningCalls(t *testing.T) {
	var now, lag atomic.Int64
	now.Store(int64(time.Hour))
	h := newHub(t, Options{Records: newShelf(), MaxLag: time.Second, Clock: func() time.Duration { return time.Duration(now.Load()) },
		Lag: func() time.Duration { return time.Duration(lag.Load()) }})
	hold := func(late, d time.Duration) {
		lag.Store(int64(late))
		h.look()
		now.Add(int64(d))
		h.look()
	}
	first := open(t, h, start("CA1", customer))
	hold(2*time.Second, time.Minute)
	if _, err := h.Open(t.Context(), start("CA2", customer)); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("a new call: %v, want ErrBusy", err)
	}
	if _, err := h.Open(t.Context(), start("", customer)); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("a new call without an id: %v, want ErrBusy", err)
	}
	if err := h.Admit(); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("admitted: %v, want ErrBusy", err)
	}
	second := open(t, h, start("CA1", agent))
	if l := h.Load(); !l.Overloaded || l.RefusedOverload != 3 || l.RefusedFull != 0 || l.Lag != 2*time.Second {
		t.Errorf("%+v, want overloaded and 3 refused", l)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := h.Yield(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("what can wait: %v, want that it waits", err)
	}
	hold(0, time.Minute)
	must(t, h.Yield(t.Context()), h.Admit(), first.Write(t.Context(), 0, make([]float32, 8000)), first.End(t.Context(), ingest.EndStop), second.End(t.Context(), ingest.EndStop))
	must(t, open(t, h, start("CA2", customer)).End(t.Context(), ingest.EndStop))
	if l := h.Load(); l.Overloaded || l.Audio < time.Second {
		t.Errorf("%+v, want a second of audio at the least", l)
	}
}

// sticky is Events in which the session of a call sticks that tells a key.
type sticky struct{ began, release chan struct{} }

func (s sticky) Publish(e interaction.Event) {
	if e.Type == interaction.EventSound {
		s.began <- struct{}{}
		<-s.release
	}
}

// TestLatenessLeavesOutAFewStreams stops two of thirty calls in their work, then ten.
func TestLatenessLeavesOutAFewStreams(t *testing.T) {
	var now atomic.Int64
	now.Store(int64(time.Hour))
	wall := sticky{make(chan struct{}), make(chan struct{})}
	h := newHub(t, Options{Records: newShelf(), Events: wall, Clock: func() time.Duration { return time.Duration(now.Load()) }})
	var calls []*stream
	for range 30 {
		calls = append(calls, open(t, h, start("", customer)).(*stream))
	}
	stop := func(c *stream) {
		t.Helper()
		must(t, c.Digit(t.Context(), 0, "1", 0))
		<-wall.began
	}
	for _, c := range calls[:2] {
		stop(c)
	}
	now.Add(int64(3 * time.Second))
	if l := h.lateness(); l != 0 {
		t.Errorf("%s with 2 calls of 30 stuck, want 0", l)
	}
	for _, c := range calls[2:10] {
		stop(c)
	}
	now.Add(int64(2 * time.Second))
	if l := h.lateness(); l != 2*time.Second {
		t.Errorf("%s with 10 calls of 30 stuck, want the 2 s of the eight", l)
	}
	close(wall.release)
	for _, c := range calls {
		must(t, c.End(t.Context(), ingest.EndStop))
	}
}
