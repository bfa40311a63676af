package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
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
	policy     policy.Config
	tenant     string         // of calls that name none
	dir        string         // for the recordings of a batch, while it goes
	known      *caller.Known  // nil without a model
	emotion    identity.Model // that reads emotion; zero: none
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
	for i := range rows {
		out.Prints = append(out.Prints, print(&rows[i]))
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

func (v *voices) DeleteSpeaker(ctx context.Context, tenant, by, id string) (api.Receipt, error) {
	desk, err := v.decider(tenant)
	if err != nil {
		return api.Receipt{}, err
	}
	proof, err := desk.Delete(ctx, by, id, "request")
	if err != nil {
		return api.Receipt{}, fault(err)
	}
	text, err := proof.Signed()
	if err != nil {
		return api.Receipt{}, err
	}
	d := proof.Destroyed
	return api.Receipt{
		Pseudonym: proof.Pseudonym, DeletedAt: proof.DeletedAt, Keys: d["keys"], Voiceprints: d["voiceprints"], Consents: d["consents"], VoiceNormals: d["voice_normals"],
		Entries: d["watchlist_entries"], Attempts: d["attempts"], AuditSeq: proof.AuditSeq, Signed: string(text),
		Signature: proof.Signature, PublicKey: proof.PublicKey,
	}, nil
}

// extractor returns an extractor that nobody else uses until it is put back.
func (v *voices) extractor() (*voiceprint.Extractor, func(), error) {
	x, ok := v.extractors.Get().(*voiceprint.Extractor)
	if !ok {
		var err error
		if x, err = v.Model.NewExtractor(); err != nil {
			return nil, nil, err
		}
	}
	return x, func() { v.extractors.Put(x) }, nil
}

// desk returns what enrols and compares for a tenant, with a model.
func (v *voices) desk(tenant string) (*people.Desk, error) {
	if v.Model == nil {
		return nil, errNoModel
	}
	return v.decider(tenant)
}

func (v *voices) Verify(ctx context.Context, tenant, by, id string, c api.Clip) (*interaction.Voice, error) {
	d, err := v.desk(tenant)
	if err != nil {
		return nil, err
	}
	found, err := d.Verify(ctx, by, id, voiceprint.DefaultPolicy(), func(ctx context.Context) (people.Heard, error) { return v.hear(ctx, c) })
	if err != nil {
		return nil, refusal(err)
	}
	return &found.Voice, nil
}

func (v *voices) Identify(ctx context.Context, tenant, by, watchlist string, top int, c api.Clip) (*interaction.Voice, error) {
	d, err := v.desk(tenant)
	if err != nil {
		return nil, err
	}
	o := voiceprint.DefaultIdentify()
	o.Top = top
	found, err := d.Identify(ctx, by, watchlist, o, func(ctx context.Context) (people.Heard, error) { return v.hear(ctx, c) })
	if err != nil {
		return nil, refusal(err)
	}
	return &found.Voice, nil
}

func (v *voices) Enrol(ctx context.Context, tenant, by, id string, e api.Enrolling, c api.Clip) (api.Enrolled, error) {
	d, err := v.desk(tenant)
	if err != nil {
		return api.Enrolled{}, err
	}
	if err := v.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return api.Enrolled{}, fault(err)
	}
	made, err := d.Enrol(ctx, by, request(id, e), func(ctx context.Context) ([]voiceprint.Speech, error) {
		h, err := v.hear(ctx, c)
		return []voiceprint.Speech{h.Speech}, err
	})
	if err != nil {
		return api.Enrolled{}, refusal(err)
	}
	out := enrolled(made)
	out.Speaker, err = v.Speaker(ctx, tenant, id)
	return out, err
}

// request is what a client asks for, who vouches for the consent that it names.
func request(id string, e api.Enrolling) people.Request {
	return people.Request{
		Speaker: id, DisplayName: e.DisplayName, Jurisdiction: e.Jurisdiction, ConsentRef: e.ConsentRef, Existing: people.Existing(e.Existing), Watchlist: e.Watchlist,
		Consent: &store.Consent{TextVersion: e.ConsentText, Channel: e.ConsentChannel, Jurisdiction: e.Jurisdiction}, Options: voiceprint.DefaultEnrol(),
	}
}

// enrolled says what an enrolment came to.
func enrolled(m *people.Made) api.Enrolled {
	out := api.Enrolled{Action: m.Action, NetSpeechMs: m.Print.NetSpeechMs, Reasons: []string{}}
	for _, r := range m.Recordings {
		for _, why := range r.Reasons {
			out.Reasons = append(out.Reasons, why.Code)
		}
	}
	if m.Review != "" {
		out.Reasons = append(out.Reasons, m.Review)
	}
	return out
}
