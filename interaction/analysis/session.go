package analysis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/timbre-voice/timbre/interaction"
)

// ErrClosed reports a call to a session that was closed or aborted.
var ErrClosed = errors.New("analysis: session is closed")

// The queue in front of the owner goroutine holds at most queueLen pieces of at most pieceLen samples.
const (
	queueLen = 64
	pieceLen = 4096
)

// maxGapSeconds bounds one gap, so that a timestamp from outside cannot make a session work through years of silence.
const maxGapSeconds = 24 * 3600

// Session analyses one call. Write and Skip may be called from several goroutines, one per channel at a time; Bind, Mark,
// AddChannel and Snapshot from any.
type Session struct {
	opts     Options
	engine   *Engine
	prosody  *prosody
	channels []*channel // touched by the owner goroutine alone until done is closed, as what follows
	bound    interaction.Binding
	consents []string // in the order in which they became known
	legs     []leg    // of the agents, by time; never empty
	marks    []interaction.Mark
	voice    voiceLane
	enrol    enrolLane
	normal   *normalLane

	count  atomic.Int32 // channels, for those who are not the owner
	adding sync.Mutex   // orders AddChannel

	mu      sync.RWMutex // guards closed against a send on a closed queue
	closed  bool
	queue   chan piece
	done    chan struct{}
	buffers sync.Pool
	meter   meter
}

// piece is one message to the owner goroutine: samples, a gap of so many samples, or something to do.
type piece struct {
	do      func()
	channel int
	samples *[]float32
	skip    int64
	reason  string
}

// len returns the samples that the piece stands for.
func (p *piece) len() int64 {
	if p.samples == nil {
		return p.skip
	}
	return int64(len(*p.samples))
}

// NewSession starts a session. Close or Abort ends it.
func (e *Engine) NewSession(o Options) (*Session, error) {
	if o.Tenant == "" {
		o.Tenant = "default"
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Session{
		opts:   o,
		engine: e,
		queue:  make(chan piece, queueLen),
		done:   make(chan struct{}),
	}
	s.meter.clock = o.Clock
	s.buffers.New = func() any { b := make([]float32, 0, pieceLen); return &b }
	if o.OnEvent != nil {
		s.opts.OnEvent = func(e Event) {
			e.HeardMs = s.channels[e.Channel].heardMs()
			o.OnEvent(e)
		}
	}
	var err error
	if s.prosody, err = newProsody(); err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	s.legs = []leg{{}}
	s.voice = newVoiceLane(&s.opts)
	s.enrol = newEnrolLane(&s.opts)
	s.normal = e.newNormalLane(&s.opts)
	for i, c := range o.Channels {
		ch, err := newChannel(s, i, c)
		if err != nil {
			return nil, err
		}
		s.channels = append(s.channels, ch)
	}
	s.count.Store(int32(len(s.channels)))
	go s.run()
	return s, nil
}

// run is the owner goroutine.
func (s *Session) run() {
	defer close(s.done)
	for p := range s.queue {
		s.meter.work(p.len(), func() { s.take(p) })
	}
}

// take does what a piece asks for.
func (s *Session) take(p piece) {
	switch {
	case p.do != nil:
		p.do()
	case p.samples == nil:
		s.channels[p.channel].skip(p.skip, p.reason)
	default:
		s.channels[p.channel].write(*p.samples)
		*p.samples = (*p.samples)[:0]
		s.buffers.Put(p.samples)
	}
}

// Write gives the next samples of one channel, mono in [-1, 1] at Options.Rate. x is copied. It blocks while the queue is full,
// and returns ctx's error when ctx ends first: then some of x may have been taken, and the session should be aborted.
func (s *Session) Write(ctx context.Context, channel int, x []float32) error {
	if err := s.checkChannel(channel); err != nil {
		return err
	}
	for len(x) > 0 {
		n := min(len(x), pieceLen)
		b := s.buffers.Get().(*[]float32)
		*b = append((*b)[:0], x[:n]...)
		if err := s.send(ctx, piece{channel: channel, samples: b}); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}

// Skip tells that the next n samples of a channel, at Options.Rate, never arrived or were dropped. They are replaced with
// silence, so that positions stay true, and recorded as a gap with the reason (lost, late, privacy).
func (s *Session) Skip(ctx context.Context, channel int, n int64, reason string) error {
	if err := s.checkChannel(channel); err != nil {
		return err
	}
	if most := maxGapSeconds * int64(s.opts.Rate); n < 0 || n > most {
		return fmt.Errorf("analysis: gap on channel %d: %d samples, want 0 to %d", channel, n, most)
	}
	if n == 0 {
		return nil
	}
	return s.send(ctx, piece{channel: channel, skip: n, reason: reason})
}

func (s *Session) checkChannel(channel int) error {
	if n := int(s.count.Load()); channel < 0 || channel >= n {
		return fmt.Errorf("analysis: channel %d, want 0 to %d", channel, n-1)
	}
	return nil
}

func (s *Session) send(ctx context.Context, p piece) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	s.meter.send()
	select {
	case s.queue <- p:
		return nil
	case <-ctx.Done():
		s.meter.refuse()
		return context.Cause(ctx)
	}
}

// Close ends the call and returns its record in state complete. It waits for what was written; when ctx ends first it returns
// ctx's error, and the record is lost. A second call returns ErrClosed.
func (s *Session) Close(ctx context.Context) (*interaction.Interaction, error) {
	return s.end(ctx, interaction.StateComplete)
}

// Interrupt ends the call as Close does where the audio broke off: the record holds everything up to there and says so.
func (s *Session) Interrupt(ctx context.Context) (*interaction.Interaction, error) {
	return s.end(ctx, interaction.StateInterrupted)
}

func (s *Session) end(ctx context.Context, state interaction.State) (*interaction.Interaction, error) {
	if !s.shut() {
		return nil, ErrClosed
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for _, ch := range s.channels {
		ch.flush()
	}
	s.endVoice()
	if err := s.tellOutcomes(ctx); err != nil { // the record is worth more
		s.warn([]string{err.Error()})
	}
	if err := s.endEnrol(ctx, state); err != nil {
		s.warn([]string{err.Error()})
	}
	r := s.assemble(state)
	s.endNormals(ctx, r)
	return r, nil
}

// Abort ends the session without a record and waits for its goroutine. It does nothing after Close.
func (s *Session) Abort() {
	s.shut()
	<-s.done
}

// shut closes the queue; it reports false when that had been done.
func (s *Session) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.closed = true
	close(s.queue)
	return true
}
