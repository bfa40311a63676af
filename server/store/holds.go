package store

import (
	"context"
	"database/sql"
	"time"
)

// HoldKind says what a legal hold keeps.
type HoldKind string

// The kinds of hold.
const (
	HoldInteraction HoldKind = "interaction"
	HoldCustomer    HoldKind = "customer" // every interaction of the customer
	HoldSpeaker     HoldKind = "speaker"
)

// Hold forbids to delete something until it is released.
type Hold struct {
	ID         string // set by the store
	Kind       HoldKind
	Subject    string // the id of what is held
	Reason     string // required
	PlacedBy   string
	PlacedAt   time.Time // set by the store
	ReleasedBy string
	ReleasedAt time.Time // zero: in force
}

var holds = table[Hold]{name: "legal_holds", what: "legal hold", key: []string{"id"},
	cols: []string{"id", "kind", "subject", "reason", "placed_by", "placed_at", "released_by", "released_at"},
	fields: func(v *Hold) []any {
		return []any{&v.ID, &v.Kind, &v.Subject, &v.Reason, &v.PlacedBy, at(&v.PlacedAt), &v.ReleasedBy, at(&v.ReleasedAt)}
	}}

// PlaceHold puts something under a hold, which the records of it then say. What is held need not be there yet.
func (t *Tenant) PlaceHold(ctx context.Context, v Hold) (Hold, error) {
	now := t.s.time()
	v.ID, v.PlacedAt, v.ReleasedBy, v.ReleasedAt = NewID(now), now, "", time.Time{}
	if v.Reason == "" {
		return Hold{}, invalid("legal hold reason", "", "why it is held")
	}
	if err := checkKey("legal hold subject", v.Subject); err != nil {
		return Hold{}, err
	}
	err := t.inTurn(ctx, "legal hold", func(tx *sql.Tx) error {
		if err := holds.insert(ctx, tx, t.id, &v); err != nil {
			return err
		}
		return t.refreshHeld(ctx, tx, v)
	})
	return v, err
}

// ReleaseHold ends a hold. Errors: ErrNotFound, ErrConflict where it was released already.
func (t *Tenant) ReleaseHold(ctx context.Context, id, by string) error {
	return t.inTurn(ctx, "legal hold", func(tx *sql.Tx) error {
		v, err := holds.get(ctx, tx, t.id, id)
		if err != nil {
			return err
		}
		if !v.ReleasedAt.IsZero() {
			return conflict("legal hold", []any{id}, "released already")
		}
		if err := checkText("legal hold released_by", by); err != nil {
			return err
		}
		if err := holds.set(ctx, tx, t.id, []any{id}, "released_by = $1, released_at = $2", by, t.s.time().UnixMicro()); err != nil {
			return err
		}
		return t.refreshHeld(ctx, tx, v)
	})
}

func (t *Tenant) refreshHeld(ctx context.Context, tx *sql.Tx, v Hold) error {
	var ids []string
	switch v.Kind {
	case HoldInteraction:
		ids = []string{v.Subject}
	case HoldCustomer:
		var err error
		if ids, err = t.interactionsOf(ctx, tx, "customer", v.Subject); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := t.refresh(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// Holds lists the holds, released ones too, in the order in which they were placed.
func (t *Tenant) Holds(ctx context.Context, p Page) (List[Hold], error) {
	return holds.page(ctx, t.s.read, t.id, p, order{cols: []string{"placed_at", "id"}, kinds: "ns"}, "")
}

// checkHold returns ErrConflict with the reason where something is held.
func (t *Tenant) checkHold(ctx context.Context, q querier, kind HoldKind, subject string) error {
	found, err := holds.find(ctx, q, t.id, "kind = $1 AND subject = $2 AND released_at IS NULL", "ORDER BY placed_at, id LIMIT 1", string(kind), subject)
	if err == nil && len(found) == 1 {
		err = conflict(string(kind), []any{subject}, "under legal hold "+found[0].ID+": "+found[0].Reason)
	}
	return err
}

// held reports whether something is held.
func (t *Tenant) held(ctx context.Context, q querier, kind HoldKind, subject string) (bool, error) {
	err := t.checkHold(ctx, q, kind, subject)
	if Code(err) == "conflict" {
		return true, nil
	}
	return false, err
}

// checkHolds returns ErrConflict where an interaction is held, by itself or through its customers.
func (t *Tenant) checkHolds(ctx context.Context, q querier, id string) error {
	if err := t.checkHold(ctx, q, HoldInteraction, id); err != nil {
		return err
	}
	customers, err := texts(ctx, q, "SELECT external_id FROM parties WHERE tenant = $1 AND interaction_id = $2 AND role = 'customer'", t.id, id)
	if err != nil {
		return explain(err, "interaction", id)
	}
	for _, c := range customers {
		if err := t.checkHold(ctx, q, HoldCustomer, c); err != nil {
			return err
		}
	}
	return nil
}
