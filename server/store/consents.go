package store

import (
	"context"
	"database/sql"
	"time"
)

// Consent is one entry of the consent ledger. Entries are added and withdrawn, never changed.
type Consent struct {
	ID            string // set by the store where empty
	SpeakerID     string // the person, enrolled or not yet
	Ref           string // the site's reference of the proof; required
	Purpose       string // verify, identify, watchlist, analytics; required
	TextVersion   string // of the text that the person agreed to
	Channel       string // how it was given: call, web, paper
	InteractionID string // the call that witnessed it
	Jurisdiction  string
	GivenAt       time.Time // zero: now
	ExpiresAt     time.Time // zero: no limit
	WithdrawnAt   time.Time // zero: not withdrawn
}

var consents = table[Consent]{name: "consents", what: "consent", key: []string{"id"},
	cols: []string{"id", "speaker_id", "ref", "purpose", "text_version", "channel", "interaction_id", "jurisdiction", "given_at", "expires_at",
		"withdrawn_at"},
	fields: func(v *Consent) []any {
		return []any{&v.ID, &v.SpeakerID, &v.Ref, &v.Purpose, &v.TextVersion, &v.Channel, &v.InteractionID, &v.Jurisdiction, at(&v.GivenAt),
			at(&v.ExpiresAt), at(&v.WithdrawnAt)}
	}}

// AddConsent writes a consent into the ledger. Errors: ErrInvalid, ErrConflict.
func (t *Tenant) AddConsent(ctx context.Context, v Consent) (Consent, error) {
	now := t.s.time()
	if v.ID == "" {
		v.ID = NewID(now)
	}
	if v.GivenAt.IsZero() {
		v.GivenAt = now
	}
	v.WithdrawnAt = time.Time{}
	switch {
	case v.Ref == "":
		return Consent{}, invalid("consent ref", "", "the reference of the proof")
	case v.Purpose == "":
		return Consent{}, invalid("consent purpose", "", "what it was given for")
	case !v.ExpiresAt.IsZero() && !v.ExpiresAt.After(v.GivenAt):
		return Consent{}, invalid("consent expires_at", v.ExpiresAt, "a time after given_at")
	}
	if err := checkKey("consent speaker_id", v.SpeakerID); err != nil {
		return Consent{}, err
	}
	err := t.s.update(ctx, "consent", func(tx *sql.Tx) error { return consents.insert(ctx, tx, t.id, &v) })
	return v, err
}

// Consents returns a person's whole ledger, the oldest first.
func (t *Tenant) Consents(ctx context.Context, speaker string) ([]Consent, error) {
	return consents.find(ctx, t.s.read, t.id, "speaker_id = $1", "ORDER BY given_at, id", speaker)
}

// ValidConsent returns the person's latest consent for a purpose that is neither withdrawn nor expired, or ErrNotFound.
func (t *Tenant) ValidConsent(ctx context.Context, speaker, purpose string) (Consent, error) {
	rows, err := consents.find(ctx, t.s.read, t.id,
		"speaker_id = $1 AND purpose = $2 AND withdrawn_at IS NULL AND given_at <= $3 AND (expires_at IS NULL OR expires_at > $3)",
		"ORDER BY given_at DESC, id DESC LIMIT 1", speaker, purpose, t.s.time().UnixMicro())
	if err == nil && len(rows) == 0 {
		err = notFound("consent", speaker, purpose)
	}
	if err != nil {
		return Consent{}, err
	}
	return rows[0], nil
}

// WithdrawConsents ends every consent of the person for a purpose, or for all purposes where it is empty, and returns how many
// were still open.
func (t *Tenant) WithdrawConsents(ctx context.Context, speaker, purpose string) (n int64, err error) {
	err = t.s.update(ctx, "consent", func(tx *sql.Tx) error {
		n, err = exec(ctx, tx, `UPDATE consents SET withdrawn_at = $2 WHERE tenant = $1 AND speaker_id = $3 AND withdrawn_at IS NULL
			AND ($4 = '' OR purpose = $4)`, t.id, t.s.time().UnixMicro(), speaker, purpose)
		return explain(err, "consent", speaker)
	})
	return n, err
}

// OptOut is the wish of a person never to be known by voice, enrolled or not. The person stands in it as a keyed pseudonym, so
// that it outlives the deletion of everything else about the person.
type OptOut struct {
	Pseudonym string
	Source    string    // where the wish came from
	Since     time.Time // set by the store
}

var optOuts = table[OptOut]{name: "opt_outs", what: "opt-out", key: []string{"pseudonym"}, cols: []string{"pseudonym", "source", "since"},
	fields: func(v *OptOut) []any { return []any{&v.Pseudonym, &v.Source, at(&v.Since)} }}

// OptOut keeps a person's wish; one that is there already stays as it is.
func (t *Tenant) OptOut(ctx context.Context, v OptOut) error {
	v.Since = t.s.time()
	return t.s.update(ctx, "opt-out", func(tx *sql.Tx) error {
		_, err := optOuts.insertNew(ctx, tx, t.id, &v)
		return err
	})
}

// IsOptedOut reports whether the person behind a pseudonym opted out.
func (t *Tenant) IsOptedOut(ctx context.Context, pseudonym string) (bool, error) {
	rows, err := optOuts.find(ctx, t.s.read, t.id, "pseudonym = $1", "", pseudonym)
	return len(rows) == 1, err
}

// OptOuts lists the opt-outs by pseudonym.
func (t *Tenant) OptOuts(ctx context.Context, p Page) (List[OptOut], error) {
	return optOuts.page(ctx, t.s.read, t.id, p, order{cols: []string{"pseudonym"}, kinds: "s"}, "")
}

// OptIn takes an opt-out back. Errors: ErrNotFound.
func (t *Tenant) OptIn(ctx context.Context, pseudonym string) error {
	return t.s.update(ctx, "opt-out", func(tx *sql.Tx) error { return optOuts.remove(ctx, tx, t.id, pseudonym) })
}
