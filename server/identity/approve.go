package identity

import (
	"context"
	"errors"
	"time"

	"github.com/timbre-voice/timbre/server/store"
)

// Approve puts a print that waits in force, in the place of the one that was. The consent must still be in force, or the entry of
// the watchlist that the print was made for; where the rules ask for a second person, who asked for the print may not. Errors:
// ErrNotPermitted, ErrNoConsent, store.ErrNotFound.
func (r *Registry) Approve(ctx context.Context, by, voiceprint string, rules Rules) error {
	v, err := r.pending(ctx, by, "approve", voiceprint)
	if err != nil {
		return err
	}
	out, err := r.OptedOut(ctx, v.SpeakerID)
	if err != nil {
		return err
	}
	if out {
		return r.refuse(ctx, by, "approve", v.SpeakerID, ErrOptedOut, "the person opted out of being known by voice")
	}
	if rules.SecondPerson {
		asked, err := r.requester(ctx, v)
		if err != nil {
			return err
		}
		if asked == by {
			return r.refuse(ctx, by, "approve", v.SpeakerID, ErrNotPermitted, "who asked for the print does not approve it, want a second person")
		}
	}
	if err := r.mayStand(ctx, by, v, rules); err != nil {
		return err
	}
	old, err := r.printOf(ctx, v.SpeakerID, Model{v.Model, v.ModelVersion, v.ModelSHA256}, store.EnrolmentActive)
	if err != nil {
		return err
	}
	if err := r.rows.ApproveVoiceprint(ctx, v.ID); err != nil {
		return err
	}
	if old != nil {
		if err := r.rows.DeleteVoiceprint(ctx, old.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	_, err = r.log(ctx, by, "approve", v.SpeakerID, map[string]string{"voiceprint": v.ID})
	return err
}

// mayStand refuses a print whose ground is gone.
func (r *Registry) mayStand(ctx context.Context, by string, v store.Voiceprint, rules Rules) error {
	c, why, err := r.consent(ctx, v.SpeakerID, "", rules.ReleaseRequired)
	if err != nil || c != nil {
		return err
	}
	entries, err := r.rows.WatchlistEntriesOf(ctx, v.SpeakerID)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if v.ConsentRef == onWatchlist(e.Watchlist) && e.ExpiresAt.After(r.now()) {
			return nil
		}
	}
	return r.refuse(ctx, by, "approve", v.SpeakerID, ErrNoConsent, why)
}

// Reject removes a print that waits for approval.
func (r *Registry) Reject(ctx context.Context, by, voiceprint string) error {
	v, err := r.pending(ctx, by, "reject", voiceprint)
	if err != nil {
		return err
	}
	if err := r.rows.DeleteVoiceprint(ctx, v.ID); err != nil {
		return err
	}
	_, err = r.log(ctx, by, "reject", v.SpeakerID, map[string]string{"voiceprint": v.ID})
	return err
}

// pending returns a print that waits for approval, or refuses.
func (r *Registry) pending(ctx context.Context, by, action, voiceprint string) (store.Voiceprint, error) {
	v, err := r.rows.Voiceprint(ctx, voiceprint)
	if err != nil {
		return store.Voiceprint{}, err
	}
	if v.State != store.EnrolmentPending {
		return store.Voiceprint{}, r.refuse(ctx, by, action, v.SpeakerID, ErrNotPermitted, "the print does not wait for approval")
	}
	return v, nil
}

// requester returns who asked for a print last, as the audit log tells it.
func (r *Registry) requester(ctx context.Context, v store.Voiceprint) (string, error) {
	alias, err := r.keys.Pseudonym(r.subject(v.SpeakerID))
	if err != nil {
		return "", err
	}
	for e, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.AuditEntry], error) {
		return r.rows.Audit(ctx, alias, page)
	}) {
		if err != nil {
			return "", err
		}
		if (e.Action == "enrol" || e.Action == "replace_print") && e.Detail["voiceprint"] == v.ID {
			return e.Actor, nil
		}
	}
	return "", nil
}

// expirePending removes the prints that have waited for approval for as many days as days says for the person's jurisdiction, and
// returns how many there were.
func (r *Registry) expirePending(ctx context.Context, by string, rules func(jurisdiction string) Rules) (int, error) {
	n, now := 0, r.now()
	for v, err := range store.Every(ctx, r.rows.PendingVoiceprints) {
		if err != nil {
			return n, err
		}
		where, err := r.Jurisdiction(ctx, v.SpeakerID)
		if err != nil {
			return n, err
		}
		if v.UpdatedAt.Add(time.Duration(rules(where).PendingDays) * 24 * time.Hour).After(now) {
			continue
		}
		err = r.rows.DeleteVoiceprint(ctx, v.ID)
		if errors.Is(err, store.ErrNotFound) { // decided meanwhile
			continue
		}
		if err == nil {
			_, err = r.log(ctx, by, "expire_pending", v.SpeakerID, map[string]string{"voiceprint": v.ID})
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
