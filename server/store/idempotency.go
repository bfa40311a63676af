package store

import (
	"context"
	"database/sql"
	"time"
)

// idempotent is a key that a client gave to a request, so that the request is done once however often it is sent.
type idempotent struct {
	key, request string
	answer       []byte // empty: still running
	expires      time.Time
}

var idempotents = table[idempotent]{name: "idempotency_keys", what: "idempotency key", key: []string{"key"},
	cols:   []string{"key", "request", "answer", "expires_at"},
	fields: func(v *idempotent) []any { return []any{&v.key, &v.request, &v.answer, at(&v.expires)} }}

// BeginIdempotent claims a key for a request, which a digest of it stands for. It returns the answer that the key got before, where
// the request was the same; nil where the key is new. A claim whose request was never finished ends after the lease. Errors:
// ErrConflict where the request was another or is still running.
func (t *Tenant) BeginIdempotent(ctx context.Context, key, request string, lease time.Duration) (answer []byte, err error) {
	err = t.s.update(ctx, "idempotency key", func(tx *sql.Tx) error {
		answer = nil
		now := t.s.time()
		v := idempotent{key: key, request: request, expires: now.Add(lease)}
		if _, err := exec(ctx, tx, "DELETE FROM idempotency_keys WHERE tenant = $1 AND key = $2 AND expires_at <= $3", t.id, key, now.UnixMicro()); err != nil {
			return explain(err, "idempotency key")
		}
		if fresh, err := idempotents.insertNew(ctx, tx, t.id, &v); err != nil || fresh {
			return err
		}
		have, err := idempotents.get(ctx, tx, t.id, key)
		switch {
		case err != nil:
			return err
		case have.request != request:
			return conflict("idempotency key", []any{key}, "used for another request")
		case len(have.answer) == 0:
			return conflict("idempotency key", []any{key}, "its request is still running")
		}
		answer = have.answer
		return nil
	})
	return answer, err
}

// FinishIdempotent keeps the answer of a claimed key for a time; an empty one gives the key free. Errors: ErrNotFound.
func (t *Tenant) FinishIdempotent(ctx context.Context, key string, answer []byte, keep time.Duration) error {
	return t.s.update(ctx, "idempotency key", func(tx *sql.Tx) error {
		if len(answer) == 0 {
			return idempotents.remove(ctx, tx, t.id, key)
		}
		return idempotents.set(ctx, tx, t.id, []any{key}, "answer = $1, expires_at = $2", answer, t.s.time().Add(keep).UnixMicro())
	})
}

// keepUploads is for how long a job that has ended is shown.
const keepUploads = 30 * 24 * time.Hour

// Sweep removes idempotency keys, sessions and watchlist entries that have expired, and jobs that ended long ago, of all tenants.
func (s *Store) Sweep(ctx context.Context) error {
	return s.update(ctx, "sweep", func(tx *sql.Tx) error {
		for _, name := range []string{"idempotency_keys", "sessions", "watchlist_entries"} {
			if _, err := exec(ctx, tx, "DELETE FROM "+name+" WHERE expires_at <= $1", s.time().UnixMicro()); err != nil {
				return explain(err, "sweep")
			}
		}
		_, err := exec(ctx, tx, "DELETE FROM uploads WHERE state IN ('done', 'failed') AND updated_at <= $1", s.time().Add(-keepUploads).UnixMicro())
		return explain(err, "sweep")
	})
}
