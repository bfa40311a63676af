package api

import (
	"context"
	"net/http"
	"time"
)

// WebhookStore keeps the receivers of deliveries. by is who asks, for the audit log.
type WebhookStore interface {
	// ListWebhooks returns those of the configuration file too, which cannot be changed here.
	ListWebhooks(ctx context.Context, tenant string) ([]Webhook, error)
	AddWebhook(ctx context.Context, tenant, by string, w NewWebhook) (MadeWebhook, error)
	DeleteWebhook(ctx context.Context, tenant, by, id string) error
	// RotateWebhook gives a receiver a new secret; the one before signs beside it for so long.
	RotateWebhook(ctx context.Context, tenant, by, id string, overlap time.Duration) (MadeWebhook, error)
	// TestWebhook posts a delivery at once and tells what the receiver said.
	TestWebhook(ctx context.Context, tenant, by, id string) (TestDelivery, error)
}

// NewWebhook is a receiver to be made.
type NewWebhook struct {
	URL    string   `json:"url" format:"uri" minLength:"1" maxLength:"2000" doc:"http or https, without user and password, and not of this machine unless the server permits it."`
	Events []string `json:"events,omitempty" enum:"call_summary,alert" doc:"Absent or empty: all."`
}

// Webhook is a receiver of deliveries. Its secrets are not shown.
type Webhook struct {
	ID            string     `json:"id"`
	URL           string     `json:"url"`
	Events        []string   `json:"events" doc:"Empty: all."`
	Source        string     `json:"source" enum:"api,configuration" doc:"One of the configuration file is changed there."`
	PreviousUntil *time.Time `json:"previous_secret_until,omitempty" doc:"Until when deliveries carry the signature of the secret before as well."`
	CreatedAt     *time.Time `json:"created_at,omitempty"`
	UpdatedAt     *time.Time `json:"updated_at,omitempty"`
}

// MadeWebhook is a receiver with a new secret, which is shown this once.
type MadeWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"Of HMAC-SHA256, in the header Timbre-Signature of each delivery."`
}

// TestDelivery says what became of a test.
type TestDelivery struct {
	Delivered  bool   `json:"delivered" doc:"The receiver answered with 2xx."`
	Error      string `json:"error,omitempty"`
	DurationMs int64  `json:"duration_ms"`
}

// Rotation says for how long the old secret goes on.
type Rotation struct {
	OverlapHours *int `json:"overlap_hours,omitempty" minimum:"0" maximum:"720" doc:"For so long deliveries carry both signatures, so that the receiver can change over; absent: 24."`
}

func (a *API) webhooks(w WebhookStore) {
	add(a, op{method: http.MethodGet, path: "/v1/webhooks", scope: ScopeAdmin, id: "list-webhooks", summary: "Receivers of deliveries", tag: "administration"},
		func(ctx context.Context, p Principal, _ *struct{}) (*body[List[Webhook]], error) {
			list, err := w.ListWebhooks(ctx, p.Tenant)
			return page(List[Webhook]{Items: list}, err)
		})
	add(a, op{method: http.MethodPost, path: "/v1/webhooks", scope: ScopeAdmin, id: "add-webhook", summary: "Make a receiver of deliveries", tag: "administration", status: http.StatusCreated,
		about: "The secret in the answer is shown this once."},
		func(ctx context.Context, p Principal, in *struct{ Body NewWebhook }) (*body[MadeWebhook], error) {
			return ok(w.AddWebhook(ctx, p.Tenant, p.by(), in.Body))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/webhooks/{id}", scope: ScopeAdmin, id: "delete-webhook", summary: "Delete a receiver", tag: "administration", status: http.StatusNoContent,
		about: "What waits for it becomes dead letters."},
		func(ctx context.Context, p Principal, in *IDPath) (*none, error) {
			return done(w.DeleteWebhook(ctx, p.Tenant, p.by(), in.ID))
		})
	add(a, op{method: http.MethodPost, path: "/v1/webhooks/{id}/rotate", scope: ScopeAdmin, id: "rotate-webhook-secret", summary: "Give a receiver a new secret", tag: "administration",
		about: "The secret in the answer is shown this once."},
		func(ctx context.Context, p Principal, in *struct {
			IDPath
			Body Rotation
		}) (*body[MadeWebhook], error) {
			overlap := 24 * time.Hour
			if h := in.Body.OverlapHours; h != nil {
				overlap = time.Duration(*h) * time.Hour
			}
			return ok(w.RotateWebhook(ctx, p.Tenant, p.by(), in.ID, overlap))
		})
	add(a, op{method: http.MethodPost, path: "/v1/webhooks/{id}/test", scope: ScopeAdmin, id: "test-webhook", summary: "Send a receiver a test", tag: "administration", timeout: 30 * time.Second,
		about: "A signed delivery of the event test is posted at once, and not tried again."},
		func(ctx context.Context, p Principal, in *IDPath) (*body[TestDelivery], error) {
			return ok(w.TestWebhook(ctx, p.Tenant, p.by(), in.ID))
		})
}
