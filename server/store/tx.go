package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// querier is what a statement runs on: the readers' pool or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// errBusy marks a failure of our own finding that the same call may not meet again.
var errBusy = errors.New("busy")

const (
	retries    = 8
	firstPause = 5 * time.Millisecond // doubled each time: 1.3 s altogether, on top of SQLite's own busy_timeout
)

// retry calls f again while another writer is in its way, and returns its last error.
func (s *Store) retry(ctx context.Context, f func() error) error {
	pause := firstPause
	for i := 0; ; i++ {
		err := f()
		if i == retries || !errors.Is(err, errBusy) && classify(err) != faultRetry {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
		pause *= 2
	}
}

// update runs f in a transaction of the writer, again when another writer was in the way, so f must do nothing but database work
// and must set its results anew each time. Errors of f roll back and are returned as they are.
func (s *Store) update(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	return s.retry(ctx, func() error {
		tx, err := s.write.BeginTx(ctx, nil)
		if err != nil {
			return explain(err, what)
		}
		if err := f(tx); err != nil {
			if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
				return errors.Join(err, fmt.Errorf("store: roll back: %w", undo))
			}
			return err
		}
		return explain(tx.Commit(), what)
	})
}

// inTurn runs f in a transaction that no other inTurn of the tenant runs beside, on any node. What depends on rows that may not
// be there yet cannot lock them: a record takes up the surveys of its contact while the next survey comes in, and each audit entry
// follows the one before. Errors: ErrNotFound where there is no such tenant.
func (t *Tenant) inTurn(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	return t.s.update(ctx, what, func(tx *sql.Tx) error {
		n, err := count(ctx, tx, "SELECT 1 FROM tenants WHERE id = $1"+t.s.forUpdate, t.id)
		if err == nil && n == 0 {
			return notFound("tenant", t.id)
		}
		if err != nil {
			return explain(err, what)
		}
		return f(tx)
	})
}
