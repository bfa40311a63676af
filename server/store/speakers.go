package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// EnrolmentState says whether a speaker or a print may be compared with.
type EnrolmentState string

// The states of an enrolment.
const (
	EnrolmentActive  EnrolmentState = "active"
	EnrolmentPending EnrolmentState = "pending" // waits for a person's approval; never compared with
)

// Speaker is a person who may be known by voice.
type Speaker struct {
	ID           string // the site's id of the person
	DisplayName  string
	State        EnrolmentState
	Jurisdiction string    // whose retention clock runs; "" where nobody set one
	CreatedAt    time.Time // set by the store
	UpdatedAt    time.Time // set by the store
	UsedAt       time.Time // last compared with; zero: never
	ExpiresAt    time.Time // from then on verification answers expired; zero: no limit
}

var speakers = table[Speaker]{name: "speakers", what: "speaker", key: []string{"id"},
	cols: []string{"id", "display_name", "state", "jurisdiction", "created_at", "updated_at", "used_at", "expires_at"},
	fields: func(v *Speaker) []any {
		return []any{&v.ID, &v.DisplayName, &v.State, &v.Jurisdiction, at(&v.CreatedAt), at(&v.UpdatedAt), at(&v.UsedAt), at(&v.ExpiresAt)}
	}}

// PersonKey is the key that a person's prints are sealed with, itself sealed ("wrapped") by the tenant's key. The store cannot
// open it.
type PersonKey struct {
	SpeakerID string
	KeyID     string // of the tenant's key that wrapped it
	Wrapped   []byte
	CreatedAt time.Time // set by the store
}

var personKeys = table[PersonKey]{name: "person_keys", what: "person key", key: []string{"speaker_id"},
	cols: []string{"speaker_id", "key_id", "wrapped", "created_at"},
	fields: func(v *PersonKey) []any {
		return []any{&v.SpeakerID, &v.KeyID, &v.Wrapped, at(&v.CreatedAt)}
	}}

// AddSpeaker adds a person with the key that the person's prints will be sealed with. An empty state is active. Errors:
// ErrConflict where the person exists.
func (t *Tenant) AddSpeaker(ctx context.Context, v Speaker, key PersonKey) (Speaker, error) {
	if v.State == "" {
		v.State = EnrolmentActive
	}
	if key.SpeakerID != v.ID {
		return Speaker{}, invalid("person key speaker_id", key.SpeakerID, "the id of the speaker, "+show(v.ID))
	}
	if len(key.Wrapped) == 0 {
		return Speaker{}, invalid("person key wrapped", "0 bytes", "a wrapped key")
	}
	now := t.s.time()
	v.CreatedAt, v.UpdatedAt, key.CreatedAt = now, now, now
	err := t.s.update(ctx, "speaker", func(tx *sql.Tx) error {
		if err := speakers.insert(ctx, tx, t.id, &v); err != nil {
			return err
		}
		return personKeys.insert(ctx, tx, t.id, &key)
	})
	return v, err
}

// SaveSpeaker changes a person's name, state, jurisdiction and expiry. Errors: ErrNotFound.
func (t *Tenant) SaveSpeaker(ctx context.Context, v Speaker) error {
	values, err := speakers.values(&v)
	if err != nil {
		return err
	}
	expires, err := at(&v.ExpiresAt).Value()
	if err != nil {
		return err
	}
	return t.s.update(ctx, "speaker", func(tx *sql.Tx) error {
		return speakers.set(ctx, tx, t.id, []any{v.ID}, "display_name = $1, state = $2, jurisdiction = $3, expires_at = $4, updated_at = $5",
			values[1], values[2], values[3], expires, t.s.time().UnixMicro())
	})
}

// UsedSpeaker notes that a person was compared with now, which the retention clock counts from.
func (t *Tenant) UsedSpeaker(ctx context.Context, id string) error {
	return t.s.update(ctx, "speaker", func(tx *sql.Tx) error {
		return speakers.set(ctx, tx, t.id, []any{id}, "used_at = $1", t.s.time().UnixMicro())
	})
}

// Speaker returns a person or ErrNotFound.
func (t *Tenant) Speaker(ctx context.Context, id string) (Speaker, error) {
	return speakers.get(ctx, t.s.read, t.id, id)
}

// Speakers lists the persons by id; of one state unless state is empty.
func (t *Tenant) Speakers(ctx context.Context, state EnrolmentState, p Page) (List[Speaker], error) {
	return speakers.page(ctx, t.s.read, t.id, p, order{cols: []string{"id"}, kinds: "s"}, "($1 = '' OR state = $1)", string(state))
}

// SpeakersUnused lists the persons who were last used, or if never added, before a time, by id: those whose retention ended.
func (t *Tenant) SpeakersUnused(ctx context.Context, before time.Time, p Page) (List[Speaker], error) {
	return speakers.page(ctx, t.s.read, t.id, p, order{cols: []string{"id"}, kinds: "s"}, "COALESCE(used_at, created_at) < $1", before.UnixMicro())
}

