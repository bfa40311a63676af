package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxBody is the largest message of the embedded server, in bytes.
const maxBody = 8 << 20

// Queue is work that survives a restart: what is put is done at least once or lands among the dead letters.
type Queue interface {
	// Put adds a task and returns when it is on disk. A task of an id that was put within the last ten minutes is dropped as
	// the repetition that it is. It returns an error when the queue is full or unreachable; then the task must be put again.
	Put(ctx context.Context, id string, body []byte) error

	// Work does tasks, at most parallel at a time, until ctx ends, and returns when the last is done.
	Work(ctx context.Context, parallel int, do func(ctx context.Context, t Task) error) error
}

// Task is one attempt at what was put.
type Task struct {
	ID      string
	Body    []byte
	Attempt int // from 1
}

// QueueOptions says how hard a queue tries. It keeps task and dead letters in two JetStream streams of its name.
type QueueOptions struct {
	Name     string          // of upper case letters, such as WEBHOOKS
	Backoff  []time.Duration // wait after each failed attempt; after the last the task is dead. Default: 8 steps, 5 s to 6 h
	AckWait  time.Duration   // after so long without a sign of life a task is given to another worker, default 60 s
	MaxTasks int64           // that may wait, default 1,000,000; then Put fails
	KeepDead time.Duration   // how long dead letters are kept, default 30 days
	Log      *slog.Logger    // nil: discarded
}

var defaultBackoff = []time.Duration{
	5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour,
}

// retryPause is how long a worker waits after the server could not be asked.
const retryPause = time.Second

// maxDead bounds the dead letters of one queue; the oldest go first.
const maxDead = 100_000

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks the error of a task that no further attempt can mend.
func Permanent(err error) error { return &permanentError{err} }

type laterError struct {
	err  error
	wait time.Duration
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }

// Later marks the error of a task whose next attempt should wait, if longer than the queue would.
func Later(err error, wait time.Duration) error { return &laterError{err, wait} }

// JetQueue is a Queue over JetStream. Safe for concurrent use.
type JetQueue struct {
	opts     QueueOptions
	js       jetstream.JetStream
	consumer jetstream.Consumer
	dead     jetstream.Stream
}

var _ Queue = (*JetQueue)(nil)

// NewQueue makes the streams of a queue, or takes up those that are there.
func (b *Broker) NewQueue(ctx context.Context, o QueueOptions) (*JetQueue, error) {
	if len(o.Backoff) == 0 {
		o.Backoff = defaultBackoff
	}
	if o.AckWait <= 0 {
		o.AckWait = time.Minute
	}
	if o.MaxTasks <= 0 {
		o.MaxTasks = 1_000_000
	}
	if o.KeepDead <= 0 {
		o.KeepDead = 30 * 24 * time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	q := &JetQueue{opts: o, js: b.js}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "TIMBRE_" + o.Name, Subjects: []string{q.subject()}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, MaxMsgs: o.MaxTasks, Duplicates: 10 * time.Minute, Replicas: b.replicas,
	})
	if err == nil {
		q.dead, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: "TIMBRE_" + o.Name + "_DEAD", Subjects: []string{q.deadSubject()}, Storage: jetstream.FileStorage,
			MaxMsgs: maxDead, MaxAge: o.KeepDead, Duplicates: 10 * time.Minute, Replicas: b.replicas,
		})
	}
	if err == nil {
		q.consumer, err = b.js.CreateOrUpdateConsumer(ctx, "TIMBRE_"+o.Name, jetstream.ConsumerConfig{
			Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, AckWait: o.AckWait,
			MaxDeliver: -1, MaxAckPending: 1000, // attempts are counted here, so that the last one leaves a dead letter and not silence
		})
	}
	if err != nil {
		return nil, fmt.Errorf("events: queue %s: %w", o.Name, err)
	}
	return q, nil
}

func (q *JetQueue) subject() string     { return "timbre.queue." + q.opts.Name }
func (q *JetQueue) deadSubject() string { return "timbre.dead." + q.opts.Name }

// The headers of a task and of a dead letter.
const (
	headerTask     = "Task"
	headerError    = "Error"
	headerAttempts = "Attempts"
	headerFailedAt = "Failed-At"
)

