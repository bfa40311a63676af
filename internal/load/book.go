package main

import (
	"math"
	"slices"
	"sync"
	"time"
)

// frameMs is what a player sends at a time.
const frameMs = 20

// ringFrames is how many sendings are remembered of a call: 82 s. An event about older audio counts as of that age.
const ringFrames = 4096

// sendings remembers when the frames of one call were sent. Safe for concurrent use.
type sendings struct {
	mu   sync.Mutex
	at   [ringFrames]time.Time
	next int64 // frame
}

// send notes that the next frame is sent now.
func (s *sendings) send(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[s.next%ringFrames] = now
	s.next++
}

// of returns when the frame was sent that holds the last millisecond before timeMs, or the oldest that is remembered; ok is false
// where no such frame was sent.
func (s *sendings) of(timeMs int64) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frame := max((timeMs-1)/frameMs, 0)
	if timeMs < 0 || frame >= s.next {
		return time.Time{}, false
	}
	return s.at[max(frame, s.next-ringFrames)%ringFrames], true
}

// result is what one window showed.
type result struct {
	events         int
	p50, p99, most float64 // latency, ms
	behind         float64 // 99th percentile of how late the generator itself was, ms
	cpu            float64 // cores
	rss            float64 // bytes
	lost           int64   // events
	strange        int64   // events about frames that were not sent
	failed         int64   // calls
}

// inTime says that the server carries the calls.
func (r *result) inTime(limit time.Duration) bool {
	return r.events > 0 && r.p99 < float64(limit)/float64(time.Millisecond) && r.lost+r.strange+r.failed == 0
}

// book takes what is measured. Safe for concurrent use.
type book struct {
	mu      sync.Mutex
	latency []float64 // ms
	behind  []float64 // ms, a sample of them
	sent    int64
	result
}

func (b *book) event(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latency = append(b.latency, float64(d)/float64(time.Millisecond))
}

// sampled is of how many frames one is looked at for the generator's own lateness.
const sampled = 16

func (b *book) frame(behind time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sent++; b.sent%sampled == 0 {
		b.behind = append(b.behind, float64(behind)/float64(time.Millisecond))
	}
}

func (b *book) count(lost, strange, failed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost += lost
	b.strange += strange
	b.failed += failed
}

// take returns what came since the last take.
func (b *book) take() result {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.result
	r.events = len(b.latency)
	r.p50, r.p99, r.most = quantile(b.latency, 0.5), quantile(b.latency, 0.99), quantile(b.latency, 1)
	r.behind = quantile(b.behind, 0.99)
	b.latency, b.behind, b.result = b.latency[:0], b.behind[:0], result{}
	return r
}

// quantile sorts x and returns the smallest of its values that at least a share q of them does not exceed; 0 of none.
func quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return x[min(max(int(math.Ceil(q*float64(len(x))))-1, 0), len(x)-1)]
}
