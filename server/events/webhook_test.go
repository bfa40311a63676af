package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

const testSecret = "a secret of some length"

// received is one request that a receiver got.
type received struct {
	header http.Header
	body   string
	signed error
}

// receiver answers each request with the next status, the last again and again. Two may come at once.
func receiver(t *testing.T, statuses ...int) (url string, got <-chan received) {
	t.Helper()
	c := make(chan received, 100)
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = Verify(testSecret, r.Header.Get(HeaderSignature), r.Header.Get(HeaderDelivery), body, time.Now(), time.Minute)
		}
		c <- received{r.Header, string(body), err}
		status := statuses[min(int(n.Add(1)), len(statuses))-1]
		if status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, c
}

func deliverer(t *testing.T, q Queue, hooks ...Webhook) {
	t.Helper()
	deliver(t, q, DelivererOptions{}, hooks...)
}

func deliver(t *testing.T, q Queue, o DelivererOptions, hooks ...Webhook) {
	t.Helper()
	for _, w := range hooks {
		if err := w.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	d := NewDeliverer(q, StaticWebhooks(hooks), o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestDeliveryIsSignedAndTriedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, b *Broker) {
		q := queue(t, b, time.Millisecond, time.Millisecond, time.Millisecond)
		url, got := receiver(t, 500, http.StatusFound, http.StatusTooManyRequests, 204)
		hook := Webhook{ID: "w", Tenant: "x", URL: url, Secrets: []string{"another secret, the new one", testSecret}, Local: true}
		if err := Enqueue(t.Context(), q, StaticWebhooks{hook}, "x", interaction.EventAlert, "17", json.RawMessage(`{"type":"alert"}`)); err != nil {
			t.Fatal(err)
		}
		deliverer(t, q, hook)
		for attempt := 1; attempt <= 4; attempt++ { // a redirect that were followed would fail in another way and never reach the fourth
			r := receive(t, got)
			if r.signed != nil || r.body != `{"type":"alert"}` {
				t.Errorf("attempt %d: %q, signature %v", attempt, r.body, r.signed)
			}
			for name, want := range map[string]string{HeaderDelivery: "x/17/w", HeaderEvent: "alert", HeaderAttempt: fmt.Sprint(attempt), "Content-Type": "application/json"} {
				if r.header.Get(name) != want {
					t.Errorf("attempt %d: %s: %q, want %q", attempt, name, r.header.Get(name), want)
				}
			}
		}
		drained(t, q, 0)
	})
}

