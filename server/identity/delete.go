package identity

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/timbre-voice/timbre/server/store"
)

// receiptSchema names the format of a receipt.
const receiptSchema = "timbre.deletion/1"

// Receipt proves a deletion. It names the person by the pseudonym alone.
type Receipt struct {
	Schema    string           `json:"schema"`
	Tenant    string           `json:"tenant"`
	Pseudonym string           `json:"pseudonym"`
	Cause     string           `json:"cause"` // request, opt_out, retention, consent_ended
	DeletedAt time.Time        `json:"deleted_at"`
	Destroyed map[string]int64 `json:"destroyed"` // rows by kind; keys were destroyed first
	Beyond    []string         `json:"beyond"`    // what a deletion here cannot reach
	AuditSeq  int64            `json:"audit_seq"` // entry of the audit log
	AuditHash string           `json:"audit_hash"`
	PublicKey string           `json:"public_key,omitempty"` // Ed25519, hex
	Signature string           `json:"signature,omitempty"`  // over the JSON of the receipt without signature, hex
}

// beyond is what no deletion in this database reaches, and what holds there instead.
var beyond = []string{
	"backups and copies of the database made before: the rows are in them, but the prints cannot be opened, unless a copy of the key file from before the deletion is kept, too",
	"records and alerts that were delivered to webhook receivers or exported before",
	"recordings that the call platform keeps",
	"interaction records of calls in which the person is named as the customer: they hold no print and are deleted, with the audio where it was kept, one by one or by their retention",
}

// Signed returns the text that the signature is over: the JSON of the receipt without it.
func (r *Receipt) Signed() ([]byte, error) {
	plain := *r
	plain.Signature = ""
	return json.Marshal(plain)
}

// ErrReceipt marks a receipt whose signature does not hold.
var ErrReceipt = errors.New("identity: receipt")

// Verify checks the signature of a receipt against the tenant's public key, which must have been obtained elsewhere than from the
// receipt. Errors: ErrReceipt.
func (r *Receipt) Verify(public ed25519.PublicKey) error {
	if len(public) != ed25519.PublicKeySize || hex.EncodeToString(public) != r.PublicKey {
		return fmt.Errorf("%w: public key %.16s and more, want %.16x and more", ErrReceipt, r.PublicKey, []byte(public))
	}
	text, err := r.Signed()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	signature, err := hex.DecodeString(r.Signature)
	if err != nil || !ed25519.Verify(public, text, signature) {
		return fmt.Errorf("%w: the signature does not hold: changed, or made with another key", ErrReceipt)
	}
	return nil
}

