package server

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/ingest"
)

// gauge is a clock and a lag that a test sets.
type gauge struct{ now, lag atomic.Int64 }

func (g *gauge) deps() Deps {
	return Deps{Clock: func() time.Duration { return time.Duration(g.now.Load()) }, Lag: func() time.Duration { return time.Duration(g.lag.Load()) }}
}

// hold makes the node so late for a time.
func (g *gauge) hold(n node, lag, d time.Duration) {
	g.lag.Store(int64(lag))
	n.hub.Load() // the time begins when it is seen
	g.now.Add(int64(d))
	n.hub.Load()
}

// TestOverloadRefusesNewCalls lets a node fall behind in the middle of a call: new calls are refused, before the upgrade where the request
// can be no part of the running one and with a close code otherwise, and the running one goes on to its record.
func TestOverloadRefusesNewCalls(t *testing.T) {
	g := &gauge{}
	g.now.Store(int64(time.Hour))
	c := config(t.TempDir())
	c.Limits.Lag = 500 * time.Millisecond
	c.AudioSocketAddr = "127.0.0.1:0"
	n := runWith(t, c, g.deps())
	heard := n.listen(t, "/v1/events", "")
	agent, customer := call(t, "short-call.wav")
	mid, goOn, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	frames, reached := 0, sync.OnceFunc(func() { close(mid); <-goOn })
	go func() {
		first <- ingest.Play(t.Context(), ingest.PlayOptions{URL: n.ws() + "/v1/ingest/twilio", Dialect: "twilio", Rate: 8000, Agent: agent, Customer: customer, CallID: "CA1",
			Sending: func(_, _ time.Time) {
				if frames++; frames == 50 {
					reached()
				}
			}})
	}()
	<-mid
	started := next(t, heard, of(interaction.EventSessionStarted))
	dial := func(path string) int {
		t.Helper()
		conn, resp, err := websocket.DefaultDialer.Dial(n.ws()+path, nil)
		if err == nil {
			conn.Close()
		}
		if resp == nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
			t.Error("a refusal without Retry-After")
		}
		return resp.StatusCode
	}
	var health api.Health
	g.hold(n, 2*time.Second, 900*time.Millisecond) // not for long enough
	n.request(t, http.MethodGet, "/readyz", "", nil, 200, &health)

	g.hold(n, 2*time.Second, 2*time.Second)
	n.request(t, http.MethodGet, "/readyz", "", nil, 503, &health)
	if health.Status != "overloaded" || health.Checks["load"] != "overloaded" || health.Checks["store"] != "ok" {
		t.Errorf("readyz %+v, want overloaded", health)
	}
	if err := play(t, n, "twilio", "/v1/ingest/twilio", "CA2", 0, nil); err == nil || !strings.Contains(err.Error(), "1013") {
		t.Errorf("a call while another has just begun: %v, want close 1013", err)
	}
	g.hold(n, 2*time.Second, 10*time.Second)
	for _, path := range []string{"/v1/ingest/twilio", "/v1/ingest/telnyx", "/v1/listen?encoding=linear16&sample_rate=8000"} {
		if status := dial(path); status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d, want 503", path, status)
		}
	}
	for dialect, path := range map[string]string{"generic": "/v1/stream", "freeswitch": "/v1/ingest/freeswitch"} {
		if err := play(t, n, dialect, path, "other-"+dialect, 0, nil); err == nil || !strings.Contains(err.Error(), "1013") {
			t.Errorf("%s: %v, want close 1013", dialect, err)
		}
	}
	if err := ingest.Play(t.Context(), ingest.PlayOptions{URL: "tcp://" + n.audioSocket.Addr().String(), Dialect: "audiosocket", Rate: 8000, Customer: customer,
		CallID: "4ac8f1a0-0000-4000-8000-000000000001"}); err == nil {
		t.Error("audiosocket: taken, want hung up")
	}
	var text string
	n.request(t, http.MethodGet, "/metrics", "", nil, 200, &text)
	for _, want := range []string{`timbre_calls_refused_total{reason="overload"}`, "timbre_overloaded 1", "timbre_lag_seconds 2", "timbre_calls_running 1", "timbre_analysis_audio_seconds_total "} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics have no %q", want)
		}
	}
	if strings.Contains(text, `timbre_calls_refused_total{reason="overload"} 0`) {
		t.Error("no refusal was counted")
	}

	close(goOn) // the running call ends as if nothing were
	if err := <-first; err != nil {
		t.Errorf("the running call: %v", err)
	}
	if e := next(t, heard, of(interaction.EventSessionEnded)); e.CallID != started.CallID || e.State != interaction.StateComplete {
		t.Errorf("the running call ended as %s", e.State)
	}

	g.hold(n, 300*time.Millisecond, time.Minute) // under the limit, and not by half
	if status := dial("/v1/ingest/twilio"); status != http.StatusServiceUnavailable {
		t.Errorf("while the node is near its limit: status %d, want 503", status)
	}
	g.hold(n, 100*time.Millisecond, 6*time.Second)
	n.request(t, http.MethodGet, "/readyz", "", nil, 200, &health)
	if err := play(t, n, "twilio", "/v1/ingest/twilio", "CA3", 0, nil); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestRecordingsWaitForCalls uploads one while the node is overloaded: it is analysed once the calls leave room.
func TestRecordingsWaitForCalls(t *testing.T) {
	g := &gauge{}
	g.now.Store(int64(time.Hour))
	c := config(t.TempDir())
	c.Limits.Lag = 500 * time.Millisecond
	n := runWith(t, c, g.deps())
	g.hold(n, 2*time.Second, 2*time.Second)
	recording := testkit.Read(t, testkit.Testdata(t, "calls", "short-call.wav"))
	var job api.Job
	n.request(t, http.MethodPost, "/v1/recordings?name=short.wav", "", bytes.NewReader(recording), 202, &job)
	for range 200 { // longer than its analysis takes
		n.request(t, http.MethodGet, "/v1/jobs/"+job.ID, "", nil, 200, &job)
		if job.State != "queued" {
			t.Fatalf("job %+v while the node is overloaded, want one that waits", job)
		}
	}
	g.hold(n, 0, time.Second)
	g.hold(n, 0, 6*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil && job.State != "done" && job.State != "failed" {
		n.request(t, http.MethodGet, "/v1/jobs/"+job.ID, "", nil, 200, &job)
	}
	if job.State != "done" {
		t.Errorf("job %+v, want done", job)
	}
}
