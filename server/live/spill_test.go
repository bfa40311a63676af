package live

import (
	"context"
	"errors"
	"log/slog"
	"os"
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

// TestRefusedRecordIsSetAside: what the store refuses for good is kept and tried no more, and nothing waits for it.
func TestRefusedRecordIsSetAside(t *testing.T) {
	aside := func(t *testing.T, dir, id string) {
		t.Helper()
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) != 1 || left[0] != filepath.Join(dir, id+asideEnding) {
			t.Fatalf("in the spill folder: %v, %v, want the record of %s set aside", left, err, id)
		}
		data, err := os.ReadFile(left[0])
		if err != nil {
			t.Fatal(err)
		}
		if r, err := interaction.Parse(data); err != nil || r.Contact.ID != id {
			t.Errorf("what was set aside: %v", err)
		}
	}
	t.Run("at_the_end_of_its_call", func(t *testing.T) {
		records, dir := newShelf(), t.TempDir()
		records.refuse = true
		h := newHub(t, Options{Records: records, Spill: dir})
		c := open(t, h, start("", customer))
		must(t, c.Write(t.Context(), 0, shortCall(t)[1][:8000]))
		if err := c.End(t.Context(), ingest.EndStop); !errors.Is(err, ErrRefused) {
			t.Errorf("the end: %v, want that the record is refused", err)
		}
		aside(t, dir, c.ID())
		must(t, h.Shutdown(t.Context()))
	})
	t.Run("out_of_the_spill", func(t *testing.T) {
		records, dir := newShelf(), t.TempDir()
		records.fail = spillAfter
		records.refuse = true // what was only unavailable turns out to be refused
		h := newHub(t, Options{Records: records, Spill: dir})
		c := open(t, h, start("", customer))
		must(t, c.Write(t.Context(), 0, shortCall(t)[1][:8000]), c.End(t.Context(), ingest.EndStop), h.Shutdown(t.Context()))
		aside(t, dir, c.ID())
		again := newShelf()
		must(t, newHub(t, Options{Records: again, Spill: dir}).Shutdown(t.Context()))
		if len(again.saved) != 0 {
			t.Error("the next run tried what was set aside")
		}
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
