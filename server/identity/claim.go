package identity

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
)

// Claim is what the registry knows of the person whom a caller claims to be.
type Claim struct {
	Decision interaction.Decision // "": the voice may be compared with Print; else the answer, without hearing anything
	Reason   string               // of Decision, in words that name nobody
	Print    []byte               // plain, as given to Enrol; the caller's
	Consent  *store.Consent       // in force; nil where Decision came before it
}

// Claim looks a claimed identity up. The answers that need no voice come in this order: opted_out, not_enrolled, locked, expired.
// Whoever withdrew consent is not_enrolled from then on, with the reason; so is who waits for approval.
func (r *Registry) Claim(ctx context.Context, speaker string, m Model, rules Rules) (Claim, error) {
	answer := func(d interaction.Decision, why string) (Claim, error) { return Claim{Decision: d, Reason: why}, nil }
	out, err := r.OptedOut(ctx, speaker)
	if err != nil {
		return Claim{}, err
	}
	if out {
		return answer(interaction.OptedOut, "the person opted out of being known by voice")
	}
	person, err := r.rows.Speaker(ctx, speaker)
	if errors.Is(err, store.ErrNotFound) {
		return answer(interaction.NotEnrolled, "the person has no voiceprint")
	}
	if err != nil {
		return Claim{}, err
	}
	lock, err := r.rows.Lockout(ctx, speaker)
	if err != nil {
		return Claim{}, err
	}
	now := r.now()
	switch {
	case !lock.LockedAt.IsZero():
		return answer(interaction.Locked, fmt.Sprintf("the voice factor was locked after %d failures in a row; a person has to unlock it", lock.Failures))
	case lock.BlockedUntil.After(now):
		return answer(interaction.Locked, fmt.Sprintf("the voice factor waits until %s after %d failures in a row", lock.BlockedUntil.Format(time.RFC3339), lock.Failures))
	}
	c, why, err := r.consent(ctx, speaker, "", rules.ReleaseRequired)
	if err != nil {
		return Claim{}, err
	}
	if c == nil {
		return answer(interaction.NotEnrolled, why)
	}
	if end := expires(person, rules.PrintUnusedMonths); !end.After(now) {
		return answer(interaction.Expired, "the voiceprint expired on "+end.UTC().Format(time.DateOnly))
	}
	v, err := r.printOf(ctx, speaker, m, store.EnrolmentActive)
	if err != nil {
		return Claim{}, err
	}
	if v == nil || person.State != store.EnrolmentActive {
		return answer(interaction.NotEnrolled, "no voiceprint of this model is in force")
	}
	plain, err := r.open(ctx, v)
	if errors.Is(err, ErrKeyDestroyed) { // deleted while we looked
		return answer(interaction.NotEnrolled, "the person has no voiceprint")
	}
	return Claim{Print: plain, Consent: c}, err
}

// open opens a sealed print with its person's key.
func (r *Registry) open(ctx context.Context, v *store.Voiceprint) ([]byte, error) {
	key, err := r.rows.PersonKey(ctx, v.SpeakerID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrKeyDestroyed
	}
	if err != nil {
		return nil, err
	}
	return r.vault.Open(ctx, Binding{Subject: r.subject(v.SpeakerID), Model: v.Model, ModelVersion: v.ModelVersion}, key.Wrapped, v.Sealed)
}

// expires returns when a person's prints expire: the end that was set, or so many months after they were last compared with.
func expires(s store.Speaker, months int) time.Time {
	last := s.UsedAt
	if last.IsZero() {
		last = s.CreatedAt
	}
	end := last.AddDate(0, months, 0)
	if !s.ExpiresAt.IsZero() && s.ExpiresAt.Before(end) {
		end = s.ExpiresAt
	}
	return end
}

// Attempt counts what became of one claim, and returns how the identity stands after it. Give it the decision of the end of the
// call, or an earlier one that was acted on; each once. A claim that was answered without hearing anything is kept and counts for
// nothing, nor does one in shadow mode.
func (r *Registry) Attempt(ctx context.Context, by string, a store.Attempt, limits Limits) (store.Lockout, error) {
	before, err := r.rows.Lockout(ctx, a.SpeakerID)
	if err != nil {
		return store.Lockout{}, err
	}
	after, err := r.rows.AddAttempt(ctx, a, limits.next)
	if err != nil {
		return store.Lockout{}, err
	}
	heard := a.Decision == interaction.Authenticated || a.Decision == interaction.NotAuthenticated || a.Decision == interaction.Inconclusive
	if heard {
		if err := r.rows.UsedSpeaker(ctx, a.SpeakerID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return after, err
		}
	}
	detail := map[string]string{"decision": string(a.Decision), "interaction": a.InteractionID, "failures": strconv.Itoa(after.Failures)}
	if a.Shadow {
		detail["shadow"] = "true"
	}
	if _, err := r.log(ctx, by, "verify", a.SpeakerID, detail); err != nil {
		return after, err
	}
	if before.LockedAt.IsZero() && !after.LockedAt.IsZero() {
		_, err = r.log(ctx, by, "lock", a.SpeakerID, map[string]string{"failures": strconv.Itoa(after.Failures)})
	}
	return after, err
}

// Unlock forgets the failures of an identity. Errors: store.ErrNotFound where there were none.
func (r *Registry) Unlock(ctx context.Context, by, speaker string) error {
	if err := r.rows.Unlock(ctx, speaker); err != nil {
		return err
	}
	_, err := r.log(ctx, by, "unlock", speaker, nil)
	return err
}
