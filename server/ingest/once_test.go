package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestOnceHoldsForATimeAndNoLonger(t *testing.T) {
	var o once
	at := time.Unix(1e9, 0)
	refused := func(err error) bool {
		var r *refusal
		return errors.As(err, &r) && r.status == http.StatusUnauthorized
	}
	if err := o.use("a", at, at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := o.use("a", at.Add(59*time.Second), at.Add(time.Hour)); !refused(err) {
		t.Errorf("the second use: %v", err)
	}
	if err := o.use("b", at, at.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if err := o.use("a", at.Add(time.Minute), at.Add(2*time.Minute)); err != nil {
		t.Errorf("after its time: %v", err)
	}
	if err := o.use("a", at.Add(-time.Hour), at); !refused(err) {
		t.Errorf("the clock was set back: %v", err)
	}
	for i := range 1000 {
		if err := o.use(fmt.Sprint(i), at.Add(2*time.Minute), at.Add(3*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.use("c", at.Add(time.Hour), at.Add(2*time.Hour)); err != nil || len(o.until) != 1 {
		t.Errorf("%v, %d are remembered, want 1", err, len(o.until))
	}
	o.until = make(map[[16]byte]time.Time, maxRemembered)
	for i := range maxRemembered {
		o.until[[16]byte{byte(i), byte(i >> 8), byte(i >> 16)}] = at.Add(9 * time.Hour)
	}
	var r *refusal
	if err := o.use("d", at.Add(time.Hour), at.Add(2*time.Hour)); !errors.As(err, &r) || r.status != http.StatusServiceUnavailable {
		t.Errorf("with a full memory: %v", err)
	}
}

// TestHandshakesAreNotRepeated opens a second stream with what opened the first.
func TestHandshakesAreNotRepeated(t *testing.T) {
	const hookKey, secret = "a2V5", "c2VjcmV0"
	eps := endpoints{"twilio/": {Tenant: "acme", Secret: "12345"}, "audiohook/": {Tenant: "acme", APIKey: hookKey, Secret: secret}, "vonage/": {Tenant: "acme", Secret: secret}}
	s := serve(t, Options{Endpoints: eps})
	hook, err := http.NewRequest(http.MethodGet, "http"+s.ws("/v1/ingest/audiohook")[2:], nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Organization", "Session", "Correlation"} {
		hook.Header.Set("Audiohook-"+name+"-Id", "3668d2d4-974e-4730-90b7-c777f291d89b")
	}
	hook.Header.Set("X-API-KEY", hookKey)
	if err := sign(hook, secret, hookKey, "a nonce of 22 characters", time.Now()); err != nil {
		t.Fatal(err)
	}
	token := http.Header{"Authorization": {"Bearer " + signToken(secret, time.Now())}}
	for name, c := range map[string]struct {
		path   string
		header http.Header
	}{"audiohook": {"/v1/ingest/audiohook", hook.Header}, "vonage": {"/v1/ingest/vonage", token}} {
		t.Run(name, func(t *testing.T) {
			first := connect(t, s.ws(c.path), c.header)
			defer first.abort()
			if status, body, _ := statusOf(t, s.ws(c.path), true, c.header); status != http.StatusUnauthorized {
				t.Errorf("the second time: %d %s, want 401", status, body)
			}
		})
	}
	t.Run("twilio", func(t *testing.T) { // the signature is of the URL: what tells a repetition is the stream's name
		url := s.ws("/v1/ingest/twilio")
		header := http.Header{"X-Twilio-Signature": {twilioSignature("12345", url)}}
		start := func(sid string) *conn {
			c := connect(t, url, header)
			for _, m := range []string{`{"event":"connected"}`, `{"event":"start","streamSid":"` + sid + `","start":{"streamSid":"` + sid +
				`","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}`} {
				if err := c.writeText([]byte(m)); err != nil {
					t.Fatal(err)
				}
			}
			return c
		}
		first := start("MZ1")
		if err := first.writeText([]byte(`{"event":"stop","streamSid":"MZ1"}`)); err != nil {
			t.Fatal(err)
		}
		if call := <-s.calls.ended; call.how != EndStop {
			t.Errorf("the first: %s", call.how)
		}
		first.abort()
		if code := closing(t, start("MZ1")); code != closePolicy {
			t.Errorf("the same stream again: close %d, want %d", code, closePolicy)
		}
		other := start("MZ2") // a platform's next stream brings the same signature
		if err := other.writeText([]byte(`{"event":"stop","streamSid":"MZ2"}`)); err != nil {
			t.Fatal(err)
		}
		if call := <-s.calls.ended; call.how != EndStop {
			t.Errorf("another stream: %s", call.how)
		}
		other.abort()
	})
}

// signToken makes a token as Vonage does.
func signToken(secret string, issued time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	text := part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part(fmt.Appendf(nil, `{"iat":%d,"jti":"b8d432b0","iss":"Vonage"}`, issued.Unix()))
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return text + "." + part(m.Sum(nil))
}

// TestTokens: one bit of a good token changed anywhere, a stale one and one of the future are refused.
func TestTokens(t *testing.T) {
	const secret = "c2VjcmV0"
	now := time.Unix(1795293286, 0)
	good := signToken(secret, now)
	if err := verifyToken(good, secret, now.Add(tokenAge)); err != nil {
		t.Errorf("refused: %v", err)
	}
	for i := range good {
		for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64} {
			bad := []byte(good)
			if bad[i] ^= bit; verifyToken(string(bad), secret, now) == nil {
				t.Errorf("byte %d, bit %d: believed", i, bit)
			}
		}
	}
	for name, token := range map[string]string{
		"stale": signToken(secret, now.Add(-tokenAge-time.Second)), "of_the_future": signToken(secret, now.Add(signatureSkew+time.Second)), "another_secret": signToken("b3RoZXI", now),
		"without_a_signature": good[:len(good)-43], "empty": "", "three_dots": "...",
	} {
		if verifyToken(token, secret, now) == nil {
			t.Errorf("%s: believed", name)
		}
	}
}

// TestMessageSignaturesWithABitChanged flips each bit of the signature, and of what it covers.
func TestMessageSignaturesWithABitChanged(t *testing.T) {
	const secret, key = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=", "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
	at := time.Unix(1795293286, 0)
	for _, name := range []string{"Signature", "Signature-Input", "X-Api-Key", "Audiohook-Session-Id", "Audiohook-Organization-Id", "Audiohook-Correlation-Id"} {
		whole := hookRequest(t).Header.Get(name)
		for i := range whole {
			for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64} {
				bad := []byte(whole)
				bad[i] ^= bit
				r := hookRequest(t)
				if r.Header.Set(name, string(bad)); verifySignature(r, "127.0.0.1:3010", secret, key, at) == nil {
					t.Errorf("%s: byte %d, bit %d: believed", name, i, bit)
				}
			}
		}
	}
}
