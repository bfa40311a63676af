package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/store"
)

// access knows the API keys and the endpoints, over the store.
type access struct {
	store *store.Store
	box   *box
	log   *slog.Logger
}

var (
	_ api.Keys          = (*access)(nil)
	_ api.KeyStore      = (*access)(nil)
	_ api.EndpointStore = (*access)(nil)
	_ ingest.Keys       = (*access)(nil)
	_ ingest.Endpoints  = platforms{}
)

// A key is written "tmb_ID_SECRET". The secret has 128 bits of chance or more, so one pass of SHA-256 is enough to keep it by.
const keyPrefix = "tmb_"

// NewKey makes an API key for a tenant, which is made too where it is missing, and returns the key, shown this once.
func NewKey(ctx context.Context, st *store.Store, tenant string, k api.NewKey) (api.MadeKey, error) {
	if err := st.EnsureTenant(ctx, tenant, tenant); err != nil {
		return api.MadeKey{}, fault(err)
	}
	secret := rand.Text()
	hash := sha256.Sum256([]byte(secret))
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	v, err := st.Tenant(tenant).AddAPIKey(ctx, store.APIKey{ID: strings.ToLower(rand.Text()[:12]), Name: k.Name, Hash: hash[:], Scopes: scopes, ExpiresAt: given(k.ExpiresAt)})
	if err != nil {
		return api.MadeKey{}, fault(err)
	}
	return api.MadeKey{Key: apiKey(&v), Secret: keyPrefix + v.ID + "_" + secret}, nil
}

func apiKey(v *store.APIKey) api.Key {
	k := api.Key{ID: v.ID, Name: v.Name, CreatedAt: v.CreatedAt, ExpiresAt: present(v.ExpiresAt), RevokedAt: present(v.RevokedAt), UsedAt: present(v.UsedAt), Scopes: []api.Scope{}}
	for _, s := range v.Scopes {
		k.Scopes = append(k.Scopes, api.Scope(s))
	}
	return k
}

// HasKeys reports whether any tenant has an API key in force.
func HasKeys(ctx context.Context, st *store.Store, now time.Time) (bool, error) {
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return false, err
	}
	for _, t := range tenants {
		keys, err := Keys(ctx, st, t.ID)
		if err != nil {
			return false, err
		}
		for _, k := range keys {
			if k.RevokedAt == nil && (k.ExpiresAt == nil || k.ExpiresAt.After(now)) {
				return true, nil
			}
		}
	}
	return false, nil
}

// Lookup returns whose key it is; see api.Keys. The hash is compared also where the id is unknown, so that the time tells nothing.
func (a *access) Lookup(ctx context.Context, key string) (api.Principal, error) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	id, secret, both := strings.Cut(rest, "_")
	if !ok || !both || len(key) > 200 {
		return api.Principal{}, api.ErrNotFound
	}
	hash := sha256.Sum256([]byte(secret))
	tenant, v, err := a.store.APIKey(ctx, id)
	if err != nil && store.Code(err) != "not_found" {
		return api.Principal{}, err
	}
	if len(v.Hash) == 0 {
		v.Hash = make([]byte, len(hash))
	}
	if subtle.ConstantTimeCompare(hash[:], v.Hash) != 1 || err != nil {
		return api.Principal{}, api.ErrNotFound
	}
	if err := a.store.Tenant(tenant).UsedAPIKey(ctx, id); err != nil {
		a.log.Warn("server: use of a key not noted", "key", id, "err", err)
	}
	p := api.Principal{KeyID: id, Tenant: tenant}
	for _, s := range v.Scopes {
		p.Scopes = append(p.Scopes, api.Scope(s))
	}
	return p, nil
}

// errScope reports a key that may not stream.
var errScope = errors.New("server: key without the scope ingest")

// Ingest returns the tenant of a key that may stream.
func (a *access) Ingest(ctx context.Context, key string) (string, error) {
	p, err := a.Lookup(ctx, key)
	if err != nil {
		return "", err
	}
	if !p.Has(api.ScopeIngest) {
		return "", errScope
	}
	return p.Tenant, nil
}

func (a *access) NewKey(ctx context.Context, tenant, by string, k api.NewKey) (api.MadeKey, error) {
	made, err := NewKey(ctx, a.store, tenant, k)
	if err != nil {
		return api.MadeKey{}, err
	}
	return made, note(ctx, a.store.Tenant(tenant), by, "key_add", made.ID)
}

func (a *access) ListKeys(ctx context.Context, tenant string) ([]api.Key, error) {
	return Keys(ctx, a.store, tenant)
}

