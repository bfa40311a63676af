package events

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

func bus(t *testing.T, b *Broker, o BusOptions) *Bus {
	t.Helper()
	bus := NewBus(b.Conn(), o)
	t.Cleanup(bus.Close)
	return bus
}

func subscribe(t *testing.T, b *Bus, f Filter) *Subscription {
	t.Helper()
	s, err := b.Subscribe(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func publish(t *testing.T, b *Bus, list ...interaction.Event) {
	t.Helper()
	for _, e := range list {
		if err := b.Publish(e); err != nil {
			t.Fatal(err)
		}
	}
}

// read returns the call and seq of the events that come until one of call "end".
func read(t *testing.T, s *Subscription) []string {
	t.Helper()
	var out []string
	for {
		body, _, err := s.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		var e interaction.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatal(err)
		}
		if e.Version != interaction.EventVersion {
			t.Errorf("version %q, want %q", e.Version, interaction.EventVersion)
		}
		if e.Message == "end" {
			return out
		}
		out = append(out, e.CallID+string('0'+rune(e.Seq)))
	}
}

func TestBusFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, broker *Broker) {
		b := bus(t, broker, BusOptions{})
		wild := "b.*.> ü"
		sent := []interaction.Event{
			{Tenant: "x", CallID: "a", Type: interaction.EventSessionStarted, Seq: 1, Queue: "sales", AgentID: "ann"},
			{Tenant: "x", CallID: wild, Type: interaction.EventSegment, Seq: 1, Queue: "billing", AgentID: "bob"},
			{Tenant: "y", CallID: "a", Type: interaction.EventAlert, Seq: 1},
			{Tenant: "x", CallID: "a", Type: interaction.EventSegment, Seq: 2, Queue: "sales", AgentID: "ann"},
			{Tenant: "x", CallID: "a", Type: interaction.EventAlert, Seq: 3, Queue: "sales", AgentID: "bob"},
		}
		for name, c := range map[string]struct {
			f    Filter
			want []string
		}{
			"tenant":         {Filter{Tenant: "x"}, []string{"a1", wild + "1", "a2", "a3"}},
			"other_tenant":   {Filter{Tenant: "y"}, []string{"a1"}},
			"tenant_is_text": {Filter{Tenant: "*"}, nil},
			"call":           {Filter{Tenant: "x", CallID: "a"}, []string{"a1", "a2", "a3"}},
			"call_is_text":   {Filter{Tenant: "x", CallID: wild}, []string{wild + "1"}},
			"queue":          {Filter{Tenant: "x", Queue: "billing"}, []string{wild + "1"}},
			"agent":          {Filter{Tenant: "x", AgentID: "bob"}, []string{wild + "1", "a3"}},
			"kinds":          {Filter{Tenant: "x", Kinds: []interaction.EventKind{interaction.EventAlert, interaction.EventSegment}}, []string{wild + "1", "a2", "a3"}},
			"all_at_once":    {Filter{Tenant: "x", CallID: "a", Queue: "sales", AgentID: "bob", Kinds: []interaction.EventKind{interaction.EventAlert}}, []string{"a3"}},
		} {
			t.Run(name, func(t *testing.T) {
				s := subscribe(t, b, c.f)
				end := interaction.Event{Tenant: c.f.Tenant, CallID: "end", Type: interaction.EventError, Queue: c.f.Queue, AgentID: c.f.AgentID, Message: "end"}
				if c.f.CallID != "" {
					end.CallID = c.f.CallID
				}
				if c.f.Kinds != nil {
					end.Type = c.f.Kinds[0]
				}
				publish(t, b, append(slices.Clone(sent), end)...)
				if got := read(t, s); !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		}
	})
}

