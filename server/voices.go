package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Voice is what knows persons by their voices.
type Voice struct {
	Model  *voiceprint.Model // nil: voices are not compared; persons can still be listed and deleted
	Speech *vad.Net          // finds the speech in a recording; required beside a Model
}

// voices is api.Voices over the store, the vault and a speaker model.
type voices struct {
	Voice
	store      *store.Store
	keys       *identity.KeyFile
	vault      *identity.Vault
	now        func() time.Time
	extractors sync.Pool // of *voiceprint.Extractor
}

var _ api.Voices = (*voices)(nil)

// errNoModel reports that voices cannot be compared here.
var errNoModel = fmt.Errorf("%w: no speaker model is loaded", api.ErrUnavailable)

func (v *voices) speaker(ctx context.Context, t *store.Tenant, s *store.Speaker) (api.Speaker, error) {
	out := api.Speaker{
		ID: s.ID, DisplayName: s.DisplayName, State: string(s.State), Jurisdiction: s.Jurisdiction, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
		UsedAt: present(s.UsedAt), ExpiresAt: present(s.ExpiresAt),
	}
	rows, err := t.VoiceprintsOf(ctx, s.ID)
	for _, p := range rows {
		out.Prints = append(out.Prints, api.Print{ID: p.ID, Model: p.Model, Version: p.ModelVersion, NetSpeechMs: p.NetSpeechMs, CreatedAt: p.CreatedAt})
	}
	return out, fault(err)
}

func (v *voices) Speakers(ctx context.Context, tenant string, p api.Page) (api.List[api.Speaker], error) {
	t := v.store.Tenant(tenant)
	l, err := t.Speakers(ctx, "", pageOf(p))
	out := api.List[api.Speaker]{Next: l.Next}
	for i := range l.Items {
		s, err := v.speaker(ctx, t, &l.Items[i])
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, s)
	}
	return out, fault(err)
}

func (v *voices) Speaker(ctx context.Context, tenant, id string) (api.Speaker, error) {
	t := v.store.Tenant(tenant)
	s, err := t.Speaker(ctx, id)
	if err != nil {
		return api.Speaker{}, fault(err)
	}
	return v.speaker(ctx, t, &s)
}

// pseudonym names a person in the audit log. The tenant's keys are made with its first person.
func (v *voices) pseudonym(tenant, id string) (string, error) {
	if _, err := v.keys.Present(tenant); errors.Is(err, identity.ErrUnknownKey) {
		if err := v.keys.AddTenant(tenant); err != nil {
			return "", err
		}
	}
	return v.keys.Pseudonym(identity.Subject{Tenant: tenant, Speaker: id})
}

func (v *voices) audit(ctx context.Context, t *store.Tenant, by, action, subject string, detail map[string]string) (store.AuditEntry, error) {
	e, err := t.AppendAudit(ctx, store.AuditEntry{Actor: by, Action: action, Subject: subject, Detail: detail})
	return e, fault(err)
}

func (v *voices) DeleteSpeaker(ctx context.Context, tenant, by, id string) (api.Receipt, error) {
	t := v.store.Tenant(tenant)
	d, err := t.DeleteSpeaker(ctx, id)
	if errors.Is(err, store.ErrUnavailable) && d.Speakers == 1 { // the key and the rows are gone; what is left is to rebuild the file
		err = v.store.Scrub(ctx)
	}
	if err != nil {
		return api.Receipt{}, fault(err)
	}
	alias, err := v.pseudonym(tenant, id)
	if err != nil {
		return api.Receipt{}, err
	}
	e, err := v.audit(ctx, t, by, "delete", alias, map[string]string{
		"keys": fmt.Sprint(d.Keys), "voiceprints": fmt.Sprint(d.Voiceprints), "consents": fmt.Sprint(d.Consents),
		"watchlist_entries": fmt.Sprint(d.WatchlistEntries), "attempts": fmt.Sprint(d.Attempts),
	})
	return api.Receipt{
		Pseudonym: alias, DeletedAt: e.At, Keys: d.Keys, Voiceprints: d.Voiceprints, Consents: d.Consents, Entries: d.WatchlistEntries,
		Attempts: d.Attempts, AuditSeq: e.Seq,
	}, err
}