// Keys lists the API keys of a tenant, revoked ones too.
func Keys(ctx context.Context, st *store.Store, tenant string) ([]api.Key, error) {
	var out []api.Key
	for k, err := range store.Every(ctx, st.Tenant(tenant).APIKeys) {
		if err != nil {
			return nil, fault(err)
		}
		out = append(out, apiKey(&k))
	}
	return out, nil
}

func (a *access) RevokeKey(ctx context.Context, tenant, by, id string) error {
	t := a.store.Tenant(tenant)
	if err := t.RevokeAPIKey(ctx, id); err != nil {
		return fault(err)
	}
	return note(ctx, t, by, "key_revoke", id)
}

// secrets are what of an endpoint lies sealed in the store.
type secrets struct {
	Secret string `json:"secret,omitempty"`
	Token  string `json:"token,omitempty"`
	APIKey string `json:"api_key,omitempty"`
}

func (a *access) Endpoints(ctx context.Context, tenant string) ([]api.Endpoint, error) {
	rows, err := a.store.Tenant(tenant).Endpoints(ctx)
	var out []api.Endpoint
	for _, v := range rows {
		out = append(out, api.Endpoint{
			Dialect: v.Dialect, Name: v.Name, PublicURL: v.PublicURL, Roles: v.Roles, Policy: v.Policy, Encoding: v.Encoding, SampleRateHz: v.RateHz,
			Channels: v.Channels, Results: v.Results, Disabled: v.Disabled,
		})
	}
	return out, fault(err)
}

func (a *access) SaveEndpoint(ctx context.Context, tenant, by string, e api.Endpoint) error {
	for track, role := range e.Roles {
		if role != string(interaction.RoleAgent) && role != string(interaction.RoleCustomer) && role != string(interaction.RoleUnknown) {
			return fmt.Errorf("%w: roles.%s: %q, want agent, customer or unknown", api.ErrInvalid, track, role)
		}
	}
	plain, err := json.Marshal(secrets{e.Secret, e.Token, e.APIKey})
	if err != nil {
		return fmt.Errorf("server: endpoint: %w", err)
	}
	sealed := a.box.seal(plain, endpointLabel(tenant, e.Dialect, e.Name))
	if err := a.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return fault(err)
	}
	t := a.store.Tenant(tenant)
	if err := t.SaveEndpoint(ctx, store.Endpoint{
		Dialect: e.Dialect, Name: e.Name, Sealed: sealed, PublicURL: e.PublicURL, Roles: e.Roles, Policy: e.Policy, Encoding: e.Encoding,
		RateHz: e.SampleRateHz, Channels: e.Channels, Results: e.Results, Disabled: e.Disabled,
	}); err != nil {
		return fault(err)
	}
	return note(ctx, t, by, "endpoint_save", e.Dialect+"/"+e.Name)
}

// endpointLabel ties sealed secrets to their row, so that they open nowhere else.
func endpointLabel(tenant, dialect, name string) []byte {
	return fmt.Appendf(nil, "endpoint|%q|%q|%q", tenant, dialect, name)
}

func (a *access) DeleteEndpoint(ctx context.Context, tenant, by, dialect, name string) error {
	t := a.store.Tenant(tenant)
	if err := t.DeleteEndpoint(ctx, dialect, name); err != nil {
		return fault(err)
	}
	return note(ctx, t, by, "endpoint_delete", dialect+"/"+name)
}

// platforms is ingest.Endpoints over the same rows.
type platforms struct{ *access }

// Endpoint returns the endpoint of a dialect and a name with its secrets.
func (p platforms) Endpoint(ctx context.Context, dialect, name string) (ingest.Endpoint, error) {
	tenant, v, err := p.store.Endpoint(ctx, dialect, name)
	if store.Code(err) == "not_found" {
		return ingest.Endpoint{}, ingest.ErrNoEndpoint
	}
	if err != nil {
		return ingest.Endpoint{}, err
	}
	plain, err := p.box.open(v.Sealed, endpointLabel(tenant, dialect, name))
	if err != nil {
		return ingest.Endpoint{}, fmt.Errorf("server: endpoint %s %s: %w", dialect, name, err)
	}
	var s secrets
	if err := json.Unmarshal(plain, &s); err != nil {
		return ingest.Endpoint{}, fmt.Errorf("server: endpoint %s %s: %w", dialect, name, err)
	}
	e := ingest.Endpoint{
		Name: v.Name, Tenant: tenant, Secret: s.Secret, Token: s.Token, APIKey: s.APIKey, PublicURL: v.PublicURL, Policy: v.Policy, Encoding: v.Encoding,
		Rate: v.RateHz, Channels: v.Channels, Results: v.Results, Roles: map[string]interaction.Role{},
	}
	for track, role := range v.Roles {
		e.Roles[track] = interaction.Role(role)
	}
	return e, nil
}
