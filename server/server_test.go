package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/store"
)

// TestWholeCall streams a call in a platform's framing, hears its events, gets its record and its deliveries, and asks for it in
// every way.
func TestWholeCall(t *testing.T) {
	const secret = "a secret of some length"
	type delivered struct {
		kind string
		e    interaction.Event
		err  error
	}
	deliveries := make(chan delivered, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = events.Verify(secret, r.Header.Get(events.HeaderSignature), r.Header.Get(events.HeaderDelivery), b, time.Now(), time.Minute)
		}
		d := delivered{kind: r.Header.Get(events.HeaderEvent), err: err}
		d.err = errors.Join(d.err, json.Unmarshal(b, &d.e))
		deliveries <- d
	}))
	defer receiver.Close()

	c, err := ParseConfig(fmt.Appendf(nil, `
rules: [{name: quiet, silence: {over: 1s}}, {name: both, overtalk: {over: 100ms}}]
webhooks: [{id: crm, url: %q, secrets: [%q]}]
`, receiver.URL, secret), none)
	if err != nil {
		t.Fatal(err)
	}
	d := config(t.TempDir())
	c.Addr, c.DataDir, c.Limits = d.Addr, d.DataDir, d.Limits
	n := run(t, c)
	heard := n.listen(t, "/v1/events", "")
	if err := play(t, n, "twilio", "/v1/ingest/twilio", "CA1", 0, map[string]string{"agent_id": "ann", "customer_id": "c-9", "queue": "billing"}); err != nil {
		t.Fatal(err)
	}
	var seq int64
	kinds, segments := map[interaction.EventKind]int{}, map[string]bool{} // a segment may be told again, with more of it
	var id string
	for e := range heard {
		seq++
		if e.Seq != seq || e.Tenant != "default" || e.CallID == "" || id != "" && e.CallID != id {
			t.Fatalf("event %d: %+v", seq, e)
		}
		id = e.CallID
		kinds[e.Type]++
		if e.Segment != nil {
			segments[e.Segment.ID] = true
		}
		if e.Type == interaction.EventSessionEnded {
			break
		}
	}
	for _, k := range []interaction.EventKind{interaction.EventSessionStarted, interaction.EventSpeechStarted, interaction.EventSegment, interaction.EventAlert, interaction.EventSummary} {
		if kinds[k] == 0 {
			t.Errorf("no event %s among %v", k, kinds)
		}
	}

	var raw string
	n.request(t, http.MethodGet, "/v1/interactions/"+id, "", nil, 200, &raw)
	r, err := interaction.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("the record: %v", err)
	}
	if r.Contact.State != interaction.StateComplete || r.Contact.ContactID != "CA1" || r.Contact.Queue != "billing" || len(r.Segments) != len(segments) || len(r.Alerts) == 0 {
		t.Errorf("contact %+v, %d segments (%d events), %d alerts", r.Contact, len(r.Segments), len(segments), len(r.Alerts))
	}
	got := map[string]bool{}
	for !got["call_summary"] || !got["alert"] {
		select {
		case d := <-deliveries:
			if d.err != nil || d.e.CallID != id {
				t.Fatalf("delivery %s: %v, call %s", d.kind, d.err, d.e.CallID)
			}
			if d.kind == "call_summary" && len(d.e.Record.Segments) != len(r.Segments) {
				t.Errorf("the delivered record has %d segments, want %d", len(d.e.Record.Segments), len(r.Segments))
			}
			got[d.kind] = true
		case <-time.After(time.Minute):
			t.Fatalf("deliveries %v, want call_summary and alert", got)
		}
	}

	var list api.List[api.Summary]
	for _, q := range []string{"contact_id=CA1", "agent_id=ann", "customer_id=c-9&queue=billing", "alert=both", "state=complete&min_overtalk_ms=1"} {
		n.request(t, http.MethodGet, "/v1/interactions?"+q, "", nil, 200, &list)
		if len(list.Items) != 1 || list.Items[0].ID != id || list.Items[0].AgentID != "ann" {
			t.Errorf("%s finds %+v", q, list.Items)
		}
	}
	n.request(t, http.MethodGet, "/v1/interactions?queue=sales", "", nil, 200, &list)
	if len(list.Items) != 0 {
		t.Errorf("another queue finds %+v", list.Items)
	}
	var lines, table string
	n.request(t, http.MethodGet, "/v1/interactions/export", "", nil, 200, &lines)
	n.request(t, http.MethodGet, "/v1/interactions/export?format=csv", "", nil, 200, &table)
	if r, err := interaction.Parse([]byte(strings.TrimSpace(lines))); err != nil || r.Contact.ID != id || !strings.Contains(table, id) {
		t.Errorf("export: %v\n%.200s\n%s", err, lines, table)
	}

	var answer api.SurveyAnswer
	n.request(t, http.MethodPost, "/v1/surveys", "", strings.NewReader(`{"kind": "nps", "value": 9, "contact_id": "CA1"}`), 201, &answer)
	var todo api.Task
	n.request(t, http.MethodPost, "/v1/tasks", "", strings.NewReader(`{"title": "call back", "state": "open", "customer_id": "c-9"}`), 201, &todo)
	var j api.Journey
	n.request(t, http.MethodGet, "/v1/customers/c-9/journey", "", nil, 200, &j)
	if len(j.Contacts) != 1 || j.Contacts[0].ID != id || len(j.Surveys) != 1 || j.Surveys[0].Value != 9 || len(j.Tasks) != 1 || answer.CustomerID != "c-9" {
		t.Errorf("journey %+v, answer %+v", j, answer)
	}
	n.request(t, http.MethodPatch, "/v1/tasks/"+todo.ID, "", strings.NewReader(`{"state": "done", "owner": "eve"}`), 200, &todo)
	if todo.State != "done" || todo.Owner != "eve" || todo.Title != "call back" {
		t.Errorf("task %+v", todo)
	}
	n.request(t, http.MethodGet, "/v1/customers/nobody/journey", "", nil, 404, nil)
	var a api.AgentSummary
	n.request(t, http.MethodGet, "/v1/agents/ann", "", nil, 200, &a)
	if a.Calls != 1 || a.TalkShare == nil || a.DurationMs != r.Contact.DurationMs {
		t.Errorf("agent %+v", a)
	}
	n.request(t, http.MethodGet, "/v1/agents/nobody", "", nil, 404, nil)

	var again api.Reapplied
	n.request(t, http.MethodPost, "/v1/interactions/alerts", "", nil, 200, &again)
	if again.Records != 1 || again.Alerts != 0 {
		t.Errorf("the rules once more: %+v, want 1 record and nothing new", again)
	}
	var text string
	n.request(t, http.MethodGet, "/metrics", "", nil, 200, &text)
	for _, want := range []string{`timbre_ingest_accepted_total{dialect="twilio"} 1`, `timbre_calls_ended_total{how="stop",state="complete"} 1`, "timbre_queue_webhooks_dead 0", "timbre_queue_uploads_waiting", "timbre_event_delay_seconds_count", "timbre_call_real_time_factor_count 1", "timbre_event_latency_seconds_bucket",
		"timbre_analysis_seconds_total", "timbre_http_request_seconds_bucket", "timbre_lag_seconds"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
	if strings.Contains(text, "ann") && strings.Contains(text, `"ann"`) || strings.Contains(text, id) {
		t.Error("metrics name people or calls")
	}
	n.request(t, http.MethodDelete, "/v1/interactions/"+id, "", nil, 204, nil)
	n.request(t, http.MethodGet, "/v1/interactions/"+id, "", nil, 404, nil)
}