// PersonKey returns the wrapped key of a person or ErrNotFound.
func (t *Tenant) PersonKey(ctx context.Context, speaker string) (PersonKey, error) {
	return personKeys.get(ctx, t.s.read, t.id, speaker)
}

// PersonKeysNotUnder lists the keys that another key than keyID wrapped, by speaker: those that a rotation has still to wrap anew.
func (t *Tenant) PersonKeysNotUnder(ctx context.Context, keyID string, p Page) (List[PersonKey], error) {
	return personKeys.page(ctx, t.s.read, t.id, p, order{cols: []string{"speaker_id"}, kinds: "s"}, "key_id <> $1", keyID)
}

// RewrapPersonKey puts the same key, wrapped anew, in the place of the one wrapped under oldKeyID. Errors: ErrNotFound where the
// person is gone, ErrConflict where another rotation was faster.
func (t *Tenant) RewrapPersonKey(ctx context.Context, oldKeyID string, v PersonKey) error {
	if len(v.Wrapped) == 0 {
		return invalid("person key wrapped", "0 bytes", "a wrapped key")
	}
	return t.s.update(ctx, "person key", func(tx *sql.Tx) error {
		have, err := personKeys.get(ctx, tx, t.id, v.SpeakerID)
		if err != nil {
			return err
		}
		if have.KeyID != oldKeyID {
			return conflict("person key", []any{v.SpeakerID}, "wrapped under "+show(have.KeyID)+", not "+show(oldKeyID))
		}
		return personKeys.set(ctx, tx, t.id, []any{v.SpeakerID}, "key_id = $1, wrapped = $2", v.KeyID, v.Wrapped)
	})
}

// Deletion counts what the deletion of a person destroyed, for the receipt.
type Deletion struct {
	Keys             int64 // destroyed first: from then on no copy of a print can be opened
	Voiceprints      int64
	Consents         int64
	VoiceNormals     int64
	WatchlistEntries int64
	Attempts         int64
	Records          int64 // interaction records whose search results named the person, and do not any more
	Speakers         int64
}

// DeleteSpeaker destroys the person's key and every row about the person; opt-out and audit, which hold a pseudonym, stay. It
// ends with Scrub, so that on SQLite nothing is left in the file or its log: ErrUnavailable with a count of one speaker says that
// the rows are gone and only Scrub has to be called again. Errors: ErrNotFound, ErrConflict under a legal hold.
func (t *Tenant) DeleteSpeaker(ctx context.Context, id string) (Deletion, error) {
	var d Deletion
	err := t.inTurn(ctx, "speaker", func(tx *sql.Tx) error {
		d = Deletion{}
		if err := t.checkHold(ctx, tx, HoldSpeaker, id); err != nil {
			return err
		}
		var err error
		if d.Records, err = t.forgetSpeaker(ctx, tx, id); err != nil {
			return err
		}
		for _, step := range []struct {
			from  string
			where string
			n     *int64
		}{
			{"person_keys", "speaker_id", &d.Keys},
			{"voiceprints", "speaker_id", &d.Voiceprints},
			{"consents", "speaker_id", &d.Consents},
			{"voice_normals", "speaker_id", &d.VoiceNormals}, // after the consents: a call that ends now waits for theirs, or we for it
			{"watchlist_entries", "speaker_id", &d.WatchlistEntries},
			{"attempts", "speaker_id", &d.Attempts},
			{"lockouts", "speaker_id", new(int64)},
			{"legal_holds", "kind = 'speaker' AND subject", new(int64)}, // released ones: none is in force
			{"speakers", "id", &d.Speakers},
		} {
			n, err := exec(ctx, tx, "DELETE FROM "+step.from+" WHERE tenant = $1 AND "+step.where+" = $2", t.id, id)
			if err != nil {
				return explain(err, "speaker", id)
			}
			*step.n = n
		}
		if d == (Deletion{}) {
			return notFound("speaker", id)
		}
		return nil
	})
	if err != nil {
		return Deletion{}, err
	}
	t.s.unscrubbed.Store(true) // until Scrub is through
	return d, t.s.Scrub(ctx)
}

// forgetSpeaker takes a person out of the search results of all records and returns of how many.
func (t *Tenant) forgetSpeaker(ctx context.Context, tx *sql.Tx, id string) (int64, error) {
	named, err := t.interactionsOf(ctx, tx, "speaker", id)
	if err != nil {
		return 0, err
	}
	for _, i := range named {
		r, err := t.record(ctx, tx, i)
		if err != nil {
			return 0, err
		}
		is := func(c interaction.Candidate) bool { return c.SpeakerID == id }
		r.Voice.Candidates = slices.DeleteFunc(r.Voice.Candidates, is)
		r.Voice.Watchlist = slices.DeleteFunc(r.Voice.Watchlist, is)
		if _, err := exec(ctx, tx, "DELETE FROM outbox WHERE tenant = $1 AND interaction_id = $2", t.id, i); err != nil {
			return 0, explain(err, "outbox")
		}
		if _, err := t.save(ctx, tx, r); err != nil {
			return 0, err
		}
	}
	return int64(len(named)), nil
}
