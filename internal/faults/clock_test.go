package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/server"
)

// TestClockThatJumps sets the server's time of day an hour forth and back again and again under running calls. The server runs in this
// process, for its clock is given to it: the binary's own could only be set for the whole machine.
func TestClockThatJumps(t *testing.T) {
	calls, jumps := size(3, 50), size(6, 40)
	engine, err := analysis.NewEngine(nil)
	if err != nil {
		t.Fatal(err)
	}
	var offset atomic.Int64
	conf := server.DefaultConfig()
	conf.Addr, conf.DataDir, conf.Checkpoint = "127.0.0.1:0", t.TempDir(), time.Second
	s, err := server.New(t.Context(), conf, server.Deps{Engine: engine, Version: "test", Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(offset.Load())).Round(0) }}) // without the monotonic reading, as after a set clock
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the drained server: %v", err)
		}
	}()
	n := &node{t: t, addr: s.Addr()}
	all := dialAll(t, n, "clock", calls)
	alive := 0
	for i := range jumps {
		time.Sleep(300 * time.Millisecond)
		offset.Store(int64([]time.Duration{time.Hour, 0, -time.Hour, 36 * time.Hour, -90 * 24 * time.Hour}[i%5]))
		if n.alive() {
			alive++
		}
	}
	sent := make([]int64, calls)
	for i, c := range all {
		sent[i] = c.sentMs.Load()
	}
	confirmed := stopAll(all, 30*time.Second)
	whole := 0
	for i, c := range all {
		sum, err := n.record(c.id)
		if err != nil {
			t.Errorf("%s: %v", c.id, err)
			continue
		}
		status, b, err := n.do(http.MethodGet, "/v1/interactions/"+sum.ID, "", nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("record: status %d, %v", status, err)
		}
		var r interaction.Interaction
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		k := r.Contact
		if err := r.Validate(); err != nil || k.State != interaction.StateComplete || k.StartedAt == nil || k.EndedAt == nil || k.EndedAt.Before(*k.StartedAt) || k.DurationMs < sent[i] || k.DurationMs > sent[i]+5000 {
			t.Errorf("%s: %s to %s, %d ms of %d, state %s, %v", c.id, k.StartedAt, k.EndedAt, k.DurationMs, sent[i], k.State, err)
			continue
		}
		whole++
	}
	report(t, row{"the time of day jumps under running calls: the server answers", jumps, alive, jumps - alive, "jumps", "an hour, a day and 90 days, forth and back"})
	report(t, row{"the time of day jumps under running calls: whole records", calls, whole, calls - whole, "records", fmt.Sprintf("%d confirmed", confirmed)})
}
