package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/store"
)

// childNode in the environment makes the test binary a node of its own process, of the configuration that it holds.
const childNode = "TIMBRE_TEST_NODE"

// childConfig is what the child is told.
type childConfig struct {
	Name, DB, NATS, Dir string
	Checkpoint          time.Duration
}

func (c childConfig) config() Config {
	out := config(c.Dir)
	out.DB, out.NATS.URL, out.Checkpoint = c.DB, c.NATS, c.Checkpoint
	return out
}

// serveChild runs a node until the process is killed, and prints its address first.
func serveChild(text string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var c childConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fail(err)
	}
	engine, err := testEngine()
	if err != nil {
		fail(err)
	}
	s, err := New(context.Background(), c.config(), Deps{Engine: engine, Node: c.Name})
	if err != nil {
		fail(err)
	}
	fmt.Println(s.URL())
	fail(s.Run(context.Background()))
}

// child starts a node in a process of its own and returns its address and the function that kills it.
func child(t *testing.T, c childConfig) (url string, kill func()) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childNode+"="+string(text)), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()         // killed
		}
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child's address: %v", err)
	}
	return strings.TrimSpace(line), kill
}

// leg plays one side of a recorded call on a socket of its own.
func leg(t *testing.T, url, dialect, callID string, side interaction.Role, name string) <-chan error {
	t.Helper()
	agent, customer := call(t, name)
	o := ingest.PlayOptions{URL: "ws" + strings.TrimPrefix(url, "http") + "/v1/ingest/" + dialect, Dialect: dialect, Rate: 8000, Speed: 1, CallID: callID}
	if side == interaction.RoleAgent {
		o.Agent = agent
	} else {
		o.Customer = customer
	}
	done := make(chan error, 1)
	go func() { done <- ingest.Play(t.Context(), o) }()
	return done
}

// recordsOf returns the records of a contact.
func (n node) recordsOf(t *testing.T, contact string) (out []interaction.Interaction) {
	t.Helper()
	var list api.List[api.Summary]
	n.request(t, http.MethodGet, "/v1/interactions?contact_id="+contact, "", nil, 200, &list)
	for _, s := range list.Items {
		var r interaction.Interaction
		n.request(t, http.MethodGet, "/v1/interactions/"+s.ID, "", nil, 200, &r)
		out = append(out, r)
	}
	return out
}

// sides returns who spoke.
func sides(r *interaction.Interaction) (out []interaction.Role) {
	role := map[string]interaction.Role{}
	for _, p := range r.Participants {
		role[p.ID] = p.Role
	}
	for _, s := range r.Segments {
		if !slices.Contains(out, role[s.ParticipantID]) {
			out = append(out, role[s.ParticipantID])
		}
	}
	slices.Sort(out)
	return out
}

var bothSides = []interaction.Role{interaction.RoleAgent, interaction.RoleCustomer}

