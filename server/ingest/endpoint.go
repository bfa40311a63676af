package ingest

import (
	"context"
	"errors"
	"log/slog"

	"github.com/timbre-voice/timbre/interaction"
)

// ErrNoEndpoint reports that nothing is stored under a dialect and a name.
var ErrNoEndpoint = errors.New("ingest: no such endpoint")

// Endpoints finds what a site configured for the platforms that connect to it.
type Endpoints interface {
	// Endpoint returns the endpoint of a dialect with a name, "" being the dialect's own path; ErrNoEndpoint where there is none.
	Endpoint(ctx context.Context, dialect, name string) (Endpoint, error)
}

// Keys knows the API keys that may stream to the generic paths.
type Keys interface {
	// Ingest returns the tenant of a key that holds the scope ingest, or an error. It compares in constant time.
	Ingest(ctx context.Context, key string) (tenant string, err error)
}

// Endpoint is one place where a platform delivers audio.
//
// A platform that signs (Secret) is believed by its signature, else by Token. An endpoint with neither takes connections from
// loopback alone.
type Endpoint struct {
	Name      string
	Tenant    string
	Secret    string                      // twilio: AuthToken; audiohook: client secret, base64; vonage: signature secret
	APIKey    string                      // audiohook: what X-API-KEY must be
	Token     string                      // bearer token, password of Basic, or ?token=
	PublicURL string                      // scheme, host and port as the platform knows them, where a proxy is between; else the request's
	Roles     map[string]interaction.Role // who is on a track, by the dialect's name of it; empty: the dialect's default
	Policy    string                      // name of the policy; empty: the tenant's
	Encoding  string                      // of dialects that do not tell, or the byte order of L16
	Rate      int                         // of dialects that do not tell; 0: the dialect's default
	Channels  int                         // of dialects that do not tell; 0: the dialect's default
	Results   bool                        // send results on the platform's own socket, where the dialect allows it but may not expect it
}

// LogValue keeps the secrets out of logs.
func (e Endpoint) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", e.Name), slog.String("tenant", e.Tenant))
}

// String keeps the secrets out of messages.
func (e Endpoint) String() string { return "endpoint " + e.Name + " of tenant " + e.Tenant }

// GoString keeps the secrets out of %#v.
func (e Endpoint) GoString() string { return e.String() }

// track returns a track of a stream with its role by the endpoint, else by the dialect's default.
func (e Endpoint) track(name string, defaults map[string]interaction.Role) Track {
	role, ok := e.Roles[name]
	if !ok {
		role = defaults[name]
	}
	return Track{Name: name, Role: role, Separated: true}
}
