package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events"
)

// deadLetters is api.DeadLetters over the queue of deliveries.
type deadLetters struct{ queue *events.JetQueue }

var _ api.DeadLetters = deadLetters{}

func (d deadLetters) DeadLetters(ctx context.Context, tenant string, p api.Page) (api.List[api.DeadLetter], error) {
	var after uint64
	if p.Cursor != "" {
		var err error
		if after, err = strconv.ParseUint(p.Cursor, 10, 64); err != nil {
			return api.List[api.DeadLetter]{}, fmt.Errorf("%w: cursor: %q, want next_cursor of a page before", api.ErrInvalid, p.Cursor)
		}
	}
	var out api.List[api.DeadLetter]
	for {
		letters, err := d.queue.Dead(ctx, after, p.Limit)
		if err != nil {
			return out, err
		}
		for _, l := range letters {
			after = l.Seq
			what, err := events.ReadDelivery(l.Body)
			if err != nil || what.Tenant != tenant {
				continue
			}
			if len(out.Items) == p.Limit {
				out.Next = out.Items[p.Limit-1].ID
				return out, nil
			}
			var e struct {
				CallID string `json:"call_id"`
			}
			_ = json.Unmarshal(what.Body, &e) // of a body that is no event the call is not known
			out.Items = append(out.Items, api.DeadLetter{
				ID: strconv.FormatUint(l.Seq, 10), Webhook: what.Webhook, Event: string(what.Kind), CallID: e.CallID, Attempts: l.Attempts, Error: l.Error, FailedAt: l.FailedAt,
			})
		}
		if len(letters) < p.Limit {
			return out, nil
		}
	}
}

// of returns the number of a tenant's letter.
func (d deadLetters) of(ctx context.Context, tenant, id string) (uint64, error) {
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil || seq == 0 {
		return 0, fmt.Errorf("%w: dead letter %q", api.ErrNotFound, id)
	}
	letters, err := d.queue.Dead(ctx, seq-1, 1)
	if err != nil {
		return 0, err
	}
	if len(letters) == 1 && letters[0].Seq == seq {
		if what, err := events.ReadDelivery(letters[0].Body); err == nil && what.Tenant == tenant {
			return seq, nil
		}
	}
	return 0, fmt.Errorf("%w: dead letter %q", api.ErrNotFound, id)
}

func (d deadLetters) Retry(ctx context.Context, tenant, id string) error {
	return d.do(ctx, tenant, id, d.queue.Retry)
}

func (d deadLetters) Drop(ctx context.Context, tenant, id string) error {
	return d.do(ctx, tenant, id, d.queue.Drop)
}

func (d deadLetters) do(ctx context.Context, tenant, id string, what func(context.Context, uint64) error) error {
	seq, err := d.of(ctx, tenant, id)
	if err != nil {
		return err
	}
	if err = what(ctx, seq); errors.Is(err, events.ErrNotFound) {
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	}
	return err
}
