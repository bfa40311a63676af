package identity

import (
	"context"
	"errors"
	"strconv"

	"github.com/timbre-voice/timbre/server/store"
)

// Rotator is what a rotation needs of a key service beside wrapping; *KeyFile is one.
type Rotator interface {
	Rotate(tenant string) (KeyID, error)
	Present(tenant string) (KeyID, error)
	Retire(tenant string) (int, error)
}

// Rotate gives the tenant a new key, wraps every person's key anew with it and retires the earlier keys, so that what a stolen copy
// of them could open is gone. The keys of the normals of voices go along. It returns how many persons' were wrapped anew. One that was cut short is finished by Resume; until then every
// key still opens.
func (r *Registry) Rotate(ctx context.Context, by string, keys Rotator) (int, error) {
	id, err := keys.Rotate(r.rows.ID())
	if err != nil {
		return 0, err
	}
	if _, err := r.log(ctx, by, "rotate_begun", "", map[string]string{"key": id.String()}); err != nil {
		return 0, err
	}
	return r.Resume(ctx, by, keys)
}

// Resume wraps what the present key did not wrap yet and retires the earlier keys. Another node's registry must not enrol with an
// earlier key meanwhile.
func (r *Registry) Resume(ctx context.Context, by string, keys Rotator) (int, error) {
	present, err := keys.Present(r.rows.ID())
	if err != nil {
		return 0, err
	}
	n := 0
	for {
		// From the start each time: what was wrapped is no longer in the list.
		list, err := r.rows.PersonKeysNotUnder(ctx, present.String(), store.Page{Limit: 200})
		if err != nil {
			return n, err
		}
		if len(list.Items) == 0 {
			break
		}
		for _, k := range list.Items {
			old := k.KeyID
			wrapped, err := r.vault.Rewrap(ctx, r.subject(k.SpeakerID), k.Wrapped)
			if err != nil {
				return n, err
			}
			k.KeyID, k.Wrapped = present.String(), wrapped
			err = r.rows.RewrapPersonKey(ctx, old, k)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) { // deleted, or wrapped by another
				continue
			}
			if err != nil {
				return n, err
			}
			n++
		}
	}
	normals, err := r.rewrapNormals(ctx, present.String())
	if err != nil {
		return n, err
	}
	retired, err := keys.Retire(r.rows.ID())
	if err != nil {
		return n, err
	}
	_, err = r.log(ctx, by, "rotate", "", map[string]string{"key": present.String(), "persons": strconv.Itoa(n), "voice_normals": strconv.Itoa(normals), "retired": strconv.Itoa(retired)})
	return n, err
}
