package store

import (
	"context"
	"database/sql"
	"time"
)

// Watchlist is a list of persons whose voices are searched for. What the law asks of one is required.
type Watchlist struct {
	Name          string
	Purpose       string
	LegalBasis    string
	RetentionDays int       // how long an entry stays, 1 or more
	Approver      string    // who may approve entries
	CreatedAt     time.Time // set by the store
	UpdatedAt     time.Time // set by the store
}

var watchlists = table[Watchlist]{name: "watchlists", what: "watchlist", key: []string{"name"},
	cols: []string{"name", "purpose", "legal_basis", "retention_days", "approver", "created_at", "updated_at"},
	fields: func(v *Watchlist) []any {
		return []any{&v.Name, &v.Purpose, &v.LegalBasis, &v.RetentionDays, &v.Approver, at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// WatchlistEntry is one person on a watchlist.
type WatchlistEntry struct {
	Watchlist  string
	SpeakerID  string
	Reason     string
	AddedBy    string
	ApprovedBy string    // "": waits for approval
	AddedAt    time.Time // set by the store
	ExpiresAt  time.Time // set by the store from the list's retention
}

var watchlistEntries = table[WatchlistEntry]{name: "watchlist_entries", what: "watchlist entry", key: []string{"watchlist", "speaker_id"},
	cols: []string{"watchlist", "speaker_id", "reason", "added_by", "approved_by", "added_at", "expires_at"},
	fields: func(v *WatchlistEntry) []any {
		return []any{&v.Watchlist, &v.SpeakerID, &v.Reason, &v.AddedBy, &v.ApprovedBy, at(&v.AddedAt), at(&v.ExpiresAt)}
	}}

// SaveWatchlist adds or changes a list. Entries keep the expiry that they were added with.
func (t *Tenant) SaveWatchlist(ctx context.Context, v Watchlist) error {
	v.CreatedAt = t.s.time()
	v.UpdatedAt = v.CreatedAt
	for _, f := range []struct{ name, value string }{{"purpose", v.Purpose}, {"legal_basis", v.LegalBasis}, {"approver", v.Approver}} {
		if f.value == "" {
			return invalid("watchlist "+f.name, "", "a text of at least one character")
		}
	}
	if v.RetentionDays < 1 {
		return invalid("watchlist retention_days", v.RetentionDays, "1 or more")
	}
	return t.s.update(ctx, "watchlist", func(tx *sql.Tx) error { return watchlists.put(ctx, tx, t.id, &v, "created_at") })
}

// Watchlist returns a list or ErrNotFound.
func (t *Tenant) Watchlist(ctx context.Context, name string) (Watchlist, error) {
	return watchlists.get(ctx, t.s.read, t.id, name)
}

// Watchlists returns all lists by name.
func (t *Tenant) Watchlists(ctx context.Context) ([]Watchlist, error) {
	return watchlists.find(ctx, t.s.read, t.id, "", "ORDER BY name")
}

// DeleteWatchlist removes a list and its entries; the persons stay. Errors: ErrNotFound.
func (t *Tenant) DeleteWatchlist(ctx context.Context, name string) error {
	return t.s.update(ctx, "watchlist", func(tx *sql.Tx) error { return watchlists.remove(ctx, tx, t.id, name) })
}

// AddToWatchlist puts a person on a list; a person who is on it already gets a new entry in place of the old. Errors: ErrNotFound
// for an unknown list or person.
func (t *Tenant) AddToWatchlist(ctx context.Context, v WatchlistEntry) (WatchlistEntry, error) {
	v.AddedAt = t.s.time()
	err := t.s.update(ctx, "watchlist entry", func(tx *sql.Tx) error {
		list, err := watchlists.get(ctx, tx, t.id, v.Watchlist)
		if err != nil {
			return err
		}
		v.ExpiresAt = v.AddedAt.AddDate(0, 0, list.RetentionDays)
		return watchlistEntries.put(ctx, tx, t.id, &v)
	})
	return v, err
}

// WatchlistEntries lists the entries of a list by speaker, those that expired included.
func (t *Tenant) WatchlistEntries(ctx context.Context, watchlist string, p Page) (List[WatchlistEntry], error) {
	return watchlistEntries.page(ctx, t.s.read, t.id, p, order{cols: []string{"speaker_id"}, kinds: "s"}, "watchlist = $1", watchlist)
}

// WatchlistEntriesOf returns the entries of a person on all lists, by list, those that expired included.
func (t *Tenant) WatchlistEntriesOf(ctx context.Context, speaker string) ([]WatchlistEntry, error) {
	return watchlistEntries.find(ctx, t.s.read, t.id, "speaker_id = $1", "ORDER BY watchlist", speaker)
}

// ApproveWatchlistEntry notes who approved an entry: from then on it is searched. Errors: ErrNotFound, ErrInvalid without a name.
func (t *Tenant) ApproveWatchlistEntry(ctx context.Context, watchlist, speaker, by string) error {
	if err := checkKey("watchlist entry approved_by", by); err != nil {
		return err
	}
	return t.s.update(ctx, "watchlist entry", func(tx *sql.Tx) error {
		return watchlistEntries.set(ctx, tx, t.id, []any{watchlist, speaker}, "approved_by = $1", by)
	})
}

// RemoveFromWatchlist takes a person off a list. Errors: ErrNotFound.
func (t *Tenant) RemoveFromWatchlist(ctx context.Context, watchlist, speaker string) error {
	return t.s.update(ctx, "watchlist entry", func(tx *sql.Tx) error {
		return watchlistEntries.remove(ctx, tx, t.id, watchlist, speaker)
	})
}
