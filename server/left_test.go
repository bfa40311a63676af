package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/store"
)

// shortRecord is the record of the short call under an id.
func shortRecord(t *testing.T, id string, state interaction.State) *interaction.Interaction {
	t.Helper()
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	r, err := analysis.AnalyzeFile(t.Context(), testkit.Testdata(t, "calls", "short-call.wav"), analysis.FileOptions{Channels: analysis.RolesUntold(), Permit: permitOf(DefaultConfig()), Engine: engine})
	if err != nil {
		t.Fatal(err)
	}
	r.Contact.ID, r.Contact.Tenant, r.Contact.State = id, "default", state
	return r
}

// leaveBehind fills a data folder as a run that was killed leaves it: checkpoints in the store, written at a time, and records in the
// spill.
func leaveBehind(t *testing.T, dir string, at time.Time, checkpoints, spilled []*interaction.Interaction) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DSN: filepath.Join(dir, "timbre.db"), Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.EnsureTenant(t.Context(), "default", "default"); err != nil {
		t.Fatal(err)
	}
	for _, r := range checkpoints {
		if err := st.Tenant("default").SaveCheckpoint(t.Context(), "dead-node", r); err != nil {
			t.Fatal(err)
		}
	}
	spill := filepath.Join(dir, "unsaved")
	if err := os.MkdirAll(spill, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, r := range spilled {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(spill, r.Contact.ID+".record.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// taken waits until no checkpoint is left.
func taken(t *testing.T, n node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		l, err := n.store.Tenant("default").Checkpoints(ctx, store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Items) == 0 {
			return
		}
	}
}

// TestCallsLeftBehindDoNotDependOnTheClock starts over checkpoints that seem to be from the time to come: the clock was set back.
func TestCallsLeftBehindDoNotDependOnTheClock(t *testing.T) {
	dir := t.TempDir()
	leaveBehind(t, dir, time.Now().AddDate(3, 0, 0), []*interaction.Interaction{shortRecord(t, "left", interaction.StateLive)}, nil)
	n := run(t, config(dir))
	taken(t, n)
	var got interaction.Interaction
	n.request(t, http.MethodGet, "/v1/interactions/left", "", nil, 200, &got)
	if got.Contact.State != interaction.StateInterrupted {
		t.Errorf("contact %+v", got.Contact)
	}
}

// TestSpilledRecordWinsOverItsCheckpoint: the call ended, its record could not be saved before the kill, and its checkpoint is there,
// too. It is complete, and nobody is told anything else. A broken file in the spill stops neither.
func TestSpilledRecordWinsOverItsCheckpoint(t *testing.T) {
	dir := t.TempDir()
	leaveBehind(t, dir, time.Now(), []*interaction.Interaction{shortRecord(t, "both", interaction.StateLive), shortRecord(t, "left", interaction.StateLive)},
		[]*interaction.Interaction{shortRecord(t, "both", interaction.StateComplete)})
	broken := filepath.Join(dir, "unsaved", "broken.record.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := run(t, config(dir))
	taken(t, n)
	for id, want := range map[string]interaction.State{"both": interaction.StateComplete, "left": interaction.StateInterrupted} {
		var got interaction.Interaction
		n.request(t, http.MethodGet, "/v1/interactions/"+id, "", nil, 200, &got)
		if got.Contact.State != want || got.Contact.Revision != 1 {
			t.Errorf("%s: state %s, revision %d, want %s and 1", id, got.Contact.State, got.Contact.Revision, want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "unsaved", "*")); err != nil || len(left) != 1 || left[0] != broken {
		t.Errorf("left in the spill: %v, %v, want the broken file alone", left, err)
	}
}

// TestCallsThatANodeHasAreNotTakenUp: what cannot be asked about stays, too.
func TestCallsThatANodeHasAreNotTakenUp(t *testing.T) {
	n := run(t, config(t.TempDir()))
	ctx := t.Context()
	for _, id := range []string{"gone", "here", "unknown"} {
		if err := n.store.Tenant("default").SaveCheckpoint(ctx, "other", shortRecord(t, id, interaction.StateLive)); err != nil {
			t.Fatal(err)
		}
	}
	stop, err := n.broker.Serve(func(context.Context, []byte) []byte { return []byte("{}") }, "call", "default", "here")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for id, want := range map[string]bool{"gone": false, "here": true} {
		if got, err := n.nodes.served(ctx, "default", id); err != nil || got != want {
			t.Errorf("%s is served: %v, %v, want %v", id, got, err, want)
		}
	}
	silent := errors.New("no answer")
	l := &left{records: n.records, store: n.store, log: slog.New(slog.DiscardHandler), served: func(ctx context.Context, tenant, id string) (bool, error) {
		if id == "unknown" {
			return false, silent
		}
		return n.nodes.served(ctx, tenant, id)
	}}
	if err := l.takeUp(ctx, time.Now().Add(time.Minute)); !errors.Is(err, silent) {
		t.Errorf("%v, want the error of the one that cannot be asked about", err)
	}
	list, err := n.store.Tenant("default").Checkpoints(ctx, store.Page{})
	if err != nil || len(list.Items) != 2 || list.Items[0].InteractionID != "here" || list.Items[1].InteractionID != "unknown" {
		t.Errorf("checkpoints left: %+v, %v", list.Items, err)
	}
	n.request(t, http.MethodGet, "/v1/interactions/gone", "", nil, 200, nil)
}

// TestInvalidRecordIsRefusedForGood: trying such a record again is of no use, and the hub is told so.
func TestInvalidRecordIsRefusedForGood(t *testing.T) {
	n := run(t, config(t.TempDir()))
	r := shortRecord(t, "bad", interaction.StateComplete)
	r.Segments[0].EndMs = r.Segments[0].StartMs - 1
	if err := n.records.Save(t.Context(), r); !errors.Is(err, live.ErrRefused) {
		t.Errorf("%v, want that the record is refused for good", err)
	}
}
