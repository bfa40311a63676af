package main

import (
	"context"
	"sync"
)

// ordered calls work for the items 0 to n-1, so many at a time, and done with each result in the order of the items. At most
// window results wait for an earlier one, so a slow item holds back the rest and memory stays bounded. done is never called
// concurrently; its first error ends the run and is returned.
//
// When ctx is cancelled no further item begins. The items that have begun end as work sees fit, and done is still called with
// each of them; the number of items handed to done is returned. All goroutines have ended by then.
func ordered[T any](ctx context.Context, n, workers, window int, work func(ctx context.Context, i int) T, done func(i int, v T) error) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		i int
		v T
	}
	items, results := make(chan int), make(chan result)
	room := make(chan struct{}, max(window, workers, 1))
	go func() {
		defer close(items)
		for i := range n {
			select {
			case <-ctx.Done():
				return
			case room <- struct{}{}:
			}
			select {
			case <-ctx.Done():
				return
			case items <- i:
			}
		}
	}()
	var wg sync.WaitGroup
	for range max(workers, 1) {
		wg.Go(func() {
			for i := range items {
				results <- result{i, work(ctx, i)}
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	var failed error
	next := 0
	waiting := map[int]T{}
	for r := range results {
		waiting[r.i] = r.v
		for v, ok := waiting[next]; ok; v, ok = waiting[next] {
			delete(waiting, next)
			if failed == nil {
				if failed = done(next, v); failed != nil {
					cancel()
				}
			}
			next++
			<-room
		}
	}
	return next, failed
}