func TestSlowSubscriberIsToldWhatItLost(t *testing.T) {
	broker := start(t, BrokerOptions{Dir: t.TempDir()})
	b := bus(t, broker, BusOptions{Subscriber: 8})
	slow, fast := subscribe(t, b, Filter{Tenant: "x"}), subscribe(t, b, Filter{Tenant: "x"})
	const n = 200
	var got int64
	for seq := int64(1); seq <= n; seq++ {
		publish(t, b, interaction.Event{Tenant: "x", CallID: "c", Type: interaction.EventProgress, Seq: seq})
		body, lost, err := fast.Next(soon(t))
		var e interaction.Event
		if err != nil || lost != 0 || json.Unmarshal(body, &e) != nil || e.Seq != seq {
			t.Fatalf("the fast subscriber got %s, %d lost, %v; want seq %d", body, lost, err, seq)
		}
		got++
	}
	var seq, told int64
	for seq < n {
		body, lost, err := slow.Next(soon(t))
		var e interaction.Event
		if err != nil || json.Unmarshal(body, &e) != nil {
			t.Fatal(string(body), err)
		}
		if e.Seq != seq+lost+1 {
			t.Fatalf("after seq %d came %d with %d lost", seq, e.Seq, lost)
		}
		seq, told = e.Seq, told+lost
	}
	if told < n-16 {
		t.Errorf("told of %d lost, want about %d", told, n-8)
	}
	if s := b.Stats(); s.LostSubscriber != told || s.LostOutgoing != 0 || s.Subscribers != 2 || s.Published != n {
		t.Errorf("stats %+v, want %d lost by subscribers, %d published", s, told, n)
	}
}

func TestPublishRefuses(t *testing.T) {
	b := bus(t, start(t, BrokerOptions{Dir: t.TempDir()}), BusOptions{})
	for name, e := range map[string]interaction.Event{
		"no_tenant": {CallID: "c", Type: interaction.EventAlert}, "no_call": {Tenant: "x", Type: interaction.EventAlert}, "no_type": {Tenant: "x", CallID: "c"},
		"unknown_type": {Tenant: "x", CallID: "c", Type: "a.b"},
	} {
		if err := b.Publish(e); err == nil || !strings.HasPrefix(err.Error(), "events: publish: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, f := range map[string]Filter{"no_tenant": {}, "unknown_kind": {Tenant: "x", Kinds: []interaction.EventKind{"*"}}} {
		if _, err := b.Subscribe(f); err == nil || !strings.HasPrefix(err.Error(), "events: subscribe: ") {
			t.Errorf("subscribe, %s: %v", name, err)
		}
	}
}

func TestRecordTooLargeForAnEventIsLeftOut(t *testing.T) {
	b := bus(t, start(t, BrokerOptions{URL: testkit.NATS(t).URL()}), BusOptions{})
	s := subscribe(t, b, Filter{Tenant: "x"})
	r := interaction.New()
	for range 20000 {
		r.Marks = append(r.Marks, interaction.Mark{Kind: "ivr", Detail: "one of very many that the platform told"})
	}
	publish(t, b, interaction.Event{Tenant: "x", CallID: "c", Type: interaction.EventSummary, Record: r})
	body, _, err := s.Next(soon(t))
	var e interaction.Event
	if err != nil || json.Unmarshal(body, &e) != nil {
		t.Fatal(err)
	}
	if e.Record != nil || !strings.Contains(e.Message, "more than an event can carry") {
		t.Errorf("event of %d bytes, message %q", len(body), e.Message)
	}
}

// TestPublishNeverWaits closes the connection under the bus: publishing goes on, and what is lost is counted.
func TestPublishNeverWaits(t *testing.T) {
	broker := start(t, BrokerOptions{Dir: t.TempDir()})
	b := NewBus(broker.Conn(), BusOptions{Outgoing: 4})
	broker.Conn().Close()
	for range 100 {
		publish(t, b, interaction.Event{Tenant: "x", CallID: "c", Type: interaction.EventProgress})
	}
	b.Close()
	if s := b.Stats(); s.LostOutgoing != 100 || s.Published != 0 {
		t.Errorf("stats %+v, want 100 lost", s)
	}
	if _, err := b.Subscribe(Filter{Tenant: "x"}); err == nil {
		t.Error("a subscription on a closed connection is accepted")
	}
}

func TestBrokerErrors(t *testing.T) {
	for name, c := range map[string]struct {
		o    BrokerOptions
		want string
	}{
		"no_folder": {BrokerOptions{}, "no folder"}, "nobody_there": {BrokerOptions{URL: "nats://127.0.0.1:1"}, "events: nats: "},
	} {
		if _, err := Start(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	b := start(t, BrokerOptions{Dir: t.TempDir()})
	if err := b.Ready(); err != nil {
		t.Error(err)
	}
	b.Close()
	if b.Ready() == nil {
		t.Error("a closed broker is ready")
	}
}
