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
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Voice is what knows persons by their voices.
type Voice struct {
	Model        *voiceprint.Model // nil: voices are not compared; persons can still be listed and deleted
	LicenceClass string            // of the model, for records
	Speech       *vad.Net          // finds the speech in a recording; required beside a Model
}

// voices is api.Voices over the store, the vault and a speaker model.
type voices struct {
	Voice
	store      *store.Store
	keys       *identity.KeyFile
	vault      *identity.Vault
	policy     policy.Config
	tenant     string        // of calls that name none
	known      *caller.Known // nil without a model
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
		out.Prints = append(out.Prints, api.Print{ID: p.ID, State: string(p.State), Model: p.Model, Version: p.ModelVersion, NetSpeechMs: p.NetSpeechMs, CreatedAt: p.CreatedAt})
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

func (v *voices) audit(ctx context.Context, t *store.Tenant, by, action, subject string, detail map[string]string) (store.AuditEntry, error) {
	e, err := t.AppendAudit(ctx, store.AuditEntry{Actor: by, Action: action, Subject: subject, Detail: detail})
	return e, fault(err)
}

func (v *voices) DeleteSpeaker(ctx context.Context, tenant, by, id string) (api.Receipt, error) {
	r, err := v.registry(tenant)
	if err != nil {
		return api.Receipt{}, err
	}
	proof, err := r.Delete(ctx, by, id, "request")
	if errors.Is(err, store.ErrUnavailable) && proof != nil { // the key and the rows are gone; what is left is to rebuild the file
		err = v.store.Scrub(ctx)
	}
	if v.known != nil {
		v.known.Forget(tenant)
	}
	if err != nil {
		return api.Receipt{}, fault(err)
	}
	text, err := proof.Signed()
	if err != nil {
		return api.Receipt{}, err
	}
	d := proof.Destroyed
	return api.Receipt{
		Pseudonym: proof.Pseudonym, DeletedAt: proof.DeletedAt, Keys: d["keys"], Voiceprints: d["voiceprints"], Consents: d["consents"],
		Entries: d["watchlist_entries"], Attempts: d["attempts"], AuditSeq: proof.AuditSeq, Signed: string(text),
		Signature: proof.Signature, PublicKey: proof.PublicKey,
	}, nil
}

// extractor returns an extractor that nobody else uses until it is put back.
func (v *voices) extractor() (*voiceprint.Extractor, error) {
	if e, ok := v.extractors.Get().(*voiceprint.Extractor); ok {
		return e, nil
	}
	return v.Model.NewExtractor()
}

func (v *voices) Verify(ctx context.Context, tenant, by, id string, c api.Clip) (*interaction.Voice, error) {
	if v.Model == nil {
		return nil, errNoModel
	}
	made, rules, err := v.resolved(tenant)
	if err != nil {
		return nil, err
	}
	if !made.Permit.Verification {
		return nil, fmt.Errorf("%w: policy %s permits no verification by voice", api.ErrForbidden, made.Permit.Policy)
	}
	reg, err := v.registry(tenant)
	if err != nil {
		return nil, err
	}
	found, err := reg.Claim(ctx, id, v.known.Model(), rules)
	if err != nil {
		return nil, fault(err)
	}
	var d voiceprint.Decision
	codec := ""
	if found.Decision != "" { // nothing is listened to
		d = voiceprint.Withhold(voiceprint.Outcome(found.Decision))
	} else {
		print := &voiceprint.Voiceprint{}
		if err := print.UnmarshalBinary(found.Print); err != nil {
			return nil, fmt.Errorf("server: voiceprint: %w", err)
		}
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
	}
	if _, err := reg.Attempt(ctx, by, store.Attempt{
		SpeakerID: id, Decision: interaction.Decision(d.Outcome), LLR: d.LLR, Threshold: d.Threshold, NetSpeechMs: d.Quality.NetSpeech.Milliseconds(), Reasons: codes(d.Reasons),
		Shadow: made.Permit.Shadow,
	}, rules.Attempts); err != nil {
		return nil, fault(err)
	}
	if made.Permit.Shadow { // kept for calibration, and not shown
		return &interaction.Voice{Decision: interaction.Inconclusive, Codec: codec, Reasons: []string{reasonShadow, voiceprint.CodeSpoofNotChecked},
			Assurance: interaction.AssuranceEvidenceOnly}, nil
	}
	return &interaction.Voice{
		Decision: interaction.Decision(d.Outcome), LLR: d.LLR, Threshold: d.Threshold, NetSpeechMs: d.Quality.NetSpeech.Milliseconds(),
		SNRdB: finite(d.Quality.SNRdB), Codec: codec, Reasons: codes(d.Reasons), Assurance: interaction.AssuranceEvidenceOnly,
	}, nil
}

// reasonShadow is the reason of a result that is kept and not shown.
const reasonShadow = "shadow_mode"

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
	if err := v.searchable(tenant, watchlist); err != nil { // nothing is listened to
		return nil, err
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
	reg, rules, err := v.ruled(tenant)
	if err != nil {
		return api.Enrolled{}, err
	}
	e := identity.Enrolment{Speaker: id, ConsentRef: consentRef}
	fresh, err := v.mayEnrol(ctx, reg, by, e, rules)
	if err != nil { // nothing is listened to
		return api.Enrolled{}, err
	}
	h, err := v.hear(ctx, c)
	if err != nil {
		return api.Enrolled{}, err
	}
	_, have, err := v.print(ctx, t, tenant, id)
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
	if have == nil {
		print, report, err = x.Enrol(voiceprint.DefaultEnrol(), h.speech)
	} else {
		print, report, err = x.Extend(have, voiceprint.DefaultEnrol(), h.speech)
	}
	if err != nil { // what is wrong with the recording, with the value and what was wanted
		return api.Enrolled{}, fmt.Errorf("%w: speaker %q: %w", api.ErrInvalid, id, err)
	}
	e.Model, e.NetSpeechMs, e.SNRdB, e.Sources = v.known.Model(), print.Quality.NetSpeech.Milliseconds(), finite(print.Quality.SNRdB), len(print.Sources)
	if e.Print, err = print.MarshalBinary(); err != nil {
		return api.Enrolled{}, fmt.Errorf("server: voiceprint: %w", err)
	}
	if e.Review, err = v.suspicious(ctx, reg, id, print); err != nil {
		return api.Enrolled{}, err
	}
	if fresh {
		if _, err := reg.GiveConsent(ctx, by, store.Consent{SpeakerID: id, Ref: consentRef, Purpose: identity.PurposeVerify}); err != nil {
			return api.Enrolled{}, fault(err)
		}
	}
	if _, err := reg.Enrol(ctx, by, e, rules); err != nil {
		return api.Enrolled{}, refusal(err)
	}
	v.known.Forget(tenant)
	out := api.Enrolled{NetSpeechMs: print.Quality.NetSpeech.Milliseconds(), Reasons: []string{}}
	for _, r := range report {
		out.Reasons = append(out.Reasons, codes(r.Reasons)...)
	}
	if e.Review != "" {
		out.Reasons = append(out.Reasons, e.Review)
	}
	out.Speaker, err = v.Speaker(ctx, tenant, id)
	return out, err
}