// TestLegsOnTwoNodesAreOneCall sends the two legs of a call, as the dialects with one socket for each leg do, to two nodes on one
// PostgreSQL and one nats-server of its own process.
func TestLegsOnTwoNodesAreOneCall(t *testing.T) {
	nats, dsn := testkit.NATS(t).URL(), testkit.Postgres(t)
	start := func(name string) node {
		return runWith(t, childConfig{DB: dsn, NATS: nats, Dir: t.TempDir(), Checkpoint: time.Second}.config(), Deps{Node: name})
	}
	a, b := start("a"), start("b")
	for _, dialect := range []string{"asterisk", "vonage"} {
		t.Run(dialect, func(t *testing.T) {
			contact := "two-" + dialect
			heard := map[string]<-chan interaction.Event{"a": a.listen(t, "/v1/events", ""), "b": b.listen(t, "/v1/events", "")}
			agent := leg(t, a.URL(), dialect, contact, interaction.RoleAgent, "short-call.wav")
			id := next(t, heard["a"], of(interaction.EventSessionStarted)).CallID
			customer := leg(t, b.URL(), dialect, contact, interaction.RoleCustomer, "short-call.wav")
			next(t, heard["b"], func(e interaction.Event) bool {
				return e.Type == interaction.EventCallUpdated && len(e.Participants) == 2
			})

			alone := b.listen(t, "/v1/calls/"+contact+"/events", "")
			var part interaction.Interaction
			b.request(t, http.MethodGet, "/v1/calls/"+contact, "", nil, 200, &part)
			if part.Contact.ID != id {
				t.Errorf("the call by the platform's id, asked of the other node: %s, want %s", part.Contact.ID, id)
			}
			b.request(t, http.MethodPatch, "/v1/calls/"+contact, "", strings.NewReader(`{"agent_id": "bob"}`), 204, nil)
			a.request(t, http.MethodPatch, "/v1/calls/"+id, "", strings.NewReader(`{"queue": "sales"}`), 204, nil)
			b.request(t, http.MethodPost, "/v1/calls/"+id+"/marks", "", strings.NewReader(`{"kind": "hold"}`), 204, nil)
			a.request(t, http.MethodPost, "/v1/calls/"+contact+"/marks", "", strings.NewReader(`{"kind": "unhold"}`), 204, nil)
			if dialect == "asterisk" { // the metrics count the two ends of the way
				for n, want := range map[*node]string{&a: "timbre_cluster_streams_taken 1", &b: "timbre_cluster_streams_forwarded 1"} {
					var text string
					n.request(t, http.MethodGet, "/metrics", "", nil, 200, &text)
					if !strings.Contains(text, want) {
						t.Errorf("metrics without %q", want)
					}
				}
			}
			for who, done := range map[string]<-chan error{"agent": agent, "customer": customer} {
				if err := <-done; err != nil {
					t.Errorf("the %s's leg: %v", who, err)
				}
			}
			for where, events := range heard {
				next(t, events, func(e interaction.Event) bool {
					return e.Type == interaction.EventSegment && e.Role == interaction.RoleCustomer
				})
				if e := next(t, events, of(interaction.EventSessionEnded)); e.CallID != id || e.State != interaction.StateComplete {
					t.Errorf("the end as heard on %s: %+v", where, e)
				}
			}
			if e := next(t, alone, of(interaction.EventSessionEnded)); e.CallID != id {
				t.Errorf("events by the platform's id are of call %s, want %s", e.CallID, id)
			}
			for where, n := range map[string]node{"a": a, "b": b} {
				all := n.recordsOf(t, contact)
				if len(all) != 1 {
					t.Fatalf("%d records on %s, want 1", len(all), where)
				}
				r := &all[0]
				if r.Contact.ID != id || r.Contact.State != interaction.StateComplete || r.Contact.Queue != "sales" || len(r.Marks) != 2 || !slices.Equal(sides(r), bothSides) {
					t.Errorf("the record on %s: %+v, %d marks, spoken by %v", where, r.Contact, len(r.Marks), sides(r))
				}
				if !slices.ContainsFunc(r.Participants, func(p interaction.Participant) bool { return p.Role == interaction.RoleAgent && p.ExternalID == "bob" }) {
					t.Errorf("participants %+v, want the agent bob", r.Participants)
				}
			}
		})
	}
}

// TestCallOfAKilledNode kills the node that has a call whose other leg comes to another one.
func TestCallOfAKilledNode(t *testing.T) {
	nats, dsn := testkit.NATS(t).URL(), testkit.Postgres(t)
	c := childConfig{Name: "a", DB: dsn, NATS: nats, Dir: t.TempDir(), Checkpoint: time.Second}
	url, kill := child(t, c)
	c.Dir = t.TempDir()
	b := runWith(t, c.config(), Deps{Node: "b"})
	heard := b.listen(t, "/v1/events", "")
	agent := leg(t, url, "vonage", "K-1", interaction.RoleAgent, "sample-call.wav")
	id := next(t, heard, of(interaction.EventSessionStarted)).CallID
	customer := leg(t, b.URL(), "vonage", "K-1", interaction.RoleCustomer, "sample-call.wav")
	spoken := map[interaction.Role]bool{}
	for len(spoken) < 2 { // so that the checkpoint after it has both
		e := next(t, heard, of(interaction.EventSegment))
		spoken[e.Role] = spoken[e.Role] || *e.IsFinal
		if !spoken[e.Role] {
			delete(spoken, e.Role)
		}
	}
	for range 2 {
		next(t, heard, of(interaction.EventProgress)) // sent after a checkpoint
	}
	kill()
	if err := <-agent; err == nil {
		t.Error("the leg on the killed node ended in order")
	}
	if err := <-customer; err == nil || !strings.Contains(err.Error(), "the node that has the call is gone") {
		t.Errorf("the leg on the other node: %v, want the reason", err)
	}
	var all []interaction.Interaction
	for end := time.Now().Add(time.Minute); len(all) == 0 && time.Now().Before(end); { // saved as soon as the other node knows
		all = b.recordsOf(t, "K-1")
	}
	if len(all) == 0 {
		t.Fatal("the call of the killed node has no record")
	}
	if r := &all[0]; len(all) != 1 || r.Contact.ID != id || r.Contact.State != interaction.StateInterrupted || r.Contact.EndedAt == nil || !slices.Equal(sides(r), bothSides) {
		t.Errorf("%d records, %+v, spoken by %v", len(all), r.Contact, sides(r))
	}
	// The platform connects again, to the node that is left.
	again := leg(t, b.URL(), "vonage", "K-1", interaction.RoleCustomer, "short-call.wav")
	if second := next(t, heard, of(interaction.EventSessionStarted)).CallID; second == id {
		t.Error("the call goes on under the record of a dead node")
	}
	if err := <-again; err != nil {
		t.Errorf("the leg that came again: %v", err)
	}
	next(t, heard, of(interaction.EventSessionEnded))
	if all := b.recordsOf(t, "K-1"); len(all) != 2 {
		t.Errorf("%d records, want what was left and what came after", len(all))
	}
}

