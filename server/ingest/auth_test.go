package ingest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Signatures that Twilio's rule gives for a URL with a query, with and without a slash, computed with another program.
func TestTwilioSignatureVectors(t *testing.T) {
	for url, want := range map[string]string{
		"wss://mycompany.com/myapp?foo=1&bar=2":  "90wg9HGA8iS0F+3xisAmFADgsMs=",
		"wss://mycompany.com/myapp/?foo=1&bar=2": "fdjHsBILfUYw+l6XiRNaqJ4APWM=",
	} {
		if got := twilioSignature("12345", url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	if got := withSlash("wss://mycompany.com/myapp?foo=1&bar=2"); got != "wss://mycompany.com/myapp/?foo=1&bar=2" {
		t.Errorf("with a slash: %s", got)
	}
}

// hookRequest is a request of the platform's own client, taken from the wire, with its signature.
func hookRequest(t *testing.T) *http.Request {
	t.Helper()
	u, err := url.Parse("/api/v1/audiohook/ws")
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: http.MethodGet, URL: u, Host: "127.0.0.1:3010", Header: http.Header{}}
	for k, v := range map[string]string{
		"Audiohook-Organization-Id": "637b37a5-8113-4b71-93c4-63710f0ddfab",
		"Audiohook-Session-Id":      "3668d2d4-974e-4730-90b7-c777f291d89b",
		"Audiohook-Correlation-Id":  "b8d432b0-5056-4da1-8b71-ca27ed582d4c",
		"X-API-KEY":                 "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
		"Signature-Input": `sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" "audiohook-correlation-id" "x-api-key");` +
			`keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";nonce="O/Il+nQaak6gWh48XOHWZP0R";alg="hmac-sha256";created=1795293285;expires=1795293315`,
		"Signature": "sig1=:7Pp5YCYrIkG/CLBm32iy4jTuB1MHRY3PVMI5/ZL07eg=:",
	} {
		r.Header.Set(k, v)
	}
	return r
}

func TestSignatureOfThePlatformsOwnClient(t *testing.T) {
	const secret, key = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=", "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
	at := time.Unix(1795293286, 0)
	if err := verifySignature(hookRequest(t), "127.0.0.1:3010", secret, key, at); err != nil {
		t.Errorf("refused: %v", err)
	}
	for name, c := range map[string]struct {
		change func(r *http.Request)
		at     time.Time
		says   string
	}{
		"another_session": {func(r *http.Request) { r.Header.Set("Audiohook-Session-Id", "0668d2d4-974e-4730-90b7-c777f291d89b") }, at, "not of this request"},
		"another_path":    {func(r *http.Request) { r.URL.Path = "/api/v1/audiohook/ws2" }, at, "not of this request"},
		"a_query_added":   {func(r *http.Request) { r.URL.RawQuery = "a=1" }, at, "not of this request"},
		"another_label": {func(r *http.Request) {
			r.Header.Set("Signature", "sig2=:7Pp5YCYrIkG/CLBm32iy4jTuB1MHRY3PVMI5/ZL07eg=:")
		}, at, "want sig1="},
		"a_later_creation":   {func(r *http.Request) { replace(r, "created=1795293285", "created=1795293286") }, at, "not of this request"},
		"a_component_twice":  {func(r *http.Request) { replace(r, `("@request-target"`, `("@request-target" "@request-target"`) }, at, "covered 2 times"},
		"a_parameter_twice":  {func(r *http.Request) { replace(r, "created=1795293285", "created=1;created=1795293285") }, at, "twice"},
		"no_creation":        {func(r *http.Request) { replace(r, ";created=1795293285", "") }, at, "created"},
		"seven_seconds_old":  {func(*http.Request) {}, at.Add(7 * time.Second), "stale"},
		"of_the_future":      {func(*http.Request) {}, at.Add(-5 * time.Second), "future"},
		"another_key_in_use": {func(r *http.Request) { replace(r, `keyid="SGVsbG8s`, `keyid="AAAAbG8s`) }, at, "keyid"},
	} {
		t.Run(name, func(t *testing.T) {
			r := hookRequest(t)
			c.change(r)
			if err := verifySignature(r, "127.0.0.1:3010", secret, key, c.at); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one with %q", err, c.says)
			}
		})
	}
	if err := verifySignature(hookRequest(t), "127.0.0.1:3010", "bm90IGl0", key, at); err == nil {
		t.Error("another secret was believed")
	}
}

func replace(r *http.Request, old, by string) {
	r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), old, by, 1))
}

// TestPlayersSign plays against endpoints that believe nothing but a signature.
func TestPlayersSign(t *testing.T) {
	eps := endpoints{"twilio/": {Tenant: "acme", Secret: "12345"}, "audiohook/": {Tenant: "acme", APIKey: "a2V5", Secret: "c2VjcmV0"}}
	for _, dialect := range []string{"twilio", "audiohook"} {
		for secret, wants := range map[string]string{eps[dialect+"/"].Secret: "", "b3RoZXI=": "40"} {
			s := serve(t, Options{Endpoints: eps})
			err := Play(t.Context(), PlayOptions{URL: s.ws("/v1/ingest/" + dialect), Dialect: dialect, Rate: 8000, Customer: tone(800, 300), Secret: secret, APIKey: "a2V5"})
			if wants == "" && err != nil || wants != "" && (err == nil || !strings.Contains(err.Error(), wants)) {
				t.Errorf("%s with secret %s: %v", dialect, secret, err)
			}
			if wants == "" {
				if c := <-s.calls.ended; c.start.Tenant != "acme" {
					t.Errorf("%s: tenant %s", dialect, c.start.Tenant)
				}
			}
		}
	}
}

func TestPublicURL(t *testing.T) {
	r := &http.Request{Host: "10.0.0.1:8080", URL: &url.URL{Path: "/v1/ingest/twilio/graz", RawQuery: "a=1"}}
	for public, want := range map[string]string{
		"":                               "ws://10.0.0.1:8080/v1/ingest/twilio/graz?a=1",
		"wss://calls.example.com":        "wss://calls.example.com/v1/ingest/twilio/graz?a=1",
		"wss://calls.example.com/":       "wss://calls.example.com/v1/ingest/twilio/graz?a=1",
		"wss://calls.example.com:8443/x": "wss://calls.example.com:8443/v1/ingest/twilio/graz?a=1",
	} {
		if got := publicURL(r, Endpoint{PublicURL: public}); got != want {
			t.Errorf("%q: %s, want %s", public, got, want)
		}
	}
}
