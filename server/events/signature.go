package events

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers of a delivery.
const (
	HeaderSignature = "Timbre-Signature" // t=SECONDS,v1=HEX[,v1=HEX]
	HeaderDelivery  = "Timbre-Delivery"  // the same in every attempt
	HeaderEvent     = "Timbre-Event"     // the kind
	HeaderAttempt   = "Timbre-Attempt"   // from 1
)

// ErrSignature reports a delivery that was not signed with the secret, or not recently.
var ErrSignature = errors.New("events: signature")

// Sign returns the value of HeaderSignature for a body: the time in Unix seconds and, for each secret, the HMAC-SHA256 (RFC 2104)
// of "SECONDS.DELIVERY.BODY" in hex. Two secrets are for the time in which one replaces the other. The time and the id are
// signed, so that nobody can send a delivery again later or as another.
func Sign(secrets []string, delivery string, body []byte, now time.Time) string {
	seconds := strconv.FormatInt(now.Unix(), 10)
	value := "t=" + seconds
	for _, secret := range secrets {
		value += ",v1=" + hex.EncodeToString(mac(secret, seconds, delivery, body))
	}
	return value
}

func mac(secret, seconds, delivery string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(seconds + "." + delivery + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Verify checks the signature of a delivery as a receiver should: in constant time, and refusing what is further than tolerance
// from now. It returns nil or ErrSignature, wrapped.
func Verify(secret, signature, delivery string, body []byte, now time.Time, tolerance time.Duration) error {
	var seconds string
	var sums [][]byte
	for part := range strings.SplitSeq(signature, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			seconds = value
		case "v1":
			if sum, err := hex.DecodeString(value); err == nil {
				sums = append(sums, sum)
			}
		}
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: t=%q, want Unix seconds", ErrSignature, clip(seconds, 32))
	}
	if age := now.Sub(time.Unix(at, 0)); age.Abs() > tolerance {
		return fmt.Errorf("%w: made %s ago, want at most %s", ErrSignature, age, tolerance)
	}
	want := mac(secret, seconds, delivery, body)
	for _, sum := range sums {
		if hmac.Equal(sum, want) {
			return nil
		}
	}
	return fmt.Errorf("%w: %d sums, none of them right", ErrSignature, len(sums))
}
