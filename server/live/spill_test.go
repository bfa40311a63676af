package live

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

func TestRecordIsNeverLost(t *testing.T) {
	x := shortCall(t)
	finished := func(t *testing.T, h *Hub) ingest.Call {
		c := open(t, h, start("", customer))
		must(t, c.Write(t.Context(), 0, x[1][:8000]), c.End(t.Context(), ingest.EndStop))
		return c
	}
	t.Run("saved_after_failures", func(t *testing.T) {
		records := newShelf()
		records.fail = 2
		h := newHub(t, Options{Records: records})
		records.record(t, finished(t, h).ID())
	})
	t.Run("spilled_and_saved_in_the_background", func(t *testing.T) {
		records, dir := newShelf(), t.TempDir()
		records.fail = spillAfter
		h := newHub(t, Options{Records: records, Spill: dir})
		c := finished(t, h)
		for what := range records.arrived {
			if what == "saved" {
				break
			}
		}
		records.record(t, c.ID())
		must(t, h.Shutdown(t.Context()))
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
			t.Errorf("left in the spill folder: %v", left)
		}
	})
	t.Run("spilled_and_saved_by_the_next_run", func(t *testing.T) {
		records, dir := newShelf(), t.TempDir()
		records.fail = -1 // for ever
		engine, err := testEngine()
		if err != nil {
			t.Fatal(err)
		}
		h, err := New(Options{Engine: engine, Records: records, Spill: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c := finished(t, h)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("shutdown: %v", err)
		}
		again := newShelf()
		h2 := newHub(t, Options{Records: again, Spill: dir})
		if what := <-again.arrived; what != "saved" {
			t.Errorf("%s arrived", what)
		}
		again.record(t, c.ID())
		must(t, h2.Shutdown(t.Context()))
	})
}

func TestCheckpointsArriveWhileTheCallRuns(t *testing.T) {
	records := newShelf()
	h := newHub(t, Options{Records: records, Checkpoint: time.Millisecond})
	c := open(t, h, start("", customer))
	x := shortCall(t)
	must(t, c.Write(t.Context(), 0, x[1][:24000]))
	if what := <-records.arrived; what != "checkpoint" {
		t.Errorf("%s arrived first", what)
	}
	records.mu.Lock()
	r, err := interaction.Parse(records.checkpoints[c.ID()])
	records.mu.Unlock()
	if err != nil || r.Contact.State != interaction.StateLive {
		t.Errorf("checkpoint: %v", err)
	}
	must(t, c.End(t.Context(), ingest.EndStop))
}
