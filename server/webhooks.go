package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/store"
)

// webhooks are the receivers of deliveries: those of the configuration file, and those that tenants made over REST, whose secrets lie
// sealed in the store.
type webhooks struct {
	fixed events.StaticWebhooks
	store *store.Store
	box   *box
	local bool // those of the store may be on this machine
	now   func() time.Time
	post  *events.Deliverer // for tests
}

var (
	_ events.Webhooks  = (*webhooks)(nil)
	_ api.WebhookStore = (*webhooks)(nil)
)

// maxWebhooks bounds the receivers of one tenant: each gets every event.
const maxWebhooks = 50

// hookSecrets are what of a receiver lies sealed.
type hookSecrets struct {
	Secret   string    `json:"secret"`
	Previous string    `json:"previous,omitempty"`
	Until    time.Time `json:"until,omitzero"` // from then on Previous signs no more
}

// hookLabel ties sealed secrets to their row, so that they open nowhere else.
func hookLabel(tenant, id string) []byte { return fmt.Appendf(nil, "webhook|%q|%q", tenant, id) }

func (w *webhooks) open(tenant string, v *store.Webhook) (hookSecrets, error) {
	var s hookSecrets
	plain, err := w.box.open(v.Sealed, hookLabel(tenant, v.ID))
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err != nil {
		return hookSecrets{}, fmt.Errorf("server: webhook %s: %w", v.ID, err)
	}
	return s, nil
}

// receiver makes a row what deliveries are made to.
func (w *webhooks) receiver(tenant string, v *store.Webhook) (events.Webhook, error) {
	s, err := w.open(tenant, v)
	if err != nil {
		return events.Webhook{}, err
	}
	out := events.Webhook{ID: v.ID, Tenant: tenant, URL: v.URL, Secrets: []string{s.Secret}, Local: w.local}
	if s.Previous != "" && w.now().Before(s.Until) {
		out.Secrets = append(out.Secrets, s.Previous)
	}
	for _, k := range v.Kinds {
		out.Kinds = append(out.Kinds, interaction.EventKind(k))
	}
	return out, nil
}

