package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	permit "github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// records keeps the records of calls: live.Records over the store.
type records struct {
	store  *store.Store
	node   string
	rules  rules.Set
	policy policy.Config
	now    func() time.Time
	saved  func() // wakes who delivers
}

var _ live.Records = (*records)(nil)

// Checkpoint keeps the record of a running call as far as it has come.
func (k *records) Checkpoint(ctx context.Context, r *interaction.Interaction) error {
	return k.store.Tenant(r.Contact.Tenant).SaveCheckpoint(ctx, k.node, r)
}

// Save keeps a finished record, with the alerts that only the whole call shows and the end of its retention written into it.
func (k *records) Save(ctx context.Context, r *interaction.Interaction) error {
	raise(k.rules, r)
	made, err := k.policy.Again(r.Governance.Policy, r.Governance.Jurisdiction)
	if err != nil {
		return err
	}
	if days := made.Permit.RetentionDays; days > 0 && r.Governance.RetentionUntil == nil {
		until := k.now().UTC().AddDate(0, 0, days)
		r.Governance.RetentionUntil = &until
	}
	if audio := &r.Contact.Audio; audio.Kept == "timbre" && audio.ExpiresAt == nil {
		audio.ExpiresAt = r.Governance.RetentionUntil // it goes with the record
	}
	_, err = k.store.Tenant(r.Contact.Tenant).SaveInteraction(ctx, r)
	if store.Code(err) == "invalid" {
		return fmt.Errorf("%w: %w", live.ErrRefused, err)
	}
	if err != nil {
		return err
	}
	k.saved()
	return nil
}

// told is the event of a saved record, for the outbox: its name alone, which bodies makes whole. It is told again with each
// revision.
func told(r *interaction.Interaction) (kind string, body []byte, err error) {
	if r.Contact.State == interaction.StateLive {
		return "", nil, nil
	}
	body, err = json.Marshal(interaction.Event{
		Type: interaction.EventSummary, Version: interaction.EventVersion, Tenant: r.Contact.Tenant, CallID: r.Contact.ID, TimeMs: r.Contact.DurationMs,
		State: r.Contact.State,
	})
	return string(interaction.EventSummary), body, err
}

// outbox is events.Outbox over the store.
type outbox struct{ store *store.Store }

func (o outbox) Pending(ctx context.Context, limit int) ([]events.OutboxRow, error) {
	rows, err := o.store.Pending(ctx, limit)
	var out []events.OutboxRow
	for _, r := range rows {
		out = append(out, events.OutboxRow{ID: r.ID, Tenant: r.Tenant, Kind: interaction.EventKind(r.Kind), CallID: r.InteractionID, Body: r.Body})
	}
	return out, err
}

func (o outbox) MarkPublished(ctx context.Context, ids []int64) error {
	return o.store.MarkPublished(ctx, ids)
}

// jurisdictionAttribute is the attribute by which a platform tells where a call is.
const jurisdictionAttribute = "jurisdiction"

// permits resolves the policy for the call of a stream.
type permits struct{ policy policy.Config }

func (p permits) Permit(_ context.Context, s ingest.Start) (permit.Permit, error) {
	r, err := p.policy.Resolve(policy.Call{Tenant: s.Tenant, Site: s.Policy, Jurisdiction: s.Binding.Attributes[jurisdictionAttribute], Queue: s.Binding.Queue})
	return r.Permit, err
}
