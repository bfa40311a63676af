package events

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// TestDeliveriesOutliveARestartOfTheServer kills the nats-server while deliveries are on their way: each arrives, at least once and
// under its own id.
func TestDeliveriesOutliveARestartOfTheServer(t *testing.T) {
	nats := testkit.NATS(t)
	b := start(t, BrokerOptions{URL: nats.URL()})
	q := queue(t, b)
	url, got := receiver(t, http.StatusNoContent)
	hook := Webhook{ID: "w", Tenant: "x", URL: url, Secrets: []string{testSecret}, Local: true}
	deliverer(t, q, hook)
	const n = 60
	sent := make(chan error, 1)
	go func() {
		defer close(sent)
		for i := range n {
			// As Relay does: what could not be put is put again, under the same id.
			for {
				err := Enqueue(t.Context(), q, StaticWebhooks{hook}, "x", interaction.EventAlert, fmt.Sprint(i), json.RawMessage(fmt.Sprintf(`{"seq":%d}`, i)))
				if err == nil {
					break
				}
				if t.Context().Err() != nil {
					sent <- err
					return
				}
			}
		}
	}()
	arrived := map[string]int{}
	for kills := 0; len(arrived) < n; {
		r := receive(t, got)
		if r.signed != nil {
			t.Errorf("delivery %s: %v", r.header.Get(HeaderDelivery), r.signed)
		}
		arrived[r.header.Get(HeaderDelivery)]++
		if len(arrived) == n/3*(kills+1) && kills < 2 {
			kills++
			nats.Kill()
			nats.Start()
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for id := range arrived {
		if !strings.HasPrefix(id, "x/") || !strings.HasSuffix(id, "/w") {
			t.Errorf("delivery %q", id)
		}
	}
	drained(t, q, 0)
}

// TestSubscriptionOutlivesARestartOfTheServer: events of the time without a server may be lost, and those after it come.
func TestSubscriptionOutlivesARestartOfTheServer(t *testing.T) {
	nats := testkit.NATS(t)
	a := bus(t, start(t, BrokerOptions{URL: nats.URL()}), BusOptions{})
	s := subscribe(t, a, Filter{Tenant: "x"})
	next := func() (e interaction.Event) {
		t.Helper()
		body, _, err := s.Next(soon(t))
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	publish(t, a, interaction.Event{Type: interaction.EventAlert, Tenant: "x", CallID: "c", Seq: 1})
	if e := next(); e.Seq != 1 {
		t.Fatalf("event %+v", e)
	}
	nats.Kill()
	publish(t, a, interaction.Event{Type: interaction.EventAlert, Tenant: "x", CallID: "c", Seq: 2})
	nats.Start()
	got := make(chan interaction.Event, 1)
	go func() { got <- next() }()
	var first interaction.Event
	for seq := int64(3); first.Seq == 0; seq++ { // until the subscriber is connected again
		publish(t, a, interaction.Event{Type: interaction.EventAlert, Tenant: "x", CallID: "c", Seq: seq})
		select {
		case first = <-got:
		case <-soon(t).Done():
			t.Fatal("no event after the restart")
		default:
			if err := a.conn.FlushWithContext(soon(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := first.Seq
	for range 3 {
		publish(t, a, interaction.Event{Type: interaction.EventAlert, Tenant: "x", CallID: "c", Seq: 1 << 40})
	}
	for e := next(); e.Seq != 1<<40; e = next() {
		if e.Seq <= last {
			t.Errorf("event %d after %d", e.Seq, last)
		}
		last = e.Seq
	}
}
