package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/store"
)

// How long a claim of an idempotency key holds while its request runs, and how long its answer is kept.
const (
	replayLease = 15 * time.Minute
	replayKeep  = 24 * time.Hour
)

// replays is api.Idempotency over the store.
type replays struct{ store *store.Store }

func (r *replays) Begin(ctx context.Context, tenant, key, request string) (*api.Answer, error) {
	kept, err := r.store.Tenant(tenant).BeginIdempotent(ctx, key, request, replayLease)
	if err != nil || kept == nil {
		return nil, fault(err)
	}
	var a api.Answer
	if err := json.Unmarshal(kept, &a); err != nil {
		return nil, fmt.Errorf("server: kept answer: %w", err)
	}
	return &a, nil
}

func (r *replays) Finish(ctx context.Context, tenant, key string, a *api.Answer) error {
	var kept []byte
	if a != nil {
		var err error
		if kept, err = json.Marshal(a); err != nil {
			return fmt.Errorf("server: answer: %w", err)
		}
	}
	return fault(r.store.Tenant(tenant).FinishIdempotent(ctx, key, kept, replayKeep))
}

var _ api.Idempotency = (*replays)(nil)
