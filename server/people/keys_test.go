package people

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

func TestOpenKeys(t *testing.T) {
	ctx := t.Context()
	db, err := store.Open(ctx, store.Options{DSN: filepath.Join(t.TempDir(), "timbre.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, id := range []string{"a", "b"} {
		if err := db.EnsureTenant(ctx, id, id); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "keys", "keys.json")

	// Of several that find none, one makes the file and the others take it.
	ids := make([]identity.KeyID, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			keys, err := OpenKeys(ctx, db, path, "a")
			if err != nil {
				t.Error(err)
				return
			}
			if ids[i], err = keys.Present("a"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] || id == (identity.KeyID{}) {
			t.Fatalf("keys %v, want one for all", ids)
		}
	}

	// b's print was sealed with it: no other file in its place, whoever asks.
	keys, err := OpenKeys(ctx, db, path, "b")
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.AddTenant("b"); err != nil {
		t.Fatal(err)
	}
	wrapped, err := keys.Wrap(ctx, identity.Subject{Tenant: "b", Speaker: "anna"}, make([]byte, identity.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	by, err := identity.WrappedBy(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Tenant("b").AddSpeaker(ctx, store.Speaker{ID: "anna", State: store.EnrolmentActive}, store.PersonKey{SpeakerID: "anna", KeyID: by.String(), Wrapped: wrapped}); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.json")
	for _, tenant := range []string{"a", "b"} {
		if keys, err := OpenKeys(ctx, db, other, tenant); keys != nil || !errors.Is(err, ErrOrphans) {
			t.Errorf("another file for tenant %s: %v, want ErrOrphans", tenant, err)
		}
	}
	if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another file: %v, want none", err)
	}
	if err := os.WriteFile(other, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(ctx, db, other, "a"); !errors.Is(err, identity.ErrKeyFile) {
		t.Errorf("a damaged file: %v, want ErrKeyFile", err)
	}
	if _, err := OpenKeys(ctx, db, path, "a"); err != nil {
		t.Error(err)
	}
}
