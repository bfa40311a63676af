package api

import (
	"context"
	"net/http"
	"reflect"
	"time"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// Admin keeps what an administrator sets up. Secrets go in and never come out, but for a key's at its making.
type Admin struct {
	Keys      KeyStore
	Endpoints EndpointStore
	Webhooks  WebhookStore
	Dead      DeadLetters
}

// KeyStore makes and revokes API keys. by is who asks, for the audit log, here and below.
type KeyStore interface {
	NewKey(ctx context.Context, tenant, by string, k NewKey) (MadeKey, error)
	ListKeys(ctx context.Context, tenant string) ([]Key, error)
	RevokeKey(ctx context.Context, tenant, by, id string) error
}

// EndpointStore keeps the places where platforms deliver audio.
type EndpointStore interface {
	Endpoints(ctx context.Context, tenant string) ([]Endpoint, error)
	SaveEndpoint(ctx context.Context, tenant, by string, e Endpoint) error
	DeleteEndpoint(ctx context.Context, tenant, by, dialect, name string) error
}

// DeadLetters are deliveries to webhooks that were given up.
type DeadLetters interface {
	DeadLetters(ctx context.Context, tenant string, p Page) (List[DeadLetter], error)
	Retry(ctx context.Context, tenant, id string) error
	Drop(ctx context.Context, tenant, id string) error
}

// NewKey is a key to be made.
type NewKey struct {
	Name      string     `json:"name" minLength:"1" maxLength:"200" doc:"Who uses it."`
	Scopes    []Scope    `json:"scopes" minItems:"1" enum:"ingest,read,review,identity,admin"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Key describes a key; its secret is not kept.
type Key struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []Scope    `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	UsedAt    *time.Time `json:"used_at,omitempty"`
}

// MadeKey is a new key with its secret, which is shown this once.
type MadeKey struct {
	Key
	Secret string `json:"secret"`
}

// Endpoint is one place where a platform delivers audio.
type Endpoint struct {
	Dialect      string            `json:"dialect" minLength:"1" maxLength:"32"`
	Name         string            `json:"name" maxLength:"64" doc:"Behind the dialect in the path; empty: the dialect's own path."`
	Secret       string            `json:"secret,omitempty" maxLength:"500" writeOnly:"true" doc:"The platform's signing secret."`
	Token        string            `json:"token,omitempty" maxLength:"500" writeOnly:"true"`
	APIKey       string            `json:"api_key,omitempty" maxLength:"500" writeOnly:"true" doc:"Of AudioHook."`
	PublicURL    string            `json:"public_url,omitempty" maxLength:"500" doc:"Scheme, host and port as the platform knows them."`
	Roles        map[string]string `json:"roles,omitempty" doc:"agent or customer by the platform's name of the track."`
	Policy       string            `json:"policy,omitempty" maxLength:"200"`
	Encoding     string            `json:"encoding,omitempty" maxLength:"32" doc:"Of dialects that do not tell."`
	SampleRateHz int               `json:"sample_rate_hz,omitempty" minimum:"0" maximum:"192000" doc:"Of dialects that do not tell."`
	Channels     int               `json:"channels,omitempty" minimum:"0" maximum:"32" doc:"Of dialects that do not tell."`
	Results      bool              `json:"results,omitempty" doc:"Send results on the platform's own socket."`
	Disabled     bool              `json:"disabled,omitempty"`
}

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	ID       string    `json:"id"`
	Webhook  string    `json:"webhook"`
	Event    string    `json:"event"`
	CallID   string    `json:"call_id,omitempty"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"`
	FailedAt time.Time `json:"failed_at"`
}

func (a *API) admin() {
	if k := a.opts.Admin.Keys; k != nil {
		a.keys(k)
	}
	if e := a.opts.Admin.Endpoints; e != nil {
		a.endpoints(e)
	}
	if w := a.opts.Admin.Webhooks; w != nil {
		a.webhooks(w)
	}
	if d := a.opts.Admin.Dead; d != nil {
		a.deadLetters(d)
	}
}

// IDPath names something in a path.
type IDPath struct {
	ID string `path:"id" minLength:"1" maxLength:"128"`
}

func (a *API) keys(k KeyStore) {
	add(a, op{method: http.MethodPost, path: "/v1/keys", scope: ScopeAdmin, id: "add-key", summary: "Make an API key", tag: "administration", status: http.StatusCreated},
		func(ctx context.Context, p Principal, in *struct{ Body NewKey }) (*body[MadeKey], error) {
			return ok(k.NewKey(ctx, p.Tenant, p.by(), in.Body))
		})
	add(a, op{method: http.MethodGet, path: "/v1/keys", scope: ScopeAdmin, id: "list-keys", summary: "API keys", tag: "administration"},
		func(ctx context.Context, p Principal, _ *struct{}) (*body[List[Key]], error) {
			list, err := k.ListKeys(ctx, p.Tenant)
			return page(List[Key]{Items: list}, err)
		})
	add(a, op{method: http.MethodDelete, path: "/v1/keys/{id}", scope: ScopeAdmin, id: "revoke-key", summary: "Revoke an API key", tag: "administration", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *IDPath) (*none, error) {
			return done(k.RevokeKey(ctx, p.Tenant, p.by(), in.ID))
		})
}

func (a *API) endpoints(e EndpointStore) {
	add(a, op{method: http.MethodGet, path: "/v1/endpoints", scope: ScopeAdmin, id: "list-endpoints", summary: "Where platforms deliver audio", tag: "administration"},
		func(ctx context.Context, p Principal, _ *struct{}) (*body[List[Endpoint]], error) {
			list, err := e.Endpoints(ctx, p.Tenant)
			for i := range list {
				list[i].Secret, list[i].Token, list[i].APIKey = "", "", ""
			}
			return page(List[Endpoint]{Items: list}, err)
		})
	add(a, op{method: http.MethodPut, path: "/v1/endpoints", scope: ScopeAdmin, id: "save-endpoint", summary: "Make or change an endpoint", tag: "administration", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *struct{ Body Endpoint }) (*none, error) {
			return done(e.SaveEndpoint(ctx, p.Tenant, p.by(), in.Body))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/endpoints", scope: ScopeAdmin, id: "delete-endpoint", summary: "Delete an endpoint", tag: "administration", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *struct {
			Dialect string `query:"dialect" required:"true" maxLength:"32"`
			Name    string `query:"name" maxLength:"64"`
		}) (*none, error) {
			return done(e.DeleteEndpoint(ctx, p.Tenant, p.by(), in.Dialect, in.Name))
		})
}

func (a *API) deadLetters(d DeadLetters) {
	add(a, op{method: http.MethodGet, path: "/v1/dead-letters", scope: ScopeAdmin, id: "list-dead-letters", summary: "Deliveries to webhooks that were given up", tag: "administration"},
		func(ctx context.Context, p Principal, in *Page) (*body[List[DeadLetter]], error) {
			return page(d.DeadLetters(ctx, p.Tenant, *in))
		})
	add(a, op{method: http.MethodPost, path: "/v1/dead-letters/{id}/retry", scope: ScopeAdmin, id: "retry-dead-letter", summary: "Send a delivery again", tag: "administration", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *IDPath) (*none, error) {
			return done(d.Retry(ctx, p.Tenant, in.ID))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/dead-letters/{id}", scope: ScopeAdmin, id: "drop-dead-letter", summary: "Drop a delivery", tag: "administration", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *IDPath) (*none, error) {
			return done(d.Drop(ctx, p.Tenant, in.ID))
		})
}
