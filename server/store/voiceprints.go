package store

import (
	"context"
	"database/sql"
	"time"
)

// Voiceprint is one enrolled template of a speaker, sealed: the store cannot open it. A speaker may have several, of one model or
// of more.
type Voiceprint struct {
	ID           string // set by the store where empty
	SpeakerID    string
	Model        string // name of the model that made it; prints of two models are never compared
	ModelVersion string
	ModelSHA256  string
	State        EnrolmentState
	Sealed       []byte
	ConsentRef   string // required
	NetSpeechMs  int64  // speech that it was made of
	SNRdB        *float64
	Sources      int       // recordings that it was made of
	CreatedAt    time.Time // set by the store
	UpdatedAt    time.Time // set by the store
}

var voiceprints = table[Voiceprint]{name: "voiceprints", what: "voiceprint", key: []string{"id"},
	cols: []string{"id", "speaker_id", "model", "model_version", "model_sha256", "state", "sealed", "consent_ref", "net_speech_ms",
		"snr_db", "sources", "created_at", "updated_at"},
	fields: func(v *Voiceprint) []any {
		return []any{&v.ID, &v.SpeakerID, &v.Model, &v.ModelVersion, &v.ModelSHA256, &v.State, &v.Sealed, &v.ConsentRef, &v.NetSpeechMs,
			&v.SNRdB, &v.Sources, at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// SaveVoiceprint adds a print, or replaces the one of the same id and speaker: an extended enrolment. An empty state is active.
// Errors: ErrNotFound for an unknown speaker, ErrInvalid without a consent reference or sealed bytes, ErrConflict where the id is
// another speaker's.
func (t *Tenant) SaveVoiceprint(ctx context.Context, v Voiceprint) (Voiceprint, error) {
	now := t.s.time()
	v.CreatedAt, v.UpdatedAt = now, now
	if v.ID == "" {
		v.ID = NewID(now)
	}
	if v.State == "" {
		v.State = EnrolmentActive
	}
	if err := v.validate(); err != nil {
		return Voiceprint{}, err
	}
	err := t.s.update(ctx, "voiceprint", func(tx *sql.Tx) error {
		v.CreatedAt = now
		have, err := voiceprints.find(ctx, tx, t.id, "id = $1", t.s.forUpdate, v.ID)
		switch {
		case err != nil:
			return err
		case len(have) == 0:
			return voiceprints.insert(ctx, tx, t.id, &v)
		case have[0].SpeakerID != v.SpeakerID:
			return conflict("voiceprint", []any{v.ID}, "of another speaker")
		}
		v.CreatedAt = have[0].CreatedAt
		return voiceprints.put(ctx, tx, t.id, &v)
	})
	return v, err
}

func (v *Voiceprint) validate() error {
	switch {
	case v.ConsentRef == "":
		return invalid("voiceprint consent_ref", "", "the reference of the consent that it was made with")
	case len(v.Sealed) == 0:
		return invalid("voiceprint sealed", "0 bytes", "a sealed print")
	case v.Model == "":
		return invalid("voiceprint model", "", "the name of the model that made it")
	case v.Sources < 1:
		return invalid("voiceprint sources", v.Sources, "1 or more")
	}
	return nil
}

// ApproveVoiceprint makes a pending print active, and with it a pending speaker.
func (t *Tenant) ApproveVoiceprint(ctx context.Context, id string) error {
	return t.s.update(ctx, "voiceprint", func(tx *sql.Tx) error {
		v, err := voiceprints.get(ctx, tx, t.id, id)
		if err != nil {
			return err
		}
		now := t.s.time().UnixMicro()
		if err := voiceprints.set(ctx, tx, t.id, []any{id}, "state = $1, updated_at = $2", string(EnrolmentActive), now); err != nil {
			return err
		}
		return speakers.set(ctx, tx, t.id, []any{v.SpeakerID}, "state = $1, updated_at = $2", string(EnrolmentActive), now)
	})
}

// Voiceprint returns a print or ErrNotFound.
func (t *Tenant) Voiceprint(ctx context.Context, id string) (Voiceprint, error) {
	return voiceprints.get(ctx, t.s.read, t.id, id)
}

// VoiceprintsOf returns all prints of a speaker, of every model and state, the oldest first.
func (t *Tenant) VoiceprintsOf(ctx context.Context, speaker string) ([]Voiceprint, error) {
	return voiceprints.find(ctx, t.s.read, t.id, "speaker_id = $1", "ORDER BY created_at, id", speaker)
}

// Gallery lists the prints that a search of a model may compare with, by id: active, of active speakers whose enrolment has not
// expired. A watchlist that is not empty narrows it to the list's entries that are approved and have not expired.
func (t *Tenant) Gallery(ctx context.Context, model, version, watchlist string, p Page) (List[Voiceprint], error) {
	const open = `model = $1 AND model_version = $2 AND state = 'active'
		AND EXISTS (SELECT 1 FROM speakers s WHERE s.tenant = voiceprints.tenant AND s.id = voiceprints.speaker_id
			AND s.state = 'active' AND (s.expires_at IS NULL OR s.expires_at > $3))
		AND ($4 = '' OR EXISTS (SELECT 1 FROM watchlist_entries w WHERE w.tenant = voiceprints.tenant AND w.watchlist = $4
			AND w.speaker_id = voiceprints.speaker_id AND w.approved_by <> '' AND w.expires_at > $3))`
	return voiceprints.page(ctx, t.s.read, t.id, p, order{cols: []string{"id"}, kinds: "s"}, open, model, version,
		t.s.time().UnixMicro(), watchlist)
}

// PendingVoiceprints lists the prints that wait for approval, by id.
func (t *Tenant) PendingVoiceprints(ctx context.Context, p Page) (List[Voiceprint], error) {
	return voiceprints.page(ctx, t.s.read, t.id, p, order{cols: []string{"id"}, kinds: "s"}, "state = 'pending'")
}

// DeleteVoiceprint removes one print. What is left of its bytes is unreadable only once Scrub has run or the person's key is
// destroyed. Errors: ErrNotFound.
func (t *Tenant) DeleteVoiceprint(ctx context.Context, id string) error {
	return t.s.update(ctx, "voiceprint", func(tx *sql.Tx) error {
		return voiceprints.remove(ctx, tx, t.id, id)
	})
}
