package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// APIKey lets a program in. The store keeps a hash of its secret; the caller compares, in constant time.
type APIKey struct {
	ID        string // its public part, of its own among all tenants; set by the store where empty
	Name      string
	Hash      []byte // of the secret: 32 bytes
	Scopes    []string
	CreatedAt time.Time // set by the store
	UsedAt    time.Time // to the minute; zero: never
	ExpiresAt time.Time // zero: no limit
	RevokedAt time.Time // zero: in force
}

var apiKeys = table[APIKey]{name: "api_keys", what: "api key", key: []string{"id"},
	cols: []string{"id", "name", "hash", "scopes", "created_at", "used_at", "expires_at", "revoked_at"},
	fields: func(v *APIKey) []any {
		return []any{&v.ID, &v.Name, &v.Hash, jsonOf(&v.Scopes), at(&v.CreatedAt), at(&v.UsedAt), at(&v.ExpiresAt), at(&v.RevokedAt)}
	}}

// AddAPIKey keeps a new key.
func (t *Tenant) AddAPIKey(ctx context.Context, v APIKey) (APIKey, error) {
	now := t.s.time()
	if v.ID == "" {
		v.ID = NewID(now)
	}
	if err := checkHash("api key hash", v.Hash); err != nil {
		return APIKey{}, err
	}
	if v.Scopes == nil {
		v.Scopes = []string{}
	}
	v.CreatedAt, v.UsedAt, v.RevokedAt = now, time.Time{}, time.Time{}
	err := t.s.update(ctx, "api key", func(tx *sql.Tx) error { return apiKeys.insert(ctx, tx, t.id, &v) })
	return v, err
}

// APIKeys lists the keys by id, revoked ones too.
func (t *Tenant) APIKeys(ctx context.Context, p Page) (List[APIKey], error) {
	return apiKeys.page(ctx, t.s.read, t.id, p, order{cols: []string{"id"}, kinds: "s"}, "")
}

// RevokeAPIKey ends a key. Errors: ErrNotFound, also where it was revoked before.
func (t *Tenant) RevokeAPIKey(ctx context.Context, id string) error {
	return t.s.update(ctx, "api key", func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, "UPDATE api_keys SET revoked_at = $3 WHERE tenant = $1 AND id = $2 AND revoked_at IS NULL", t.id, id, t.s.time().UnixMicro())
		if err == nil && n == 0 {
			return notFound("api key", id)
		}
		return explain(err, "api key", id)
	})
}

// APIKey returns a key with its tenant, or ErrNotFound where it is unknown, expired or revoked.
func (s *Store) APIKey(ctx context.Context, id string) (tenant string, v APIKey, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT tenant FROM api_keys WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
		id, s.time().UnixMicro()).Scan(&tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return "", APIKey{}, notFound("api key", id)
	}
	if err != nil {
		return "", APIKey{}, explain(err, "api key")
	}
	v, err = apiKeys.get(ctx, s.read, tenant, id)
	return tenant, v, err
}

// UsedAPIKey notes that a key was used, at most once a minute, so that reading does not turn into writing.
func (t *Tenant) UsedAPIKey(ctx context.Context, id string) error {
	now := t.s.time()
	n, err := count(ctx, t.s.read, "SELECT 1 FROM api_keys WHERE tenant = $1 AND id = $2 AND used_at > $3", t.id, id, now.Add(-time.Minute).UnixMicro())
	if err != nil || n == 1 {
		return explain(err, "api key")
	}
	return t.s.update(ctx, "api key", func(tx *sql.Tx) error {
		return apiKeys.set(ctx, tx, t.id, []any{id}, "used_at = $1", now.UnixMicro())
	})
}

// Endpoint is one place where a platform delivers audio.
type Endpoint struct {
	Dialect   string
	Name      string            // of its own among all tenants' endpoints of the dialect; "" is the dialect's own path
	Sealed    []byte            // its secrets, sealed: the store cannot open them
	PublicURL string            // scheme, host and port as the platform knows them
	Roles     map[string]string // who is on a track, by the dialect's name of it
	Policy    string
	Encoding  string // where the dialect does not tell
	RateHz    int    // where the dialect does not tell
	Channels  int    // where the dialect does not tell
	Results   bool   // results go out on the platform's own socket
	Disabled  bool
	CreatedAt time.Time // set by the store
	UpdatedAt time.Time // set by the store
}

