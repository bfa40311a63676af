package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
)

// TestTwoNodes runs two nodes on one PostgreSQL and one NATS server: what comes to the one is heard, told and asked for at the other.
func TestTwoNodes(t *testing.T) {
	nats, dsn := testkit.NATS(t).URL(), testkit.Postgres(t)
	start := func(name string) node {
		c := config(t.TempDir())
		c.DB, c.NATS.URL = dsn, nats
		return runWith(t, c, Deps{Node: name})
	}
	a, b := start("a"), start("b")
	heard := b.listen(t, "/v1/events", "")
	played := make(chan error, 1)
	go func() { played <- play(t, a, "generic", "/v1/stream", "K-1", 1, nil) }()
	id := next(t, heard, of(interaction.EventSessionStarted)).CallID

	b.request(t, http.MethodPatch, "/v1/calls/"+id, "", strings.NewReader(`{"agent_id": "bob", "queue": "sales"}`), 204, nil)
	if e := next(t, heard, of(interaction.EventCallUpdated)); e.AgentID != "bob" || e.Queue != "sales" {
		t.Errorf("after the binding on the other node: %+v", e)
	}
	b.request(t, http.MethodPatch, "/v1/calls/"+id, "", strings.NewReader(`{"direction": "sideways"}`), 422, nil)
	b.request(t, http.MethodPost, "/v1/calls/"+id+"/marks", "", strings.NewReader(`{"kind": "hold"}`), 204, nil)
	var part interaction.Interaction
	b.request(t, http.MethodGet, "/v1/calls/"+id, "", nil, 200, &part)
	if part.Contact.State != interaction.StateLive || part.Contact.Queue != "sales" || len(part.Marks) != 1 {
		t.Errorf("partial record: %+v, marks %+v", part.Contact, part.Marks)
	}
	b.request(t, http.MethodGet, "/v1/calls/nothing", "", nil, 404, nil)
	if err := a.records.Checkpoint(t.Context(), &part); err != nil {
		t.Fatal(err)
	}
	for where, n := range map[string]node{"here": a, "elsewhere": b} {
		var list api.List[api.Call]
		n.request(t, http.MethodGet, "/v1/calls", "", nil, 200, &list)
		if len(list.Items) != 1 || list.Items[0].ID != id || list.Items[0].Queue != "sales" {
			t.Errorf("running %s: %+v", where, list.Items)
		}
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	next(t, heard, of(interaction.EventSessionEnded))
	b.request(t, http.MethodGet, "/v1/calls/"+id, "", nil, 404, nil)
	var r interaction.Interaction
	b.request(t, http.MethodGet, "/v1/interactions/"+id, "", nil, 200, &r)
	if r.Contact.State != interaction.StateComplete || r.Contact.Queue != "sales" {
		t.Errorf("the record on the other node: %+v", r.Contact)
	}
	// A recording that the one takes may be worked on by either.
	var j api.Job
	b.request(t, http.MethodPost, "/v1/recordings", "", strings.NewReader(string(testkit.Read(t, testkit.Testdata(t, "calls", "short-call.wav")))), 202, &j)
	for j.State != "done" {
		a.request(t, http.MethodGet, "/v1/jobs/"+j.ID, "", nil, 200, &j)
		if j.State == "failed" {
			t.Fatalf("job %+v", j)
		}
	}
}
