package server

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// TestClockSetForthLeavesRunningCalls sets the time of day an hour forth under a running call: its checkpoint is old now, and the call is
// not taken for one that its node left behind.
func TestClockSetForthLeavesRunningCalls(t *testing.T) {
	var jump atomic.Int64
	c := config(t.TempDir())
	c.Checkpoint = time.Second
	n := runWith(t, c, Deps{Now: func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }})
	heard := n.listen(t, "/v1/events", "")
	agent, customer := call(t, "short-call.wav")
	goOn, ended, frames := make(chan struct{}), make(chan error, 1), 0
	wait := sync.OnceFunc(func() { <-goOn })
	go func() {
		ended <- ingest.Play(t.Context(), ingest.PlayOptions{URL: n.ws() + "/v1/ingest/twilio", Dialect: "twilio", Rate: 8000, Agent: agent, Customer: customer, CallID: "CA1",
			Sending: func(_, _ time.Time) {
				if frames++; frames == 100 {
					wait()
				}
			}})
	}()
	id := next(t, heard, of(interaction.EventProgress)).CallID // its checkpoint is kept
	jump.Store(int64(time.Hour))
	if err := n.records.takeUp(t.Context(), n.now().Add(-leftAfter), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if _, err := n.store.Tenant("default").Checkpoint(t.Context(), id); err != nil {
		t.Errorf("the checkpoint of the running call: %v", err)
	}
	close(goOn)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if e := next(t, heard, of(interaction.EventSessionEnded)); e.State != interaction.StateComplete || e.CallID != id {
		t.Errorf("ended %s, want complete", e.State)
	}
}
