package console

import (
	"sync"
	"time"
)

// limiter bounds failed logins by key, an address or a login: a burst, then one more each interval.
type limiter struct {
	burst    int
	interval time.Duration
	now      func() time.Time

	mu    sync.Mutex           // guards until
	until map[string]time.Time // by key: when all of its failures are forgotten
}

// maxLimited bounds the keys that are remembered; beyond it those already forgotten are dropped, and then everybody waits.
const maxLimited = 100_000

func newLimiter(burst int, interval time.Duration, now func() time.Time) *limiter {
	return &limiter{burst: burst, interval: interval, now: now, until: map[string]time.Time{}}
}

// wait returns how long a key has to wait before its next try; 0: it may try now.
func (l *limiter) wait(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if len(l.until) >= maxLimited {
		for k, t := range l.until {
			if !t.After(now) {
				delete(l.until, k)
			}
		}
		if len(l.until) >= maxLimited {
			return l.interval
		}
	}
	t, ok := l.until[key]
	if !ok {
		return 0
	}
	return max(0, t.Sub(now)-time.Duration(l.burst-1)*l.interval)
}

// failed counts a failure.
func (l *limiter) failed(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.until[key]
	if now := l.now(); t.Before(now) {
		t = now
	}
	l.until[key] = t.Add(l.interval)
}

// forget drops the failures of a key.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.until, key)
}
