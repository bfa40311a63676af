package store

import (
	"context"
	"database/sql"
	"time"
)

// VoiceNormal is what calls of a person say of the voice's own normal, for one model, sealed: the store cannot open it. The person need
// not be a speaker.
type VoiceNormal struct {
	SpeakerID    string
	ModelSHA256  string // of the model whose statistics they are
	Model        string
	ModelVersion string
	KeyID        string // of the tenant's key that wrapped Wrapped
	Wrapped      []byte // the key that it is sealed with, of its own
	Sealed       []byte
	ConsentRef   string // required
	SpeechMs     int64  // that the statistics weigh
	Calls        int    // that went into them
	CreatedAt    time.Time
	UpdatedAt    time.Time // when the last call went in; set by the store
}

var voiceNormals = table[VoiceNormal]{name: "voice_normals", what: "voice normal", key: []string{"speaker_id", "model_sha256"},
	cols: []string{"speaker_id", "model_sha256", "model", "model_version", "key_id", "wrapped", "sealed", "consent_ref", "speech_ms", "calls", "created_at", "updated_at"},
	fields: func(v *VoiceNormal) []any {
		return []any{&v.SpeakerID, &v.ModelSHA256, &v.Model, &v.ModelVersion, &v.KeyID, &v.Wrapped, &v.Sealed, &v.ConsentRef, &v.SpeechMs, &v.Calls,
			at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// SaveVoiceNormal adds the first, of one call, or puts v, of one call more, in the place of the row that was read: its key stays, since a
// rotation may have wrapped it anew. consent is the id of the consent that it stands on, which is not withdrawn in between. Errors:
// ErrConflict where another call was faster, ErrNotFound where the consent is gone or withdrawn, ErrInvalid.
func (t *Tenant) SaveVoiceNormal(ctx context.Context, v VoiceNormal, consent string) error {
	v.UpdatedAt = t.s.time()
	switch {
	case v.ConsentRef == "":
		return invalid("voice normal consent_ref", "", "the reference of the consent that it was made with")
	case len(v.Sealed) == 0 || len(v.Wrapped) == 0:
		return invalid("voice normal sealed", "0 bytes", "sealed statistics and the wrapped key")
	case v.Calls < 1 || v.SpeechMs < 0:
		return invalid("voice normal calls", v.Calls, "1 or more, of 0 ms or more")
	}
	return t.s.update(ctx, "voice normal", func(tx *sql.Tx) error {
		open, err := consents.find(ctx, tx, t.id, "id = $1 AND speaker_id = $2 AND withdrawn_at IS NULL", t.s.forShare, consent, v.SpeakerID)
		if err == nil && len(open) == 0 {
			err = notFound("consent", consent)
		}
		if err != nil {
			return err
		}
		if v.Calls == 1 {
			first := v
			first.CreatedAt = v.UpdatedAt
			return voiceNormals.insert(ctx, tx, t.id, &first)
		}
		n, err := exec(ctx, tx, `UPDATE voice_normals SET sealed = $4, consent_ref = $5, speech_ms = $6, calls = $7, updated_at = $8
			WHERE tenant = $1 AND speaker_id = $2 AND model_sha256 = $3 AND calls = $9 AND created_at = $10`, t.id, v.SpeakerID, v.ModelSHA256,
			v.Sealed, v.ConsentRef, v.SpeechMs, v.Calls, v.UpdatedAt.UnixMicro(), v.Calls-1, v.CreatedAt.UnixMicro())
		if err == nil && n == 0 {
			return conflict("voice normal", []any{v.SpeakerID}, "another call went in, or it was deleted")
		}
		return explain(err, "voice normal", v.SpeakerID)
	})
}

// VoiceNormal returns the normal of a person for a model or ErrNotFound.
func (t *Tenant) VoiceNormal(ctx context.Context, speaker, modelSHA256 string) (VoiceNormal, error) {
	return voiceNormals.get(ctx, t.s.read, t.id, speaker, modelSHA256)
}

// VoiceNormalsOf returns those of a person, of every model.
func (t *Tenant) VoiceNormalsOf(ctx context.Context, speaker string) ([]VoiceNormal, error) {
	return voiceNormals.find(ctx, t.s.read, t.id, "speaker_id = $1", "ORDER BY created_at, model_sha256", speaker)
}

// voiceNormalOrder is how they are listed.
var voiceNormalOrder = order{cols: []string{"speaker_id", "model_sha256"}, kinds: "ss"}

// VoiceNormals lists those of everybody, by person and model.
func (t *Tenant) VoiceNormals(ctx context.Context, p Page) (List[VoiceNormal], error) {
	return voiceNormals.page(ctx, t.s.read, t.id, p, voiceNormalOrder, "")
}

// VoiceNormalsNotUnder lists those whose key another key than keyID wrapped: what a rotation has still to wrap anew.
func (t *Tenant) VoiceNormalsNotUnder(ctx context.Context, keyID string, p Page) (List[VoiceNormal], error) {
	return voiceNormals.page(ctx, t.s.read, t.id, p, voiceNormalOrder, "key_id <> $1", keyID)
}

// RewrapVoiceNormal puts the same key, wrapped anew, in the place of the one wrapped under oldKeyID. Errors: ErrNotFound where the row is
// gone, ErrConflict where another rotation was faster.
func (t *Tenant) RewrapVoiceNormal(ctx context.Context, oldKeyID string, v VoiceNormal) error {
	if len(v.Wrapped) == 0 {
		return invalid("voice normal wrapped", "0 bytes", "a wrapped key")
	}
	return t.s.update(ctx, "voice normal", func(tx *sql.Tx) error {
		have, err := voiceNormals.get(ctx, tx, t.id, v.SpeakerID, v.ModelSHA256)
		if err != nil {
			return err
		}
		if have.KeyID != oldKeyID {
			return conflict("voice normal", []any{v.SpeakerID}, "wrapped under "+show(have.KeyID)+", not "+show(oldKeyID))
		}
		return voiceNormals.set(ctx, tx, t.id, []any{v.SpeakerID, v.ModelSHA256}, "key_id = $1, wrapped = $2", v.KeyID, v.Wrapped)
	})
}

// DeleteVoiceNormals removes those of a person and returns them, so that their keys can be destroyed elsewhere, too. What is left of their
// bytes in a SQLite file goes with the next Scrub. Errors: ErrConflict under a legal hold.
func (t *Tenant) DeleteVoiceNormals(ctx context.Context, speaker string) (gone []VoiceNormal, err error) {
	err = t.inTurn(ctx, "voice normal", func(tx *sql.Tx) error {
		if gone, err = voiceNormals.find(ctx, tx, t.id, "speaker_id = $1", t.s.forUpdate, speaker); err != nil || len(gone) == 0 {
			return err
		}
		if err := t.checkHold(ctx, tx, HoldSpeaker, speaker); err != nil {
			return err
		}
		_, err := exec(ctx, tx, "DELETE FROM voice_normals WHERE tenant = $1 AND speaker_id = $2", t.id, speaker)
		return explain(err, "voice normal", speaker)
	})
	if err != nil {
		return nil, err
	}
	if len(gone) > 0 {
		t.s.unscrubbed.Store(true)
	}
	return gone, nil
}
