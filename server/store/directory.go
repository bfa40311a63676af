package store

import (
	"context"
	"database/sql"
	"time"
)

// Kind says what an entry of the directory is.
type Kind string

// The kinds.
const (
	KindAgent    Kind = "agent"
	KindCustomer Kind = "customer"
	KindQueue    Kind = "queue"
)

// Entry is an agent, a customer or a queue that calls named, with what the site tells about it.
type Entry struct {
	Kind        Kind
	ID          string
	DisplayName string
	Attributes  map[string]string
	CreatedAt   time.Time // set by the store
	SeenAt      time.Time // set by the store: the last save of a call with it
}

var directory = table[Entry]{name: "directory", what: "directory entry", key: []string{"kind", "id"},
	cols: []string{"kind", "id", "display_name", "attributes", "created_at", "seen_at"},
	fields: func(v *Entry) []any {
		return []any{&v.Kind, &v.ID, &v.DisplayName, jsonOf(&v.Attributes), at(&v.CreatedAt), at(&v.SeenAt)}
	}}

// SaveEntry adds an agent, a customer or a queue, or changes name and attributes of one. Saved calls add those that they name by
// themselves.
func (t *Tenant) SaveEntry(ctx context.Context, v Entry) error {
	v.CreatedAt = t.s.time()
	v.SeenAt = v.CreatedAt
	if v.Attributes == nil {
		v.Attributes = map[string]string{}
	}
	return t.s.update(ctx, "directory entry", func(tx *sql.Tx) error {
		return directory.put(ctx, tx, t.id, &v, "created_at", "seen_at")
	})
}

// Entry returns an agent, a customer or a queue, or ErrNotFound.
func (t *Tenant) Entry(ctx context.Context, kind Kind, id string) (Entry, error) {
	return directory.get(ctx, t.s.read, t.id, string(kind), id)
}

// Entries lists those of a kind by id.
func (t *Tenant) Entries(ctx context.Context, kind Kind, p Page) (List[Entry], error) {
	return directory.page(ctx, t.s.read, t.id, p, order{cols: []string{"id"}, kinds: "s"}, "kind = $1", string(kind))
}
