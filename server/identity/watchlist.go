package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// DeleteWatchlist removes a list and its entries; the persons stay. Errors: store.ErrNotFound.
func (r *Registry) DeleteWatchlist(ctx context.Context, by, list string) error {
	if err := r.rows.DeleteWatchlist(ctx, list); err != nil {
		return err
	}
	_, err := r.log(ctx, by, "delete_watchlist", "", map[string]string{"list": list})
	return err
}

// AddToWatchlist proposes an entry, which is not searched until the list's approver approved it, whatever e says of that. e.AddedBy
// names who proposes it, by who tells us so. Errors: ErrOptedOut, store.ErrNotFound.
func (r *Registry) AddToWatchlist(ctx context.Context, by string, e store.WatchlistEntry) (store.WatchlistEntry, error) {
	out, err := r.OptedOut(ctx, e.SpeakerID)
	if err != nil {
		return store.WatchlistEntry{}, err
	}
	if out {
		return store.WatchlistEntry{}, r.refuse(ctx, by, "add_watchlist_entry", e.SpeakerID, ErrOptedOut, "the person opted out of being known by voice")
	}
	e.ApprovedBy = ""
	if e, err = r.rows.AddToWatchlist(ctx, e); err != nil {
		return store.WatchlistEntry{}, err
	}
	_, err = r.log(ctx, by, "add_watchlist_entry", e.SpeakerID, map[string]string{"list": e.Watchlist, "added_by": e.AddedBy})
	return e, err
}

// ApproveEntry puts an entry in force. approver names who approves it: the list's approver alone, and not who proposed it. by is who
// tells us so. Errors: ErrNotPermitted, ErrOptedOut, store.ErrNotFound.
func (r *Registry) ApproveEntry(ctx context.Context, by, approver, list, speaker string) error {
	w, err := r.rows.Watchlist(ctx, list)
	if err != nil {
		return err
	}
	entries, err := r.rows.WatchlistEntriesOf(ctx, speaker)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e store.WatchlistEntry) bool { return e.Watchlist == list })
	if i < 0 {
		return fmt.Errorf("%w: watchlist entry: list %q, speaker %q", store.ErrNotFound, list, speaker)
	}
	out, err := r.OptedOut(ctx, speaker)
	if err != nil {
		return err
	}
	const action = "approve_watchlist_entry"
	switch e := entries[i]; {
	case out:
		return r.refuse(ctx, by, action, speaker, ErrOptedOut, "the person opted out of being known by voice")
	case !e.ExpiresAt.After(r.now()):
		return r.refuse(ctx, by, action, speaker, ErrNotPermitted, "the entry has expired")
	case approver != w.Approver:
		return r.refuse(ctx, by, action, speaker, ErrNotPermitted, fmt.Sprintf("entries of this list are approved by %q alone, not by %q", w.Approver, approver))
	case approver == e.AddedBy:
		return r.refuse(ctx, by, action, speaker, ErrNotPermitted, "who added an entry does not approve it")
	}
	if err := r.rows.ApproveWatchlistEntry(ctx, list, speaker, approver); err != nil {
		return err
	}
	_, err = r.log(ctx, by, action, speaker, map[string]string{"list": list, "approved_by": approver})
	return err
}

// RemoveFromWatchlist takes a person off a list.
func (r *Registry) RemoveFromWatchlist(ctx context.Context, by, list, speaker string) error {
	if err := r.rows.RemoveFromWatchlist(ctx, list, speaker); err != nil {
		return err
	}
	_, err := r.log(ctx, by, "remove_watchlist_entry", speaker, map[string]string{"list": list})
	return err
}

// Search is what is noted of a search. Who was found is not: the answer went to who asked.
type Search struct {
	List       string // empty: everybody enrolled
	Entries    int
	Candidates int
	Model      Model
}

// Searched writes a search into the log.
func (r *Registry) Searched(ctx context.Context, by string, s Search) error {
	_, err := r.log(ctx, by, "identify", "", map[string]string{
		"list": s.List, "entries": strconv.Itoa(s.Entries), "candidates": strconv.Itoa(s.Candidates), "model": s.Model.Name, "model_version": s.Model.Version,
	})
	return err
}

// Gallery opens every print of a model that a search may compare with and gives it to visit: of a watchlist's approved entries or,
// where list is empty, of everybody enrolled whose consent is in force. Who opted out is left out. print is the receiver's.
func (r *Registry) Gallery(ctx context.Context, list string, m Model, visit func(v store.Voiceprint, print []byte) error) error {
	for v, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.Voiceprint], error) {
		return r.rows.Gallery(ctx, m.Name, m.Version, list, page)
	}) {
		if err != nil {
			return err
		}
		if v.ModelSHA256 != m.SHA256 {
			continue
		}
		if out, err := r.OptedOut(ctx, v.SpeakerID); err != nil {
			return err
		} else if out {
			continue
		}
		if list == "" { // who withdrew is not compared with, nor who never agreed: a print that was made for a watchlist
			if c, _, err := r.consent(ctx, v.SpeakerID, "", false); err != nil {
				return err
			} else if c == nil {
				continue
			}
		}
		plain, err := r.open(ctx, &v)
		if errors.Is(err, ErrKeyDestroyed) { // deleted while we looked
			continue
		}
		if err != nil {
			return err
		}
		if err := visit(v, plain); err != nil {
			return err
		}
	}
	return nil
}