// Webhooks returns the receivers of a tenant; see events.Webhooks.
func (w *webhooks) Webhooks(ctx context.Context, tenant string) ([]events.Webhook, error) {
	out, err := w.fixed.Webhooks(ctx, tenant)
	if err != nil {
		return nil, err
	}
	rows, err := w.store.Tenant(tenant).Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		r, err := w.receiver(tenant, &rows[i])
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (w *webhooks) shown(tenant string, v *store.Webhook) (api.Webhook, error) {
	s, err := w.open(tenant, v)
	if err != nil {
		return api.Webhook{}, err
	}
	out := api.Webhook{ID: v.ID, URL: v.URL, Events: v.Kinds, Source: "api", CreatedAt: present(v.CreatedAt), UpdatedAt: present(v.UpdatedAt)}
	if w.now().Before(s.Until) {
		out.PreviousUntil = present(s.Until)
	}
	return out, nil
}

func (w *webhooks) ListWebhooks(ctx context.Context, tenant string) ([]api.Webhook, error) {
	fixed, err := w.fixed.Webhooks(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var out []api.Webhook
	for _, f := range fixed {
		v := api.Webhook{ID: f.ID, URL: f.URL, Events: []string{}, Source: "configuration"}
		for _, k := range f.Kinds {
			v.Events = append(v.Events, string(k))
		}
		out = append(out, v)
	}
	rows, err := w.store.Tenant(tenant).Webhooks(ctx)
	if err != nil {
		return nil, fault(err)
	}
	for i := range rows {
		v, err := w.shown(tenant, &rows[i])
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// save seals the secrets of a receiver and keeps it.
func (w *webhooks) save(ctx context.Context, t *store.Tenant, by, action string, v store.Webhook, s hookSecrets) (api.MadeWebhook, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return api.MadeWebhook{}, fmt.Errorf("server: webhook: %w", err)
	}
	v.Sealed = w.box.seal(plain, hookLabel(t.ID(), v.ID))
	kept, err := t.SaveWebhook(ctx, v)
	if err != nil {
		return api.MadeWebhook{}, fault(err)
	}
	if err := note(ctx, t, by, action, v.ID); err != nil {
		return api.MadeWebhook{}, err
	}
	shown, err := w.shown(t.ID(), &kept)
	return api.MadeWebhook{Webhook: shown, Secret: s.Secret}, err
}

func (w *webhooks) AddWebhook(ctx context.Context, tenant, by string, n api.NewWebhook) (api.MadeWebhook, error) {
	if err := w.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return api.MadeWebhook{}, fault(err)
	}
	t := w.store.Tenant(tenant)
	v := store.Webhook{ID: store.NewID(w.now()), URL: n.URL, Kinds: n.Events}
	s := hookSecrets{Secret: rand.Text()}
	check := events.Webhook{ID: v.ID, Tenant: tenant, URL: v.URL, Secrets: []string{s.Secret}, Local: w.local}
	for _, k := range n.Events {
		check.Kinds = append(check.Kinds, interaction.EventKind(k))
	}
	if err := check.Validate(); err != nil {
		return api.MadeWebhook{}, fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	rows, err := t.Webhooks(ctx)
	if err != nil {
		return api.MadeWebhook{}, fault(err)
	}
	if len(rows) >= maxWebhooks {
		return api.MadeWebhook{}, fmt.Errorf("%w: webhooks: %d, want at most %d", api.ErrConflict, len(rows)+1, maxWebhooks)
	}
	return w.save(ctx, t, by, "webhook_add", v, s)
}

// find returns a row; one of the configuration is a conflict.
func (w *webhooks) find(ctx context.Context, t *store.Tenant, id string) (store.Webhook, error) {
	rows, err := t.Webhooks(ctx)
	if err != nil {
		return store.Webhook{}, fault(err)
	}
	for _, v := range rows {
		if v.ID == id {
			return v, nil
		}
	}
	fixed, err := w.fixed.Webhooks(ctx, t.ID())
	if err != nil {
		return store.Webhook{}, err
	}
	if slices.ContainsFunc(fixed, func(f events.Webhook) bool { return f.ID == id }) {
		return store.Webhook{}, fmt.Errorf("%w: webhook %q stands in the configuration file, want a change there", api.ErrConflict, id)
	}
	return store.Webhook{}, fmt.Errorf("%w: webhook %q", api.ErrNotFound, id)
}

func (w *webhooks) DeleteWebhook(ctx context.Context, tenant, by, id string) error {
	t := w.store.Tenant(tenant)
	if _, err := w.find(ctx, t, id); err != nil {
		return err
	}
	if err := t.DeleteWebhook(ctx, id); err != nil {
		return fault(err)
	}
	return note(ctx, t, by, "webhook_delete", id)
}

func (w *webhooks) RotateWebhook(ctx context.Context, tenant, by, id string, overlap time.Duration) (api.MadeWebhook, error) {
	t := w.store.Tenant(tenant)
	v, err := w.find(ctx, t, id)
	if err != nil {
		return api.MadeWebhook{}, err
	}
	was, err := w.open(tenant, &v)
	if err != nil {
		return api.MadeWebhook{}, err
	}
	s := hookSecrets{Secret: rand.Text()}
	if overlap > 0 {
		s.Previous, s.Until = was.Secret, w.now().Add(overlap).UTC()
	}
	return w.save(ctx, t, by, "webhook_rotate", v, s)
}

func (w *webhooks) TestWebhook(ctx context.Context, tenant, by, id string) (api.TestDelivery, error) {
	all, err := w.Webhooks(ctx, tenant)
	if err != nil {
		return api.TestDelivery{}, fault(err)
	}
	at := slices.IndexFunc(all, func(h events.Webhook) bool { return h.ID == id })
	if at < 0 {
		return api.TestDelivery{}, fmt.Errorf("%w: webhook %q", api.ErrNotFound, id)
	}
	if err := note(ctx, w.store.Tenant(tenant), by, "webhook_test", id); err != nil {
		return api.TestDelivery{}, err
	}
	begun := w.now()
	err = w.post.Test(ctx, all[at], "test/"+store.NewID(begun))
	out := api.TestDelivery{Delivered: err == nil, DurationMs: w.now().Sub(begun).Milliseconds()}
	if err != nil {
		out.Error = err.Error()
	}
	return out, nil
}