var endpoints = table[Endpoint]{name: "endpoints", what: "endpoint", key: []string{"dialect", "name"}, emptyKey: true,
	cols: []string{"dialect", "name", "sealed", "public_url", "roles", "policy", "encoding", "rate_hz", "channels", "results", "disabled",
		"created_at", "updated_at"},
	fields: func(v *Endpoint) []any {
		return []any{&v.Dialect, &v.Name, &v.Sealed, &v.PublicURL, jsonOf(&v.Roles), &v.Policy, &v.Encoding, &v.RateHz, &v.Channels, &v.Results,
			&v.Disabled, at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// SaveEndpoint adds or changes an endpoint. Errors: ErrConflict where another tenant has the dialect's endpoint of that name.
func (t *Tenant) SaveEndpoint(ctx context.Context, v Endpoint) error {
	v.CreatedAt = t.s.time()
	v.UpdatedAt = v.CreatedAt
	if err := checkKey("endpoint dialect", v.Dialect); err != nil {
		return err
	}
	if v.Roles == nil {
		v.Roles = map[string]string{}
	}
	return t.s.update(ctx, "endpoint", func(tx *sql.Tx) error { return endpoints.put(ctx, tx, t.id, &v, "created_at") })
}

// Endpoints lists the tenant's endpoints by dialect and name.
func (t *Tenant) Endpoints(ctx context.Context) ([]Endpoint, error) {
	return endpoints.find(ctx, t.s.read, t.id, "", "ORDER BY dialect, name")
}

// DeleteEndpoint removes an endpoint. Errors: ErrNotFound.
func (t *Tenant) DeleteEndpoint(ctx context.Context, dialect, name string) error {
	return t.s.update(ctx, "endpoint", func(tx *sql.Tx) error { return endpoints.remove(ctx, tx, t.id, dialect, name) })
}

// Endpoint returns the endpoint of a dialect and name with its tenant, or ErrNotFound where there is none or it is disabled.
func (s *Store) Endpoint(ctx context.Context, dialect, name string) (tenant string, v Endpoint, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT tenant FROM endpoints WHERE dialect = $1 AND name = $2", dialect, name).Scan(&tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return "", Endpoint{}, notFound("endpoint", dialect, name)
	}
	if err != nil {
		return "", Endpoint{}, explain(err, "endpoint")
	}
	v, err = endpoints.get(ctx, s.read, tenant, dialect, name)
	if err == nil && v.Disabled {
		err = notFound("endpoint", dialect, name)
	}
	if err != nil {
		return "", Endpoint{}, err
	}
	return tenant, v, nil
}

// Webhook is a receiver of events.
type Webhook struct {
	ID        string // set by the store where empty
	URL       string
	Sealed    []byte   // its secrets, sealed: the store cannot open them
	Kinds     []string // of events; empty: all that are delivered
	CreatedAt time.Time
	UpdatedAt time.Time
}

var webhooks = table[Webhook]{name: "webhooks", what: "webhook", key: []string{"id"},
	cols: []string{"id", "url", "sealed", "kinds", "created_at", "updated_at"},
	fields: func(v *Webhook) []any {
		return []any{&v.ID, &v.URL, &v.Sealed, jsonOf(&v.Kinds), at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// SaveWebhook adds a receiver or changes the one of that id.
func (t *Tenant) SaveWebhook(ctx context.Context, v Webhook) (Webhook, error) {
	v.CreatedAt = t.s.time()
	v.UpdatedAt = v.CreatedAt
	if v.ID == "" {
		v.ID = NewID(v.CreatedAt)
	}
	if v.URL == "" {
		return Webhook{}, invalid("webhook url", "", "an address")
	}
	if v.Kinds == nil {
		v.Kinds = []string{}
	}
	var out Webhook
	err := t.s.update(ctx, "webhook", func(tx *sql.Tx) (err error) {
		if err := webhooks.put(ctx, tx, t.id, &v, "created_at"); err != nil {
			return err
		}
		out, err = webhooks.get(ctx, tx, t.id, v.ID)
		return err
	})
	return out, err
}

// Webhooks lists the tenant's receivers by id.
func (t *Tenant) Webhooks(ctx context.Context) ([]Webhook, error) {
	return webhooks.find(ctx, t.s.read, t.id, "", "ORDER BY id")
}

// DeleteWebhook removes a receiver. Errors: ErrNotFound.
func (t *Tenant) DeleteWebhook(ctx context.Context, id string) error {
	return t.s.update(ctx, "webhook", func(tx *sql.Tx) error { return webhooks.remove(ctx, tx, t.id, id) })
}
