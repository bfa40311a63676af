package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

func inState(s interaction.State) func(*interaction.Interaction) {
	return func(r *interaction.Interaction) { r.Contact.State = s }
}

// outboxOf counts the events that wait.
func outboxOf(t *testing.T, w *world) int {
	t.Helper()
	return len(ok(w.Pending(t.Context(), MaxLimit))(t))
}

func TestARecordOnlyMovesForward(t *testing.T) {
	states := []interaction.State{interaction.StateLive, interaction.StateInterrupted, interaction.StateComplete}
	onBoth(t, func(t *testing.T, w *world) {
		for i, from := range states {
			for k, to := range states {
				id := fmt.Sprintf("%s-%s", from, to)
				before := save(t, w.a, record(t, id, inState(from)))
				told := outboxOf(t, w)
				got := save(t, w.a, record(t, id, inState(to), func(r *interaction.Interaction) { r.Contact.Queue = "moved" }))
				stored := ok(w.a.Interaction(t.Context(), id))(t)
				equal(t, asJSON(t, got), asJSON(t, stored))
				row := ok(summaries.get(t.Context(), w.read, "a", id))(t)
				if k < i {
					equal(t, asJSON(t, stored), asJSON(t, before))
					equal(t, row.State, from)
					equal(t, outboxOf(t, w), told)
				} else if stored.Contact.State != to || stored.Contact.Queue != "moved" || row.State != to || outboxOf(t, w) != told+1 {
					t.Errorf("%s: state %s of the record and %s of the row, queue %q, %d events, want it moved", id, stored.Contact.State, row.State, stored.Contact.Queue, outboxOf(t, w)-told)
				}
			}
		}
	})
}

func TestALateCheckpointOfAFinishedCallIsNotKept(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		live := record(t, "c1", inState(interaction.StateLive))
		save(t, w.a, record(t, "c1"))
		must(t, w.a.SaveCheckpoint(ctx, "n", live))
		equal(t, len(ok(w.LeftCheckpoints(ctx, w.time(), Left{}, 10))(t)), 0)
		must(t, w.b.SaveCheckpoint(ctx, "n", live)) // another tenant's call of the same id runs
		equal(t, len(ok(w.LeftCheckpoints(ctx, w.time(), Left{}, 10))(t)), 1)
	})
}

// TestCheckpointsAndTheEndRace lets calls end while their checkpoints are being written, on two nodes.
func TestCheckpointsAndTheEndRace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		other, err := Open(ctx, Options{DSN: w.dsn, Now: w.clock.now})
		must(t, err)
		defer other.Close()
		const calls = 30
		var wg sync.WaitGroup
		for i := range calls {
			id := fmt.Sprintf("c%d", i)
			live, ended := record(t, id, inState(interaction.StateLive)), record(t, id)
			for _, s := range []*Store{w.Store, other} {
				wg.Go(func() {
					for range 3 {
						if err := s.Tenant("a").SaveCheckpoint(ctx, "n", live); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Go(func() {
				if _, err := w.a.SaveInteraction(ctx, ended); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if left := ok(w.LeftCheckpoints(ctx, w.time(), Left{}, MaxLimit))(t); len(left) != 0 {
			t.Errorf("%d checkpoints of %d finished calls are left: %+v", len(left), calls, left[0])
		}
	})
}

// TestCheckpointsThatWaitAreCommittedTogether: while the writer is taken, many come; they need one transaction more, not one each.
func TestCheckpointsThatWaitAreCommittedTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		tx, err := w.write.BeginTx(ctx, nil)
		must(t, err)
		_, err = tx.ExecContext(ctx, "UPDATE tenants SET name = name WHERE id = 'a'") // which a checkpoint of the tenant waits for
		must(t, err)
		const calls = 50
		var wg sync.WaitGroup
		write := func(i int) {
			wg.Go(func() {
				id := fmt.Sprintf("c%02d", i)
				if err := w.a.SaveCheckpoint(ctx, "n", record(t, id, inState(interaction.StateLive))); err != nil {
					t.Errorf("checkpoint %s: %v", id, err)
				}
			})
		}
		write(0)
		q := &w.checkpoints
		until(t, func() bool { q.mu.Lock(); defer q.mu.Unlock(); return q.writing && len(q.waiting) == 0 }) // the first is at it
		for i := 1; i < calls; i++ {
			write(i)
		}
		until(t, func() bool { q.mu.Lock(); defer q.mu.Unlock(); return len(q.waiting) == calls-1 })
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := w.a.SaveCheckpoint(gone, "n", record(t, "given-up", inState(interaction.StateLive))); err == nil {
			t.Error("a checkpoint whose caller gave up: no error")
		}
		must(t, tx.Commit())
		wg.Wait()
		equal(t, len(ok(w.LeftCheckpoints(ctx, w.time(), Left{}, MaxLimit))(t)), calls)
		equal(t, q.commits, 2)
		equal(t, q.writing, false)
	})
}

// TestOneBadCheckpointCostsNoOther: the tenant of one of those that wait is gone.
func TestOneBadCheckpointCostsNoOther(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var batch []*checkpointWrite
		for _, tenant := range []string{"a", "gone", "b"} {
			batch = append(batch, &checkpointWrite{tenant: tenant, row: checkpointRow{id: "c", node: "n", at: w.time(), record: "{}"}, done: make(chan error, 1), turn: make(chan struct{}, 1)})
		}
		w.checkpoints.waiting, w.checkpoints.writing = batch, true
		w.checkpoints.take(ctx, w.Store)
		must(t, <-batch[0].done)
		code(t, <-batch[1].done, "not_found")
		must(t, <-batch[2].done)
		equal(t, len(ok(w.LeftCheckpoints(ctx, w.time(), Left{}, 10))(t)), 2)
	})
}

// TestALongCallsCheckpointIsKept: the record of a call of hours has more bytes than any other text may have.
func TestALongCallsCheckpointIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		long := record(t, "long", inState(interaction.StateLive), func(r *interaction.Interaction) {
			for len(r.Segments) < 10_000 {
				r.Segments = append(r.Segments, r.Segments[0])
			}
		})
		must(t, w.a.SaveCheckpoint(ctx, "n", long))
		c := ok(w.a.Checkpoint(ctx, "long"))(t)
		equal(t, len(c.Record.Segments), 10_000)
	})
}

// until waits for another goroutine.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to be")
		}
	}
}
