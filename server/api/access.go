package api

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/internal/loopback"
)

// Scope is what a key may do.
type Scope string

// The scopes. Admin holds all others.
const (
	ScopeIngest   Scope = "ingest"   // stream calls, tell about them, upload recordings
	ScopeRead     Scope = "read"     // read records, events, journeys, reports
	ScopeReview   Scope = "review"   // evaluations, corrections, surveys, tasks
	ScopeIdentity Scope = "identity" // speakers, consents, watchlists, verification
	ScopeAdmin    Scope = "admin"    // keys, endpoints, webhooks, dead letters, forms
)

// scopes is the closed list. Read only.
var scopes = []Scope{ScopeIngest, ScopeRead, ScopeReview, ScopeIdentity, ScopeAdmin}

// Principal is who asks.
type Principal struct {
	KeyID  string // empty: nobody, on loopback
	Tenant string
	Scopes []Scope
}

// Has reports whether p may do what needs a scope.
func (p Principal) Has(s Scope) bool {
	return slices.Contains(p.Scopes, s) || slices.Contains(p.Scopes, ScopeAdmin)
}

// Keys knows the API keys.
type Keys interface {
	// Lookup returns whose key it is, or ErrNotFound for one that is unknown, expired or revoked. It takes the same time for every
	// wrong secret of a key.
	Lookup(ctx context.Context, key string) (Principal, error)
}

type contextKey int

const (
	keyPrincipal contextKey = iota
	keyRequest
)

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequest).(string) // empty outside a request
	return id
}

// principal returns who asks; the zero one, without tenant and scopes, outside of Guard.
func principal(ctx context.Context) Principal {
	p, _ := ctx.Value(keyPrincipal).(Principal)
	return p
}

// keyOf returns the API key that a request carries.
func keyOf(r *http.Request) string {
	if k := r.Header.Get("X-API-Key"); k != "" {
		return k
	}
	scheme, k, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(k)
	}
	return ""
}

// admit finds out who asks. ok false: it has answered.
func (a *API) admit(w http.ResponseWriter, r *http.Request) (Principal, bool) {
	key := keyOf(r)
	if key == "" {
		if !a.opts.Open {
			w.Header().Set("WWW-Authenticate", `Bearer realm="timbre"`)
			refuse(w, r, http.StatusUnauthorized, "unauthorized", "no API key, want Authorization: Bearer KEY or X-API-Key")
			return Principal{}, false
		}
		if why := foreign(r); why != "" {
			refuse(w, r, http.StatusForbidden, "forbidden", why)
			return Principal{}, false
		}
		return Principal{Tenant: a.opts.DefaultTenant, Scopes: []Scope{ScopeAdmin}}, true
	}
	p, err := a.opts.Keys.Lookup(r.Context(), key)
	switch {
	case errors.Is(err, ErrNotFound):
		w.Header().Set("WWW-Authenticate", `Bearer realm="timbre", error="invalid_token"`)
		refuse(w, r, http.StatusUnauthorized, "unauthorized", "the API key is not known, expired or revoked")
		return Principal{}, false
	case err != nil:
		a.opts.Log.Error("api: key lookup", "request", requestID(r.Context()), "err", err)
		refuse(w, r, http.StatusServiceUnavailable, "unavailable", "the API key cannot be looked up now")
		return Principal{}, false
	}
	return p, true
}

// foreign says why a request without a key does not come from this machine's own user: from another address, by a name that is
// not this machine's (a page may point its own name here), or out of a page of another site.
func foreign(r *http.Request) string {
	if !loopback.Peer(r.RemoteAddr) {
		return "no API key, and the request comes from another machine"
	}
	if !loopback.Host(r.Host) {
		return "no API key, and the host is no loopback name"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
			return "no API key, and a page of another site asks"
		}
		return ""
	}
	if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
		return "no API key, and a page of another site asks"
	}
	return ""
}

// Guard lets requests through to next that may do what needs a scope, within the rate limit, and answers the others. It is for
// handlers outside this package, such as the sockets of events; TenantOf tells them for whom they act.
func (a *API) Guard(s Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = identified(w, r)
		if r, ok := a.enter(w, r); ok {
			if p := principal(r.Context()); !p.Has(s) {
				refuse(w, r, http.StatusForbidden, "forbidden", "the API key has no scope "+string(s))
				return
			}
			next.ServeHTTP(w, r)
		}
	})
}

// enter admits a request and puts who asks into its context.
func (a *API) enter(w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	if !a.limits.allow(w, r, "remote "+remoteOf(r), a.opts.RemoteRate) {
		return nil, false
	}
	p, ok := a.admit(w, r)
	if !ok || !a.limits.allow(w, r, "key "+p.KeyID+" of "+p.Tenant, a.opts.KeyRate) {
		return nil, false
	}
	return r.WithContext(context.WithValue(r.Context(), keyPrincipal, p)), true
}

// TenantOf returns the tenant that a request let through by Guard acts for.
func TenantOf(r *http.Request) string { return principal(r.Context()).Tenant }

// identified gives a request its id.
func identified(w http.ResponseWriter, r *http.Request) *http.Request {
	id := rand.Text()
	w.Header().Set("X-Request-Id", id)
	return r.WithContext(context.WithValue(r.Context(), keyRequest, id))
}

func remoteOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