// Put adds a task; see Queue.
func (q *JetQueue) Put(ctx context.Context, id string, body []byte) error {
	return q.put(ctx, id, id, body)
}

func (q *JetQueue) put(ctx context.Context, id, unique string, body []byte) error {
	if id == "" || clip(id, 200) != id {
		return fmt.Errorf("events: queue %s: put: id %q, want 1 to 200 bytes without control characters", q.opts.Name, id)
	}
	m := &nats.Msg{Subject: q.subject(), Data: body, Header: nats.Header{headerTask: {id}, nats.MsgIdHdr: {unique}}}
	if _, err := q.js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("events: queue %s: put %s: %w", q.opts.Name, id, err)
	}
	return nil
}

// Work does tasks; see Queue.
func (q *JetQueue) Work(ctx context.Context, parallel int, do func(context.Context, Task) error) error {
	if parallel < 1 {
		return fmt.Errorf("events: queue %s: %d workers, want 1 or more", q.opts.Name, parallel)
	}
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() { q.worker(ctx, do) })
	}
	wg.Wait()
	return nil
}

// worker does one task after another until ctx ends. It asks for one at a time and by itself: what lies with a client until somebody is
// free is counted as being done, and an iterator that is shared by few workers can stop asking until it misses a heartbeat.
func (q *JetQueue) worker(ctx context.Context, do func(context.Context, Task) error) {
	for ctx.Err() == nil {
		m, err := q.consumer.Next(jetstream.FetchContext(ctx))
		switch {
		case err == nil:
			q.attempt(ctx, m, do)
		case errors.Is(err, nats.ErrConnectionClosed):
			return
		case ctx.Err() != nil, errors.Is(err, nats.ErrTimeout): // there was nothing to do
		default: // such as a heartbeat that an outside server missed
			q.opts.Log.Warn("events: queue", "queue", q.opts.Name, "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(retryPause):
			}
		}
	}
}

// attempt does one task and says to the server what became of it. What it cannot say is said by AckWait: the task comes again.
func (q *JetQueue) attempt(ctx context.Context, m jetstream.Msg, do func(context.Context, Task) error) {
	t := Task{ID: m.Headers().Get(headerTask), Body: m.Data(), Attempt: 1}
	if meta, err := m.Metadata(); err == nil {
		t.Attempt = int(meta.NumDelivered)
	}
	log := q.opts.Log.With("queue", q.opts.Name, "task", t.ID, "attempt", t.Attempt)
	report := func(what string, err error) {
		if err != nil {
			log.Warn("events: queue: "+what, "err", err)
		}
	}
	if t.Attempt > len(q.opts.Backoff)+1 { // the process ended in every attempt
		report("dead letter", q.bury(ctx, m, t, errors.New("no attempt came to an end")))
		return
	}
	err := q.watched(ctx, m, t, do)
	var permanent *permanentError
	var later *laterError
	switch {
	case err == nil:
		report("acknowledge", m.Ack())
	case ctx.Err() != nil: // not the task's fault: another worker takes it up at once
		report("give back", m.Nak())
	case errors.As(err, &permanent), t.Attempt > len(q.opts.Backoff):
		log.Warn("events: queue: given up", "err", err)
		report("dead letter", q.bury(ctx, m, t, err))
	default:
		wait := q.opts.Backoff[t.Attempt-1]
		if errors.As(err, &later) {
			wait = max(wait, later.wait)
		}
		log.Info("events: queue: failed, trying again", "err", err, "wait", wait)
		report("give back", m.NakWithDelay(wait))
	}
}

// watched does one task and gives the server signs of life meanwhile.
func (q *JetQueue) watched(ctx context.Context, m jetstream.Msg, t Task, do func(context.Context, Task) error) error {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(q.opts.AckWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := m.InProgress(); err != nil {
					q.opts.Log.Warn("events: queue: sign of life", "queue", q.opts.Name, "task", t.ID, "err", err)
				}
			case <-done:
				return
			}
		}
	})
	defer wg.Wait()
	defer close(done)
	return do(ctx, t)
}
