package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Checkpoint is the record of a running call as far as it has come.
type Checkpoint struct {
	InteractionID string
	Node          string    // that has the call
	At            time.Time // when it was written
	Record        *interaction.Interaction
}

var checkpoints = table[checkpointRow]{name: "checkpoints", what: "checkpoint", key: []string{"interaction_id"},
	cols:   []string{"interaction_id", "node", "at", "record"},
	fields: func(v *checkpointRow) []any { return []any{&v.id, &v.node, at(&v.at), &v.record} }}

type checkpointRow struct {
	id, node string
	at       time.Time
	record   string
}

func (v *checkpointRow) checkpoint() (Checkpoint, error) {
	r, err := parse(v.id, v.record)
	return Checkpoint{InteractionID: v.id, Node: v.node, At: v.at, Record: r}, err
}

// SaveCheckpoint keeps the record of a running call in place of the one before. It is not searched and goes when the call is
// saved; of a call that is saved as finished, here or by another node meanwhile, nothing is kept. r is not validated, since it is
// made every few seconds, and not changed. Checkpoints that come while one is being written go to the disk together.
func (t *Tenant) SaveCheckpoint(ctx context.Context, node string, r *interaction.Interaction) error {
	if r.Contact.Tenant != "" && r.Contact.Tenant != t.id {
		return invalid("interaction tenant", r.Contact.Tenant, show(t.id))
	}
	if err := checkKey("checkpoint interaction_id", r.Contact.ID); err != nil {
		return err
	}
	if err := checkText("checkpoint node", node); err != nil {
		return err
	}
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("%w: checkpoint: %w", ErrInvalid, err)
	}
	return t.s.checkpoints.write(ctx, t.s, t.id, checkpointRow{id: r.Contact.ID, node: node, at: t.s.time(), record: string(doc)})
}

// Checkpoint returns the latest checkpoint of a running call or ErrNotFound.
func (t *Tenant) Checkpoint(ctx context.Context, id string) (Checkpoint, error) {
	row, err := checkpoints.get(ctx, t.s.read, t.id, id)
	if err != nil {
		return Checkpoint{}, err
	}
	return row.checkpoint()
}

// Checkpoints returns the running calls of all nodes by id.
func (t *Tenant) Checkpoints(ctx context.Context, p Page) (List[Checkpoint], error) {
	rows, err := checkpoints.page(ctx, t.s.read, t.id, p, order{cols: []string{"interaction_id"}, kinds: "s"}, "")
	if err != nil {
		return List[Checkpoint]{}, err
	}
	out := List[Checkpoint]{Next: rows.Next}
	for i := range rows.Items {
		c, err := rows.Items[i].checkpoint()
		if err != nil {
			return List[Checkpoint]{}, err
		}
		out.Items = append(out.Items, c)
	}
	return out, nil
}

// DeleteCheckpoint forgets a running call, which was dropped. One that is gone already is no error.
func (t *Tenant) DeleteCheckpoint(ctx context.Context, id string) error {
	return t.s.update(ctx, "checkpoint", func(tx *sql.Tx) error {
		err := checkpoints.remove(ctx, tx, t.id, id)
		if Code(err) == "not_found" {
			return nil
		}
		return err
	})
}

// Left names a checkpoint, whose node may be gone.
type Left struct {
	Tenant        string
	InteractionID string
	Node          string
	At            time.Time
}

// LeftCheckpoints names the checkpoints of all tenants that were written before a time, in the order of their keys, beginning behind
// after, at most limit: those of calls whose node may be gone, to be saved as interrupted.
func (s *Store) LeftCheckpoints(ctx context.Context, before time.Time, after Left, limit int) (out []Left, err error) {
	if limit < 1 || limit > MaxLimit {
		return nil, invalid("limit", limit, fmt.Sprintf("1 to %d", MaxLimit))
	}
	rows, err := s.read.QueryContext(ctx, `SELECT tenant, interaction_id, node, at FROM checkpoints
		WHERE at < $1 AND (tenant > $2 OR tenant = $2 AND interaction_id > $3) ORDER BY tenant, interaction_id LIMIT $4`,
		before.UnixMicro(), after.Tenant, after.InteractionID, limit)
	if err != nil {
		return nil, explain(err, "checkpoint")
	}
	defer rows.Close()
	for rows.Next() {
		var l Left
		if err := rows.Scan(&l.Tenant, &l.InteractionID, &l.Node, at(&l.At)); err != nil {
			return nil, explain(err, "checkpoint")
		}
		out = append(out, l)
	}
	return out, explain(rows.Err(), "checkpoint")
}
