package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// SaveInteraction keeps a record, in place of the one of the same id and of its checkpoint, and returns it as it was stored.
//
// What is added to a call by others than the analysis, its surveys, tasks, evaluations, corrections and legal holds, lies in rows
// of its own and is written into the record by every save: of an interaction that is stored already, what r says of these is
// ignored; of a new one it becomes rows. The revision is the stored one plus one; saving the same record again changes nothing.
// In the same transaction a row goes to the outbox (Options.Event). r is not changed.
//
// A record only moves forward, from live over interrupted to complete. What would set it back, such as a checkpoint taken for a
// call that nobody ended, changes nothing: the record comes back as it is stored.
//
// Errors: ErrInvalid for a record that Validate refuses or of another tenant.
func (t *Tenant) SaveInteraction(ctx context.Context, r *interaction.Interaction) (*interaction.Interaction, error) {
	if err := t.check(r); err != nil {
		return nil, err
	}
	var saved *interaction.Interaction
	err := t.inTurn(ctx, "interaction", func(tx *sql.Tx) (err error) {
		saved, err = t.save(ctx, tx, r)
		return err
	})
	return saved, err
}

// ChangeInteraction lets edit change a stored record, whose edited form must be as valid as one given to SaveInteraction, and
// returns it as it was stored. edit may be called more than once; its error ends the change. Errors: ErrNotFound, ErrInvalid.
func (t *Tenant) ChangeInteraction(ctx context.Context, id string, edit func(*interaction.Interaction) error) (*interaction.Interaction, error) {
	var saved *interaction.Interaction
	err := t.inTurn(ctx, "interaction", func(tx *sql.Tx) error {
		r, err := t.record(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := edit(r); err != nil {
			return err
		}
		if err := t.check(r); err != nil {
			return err
		}
		if r.Contact.ID != id {
			return invalid("interaction id", r.Contact.ID, "the same as before, "+show(id))
		}
		saved, err = t.save(ctx, tx, r)
		return err
	})
	return saved, err
}

func (t *Tenant) check(r *interaction.Interaction) error {
	if r.Contact.Tenant != "" && r.Contact.Tenant != t.id {
		return invalid("interaction tenant", r.Contact.Tenant, show(t.id))
	}
	if err := checkKey("interaction id", r.Contact.ID); err != nil {
		return err
	}
	if err := r.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// Interaction returns a record or ErrNotFound.
func (t *Tenant) Interaction(ctx context.Context, id string) (*interaction.Interaction, error) {
	return t.record(ctx, t.s.read, id)
}

func (t *Tenant) record(ctx context.Context, q querier, id string) (*interaction.Interaction, error) {
	docs, err := texts(ctx, q, "SELECT record FROM records WHERE tenant = $1 AND interaction_id = $2", t.id, id)
	if err == nil && len(docs) == 0 {
		err = notFound("interaction", id)
	}
	if err != nil {
		return nil, explain(err, "interaction", id)
	}
	return parse(id, docs[0])
}

func parse(id, doc string) (*interaction.Interaction, error) {
	r := new(interaction.Interaction)
	if err := json.Unmarshal([]byte(doc), r); err != nil {
		return nil, fmt.Errorf("store: interaction %s: %w", show(id), err)
	}
	return r, nil
}

// texts returns the texts that a statement selects, one of each row.
func texts(ctx context.Context, q querier, statement string, args ...any) (out []string, err error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// save writes a record and everything that is found by it.
func (t *Tenant) save(ctx context.Context, tx *sql.Tx, given *interaction.Interaction) (*interaction.Interaction, error) {
	now := t.s.time()
	copied := *given
	r := &copied
	id := r.Contact.ID
	r.Contact.Tenant = t.id
	if r.Contact.State != interaction.StateLive {
		if _, err := exec(ctx, tx, "DELETE FROM checkpoints WHERE tenant = $1 AND interaction_id = $2", t.id, id); err != nil {
			return nil, explain(err, "checkpoint", id)
		}
	}
	before, err := summaries.find(ctx, tx, t.id, "id = $1", "", id)
	if err != nil {
		return nil, err
	}
	row := Summary{CreatedAt: now}
	if len(before) == 1 {
		row.CreatedAt, row.At = before[0].CreatedAt, before[0].At
		r.Contact.Revision = before[0].Revision
	} else {
		r.Contact.Revision = 0
		// The row that the others belong to has to be there before them.
		row.index(r, now)
		if err := summaries.insert(ctx, tx, t.id, &row); err != nil {
			return nil, err
		}
		if err := t.adopt(ctx, tx, r); err != nil {
			return nil, err
		}
	}
	if err := t.compose(ctx, tx, r); err != nil {
		return nil, err
	}
	if len(before) == 1 {
		have, err := t.record(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if same, err := equalRecords(have, r); err != nil || same {
			return have, err
		}
	}
	r.Contact.Revision++
	row.index(r, now)
	switch moved, err := summaries.putWhere(ctx, tx, t.id, &row, forward, "created_at"); {
	case err != nil:
		return nil, err
	case !moved:
		return t.record(ctx, tx, id)
	}
	return r, t.writeRecord(ctx, tx, r, row.At)
}

// forward holds where the state of a stored interaction does not go back.
const forward = `(CASE excluded.state WHEN 'complete' THEN 2 WHEN 'interrupted' THEN 1 ELSE 0 END)
	>= (CASE interactions.state WHEN 'complete' THEN 2 WHEN 'interrupted' THEN 1 ELSE 0 END)`

func equalRecords(a, b *interaction.Interaction) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("store: interaction: %w", err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		return false, fmt.Errorf("store: interaction: %w", err)
	}
	return bytes.Equal(x, y), nil
}

// writeRecord writes the document and the rows that are derived from it, and tells the outbox.
func (t *Tenant) writeRecord(ctx context.Context, tx *sql.Tx, r *interaction.Interaction, at time.Time) error {
	id := r.Contact.ID
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store: interaction %s: %w", show(id), err)
	}
	if _, err := exec(ctx, tx, `INSERT INTO records (tenant, interaction_id, record) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, interaction_id) DO UPDATE SET record = excluded.record`, t.id, id, string(doc)); err != nil {
		return explain(err, "interaction", id)
	}
	if err := t.derive(ctx, tx, r, at); err != nil {
		return err
	}
	return t.tell(ctx, tx, r)
}

// refresh composes a stored record anew after one of the rows that belong to it changed. A call that is not stored yet gets them
// when it is.
func (t *Tenant) refresh(ctx context.Context, tx *sql.Tx, id string) error {
	r, err := t.record(ctx, tx, id)
	if Code(err) == "not_found" {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = t.save(ctx, tx, r)
	return err
}

// refreshContact does the same for every interaction of a contact.
func (t *Tenant) refreshContact(ctx context.Context, tx *sql.Tx, contact string) error {
	ids, err := texts(ctx, tx, "SELECT id FROM interactions WHERE tenant = $1 AND contact_id = $2 ORDER BY at, id", t.id, contact)
	if err != nil {
		return explain(err, "interaction")
	}
	for _, id := range ids {
		if err := t.refresh(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// DeleteInteraction removes a record with everything that belongs to it; the surveys of its contact go with the contact's last
// interaction. On SQLite the bytes are gone from the file after ScrubDeleted. Errors: ErrNotFound, ErrConflict under a legal hold.
func (t *Tenant) DeleteInteraction(ctx context.Context, id string) error {
	err := t.inTurn(ctx, "interaction", func(tx *sql.Tx) error { return t.deleteInteraction(ctx, tx, id) })
	if err == nil {
		t.s.unscrubbed.Store(true)
	}
	return err
}

func (t *Tenant) deleteInteraction(ctx context.Context, tx *sql.Tx, id string) error {
	if _, err := summaries.get(ctx, tx, t.id, id); err != nil {
		return err
	}
	if err := t.checkHolds(ctx, tx, id); err != nil {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM tasks WHERE tenant = $1 AND interaction_id = $2",
		"DELETE FROM outbox WHERE tenant = $1 AND interaction_id = $2",
		"DELETE FROM checkpoints WHERE tenant = $1 AND interaction_id = $2",
		"DELETE FROM attempts WHERE tenant = $1 AND interaction_id = $2",
		"DELETE FROM uploads WHERE tenant = $1 AND interaction_id = $2",
		"DELETE FROM legal_holds WHERE tenant = $1 AND kind = 'interaction' AND subject = $2", // released ones, as the check has shown
		`DELETE FROM surveys WHERE tenant = $1 AND contact_id <> ''
			AND contact_id = (SELECT i.contact_id FROM interactions i WHERE i.tenant = $1 AND i.id = $2)
			AND NOT EXISTS (SELECT 1 FROM interactions o WHERE o.tenant = $1 AND o.contact_id = surveys.contact_id AND o.id <> $2)`,
		"DELETE FROM interactions WHERE tenant = $1 AND id = $2", // its other rows follow by their foreign keys
	} {
		if _, err := exec(ctx, tx, statement, t.id, id); err != nil {
			return explain(err, "interaction", id)
		}
	}
	return nil
}

// ExpiredInteractions returns the ids of interactions whose retention has ended and that no hold keeps, the longest first, at
// most limit.
func (t *Tenant) ExpiredInteractions(ctx context.Context, limit int) ([]string, error) {
	if limit < 1 || limit > MaxLimit {
		return nil, invalid("limit", limit, fmt.Sprintf("1 to %d", MaxLimit))
	}
	ids, err := texts(ctx, t.s.read, `SELECT id FROM interactions i WHERE i.tenant = $1 AND i.retention_until <= $2
		AND NOT EXISTS (SELECT 1 FROM legal_holds h WHERE h.tenant = i.tenant AND h.released_at IS NULL
			AND h.kind = 'interaction' AND h.subject = i.id)
		AND NOT EXISTS (SELECT 1 FROM legal_holds h, parties p WHERE h.tenant = i.tenant AND h.released_at IS NULL AND h.kind = 'customer'
			AND p.tenant = i.tenant AND p.interaction_id = i.id AND p.role = 'customer' AND p.external_id = h.subject)
		ORDER BY i.retention_until, i.id LIMIT $3`, t.id, t.s.time().UnixMicro(), limit)
	return ids, explain(err, "interaction")
}

// EraseCustomer removes a customer with every saved interaction that the customer took part in, and the customer's surveys and
// tasks, and returns the ids of the interactions. Consents and voiceprints are DeleteSpeaker's. It ends with Scrub, as DeleteSpeaker
// does: ErrUnavailable with ids that are not nil says that the rows are gone. Errors: ErrNotFound where
// nothing is kept of the customer, ErrConflict under a legal hold, of the customer or of one of the interactions: then nothing is
// removed.
func (t *Tenant) EraseCustomer(ctx context.Context, id string) (interactions []string, err error) {
	err = t.inTurn(ctx, "customer", func(tx *sql.Tx) error {
		if err := t.checkHold(ctx, tx, HoldCustomer, id); err != nil {
			return err
		}
		var err error
		if interactions, err = t.interactionsOf(ctx, tx, "customer", id); err != nil {
			return err
		}
		for _, i := range interactions {
			if err := t.deleteInteraction(ctx, tx, i); err != nil {
				return err
			}
		}
		rows := int64(len(interactions))
		for _, statement := range []string{
			"DELETE FROM surveys WHERE tenant = $1 AND customer_id = $2",
			"DELETE FROM tasks WHERE tenant = $1 AND customer_id = $2",
			"DELETE FROM directory WHERE tenant = $1 AND kind = 'customer' AND id = $2",
			"DELETE FROM legal_holds WHERE tenant = $1 AND kind = 'customer' AND subject = $2", // released ones, as the check has shown
		} {
			n, err := exec(ctx, tx, statement, t.id, id)
			if err != nil {
				return explain(err, "customer", id)
			}
			rows += n
		}
		if rows == 0 {
			return notFound("customer", id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.s.unscrubbed.Store(true) // until Scrub is through
	return append([]string{}, interactions...), t.s.Scrub(ctx)
}

func (t *Tenant) interactionsOf(ctx context.Context, q querier, role, id string) ([]string, error) {
	ids, err := texts(ctx, q, "SELECT interaction_id FROM parties WHERE tenant = $1 AND role = $2 AND external_id = $3 ORDER BY at, interaction_id",
		t.id, role, id)
	return ids, explain(err, "interaction")
}
