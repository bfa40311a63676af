package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

func TestSendings(t *testing.T) {
	begin := time.Unix(1000, 0)
	at := func(frame int64) time.Time { return begin.Add(time.Duration(frame) * frameMs * time.Millisecond) }
	s := &sendings{}
	if _, ok := s.of(20); ok {
		t.Error("a frame before the first was found")
	}
	const n = ringFrames + 100
	for i := range int64(n) {
		s.send(at(i))
	}
	for _, c := range []struct {
		name   string
		timeMs int64
		want   int64 // frame, -1: none
	}{
		{"end_of_the_last_frame", n * frameMs, n - 1},
		{"first_ms_of_the_last_frame", (n-1)*frameMs + 1, n - 1},
		{"end_of_the_one_before", (n - 1) * frameMs, n - 2},
		{"beyond_the_last", n*frameMs + 1, -1},
		{"negative", -1, -1},
		{"forgotten_counts_as_the_oldest_known", 0, n - ringFrames},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := s.of(c.timeMs)
			if ok != (c.want >= 0) || ok && !got.Equal(at(c.want)) {
				t.Errorf("%v, %v, want frame %d at %v", got, ok, c.want, at(c.want))
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	x := make([]float64, 1000)
	for i := range x {
		x[i] = float64(i + 1)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(x), func(i, k int) { x[i], x[k] = x[k], x[i] })
	for q, want := range map[float64]float64{0: 1, 0.5: 500, 0.99: 990, 1: 1000} {
		if got := quantile(x, q); got != want {
			t.Errorf("quantile %g: %g, want %g", q, got, want)
		}
	}
	if got := quantile(nil, 0.99); got != 0 {
		t.Errorf("of nothing: %g, want 0", got)
	}
}

func TestInTime(t *testing.T) {
	for name, c := range map[string]struct {
		r    result
		want bool
	}{
		"under_the_limit":     {result{events: 9, p99: 499}, true},
		"at_the_limit":        {result{events: 9, p99: 500}, false},
		"no_events":           {result{}, false},
		"events_lost":         {result{events: 9, lost: 1}, false},
		"calls_failed":        {result{events: 9, failed: 1}, false},
		"unknown_frames_told": {result{events: 9, strange: 1}, false},
	} {
		if got := c.r.inTime(500 * time.Millisecond); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestHear plays the events of one call and holds what the book has of them.
func TestHear(t *testing.T) {
	g := &generator{sent: map[string]*sendings{}}
	begin := time.Unix(1000, 0)
	s := &sendings{}
	for i := range 100 {
		s.send(begin.Add(time.Duration(i) * frameMs * time.Millisecond))
	}
	g.sent["CA1"] = s
	started := event{Type: interaction.EventSessionStarted, CallID: "r1"}
	started.Contact = &struct {
		ContactID string `json:"contact_id"`
	}{"CA1"}
	g.hear(started, begin)
	g.hear(event{Type: interaction.EventSegment, CallID: "r1", TimeMs: 1000}, begin.Add(980*time.Millisecond+70*time.Millisecond))
	g.hear(event{Type: interaction.EventProgress, CallID: "r1", TimeMs: 1000}, begin.Add(time.Hour))
	g.hear(event{Type: interaction.EventSegment, CallID: "r2", TimeMs: 1000}, begin)
	g.hear(event{Type: interaction.EventSpeechStarted, CallID: "r1", TimeMs: 2001}, begin)
	g.hear(event{Type: interaction.EventLost, Count: 3}, begin)
	g.hear(event{Type: interaction.EventSessionEnded, CallID: "r1"}, begin)
	if r := g.book.take(); r.events != 1 || r.most != 70 || r.strange != 2 || r.lost != 3 {
		t.Errorf("%+v, want one event of 70 ms, two that are about no frame, three lost", r)
	}
	if len(g.sent) != 0 {
		t.Errorf("%d calls remembered, want none", len(g.sent))
	}
}

func TestDrift(t *testing.T) {
	rows := []result{{rss: 1}, {rss: 1}, {rss: 10}, {rss: 12}, {rss: 20}, {rss: 20}, {rss: 13}, {rss: 11}}
	if from, to, ok := drift(rows); !ok || from != 11 || to != 12 {
		t.Errorf("%g to %g, %v, want 11 to 12", from, to, ok)
	}
	if _, _, ok := drift(rows[:3]); ok {
		t.Error("three windows have quarters")
	}
}

func TestParseStat(t *testing.T) {
	text := []byte("42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 8 0 100 1000000 500 18446744073709551615\n")
	u, err := parseStat(text, 4096)
	if err != nil || u.cpu != 3*time.Second || u.rss != 500*4096 {
		t.Errorf("%+v, %v, want 3 s and %d bytes", u, err, 500*4096)
	}
	for _, bad := range []string{"", "42 (x) S 1", "42 (x) S 1 42 42 0 -1 4194304 100 0 0 0 x 50 0 0 20 0 8 0 100 1000000 500"} {
		if _, err := parseStat([]byte(bad), 4096); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestCheck(t *testing.T) {
	good := options{first: 1, step: 1, most: 1, window: time.Second, limit: time.Second, shortest: time.Minute, longest: time.Minute}
	if err := good.check(1); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(o *options){
		"no_step":           func(o *options) { o.step = 0 },
		"too_many_calls":    func(o *options) { o.calls = maxCalls + 1 },
		"negative_duration": func(o *options) { o.hold = -1 },
		"no_window":         func(o *options) { o.window = 0 },
		"shortest_longer":   func(o *options) { o.shortest = o.longest + 1 },
		"longer_than_held":  func(o *options) { o.longest = maxCall + 1 },
		"call_of_nothing":   func(o *options) { o.shortest = 0 },
	} {
		o := good
		change(&o)
		if o.check(1) == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if good.check(0) == nil {
		t.Error("no recording was taken")
	}
}
