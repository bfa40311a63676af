package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/server/store"
)

// Refusals of a Registry. Each is written into the audit log, too.
var (
	// ErrNoConsent marks a person without a consent that is in force: none given, withdrawn, expired, or not the release that the
	// jurisdiction asks for.
	ErrNoConsent = errors.New("identity: no consent")
	// ErrOptedOut marks a person who asked never to be known by voice.
	ErrOptedOut = errors.New("identity: opted out")
	// ErrHeld marks what a legal hold forbids to delete.
	ErrHeld = errors.New("identity: under legal hold")
	// ErrNotPermitted marks what the policy does not permit, or a person who may not do it.
	ErrNotPermitted = errors.New("identity: not permitted")
)

// PurposeVerify is the purpose of a consent that a print of the person needs.
const PurposeVerify = "verify"

// People is the persons who may be known by voice, with their keys.
type People interface {
	AddSpeaker(ctx context.Context, v store.Speaker, key store.PersonKey) (store.Speaker, error)
	SaveSpeaker(ctx context.Context, v store.Speaker) error
	Speaker(ctx context.Context, id string) (store.Speaker, error)
	UsedSpeaker(ctx context.Context, id string) error
	SpeakersUnused(ctx context.Context, before time.Time, p store.Page) (store.List[store.Speaker], error)
	DeleteSpeaker(ctx context.Context, id string) (store.Deletion, error)
	PersonKey(ctx context.Context, speaker string) (store.PersonKey, error)
	PersonKeysNotUnder(ctx context.Context, keyID string, p store.Page) (store.List[store.PersonKey], error)
	RewrapPersonKey(ctx context.Context, oldKeyID string, v store.PersonKey) error
}

// Prints is the sealed voiceprints.
type Prints interface {
	SaveVoiceprint(ctx context.Context, v store.Voiceprint) (store.Voiceprint, error)
	ApproveVoiceprint(ctx context.Context, id string) error
	Voiceprint(ctx context.Context, id string) (store.Voiceprint, error)
	VoiceprintsOf(ctx context.Context, speaker string) ([]store.Voiceprint, error)
	PendingVoiceprints(ctx context.Context, p store.Page) (store.List[store.Voiceprint], error)
	DeleteVoiceprint(ctx context.Context, id string) error
	Gallery(ctx context.Context, model, version, watchlist string, p store.Page) (store.List[store.Voiceprint], error)
}

// Wishes is what persons agreed to and what they refused.
type Wishes interface {
	AddConsent(ctx context.Context, v store.Consent) (store.Consent, error)
	Consents(ctx context.Context, speaker string) ([]store.Consent, error)
	WithdrawConsents(ctx context.Context, speaker, purpose string) (int64, error)
	OptOut(ctx context.Context, v store.OptOut) error
	OptIn(ctx context.Context, pseudonym string) error
	IsOptedOut(ctx context.Context, pseudonym string) (bool, error)
}

// Attempts counts verifications of claimed identities.
type Attempts interface {
	AddAttempt(ctx context.Context, v store.Attempt, next func(store.Lockout, store.Attempt) store.Lockout) (store.Lockout, error)
	Lockout(ctx context.Context, speaker string) (store.Lockout, error)
	Unlock(ctx context.Context, speaker string) error
}

// Lists is the watchlists.
type Lists interface {
	Watchlist(ctx context.Context, name string) (store.Watchlist, error)
	SaveWatchlist(ctx context.Context, v store.Watchlist) error
	DeleteWatchlist(ctx context.Context, name string) error
	AddToWatchlist(ctx context.Context, v store.WatchlistEntry) (store.WatchlistEntry, error)
	ApproveWatchlistEntry(ctx context.Context, watchlist, speaker, by string) error
	WatchlistEntriesOf(ctx context.Context, speaker string) ([]store.WatchlistEntry, error)
	RemoveFromWatchlist(ctx context.Context, watchlist, speaker string) error
}

// Log is the audit log and the legal holds.
type Log interface {
	AppendAudit(ctx context.Context, e store.AuditEntry) (store.AuditEntry, error)
	Audit(ctx context.Context, subject string, p store.Page) (store.List[store.AuditEntry], error)
	PlaceHold(ctx context.Context, v store.Hold) (store.Hold, error)
	ReleaseHold(ctx context.Context, id, by string) error
	Holds(ctx context.Context, p store.Page) (store.List[store.Hold], error)
}

