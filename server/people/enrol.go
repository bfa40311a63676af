package people

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Existing says what an enrolment does with a person who has a print of the model in force.
type Existing string

// What may be done.
const (
	Extend    Existing = "extend" // the default
	Skip      Existing = "skip"
	Overwrite Existing = "overwrite"
)

// What became of an enrolment.
const (
	Enrolled = "enrolled"
	Extended = "extended"
	Replaced = "replaced"
	Skipped  = "skipped"
)

// The reviews.
const (
	ReviewDuplicate = "duplicate"       // the voice seems to be enrolled as somebody else
	ReviewWatchlist = "watchlist_match" // the voice seems to be on a watchlist
)

// Request asks for an enrolment.
type Request struct {
	Speaker      string
	DisplayName  string
	Jurisdiction string         // whose law the print stands under; empty: as known
	ConsentRef   string         // empty: the latest consent in force
	Consent      *store.Consent // what the site vouches for, see identity.Enrolment; nil: the ledger alone counts
	Watchlist    string         // the list that the print is made for, in the place of a consent
	Passive      bool
	Interaction  string // the call that it is made of
	Existing     Existing
	Options      voiceprint.EnrolOptions
	Policy       *policy.Resolved // of the call, beside which the law of the person's jurisdiction counts; nil: that of the tenant and the jurisdiction
}

// Made is what an enrolment came to.
type Made struct {
	Action     string
	Print      store.Voiceprint // the row, for one that was skipped the one that is in force
	Voiceprint *voiceprint.Voiceprint
	Recordings []voiceprint.Recording
	Review     string // "": in force; else why it waits for approval. A passive one waits without a review, too

	enrolment identity.Enrolment
	made      policy.Resolved
}

// Enrol makes a print of recordings and keeps it. hear is called once, where registry and policy allow it. Errors: those of
// identity.Registry.Enrol, ErrRecording, and of hear.
func (d *Desk) Enrol(ctx context.Context, by string, r Request, hear func(context.Context) ([]voiceprint.Speech, error)) (*Made, error) {
	m, err := d.Prepare(ctx, by, r, hear)
	if err != nil {
		return nil, err
	}
	return m, d.Keep(ctx, by, m)
}

// MayHear reports, without a word in the log, whether a print may be made of a call that a policy was resolved for: that policy and
// the law of the person's own jurisdiction allow it, a consent is in force, and there is no print yet, nor one that waits.
func (d *Desk) MayHear(ctx context.Context, customer string, call policy.Resolved) (bool, error) {
	made, err := d.ofCall(ctx, customer, "", call)
	if err != nil {
		return false, err
	}
	return d.Registry.MayHear(ctx, customer, d.Known.Model(), made.Rules())
}

// ofCall returns the policy of a call with what the law of the person's own place, as resolve has it, asks beyond it.
func (d *Desk) ofCall(ctx context.Context, speaker, place string, call policy.Resolved) (policy.Resolved, error) {
	own, err := d.resolve(ctx, speaker, place)
	call.Permit.ReleaseRequired = call.Permit.ReleaseRequired || own.Permit.ReleaseRequired
	return call, err
}

