package events

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed reports the end of a bus, a subscription or a broker.
var ErrClosed = errors.New("events: closed")

// ring is a bounded queue of one reader that never makes a writer wait: when it is full the oldest item goes and is counted.
// Safe for concurrent use.
type ring[T any] struct {
	mu     sync.Mutex
	items  []T // a circle; len is the capacity
	first  int
	n      int
	lost   int64 // since the reader was last told
	total  int64 // ever
	closed bool
	wake   chan struct{}
}

func newRing[T any](capacity int) *ring[T] {
	return &ring[T]{items: make([]T, capacity), wake: make(chan struct{}, 1)}
}

// push appends x. It does nothing once the ring is closed.
func (r *ring[T]) push(x T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.n == len(r.items) {
		r.first = (r.first + 1) % len(r.items)
		r.n--
		r.lost++
		r.total++
	}
	r.items[(r.first+r.n)%len(r.items)] = x
	r.n++
	r.signal()
}

func (r *ring[T]) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// pop waits for the oldest item and returns it with the number of items that were dropped before it. What is in the ring when it
// is closed is still returned; then pop returns ErrClosed. When ctx ends first it returns ctx's error.
func (r *ring[T]) pop(ctx context.Context) (x T, lost int64, err error) {
	for {
		r.mu.Lock()
		if r.n > 0 {
			var none T
			x, lost = r.items[r.first], r.lost
			r.items[r.first] = none
			r.first = (r.first + 1) % len(r.items)
			r.n--
			r.lost = 0
			if r.n > 0 || r.closed {
				r.signal()
			}
			r.mu.Unlock()
			return x, lost, nil
		}
		closed := r.closed
		r.mu.Unlock()
		if closed {
			return x, 0, ErrClosed
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return x, 0, context.Cause(ctx)
		}
	}
}

func (r *ring[T]) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.signal()
}

// dropped returns how many items were ever lost, and how many wait now.
func (r *ring[T]) dropped() (total int64, waiting int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total, r.n
}
