package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Upload is the job of analysing one uploaded recording.
type Upload struct {
	ID            string // set by the store where empty
	State         string // queued, running, done or failed; set by the store
	File          string // name that the client gave
	Audio         string // where the recording waits
	Bytes         int64
	Binding       map[string]string // what the client told about the call
	Progress      float64           // 0 to 1
	InteractionID string            // once done
	Error         string            // code of the failure
	Attempts      int               // times that a node began it
	LeasedUntil   time.Time         // the node that runs it is taken for dead afterwards
	CreatedAt     time.Time         // set by the store
	UpdatedAt     time.Time         // set by the store
}

var uploads = table[Upload]{name: "uploads", what: "upload", key: []string{"id"},
	cols: []string{"id", "state", "file", "audio", "bytes", "binding", "progress", "interaction_id", "error", "attempts", "leased_until",
		"created_at", "updated_at"},
	fields: func(v *Upload) []any {
		return []any{&v.ID, &v.State, &v.File, &v.Audio, &v.Bytes, jsonOf(&v.Binding), &v.Progress, &v.InteractionID, &v.Error, &v.Attempts,
			at(&v.LeasedUntil), at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// AddUpload queues a recording.
func (t *Tenant) AddUpload(ctx context.Context, v Upload) (Upload, error) {
	now := t.s.time()
	if v.ID == "" {
		v.ID = NewID(now)
	}
	v.State, v.Progress, v.InteractionID, v.Error, v.Attempts = "queued", 0, "", "", 0
	v.LeasedUntil, v.CreatedAt, v.UpdatedAt = time.Time{}, now, now
	if v.Binding == nil {
		v.Binding = map[string]string{}
	}
	err := t.s.update(ctx, "upload", func(tx *sql.Tx) error { return uploads.insert(ctx, tx, t.id, &v) })
	return v, err
}

// Upload returns a job or ErrNotFound.
func (t *Tenant) Upload(ctx context.Context, id string) (Upload, error) {
	return uploads.get(ctx, t.s.read, t.id, id)
}

// Uploads lists the jobs, the latest first.
func (t *Tenant) Uploads(ctx context.Context, p Page) (List[Upload], error) {
	return uploads.page(ctx, t.s.read, t.id, p, order{cols: []string{"created_at", "id"}, kinds: "ns", desc: true}, "")
}

// ClaimUpload gives the oldest job that waits, of any tenant, to the caller for the time of the lease, or ErrNotFound where none
// waits. A job whose lease ran out waits again. No two callers get the same one.
func (s *Store) ClaimUpload(ctx context.Context, lease time.Duration) (tenant string, v Upload, err error) {
	err = s.update(ctx, "upload", func(tx *sql.Tx) error {
		now := s.time()
		var id string
		err := tx.QueryRowContext(ctx, `SELECT tenant, id FROM uploads WHERE state = 'queued' OR state = 'running' AND leased_until <= $1
			ORDER BY created_at, id LIMIT 1`+s.skip, now.UnixMicro()).Scan(&tenant, &id)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("upload")
		}
		if err != nil {
			return explain(err, "upload")
		}
		if err := uploads.set(ctx, tx, tenant, []any{id}, "state = 'running', attempts = attempts + 1, leased_until = $1, updated_at = $2",
			now.Add(lease).UnixMicro(), now.UnixMicro()); err != nil {
			return err
		}
		v, err = uploads.get(ctx, tx, tenant, id)
		return err
	})
	return tenant, v, err
}

// ProgressUpload notes how far a running job has come, 0 to 1, and lengthens its lease. Errors: ErrConflict where it is not
// running, so that whoever runs it stops.
func (t *Tenant) ProgressUpload(ctx context.Context, id string, progress float64, lease time.Duration) error {
	if !(progress >= 0 && progress <= 1) {
		return invalid("upload progress", progress, "0 to 1")
	}
	return t.moveUpload(ctx, id, "progress = $1, leased_until = $2, updated_at = $3", func(now time.Time) []any {
		return []any{progress, now.Add(lease).UnixMicro(), now.UnixMicro()}
	})
}

// FinishUpload ends a running job: with the id of its interaction, or with the code of its failure. What the client told about the
// call is forgotten with it: it stands in the record, and goes with that. Errors: ErrConflict where it is not running.
func (t *Tenant) FinishUpload(ctx context.Context, id, interactionID string, failure string) error {
	state, progress := "done", 1.0
	if failure != "" {
		state, progress = "failed", 0
	}
	return t.moveUpload(ctx, id, "state = $1, progress = $2, interaction_id = $3, error = $4, leased_until = NULL, updated_at = $5, binding = '{}'", func(now time.Time) []any {
		return []any{state, progress, interactionID, failure, now.UnixMicro()}
	})
}

func (t *Tenant) moveUpload(ctx context.Context, id, changes string, args func(now time.Time) []any) error {
	return t.s.update(ctx, "upload", func(tx *sql.Tx) error {
		v, err := uploads.get(ctx, tx, t.id, id)
		if err != nil {
			return err
		}
		if v.State != "running" {
			return conflict("upload", []any{id}, "it is "+v.State+", not running")
		}
		return uploads.set(ctx, tx, t.id, []any{id}, changes, args(t.s.time())...)
	})
}
