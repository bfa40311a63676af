package live

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/server/ingest"
)

// A node is overloaded when it was late for overloadAfter without a break, and carries calls again once it was not half as late for
// relieveAfter: one long embedding or a collection of garbage turns nobody away, and a node at its limit does not flutter.
const (
	overloadAfter = time.Second
	relieveAfter  = 5 * time.Second
	pressureEvery = 250 * time.Millisecond

	// joinWithin is for how long after the first stream of a call its second may come, where a platform sends both at once.
	joinWithin = 10 * time.Second

	// lateShare is the share of the running calls that must be late: one stream that comes faster than real time is behind by its
	// own doing.
	lateShare = 0.1
)

// pressure tells from how late a node is whether it can take another call. Safe for concurrent use.
type pressure struct {
	limit time.Duration // 0: there is none

	mu    sync.Mutex
	over  bool
	since time.Duration // the lag lies on the other side of its bound since then; -1: it does not
	lag   time.Duration
}

// observe takes a measure at a time that never goes back and reports whether the node is overloaded, and whether that is news.
func (p *pressure) observe(now, lag time.Duration) (over, changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag = lag
	if p.limit <= 0 {
		return false, false
	}
	across, after := lag > p.limit, overloadAfter
	if p.over {
		across, after = lag < p.limit/2, relieveAfter
	}
	switch {
	case !across:
		p.since = -1
	case p.since < 0:
		p.since = now
	case now-p.since >= after:
		p.over, p.since = !p.over, -1
		return p.over, true
	}
	return p.over, false
}

// state returns what was observed last.
func (p *pressure) state() (over bool, lag time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.over, p.lag
}

// lateness returns for how long the audio that all but a tenth of the calls have waiting has waited at most; 0 where nothing waits.
func (h *Hub) lateness() time.Duration {
	now := h.clock()
	var ages []time.Duration
	h.mu.Lock()
	for _, c := range h.calls {
		if !c.begun.Load() {
			continue
		}
		age := time.Duration(0)
		if since := c.session.Load().Since; since > 0 {
			age = max(now-since, 0)
		}
		ages = append(ages, age)
	}
	h.mu.Unlock()
	if len(ages) == 0 {
		return 0
	}
	slices.Sort(ages)
	return ages[len(ages)-1-int(lateShare*float64(len(ages)))]
}

// press measures the node until ctx ends.
func (h *Hub) press(ctx context.Context) {
	tick := time.NewTicker(pressureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case due := <-tick.C:
			// That we are late ourselves shows a processor that is busy with something else.
			h.late.Store(int64(max(time.Since(due), 0)))
			h.look()
		}
	}
}

// look takes a measure now.
func (h *Hub) look() (over bool) {
	lag := h.opts.Lag()
	over, changed := h.pressure.observe(h.clock(), lag)
	switch {
	case changed && over:
		h.log.Warn("overloaded: new calls are refused, running ones go on", "lag", lag, "limit", h.pressure.limit, "calls", h.count())
	case changed:
		h.log.Warn("calls are taken again", "lag", lag, "refused", h.refused.overload.Load())
	}
	return over
}

func (h *Hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.calls)
}

// Admit tells before a connection is upgraded whether a call that is not running yet can be taken: it returns nil or an error that
// wraps ingest.ErrBusy. A stream that may belong to a call that has run for long is not to be asked about.
func (h *Hub) Admit() error {
	if h.waiting.Load() > 0 { // one of ours may be about to come back, which the request does not tell
		return nil
	}
	now := h.clock()
	h.mu.Lock()
	full, young := len(h.calls) >= h.opts.MaxCalls, false
	for _, c := range h.calls {
		young = young || c.platformID != "" && now-c.at < joinWithin
	}
	h.mu.Unlock()
	if young { // and here the other side of a call that has just begun
		return nil
	}
	return h.admit(full)
}

// admit refuses a new call where there is no room for it.
func (h *Hub) admit(full bool) error {
	if full {
		h.refused.full.Add(1)
		return fmt.Errorf("%w: %d calls run", ingest.ErrBusy, h.opts.MaxCalls)
	}
	if h.look() {
		h.refused.overload.Add(1)
		_, lag := h.pressure.state()
		return fmt.Errorf("%w: the node is %s late", ingest.ErrBusy, lag.Round(time.Millisecond))
	}
	return nil
}

// Load is how busy a hub is.
type Load struct {
	Overloaded      bool          // new calls are refused
	Lag             time.Duration // as measured last
	RefusedOverload int64         // calls, since the hub began
	RefusedFull     int64         // because of Options.MaxCalls
	Audio, Busy     time.Duration // of all calls, see analysis.Load
}

// Load returns how busy the hub is now.
func (h *Hub) Load() Load {
	over := h.look()
	_, lag := h.pressure.state()
	l := Load{Overloaded: over, Lag: lag, RefusedOverload: h.refused.overload.Load(), RefusedFull: h.refused.full.Load()}
	h.mu.Lock()
	defer h.mu.Unlock()
	l.Audio, l.Busy = h.worked.Audio, h.worked.Busy
	for _, c := range h.calls {
		if c.begun.Load() {
			w := c.session.Load()
			l.Audio += w.Audio
			l.Busy += w.Busy
		}
	}
	return l
}

// Yield returns at once, or, while the node is overloaded, when it no longer is or ctx ends: for work that can wait.
func (h *Hub) Yield(ctx context.Context) error {
	tick := time.NewTicker(pressureEvery)
	defer tick.Stop()
	for h.look() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}
