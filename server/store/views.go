package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// SavedView is a search that a user gave a name.
type SavedView struct {
	ID        string // set by the store where empty
	Owner     string // the user
	Name      string
	Query     json.RawMessage // as the console reads it
	Shared    bool            // every user sees it
	CreatedAt time.Time       // set by the store
	UpdatedAt time.Time       // set by the store
}

var savedViews = table[SavedView]{name: "saved_views", what: "saved view", key: []string{"id"},
	cols: []string{"id", "owner", "name", "query", "shared", "created_at", "updated_at"},
	fields: func(v *SavedView) []any {
		return []any{&v.ID, &v.Owner, &v.Name, jsonOf(&v.Query), &v.Shared, at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// SaveView adds a view or changes the one of that id. Errors: ErrConflict where the view is another user's.
func (t *Tenant) SaveView(ctx context.Context, v SavedView) (SavedView, error) {
	now := t.s.time()
	if v.ID == "" {
		v.ID = NewID(now)
	}
	for _, f := range []struct{ name, value string }{{"owner", v.Owner}, {"name", v.Name}} {
		if err := checkKey("saved view "+f.name, f.value); err != nil {
			return SavedView{}, err
		}
	}
	if !json.Valid(v.Query) {
		return SavedView{}, invalid("saved view query", string(v.Query), "JSON")
	}
	err := t.s.update(ctx, "saved view", func(tx *sql.Tx) error {
		v.CreatedAt, v.UpdatedAt = now, now
		before, err := savedViews.find(ctx, tx, t.id, "id = $1", t.s.forUpdate, v.ID)
		if err != nil {
			return err
		}
		if len(before) == 1 {
			if before[0].Owner != v.Owner {
				return conflict("saved view", []any{v.ID}, "another user's")
			}
			v.CreatedAt = before[0].CreatedAt
		}
		return savedViews.put(ctx, tx, t.id, &v)
	})
	return v, err
}

// Views returns the views that a user sees, the user's own and the shared ones, by name.
func (t *Tenant) Views(ctx context.Context, user string) ([]SavedView, error) {
	return savedViews.find(ctx, t.s.read, t.id, "(owner = $1 OR shared)", "ORDER BY name, id", user)
}

// DeleteView removes a view of a user. Errors: ErrNotFound, also where the view is another user's.
func (t *Tenant) DeleteView(ctx context.Context, owner, id string) error {
	return t.s.update(ctx, "saved view", func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, "DELETE FROM saved_views WHERE tenant = $1 AND id = $2 AND owner = $3", t.id, id, owner)
		if err == nil && n == 0 {
			return notFound("saved view", id)
		}
		return explain(err, "saved view", id)
	})
}
