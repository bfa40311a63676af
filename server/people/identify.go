package people

import (
	"context"
	"errors"
	"fmt"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Found is the answer to a search. Its candidates are leads for a person.
type Found struct {
	interaction.Voice             // Candidates, or Watchlist where a list was searched; the decision is always inconclusive
	Nearest           []Candidate // the best whatever their LLR, the first of them those at or above the threshold
	Entries           int
	Explanations      []string // the reasons in words, in the same order
}

// Candidate is one of the best entries of a search.
type Candidate struct {
	Speaker string
	Score   float64 // raw: no evidence by itself
	LLR     *float64
}

// Identify searches a watchlist for a voice, or everybody enrolled where list is empty. Errors: identity.ErrNotPermitted where the
// policy permits no such search, before anything is listened to; store.ErrNotFound for a list that is not there; those of listen.
func (d *Desk) Identify(ctx context.Context, by, list string, o voiceprint.IdentifyOptions, listen Listen) (*Found, error) {
	made, err := d.Policy.Resolve(policy.Call{Tenant: d.Registry.Tenant()})
	if err != nil {
		return nil, err
	}
	kind := policy.SearchIdentification
	if list != "" {
		kind = policy.SearchWatchlist
	}
	if _, ok := made.Search(kind, list); !ok {
		return nil, d.Registry.Refuse(ctx, by, "identify", "", fmt.Sprintf(
			"policy %s permits no search of kind %s, list %q, want it under searches with purpose, legal_basis, retention_days and approver", made.Permit.Policy, kind, list))
	}
	if list != "" {
		if _, err := d.Registry.Watchlist(ctx, list); err != nil {
			return nil, err
		}
	}
	h, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	g, who, err := d.gallery(ctx, list, made.Rules())
	if err != nil {
		return nil, err
	}
	q := h.Speech.Quality
	out := &Found{Entries: g.Len(), Voice: interaction.Voice{
		Decision: interaction.Inconclusive, NetSpeechMs: q.NetSpeech.Milliseconds(), SNRdB: finite(q.SNRdB), Codec: h.Codec, Assurance: interaction.AssuranceEvidenceOnly,
	}}
	if err := d.search(g, who, list, o, h.Speech, out); err != nil {
		return nil, err
	}
	return out, d.Registry.Searched(ctx, by, identity.Search{List: list, Entries: out.Entries, Candidates: len(out.Candidates) + len(out.Watchlist), Model: d.Known.Model()})
}

// search fills in what the gallery answers.
func (d *Desk) search(g *voiceprint.Gallery, who func(string) string, list string, o voiceprint.IdentifyOptions, speech voiceprint.Speech, out *Found) error {
	x, back, err := d.Extractor()
	if err != nil {
		return err
	}
	defer back()
	test, err := x.Embed(speech)
	switch {
	case errors.Is(err, voiceprint.ErrNoSpeech):
		out.Reasons, out.Explanations = []string{voiceprint.CodeNoSpeech}, []string{"no speech was heard"}
		return nil
	case errors.Is(err, voiceprint.ErrTooLittle):
		out.Reasons, out.Explanations = []string{voiceprint.CodeTooLittleSpeech}, []string{err.Error()}
		return nil
	case err != nil:
		return fmt.Errorf("people: identify: %w", err)
	}
	found, err := g.Identify(test, o)
	if err != nil {
		return fmt.Errorf("people: identify: %w", err)
	}
	out.Threshold = found.Threshold
	out.Reasons, out.Explanations = words(found.Reasons)
	for _, c := range found.Candidates {
		hit := interaction.Candidate{SpeakerID: who(c.ID), LLR: *c.LLR, List: list}
		if list != "" {
			out.Watchlist = append(out.Watchlist, hit)
		} else {
			out.Candidates = append(out.Candidates, hit)
		}
	}
	for _, c := range found.Nearest {
		out.Nearest = append(out.Nearest, Candidate{who(c.ID), c.Score, c.LLR})
	}
	return nil
}
