package people

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// Delete destroys what is kept of a person, as identity.Registry.Delete does. Where something held the file of the database, it tries
// once more to rebuild it. Errors: those of the registry; with a receipt beside the error the rows are gone, the receipt is good, and only
// the file has still to be rebuilt.
func (d *Desk) Delete(ctx context.Context, by, speaker, cause string) (*identity.Receipt, error) {
	r, err := d.Registry.Delete(ctx, by, speaker, cause)
	return r, d.gone(ctx, r, err)
}

// OptOut keeps a person's wish never to be known by voice, and deletes what is kept of the voice, as identity.Registry.OptOut and Delete
// do. The receipt is nil where nothing was kept.
func (d *Desk) OptOut(ctx context.Context, by, speaker, source string) (*identity.Receipt, error) {
	r, err := d.Registry.OptOut(ctx, by, speaker, source)
	return r, d.gone(ctx, r, err)
}

// WithdrawConsent ends a person's consents for a purpose, or for all where it is empty, and returns how many were open. From then on the
// person is not compared with.
func (d *Desk) WithdrawConsent(ctx context.Context, by, speaker, purpose string) (int64, error) {
	n, err := d.Registry.WithdrawConsent(ctx, by, speaker, purpose)
	d.forget()
	return n, err
}

// gone ends a deletion: nobody is held against the person any more, and the file is rebuilt where that is all that is left to do.
func (d *Desk) gone(ctx context.Context, r *identity.Receipt, err error) error {
	d.forget()
	if r != nil && err != nil {
		return d.Scrub(ctx)
	}
	return err
}

// DeleteWithoutKeys is Desk.Delete where the key file is lost: the receipt names no pseudonym and is not signed.
func DeleteWithoutKeys(ctx context.Context, db *store.Store, tenant, by, speaker string) (*identity.Receipt, error) {
	rows := db.Tenant(tenant)
	d, err := rows.DeleteSpeaker(ctx, speaker)
	if d == (store.Deletion{}) {
		return nil, err
	}
	r := &identity.Receipt{Tenant: tenant, Cause: "request", Destroyed: map[string]int64{
		"keys": d.Keys, "voiceprints": d.Voiceprints, "consents": d.Consents, "voice_normals": d.VoiceNormals, "watchlist_entries": d.WatchlistEntries, "attempts": d.Attempts,
	}}
	detail := map[string]string{}
	for kind, n := range r.Destroyed {
		detail[kind] = strconv.FormatInt(n, 10)
	}
	entry, e := rows.AppendAudit(ctx, store.AuditEntry{Actor: by, Action: "delete", Detail: detail})
	if e != nil {
		return nil, errors.Join(e, err)
	}
	r.DeletedAt, r.AuditSeq, r.AuditHash = entry.At, entry.Seq, hex.EncodeToString(entry.Hash)
	if err != nil {
		err = db.Scrub(ctx)
	}
	return r, err
}
