package faults

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Secrets of the endpoints that TestForgedHandshakes attacks.
const (
	hookKey      = "a2V5"
	signedSecret = "c2VjcmV0IG9mIHRoZSBlbmRwb2ludA=="
)

// sum is a keyed hash in base64, as the platforms send it.
func hookSum(text string) string {
	key, _ := base64.StdEncoding.DecodeString(signedSecret) // our own
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// hookHeader signs a handshake as Genesys does (RFC 9421), at a time.
func hookHeader(host, nonce string, at time.Time) http.Header {
	const org, session = "637b37a5-8113-4b71-93c4-63710f0ddfab", "3668d2d4-974e-4730-90b7-c777f291d89b"
	params := fmt.Sprintf(`("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" "audiohook-correlation-id" "x-api-key");keyid="%s";nonce="%s";alg="hmac-sha256";created=%d;expires=%d`,
		hookKey, nonce, at.Unix(), at.Unix()+30)
	text := "\"@request-target\": /v1/ingest/audiohook/signed\n\"@authority\": " + host + "\n\"audiohook-organization-id\": " + org + "\n\"audiohook-session-id\": " + session +
		"\n\"audiohook-correlation-id\": " + session + "\n\"x-api-key\": " + hookKey + "\n\"@signature-params\": " + params
	return http.Header{"Audiohook-Organization-Id": {org}, "Audiohook-Session-Id": {session}, "Audiohook-Correlation-Id": {session}, "X-Api-Key": {hookKey},
		"Signature-Input": {"sig1=" + params}, "Signature": {"sig1=:" + hookSum(text) + ":"}}
}

// vonageHeader signs a token as Vonage does (RFC 7519), at a time.
func vonageHeader(id string, at time.Time) http.Header {
	part := base64.RawURLEncoding.EncodeToString
	text := part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part(fmt.Appendf(nil, `{"iat":%d,"jti":%q}`, at.Unix(), id))
	m := hmac.New(sha256.New, []byte(signedSecret))
	m.Write([]byte(text))
	return http.Header{"Authorization": {"Bearer " + text + "." + part(m.Sum(nil))}}
}

func twilioHeader(url string) http.Header {
	m := hmac.New(sha1.New, []byte(signedSecret))
	m.Write([]byte(url))
	return http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(m.Sum(nil))}}
}

// flipped returns the header with one bit of one of its values changed.
func flipped(h http.Header, name string, i int) http.Header {
	out := h.Clone()
	v := []byte(out.Get(name))
	v[i%len(v)] ^= 1 << (i / len(v) % 5) // stays in what a header may hold
	for j, c := range v {
		if c < ' ' || c == 0x7f {
			v[j] = '~'
		}
	}
	out.Set(name, string(v))
	return out
}

// TestForgedHandshakes attacks endpoints that believe a signature alone: stale ones, ones of the future, with a bit changed, and good
// ones that were used before.
func TestForgedHandshakes(t *testing.T) {
	dir := t.TempDir()
	n := newNode(t, dir, "--db", filepath.Join(dir, "timbre.db"))
	n.start()
	s := siege{t, n}
	for _, e := range []string{
		`{"dialect":"audiohook","name":"signed","api_key":"` + hookKey + `","secret":"` + signedSecret + `"}`,
		`{"dialect":"vonage","name":"signed","secret":"` + signedSecret + `"}`, `{"dialect":"twilio","name":"signed","secret":"` + signedSecret + `"}`,
	} {
		if status, out, err := n.do(http.MethodPut, "/v1/endpoints", "", []byte(e)); err != nil || status >= 300 {
			t.Fatalf("endpoint: status %d, %v: %s", status, err, out)
		}
	}
	refused := func(dialect string, h http.Header) bool {
		ws, status := s.socket("/v1/ingest/"+dialect+"/signed", h)
		if ws != nil {
			ws.Close()
		}
		return ws == nil && (status == http.StatusUnauthorized || status == http.StatusForbidden)
	}
	nonce := func(i int) string { return fmt.Sprintf("nonce-of-a-handshake-%05d", i) }
	url := "ws://" + n.addr + "/v1/ingest/twilio/signed"
	now := time.Now()
	good := []http.Header{hookHeader(n.addr, nonce(0), now), vonageHeader("once", now), twilioHeader(url)}
	dialects := []string{"audiohook", "vonage", "twilio"}
	for i, d := range dialects {
		ws, status := s.socket("/v1/ingest/"+d+"/signed", good[i])
		if ws == nil {
			t.Fatalf("%s: a good handshake: status %d", d, status)
		}
		defer ws.Close()
	}
	tries := size(10, 100)
	s.attack("handshakes of Genesys and Vonage used before are refused", tries, func(i int) bool { return refused(dialects[i%2], good[i%2]) })
	s.attack("stale handshakes and ones of the future are refused", tries, func(i int) bool {
		away := time.Duration(10+i) * time.Minute
		if i%4 < 2 {
			away = -away
		}
		if i%2 == 0 {
			return refused("audiohook", hookHeader(n.addr, nonce(1000+i), time.Now().Add(away)))
		}
		return refused("vonage", vonageHeader(nonce(i), time.Now().Add(away)))
	})
	names := []string{"Signature", "Authorization", "X-Twilio-Signature"}
	s.attack("handshakes with one bit changed are refused", 3*tries, func(i int) bool {
		h := []http.Header{hookHeader(n.addr, nonce(2000+i), time.Now()), vonageHeader(nonce(3000+i), time.Now()), twilioHeader(url)}[i%3]
		return refused(dialects[i%3], flipped(h, names[i%3], 7*(i/3)+11))
	})
	s.attack("handshakes signed for another URL are refused", tries, func(i int) bool {
		return refused("twilio", twilioHeader(fmt.Sprint(url, "?n=", i)))
	})
	// Twilio signs the URL alone: what was recorded opens a socket, but the stream that was recorded with it does not begin again.
	begin := func() *websocket.Conn {
		ws, _ := s.socket("/v1/ingest/twilio/signed", good[2])
		if ws == nil {
			return nil
		}
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}`))
		return ws
	}
	first := begin()
	if first == nil {
		t.Fatal("the first stream of Twilio is refused")
	}
	_ = first.WriteMessage(websocket.TextMessage, []byte(`{"event":"stop","streamSid":"MZ1"}`))
	if !ends(first, 20*time.Second) {
		t.Fatal("the first stream of Twilio does not end")
	}
	s.attack("streams of Twilio that were recorded whole do not begin again", tries, func(int) bool {
		ws := begin()
		return ws != nil && ends(ws, 20*time.Second)
	})
	status, b, err := n.do(http.MethodGet, "/v1/interactions?contact_id=CA1", "", nil)
	if made := strings.Count(string(b), `"contact_id":"CA1"`); err != nil || status != http.StatusOK || made != 1 {
		t.Errorf("%d records of the stream that was recorded, want the one: status %d, %v", made, status, err)
	}
	if refused := n.metric(t, "timbre_ingest_refused_total"); refused < float64(6*tries) {
		t.Errorf("the counter shows %.0f refused, want at least %d", refused, 6*tries)
	}
	n.stop()
}
