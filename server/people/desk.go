package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	permit "github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// ErrRecording marks recordings that no print can be made of: too short, too noisy, of several speakers. The text says why.
var ErrRecording = errors.New("people: recording")

// Desk serves one tenant. It is safe for concurrent use.
type Desk struct {
	Registry *identity.Registry // required
	Policy   policy.Config      // valid
	Known    *caller.Known      // the galleries, and which model; nil: nobody is enrolled, compared or searched for
	// Extractor returns an extractor that nobody else uses until back is called.
	Extractor func() (x *voiceprint.Extractor, back func(), err error) // nil without Known
	Emotion   identity.Model                                           // that reads emotion; zero: none, and nothing is kept for it
	// Scrub rebuilds the file of the database, as store.Store.Scrub does. Required by Delete and OptOut.
	Scrub func(context.Context) error
}

// Heard is what was heard in one recording.
type Heard struct {
	Speech voiceprint.Speech
	Codec  string
}

// Listen hears a recording. It is called once the registry and the policy allow it.
type Listen func(ctx context.Context) (Heard, error)

// resolve returns the policy for a person: where the law is that of place or, where that is empty, of what the registry knows.
func (d *Desk) resolve(ctx context.Context, speaker, place string) (policy.Resolved, error) {
	known, err := d.Registry.Jurisdiction(ctx, speaker)
	if err != nil {
		return policy.Resolved{}, err
	}
	return d.Policy.Resolve(policy.Call{Tenant: d.Registry.Tenant(), Jurisdiction: cmp.Or(place, known)})
}

// Voice returns the voice of a call that a policy was resolved for, with what its permit names loaded. A caller is held against a print by the
// call's rules and by what the law of the caller's own place asks beyond them.
func (d *Desk) Voice(ctx context.Context, p permit.Permit, call policy.Resolved) (*caller.Call, error) {
	return d.Known.Call(ctx, d.Registry, p, func(ctx context.Context, speaker string) (identity.Rules, error) {
		made, err := d.ofCall(ctx, speaker, "", call)
		return made.Rules(), err
	})
}

// gallery returns the prints of a list, or of everybody where it is empty, and whose each entry is.
func (d *Desk) gallery(ctx context.Context, list string, rules identity.Rules) (*voiceprint.Gallery, func(string) string, error) {
	look := permit.Permit{Identification: list == ""}
	if list != "" {
		look.Watchlists = []string{list}
	}
	call, err := d.Known.Call(ctx, d.Registry, look, func(context.Context, string) (identity.Rules, error) { return rules, nil })
	if err != nil {
		return nil, nil, err
	}
	return call.Gallery(list)
}

// Approve puts a print that waits in force, as the policy of its person's jurisdiction has it.
func (d *Desk) Approve(ctx context.Context, by, print string) error {
	v, err := d.Registry.Voiceprint(ctx, print)
	if err != nil {
		return err
	}
	made, err := d.resolve(ctx, v.SpeakerID, "")
	if err != nil {
		return err
	}
	if err := d.Registry.Approve(ctx, by, print, made.Rules()); err != nil {
		return err
	}
	d.forget()
	return nil
}

// SaveWatchlist adds or changes a list. Where the policy permits its search, the list may not keep entries longer than that says, nor have
// another approver. Errors: identity.ErrNotPermitted, and those of the registry.
func (d *Desk) SaveWatchlist(ctx context.Context, by string, w store.Watchlist) error {
	made, err := d.Policy.Resolve(policy.Call{Tenant: d.Registry.Tenant()})
	if err != nil {
		return err
	}
	if s, ok := made.Search(policy.SearchWatchlist, w.Name); ok && (w.RetentionDays > s.RetentionDays || w.Approver != s.Approver) {
		return d.Registry.Refuse(ctx, by, "save_watchlist", "", fmt.Sprintf("list %q with %d days and approver %q, want at most %d days and approver %q, as policy %s permits its search",
			w.Name, w.RetentionDays, w.Approver, s.RetentionDays, s.Approver, made.Permit.Policy))
	}
	return d.Registry.SaveWatchlist(ctx, by, w)
}

// forget has the galleries read anew.
func (d *Desk) forget() {
	if d.Known != nil {
		d.Known.Forget(d.Registry.Tenant())
	}
}

// Sweep deletes what the time of is over, each person by the policy of their jurisdiction.
func (d *Desk) Sweep(ctx context.Context, by string) (identity.Swept, error) {
	n, err := d.Registry.Sweep(ctx, by, func(jurisdiction string) identity.Rules {
		made, err := d.Policy.Resolve(policy.Call{Tenant: d.Registry.Tenant(), Jurisdiction: jurisdiction})
		if err != nil { // a jurisdiction that is none: the longest time
			return identity.DefaultRules()
		}
		return made.Rules()
	})
	d.forget()
	if err != nil {
		return n, fmt.Errorf("people: sweep: %w", err)
	}
	return n, nil
}