// extractor returns an extractor that nobody else uses until it is put back.
func (v *voices) extractor() (*voiceprint.Extractor, error) {
	if e, ok := v.extractors.Get().(*voiceprint.Extractor); ok {
		return e, nil
	}
	return v.Model.NewExtractor()
}

// claim looks up the print of a claimed person, or the outcome that needs no voice.
func (v *voices) claim(ctx context.Context, t *store.Tenant, tenant, id string) (voiceprint.Outcome, *voiceprint.Voiceprint, error) {
	alias, err := v.pseudonym(tenant, id)
	if err != nil {
		return "", nil, err
	}
	if out, err := t.IsOptedOut(ctx, alias); err != nil || out {
		return voiceprint.OptedOut, nil, fault(err)
	}
	person, err := t.Speaker(ctx, id)
	if store.Code(err) == "not_found" {
		return voiceprint.NotEnrolled, nil, nil
	}
	if err != nil {
		return "", nil, fault(err)
	}
	lock, err := t.Lockout(ctx, id)
	if err != nil {
		return "", nil, fault(err)
	}
	now := v.now()
	switch {
	case !lock.LockedAt.IsZero() || lock.BlockedUntil.After(now):
		return voiceprint.Locked, nil, nil
	case !person.ExpiresAt.IsZero() && !person.ExpiresAt.After(now):
		return voiceprint.Expired, nil, nil
	}
	row, print, err := v.print(ctx, t, tenant, id)
	switch {
	case err != nil:
		return "", nil, err
	case print == nil || row.State != store.EnrolmentActive || person.State != store.EnrolmentActive:
		return voiceprint.NotEnrolled, nil, nil
	}
	return "", print, nil
}

func (v *voices) Verify(ctx context.Context, tenant, by, id string, c api.Clip) (*interaction.Voice, error) {
	if v.Model == nil {
		return nil, errNoModel
	}
	t := v.store.Tenant(tenant)
	outcome, print, err := v.claim(ctx, t, tenant, id)
	if err != nil {
		return nil, err
	}
	var d voiceprint.Decision
	codec := ""
	if outcome != "" { // nothing is listened to
		d = voiceprint.Withhold(outcome)
	} else {
		h, err := v.hear(ctx, c)
		if err != nil {
			return nil, err
		}
		x, err := v.extractor()
		if err != nil {
			return nil, err
		}
		defer v.extractors.Put(x)
		if d, err = x.Verify(print, h.speech, voiceprint.DefaultPolicy()); err != nil {
			return nil, fmt.Errorf("server: verify: %w", err)
		}
		codec = h.codec
		if err := t.UsedSpeaker(ctx, id); err != nil {
			return nil, fault(err)
		}
	}
	alias, err := v.pseudonym(tenant, id)
	if err != nil {
		return nil, err
	}
	if _, err := v.audit(ctx, t, by, "verify", alias, map[string]string{"decision": string(d.Outcome), "model": v.Model.ID().Name, "model_version": v.Model.ID().Version}); err != nil {
		return nil, err
	}
	return &interaction.Voice{
		Decision: interaction.Decision(d.Outcome), LLR: d.LLR, Threshold: d.Threshold, NetSpeechMs: d.Quality.NetSpeech.Milliseconds(),
		SNRdB: finite(d.Quality.SNRdB), Codec: codec, Reasons: codes(d.Reasons), Assurance: interaction.AssuranceEvidenceOnly,
	}, nil
}

