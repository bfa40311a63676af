package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// KeyWrapper is what a vault needs of a key service: it holds the tenant keys and never hands them out. KeyFile is the one that
// ships; a cloud service or a hardware module takes its place behind the same three methods. Implementations are safe for
// concurrent use.
type KeyWrapper interface {
	// Wrap seals a person's key, an opaque value of at most 64 bytes, under the tenant's present key, bound to tenant and speaker.
	Wrap(ctx context.Context, of Subject, key []byte) ([]byte, error)
	// Unwrap opens what Wrap returned, also under an earlier key of the tenant that was not retired yet. Errors: ErrUnknownKey,
	// ErrEnvelope, ErrSealBroken, and ErrKeyDestroyed for what was forgotten.
	Unwrap(ctx context.Context, of Subject, wrapped []byte) ([]byte, error)
	// Forget destroys what unwraps this one key, so that no copy of it is ever unwrapped again. Once is enough, a second time does
	// nothing.
	Forget(ctx context.Context, of Subject, wrapped []byte) error
}

// Subject is one person of one tenant.
type Subject struct {
	Tenant, Speaker string
}

// maxName bounds the texts of a binding.
const maxName = 1024

func (s Subject) validate() error {
	return errors.Join(checkName("tenant", s.Tenant), checkName("speaker", s.Speaker))
}

func checkName(what, s string) error {
	if s == "" || len(s) > maxName {
		return fmt.Errorf("%w: %s of %d bytes, want 1 to %d", ErrBinding, what, len(s), maxName)
	}
	return nil
}

// Binding is what a sealed voiceprint, or a sealed normal, is good for. All of it is authenticated with what is sealed.
type Binding struct {
	Subject
	Model, ModelVersion string // that made it
}

func (b Binding) validate() error {
	return errors.Join(b.Subject.validate(), checkName("model", b.Model), checkName("model version", b.ModelVersion))
}

// Vault seals and opens voiceprints. It keeps no key and no state of its own and is safe for concurrent use.
type Vault struct {
	keys KeyWrapper
}

// NewVault returns a vault over the tenant keys of a key service.
func NewVault(keys KeyWrapper) *Vault { return &Vault{keys: keys} }

// NewPersonKey makes a random key for a person and returns it wrapped, to be stored beside the person. Destroying that row is
// destroying every print that was sealed with it.
func (v *Vault) NewPersonKey(ctx context.Context, of Subject) (wrapped []byte, err error) {
	if err := of.validate(); err != nil {
		return nil, err
	}
	// The id of the key travels in the wrapped plaintext, before the key, so that a print names the key that sealed it.
	plain := make([]byte, len(KeyID{})+KeySize)
	rand.Read(plain) // never fails (Go 1.24)
	return v.keys.Wrap(ctx, of, plain)
}

// personKey unwraps a person's key.
func (v *Vault) personKey(ctx context.Context, of Subject, wrapped []byte) (id KeyID, key []byte, err error) {
	if len(wrapped) == 0 {
		return id, nil, ErrKeyDestroyed
	}
	plain, err := v.keys.Unwrap(ctx, of, wrapped)
	if err != nil {
		return id, nil, fmt.Errorf("person key: %w", err)
	}
	if want := len(id) + KeySize; len(plain) != want {
		return id, nil, fmt.Errorf("person key: %w: %d bytes inside, want %d", ErrEnvelope, len(plain), want)
	}
	copy(id[:], plain)
	return id, plain[len(id):], nil
}

// Seal encrypts a voiceprint with the person's key. wrapped is what NewPersonKey returned; plain is borrowed.
// Errors: ErrKeyDestroyed for an empty wrapped key, ErrBinding, and those of KeyWrapper.Unwrap.
func (v *Vault) Seal(ctx context.Context, b Binding, wrapped, plain []byte) ([]byte, error) {
	return v.seal(ctx, kindPrint, b, wrapped, plain)
}

// SealNormal is Seal for what is kept of a voice's normal, which Open does not take for a print.
func (v *Vault) SealNormal(ctx context.Context, b Binding, wrapped, plain []byte) ([]byte, error) {
	return v.seal(ctx, kindNormal, b, wrapped, plain)
}

func (v *Vault) seal(ctx context.Context, k kind, b Binding, wrapped, plain []byte) ([]byte, error) {
	if err := b.validate(); err != nil {
		return nil, err
	}
	id, key, err := v.personKey(ctx, b.Subject, wrapped)
	if err != nil {
		return nil, err
	}
	return seal(k, id, key, plain, b.Tenant, b.Speaker, b.Model, b.ModelVersion)
}

// Open decrypts what Seal returned. Errors: ErrEnvelope for bytes that are no sealed print, ErrUnknownKey where the print was
// sealed with another key than the person's, ErrSealBroken where it was damaged or sealed for another binding, ErrKeyDestroyed.
func (v *Vault) Open(ctx context.Context, b Binding, wrapped, sealed []byte) ([]byte, error) {
	return v.open(ctx, kindPrint, "voiceprint", b, wrapped, sealed)
}

// OpenNormal is Open for what SealNormal returned.
func (v *Vault) OpenNormal(ctx context.Context, b Binding, wrapped, sealed []byte) ([]byte, error) {
	return v.open(ctx, kindNormal, "voice normal", b, wrapped, sealed)
}

func (v *Vault) open(ctx context.Context, k kind, what string, b Binding, wrapped, sealed []byte) ([]byte, error) {
	if err := b.validate(); err != nil {
		return nil, err
	}
	sealedWith, err := parseHeader(k, sealed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	id, key, err := v.personKey(ctx, b.Subject, wrapped)
	if err != nil {
		return nil, err
	}
	if id != sealedWith {
		return nil, fmt.Errorf("%s: %w: sealed with person key %s, the person has %s", what, ErrUnknownKey, sealedWith, id)
	}
	plain, err := open(k, key, sealed, b.Tenant, b.Speaker, b.Model, b.ModelVersion)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return plain, nil
}

// Rewrap returns a person's key wrapped by the tenant's present key: one step of a rotation. The prints stay as they are.
func (v *Vault) Rewrap(ctx context.Context, of Subject, wrapped []byte) ([]byte, error) {
	if err := of.validate(); err != nil {
		return nil, err
	}
	id, key, err := v.personKey(ctx, of, wrapped)
	if err != nil {
		return nil, err
	}
	return v.keys.Wrap(ctx, of, append(id[:], key...))
}
