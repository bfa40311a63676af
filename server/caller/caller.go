package caller

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Options says what voices are compared with.
type Options struct {
	Model *voiceprint.Model // required
	Name  interaction.Model // the same model, as records name it
	Now   func() time.Time  // required
}

// freshFor is how long a loaded gallery serves before it is read anew.
const freshFor = time.Minute

// Known makes the voices of calls. Safe for concurrent use.
type Known struct {
	opts  Options
	model identity.Model

	mu        sync.Mutex
	galleries map[galleryKey]*gallery
}

type galleryKey struct{ tenant, list string }

// gallery is the opened prints of one list.
type gallery struct {
	prints *voiceprint.Gallery
	who    map[string]string // speakers by entry
	at     time.Time
}

// New returns a Known.
func New(o Options) *Known {
	id := o.Model.ID()
	return &Known{opts: o, model: identity.Model{Name: id.Name, Version: id.Version, SHA256: hex.EncodeToString(id.SHA256[:])},
		galleries: map[galleryKey]*gallery{}}
}

// Model names the speaker model as the registry does.
func (k *Known) Model() identity.Model { return k.model }

// Forget drops what is loaded of a tenant: call it when a person was deleted, opted out, or left a list.
func (k *Known) Forget(tenant string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range k.galleries {
		if key.tenant == tenant {
			delete(k.galleries, key)
		}
	}
}

// RulesOf returns the rules that hold for a person in one call: those of the call, and what the law of the person's own place asks beyond
// them.
type RulesOf func(ctx context.Context, speaker string) (identity.Rules, error)

// Call returns the voice of one call of the registry's tenant, with every list that the permit names loaded.
func (k *Known) Call(ctx context.Context, r *identity.Registry, p policy.Permit, rules RulesOf) (*Call, error) {
	c := &Call{known: k, registry: r, rules: rules, lists: map[string]*gallery{}}
	lists := p.Watchlists
	if p.Identification {
		lists = append([]string{""}, lists...)
	}
	for _, list := range lists {
		g, err := k.gallery(ctx, r, list)
		if err != nil {
			return nil, err
		}
		c.lists[list] = g
	}
	return c, nil
}

// gallery returns a list, read anew where it is older than a minute.
func (k *Known) gallery(ctx context.Context, r *identity.Registry, list string) (*gallery, error) {
	key := galleryKey{r.Tenant(), list}
	k.mu.Lock()
	g := k.galleries[key]
	k.mu.Unlock()
	if g != nil && k.opts.Now().Sub(g.at) < freshFor {
		return g, nil
	}
	g = &gallery{prints: voiceprint.NewGallery(k.opts.Model), who: map[string]string{}, at: k.opts.Now()}
	err := r.Gallery(ctx, list, k.model, func(v store.Voiceprint, plain []byte) error {
		var print voiceprint.Voiceprint
		if err := print.UnmarshalBinary(plain); err != nil {
			return fmt.Errorf("caller: voiceprint %s: %w", v.ID, err)
		}
		if err := g.prints.Add(v.ID, &print); err != nil {
			return fmt.Errorf("caller: voiceprint %s: %w", v.ID, err)
		}
		g.who[v.ID] = v.SpeakerID
		return nil
	})
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.galleries[key] = g
	k.mu.Unlock()
	return g, nil
}

// Call is analysis.Voice for one call.
type Call struct {
	known    *Known
	registry *identity.Registry
	rules    RulesOf
	lists    map[string]*gallery
}

var _ analysis.Voice = (*Call)(nil)

// actor names the server in the audit log.
const actor = "server"

// Claim implements analysis.Voice.
func (c *Call) Claim(ctx context.Context, speaker string) (analysis.Claimed, error) {
	rules, err := c.rules(ctx, speaker)
	if err != nil {
		return analysis.Claimed{}, err
	}
	found, err := c.registry.Claim(ctx, speaker, c.known.model, rules)
	if err != nil || found.Decision != "" {
		return analysis.Claimed{Decision: found.Decision}, err
	}
	out := analysis.Claimed{Print: &voiceprint.Voiceprint{}, Released: found.Consent != nil && identity.Released(*found.Consent)}
	if err := out.Print.UnmarshalBinary(found.Print); err != nil {
		return analysis.Claimed{}, fmt.Errorf("caller: voiceprint: %w", err)
	}
	return out, nil
}

// OptedOut implements analysis.Voice.
func (c *Call) OptedOut(ctx context.Context, speaker string) (bool, error) {
	return c.registry.OptedOut(ctx, speaker)
}

// Listen implements analysis.Voice.
func (c *Call) Listen(rate int, delay int64) (*voiceprint.Listener, error) {
	extract, err := c.known.opts.Model.NewExtractor()
	if err != nil {
		return nil, err
	}
	return voiceprint.NewListener(extract, voiceprint.DefaultCollector(rate), delay)
}

// Model implements analysis.Voice.
func (c *Call) Model() interaction.Model { return c.known.opts.Name }

// Gallery implements analysis.Voice. A list that the permit did not name when the call began is an error.
func (c *Call) Gallery(list string) (*voiceprint.Gallery, func(string) string, error) {
	g, ok := c.lists[list]
	if !ok {
		return nil, nil, fmt.Errorf("caller: list %q: not loaded, want one that the permit names", list)
	}
	return g.prints, func(entry string) string { return g.who[entry] }, nil
}

// Outcome implements analysis.Voice: it counts the attempt.
func (c *Call) Outcome(ctx context.Context, o analysis.VoiceOutcome) error {
	rules, err := c.rules(ctx, o.Speaker)
	if err != nil {
		return err
	}
	_, err = c.registry.Attempt(ctx, actor, store.Attempt{SpeakerID: o.Speaker, InteractionID: o.Interaction, Decision: o.Decision, LLR: o.LLR,
		Threshold: o.Threshold, NetSpeechMs: o.NetSpeechMs, Reasons: o.Reasons, Shadow: o.Shadow}, rules.Attempts)
	return err
}
