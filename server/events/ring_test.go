package events

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestRingDropsTheOldestAndSaysHowMany(t *testing.T) {
	r := newRing[int](3)
	for i := range 5 {
		r.push(i)
	}
	for i, want := range []struct {
		x    int
		lost int64
	}{{2, 2}, {3, 0}, {4, 0}} {
		x, lost, err := r.pop(t.Context())
		if x != want.x || lost != want.lost || err != nil {
			t.Errorf("pop %d = %d, %d lost, %v; want %+v", i, x, lost, err, want)
		}
	}
	if total, waiting := r.dropped(); total != 2 || waiting != 0 {
		t.Errorf("%d dropped, %d waiting, want 2 and 0", total, waiting)
	}
}

func TestRingGivesWhatIsLeftAfterClose(t *testing.T) {
	r := newRing[int](3)
	r.push(7)
	r.close()
	r.push(8)
	if x, _, err := r.pop(t.Context()); x != 7 || err != nil {
		t.Errorf("pop = %d, %v, want 7", x, err)
	}
	for range 2 {
		if _, _, err := r.pop(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("pop of a closed ring: %v, want ErrClosed", err)
		}
	}
}

func TestRingPopEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := newRing[int](1).pop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("pop: %v, want context canceled", err)
	}
}

// TestRingLosesNothingUncounted pushes from several goroutines while one reads: what came and what was lost is what was pushed.
func TestRingLosesNothingUncounted(t *testing.T) {
	const writers, each = 4, 5000
	r := newRing[int](16)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each {
				r.push(i)
			}
		})
	}
	go func() {
		wg.Wait()
		r.close()
	}()
	var got, lost int64
	for {
		_, n, err := r.pop(t.Context())
		if err != nil {
			break
		}
		got++
		lost += n
	}
	if got+lost != writers*each {
		t.Errorf("%d came and %d were lost, want %d together", got, lost, writers*each)
	}
}
