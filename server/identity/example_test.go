package identity_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/timbre-voice/timbre/server/identity"
)

// A voiceprint is sealed with a key of its person; destroying that key is the deletion.
func Example() {
	dir, err := os.MkdirTemp("", "vault")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	keys, err := identity.CreateKeyFile(filepath.Join(dir, "keys.json"), "default")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, vault := context.Background(), identity.NewVault(keys)
	anna := identity.Binding{
		Subject: identity.Subject{Tenant: "default", Speaker: "anna"},
		Model:   "speaker-tdnn-v1", ModelVersion: "1.0.0",
	}
	wrapped, err := vault.NewPersonKey(ctx, anna.Subject)
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed, err := vault.Seal(ctx, anna, wrapped, []byte("the print"))
	if err != nil {
		fmt.Println(err)
		return
	}
	plain, err := vault.Open(ctx, anna, wrapped, sealed)
	fmt.Printf("%s, error %v\n", plain, err)
	_, err = vault.Open(ctx, anna, nil, sealed) // the row with her key was deleted
	fmt.Println(err)
	// Output:
	// the print, error <nil>
	// identity: the person's key was destroyed
}
