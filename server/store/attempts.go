package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Attempt is one verification of a claimed identity, with what it stood on. Never audio, never an embedding.
type Attempt struct {
	ID            string // set by the store where empty
	SpeakerID     string // the claimed identity, enrolled or not
	InteractionID string
	Decision      interaction.Decision
	LLR           *float64
	Threshold     *float64
	NetSpeechMs   int64
	Reasons       []string
	Shadow        bool      // scored and kept, not shown
	At            time.Time // set by the store
}

var attempts = table[Attempt]{name: "attempts", what: "attempt", key: []string{"id"},
	cols: []string{"id", "speaker_id", "interaction_id", "decision", "llr", "threshold", "net_speech_ms", "reasons", "shadow", "at"},
	fields: func(v *Attempt) []any {
		return []any{&v.ID, &v.SpeakerID, &v.InteractionID, &v.Decision, &v.LLR, &v.Threshold, &v.NetSpeechMs, jsonOf(&v.Reasons), &v.Shadow,
			at(&v.At)}
	}}

// Lockout is how a claimed identity stands after its attempts. It locks the voice factor, never the customer.
type Lockout struct {
	SpeakerID    string
	Failures     int       // in a row
	AttemptAt    time.Time // of the last attempt; zero: none yet
	BlockedUntil time.Time // zero: not delayed
	LockedAt     time.Time // zero: not locked
}

var lockouts = table[Lockout]{name: "lockouts", what: "lockout", key: []string{"speaker_id"},
	cols: []string{"speaker_id", "failures", "attempt_at", "blocked_until", "locked_at"},
	fields: func(v *Lockout) []any {
		return []any{&v.SpeakerID, &v.Failures, at(&v.AttemptAt), at(&v.BlockedUntil), at(&v.LockedAt)}
	}}

// AddAttempt keeps an attempt and moves the lockout of its identity on in the same transaction. next decides how, given the
// lockout before and the attempt with its time; it may be called more than once. A shadow attempt moves nothing. Attempts of one
// identity take turns.
func (t *Tenant) AddAttempt(ctx context.Context, v Attempt, next func(Lockout, Attempt) Lockout) (Lockout, error) {
	v.At = t.s.time()
	if v.ID == "" {
		v.ID = NewID(v.At)
	}
	if err := checkKey("attempt speaker_id", v.SpeakerID); err != nil {
		return Lockout{}, err
	}
	var out Lockout
	err := t.s.update(ctx, "attempt", func(tx *sql.Tx) error {
		if err := attempts.insert(ctx, tx, t.id, &v); err != nil {
			return err
		}
		// The row has to be there to be locked against another node's attempt.
		if _, err := lockouts.insertNew(ctx, tx, t.id, &Lockout{SpeakerID: v.SpeakerID}); err != nil {
			return err
		}
		have, err := lockouts.find(ctx, tx, t.id, "speaker_id = $1", t.s.forUpdate, v.SpeakerID)
		if err != nil {
			return err
		}
		out = have[0]
		if v.Shadow {
			return nil
		}
		out = next(out, v)
		out.SpeakerID, out.AttemptAt = v.SpeakerID, v.At
		return lockouts.put(ctx, tx, t.id, &out)
	})
	if err != nil {
		return Lockout{}, err
	}
	return out, nil
}

// Lockout returns how an identity stands; one without attempts has no failures.
func (t *Tenant) Lockout(ctx context.Context, speaker string) (Lockout, error) {
	rows, err := lockouts.find(ctx, t.s.read, t.id, "speaker_id = $1", "", speaker)
	if err != nil || len(rows) == 0 {
		return Lockout{SpeakerID: speaker}, err
	}
	return rows[0], nil
}

// Lockouts lists the identities that are locked or delayed now, by id.
func (t *Tenant) Lockouts(ctx context.Context, p Page) (List[Lockout], error) {
	return lockouts.page(ctx, t.s.read, t.id, p, order{cols: []string{"speaker_id"}, kinds: "s"},
		"(locked_at IS NOT NULL OR blocked_until > $1)", t.s.time().UnixMicro())
}

// Unlock forgets the failures of an identity. Errors: ErrNotFound where there were none.
func (t *Tenant) Unlock(ctx context.Context, speaker string) error {
	return t.s.update(ctx, "lockout", func(tx *sql.Tx) error { return lockouts.remove(ctx, tx, t.id, speaker) })
}

// Attempts lists the attempts on an identity, or on all where speaker is empty, the latest first.
func (t *Tenant) Attempts(ctx context.Context, speaker string, p Page) (List[Attempt], error) {
	latest := order{cols: []string{"at", "id"}, kinds: "ns", desc: true}
	if speaker == "" {
		return attempts.page(ctx, t.s.read, t.id, p, latest, "")
	}
	return attempts.page(ctx, t.s.read, t.id, p, latest, "speaker_id = $1", speaker)
}
