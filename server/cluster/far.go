package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// far is a stream's hold on a call of another node: what it is given it sends there.
type far struct {
	d                  *Directory
	stream, tenant, id string

	turn   chan struct{} // taken by the request that is in flight; of one place
	number uint64        // guarded by turn like what follows
	gone   error         // the owner is, or it ended the stream
	ended  bool          // by the owner, in order
	buffer []byte
	over   bool

	once sync.Once
	stop chan struct{} // closed when the stream has ended

	results *results
}

var _ ingest.Call = (*far)(nil)

func newFar(d *Directory, stream, tenant, id string) *far {
	f := &far{d: d, stream: stream, tenant: tenant, id: id, turn: make(chan struct{}, 1), stop: make(chan struct{})}
	d.forward.Add(1)
	d.running.Go(f.alive)
	return f
}

// alive gives signs of life while the platform sends nothing.
func (f *far) alive() {
	defer f.d.forward.Add(-1)
	tick := time.NewTicker(f.d.opts.Grace / 5)
	defer tick.Stop()
	r := request{op: opAlive}
	sign, err := r.append(nil)
	for err == nil {
		select {
		case <-tick.C:
			err = f.d.opts.Conn.Publish(streamSubject(f.stream), sign)
			if !errors.Is(err, nats.ErrConnectionClosed) {
				err = nil // such as a buffer that is full while the connection is lost
			}
		case <-f.stop:
			return
		case <-f.d.ctx.Done():
			return
		}
	}
}

// do has the owner call a method, and returns what that did.
func (f *far) do(ctx context.Context, r request) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-f.turn }()
	if f.gone != nil {
		return f.gone
	}
	f.number++
	r.number = f.number
	var err error
	if f.buffer, err = r.append(f.buffer[:0]); err != nil {
		return err
	}
	a, err := f.d.ask(ctx, streamSubject(f.stream), f.buffer, f.d.opts.Grace)
	if err == nil {
		err = a.err()
	}
	if errors.Is(err, ingest.ErrGone) {
		f.gone, f.ended = err, a.Code == codeGone
		f.lose()
	}
	return err
}

// lose tells that the owner is gone, unless it said itself that it ends the stream.
func (f *far) lose() {
	f.once.Do(func() { close(f.stop) })
	if f.ended || f.d.opts.Lost == nil {
		return
	}
	f.d.running.Go(func() { f.d.opts.Lost(f.d.ctx, f.tenant, f.id) })
}

// ID returns the record's id.
func (f *far) ID() string { return f.id }

// Write sends samples, in pieces that fit a message.
func (f *far) Write(ctx context.Context, track int, x []float32) error {
	for {
		n := min(len(x), maxSamples)
		if err := f.do(ctx, request{op: opWrite, track: track, x: x[:n]}); err != nil {
			return err
		}
		if x = x[n:]; len(x) == 0 {
			return nil
		}
	}
}

// Skip sends that n samples are missing.
func (f *far) Skip(ctx context.Context, track int, n int64, reason string) error {
	return f.do(ctx, request{op: opSkip, args: arguments{Track: track, N: n, Text: reason}})
}

// Digit sends a key.
func (f *far) Digit(ctx context.Context, track int, key string, lengthMs int64) error {
	return f.do(ctx, request{op: opDigit, args: arguments{Track: track, Text: key, LengthMs: lengthMs}})
}

// Mark sends what happened.
func (f *far) Mark(ctx context.Context, kind, detail string) error {
	return f.do(ctx, request{op: opMark, args: arguments{Text: kind, Detail: detail}})
}

// Bind sends what became known.
func (f *far) Bind(ctx context.Context, b interaction.Binding) error {
	return f.do(ctx, request{op: opBind, args: arguments{Binding: b}})
}

// Warn sends a warning.
func (f *far) Warn(text string) {
	if err := f.do(f.d.ctx, request{op: opWarn, args: arguments{Text: text}}); err != nil {
		f.d.log.Warn("cluster: warning not sent to the node that has the call", "interaction", f.id, "warning", text, "err", err)
	}
}

// Results returns the events of the call. They come as live events do: a reader that is too slow loses the oldest.
func (f *far) Results() <-chan interaction.Event {
	f.results = &results{waiting: ingest.NewResults(), done: make(chan struct{})}
	var err error
	if f.results.sub, err = f.d.opts.Conn.Subscribe(resultSubject(f.stream), f.results.hear); err == nil {
		err = f.do(f.d.ctx, request{op: opResults})
	}
	if err != nil {
		f.d.log.Warn("cluster: no results of a call on another node", "interaction", f.id, "err", err)
		f.results.close()
	}
	return f.results.waiting.Events()
}

// End ends the stream there. It returns when the owner's End does.
func (f *far) End(ctx context.Context, how ingest.End) error {
	if f.over {
		return nil
	}
	f.over = true
	err := f.do(ctx, request{op: opEnd, args: arguments{How: how}})
	f.once.Do(func() { close(f.stop) })
	if f.results != nil {
		if err != nil {
			f.results.await(0)
		} else {
			f.results.await(f.d.opts.Grace / 5)
		}
	}
	if err == nil || f.ended {
		return nil
	}
	return fmt.Errorf("cluster: end: %w", err)
}

// results are the events that come from the owner.
type results struct {
	waiting *ingest.Results
	sub     *nats.Subscription
	done    chan struct{} // closed with events

	mu     sync.Mutex
	closed bool
}

// hear takes one event, or the empty message after the last.
func (r *results) hear(m *nats.Msg) {
	if len(m.Data) == 0 {
		r.close()
		return
	}
	var e interaction.Event
	if json.Unmarshal(m.Data, &e) != nil { // of another version of ours: the reader sees the gap in seq
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.waiting.Put(e)
}

// await waits for the last event, and closes.
func (r *results) await(most time.Duration) {
	wait := time.NewTimer(most)
	defer wait.Stop()
	select {
	case <-r.done:
	case <-wait.C:
	}
	if r.sub != nil {
		_ = r.sub.Unsubscribe() // fails only where the connection is gone
	}
	r.close()
}

func (r *results) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.waiting.Close()
		close(r.done)
	}
}
