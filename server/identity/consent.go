package identity

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/timbre-voice/timbre/server/store"
)

// Released reports whether a consent is a release: given in writing, of which an electronic form is one (740 ILCS 14/10).
func Released(c store.Consent) bool { return c.Channel == "web" || c.Channel == "paper" }

// GiveConsent writes a consent into the ledger. A person who opted out may still give one: it takes an opt-in to end that.
func (r *Registry) GiveConsent(ctx context.Context, by string, c store.Consent) (store.Consent, error) {
	c, err := r.rows.AddConsent(ctx, c)
	if err != nil {
		return store.Consent{}, err
	}
	_, err = r.log(ctx, by, "consent", c.SpeakerID, map[string]string{
		"consent": c.ID, "purpose": c.Purpose, "text_version": c.TextVersion, "channel": c.Channel, "jurisdiction": c.Jurisdiction,
	})
	return c, err
}

// WithdrawConsent ends a person's consents for a purpose, or for all where it is empty, and returns how many were open. From then
// on the person is not compared with; Sweep or Delete destroys the prints. What a consent to analytics covered is destroyed at once, unless
// a legal hold is in force: then Sweep does it.
func (r *Registry) WithdrawConsent(ctx context.Context, by, speaker, purpose string) (int64, error) {
	n, err := r.rows.WithdrawConsents(ctx, speaker, purpose)
	if err != nil {
		return 0, err
	}
	if _, err = r.log(ctx, by, "withdraw_consent", speaker, map[string]string{"purpose": purpose, "consents": strconv.FormatInt(n, 10)}); err != nil {
		return n, err
	}
	if purpose == "" || purpose == PurposeAnalytics {
		if err = r.forgetNormals(ctx, by, speaker, "consent_ended"); errors.Is(err, ErrHeld) {
			err = nil
		}
	}
	return n, err
}

// ConsentInForce returns the person's latest consent to verification that is in force and, where release is set, a release; else why
// there is none, in words. Nothing is logged.
func (r *Registry) ConsentInForce(ctx context.Context, speaker string, release bool) (c *store.Consent, missing string, err error) {
	return r.consent(ctx, speaker, "", release)
}

// consent returns the person's latest consent to verification that is in force and, where release is set, a release; else why there
// is none, in words. ref narrows it to the consents of that reference.
func (r *Registry) consent(ctx context.Context, speaker, ref string, release bool) (*store.Consent, string, error) {
	return r.consentTo(ctx, PurposeVerify, speaker, ref, release)
}

// consentTo is consent for a purpose.
func (r *Registry) consentTo(ctx context.Context, purpose, speaker, ref string, release bool) (*store.Consent, string, error) {
	all, err := r.rows.Consents(ctx, speaker)
	if err != nil {
		return nil, "", err
	}
	why := map[string]string{PurposeVerify: "no consent to voice verification is in the ledger", PurposeAnalytics: "no consent to analytics is in the ledger"}[purpose]
	for i := len(all) - 1; i >= 0; i-- {
		c := &all[i]
		switch {
		case c.Purpose != purpose:
		case ref != "" && c.Ref != ref:
			why = "the ledger holds no consent of this reference"
		default:
			if why = r.unfit(c, release); why == "" {
				return c, "", nil
			}
		}
	}
	return nil, why, nil
}

// unfit returns why a consent is not in force or, where release is set, no release, in words; else "".
func (r *Registry) unfit(c *store.Consent, release bool) string {
	now := r.now()
	switch {
	case !c.WithdrawnAt.IsZero():
		return "the consent was withdrawn"
	case !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(now):
		return "the consent has expired"
	case c.GivenAt.After(now):
		return "the consent is not in force yet"
	case release && !Released(*c):
		return fmt.Sprintf("the consent was given by %q, want a release in writing (web, paper)", c.Channel)
	}
	return ""
}

// OptOut keeps the wish of a person, enrolled or not, never to be known by voice, and deletes what is kept of the voice. The receipt
// is nil where nothing was. Under a legal hold the wish is in force and ErrHeld tells that the rows stay.
func (r *Registry) OptOut(ctx context.Context, by, speaker, source string) (*Receipt, error) {
	alias, err := r.keys.Pseudonym(r.subject(speaker))
	if err != nil {
		return nil, err
	}
	if err := r.rows.OptOut(ctx, store.OptOut{Pseudonym: alias, Source: source}); err != nil {
		return nil, err
	}
	if _, err := r.log(ctx, by, "opt_out", speaker, map[string]string{"source": source}); err != nil {
		return nil, err
	}
	receipt, err := r.Delete(ctx, by, speaker, "opt_out")
	if store.Code(err) == "not_found" {
		return nil, nil
	}
	return receipt, err
}

// OptIn takes an opt-out back, at the person's own wish. Errors: store.ErrNotFound.
func (r *Registry) OptIn(ctx context.Context, by, speaker string) error {
	alias, err := r.keys.Pseudonym(r.subject(speaker))
	if err != nil {
		return err
	}
	if err := r.rows.OptIn(ctx, alias); err != nil {
		return err
	}
	_, err = r.log(ctx, by, "opt_in", speaker, nil)
	return err
}
