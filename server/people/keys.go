package people

import (
	"context"
	"errors"
	"io/fs"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// ErrOrphans marks a key file that is not there while the database holds voiceprints or normals of voices that were sealed with it: another
// in its place would open none of them.
var ErrOrphans = errors.New("people: key file not found, but the database holds voiceprints or normals of voices that need it")

// OpenKeys opens the key file of a database, or makes one with keys of a tenant where there is none and nothing sealed, of any tenant,
// would be orphaned by that. Errors: ErrOrphans, those of identity.OpenKeyFile and of the store.
func OpenKeys(ctx context.Context, db *store.Store, path, tenant string) (*identity.KeyFile, error) {
	keys, err := identity.OpenKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	tenants, err := db.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		sealed, err := db.Tenant(t.ID).PersonKeysNotUnder(ctx, "", store.Page{Limit: 1})
		if err != nil {
			return nil, err
		}
		normals, err := db.Tenant(t.ID).VoiceNormalsNotUnder(ctx, "", store.Page{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(sealed.Items)+len(normals.Items) > 0 {
			return nil, ErrOrphans
		}
	}
	if keys, err = identity.CreateKeyFile(path, tenant); errors.Is(err, fs.ErrExist) { // another process was faster
		keys, err = identity.OpenKeyFile(path)
	}
	return keys, err
}
