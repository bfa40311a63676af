package identity

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKeyFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "keys.json")
	f, err := CreateKeyFile(path, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, filepath.Dir(path)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, error %v, want none for others", name, info.Mode(), err)
		}
	}
	if _, err := f.Rotate("a"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("after a rotation: mode %v, error %v, want 0600", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%d files beside each other, error %v, want the key file alone", len(left), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o622} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeyFile(path); !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), "want 0600") {
			t.Errorf("mode %#o: %v, want ErrKeyFile", mode, err)
		}
	}
}

// TestEnsureTenant: of several that find no keys of a tenant, in this process and through another, one makes them and all have them.
func TestEnsureTenant(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	f, err := CreateKeyFile(path, "a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = f.EnsureTenant("b") })
	}
	wg.Wait()
	if err := errors.Join(append(errs, other.EnsureTenant("b"), f.EnsureTenant("b"))...); err != nil {
		t.Error(err)
	}
	here, err := f.Present("b")
	if err != nil {
		t.Fatal(err)
	}
	if there, err := other.Present("b"); err != nil || there != here {
		t.Errorf("key %s, %v in the other process, want %s", there, err, here)
	}
	if err := f.EnsureTenant(""); !errors.Is(err, ErrBinding) {
		t.Errorf("a tenant without a name: %v, want ErrBinding", err)
	}
}

func TestKeyFileIsNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := OpenKeyFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open before it is made: %v, want fs.ErrNotExist", err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = CreateKeyFile(path, "a") })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, fs.ErrExist):
			t.Errorf("the loser gets %v, want fs.ErrExist", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 made the file, want 1", won)
	}
	if _, err := OpenKeyFile(path); err != nil {
		t.Error(err)
	}
}

func TestTenantsOfAKeyFile(t *testing.T) {
	f, err := CreateKeyFile(filepath.Join(t.TempDir(), "keys.json"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddTenant("a"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v, want fs.ErrExist", err)
	}
	if err := f.AddTenant(""); !errors.Is(err, ErrBinding) {
		t.Errorf("no name: %v, want ErrBinding", err)
	}
	if _, err := f.Rotate("b"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("rotate: %v, want ErrUnknownKey", err)
	}
	if _, err := f.Retire("b"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("retire: %v, want ErrUnknownKey", err)
	}
	if n, err := f.Retire("a"); n != 0 || err != nil {
		t.Errorf("retire with one key: %d, %v, want 0: the present key stays", n, err)
	}
}

func TestDamagedKeyFiles(t *testing.T) {
	key, id := strings.Repeat("5a", KeySize), "0102030405060708"
	tenant := func(pseudonym, keys string) string {
		return `{"schema":"timbre.keys/1","tenants":{"a":{"pseudonym_key":"` + pseudonym + `","keys":[` + keys + `]}}}`
	}
	one := `{"id":"` + id + `","key":"` + key + `"}`
	if _, err := parseKeyFile([]byte(tenant(key, one))); err != nil {
		t.Fatalf("a sound file: %v", err)
	}
	for name, c := range map[string]struct{ text, says string }{
		"empty":         {"", "EOF"},
		"cut":           {tenant(key, one)[:40], "unexpected EOF"},
		"text_after":    {tenant(key, one) + "x", "text after the object"},
		"other_schema":  {strings.Replace(tenant(key, one), "keys/1", "keys/2", 1), `schema "timbre.keys/2", want "timbre.keys/1"`},
		"unknown_field": {strings.Replace(tenant(key, one), `"id"`, `"ident"`, 1), "ident"},
		"short_key":     {tenant(key, strings.Replace(one, key, key[2:], 1)), "key of 31, want 8 and 32"},
		"no_hex":        {tenant(key, strings.Replace(one, key, "zz"+key[2:], 1)), "not hex digits"},
		"short_id":      {tenant(key, strings.Replace(one, id, "01", 1)), "id of 1 bytes"},
		"id_twice":      {tenant(key, one+","+one), "stands twice"},
		"no_keys":       {tenant(key, ""), "no keys, want at least one"},
		"no_pseudonym":  {tenant("", one), "pseudonym key of 0 bytes, want 32"},
		"no_tenant":     {strings.Replace(tenant(key, one), `"a"`, `""`, 1), "tenant of 0 bytes"},
		"too_long":      {strings.Repeat(" ", maxKeyFile+1), "more than 67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenKeyFile(path)
			if !errors.Is(err, ErrKeyFile) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v, want ErrKeyFile with the path and %q", err, c.says)
			}
			if strings.Contains(err.Error(), "5a5a5a") {
				t.Errorf("the message shows a key: %v", err)
			}
		})
	}
}

func FuzzKeyFile(f *testing.F) {
	k := hex.EncodeToString(make([]byte, KeySize))
	f.Add([]byte(`{"schema":"timbre.keys/1","tenants":{"a":{"pseudonym_key":"` + k + `","keys":[{"id":"0102030405060708","key":"` + k + `"}]}}}`))
	f.Add([]byte(`{"schema":"timbre.keys/1","tenants":{"a":{"pseudonym_key":"` + k + `","keys":[{"id":"0102030405060708","nodes":{"0":"` + k + `","101":"` + k + `"}}]}}}`))
	f.Add([]byte(`{"schema":"timbre.keys/1","tenants":{"a":{"pseudonym_key":"","keys":[]}}}`))
	f.Add([]byte(`{"schema":"timbre.keys/1"}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := parseKeyFile(b)
		if err != nil {
			return
		}
		keys := &KeyFile{path: "keys.json", doc: doc}
		for name := range doc.Tenants { // whatever is taken as a key file can be used as one
			of := Subject{Tenant: name, Speaker: "anna"}
			v := NewVault(keys)
			wrapped, err := v.NewPersonKey(t.Context(), of)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Rewrap(t.Context(), of, wrapped); err != nil {
				t.Fatal(err)
			}
			_, l, i, err := doc.Tenants[name].find(wrapped, "")
			if err != nil {
				t.Fatal(err)
			}
			left := doc.Tenants[name].Keys[i].tree().puncture(l)
			if _, ok := left.key(l); ok || left.validate() != nil {
				t.Fatalf("a destroyed leaf gives a key: %v, the rest is sound: %v", ok, left.validate())
			}
			if _, err := keys.Pseudonym(of); err != nil {
				t.Fatal(err)
			}
		}
	})
}
