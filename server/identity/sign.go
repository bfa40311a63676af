package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// Signer signs what leaves the system as proof. KeyFile is the one that ships.
type Signer interface {
	// Sign returns the Ed25519 signature of a tenant's key over message, and the public key that checks it.
	Sign(tenant string, message []byte) (signature []byte, public ed25519.PublicKey, err error)
}

// Sign implements Signer. The signing key is made of the tenant's pseudonym key, which is never rotated, so that receipts can be
// checked for as long as the tenant lives.
func (f *KeyFile) Sign(tenant string, message []byte) ([]byte, ed25519.PublicKey, error) {
	t, err := f.tenant(tenant)
	if err != nil {
		return nil, nil, err
	}
	seed, err := hkdf.Key(sha256.New, t.PseudonymKey, nil, "timbre receipt 1", ed25519.SeedSize)
	if err != nil {
		return nil, nil, fmt.Errorf("identity: signing key: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	return ed25519.Sign(key, message), key.Public().(ed25519.PublicKey), nil
}
