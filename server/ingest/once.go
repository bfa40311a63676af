package ingest

import (
	"crypto/sha256"
	"sync"
	"time"
)

// once remembers what may be used one time: the signatures and tokens of handshakes, for as long as they hold, so that who recorded
// one cannot open a second stream with it, and the streams of platforms whose signature is of the URL alone and the same every
// time. It is this node's; that a handshake is not repeated at another node in the seconds that it holds is TLS's work. Safe for
// concurrent use.
type once struct {
	mu    sync.Mutex
	until map[[16]byte]time.Time
	swept time.Time
}

const (
	// maxRemembered bounds the memory to some 30 MB. Only what was signed rightly gets in.
	maxRemembered = 500_000
	// sweepEvery is how often what no longer holds is looked for.
	sweepEvery = 30 * time.Second
	// streamMemory is for how long the name of a stream is not to come again.
	streamMemory = 24 * time.Hour
)

// use returns nil at the first use of what, which is remembered until a time, and a refusal at any other.
func (o *once) use(what string, now, until time.Time) error {
	var key [16]byte
	sum := sha256.Sum256([]byte(what))
	copy(key[:], sum[:])
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.until == nil {
		o.until = map[[16]byte]time.Time{}
	}
	if d := now.Sub(o.swept); d >= sweepEvery || d < 0 {
		o.swept = now
		for k, t := range o.until {
			if !now.Before(t) {
				delete(o.until, k)
			}
		}
	}
	if t, used := o.until[key]; used && now.Before(t) {
		return unauthorized("it was used before: a signature, a token and the name of a stream hold for one connection")
	}
	if len(o.until) >= maxRemembered {
		return unavailable("more signed handshakes than can be remembered, want a retry later")
	}
	o.until[key] = until
	return nil
}