// TestWhatIsSentIsMadeWhenItIsSent: the queue holds names alone.
func TestWhatIsSentIsMadeWhenItIsSent(t *testing.T) {
	large := interaction.New()
	large.Contact.ID, large.Contact.Tenant = "big", "x"
	for range 20000 {
		large.Marks = append(large.Marks, interaction.Mark{Kind: "ivr", Detail: "one of very many that the platform told"})
	}
	whole, err := json.Marshal(interaction.Event{Type: interaction.EventSummary, CallID: "big", Tenant: "x", Record: large})
	if err != nil {
		t.Fatal(err)
	}
	q := queue(t, start(t, BrokerOptions{Dir: t.TempDir()}), time.Millisecond)
	url, got := receiver(t, 204)
	hook := Webhook{ID: "w", Tenant: "x", URL: url, Secrets: []string{testSecret}, Local: true}
	for _, id := range []string{"deleted", "big", "small"} {
		if err := Enqueue(t.Context(), q, StaticWebhooks{hook}, "x", interaction.EventSummary, id, json.RawMessage(`{"call_id":"`+id+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	failed := false
	deliver(t, q, DelivererOptions{Parallel: 1, Whole: func(_ context.Context, d Delivery) (json.RawMessage, error) {
		switch string(d.Body) {
		case `{"call_id":"deleted"}`:
			return nil, nil
		case `{"call_id":"big"}`:
			return whole, nil
		}
		if !failed {
			failed = true
			return nil, errors.New("the store is gone for a moment")
		}
		return json.RawMessage(`{"as it":"stands now"}`), nil
	}}, hook)
	bodies := map[string]string{}
	for range 2 {
		r := receive(t, got)
		if r.signed != nil {
			t.Errorf("signature %v", r.signed)
		}
		bodies[r.header.Get(HeaderDelivery)] = r.body
	}
	drained(t, q, 0)
	if body := bodies["x/small/w"]; body != `{"as it":"stands now"}` || !failed {
		t.Errorf("sent %q", body)
	}
	var big interaction.Event
	if err := json.Unmarshal([]byte(bodies["x/big/w"]), &big); err != nil || big.Record != nil || big.Contact.ID != "big" || !strings.Contains(big.Message, "fetch /v1/interactions/big") {
		t.Errorf("the large record went out as %.300s, %v", bodies["x/big/w"], err)
	}
	if len(got) != 0 {
		t.Errorf("sent of what was deleted: %+v", <-got)
	}
}

func TestDeliveryIsGivenUp(t *testing.T) {
	gone, goneGot := receiver(t, http.StatusGone)
	for _, c := range []struct {
		name string
		hook Webhook
		want string
	}{
		{"receiver_wants_no_more", Webhook{ID: "w", Tenant: "x", URL: gone, Secrets: []string{testSecret}, Local: true}, "status 410, want 2xx"},
		{"metadata_address", Webhook{ID: "w", Tenant: "x", URL: "http://169.254.169.254/latest", Secrets: []string{testSecret}, Local: true}, "address 169.254.169.254, want none that is link-local"},
		{"metadata_address_in_IPv6", Webhook{ID: "w", Tenant: "x", URL: "http://[::ffff:169.254.169.254]/", Secrets: []string{testSecret}, Local: true}, "want none that is link-local"},
		{"webhook_was_deleted", Webhook{ID: "other", Tenant: "x", URL: gone, Secrets: []string{testSecret}, Local: true}, "webhook w: no longer there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := queue(t, start(t, BrokerOptions{Dir: t.TempDir()}), time.Hour)
			asked := Webhook{ID: "w", Tenant: "x"}
			if err := Enqueue(t.Context(), q, StaticWebhooks{asked}, "x", interaction.EventAlert, "1", json.RawMessage(`{}`)); err != nil {
				t.Fatal(err)
			}
			deliverer(t, q, c.hook)
			drained(t, q, 1)
			letters, err := q.Dead(t.Context(), 0, 1)
			if err != nil || len(letters) != 1 || !strings.Contains(letters[0].Error, c.want) || letters[0].Attempts != 1 {
				t.Errorf("dead letters %+v, %v; want %q after 1 attempt", letters, err, c.want)
			}
			if strings.Contains(string(letters[0].Body), testSecret) {
				t.Error("a dead letter holds the secret")
			}
		})
	}
	if len(goneGot) != 1 {
		t.Errorf("the receiver that wants no more was asked %d times, want once", len(goneGot))
	}
}

func TestWebhookValidate(t *testing.T) {
	good := Webhook{ID: "w", Tenant: "x", URL: "https://crm.example/hook", Secrets: []string{testSecret}, Kinds: []interaction.EventKind{interaction.EventSummary}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		change func(*Webhook)
		want   string
	}{
		"no_id":          {func(w *Webhook) { w.ID = "" }, "want both"},
		"file":           {func(w *Webhook) { w.URL = "file:///etc/passwd" }, "want http or https"},
		"user":           {func(w *Webhook) { w.URL = "https://u:p@h/" }, "holds a user"},
		"bad_url":        {func(w *Webhook) { w.URL = "http://[" }, "webhook w: "},
		"no_secret":      {func(w *Webhook) { w.Secrets = nil }, "0 secrets"},
		"short_secret":   {func(w *Webhook) { w.Secrets = []string{"short"} }, "5 bytes, want at least 16"},
		"this_machine":   {func(w *Webhook) { w.URL = "http://LocalHost:8080/" }, "is of this machine"},
		"loopback":       {func(w *Webhook) { w.URL = "http://127.9.9.9/" }, "is of this machine"},
		"loopback_in_6":  {func(w *Webhook) { w.URL = "http://[::ffff:127.0.0.1]/" }, "is of this machine"},
		"metadata":       {func(w *Webhook) { w.URL = "http://169.254.169.254/" }, "link-local"},
		"kind_not_there": {func(w *Webhook) { w.Kinds = []interaction.EventKind{interaction.EventSegment} }, `"segment", want one of`},
	} {
		w := good
		c.change(&w)
		if err := w.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		} else if strings.Contains(err.Error(), "u:p@") {
			t.Errorf("%s: the message shows the password: %v", name, err)
		}
	}
}

// TestOnlyALocalWebhookReachesThisMachine dials, so that a name that leads to loopback is refused like the address; the connection
// that one webhook holds open is not there for the other.
func TestOnlyALocalWebhookReachesThisMachine(t *testing.T) {
	url, got := receiver(t, http.StatusNoContent)
	d := NewDeliverer(nil, nil, DelivererOptions{})
	t.Cleanup(d.local.CloseIdleConnections)
	w := Webhook{ID: "w", Tenant: "x", URL: url, Secrets: []string{testSecret}, Local: true}
	if err := d.Test(soon(t), w, "test/1"); err != nil {
		t.Fatal(err)
	}
	r := receive(t, got)
	if r.signed != nil || r.header.Get(HeaderEvent) != "test" || r.header.Get(HeaderDelivery) != "test/1" || !strings.Contains(r.body, `"type":"test"`) {
		t.Errorf("test delivery %q %v, signature %v", r.body, r.header, r.signed)
	}
	w.Local = false
	err := d.Test(soon(t), w, "test/2")
	var permanent *permanentError
	if !errors.As(err, &permanent) || !strings.Contains(err.Error(), "want none of this machine") {
		t.Errorf("%v, want a refusal for good", err)
	}
	if len(got) > 0 {
		t.Error("the receiver on this machine got a delivery")
	}
}

// memoryOutbox is an outbox whose marking can be made to fail.
type memoryOutbox struct {
	mu     sync.Mutex
	rows   []OutboxRow
	broken bool
}

func (o *memoryOutbox) Pending(_ context.Context, limit int) ([]OutboxRow, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.rows[:min(limit, len(o.rows))]), nil
}

