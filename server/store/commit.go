package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"
)

// checkpointWrite is a checkpoint on its way to the disk.
type checkpointWrite struct {
	tenant string
	row    checkpointRow
	done   chan error    // what became of it
	turn   chan struct{} // tells that it is its caller's turn to write
}

// checkpointQueue commits together what comes together: a commit waits for the disk, and with one transaction for each of many
// running calls the last of them would be written seconds after it was made. Whoever comes first writes, with all that came
// meanwhile, and gives the turn to the first of those who came since.
type checkpointQueue struct {
	mu      sync.Mutex
	waiting []*checkpointWrite
	writing bool  // it is somebody's turn
	commits int64 // transactions so far
}

const (
	mostTogether = 256              // checkpoints of one transaction
	commitLimit  = 20 * time.Second // for one transaction, which others than the caller wait for
)

// write returns when a checkpoint is committed.
func (q *checkpointQueue) write(ctx context.Context, s *Store, tenant string, row checkpointRow) error {
	w := &checkpointWrite{tenant: tenant, row: row, done: make(chan error, 1), turn: make(chan struct{}, 1)}
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	if !q.writing {
		q.pass()
	}
	q.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-w.turn:
		q.take(ctx, s)
		return <-w.done
	case <-ctx.Done():
		q.leave(w)
		return explain(context.Cause(ctx), "checkpoint")
	}
}

// pass gives the turn to the first who waits. For the holder of mu.
func (q *checkpointQueue) pass() {
	q.writing = len(q.waiting) > 0
	if q.writing {
		q.waiting[0].turn <- struct{}{} // there is room: it gets one turn
	}
}

// leave takes w out of those who wait, and its turn, if it has it, to the next. What is being written already is written.
func (q *checkpointQueue) leave(w *checkpointWrite) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(o *checkpointWrite) bool { return o == w })
	select {
	case <-w.turn:
		q.pass()
	default:
	}
}

// take writes what waits.
func (q *checkpointQueue) take(ctx context.Context, s *Store) {
	q.mu.Lock()
	batch := q.waiting[:min(len(q.waiting), mostTogether)]
	q.waiting = slices.Clone(q.waiting[len(batch):])
	q.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // the others' rows are not ours to give up
	err := q.commit(ctx, s, batch)
	alone := err != nil && Code(err) != "unavailable" && len(batch) > 1 // one of them is bad
	for _, w := range batch {
		if alone {
			err = q.commit(ctx, s, []*checkpointWrite{w})
		}
		w.done <- err
	}
	q.mu.Lock()
	q.pass()
	q.mu.Unlock()
}

func (q *checkpointQueue) commit(ctx context.Context, s *Store, batch []*checkpointWrite) error {
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	batch = slices.Clone(batch)
	// All transactions take rows in one order, so that no two wait for each other.
	slices.SortStableFunc(batch, func(a, b *checkpointWrite) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.row.id, b.row.id))
	})
	err := s.update(ctx, "checkpoint", func(tx *sql.Tx) error {
		for i, w := range batch {
			if i == 0 || w.tenant != batch[i-1].tenant {
				// A record of the tenant that is being saved is waited for, so that the statement below sees it.
				if _, err := count(ctx, tx, "SELECT 1 FROM tenants WHERE id = $1"+s.forShare, w.tenant); err != nil {
					return explain(err, "checkpoint")
				}
			}
			if _, err := exec(ctx, tx, putCheckpoint, w.tenant, w.row.id, w.row.node, w.row.at.UnixMicro(), w.row.record); err != nil {
				return explain(err, "checkpoint", w.row.id)
			}
		}
		return nil
	})
	if err == nil {
		q.mu.Lock()
		q.commits++
		q.mu.Unlock()
	}
	return err
}

// putCheckpoint keeps nothing of a call whose record is finished: a checkpoint that comes late would be taken, after the next
// start, for a call that nobody ended.
const putCheckpoint = `INSERT INTO checkpoints (tenant, interaction_id, node, at, record)
	SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT)
	WHERE NOT EXISTS (SELECT 1 FROM interactions i WHERE i.tenant = CAST($1 AS TEXT) AND i.id = CAST($2 AS TEXT) AND i.state <> 'live')
	ON CONFLICT (tenant, interaction_id) DO UPDATE SET node = excluded.node, at = excluded.at, record = excluded.record`
