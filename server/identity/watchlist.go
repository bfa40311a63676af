package identity

import (
	"context"
	"errors"
	"strconv"

	"github.com/timbre-voice/timbre/server/store"
)

// SaveWatchlist adds or changes a list. The store refuses one without purpose, legal basis, retention and approver.
func (r *Registry) SaveWatchlist(ctx context.Context, by string, w store.Watchlist) error {
	if err := r.rows.SaveWatchlist(ctx, w); err != nil {
		return err
	}
	_, err := r.log(ctx, by, "save_watchlist", "", map[string]string{
		"list": w.Name, "purpose": w.Purpose, "legal_basis": w.LegalBasis, "retention_days": strconv.Itoa(w.RetentionDays), "approver": w.Approver,
	})
	return err
}

// AddToWatchlist proposes an entry, which is not searched until the list's approver approved it. Errors: ErrOptedOut,
// store.ErrNotFound.
func (r *Registry) AddToWatchlist(ctx context.Context, by, list, speaker, reason string) (store.WatchlistEntry, error) {
	out, err := r.OptedOut(ctx, speaker)
	if err != nil {
		return store.WatchlistEntry{}, err
	}
	if out {
		return store.WatchlistEntry{}, r.refuse(ctx, by, "add_watchlist_entry", speaker, ErrOptedOut, "the person opted out of being known by voice")
	}
	e, err := r.rows.AddToWatchlist(ctx, store.WatchlistEntry{Watchlist: list, SpeakerID: speaker, Reason: reason, AddedBy: by})
	if err != nil {
		return store.WatchlistEntry{}, err
	}
	_, err = r.log(ctx, by, "add_watchlist_entry", speaker, map[string]string{"list": list})
	return e, err
}

// ApproveEntry puts an entry in force. Only the list's approver may, and not for an entry of the approver's own. Errors:
// ErrNotPermitted, store.ErrNotFound.
func (r *Registry) ApproveEntry(ctx context.Context, by, list, speaker string) error {
	w, err := r.rows.Watchlist(ctx, list)
	if err != nil {
		return err
	}
	entries, err := r.rows.WatchlistEntriesOf(ctx, speaker)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Watchlist != list {
			continue
		}
		switch {
		case by != w.Approver:
			return r.refuse(ctx, by, "approve_watchlist_entry", speaker, ErrNotPermitted, "entries of this list are approved by "+strconv.Quote(w.Approver)+" alone")
		case by == e.AddedBy:
			return r.refuse(ctx, by, "approve_watchlist_entry", speaker, ErrNotPermitted, "who added an entry does not approve it")
		}
		if err := r.rows.ApproveWatchlistEntry(ctx, list, speaker, by); err != nil {
			return err
		}
		_, err = r.log(ctx, by, "approve_watchlist_entry", speaker, map[string]string{"list": list})
		return err
	}
	return errors.Join(store.ErrNotFound, errors.New("watchlist entry of "+strconv.Quote(list)))
}

// RemoveFromWatchlist takes a person off a list.
func (r *Registry) RemoveFromWatchlist(ctx context.Context, by, list, speaker string) error {
	if err := r.rows.RemoveFromWatchlist(ctx, list, speaker); err != nil {
		return err
	}
	_, err := r.log(ctx, by, "remove_watchlist_entry", speaker, map[string]string{"list": list})
	return err
}

// Gallery opens every print of a model that a search may compare with and gives it to visit: of a watchlist's approved entries or,
// where list is empty, of everybody enrolled. Who opted out is left out. print is the receiver's.
func (r *Registry) Gallery(ctx context.Context, list string, m Model, visit func(v store.Voiceprint, print []byte) error) error {
	for page := (store.Page{Limit: store.MaxLimit}); ; {
		rows, err := r.rows.Gallery(ctx, m.Name, m.Version, list, page)
		if err != nil {
			return err
		}
		for i := range rows.Items {
			v := &rows.Items[i]
			if v.ModelSHA256 != m.SHA256 {
				continue
			}
			if out, err := r.OptedOut(ctx, v.SpeakerID); err != nil {
				return err
			} else if out {
				continue
			}
			plain, err := r.open(ctx, v)
			if errors.Is(err, ErrKeyDestroyed) { // deleted while we looked
				continue
			}
			if err != nil {
				return err
			}
			if err := visit(*v, plain); err != nil {
				return err
			}
		}
		if rows.Next == "" {
			return nil
		}
		page.After = rows.Next
	}
}
