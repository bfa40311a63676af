package identity

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/timbre-voice/timbre/server/store"
)

// Model names what made a voiceprint. Prints of two models are never compared.
type Model struct {
	Name, Version, SHA256 string
}

// Rules is what a policy says of the registry's work.
type Rules struct {
	Attempts          Limits
	ReleaseRequired   bool
	PassiveEnrolment  bool
	SecondPerson      bool // who asked for a print does not approve it
	PrintUnusedMonths int
	PendingDays       int // after which a print that waits for approval is removed
}

// PendingDays is after how many days without approval a print is removed where no rule says otherwise.
const PendingDays = 30

// DefaultRules returns the rules where no policy says otherwise.
func DefaultRules() Rules {
	return Rules{Attempts: DefaultLimits(), PrintUnusedMonths: UnusedMonths, PendingDays: PendingDays}
}

// Enrolment is a voiceprint to be kept, with what it stands on.
type Enrolment struct {
	Speaker      string
	DisplayName  string // empty: stays as it is
	Jurisdiction string // whose retention clock runs; empty: stays as it is
	ConsentRef   string // of a consent in the ledger; empty: the latest that is in force
	// Consent is what the site tells of the consent of ConsentRef where the ledger does not hold it yet: it vouches for it, and Enrol
	// writes it into the ledger. nil: the ledger alone counts.
	Consent     *store.Consent
	Watchlist   string // the list that the print is made for, which stands in the place of a consent
	Passive     bool   // made of calls, not in the person's presence
	Interaction string // the call that it was made of, for the log
	Review      string // why a person has to look at it before it is in force, as a code; empty: nobody has to
	Model       Model
	Print       []byte // plain; borrowed
	NetSpeechMs int64
	SNRdB       *float64
	Sources     int
}

// MayEnrol returns what a print of the person may stand on, or why none may be made: ErrOptedOut, ErrNoConsent, ErrNotPermitted. Ask
// before anything is embedded. e needs no print yet.
func (r *Registry) MayEnrol(ctx context.Context, by string, e Enrolment, rules Rules) (ref string, err error) {
	out, err := r.OptedOut(ctx, e.Speaker)
	switch {
	case err != nil:
		return "", err
	case out: // not even for a watchlist
		return "", r.refuse(ctx, by, "enrol", e.Speaker, ErrOptedOut, "the person opted out of being known by voice, want an opt-in first")
	case e.Passive && !rules.PassiveEnrolment:
		return "", r.refuse(ctx, by, "enrol", e.Speaker, ErrNotPermitted, "the policy permits no print made of calls")
	case e.Watchlist != "":
		if _, err := r.rows.Watchlist(ctx, e.Watchlist); err != nil {
			return "", err
		}
		return onWatchlist(e.Watchlist), nil
	}
	fresh, err := r.vouched(ctx, e)
	if err != nil {
		return "", err
	}
	if fresh != nil {
		if why := r.unfit(fresh, rules.ReleaseRequired); why != "" {
			return "", r.refuse(ctx, by, "enrol", e.Speaker, ErrNoConsent, why)
		}
		return fresh.Ref, nil
	}
	c, why, err := r.consent(ctx, e.Speaker, e.ConsentRef, rules.ReleaseRequired)
	if err != nil {
		return "", err
	}
	if c == nil {
		return "", r.refuse(ctx, by, "enrol", e.Speaker, ErrNoConsent, why)
	}
	return c.Ref, nil
}

// onWatchlist is the consent reference of a print that was made for a watchlist.
func onWatchlist(list string) string { return "watchlist " + list }

// vouched returns the consent that e brings, where the ledger holds none of its reference; one that was withdrawn is not given anew by
// naming it again.
func (r *Registry) vouched(ctx context.Context, e Enrolment) (*store.Consent, error) {
	if e.Consent == nil || e.ConsentRef == "" {
		return nil, nil
	}
	given, err := r.rows.Consents(ctx, e.Speaker)
	if err != nil || slices.ContainsFunc(given, func(c store.Consent) bool { return c.Ref == e.ConsentRef && c.Purpose == PurposeVerify }) {
		return nil, err
	}
	c := *e.Consent
	c.SpeakerID, c.Ref, c.Purpose = e.Speaker, e.ConsentRef, PurposeVerify
	return &c, nil
}

// MayHear reports, without a word in the log, whether a print may be made of calls of a person who has none: the rules permit it, a
// consent is in force, nobody opted out, and neither a print of the model nor one that waits is there.
func (r *Registry) MayHear(ctx context.Context, speaker string, m Model, rules Rules) (bool, error) {
	if !rules.PassiveEnrolment {
		return false, nil
	}
	if out, err := r.OptedOut(ctx, speaker); err != nil || out {
		return false, err
	}
	if c, _, err := r.consent(ctx, speaker, "", rules.ReleaseRequired); err != nil || c == nil {
		return false, err
	}
	for _, state := range []store.EnrolmentState{store.EnrolmentActive, store.EnrolmentPending} {
		if v, err := r.printOf(ctx, speaker, m, state); err != nil || v != nil {
			return false, err
		}
	}
	return true, nil
}

