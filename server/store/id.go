package store

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// idAlphabet is Crockford's base 32 in lower case: in the order of its bytes, so that ids sort by the time that they begin with.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID returns a new id of 26 characters: 48 bits of milliseconds since 1970 and 80 random bits, so that ids sort by time.
func NewID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:]) // never fails: it ends the process instead
	return base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding).EncodeToString(b[:])
}
