package server

import (
	"context"
	"fmt"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/store"
)

var _ api.Decisions = (*voices)(nil)

// decider returns what decides about the persons of a tenant; it needs no model.
func (v *voices) decider(tenant string) (*people.Desk, error) {
	reg, err := v.registry(tenant)
	if err != nil {
		return nil, err
	}
	return &people.Desk{Registry: reg, Known: v.known, Policy: v.policy, Extractor: v.extractor, Emotion: v.emotion, Scrub: v.store.Scrub}, nil
}

func (v *voices) Pending(ctx context.Context, tenant string, p api.Page) (api.List[api.Waiting], error) {
	l, err := v.store.Tenant(tenant).PendingVoiceprints(ctx, pageOf(p))
	return listOf(l, err, func(r *store.Voiceprint) api.Waiting {
		return api.Waiting{Print: print(r), SpeakerID: r.SpeakerID, ConsentRef: r.ConsentRef, Sources: r.Sources}
	})
}

// print describes a voiceprint.
func print(r *store.Voiceprint) api.Print {
	return api.Print{ID: r.ID, State: string(r.State), Model: r.Model, Version: r.ModelVersion, NetSpeechMs: r.NetSpeechMs, CreatedAt: r.CreatedAt}
}

func (v *voices) Approve(ctx context.Context, tenant, by, print string) error {
	d, err := v.decider(tenant)
	if err != nil {
		return err
	}
	return refusal(d.Approve(ctx, by, print))
}

func (v *voices) Reject(ctx context.Context, tenant, by, print string) error {
	d, err := v.decider(tenant)
	if err != nil {
		return err
	}
	return refusal(d.Registry.Reject(ctx, by, print))
}

func (v *voices) Attempts(ctx context.Context, tenant, speaker string, p api.Page) (api.List[api.Attempt], error) {
	l, err := v.store.Tenant(tenant).Attempts(ctx, speaker, pageOf(p))
	return listOf(l, err, func(a *store.Attempt) api.Attempt {
		return api.Attempt{ID: a.ID, SpeakerID: a.SpeakerID, InteractionID: a.InteractionID, Decision: a.Decision, LLR: a.LLR, Threshold: a.Threshold,
			NetSpeechMs: a.NetSpeechMs, Reasons: append([]string{}, a.Reasons...), Shadow: a.Shadow, At: a.At}
	})
}

func (v *voices) Lockout(ctx context.Context, tenant, speaker string) (api.Lockout, error) {
	l, err := v.store.Tenant(tenant).Lockout(ctx, speaker)
	if err == nil && l.AttemptAt.IsZero() {
		return api.Lockout{}, fmt.Errorf("%w: attempts on speaker %q", api.ErrNotFound, speaker)
	}
	return api.Lockout{SpeakerID: speaker, Failures: l.Failures, AttemptAt: present(l.AttemptAt), BlockedUntil: present(l.BlockedUntil), LockedAt: present(l.LockedAt)}, fault(err)
}

func (v *voices) Unlock(ctx context.Context, tenant, by, speaker string) error {
	d, err := v.decider(tenant)
	if err != nil {
		return err
	}
	return refusal(d.Registry.Unlock(ctx, by, speaker))
}

func hold(h *store.Hold) api.Hold {
	return api.Hold{ID: h.ID, SpeakerID: h.Subject, Reason: h.Reason, PlacedBy: h.PlacedBy, PlacedAt: h.PlacedAt, ReleasedBy: h.ReleasedBy, ReleasedAt: present(h.ReleasedAt)}
}

func (v *voices) Holds(ctx context.Context, tenant, speaker string) ([]api.Hold, error) {
	d, err := v.decider(tenant)
	if err != nil {
		return nil, err
	}
	rows, err := d.Registry.Holds(ctx, speaker)
	var out []api.Hold
	for i := range rows {
		out = append(out, hold(&rows[i]))
	}
	return out, fault(err)
}

func (v *voices) Hold(ctx context.Context, tenant, by, speaker, reason string) (api.Hold, error) {
	d, err := v.decider(tenant)
	if err != nil {
		return api.Hold{}, err
	}
	h, err := d.Registry.Hold(ctx, by, speaker, reason)
	return hold(&h), refusal(err)
}

func (v *voices) Release(ctx context.Context, tenant, by, hold string) error {
	d, err := v.decider(tenant)
	if err != nil {
		return err
	}
	return refusal(d.Registry.Release(ctx, by, hold))
}