// Rows is what a registry keeps its rows in; *store.Tenant is one.
type Rows interface {
	ID() string
	People
	Prints
	VoiceNormals
	Wishes
	Attempts
	Lists
	Log
}

// Keys is the keys of the tenants; *KeyFile is one.
type Keys interface {
	KeyWrapper
	Signer
	Pseudonym(of Subject) (string, error)
}

// Registry says who of one tenant may be known by voice, and does what changes that: each step and each refusal is written into
// the audit log under the person's pseudonym. by names who asks, as a user, a key or the server itself; never a customer. Safe for
// concurrent use.
type Registry struct {
	rows  Rows
	keys  Keys
	vault *Vault
	now   func() time.Time
}

// NewRegistry returns the registry of the tenant of rows. now is its clock, the same as the store's.
func NewRegistry(rows Rows, keys Keys, now func() time.Time) *Registry {
	return &Registry{rows: rows, keys: keys, vault: NewVault(keys), now: now}
}

// Tenant returns the id of the registry's tenant.
func (r *Registry) Tenant() string { return r.rows.ID() }

func (r *Registry) subject(speaker string) Subject {
	return Subject{Tenant: r.rows.ID(), Speaker: speaker}
}

// log writes what was done to a person, or to a thing where speaker is empty.
func (r *Registry) log(ctx context.Context, by, action, speaker string, detail map[string]string) (store.AuditEntry, error) {
	e := store.AuditEntry{Actor: by, Action: action, Detail: detail}
	if speaker != "" {
		var err error
		if e.Subject, err = r.keys.Pseudonym(r.subject(speaker)); err != nil {
			return store.AuditEntry{}, err
		}
	}
	return r.rows.AppendAudit(ctx, e)
}

// refuse writes a refusal into the log and returns it. why is its reason in words that name nobody.
func (r *Registry) refuse(ctx context.Context, by, action, speaker string, kind error, why string) error {
	_, err := r.log(ctx, by, action+"_refused", speaker, map[string]string{"reason": why})
	return errors.Join(fmt.Errorf("%w: speaker %q: %s", kind, speaker, why), err)
}

// Refuse writes into the log that the policy does not permit an action on a person, or on a thing where speaker is empty, and returns
// ErrNotPermitted with the reason.
func (r *Registry) Refuse(ctx context.Context, by, action, speaker, why string) error {
	if speaker != "" {
		return r.refuse(ctx, by, action, speaker, ErrNotPermitted, why)
	}
	_, err := r.log(ctx, by, action+"_refused", "", map[string]string{"reason": why})
	return errors.Join(fmt.Errorf("%w: %s", ErrNotPermitted, why), err)
}

// Voiceprint describes a print, which stays sealed. Errors: store.ErrNotFound.
func (r *Registry) Voiceprint(ctx context.Context, id string) (store.Voiceprint, error) {
	return r.rows.Voiceprint(ctx, id)
}

// Watchlist returns a list. Errors: store.ErrNotFound.
func (r *Registry) Watchlist(ctx context.Context, name string) (store.Watchlist, error) {
	return r.rows.Watchlist(ctx, name)
}

// Jurisdiction returns where a person's print stands under the law: what the person's row says, else the latest consent; "" where
// neither tells.
func (r *Registry) Jurisdiction(ctx context.Context, speaker string) (string, error) {
	s, err := r.rows.Speaker(ctx, speaker)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	if s.Jurisdiction != "" {
		return s.Jurisdiction, nil
	}
	given, err := r.rows.Consents(ctx, speaker)
	for i := len(given) - 1; i >= 0; i-- {
		if j := given[i].Jurisdiction; j != "" {
			return j, err
		}
	}
	return "", err
}

// OptedOut reports whether a person asked never to be known by voice, whoever that is.
func (r *Registry) OptedOut(ctx context.Context, speaker string) (bool, error) {
	alias, err := r.keys.Pseudonym(r.subject(speaker))
	if err != nil {
		return false, err
	}
	return r.rows.IsOptedOut(ctx, alias)
}
