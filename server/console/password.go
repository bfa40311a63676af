package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The parameters of argon2id (RFC 9106), as the OWASP Password Storage Cheat Sheet (2024) asks at least.
const (
	argonMemoryKiB = 19 << 10
	argonPasses    = 2
	argonLanes     = 1
	argonSalt      = 16
	argonHash      = 32
)

// MinPassword and MaxPassword bound the bytes of a password.
const (
	MinPassword = 10
	MaxPassword = 256
)

// hashing bounds how many passwords are hashed at a time: each takes argonMemoryKiB, and whoever asks is not known yet.
type hashing chan struct{}

func newHashing() hashing { return make(hashing, 2) }

func (h hashing) key(ctx context.Context, password string, salt []byte, passes, memory uint32, lanes uint8) ([]byte, error) {
	select {
	case h <- struct{}{}:
		defer func() { <-h }()
		return argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonHash), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash returns a password as it is kept: the PHC string of argon2id with a salt of its own.
func (h hashing) hash(ctx context.Context, password string) (string, error) {
	if n := len(password); n < MinPassword || n > MaxPassword {
		return "", fmt.Errorf("%w: password: %d bytes, want %d to %d", ErrInvalid, n, MinPassword, MaxPassword)
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails: it ends the process instead
	key, err := h.key(ctx, password, salt, argonPasses, argonMemoryKiB, argonLanes)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonPasses, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// nobody is the hash that a login of nobody is compared with, so that it takes as long as one of somebody. No password has it.
var nobody = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonPasses, argonLanes,
	strings.Repeat("A", 22), strings.Repeat("A", 43))

// errHash is a kept hash that is none of ours.
var errHash = errors.New("console: password hash: not argon2id as this program writes it")

// matches reports whether a password is the one that a kept hash was made of. An empty hash is nobody's.
func (h hashing) matches(ctx context.Context, password, kept string) (bool, error) {
	if len(password) > MaxPassword {
		return false, nil
	}
	somebody := kept != ""
	if !somebody {
		kept = nobody
	}
	var version, memory, passes int
	var lanes int
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil || version != argon2.Version {
		return false, errHash
	}
	if memory < 8 || memory > 4*argonMemoryKiB || passes < 1 || passes > 16 || lanes < 1 || lanes > 16 {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != argonHash {
		return false, errHash
	}
	got, err := h.key(ctx, password, salt, uint32(passes), uint32(memory), uint8(lanes))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && somebody, nil
}
