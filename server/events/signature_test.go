package events

import (
	"errors"
	"testing"
	"time"
)

func TestSignatureKnownValue(t *testing.T) {
	// printf '%s' '1764090000.d1.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
	const want = "t=1764090000,v1=bb2992e9681a121cf17fcbb02f4c3f4fa3657f06738638819c5cd95beeae0057"
	if got := Sign([]string{"0123456789abcdef"}, "d1", []byte(`{"a":1}`), time.Unix(1764090000, 0)); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	now := time.Unix(1764090000, 0)
	body := []byte(`{"a":1}`)
	signed := Sign([]string{"the new secret, long", "the old secret, long"}, "d1", body, now)
	for _, c := range []struct {
		name, secret, signature, delivery, body string
		now                                     time.Time
		ok                                      bool
	}{
		{"new_secret", "the new secret, long", signed, "d1", string(body), now, true},
		{"old_secret", "the old secret, long", signed, "d1", string(body), now, true},
		{"spaces", "the new secret, long", " " + signed + " ", "d1", string(body), now, true},
		{"wrong_secret", "another", signed, "d1", string(body), now, false},
		{"wrong_body", "the new secret, long", signed, "d1", `{"a":2}`, now, false},
		{"wrong_delivery", "the new secret, long", signed, "d2", string(body), now, false},
		{"stale", "the new secret, long", signed, "d1", string(body), now.Add(6 * time.Minute), false},
		{"from_the_future", "the new secret, long", signed, "d1", string(body), now.Add(-6 * time.Minute), false},
		{"empty", "the new secret, long", "", "d1", string(body), now, false},
		{"no_sum", "the new secret, long", "t=1764090000", "d1", string(body), now, false},
		{"another_time", "the new secret, long", "t=1764090001" + signed[len("t=1764090000"):], "d1", string(body), now, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Verify(c.secret, c.signature, c.delivery, []byte(c.body), c.now, 5*time.Minute)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("Verify: %v, want ok %v", err, c.ok)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	now := time.Unix(1764090000, 0)
	f.Add(Sign([]string{"0123456789abcdef"}, "d1", []byte("{}"), now))
	f.Add("t=,v1=")
	f.Add("t=9223372036854775807,v1=00,v1=,,=")
	f.Fuzz(func(t *testing.T, signature string) {
		if Verify("a secret that nobody knows", signature, "d1", []byte("{}"), now, time.Hour) == nil {
			t.Errorf("%q is taken for a signature", signature)
		}
	})
}
