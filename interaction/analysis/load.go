package analysis

import (
	"sync"
	"time"
)

// Load is what a session has worked and what waits for it.
type Load struct {
	Audio time.Duration // of all channels together, processed
	Busy  time.Duration // for which the session worked on it, by Options.Clock
	Since time.Duration // by Options.Clock, when the oldest piece came that is not processed yet; 0: none waits
}

// stamped is more than the pieces that are in the queue, in work, and held by who writes while the queue is full.
const stamped = 256

// meter measures a session. Safe for concurrent use.
type meter struct {
	clock func() time.Duration // nil: nothing is measured

	mu         sync.Mutex
	came       [stamped]time.Duration // when each of the last pieces came
	sent, done int64                  // pieces that were handed over or wait to be, and those that were processed
	samples    int64                  // at the rate they came in
	busy       time.Duration
}

// send notes that a piece comes.
func (m *meter) send() {
	if m.clock == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.came[m.sent%stamped] = max(m.clock(), 1)
	m.sent++
}

// refuse takes back a piece that was not handed over.
func (m *meter) refuse() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent--
}

// work does f, of so many samples, for the owner goroutine.
func (m *meter) work(samples int64, f func()) {
	if m.clock == nil {
		f()
		return
	}
	begun := m.clock()
	f()
	took := m.clock() - begun
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy += took
	m.samples += samples
	m.done++
}

// load reads the meter of a session whose audio comes at rate.
func (m *meter) load(rate int) Load {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := Load{Audio: time.Duration(float64(m.samples) / float64(rate) * float64(time.Second)), Busy: m.busy}
	if m.done < m.sent {
		l.Since = m.came[m.done%stamped]
	}
	return l
}

// Load returns what the session has worked so far; the zero Load without Options.Clock.
func (s *Session) Load() Load { return s.meter.load(s.opts.Rate) }
