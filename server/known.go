package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/timbre-voice/timbre/interaction/analysis"
	permit "github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// actor names the server itself in the audit log.
const actor = "server"

// registry returns the registry of a tenant, whose keys are made with its first person.
func (v *voices) registry(tenant string) (*identity.Registry, error) {
	if err := v.keys.EnsureTenant(tenant); err != nil {
		return nil, err
	}
	return identity.NewRegistry(v.store.Tenant(tenant), v.keys, v.now), nil
}

// refusal makes a refusal of the registry, of the policy or of a recording one of the REST interface.
func refusal(err error) error {
	for _, kind := range []error{identity.ErrOptedOut, identity.ErrNoConsent, identity.ErrNotPermitted, identity.ErrHeld} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w: %w", api.ErrForbidden, err)
		}
	}
	// What is wrong with a recording or a jurisdiction, with the value and what was wanted.
	if errors.Is(err, people.ErrRecording) || errors.Is(err, policy.ErrPolicy) {
		return fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	return fault(err)
}

func (v *voices) OptOut(ctx context.Context, tenant, by, id, source string) error {
	d, err := v.decider(tenant)
	if err != nil {
		return err
	}
	_, err = d.OptOut(ctx, by, id, source)
	return fault(err)
}

func (v *voices) OptIn(ctx context.Context, tenant, by, id string) error {
	r, err := v.registry(tenant)
	if err != nil {
		return err
	}
	return fault(r.OptIn(ctx, by, id))
}

// sweep deletes the persons of a tenant whose time is over.
func (v *voices) sweep(ctx context.Context, tenant string) (identity.Swept, error) {
	if _, err := v.keys.Present(tenant); errors.Is(err, identity.ErrUnknownKey) { // nobody was ever enrolled
		return identity.Swept{}, nil
	}
	d, err := v.decider(tenant)
	if err != nil {
		return identity.Swept{}, err
	}
	return d.Sweep(ctx, actor)
}

// callers is live.Voices.
type callers struct{ voices *voices }

var _ live.Voices = callers{}

func (c callers) Voice(ctx context.Context, s ingest.Start, p permit.Permit) (analysis.Voice, error) {
	v := c.voices
	if v.known == nil {
		return nil, nil
	}
	made, err := v.policy.Again(p.Policy, p.Jurisdiction)
	if err != nil {
		return nil, err
	}
	d, err := v.decider(cmp.Or(s.Tenant, v.tenant))
	if err != nil {
		return nil, err
	}
	call, err := d.Voice(ctx, p, made)
	if err != nil { // not a nil *caller.Call in an interface
		return nil, err
	}
	if !made.PassiveEnrolment {
		return call, nil
	}
	return &enroller{call, v, d, made}, nil
}

func (c callers) Normals(_ context.Context, s ingest.Start, p permit.Permit) (analysis.Normals, error) {
	v := c.voices
	made, err := v.policy.Again(p.Policy, p.Jurisdiction)
	if err != nil || !made.EarlierCalls { // no tenant gets keys for it
		return nil, err
	}
	d, err := v.decider(cmp.Or(s.Tenant, v.tenant))
	if err != nil {
		return nil, err
	}
	return d.Normals(actor, made), nil
}

// enroller is the voice of a call of which prints may be made.
type enroller struct {
	*caller.Call
	voices *voices
	desk   *people.Desk
	made   policy.Resolved
}

var _ analysis.Enroller = (*enroller)(nil)

// MayEnrol implements analysis.Enroller.
func (e *enroller) MayEnrol(ctx context.Context, customer string) (bool, error) {
	return e.desk.MayHear(ctx, customer, e.made)
}

// Collect implements analysis.Enroller.
func (e *enroller) Collect(rate int) (*voiceprint.Collector, error) {
	return voiceprint.NewCollector(voiceprint.DefaultCollector(rate), e.voices.Speech)
}

// EnrolHeard implements analysis.Enroller. What the registry refuses is in the audit log.
func (e *enroller) EnrolHeard(ctx context.Context, customer, call string, s voiceprint.Speech) error {
	_, err := e.desk.Enrol(ctx, actor, people.Request{Speaker: customer, Passive: true, Interaction: call, Existing: people.Skip, Options: voiceprint.DefaultEnrol(), Policy: &e.made},
		func(context.Context) ([]voiceprint.Speech, error) { return []voiceprint.Speech{s}, nil })
	for _, kind := range []error{people.ErrRecording, identity.ErrNoConsent, identity.ErrOptedOut, identity.ErrNotPermitted} {
		if errors.Is(err, kind) {
			return nil
		}
	}
	if err != nil { // told in the record, where no name may stand
		return fmt.Errorf("no voiceprint was made of the call: %s", cmp.Or(store.Code(err), "internal"))
	}
	return nil
}