// Prepare does what Enrol does, but keeps nothing. Several may be prepared side by side.
func (d *Desk) Prepare(ctx context.Context, by string, r Request, hear func(context.Context) ([]voiceprint.Speech, error)) (*Made, error) {
	have, plain, err := d.Registry.Print(ctx, r.Speaker, d.Known.Model())
	if err != nil {
		return nil, err
	}
	if have != nil && r.Existing == Skip {
		return &Made{Action: Skipped, Print: *have}, nil
	}
	m := &Made{Action: Enrolled, enrolment: identity.Enrolment{
		Speaker: r.Speaker, DisplayName: r.DisplayName, Jurisdiction: r.Jurisdiction, ConsentRef: r.ConsentRef, Consent: r.Consent,
		Watchlist: r.Watchlist, Passive: r.Passive, Interaction: r.Interaction, Model: d.Known.Model(),
	}}
	place := r.Jurisdiction
	if place == "" && r.Consent != nil {
		place = r.Consent.Jurisdiction
	}
	if r.Policy != nil {
		m.made, err = d.ofCall(ctx, r.Speaker, place, *r.Policy)
	} else {
		m.made, err = d.resolve(ctx, r.Speaker, place)
	}
	if err != nil {
		return nil, err
	}
	if _, ok := m.made.Search(policy.SearchWatchlist, r.Watchlist); r.Watchlist != "" && !ok {
		return nil, d.Registry.Refuse(ctx, by, "enrol", r.Speaker, fmt.Sprintf("policy %s permits no search of the list %q, for which the print would be made", m.made.Permit.Policy, r.Watchlist))
	}
	if _, err := d.Registry.MayEnrol(ctx, by, m.enrolment, m.made.Rules()); err != nil {
		return nil, err
	}
	speech, err := hear(ctx)
	if err != nil {
		return nil, err
	}
	x, back, err := d.Extractor()
	if err != nil {
		return nil, err
	}
	defer back()
	switch {
	case have == nil:
		m.Voiceprint, m.Recordings, err = x.Enrol(r.Options, speech...)
	case r.Existing == Overwrite:
		m.Action = Replaced
		m.Voiceprint, m.Recordings, err = x.Enrol(r.Options, speech...)
	default:
		m.Action = Extended
		var old voiceprint.Voiceprint
		if err := old.UnmarshalBinary(plain); err != nil {
			return nil, fmt.Errorf("people: voiceprint %s: %w", have.ID, err)
		}
		m.Voiceprint, m.Recordings, err = x.Extend(&old, r.Options, speech...)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: speaker %q: %w", ErrRecording, r.Speaker, err)
	}
	return m, nil
}

// Keep looks for the voice of what was prepared among those that the policy lets it be searched for, and keeps the print: in force,
// or waiting for a person's approval. One that was skipped is left alone.
func (d *Desk) Keep(ctx context.Context, by string, m *Made) (err error) {
	if m.Action == Skipped {
		return nil
	}
	if m.Review, err = d.suspicious(ctx, m); err != nil {
		return err
	}
	e, p := &m.enrolment, m.Voiceprint
	e.Review, e.NetSpeechMs, e.SNRdB, e.Sources = m.Review, p.Quality.NetSpeech.Milliseconds(), finite(p.Quality.SNRdB), len(p.Sources)
	if e.Print, err = p.MarshalBinary(); err != nil {
		return fmt.Errorf("people: voiceprint: %w", err)
	}
	if m.Print, err = d.Registry.Enrol(ctx, by, *e, m.made.Rules()); err != nil {
		return err
	}
	d.forget()
	return nil
}

// suspicious returns why a person has to look at a new print before it is in force.
func (d *Desk) suspicious(ctx context.Context, m *Made) (string, error) {
	var lists []string
	for _, list := range m.made.Permit.Watchlists {
		if list != m.enrolment.Watchlist {
			lists = append(lists, list)
		}
	}
	if _, ok := m.made.Search(policy.SearchDuplicates, ""); ok {
		lists = append(slices.Clone(lists), "")
	}
	for _, list := range lists {
		g, who, err := d.gallery(ctx, list, m.made.Rules())
		if err != nil {
			return "", err
		}
		found, err := g.Duplicates("", m.Voiceprint, voiceprint.DefaultIdentify())
		if errors.Is(err, voiceprint.ErrUncalib) { // its scores are no evidence
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("people: enrol: %w", err)
		}
		for _, hit := range found {
			switch {
			case who(hit.ID) == m.enrolment.Speaker:
			case list == "":
				return ReviewDuplicate, nil
			default:
				return ReviewWatchlist, nil
			}
		}
	}
	return "", nil
}

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
