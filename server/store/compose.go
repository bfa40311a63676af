package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// compose writes into r what lies in rows of its own: surveys, tasks, evaluations, corrections and legal holds.
func (t *Tenant) compose(ctx context.Context, q querier, r *interaction.Interaction) error {
	id := r.Contact.ID
	cx := interaction.CX{}
	if r.CX != nil {
		cx = *r.CX
	}
	cx.Surveys, cx.Tasks, r.Evaluations = nil, nil, nil
	if contact := word(r.Contact.ContactID); contact != "" {
		// The survey may have come before the call was known, which is when its customer is.
		if customer := customerOf(r); customer != "" {
			if _, err := exec(ctx, q, "UPDATE surveys SET customer_id = $3 WHERE tenant = $1 AND contact_id = $2 AND customer_id = ''",
				t.id, contact, customer); err != nil {
				return explain(err, "survey")
			}
		}
		rows, err := surveys.find(ctx, q, t.id, "contact_id = $1", "ORDER BY created_at, id", contact)
		if err != nil {
			return err
		}
		for _, s := range rows {
			cx.Surveys = append(cx.Surveys, s.Survey())
		}
	}
	rows, err := tasks.find(ctx, q, t.id, "interaction_id = $1", "ORDER BY created_at, id", id)
	if err != nil {
		return err
	}
	for _, v := range rows {
		cx.Tasks = append(cx.Tasks, v.task())
	}
	r.CX = nil
	if !reflect.ValueOf(cx).IsZero() {
		r.CX = &cx
	}
	reviews, err := evaluations.find(ctx, q, t.id, "interaction_id = $1", "ORDER BY created_at, id", id)
	if err != nil {
		return err
	}
	for _, v := range reviews {
		r.Evaluations = append(r.Evaluations, v.Evaluation)
	}
	if err := t.composeCorrections(ctx, q, r); err != nil {
		return err
	}
	r.Governance.LegalHold, err = t.held(ctx, q, HoldInteraction, id)
	for _, p := range r.Participants {
		if err == nil && !r.Governance.LegalHold && p.Role == interaction.RoleCustomer && p.ExternalID != "" {
			r.Governance.LegalHold, err = t.held(ctx, q, HoldCustomer, word(p.ExternalID))
		}
	}
	return err
}

// composeCorrections hangs each correction on its segment; one whose segment a new analysis did not find again stays a row alone.
func (t *Tenant) composeCorrections(ctx context.Context, q querier, r *interaction.Interaction) error {
	rows, err := corrections.find(ctx, q, t.id, "interaction_id = $1", "ORDER BY made_at, id", r.Contact.ID)
	if err != nil {
		return err
	}
	r.Segments = slices.Clone(r.Segments)
	for i := range r.Segments {
		s := &r.Segments[i]
		s.Corrections = nil
		for _, c := range rows {
			if c.SegmentID == word(s.ID) {
				s.Corrections = append(s.Corrections, c.Correction)
			}
		}
	}
	return nil
}

func customerOf(r *interaction.Interaction) string {
	return word(r.ExternalID(interaction.RoleCustomer))
}

