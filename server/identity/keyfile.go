package identity

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
)

// keyFileSchema names the format of the file.
const keyFileSchema = "timbre.keys/1"

// maxKeyFile bounds what is read as a key file. Each deletion adds some 5 KB until the tenant's key is rotated.
const maxKeyFile = 1 << 26

// KeyFile is a KeyWrapper over one local file that holds the keys of every tenant. Whoever reads the file and the database reads
// every print, so it is made with mode 0600, refused where others may read it, and best kept on another volume than the database.
// It is JSON:
//
//	{"schema": "timbre.keys/1", "tenants": {"default": {"pseudonym_key": HEX, "keys": [{"id": HEX, "key": HEX}]}}}
//
// The last key of a tenant is the present one; those before it only unwrap. A key that a person was forgotten by holds "nodes" in the
// place of "key": what is left of it. A backup of the database should not hold this file, and a backup of this file that is older
// than a deletion undoes what Forget destroyed. KeyFile is safe for concurrent use; each change reads the file anew first, but two
// processes must not change one file at the same moment.
type KeyFile struct {
	path string
	mu   sync.RWMutex
	doc  keyDocument
}

type keyDocument struct {
	Schema  string                `json:"schema"`
	Tenants map[string]tenantKeys `json:"tenants"`
}

type tenantKeys struct {
	PseudonymKey hexBytes    `json:"pseudonym_key"` // KeySize bytes, never rotated
	Keys         []tenantKey `json:"keys"`
}

type tenantKey struct {
	ID    hexBytes `json:"id"`
	Key   hexBytes `json:"key,omitempty"`   // the root of the tree, or
	Nodes tree     `json:"nodes,omitempty"` // what punctures left of it
}

// tree returns the nodes of the key.
func (k tenantKey) tree() tree {
	if len(k.Key) > 0 {
		return tree{"": k.Key}
	}
	return k.Nodes
}

// hexBytes is bytes as hex digits in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(b []byte) error {
	v, err := hex.DecodeString(string(b))
	*h = v
	if err != nil {
		return errors.New("not hex digits") // the text of hex's own error shows a digit of the key
	}
	return nil
}

func newTenantKey() tenantKey { return tenantKey{ID: random(len(KeyID{})), Key: random(KeySize)} }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (Go 1.24)
	return b
}

// OpenKeyFile reads a key file. Errors: fs.ErrNotExist where there is none, ErrKeyFile.
func OpenKeyFile(path string) (*KeyFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	// Windows has no such bits: the folder's access list protects the file there.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s: mode %#o lets others at it, want 0600 (chmod 600, and rotate the key if others may have read it)", ErrKeyFile, path, mode)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	doc, err := parseKeyFile(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, path, err)
	}
	return &KeyFile{path: path, doc: doc}, nil
}

// parseKeyFile reads and checks the content of a key file. Its errors show no key.
func parseKeyFile(b []byte) (keyDocument, error) {
	var doc keyDocument
	if len(b) > maxKeyFile {
		return doc, fmt.Errorf("more than %d bytes", maxKeyFile)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return doc, err
	}
	if _, err := d.Token(); err != io.EOF {
		return doc, errors.New("text after the object")
	}
	if doc.Schema != keyFileSchema {
		return doc, fmt.Errorf("schema %q, want %q", doc.Schema, keyFileSchema)
	}
	for name, t := range doc.Tenants {
		if err := checkName("tenant", name); err != nil {
			return doc, err
		}
		if len(t.PseudonymKey) != KeySize {
			return doc, fmt.Errorf("tenant %q: pseudonym key of %d bytes, want %d", name, len(t.PseudonymKey), KeySize)
		}
		if len(t.Keys) == 0 {
			return doc, fmt.Errorf("tenant %q: no keys, want at least one", name)
		}
		for i, k := range t.Keys {
			if len(k.Nodes) == 0 && (len(k.ID) != len(KeyID{}) || len(k.Key) != KeySize) {
				return doc, fmt.Errorf("tenant %q: key %d: id of %d bytes and key of %d, want %d and %d", name, i, len(k.ID), len(k.Key), len(KeyID{}), KeySize)
			}
			if len(k.Nodes) > 0 && (len(k.ID) != len(KeyID{}) || len(k.Key) != 0) {
				return doc, fmt.Errorf("tenant %q: key %d: id of %d bytes, and key of %d beside nodes, want %d and none", name, i, len(k.ID), len(k.Key), len(KeyID{}))
			}
			if err := k.tree().validate(); err != nil {
				return doc, fmt.Errorf("tenant %q: key %d: %w", name, i, err)
			}
			if slices.ContainsFunc(t.Keys[:i], func(o tenantKey) bool { return bytes.Equal(o.ID, k.ID) }) {
				return doc, fmt.Errorf("tenant %q: key %d: id %x stands twice", name, i, []byte(k.ID))
			}
		}
	}
	return doc, nil
}