// codes returns the codes of reasons.
func codes(reasons []voiceprint.Reason) []string {
	out := []string{}
	for _, r := range reasons {
		out = append(out, r.Code)
	}
	return out
}

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func (v *voices) Identify(ctx context.Context, tenant, by, watchlist string, top int, c api.Clip) (*interaction.Voice, error) {
	if v.Model == nil {
		return nil, errNoModel
	}
	t := v.store.Tenant(tenant)
	if watchlist != "" {
		if _, err := t.Watchlist(ctx, watchlist); err != nil {
			return nil, fault(err)
		}
	}
	h, err := v.hear(ctx, c)
	if err != nil {
		return nil, err
	}
	g, who, err := v.gallery(ctx, t, tenant, watchlist)
	if err != nil {
		return nil, err
	}
	q := h.speech.Quality
	out := &interaction.Voice{
		Decision: interaction.Inconclusive, NetSpeechMs: q.NetSpeech.Milliseconds(), SNRdB: finite(q.SNRdB), Codec: h.codec, Assurance: interaction.AssuranceEvidenceOnly,
	}
	x, err := v.extractor()
	if err != nil {
		return nil, err
	}
	defer v.extractors.Put(x)
	test, err := x.Embed(h.speech)
	switch {
	case errors.Is(err, voiceprint.ErrNoSpeech):
		out.Reasons = []string{voiceprint.CodeNoSpeech}
	case errors.Is(err, voiceprint.ErrTooLittle):
		out.Reasons = []string{voiceprint.CodeTooLittleSpeech}
	case err != nil:
		return nil, fmt.Errorf("server: identify: %w", err)
	default:
		o := voiceprint.DefaultIdentify()
		o.Top = top
		found, err := g.Identify(test, o)
		if err != nil {
			return nil, fmt.Errorf("server: identify: %w", err)
		}
		out.Threshold, out.Reasons = found.Threshold, codes(found.Reasons)
		for _, c := range found.Candidates {
			hit := interaction.Candidate{SpeakerID: who[c.ID], LLR: *c.LLR, List: watchlist}
			if watchlist != "" {
				out.Watchlist = append(out.Watchlist, hit)
				continue
			}
			out.Candidates = append(out.Candidates, hit)
		}
	}
	_, err = v.audit(ctx, t, by, "identify", watchlist, map[string]string{
		"entries": fmt.Sprint(g.Len()), "candidates": fmt.Sprint(len(out.Candidates) + len(out.Watchlist)), "model": v.Model.ID().Name, "model_version": v.Model.ID().Version,
	})
	return out, err
}

func (v *voices) Enrol(ctx context.Context, tenant, by, id, consentRef string, c api.Clip) (api.Enrolled, error) {
	if v.Model == nil {
		return api.Enrolled{}, errNoModel
	}
	if err := v.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return api.Enrolled{}, fault(err)
	}
	t := v.store.Tenant(tenant)
	alias, err := v.pseudonym(tenant, id)
	if err != nil {
		return api.Enrolled{}, err
	}
	if out, err := t.IsOptedOut(ctx, alias); err != nil {
		return api.Enrolled{}, fault(err)
	} else if out { // nothing is listened to
		return api.Enrolled{}, fmt.Errorf("%w: speaker %q opted out of being known by voice", api.ErrForbidden, id)
	}
	h, err := v.hear(ctx, c)
	if err != nil {
		return api.Enrolled{}, err
	}
	row, have, err := v.print(ctx, t, tenant, id)
	if err != nil {
		return api.Enrolled{}, err
	}
	x, err := v.extractor()
	if err != nil {
		return api.Enrolled{}, err
	}
	defer v.extractors.Put(x)
	var print *voiceprint.Voiceprint
	var report []voiceprint.Recording
	action := "extended"
	if have == nil {
		action = "enrolled"
		print, report, err = x.Enrol(voiceprint.DefaultEnrol(), h.speech)
	} else {
		print, report, err = x.Extend(have, voiceprint.DefaultEnrol(), h.speech)
	}
	if err != nil { // what is wrong with the recording, with the value and what was wanted
		return api.Enrolled{}, fmt.Errorf("%w: speaker %q: %w", api.ErrInvalid, id, err)
	}
	if err := v.keep(ctx, t, tenant, id, row.ID, consentRef, print); err != nil {
		return api.Enrolled{}, err
	}
	if _, err := v.audit(ctx, t, by, action, alias, map[string]string{"model": print.Model.Name, "model_version": print.Model.Version, "sources": fmt.Sprint(len(print.Sources))}); err != nil {
		return api.Enrolled{}, err
	}
	out := api.Enrolled{NetSpeechMs: print.Quality.NetSpeech.Milliseconds(), Reasons: []string{}}
	for _, r := range report {
		out.Reasons = append(out.Reasons, codes(r.Reasons)...)
	}
	out.Speaker, err = v.Speaker(ctx, tenant, id)
	return out, err
}
