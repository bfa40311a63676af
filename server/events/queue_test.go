package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func queue(t *testing.T, b *Broker, steps ...time.Duration) *JetQueue {
	t.Helper()
	q, err := b.NewQueue(t.Context(), QueueOptions{Name: "TEST", Backoff: steps, AckWait: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func put(t *testing.T, q Queue, id, body string) {
	t.Helper()
	if err := q.Put(t.Context(), id, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// work runs a worker until stop is called; stop waits for it.
func work(t *testing.T, q Queue, parallel int, do func(context.Context, Task) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- q.Work(ctx, parallel, do) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Work: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case x := <-c:
		return x
	case <-soon(t).Done():
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// drained waits until no task waits and n letters are dead.
func drained(t *testing.T, q *JetQueue, n uint64) {
	t.Helper()
	ctx := soon(t)
	for {
		waiting, dead, err := q.Depth(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if waiting == 0 && dead == n {
			return
		}
	}
}

func TestQueueDoesEachTaskOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *Broker) {
		q := queue(t, b)
		got := make(chan Task, 100)
		work(t, q, 3, func(_ context.Context, task Task) error { got <- task; return nil })
		for i := range 20 {
			put(t, q, fmt.Sprint(i), "body")
			put(t, q, fmt.Sprint(i), "a repetition")
		}
		var ids []string
		for range 20 {
			task := receive(t, got)
			if task.Attempt != 1 || string(task.Body) != "body" {
				t.Errorf("task %+v", task)
			}
			ids = append(ids, task.ID)
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 20 {
			t.Errorf("tasks %v, want each once", ids)
		}
		drained(t, q, 0)
	})
}

func TestQueueTriesAgainThenBuries(t *testing.T) {
	onBoth(t, func(t *testing.T, b *Broker) {
		q := queue(t, b, time.Millisecond, 2*time.Millisecond)
		attempts := make(chan int, 100)
		var mended atomic.Bool
		work(t, q, 1, func(_ context.Context, task Task) error {
			attempts <- task.Attempt
			if mended.Load() {
				return nil
			}
			return errors.New("receiver: no\r\nanswer")
		})
		put(t, q, "doomed", "the body")
		for want := 1; want <= 3; want++ {
			if got := receive(t, attempts); got != want {
				t.Errorf("attempt %d, want %d", got, want)
			}
		}
		drained(t, q, 1)
		letters, err := q.Dead(t.Context(), 0, 10)
		if err != nil || len(letters) != 1 {
			t.Fatalf("%d dead letters, %v", len(letters), err)
		}
		d := letters[0]
		if d.TaskID != "doomed" || string(d.Body) != "the body" || d.Attempts != 3 || d.Error != "receiver: no  answer" || d.FailedAt.IsZero() {
			t.Errorf("dead letter %+v", d)
		}
		if more, err := q.Dead(t.Context(), d.Seq, 10); err != nil || len(more) != 0 {
			t.Errorf("after the last letter: %+v, %v", more, err)
		}
		mended.Store(true)
		if err := q.Retry(t.Context(), d.Seq); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, attempts); got != 1 {
			t.Errorf("attempt %d of a letter sent again, want 1", got)
		}
		drained(t, q, 0)
		if err := q.Retry(t.Context(), d.Seq); !errors.Is(err, ErrNotFound) {
			t.Errorf("a second Retry: %v, want ErrNotFound", err)
		}
	})
}

func TestPermanentFailureIsTriedOnce(t *testing.T) {
	q := queue(t, start(t, BrokerOptions{Dir: t.TempDir()}), time.Millisecond, time.Millisecond)
	var attempts atomic.Int32
	work(t, q, 1, func(context.Context, Task) error {
		attempts.Add(1)
		return fmt.Errorf("wrapped: %w", Permanent(errors.New("gone")))
	})
	put(t, q, "a", "")
	drained(t, q, 1)
	letters, err := q.Dead(t.Context(), 0, 10)
	if err != nil || len(letters) != 1 || attempts.Load() != 1 {
		t.Fatalf("%d letters after %d attempts, %v; want one of each", len(letters), attempts.Load(), err)
	}
	if err := q.Drop(t.Context(), letters[0].Seq); err != nil {
		t.Fatal(err)
	}
	drained(t, q, 0)
	if err := q.Drop(t.Context(), letters[0].Seq); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second Drop: %v, want ErrNotFound", err)
	}
}

// TestTaskOfAStoppedWorkerIsTakenUp stops a worker in the middle of a task: another gets it, with nothing lost.
func TestTaskOfAStoppedWorkerIsTakenUp(t *testing.T) {
	q := queue(t, start(t, BrokerOptions{Dir: t.TempDir()}))
	begun := make(chan struct{}, 1)
	stop := work(t, q, 1, func(ctx context.Context, _ Task) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	put(t, q, "a", "")
	receive(t, begun)
	stop()
	got := make(chan Task, 1)
	work(t, q, 1, func(_ context.Context, task Task) error { got <- task; return nil })
	if task := receive(t, got); task.ID != "a" || task.Attempt != 2 {
		t.Errorf("task %+v, want a in attempt 2", task)
	}
	drained(t, q, 0)
}

// TestLongTaskIsNotGivenAway holds a task for longer than AckWait: the signs of life keep it with its worker.
func TestLongTaskIsNotGivenAway(t *testing.T) {
	q := queue(t, start(t, BrokerOptions{Dir: t.TempDir()}))
	var attempts atomic.Int32
	done := make(chan struct{})
	work(t, q, 2, func(ctx context.Context, _ Task) error {
		attempts.Add(1)
		timer := time.NewTimer(4 * q.opts.AckWait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		close(done)
		return nil
	})
	put(t, q, "long", "")
	receive(t, done)
	drained(t, q, 0)
	if n := attempts.Load(); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

func TestQueueSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	func() {
		b, err := Start(t.Context(), BrokerOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		put(t, queue(t, b), "kept", "over the restart")
	}()
	q := queue(t, start(t, BrokerOptions{Dir: dir}))
	got := make(chan Task, 1)
	work(t, q, 1, func(_ context.Context, task Task) error { got <- task; return nil })
	if task := receive(t, got); task.ID != "kept" || string(task.Body) != "over the restart" {
		t.Errorf("task %+v", task)
	}
}

func TestPutRefusesABadID(t *testing.T) {
	q := queue(t, start(t, BrokerOptions{Dir: t.TempDir()}))
	for _, id := range []string{"", "a\r\nX: y", string(make([]byte, 300))} {
		if err := q.Put(t.Context(), id, nil); err == nil {
			t.Errorf("id %q is accepted", id)
		}
	}
}