// CreateKeyFile makes a key file with fresh keys for one tenant, mode 0600, its folder too where it is missing (0700). A file that
// is there is never overwritten: fs.ErrExist.
func CreateKeyFile(path, tenant string) (*KeyFile, error) {
	if err := checkName("tenant", tenant); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	f := &KeyFile{path: path, doc: keyDocument{Schema: keyFileSchema, Tenants: map[string]tenantKeys{
		tenant: {PseudonymKey: random(KeySize), Keys: []tenantKey{newTenantKey()}},
	}}}
	tmp, err := f.writeTemp(f.doc)
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp)
	// A link, unlike a rename, fails where the name is taken: of two processes that create it one loses and nothing is lost.
	if err := os.Link(tmp, path); err != nil {
		return nil, fmt.Errorf("identity: key file: %w", err)
	}
	return f, nil
}

// writeTemp writes doc to a new private file beside the key file and returns its name.
func (f *KeyFile) writeTemp(doc keyDocument) (string, error) {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return "", fmt.Errorf("identity: key file: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+".tmp-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("identity: key file: %w", err)
	}
	_, err = tmp.Write(append(b, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the first error is the one to tell
		return "", fmt.Errorf("identity: key file: %w", err)
	}
	return tmp.Name(), nil
}

// change replaces the keys of one tenant, on disk first.
func (f *KeyFile) change(tenant string, edit func(t tenantKeys, known bool) (tenantKeys, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := OpenKeyFile(f.path) // another process may have changed it, and what it destroyed must not come back
	if err != nil {
		return err
	}
	f.doc = now.doc
	old, known := f.doc.Tenants[tenant]
	next, err := edit(old, known)
	if err != nil {
		return err
	}
	doc := keyDocument{Schema: keyFileSchema, Tenants: map[string]tenantKeys{}}
	for name, t := range f.doc.Tenants {
		doc.Tenants[name] = t
	}
	doc.Tenants[tenant] = next
	tmp, err := f.writeTemp(doc)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, f.path); err != nil {
		return errors.Join(fmt.Errorf("identity: key file: %w", err), os.Remove(tmp))
	}
	f.doc = doc
	return nil
}

// AddTenant makes keys for a tenant that has none yet; fs.ErrExist where it has.
func (f *KeyFile) AddTenant(tenant string) error {
	if err := checkName("tenant", tenant); err != nil {
		return err
	}
	return f.change(tenant, func(_ tenantKeys, known bool) (tenantKeys, error) {
		if known {
			return tenantKeys{}, fmt.Errorf("identity: key file: tenant %q: %w", tenant, fs.ErrExist)
		}
		return tenantKeys{PseudonymKey: random(KeySize), Keys: []tenantKey{newTenantKey()}}, nil
	})
}

// EnsureTenant makes keys for a tenant unless it has some, whoever else does so at the same time.
func (f *KeyFile) EnsureTenant(tenant string) error {
	if _, err := f.Present(tenant); !errors.Is(err, ErrUnknownKey) {
		return err
	}
	if err := f.AddTenant(tenant); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Rotate gives a tenant a new present key and returns its id. Earlier keys go on unwrapping until they are retired, which is for
// after every person key was wrapped anew (Vault.Rewrap).
func (f *KeyFile) Rotate(tenant string) (KeyID, error) {
	k := newTenantKey()
	err := f.change(tenant, func(t tenantKeys, known bool) (tenantKeys, error) {
		if !known {
			return t, f.noTenant(tenant)
		}
		t.Keys = append(slices.Clone(t.Keys), k)
		return t, nil
	})
	return KeyID(k.ID), err
}

// Retire destroys every key of a tenant but the present one and returns how many. What only they wrapped is unreadable from then
// on.
func (f *KeyFile) Retire(tenant string) (int, error) {
	n := 0
	err := f.change(tenant, func(t tenantKeys, known bool) (tenantKeys, error) {
		if !known {
			return t, f.noTenant(tenant)
		}
		n = len(t.Keys) - 1
		t.Keys = slices.Clone(t.Keys[n:])
		return t, nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (f *KeyFile) noTenant(tenant string) error {
	return fmt.Errorf("%w: %s holds no keys of tenant %q", ErrUnknownKey, f.path, tenant)
}

// tenant returns the keys of a tenant; ErrUnknownKey where there are none.
func (f *KeyFile) tenant(name string) (tenantKeys, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	t, ok := f.doc.Tenants[name]
	if !ok {
		return t, f.noTenant(name)
	}
	return t, nil
}

// Present returns the id of the key that wraps for a tenant now. Errors: ErrUnknownKey.
func (f *KeyFile) Present(tenant string) (KeyID, error) {
	t, err := f.tenant(tenant)
	if err != nil {
		return KeyID{}, err
	}
	return KeyID(t.Keys[len(t.Keys)-1].ID), nil
}

// Wrap implements KeyWrapper.
func (f *KeyFile) Wrap(_ context.Context, of Subject, key []byte) ([]byte, error) {
	t, err := f.tenant(of.Tenant)
	if err != nil {
		return nil, err
	}
	k := t.Keys[len(t.Keys)-1]
	l := k.tree().fresh()
	under, _ := k.tree().key(l) // a fresh leaf is never a destroyed one
	sealed, err := seal(kindKey, KeyID(k.ID), under, key, of.Tenant, of.Speaker, l.String())
	if err != nil {
		return nil, err
	}
	return append(sealed, l[:]...), nil
}

// Unwrap implements KeyWrapper.
func (f *KeyFile) Unwrap(_ context.Context, of Subject, wrapped []byte) ([]byte, error) {
	t, err := f.tenant(of.Tenant)
	if err != nil {
		return nil, err
	}
	sealed, l, i, err := t.find(wrapped, f.path)
	if err != nil {
		return nil, err
	}
	under, ok := t.Keys[i].tree().key(l)
	if !ok {
		return nil, ErrKeyDestroyed
	}
	return open(kindKey, under, sealed, of.Tenant, of.Speaker, l.String())
}

// find returns the parts of a wrapped key and the place of the tenant key that wrapped it.
func (t tenantKeys) find(wrapped []byte, path string) ([]byte, leaf, int, error) {
	id, err := parseHeader(kindKey, wrapped)
	if err != nil {
		return nil, leaf{}, 0, err
	}
	sealed, l, err := split(wrapped)
	if err != nil {
		return nil, l, 0, err
	}
	i := slices.IndexFunc(t.Keys, func(k tenantKey) bool { return KeyID(k.ID) == id })
	if i < 0 {
		return nil, l, 0, fmt.Errorf("%w: wrapped with tenant key %s, which %s does not hold", ErrUnknownKey, id, path)
	}
	return sealed, l, i, nil
}

// Forget implements KeyWrapper. The file is written anew; what a file system keeps of the old one is beyond it.
func (f *KeyFile) Forget(_ context.Context, of Subject, wrapped []byte) error {
	return f.change(of.Tenant, func(t tenantKeys, known bool) (tenantKeys, error) {
		if !known {
			return t, f.noTenant(of.Tenant)
		}
		_, l, i, err := t.find(wrapped, f.path)
		if errors.Is(err, ErrUnknownKey) { // retired: nobody can open it as it is
			return t, nil
		}
		if err != nil {
			return t, err
		}
		t.Keys = slices.Clone(t.Keys)
		t.Keys[i] = tenantKey{ID: t.Keys[i].ID, Nodes: t.Keys[i].tree().puncture(l)}
		return t, nil
	})
}

// Pseudonym returns the name, 32 hex digits, under which a person stands where the identity may not be kept: in the audit log, in
// receipts of deletion, in the list of those who opted out. It survives rotation and cannot be reversed without the key file.
func (f *KeyFile) Pseudonym(of Subject) (string, error) {
	if err := of.validate(); err != nil {
		return "", err
	}
	t, err := f.tenant(of.Tenant)
	if err != nil {
		return "", err
	}
	m := hmac.New(sha256.New, t.PseudonymKey)
	m.Write(additional([]byte("timbre pseudonym 1"), []string{of.Tenant, of.Speaker}))
	return hex.EncodeToString(m.Sum(nil)[:16]), nil
}