// Enrol keeps a voiceprint in the place of the person's print of the same model, or beside those of others. One that was made of
// calls, or has to be reviewed, waits for Approve, and leaves the print that is in force as it is. Errors: those of MayEnrol, of Vault and of the store.
func (r *Registry) Enrol(ctx context.Context, by string, e Enrolment, rules Rules) (store.Voiceprint, error) {
	ref, err := r.MayEnrol(ctx, by, e, rules)
	if err != nil {
		return store.Voiceprint{}, err
	}
	if e.Watchlist == "" {
		fresh, err := r.vouched(ctx, e)
		if err != nil {
			return store.Voiceprint{}, err
		}
		if fresh != nil {
			if _, err := r.GiveConsent(ctx, by, *fresh); err != nil {
				return store.Voiceprint{}, err
			}
		}
	}
	state := store.EnrolmentActive
	if e.Passive || e.Review != "" {
		state = store.EnrolmentPending
	}
	wrapped, err := r.person(ctx, e, state)
	if err != nil {
		return store.Voiceprint{}, err
	}
	binding := Binding{Subject: r.subject(e.Speaker), Model: e.Model.Name, ModelVersion: e.Model.Version}
	sealed, err := r.vault.Seal(ctx, binding, wrapped, e.Print)
	if err != nil {
		return store.Voiceprint{}, err
	}
	have, err := r.printOf(ctx, e.Speaker, e.Model, state)
	if err != nil {
		return store.Voiceprint{}, err
	}
	v := store.Voiceprint{
		SpeakerID: e.Speaker, Model: e.Model.Name, ModelVersion: e.Model.Version, ModelSHA256: e.Model.SHA256, State: state, Sealed: sealed,
		ConsentRef: ref, NetSpeechMs: e.NetSpeechMs, SNRdB: e.SNRdB, Sources: e.Sources,
	}
	action := "enrol"
	if have != nil {
		v.ID, action = have.ID, "replace_print"
	}
	if v, err = r.rows.SaveVoiceprint(ctx, v); err != nil {
		return store.Voiceprint{}, err
	}
	detail := map[string]string{"voiceprint": v.ID, "state": string(state), "model": v.Model, "model_version": v.ModelVersion, "sources": strconv.Itoa(v.Sources)}
	if e.Review != "" {
		detail["review"] = e.Review
	}
	if e.Interaction != "" {
		detail["interaction"] = e.Interaction
	}
	_, err = r.log(ctx, by, action, e.Speaker, detail)
	return v, err
}

// person returns the wrapped key of a person, who is added where there is none.
func (r *Registry) person(ctx context.Context, e Enrolment, state store.EnrolmentState) ([]byte, error) {
	have, err := r.rows.Speaker(ctx, e.Speaker)
	if errors.Is(err, store.ErrNotFound) {
		wrapped, err := r.vault.NewPersonKey(ctx, r.subject(e.Speaker))
		if err != nil {
			return nil, err
		}
		by, err := WrappedBy(wrapped)
		if err != nil {
			return nil, err
		}
		_, err = r.rows.AddSpeaker(ctx, store.Speaker{ID: e.Speaker, DisplayName: e.DisplayName, Jurisdiction: e.Jurisdiction, State: state},
			store.PersonKey{SpeakerID: e.Speaker, KeyID: by.String(), Wrapped: wrapped})
		if !errors.Is(err, store.ErrConflict) { // another call was faster: its key counts
			return wrapped, err
		}
		if have, err = r.rows.Speaker(ctx, e.Speaker); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	changed := have
	if e.DisplayName != "" {
		changed.DisplayName = e.DisplayName
	}
	if e.Jurisdiction != "" {
		changed.Jurisdiction = e.Jurisdiction
	}
	if state == store.EnrolmentActive {
		changed.State = state
	}
	if changed != have {
		if err := r.rows.SaveSpeaker(ctx, changed); err != nil {
			return nil, err
		}
	}
	key, err := r.rows.PersonKey(ctx, e.Speaker)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrKeyDestroyed
	}
	return key.Wrapped, err
}

// Print returns the person's print of a model that is in force, opened; nil where there is none.
func (r *Registry) Print(ctx context.Context, speaker string, m Model) (*store.Voiceprint, []byte, error) {
	v, err := r.printOf(ctx, speaker, m, store.EnrolmentActive)
	if err != nil || v == nil {
		return nil, nil, err
	}
	plain, err := r.open(ctx, v)
	return v, plain, err
}

// printOf returns the person's print of a model and state, nil where there is none.
func (r *Registry) printOf(ctx context.Context, speaker string, m Model, state store.EnrolmentState) (*store.Voiceprint, error) {
	all, err := r.rows.VoiceprintsOf(ctx, speaker)
	for i := range all {
		if v := &all[i]; v.Model == m.Name && v.ModelVersion == m.Version && v.ModelSHA256 == m.SHA256 && v.State == state {
			return v, err
		}
	}
	return nil, err
}
