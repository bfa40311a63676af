package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/timbre-voice/timbre/interaction/analysis"
	permit "github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// registry returns the registry of a tenant, whose keys are made with its first person.
func (v *voices) registry(tenant string) (*identity.Registry, error) {
	if _, err := v.keys.Present(tenant); errors.Is(err, identity.ErrUnknownKey) {
		if err := v.keys.AddTenant(tenant); err != nil {
			return nil, err
		}
	}
	return identity.NewRegistry(v.store.Tenant(tenant), v.keys, v.now), nil
}

// resolved returns the policy for what comes by no call.
func (v *voices) resolved(tenant string) (policy.Resolved, identity.Rules, error) {
	r, err := v.policy.Resolve(policy.Call{Tenant: tenant})
	return r, r.Rules(), err
}

// ruled returns the registry of a tenant with the rules for what comes by no call.
func (v *voices) ruled(tenant string) (*identity.Registry, identity.Rules, error) {
	_, rules, err := v.resolved(tenant)
	if err != nil {
		return nil, identity.Rules{}, err
	}
	reg, err := v.registry(tenant)
	return reg, rules, err
}

// refusal makes a registry's refusal one of the REST interface.
func refusal(err error) error {
	for _, kind := range []error{identity.ErrOptedOut, identity.ErrNoConsent, identity.ErrNotPermitted, identity.ErrHeld} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w: %w", api.ErrForbidden, err)
		}
	}
	return fault(err)
}

// mayEnrol asks for leave to enrol. A reference that the ledger does not know is fresh: the site vouches for it, and it is to be
// written into the ledger with the print.
func (v *voices) mayEnrol(ctx context.Context, reg *identity.Registry, by string, e identity.Enrolment, rules identity.Rules) (fresh bool, err error) {
	given, err := v.store.Tenant(reg.Tenant()).Consents(ctx, e.Speaker)
	if err != nil {
		return false, fault(err)
	}
	fresh = !slices.ContainsFunc(given, func(c store.Consent) bool { return c.Ref == e.ConsentRef && c.Purpose == identity.PurposeVerify })
	out, err := reg.OptedOut(ctx, e.Speaker)
	if err != nil {
		return false, fault(err)
	}
	if fresh && !out && !rules.ReleaseRequired {
		return true, nil
	}
	_, err = reg.MayEnrol(ctx, by, e, rules)
	return false, refusal(err)
}

// suspicious looks for the voice of a new print in the watchlists and, where the policy permits it, among everybody enrolled. It
// returns why a person has to look at the print before it is in force: a hit is a lead, and no refusal.
func (v *voices) suspicious(ctx context.Context, reg *identity.Registry, speaker string, print *voiceprint.Voiceprint) (string, error) {
	made, rules, err := v.resolved(reg.Tenant())
	if err != nil {
		return "", err
	}
	look := permit.Permit{Watchlists: made.Permit.Watchlists}
	if _, ok := made.Search(policy.SearchDuplicates, ""); ok {
		look.Identification = true
	}
	call, err := v.known.Call(ctx, reg, look, rules)
	if err != nil {
		return "", fault(err)
	}
	lists := look.Watchlists
	if look.Identification {
		lists = append(slices.Clone(lists), "")
	}
	for _, list := range lists {
		g, who, err := call.Gallery(list)
		if err != nil {
			return "", err
		}
		found, err := g.Duplicates("", print, voiceprint.DefaultIdentify())
		if errors.Is(err, voiceprint.ErrUncalib) { // its scores are no evidence
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("server: enrol: %w", err)
		}
		for _, hit := range found {
			switch {
			case who(hit.ID) == speaker:
			case list == "":
				return "duplicate", nil
			default:
				return "watchlist_match", nil
			}
		}
	}
	return "", nil
}

// searchable returns ErrForbidden where the policy permits no such search.
func (v *voices) searchable(tenant, watchlist string) error {
	r, err := v.policy.Resolve(policy.Call{Tenant: tenant})
	if err != nil {
		return err
	}
	kind := policy.SearchIdentification
	if watchlist != "" {
		kind = policy.SearchWatchlist
	}
	if _, ok := r.Search(kind, watchlist); !ok {
		return fmt.Errorf("%w: policy %s permits no search of kind %s, list %q, want it under searches with purpose, legal_basis, retention_days and approver", api.ErrForbidden, r.Permit.Policy, kind, watchlist)
	}
	return nil
}

func (v *voices) OptOut(ctx context.Context, tenant, by, id, source string) error {
	r, err := v.registry(tenant)
	if err != nil {
		return err
	}
	receipt, err := r.OptOut(ctx, by, id, source)
	if errors.Is(err, store.ErrUnavailable) && receipt != nil { // the rows are gone; what is left is to rebuild the file
		err = v.store.Scrub(ctx)
	}
	if v.known != nil {
		v.known.Forget(tenant)
	}
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
	r, err := v.registry(tenant)
	if err != nil {
		return identity.Swept{}, err
	}
	n, err := r.Sweep(ctx, "server", func(jurisdiction string) identity.Rules {
		made, err := v.policy.Resolve(policy.Call{Tenant: tenant, Jurisdiction: jurisdiction})
		if err != nil { // a jurisdiction that is none: the longest time
			return identity.DefaultRules()
		}
		return made.Rules()
	})
	if n.Deleted > 0 && v.known != nil {
		v.known.Forget(tenant)
	}
	return n, err
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
	reg, err := v.registry(cmp.Or(s.Tenant, v.tenant))
	if err != nil {
		return nil, err
	}
	call, err := v.known.Call(ctx, reg, p, made.Rules())
	if err != nil { // not a nil *caller.Call in an interface
		return nil, err
	}
	return call, nil
}