// TestNodeWithAnotherKeyFileDoesNotStart: it could not sign what the other nodes' webhooks expect.
func TestNodeWithAnotherKeyFileDoesNotStart(t *testing.T) {
	c := childConfig{DB: testkit.Postgres(t), NATS: testkit.NATS(t).URL(), Dir: t.TempDir(), Checkpoint: time.Second}.config()
	a := runWith(t, c, Deps{Node: "a"})
	a.request(t, http.MethodPost, "/v1/webhooks", "", strings.NewReader(`{"url": "https://crm.example/"}`), 201, nil)
	a.request(t, http.MethodPut, "/v1/endpoints", "", strings.NewReader(`{"dialect": "twilio", "name": "x", "secret": "s"}`), 204, nil)
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.DataDir = t.TempDir()
	if _, err := New(t.Context(), other, Deps{Engine: engine, Node: "b"}); err == nil || !strings.Contains(err.Error(), "server: endpoint_key_file: ") || !strings.Contains(err.Error(), "want the file of the other nodes") {
		t.Errorf("New: %v", err)
	}
	other.EndpointKeyFile = c.boxFile()
	runWith(t, other, Deps{Node: "b"})
}

// TestOnlyADesertedCallIsTakenUp: that a node is lost to another does not say that it is gone.
func TestOnlyADesertedCallIsTakenUp(t *testing.T) {
	nats, dsn := testkit.NATS(t).URL(), testkit.Postgres(t)
	start := func(name string) node {
		return runWith(t, childConfig{DB: dsn, NATS: nats, Dir: t.TempDir(), Checkpoint: time.Second}.config(), Deps{Node: name})
	}
	a, b := start("a"), start("b")
	heard := b.listen(t, "/v1/events", "")
	played := leg(t, a.URL(), "vonage", "K-1", interaction.RoleCustomer, "short-call.wav")
	id := next(t, heard, of(interaction.EventProgress)).CallID // a checkpoint is there
	var part interaction.Interaction
	b.request(t, http.MethodGet, "/v1/calls/K-1", "", nil, 200, &part)
	part.Contact.ID = "left-behind"
	if err := b.records.Checkpoint(t.Context(), &part); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{id, "left-behind", "never-there"} {
		if err := b.left.take(t.Context(), store.Left{Tenant: "default", InteractionID: id}); err != nil {
			t.Error(err)
		}
	}
	all := b.recordsOf(t, "K-1")
	if len(all) != 1 || all[0].Contact.ID != "left-behind" || all[0].Contact.State != interaction.StateInterrupted {
		t.Errorf("%d records, want that of the deserted call: the running one is its node's", len(all))
	}
	if err := <-played; err != nil {
		t.Error(err)
	}
	next(t, heard, of(interaction.EventSessionEnded))
	if err := b.left.take(t.Context(), store.Left{Tenant: "default", InteractionID: id}); err != nil {
		t.Error(err)
	}
	all = b.recordsOf(t, "K-1")
	if len(all) != 2 || !slices.ContainsFunc(all, func(r interaction.Interaction) bool { return r.Contact.State == interaction.StateComplete }) {
		t.Errorf("%d records, want the call that went on to be complete", len(all))
	}
}
