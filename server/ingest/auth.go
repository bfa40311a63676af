package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// equal compares two secrets in a time that tells nothing of either, their lengths included.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// credential returns the secret that a request brings: of a bearer, of Deepgram's "Token", the password of Basic, or ?token= for
// platforms that can be told nothing but a URL.
func credential(r *http.Request) string {
	header := r.Header.Get("Authorization")
	scheme, value, _ := strings.Cut(header, " ")
	switch strings.ToLower(scheme) {
	case "bearer", "token":
		return strings.TrimSpace(value)
	case "basic":
		_, password, _ := r.BasicAuth()
		return password
	}
	return r.URL.Query().Get("token")
}

// admitByToken believes who brings the endpoint's token. An endpoint without one is for loopback.
func admitByToken(_ *Handler, r *http.Request, ep *Endpoint) error {
	if ep.Token == "" {
		if isLoopback(r.RemoteAddr) {
			return nil
		}
		return unauthorized("the endpoint has no token, and the connection is not from loopback")
	}
	switch given := credential(r); {
	case given == "":
		return unauthorized("no token, want Authorization: Bearer or Basic, or ?token=")
	case !equal(given, ep.Token):
		return unauthorized("wrong token")
	}
	return nil
}

// admitByKey believes who brings an API key with the scope ingest, and takes the tenant from it. Browsers can send the key as a
// subprotocol only, after the word token.
func admitByKey(h *Handler, r *http.Request, ep *Endpoint) error {
	key := credential(r)
	if names := offered(r); key == "" && len(names) == 2 && (names[0] == "token" || names[0] == "bearer") {
		key = names[1]
	}
	if (key == "" || h.opts.Keys == nil) && h.opts.Open && isLoopback(r.RemoteAddr) {
		return nil // clients of other servers send a key whether it is asked for or not
	}
	if key == "" || h.opts.Keys == nil {
		return unauthorized("no key, want Authorization: Bearer with a key of scope ingest")
	}
	tenant, err := h.opts.Keys.Ingest(r.Context(), key)
	if err != nil {
		return unauthorized("the key is not known or lacks the scope ingest")
	}
	ep.Tenant = tenant
	return nil
}

// publicURL is the URL of a request as the platform knows it, with scheme ws or wss, which it may have signed.
func publicURL(r *http.Request, ep Endpoint) string {
	if ep.PublicURL != "" {
		base := strings.TrimSuffix(ep.PublicURL, "/")
		if scheme, rest, ok := strings.Cut(base, "://"); ok {
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				rest = rest[:i]
			}
			base = scheme + "://" + rest
		}
		return base + r.URL.RequestURI()
	}
	scheme := "ws"
	if r.TLS != nil {
		scheme = "wss"
	}
	return scheme + "://" + r.Host + r.URL.RequestURI()
}
