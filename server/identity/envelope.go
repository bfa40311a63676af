package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// KeySize is the bytes of every key: AES-256.
const KeySize = 32

// KeyID names a key in the header of what it sealed.
type KeyID [8]byte

// String returns the id as 16 hex digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// kind is what an envelope holds. Its three letters start the envelope, so that no kind is taken for another.
type kind string

const (
	kindPrint  kind = "TSP" // a sealed print: of a person key
	kindNormal kind = "TSN" // sealed statistics of a voice's normal: of a key of their own
	kindKey    kind = "TWK" // a wrapped person key: of a tenant key
)

const (
	formatVersion = 1
	headerSize    = 3 + 1 + len(KeyID{})
	sealSize      = 12 + 16 // nonce and tag of GCM
)

// maxEnvelope bounds what is taken as one envelope. A print is a few KB.
const maxEnvelope = 1 << 20

// WrappedBy returns the id of the tenant key that wrapped a person's key, for the row beside it. Errors: ErrEnvelope.
func WrappedBy(wrapped []byte) (KeyID, error) { return parseHeader(kindKey, wrapped) }

// parseHeader returns the id of the key that sealed b, an envelope of kind k. Errors: ErrEnvelope.
func parseHeader(k kind, b []byte) (KeyID, error) {
	var id KeyID
	switch {
	case len(b) < headerSize+sealSize:
		return id, fmt.Errorf("%w: %d bytes, want at least %d", ErrEnvelope, len(b), headerSize+sealSize)
	case len(b) > maxEnvelope:
		return id, fmt.Errorf("%w: %d bytes, want at most %d", ErrEnvelope, len(b), maxEnvelope)
	case string(b[:3]) != string(k):
		return id, fmt.Errorf("%w: starts with %q, want %q", ErrEnvelope, b[:3], k)
	case b[3] != formatVersion:
		return id, fmt.Errorf("%w: format version %d, want %d", ErrEnvelope, b[3], formatVersion)
	}
	copy(id[:], b[4:])
	return id, nil
}

// seal encrypts plain under key. bound is authenticated and not stored.
func seal(k kind, id KeyID, key, plain []byte, bound ...string) ([]byte, error) {
	if n := headerSize + sealSize + len(plain); n > maxEnvelope {
		return nil, fmt.Errorf("%w: %d bytes to seal, want at most %d", ErrEnvelope, len(plain), maxEnvelope-headerSize-sealSize)
	}
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, headerSize, headerSize+sealSize+len(plain))
	copy(out, k)
	out[3] = formatVersion
	copy(out[4:], id[:])
	return gcm.Seal(out, nil, plain, additional(out[:headerSize], bound)), nil
}

// open decrypts what seal made under the same key and binding. Errors: ErrEnvelope, ErrSealBroken.
func open(k kind, key, sealed []byte, bound ...string) ([]byte, error) {
	if _, err := parseHeader(k, sealed); err != nil {
		return nil, err
	}
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nil, sealed[headerSize:], additional(sealed[:headerSize], bound))
	if err != nil {
		return nil, fmt.Errorf("%w: damaged, or not sealed for %q", ErrSealBroken, bound)
	}
	return plain, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("identity: key: %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("identity: key: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("identity: key: %w", err)
	}
	return gcm, nil
}

// additional returns the authenticated data: the header, then each text behind its length, so that no two lists of texts give the
// same bytes.
func additional(header []byte, bound []string) []byte {
	b := append([]byte{}, header...)
	for _, s := range bound {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}
