package main

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.Main(m)
}

func TestOrderedKeepsTheOrderWhateverTheWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 7, 50} {
		var got []int
		n, err := ordered(t.Context(), 100, workers, 8, func(_ context.Context, i int) int {
			for range i % 5 {
				runtime.Gosched() // let later items overtake
			}
			return i * i
		}, func(i, v int) error {
			if v != i*i {
				t.Errorf("item %d has result %d, want %d", i, v, i*i)
			}
			got = append(got, i)
			return nil
		})
		if n != 100 || err != nil || len(got) != 100 {
			t.Fatalf("%d workers: %d items, error %v, %d results, want 100 of 100", workers, n, err, len(got))
		}
		for i, v := range got {
			if i != v {
				t.Fatalf("%d workers: result %d is of item %d", workers, i, v)
			}
		}
	}
}

func TestOrderedBoundsWhatWaits(t *testing.T) {
	const workers, window = 4, 6
	first := make(chan struct{})
	var begun atomic.Int64
	reached := make(chan struct{})
	go func() {
		<-reached
		close(first)
	}()
	_, err := ordered(t.Context(), 100, workers, window, func(_ context.Context, i int) int {
		if b := begun.Add(1); b == window {
			close(reached) // as many as may, while item 0 holds all of them back
		}
		if i == 0 {
			<-first
			if b := begun.Load(); b > window {
				t.Errorf("%d items begun while the first is under way, want at most %d", b, window)
			}
		}
		return i
	}, func(int, int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestOrderedEndsOnAnErrorOfDone(t *testing.T) {
	full := errors.New("disk full")
	calls := 0
	_, err := ordered(t.Context(), 1000, 3, 6, func(_ context.Context, i int) int { return i }, func(i, _ int) error {
		calls++
		if i == 5 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || calls != 6 {
		t.Errorf("error %v after %d calls, want %v after 6", err, calls, full)
	}
}

func TestOrderedHandsOutWhatWasDoneBeforeACancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done []int
	n, err := ordered(ctx, 1000, 2, 4, func(ctx context.Context, i int) error {
		if i == 10 {
			cancel()
		}
		return ctx.Err()
	}, func(i int, err error) error {
		if i < 7 && err != nil { // of the four before the cancel one may still be at work
			t.Errorf("item %d ended before the cancel with %v", i, err)
		}
		done = append(done, i)
		return nil
	})
	if err != nil || n != len(done) || n < 11 || n > 20 {
		t.Errorf("%d items, %d handed out, error %v; want 11 to 20 and none", n, len(done), err)
	}
}