// TestRunningCall binds and marks a call while it runs, and drains the server in the middle of it.
func TestRunningCall(t *testing.T) {
	dir := t.TempDir()
	n := run(t, config(dir))
	heard := n.listen(t, "/v1/events?kind=session_started,call_updated,mark,session_ended", "")
	played := make(chan error, 1)
	go func() { played <- play(t, n, "generic", "/v1/stream", "live-1", 1, nil) }()
	id := next(t, heard, of(interaction.EventSessionStarted)).CallID
	n.request(t, http.MethodPatch, "/v1/calls/"+id, "", strings.NewReader(`{"agent_id": "bob", "queue": "sales", "claimed_identity": "anna"}`), 204, nil)
	e := next(t, heard, of(interaction.EventCallUpdated))
	if e.AgentID != "bob" || e.Queue != "sales" {
		t.Errorf("after the binding: agent %q, queue %q", e.AgentID, e.Queue)
	}
	n.request(t, http.MethodPost, "/v1/calls/"+id+"/marks", "", strings.NewReader(`{"kind": "hold"}`), 204, nil)
	if e := next(t, heard, of(interaction.EventMark)); e.Mark.Kind != "hold" {
		t.Errorf("mark %+v", e.Mark)
	}
	n.request(t, http.MethodPatch, "/v1/calls/nothing", "", strings.NewReader(`{"agent_id": "bob"}`), 404, nil)
	n.request(t, http.MethodPatch, "/v1/calls/"+id, "", strings.NewReader(`{"direction": "sideways"}`), 422, nil)
	var running api.List[api.Call]
	n.request(t, http.MethodGet, "/v1/calls", "", nil, 200, &running)
	if len(running.Items) != 1 || running.Items[0].ID != id || running.Items[0].AgentID != "bob" || running.Items[0].Dialect != "generic" {
		t.Errorf("running: %+v", running.Items)
	}
	var part interaction.Interaction
	n.request(t, http.MethodGet, "/v1/calls/"+id, "", nil, 200, &part)
	if part.Contact.State != interaction.StateLive || part.Contact.Queue != "sales" {
		t.Errorf("partial record: %+v", part.Contact)
	}
	if err := n.stop(); err != nil {
		t.Errorf("drain: %v", err)
	}
	<-played // whatever the player makes of a server that goes away
	st, err := store.Open(t.Context(), store.Options{DSN: filepath.Join(dir, "timbre.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	r, err := st.Tenant("default").Interaction(t.Context(), id)
	if err != nil {
		t.Fatalf("after the drain: %v", err)
	}
	if r.Contact.State == interaction.StateLive || len(r.Marks) != 1 || r.Contact.Queue != "sales" {
		t.Errorf("after the drain: %+v, marks %+v", r.Contact, r.Marks)
	}
}

// TestCallLeftBehindIsTakenUp starts a server over the checkpoint of one that died.
func TestCallLeftBehindIsTakenUp(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{DSN: filepath.Join(dir, "timbre.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.EnsureTenant(t.Context(), "default", "default"); err != nil {
		t.Fatal(err)
	}
	r := shortRecord(t, "left", interaction.StateLive)
	broken := interaction.New()
	broken.Contact.ID, broken.Contact.Tenant = "broken", "default"
	for _, r := range []*interaction.Interaction{r, broken} {
		if err := st.Tenant("default").SaveCheckpoint(t.Context(), "dead-node", r); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	n := run(t, config(dir))
	taken(t, n)
	var got interaction.Interaction
	n.request(t, http.MethodGet, "/v1/interactions/left", "", nil, 200, &got)
	if got.Contact.State != interaction.StateInterrupted || got.Contact.EndedAt == nil {
		t.Errorf("contact %+v", got.Contact)
	}
	n.request(t, http.MethodGet, "/v1/interactions/broken", "", nil, 404, nil)
}

func TestUploadedRecording(t *testing.T) {
	n := run(t, config(t.TempDir()))
	upload := func(body []byte, query string) api.Job {
		var j api.Job
		n.request(t, http.MethodPost, "/v1/recordings"+query, "", bytes.NewReader(body), 202, &j)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for ctx.Err() == nil && j.State != "done" && j.State != "failed" {
			n.request(t, http.MethodGet, "/v1/jobs/"+j.ID, "", nil, 200, &j)
		}
		return j
	}
	recording := testkit.Read(t, testkit.Testdata(t, "calls", "short-call.wav"))
	j := upload(recording, "?name=short.wav&agent_id=ann&customer_id=c-1&queue=sales&contact_id=K-1&started_at=2026-01-02T03:04:05Z&agent_channel=1&customer_channel=0")
	if j.State != "done" || j.Progress != 1 || j.InteractionID == "" || j.Bytes != int64(len(recording)) {
		t.Fatalf("job %+v", j)
	}
	var r interaction.Interaction
	n.request(t, http.MethodGet, "/v1/interactions/"+j.InteractionID, "", nil, 200, &r)
	c := r.Contact
	if c.ContactID != "K-1" || c.Queue != "sales" || c.Source.URI != "short.wav" || c.StartedAt.Year() != 2026 || r.Participants[0].Role != interaction.RoleCustomer || r.Participants[1].ExternalID != "ann" {
		t.Errorf("contact %+v, participants %+v", c, r.Participants)
	}
	for name, body := range map[string][]byte{"text": []byte("this is no recording"), "empty": nil, "cut": recording[:30]} {
		j := upload(body, "?name="+name)
		if j.State != "failed" || !strings.HasPrefix(j.Error, "recording: ") || strings.Contains(j.Error, "upload-") || strings.Contains(j.Error, "/tmp") {
			t.Errorf("%s: job %+v", name, j)
		}
	}
	var jobs api.List[api.Job]
	n.request(t, http.MethodGet, "/v1/jobs", "", nil, 200, &jobs)
	if len(jobs.Items) != 4 {
		t.Errorf("%d jobs, want 4", len(jobs.Items))
	}
	left, err := filepath.Glob(filepath.Join(n.config.DataDir, "upload-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("copies are left: %v, %v", left, err)
	}
}

func TestRefusesToStart(t *testing.T) {
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"beyond_loopback_without_keys": {func(c *Config) { c.Addr = "0.0.0.0:0" }, ErrNoKeys.Error()},
		"audiosocket_beyond_loopback":  {func(c *Config) { c.AudioSocketAddr = ":0" }, ErrNoKeys.Error()},
		"wrong_configuration":          {func(c *Config) { c.Limits.Calls = -1 }, "limits.calls"},
		"no_database":                  {func(c *Config) { c.DB = "ftp://x" }, "store: "},
		"no_nats":                      {func(c *Config) { c.NATS.URL = "nats://127.0.0.1:1" }, "events: nats: "},
		"no_certificate":               {func(c *Config) { c.TLS = TLSConfig{"none.pem", "none.pem"} }, "server: tls: "},
		"data_dir_is_a_file":           {func(c *Config) { c.DataDir = os.Args[0] }, "data_dir"},
		"port_taken_or_not_there":      {func(c *Config) { c.Addr = "127.0.0.1:99999" }, "server: addr: "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t.TempDir())
			c.change(&cfg)
			s, err := New(t.Context(), cfg, Deps{Engine: engine})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