// Delete destroys a person's key, in the database and, for the copies of it that are elsewhere, what unwraps it in the key file; then
// every row about the person. It returns the signed receipt. That it was asked for is in the
// audit log before anything is destroyed, so that a crash leaves a trace. Errors: store.ErrNotFound, ErrHeld with the reason of
// the hold. With a receipt beside the error the rows are gone, the receipt is good, and only the file still has to be rebuilt
// (store.Store.Scrub); once the rows are gone, what else there is to do is done though ctx ends.
func (r *Registry) Delete(ctx context.Context, by, speaker, cause string) (*Receipt, error) {
	alias, err := r.keys.Pseudonym(r.subject(speaker))
	if err != nil {
		return nil, err
	}
	if _, err := r.log(ctx, by, "delete_begun", speaker, map[string]string{"cause": cause}); err != nil {
		return nil, err
	}
	key, err := r.rows.PersonKey(ctx, speaker)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	normals, err := r.rows.VoiceNormalsOf(ctx, speaker)
	if err != nil {
		return nil, err
	}
	d, err := r.rows.DeleteSpeaker(ctx, speaker)
	gone := d != (store.Deletion{}) // with an error: only the file is not rebuilt
	switch {
	case errors.Is(err, store.ErrConflict):
		return nil, errors.Join(r.refuse(ctx, by, "delete", speaker, ErrHeld, "a legal hold is in force"), err)
	case errors.Is(err, store.ErrNotFound):
		_, e := r.log(ctx, by, "delete_refused", speaker, map[string]string{"reason": "nothing is kept of the person"})
		return nil, errors.Join(err, e)
	case err != nil && !gone:
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // the rest is not the caller's to give up: copies of the rows are elsewhere
	if len(key.Wrapped) > 0 {
		if e := r.keys.Forget(ctx, r.subject(speaker), key.Wrapped); e != nil {
			return nil, errors.Join(e, err)
		}
	}
	if e := r.forgetKeys(ctx, normals); e != nil {
		return nil, errors.Join(e, err)
	}
	receipt := &Receipt{Schema: receiptSchema, Tenant: r.rows.ID(), Pseudonym: alias, Cause: cause, Beyond: beyond, Destroyed: map[string]int64{
		"keys": d.Keys, "voiceprints": d.Voiceprints, "consents": d.Consents, "watchlist_entries": d.WatchlistEntries, "attempts": d.Attempts,
		"search_results": d.Records, "persons": d.Speakers, "voice_normals": d.VoiceNormals,
	}}
	detail := map[string]string{"cause": cause}
	for k, n := range receipt.Destroyed {
		detail[k] = strconv.FormatInt(n, 10)
	}
	entry, e := r.log(ctx, by, "delete", speaker, detail)
	if e != nil {
		return nil, errors.Join(e, err)
	}
	receipt.DeletedAt, receipt.AuditSeq, receipt.AuditHash = entry.At, entry.Seq, hex.EncodeToString(entry.Hash)
	if e := r.sign(receipt); e != nil {
		return nil, errors.Join(e, err)
	}
	return receipt, err
}

// sign signs a receipt. The public key is part of what is signed.
func (r *Registry) sign(receipt *Receipt) error {
	_, public, err := r.keys.Sign(receipt.Tenant, nil)
	if err != nil {
		return err
	}
	receipt.PublicKey = hex.EncodeToString(public)
	text, err := receipt.Signed()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	signature, _, err := r.keys.Sign(receipt.Tenant, text)
	receipt.Signature = hex.EncodeToString(signature)
	return err
}

// Hold puts what is kept of a person under a legal hold: until Release, every deletion is refused with the reason.
func (r *Registry) Hold(ctx context.Context, by, speaker, reason string) (store.Hold, error) {
	h, err := r.rows.PlaceHold(ctx, store.Hold{Kind: store.HoldSpeaker, Subject: speaker, Reason: reason, PlacedBy: by})
	if err != nil {
		return store.Hold{}, err
	}
	_, err = r.log(ctx, by, "hold", speaker, map[string]string{"hold": h.ID})
	return h, err
}

// Holds returns the legal holds on a person, released ones too, the earliest first.
func (r *Registry) Holds(ctx context.Context, speaker string) ([]store.Hold, error) {
	var out []store.Hold
	for h, err := range store.Every(ctx, r.rows.Holds) {
		if err != nil {
			return nil, err
		}
		if h.Kind == store.HoldSpeaker && h.Subject == speaker {
			out = append(out, h)
		}
	}
	return out, nil
}

// Release ends a legal hold. Errors: store.ErrNotFound, store.ErrConflict where it was released before.
func (r *Registry) Release(ctx context.Context, by, hold string) error {
	if err := r.rows.ReleaseHold(ctx, hold, by); err != nil {
		return err
	}
	_, err := r.log(ctx, by, "release_hold", "", map[string]string{"hold": hold})
	return err
}

// Swept counts what a sweep found.
type Swept struct {
	Deleted int
	Held    int // due, and under a legal hold
	Pending int // prints that nobody approved in time
	Normals int // persons whose voice's normal is kept no longer, while the person may stay
}

// Sweep deletes the persons whose time is over: unused for as many months as the rules of the person's jurisdiction say, or without
// a consent that is in force and on no watchlist whose entry still is; the prints that waited too long for approval; and the normals of
// voices that no call was added to for as many months, or whose own consent is not in force.
func (r *Registry) Sweep(ctx context.Context, by string, rules func(jurisdiction string) Rules) (n Swept, err error) {
	if n.Pending, err = r.expirePending(ctx, by, rules); err != nil {
		return n, err
	}
	now := r.now()
	for s, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.Speaker], error) {
		return r.rows.SpeakersUnused(ctx, now, page)
	}) {
		if err != nil {
			return n, err
		}
		where, err := r.Jurisdiction(ctx, s.ID)
		if err != nil {
			return n, err
		}
		cause, err := r.due(ctx, s, rules(where).PrintUnusedMonths)
		if err != nil {
			return n, err
		}
		if cause == "" {
			continue
		}
		_, err = r.Delete(ctx, by, s.ID, cause)
		switch {
		case errors.Is(err, ErrHeld):
			n.Held++
		case errors.Is(err, store.ErrNotFound): // deleted meanwhile
		case err != nil:
			return n, err
		default:
			n.Deleted++
		}
	}
	err = r.sweepNormals(ctx, by, rules, &n)
	return n, err
}

// due returns why a person's time is over, or "".
func (r *Registry) due(ctx context.Context, s store.Speaker, months int) (string, error) {
	now := r.now()
	if !expires(s, months).After(now) {
		return "retention", nil
	}
	c, _, err := r.consent(ctx, s.ID, "", false)
	if c != nil || err != nil {
		return "", err
	}
	entries, err := r.rows.WatchlistEntriesOf(ctx, s.ID)
	for _, e := range entries {
		if e.ExpiresAt.After(now) {
			return "", err
		}
	}
	return "consent_ended", err
}