func (o *memoryOutbox) MarkPublished(_ context.Context, ids []int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken {
		return errors.New("disk full")
	}
	o.rows = slices.DeleteFunc(o.rows, func(r OutboxRow) bool { return slices.Contains(ids, r.ID) })
	return nil
}

func TestRelay(t *testing.T) {
	q := queue(t, start(t, BrokerOptions{Dir: t.TempDir()}))
	hooks := StaticWebhooks{
		{ID: "all", Tenant: "x"}, {ID: "alerts", Tenant: "x", Kinds: []interaction.EventKind{interaction.EventAlert}}, {ID: "all", Tenant: "y"},
	}
	o := &memoryOutbox{broken: true, rows: []OutboxRow{
		{ID: 1, Tenant: "x", Kind: interaction.EventSummary, Body: json.RawMessage(`{"n":1}`)}, {ID: 2, Tenant: "x", Kind: interaction.EventAlert, Body: json.RawMessage(`{"n":2}`)},
		{ID: 3, Tenant: "y", Kind: interaction.EventAlert, Body: json.RawMessage(`{"n":3}`)}, {ID: 4, Tenant: "nobody", Kind: interaction.EventAlert, Body: json.RawMessage(`{}`)},
	}}
	r := NewRelay(o, q, hooks, RelayOptions{Batch: 3})
	if _, err := r.move(t.Context()); err == nil {
		t.Error("rows that could not be marked are no error")
	}
	o.mu.Lock()
	o.broken = false
	o.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	tasks := make(chan Task, 10)
	work(t, q, 1, func(_ context.Context, task Task) error { tasks <- task; return nil })
	got := map[string]string{}
	for range 4 {
		task := receive(t, tasks)
		d, err := ReadDelivery(task.Body)
		if err != nil {
			t.Fatal(err)
		}
		got[task.ID] = string(d.Body)
	}
	for ctx := soon(t); ; time.Sleep(time.Millisecond) { // the tasks were queued by the move that failed; this one marks
		if rows, err := o.Pending(ctx, 10); err != nil || ctx.Err() != nil {
			t.Fatalf("%d rows are still pending, %v", len(rows), ctx.Err())
		} else if len(rows) == 0 {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	drained(t, q, 0)
	for id, body := range map[string]string{"x/1/all": `{"n":1}`, "x/2/all": `{"n":2}`, "x/2/alerts": `{"n":2}`, "y/3/all": `{"n":3}`} {
		if got[id] != body {
			t.Errorf("task %s: %q, want %q", id, got[id], body)
		}
	}
	r.Wake()
	r.Wake() // neither waits
}
