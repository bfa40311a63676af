package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/events"
)

// TestCallOverARestartOfNATS kills the nats-server under a running call: the call goes on, its record is saved while the server is
// away, and the webhook is delivered from the outbox when it is back.
func TestCallOverARestartOfNATS(t *testing.T) {
	const secret = "a secret of some length"
	got := make(chan interaction.Event, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = events.Verify(secret, r.Header.Get(events.HeaderSignature), r.Header.Get(events.HeaderDelivery), body, time.Now(), time.Minute)
		}
		var e interaction.Event
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err != nil {
			t.Errorf("delivery: %v", err)
		}
		got <- e
	}))
	t.Cleanup(receiver.Close)
	nats := testkit.NATS(t)
	c := childConfig{DB: testkit.Postgres(t), NATS: nats.URL(), Dir: t.TempDir(), Checkpoint: time.Second}.config()
	c.Webhooks = []WebhookConfig{{ID: "w", Tenant: "default", URL: receiver.URL, Secrets: []string{secret}, Events: []interaction.EventKind{interaction.EventSummary}}}
	n := runWith(t, c, Deps{Node: "a"})
	heard := n.listen(t, "/v1/events", "")
	played := make(chan error, 1)
	go func() { played <- play(t, n, "twilio", "/v1/ingest/twilio", "K-1", 1, nil) }()
	id := next(t, heard, of(interaction.EventSessionStarted)).CallID
	nats.Kill()
	if err := <-played; err != nil {
		t.Errorf("the call without NATS: %v", err)
	}
	all := n.recordsOf(t, "K-1")
	if len(all) != 1 || all[0].Contact.ID != id || all[0].Contact.State != interaction.StateComplete {
		t.Fatalf("%d records while NATS is away, want the complete one", len(all))
	}
	var problems struct{ Status string }
	n.request(t, http.MethodGet, "/readyz", "", nil, 503, &problems)
	nats.Start()
	delivered := func(id string) {
		t.Helper()
		for late := time.After(time.Minute); ; {
			select {
			case e := <-got: // at least once: one of a call before may come again
				if e.Type != interaction.EventSummary {
					t.Errorf("delivered %s of %s", e.Type, e.CallID)
				}
				if e.CallID == id {
					return
				}
			case <-late:
				t.Fatalf("the webhook of call %s was not delivered after the restart", id)
			}
		}
	}
	delivered(id)
	// The subscriber of before hears the next call.
	go func() { played <- play(t, n, "twilio", "/v1/ingest/twilio", "K-2", 0, nil) }()
	if err := <-played; err != nil {
		t.Error(err)
	}
	second := next(t, heard, func(e interaction.Event) bool { return e.Type == interaction.EventSessionEnded && e.CallID != id })
	delivered(second.CallID) // not cut short by the end of the test
}
