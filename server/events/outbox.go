package events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// OutboxRow is one event that the store wrote in the transaction of what it tells.
type OutboxRow struct {
	ID     int64
	Tenant string
	Kind   interaction.EventKind
	CallID string
	Body   json.RawMessage // an Event that names what it tells of and holds nothing of it; see DelivererOptions.Whole
}

// Outbox is where the store keeps events until they are queued.
type Outbox interface {
	// Pending returns rows that are not marked, oldest first, at most limit.
	Pending(ctx context.Context, limit int) ([]OutboxRow, error)

	// MarkPublished marks rows as queued; marking one twice is no error.
	MarkPublished(ctx context.Context, ids []int64) error
}

// RelayOptions says how a relay works.
type RelayOptions struct {
	Every time.Duration // how often the outbox is looked at when nobody wakes the relay, default 2 s
	Batch int           // rows at a time, default 100
	Log   *slog.Logger  // nil: discarded
}

// Relay moves events from the outbox to the queue of deliveries, one task per webhook that wants it. A crash between the two
// repeats a row, which the queue's ids drop again. Several nodes may run one over the same outbox.
type Relay struct {
	opts   RelayOptions
	outbox Outbox
	queue  Queue
	hooks  Webhooks
	wake   chan struct{}
}

// NewRelay returns a relay; Run does the work.
func NewRelay(o Outbox, q Queue, hooks Webhooks, opts RelayOptions) *Relay {
	if opts.Every <= 0 {
		opts.Every = 2 * time.Second
	}
	if opts.Batch <= 0 {
		opts.Batch = 100
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Relay{opts: opts, outbox: o, queue: q, hooks: hooks, wake: make(chan struct{}, 1)}
}

// Wake makes the relay look at once. It never waits.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run moves rows until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(r.opts.Every)
	defer tick.Stop()
	for {
		for {
			n, err := r.move(ctx)
			if err != nil && ctx.Err() == nil {
				r.opts.Log.Warn("events: relay", "err", err)
			}
			if err != nil || n < r.opts.Batch {
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-tick.C:
		}
	}
}

// move queues one batch and returns how many rows it had. Rows before one that cannot be queued are marked all the same.
func (r *Relay) move(ctx context.Context) (int, error) {
	rows, err := r.outbox.Pending(ctx, r.opts.Batch)
	if err != nil {
		return 0, fmt.Errorf("events: outbox: %w", err)
	}
	var done []int64
	var failed error
	for _, row := range rows {
		if failed = r.enqueue(ctx, row); failed != nil {
			break
		}
		done = append(done, row.ID)
	}
	if len(done) > 0 {
		if err := r.outbox.MarkPublished(ctx, done); err != nil {
			return 0, fmt.Errorf("events: outbox: %w", err)
		}
	}
	return len(rows), failed
}

func (r *Relay) enqueue(ctx context.Context, row OutboxRow) error {
	return Enqueue(ctx, r.queue, r.hooks, row.Tenant, row.Kind, strconv.FormatInt(row.ID, 10), row.Body)
}

// withoutRecord returns an event without its record, which says so and keeps the contact, so that the receiver can fetch the rest.
func withoutRecord(body []byte) ([]byte, error) {
	var e interaction.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	if e.Record != nil {
		contact := e.Record.Contact
		contact.Media.Gaps = nil
		e.Contact, e.Record = &contact, nil
		e.Message = fmt.Sprintf("the record has %d bytes, more than a delivery carries: fetch /v1/interactions/%s", len(body), e.CallID)
	}
	return json.Marshal(e)
}

// Enqueue puts one delivery of body, which names an event and holds nothing of a person: what was queued stays in the broker's files
// after it was delivered, for every webhook of the tenant that wants kind. id names the event: the same id twice within
// the queue's memory is delivered once.
func Enqueue(ctx context.Context, q Queue, hooks Webhooks, tenant string, kind interaction.EventKind, id string, body json.RawMessage) error {
	list, err := hooks.Webhooks(ctx, tenant)
	if err != nil {
		return fmt.Errorf("events: webhooks of %s: %w", tenant, err)
	}
	for _, w := range list {
		if len(w.Kinds) > 0 && !slices.Contains(w.Kinds, kind) {
			continue
		}
		task, err := json.Marshal(Delivery{Tenant: tenant, Webhook: w.ID, Kind: kind, Body: body})
		if err != nil {
			return fmt.Errorf("events: delivery %s: %w", id, err)
		}
		if err := q.Put(ctx, token(tenant)+"/"+id+"/"+token(w.ID), task); err != nil {
			return err
		}
	}
	return nil
}
