package server

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/timbre-voice/timbre/server/store"
)

// box seals the secrets of endpoints and webhooks, so that who reads the database alone cannot sign as a platform or as us: AES-256-GCM under a key in a
// file of its own. Safe for concurrent use.
type box struct{ gcm cipher.AEAD }

// openBox reads the key file at path, or makes one with mode 0600 where there is none. A file that others may read is refused. The
// nodes of a cluster need the same file.
func openBox(path string) (*box, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("server: key file: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("server: key file: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("server: key file: %w", err)
	}
	return &box{gcm}, nil
}

const keySize = 32

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %#o, want 0600: others may read it", path, mode)
	}
	if info.Size() > 1024 {
		return nil, fmt.Errorf("%s: %d bytes, want %d hex digits", path, info.Size(), 2*keySize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s: %d bytes, want %d hex digits", path, len(text), 2*keySize)
	}
	return key, nil
}

func makeKey(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return key, nil
}

// seal encrypts plain and ties it to label.
func (b *box) seal(plain, label []byte) []byte { return b.gcm.Seal(nil, nil, plain, label) }

// errSealed reports bytes that were not sealed with this key and label, or damaged since.
var errSealed = errors.New("sealed bytes do not open with this key")

func (b *box) open(sealed, label []byte) ([]byte, error) {
	plain, err := b.gcm.Open(nil, nil, sealed, label)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// opens returns what of the secrets in the store does not open with b, as those that a node with another file sealed.
func opens(ctx context.Context, st *store.Store, b *box) error {
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		endpoints, err := st.Tenant(t.ID).Endpoints(ctx)
		if err != nil {
			return err
		}
		for _, e := range endpoints {
			if _, err := b.open(e.Sealed, endpointLabel(t.ID, e.Dialect, e.Name)); err != nil {
				return fmt.Errorf("endpoint %s %s: %w", e.Dialect, e.Name, err)
			}
		}
		hooks, err := st.Tenant(t.ID).Webhooks(ctx)
		if err != nil {
			return err
		}
		for _, h := range hooks {
			if _, err := b.open(h.Sealed, hookLabel(t.ID, h.ID)); err != nil {
				return fmt.Errorf("webhook %s: %w", h.ID, err)
			}
		}
	}
	return nil
}
