package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Rate is a limit on requests: PerSecond in the long run, Burst at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// maxBuckets bounds the memory of a limiter, however many addresses ask.
const maxBuckets = 20_000

// limiter counts requests by who sends them, as token buckets. Safe for concurrent use.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// take takes one token of who, or returns how long to wait for one.
func (l *limiter) take(who string, r Rate) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.buckets[who]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.sweep(now, r)
		}
		b = &bucket{tokens: float64(r.Burst), at: now}
		l.buckets[who] = b
	}
	b.tokens = min(float64(r.Burst), b.tokens+now.Sub(b.at).Seconds()*r.PerSecond)
	b.at = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) / r.PerSecond * float64(time.Second))
	}
	b.tokens--
	return 0
}

// sweep forgets who has a full bucket by now, or all where nobody has: a flood of addresses must not grow the memory.
func (l *limiter) sweep(now time.Time, r Rate) {
	for who, b := range l.buckets {
		if b.tokens+now.Sub(b.at).Seconds()*r.PerSecond >= float64(r.Burst) {
			delete(l.buckets, who)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// allow answers a request that comes too soon, and reports false.
func (l *limiter) allow(w http.ResponseWriter, r *http.Request, who string, rate Rate) bool {
	wait := l.take(who, rate)
	if wait <= 0 {
		return true
	}
	seconds := int(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	refuse(w, r, http.StatusTooManyRequests, "rate_limited", fmt.Sprintf("too many requests, want at most %g in a second; try again in %d s", rate.PerSecond, seconds))
	return false
}