// adopt makes rows of what a record that is new to the store already holds of the groups that the store owns.
func (t *Tenant) adopt(ctx context.Context, tx *sql.Tx, r *interaction.Interaction) error {
	id, now := r.Contact.ID, t.s.time()
	if r.CX != nil && r.Contact.ContactID != "" {
		for i, s := range r.CX.Surveys {
			row := Survey{ID: word(fmt.Sprintf("%s-%s-%d", id, s.Kind, i+1)), ContactID: word(r.Contact.ContactID), CustomerID: customerOf(r), Kind: s.Kind,
				Value: s.Value, AskedAt: stored(s.AskedAt), AnsweredAt: stored(s.AnsweredAt), CreatedAt: now}
			if _, err := surveys.insertNew(ctx, tx, t.id, &row); err != nil {
				return err
			}
		}
	}
	if r.CX != nil {
		for _, v := range r.CX.Tasks {
			row := Task{ID: word(v.ID), InteractionID: id, CustomerID: customerOf(r), Title: fit(v.Title, maxText), Owner: word(v.Owner), Due: stored(v.Due), Source: word(v.Source),
				State: v.State, CreatedAt: now, UpdatedAt: now}
			if _, err := tasks.insertNew(ctx, tx, t.id, &row); err != nil {
				return err
			}
		}
	}
	for i, e := range r.Evaluations {
		row := Evaluation{ID: word(fmt.Sprintf("%s-evaluation-%d", id, i+1)), InteractionID: id, AgentID: word(r.ExternalID(interaction.RoleAgent)), Evaluation: e, CreatedAt: now, UpdatedAt: now}
		if e.State != "draft" {
			row.SubmittedAt = now
		}
		if _, err := evaluations.insertNew(ctx, tx, t.id, &row); err != nil {
			return err
		}
	}
	for _, s := range r.Segments {
		for i, c := range s.Corrections {
			row := Correction{ID: word(fmt.Sprintf("%s-%s-%d", id, s.ID, i+1)), InteractionID: id, SegmentID: word(s.ID), Correction: c}
			if _, err := corrections.insertNew(ctx, tx, t.id, &row); err != nil {
				return err
			}
		}
	}
	return nil
}

// OutboxRow is one event that was written in the transaction of the record that it tells of.
type OutboxRow struct {
	ID            int64 // grows with time
	Tenant        string
	InteractionID string
	Kind          string
	Body          []byte // JSON
}

// tell writes the event of a saved record.
func (t *Tenant) tell(ctx context.Context, tx *sql.Tx, r *interaction.Interaction) error {
	kind, body, err := t.s.event(r)
	if err != nil {
		return fmt.Errorf("store: event of interaction %s: %w", show(r.Contact.ID), err)
	}
	if kind == "" {
		return nil
	}
	_, err = exec(ctx, tx, "INSERT INTO outbox (tenant, id, interaction_id, kind, body) VALUES ($1, $2, $3, $4, $5)",
		t.id, outboxID(t.s.time()), r.Contact.ID, kind, string(body))
	return explain(err, "outbox")
}

// outboxID returns 41 bits of milliseconds since 1970 and 22 random bits.
func outboxID(now time.Time) int64 {
	const random = 22
	return now.UnixMilli()<<random | rand.Int64N(1<<random)
}

// defaultEvent names the record and says nothing about it.
func defaultEvent(r *interaction.Interaction) (kind string, body []byte, err error) {
	body, err = json.Marshal(map[string]any{"id": r.Contact.ID, "revision": r.Contact.Revision, "state": r.Contact.State})
	return "interaction_saved", body, err
}

// Pending returns the oldest rows of the outbox, of all tenants, at most limit.
func (s *Store) Pending(ctx context.Context, limit int) (out []OutboxRow, err error) {
	if limit < 1 || limit > MaxLimit {
		return nil, invalid("limit", limit, fmt.Sprintf("1 to %d", MaxLimit))
	}
	rows, err := s.read.QueryContext(ctx, "SELECT id, tenant, interaction_id, kind, body FROM outbox ORDER BY id LIMIT $1", limit)
	if err != nil {
		return nil, explain(err, "outbox")
	}
	defer rows.Close()
	for rows.Next() {
		var r OutboxRow
		if err := rows.Scan(&r.ID, &r.Tenant, &r.InteractionID, &r.Kind, &r.Body); err != nil {
			return nil, explain(err, "outbox")
		}
		out = append(out, r)
	}
	return out, explain(rows.Err(), "outbox")
}

// MarkPublished removes rows that were delivered to the queue. One that is gone already is no error.
func (s *Store) MarkPublished(ctx context.Context, ids []int64) error {
	return s.update(ctx, "outbox", func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := exec(ctx, tx, "DELETE FROM outbox WHERE id = $1", id); err != nil {
				return explain(err, "outbox")
			}
		}
		return nil
	})
}
