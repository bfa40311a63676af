package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Voices enrols, compares and deletes persons known by their voices.
type Voices interface {
	Speakers(ctx context.Context, tenant string, p Page) (List[Speaker], error)
	Speaker(ctx context.Context, tenant, id string) (Speaker, error)
	// Enrol makes or extends a voiceprint. ErrForbidden, wrapped, without consent or after an opt-out.
	Enrol(ctx context.Context, tenant, by, id string, e Enrolling, c Clip) (Enrolled, error)
	// Verify answers whether the voice is the person's; every decision is an answer and no error.
	Verify(ctx context.Context, tenant, by, id string, c Clip) (*interaction.Voice, error)
	// Identify searches the gallery, or a watchlist where one is named.
	Identify(ctx context.Context, tenant, by, watchlist string, top int, c Clip) (*interaction.Voice, error)
	DeleteSpeaker(ctx context.Context, tenant, by, id string) (Receipt, error)
	// OptOut keeps the wish of a person, enrolled or not, never to be known by voice, and deletes what is kept of it. Where a legal
	// hold keeps the rows the wish is in force and ErrConflict tells.
	OptOut(ctx context.Context, tenant, by, id, source string) error
	// OptIn takes an opt-out back. ErrNotFound where there is none.
	OptIn(ctx context.Context, tenant, by, id string) error
}

// Consents is the ledger of consents and the list of opt-outs.
type Consents interface {
	AddConsent(ctx context.Context, tenant, by string, c Consent) (Consent, error)
	Consents(ctx context.Context, tenant, speaker string) ([]Consent, error)
	// WithdrawConsents ends the open consents of a person, for one purpose or all, and returns how many there were.
	WithdrawConsents(ctx context.Context, tenant, by, speaker, purpose string) (int, error)
}

// Identity is the interfaces behind the paths of identity; one that is nil leaves its paths out.
type Identity struct {
	Voices     Voices
	Decisions  Decisions
	Batches    Batches
	Consents   Consents
	Watchlists Watchlists
}

// Clip is audio of one request.
type Clip struct {
	Audio   io.Reader // a recording in any format that is read
	Channel int       // -1: not told, which only a recording of one channel allows
}

// Speaker is a person known by voice. Nothing of the voice itself leaves the server.
type Speaker struct {
	ID           string     `json:"id"`
	DisplayName  string     `json:"display_name,omitempty"`
	State        string     `json:"state"`
	Jurisdiction string     `json:"jurisdiction,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	UsedAt       *time.Time `json:"used_at,omitempty" doc:"Last compared with."`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`
	Prints       []Print    `json:"voiceprints,omitempty"`
}

// Print describes a voiceprint.
type Print struct {
	ID          string    `json:"id"`
	State       string    `json:"state" doc:"active, or pending: waits for a person's approval and is not compared with."`
	Model       string    `json:"model"`
	Version     string    `json:"version"`
	NetSpeechMs int64     `json:"net_speech_ms"`
	CreatedAt   time.Time `json:"created_at"`
}

// Enrolling is what a client tells of an enrolment.
type Enrolling struct {
	ConsentRef     string `query:"consent_ref" maxLength:"500" doc:"The site's reference of the consent. One that the ledger does not hold is written into it with the voiceprint: the site vouches for it. Absent: the latest consent in force."`
	ConsentText    string `query:"consent_text_version" maxLength:"200" doc:"Version of the text that the person agreed to, of a consent that is new to the ledger."`
	ConsentChannel string `query:"consent_channel" enum:"call,web,paper" doc:"How a consent that is new to the ledger was given. A jurisdiction that asks for a release takes web and paper alone."`
	Watchlist      string `query:"watchlist" maxLength:"200" doc:"Make the voiceprint for this list, in the place of a consent; the policy has to permit its search."`
	DisplayName    string `query:"display_name" maxLength:"200"`
	Jurisdiction   string `query:"jurisdiction" maxLength:"16" doc:"Whose law the voiceprint stands under, as DE or US-IL; absent: as known of the person."`
	Existing       string `query:"existing" enum:"extend,skip,overwrite" default:"extend" doc:"What is done with a person who has a voiceprint of the model."`
}

// Enrolled is what an enrolment came to.
type Enrolled struct {
	Action      string   `json:"action" enum:"enrolled,extended,replaced,skipped"`
	Speaker     Speaker  `json:"speaker"`
	NetSpeechMs int64    `json:"net_speech_ms" doc:"Speech behind the voiceprint, earlier enrolments included."`
	Reasons     []string `json:"reasons" doc:"What should be better."`
}

// Receipt proves that a person was deleted.
type Receipt struct {
	Pseudonym    string    `json:"pseudonym" doc:"Keyed pseudonym of the person, as in the audit log."`
	DeletedAt    time.Time `json:"deleted_at"`
	Keys         int64     `json:"keys"`
	Voiceprints  int64     `json:"voiceprints"`
	Consents     int64     `json:"consents"`
	VoiceNormals int64     `json:"voice_normals" doc:"Statistics of what the voice is like, each with its key."`
	Entries      int64     `json:"watchlist_entries"`
	Attempts     int64     `json:"attempts"`
	AuditSeq     int64     `json:"audit_seq,omitempty"`
	Signed       string    `json:"signed,omitempty" doc:"The whole receipt as it was signed, JSON: what was destroyed and what cannot be reached."`
	Signature    string    `json:"signature,omitempty" doc:"Ed25519 over signed, hex."`
	PublicKey    string    `json:"public_key,omitempty" doc:"Of the tenant, hex."`
}

// Consent is one entry of the ledger.
type Consent struct {
	ID            string     `json:"id,omitempty" readOnly:"true"`
	SpeakerID     string     `json:"speaker_id" minLength:"1" maxLength:"200"`
	Ref           string     `json:"ref" minLength:"1" maxLength:"500" doc:"The site's reference of the proof."`
	Purpose       string     `json:"purpose" enum:"verify,identify,watchlist,analytics"`
	TextVersion   string     `json:"text_version,omitempty" maxLength:"200"`
	Channel       string     `json:"channel,omitempty" enum:"call,web,paper"`
	InteractionID string     `json:"interaction_id,omitempty" maxLength:"128"`
	Jurisdiction  string     `json:"jurisdiction,omitempty" maxLength:"16"`
	GivenAt       *time.Time `json:"given_at,omitempty" doc:"Absent: now."`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
	WithdrawnAt   *time.Time `json:"withdrawn_at,omitempty" readOnly:"true"`
}

// maxClip bounds the audio of one enrolment or comparison: ten minutes of 48 kHz stereo.
const maxClip = 128 << 20

// ClipInput is audio as the body of a request.
type ClipInput struct {
	Channel int    `query:"channel" minimum:"-1" maximum:"31" default:"-1" doc:"Which channel is the person; required for a recording of several."`
	RawBody []byte `contentType:"application/octet-stream" doc:"A recording: WAV, FLAC, Ogg Opus or MP3."`
}

func (c ClipInput) clip() Clip { return Clip{Audio: bytes.NewReader(c.RawBody), Channel: c.Channel} }

func (a *API) identity() {
	if v := a.opts.Identity.Voices; v != nil {
		a.voices(v)
	}
	if d := a.opts.Identity.Decisions; d != nil {
		a.decisions(d)
	}
	if b := a.opts.Identity.Batches; b != nil {
		a.batches(b)
	}
	if c := a.opts.Identity.Consents; c != nil {
		a.consents(c)
	}
	if w := a.opts.Identity.Watchlists; w != nil {
		a.watchlists(w)
	}
}

// by names who asks, for the audit log.
func (p Principal) by() string {
	if p.KeyID == "" {
		return "loopback"
	}
	return "key:" + p.KeyID
}

// SpeakerPath names a person in a path.
type SpeakerPath struct {
	ID string `path:"id" minLength:"1" maxLength:"200"`
}

func (a *API) voices(v Voices) {
	add(a, op{method: http.MethodGet, path: "/v1/speakers", scope: ScopeIdentity, id: "list-speakers", summary: "Persons known by voice", tag: "identity"},
		func(ctx context.Context, p Principal, in *Page) (*body[List[Speaker]], error) {
			return page(v.Speakers(ctx, p.Tenant, *in))
		})
	add(a, op{method: http.MethodGet, path: "/v1/speakers/{id}", scope: ScopeIdentity, id: "get-speaker", summary: "One person", tag: "identity"},
		func(ctx context.Context, p Principal, in *SpeakerPath) (*body[Speaker], error) {
			return ok(v.Speaker(ctx, p.Tenant, in.ID))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/speakers/{id}", scope: ScopeIdentity, id: "delete-speaker", summary: "Delete a person and every voiceprint, with a receipt", tag: "identity"},
		func(ctx context.Context, p Principal, in *SpeakerPath) (*body[Receipt], error) {
			return ok(v.DeleteSpeaker(ctx, p.Tenant, p.by(), in.ID))
		})
	add(a, op{method: http.MethodPut, path: "/v1/speakers/{id}/opt-out", scope: ScopeIdentity, id: "opt-out", summary: "Never know a person by voice, enrolled or not", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *struct {
			SpeakerPath
			Source string `query:"source" maxLength:"200" doc:"Where the wish came from: call, web, letter."`
		}) (*none, error) {
			return done(v.OptOut(ctx, p.Tenant, p.by(), in.ID, in.Source))
		})
	add(a, op{method: http.MethodDelete, path: "/v1/speakers/{id}/opt-out", scope: ScopeIdentity, id: "opt-in", summary: "Take an opt-out back, at the person's own wish", tag: "identity", status: http.StatusNoContent},
		func(ctx context.Context, p Principal, in *SpeakerPath) (*none, error) {
			return done(v.OptIn(ctx, p.Tenant, p.by(), in.ID))
		})
	add(a, op{method: http.MethodPost, path: "/v1/speakers/{id}/voiceprints", scope: ScopeIdentity, id: "enrol-speaker", summary: "Make or extend a voiceprint", tag: "identity",
		status: http.StatusCreated, maxBody: maxClip, timeout: 2 * time.Minute},
		func(ctx context.Context, p Principal, in *struct {
			SpeakerPath
			Enrolling
			ClipInput
		}) (*body[Enrolled], error) {
			return ok(v.Enrol(ctx, p.Tenant, p.by(), in.ID, in.Enrolling, in.clip()))
		})
	add(a, op{method: http.MethodPost, path: "/v1/verify", scope: ScopeIdentity, id: "verify", summary: "Whether a voice is a person's", tag: "identity", maxBody: maxClip, timeout: 2 * time.Minute,
		about: "Evidence beside other factors, never a sole one."},
		func(ctx context.Context, p Principal, in *struct {
			Speaker string `query:"speaker" required:"true" minLength:"1" maxLength:"200"`
			ClipInput
		}) (*body[*interaction.Voice], error) {
			return voice(v.Verify(ctx, p.Tenant, p.by(), in.Speaker, in.clip()))
		})
	add(a, op{method: http.MethodPost, path: "/v1/identify", scope: ScopeIdentity, id: "identify", summary: "Whose voice it is, if anybody's", tag: "identity", maxBody: maxClip, timeout: 2 * time.Minute},
		func(ctx context.Context, p Principal, in *struct {
			Watchlist string `query:"watchlist" maxLength:"200" doc:"Search this list; absent: every person."`
			Top       int    `query:"top" minimum:"1" maximum:"100" default:"5"`
			ClipInput
		}) (*body[*interaction.Voice], error) {
			return voice(v.Identify(ctx, p.Tenant, p.by(), in.Watchlist, in.Top, in.clip()))
		})
}

// voice makes a response of a decision, whose reasons are never null.
func voice(v *interaction.Voice, err error) (*body[*interaction.Voice], error) {
	if err == nil && v.Reasons == nil {
		v.Reasons = []string{}
	}
	return ok(v, err)
}

func (a *API) consents(c Consents) {
	add(a, op{method: http.MethodPost, path: "/v1/consents", scope: ScopeIdentity, id: "add-consent", summary: "Write a consent into the ledger", tag: "identity", status: http.StatusCreated},
		func(ctx context.Context, p Principal, in *struct{ Body Consent }) (*body[Consent], error) {
			return ok(c.AddConsent(ctx, p.Tenant, p.by(), in.Body))
		})
	add(a, op{method: http.MethodGet, path: "/v1/consents", scope: ScopeIdentity, id: "list-consents", summary: "A person's consents, the oldest first", tag: "identity"},
		func(ctx context.Context, p Principal, in *struct {
			Speaker string `query:"speaker_id" required:"true" minLength:"1" maxLength:"200"`
		}) (*body[List[Consent]], error) {
			list, err := c.Consents(ctx, p.Tenant, in.Speaker)
			return page(List[Consent]{Items: list}, err)
		})
	add(a, op{method: http.MethodDelete, path: "/v1/consents", scope: ScopeIdentity, id: "withdraw-consents", summary: "Withdraw a person's consents", tag: "identity"},
		func(ctx context.Context, p Principal, in *struct {
			Speaker string `query:"speaker_id" required:"true" minLength:"1" maxLength:"200"`
			Purpose string `query:"purpose" enum:"verify,identify,watchlist,analytics" doc:"Absent: for every purpose."`
		}) (*body[Withdrawn], error) {
			n, err := c.WithdrawConsents(ctx, p.Tenant, p.by(), in.Speaker, in.Purpose)
			return ok(Withdrawn{n}, err)
		})
}

// Withdrawn says how many consents were withdrawn.
type Withdrawn struct {
	Withdrawn int `json:"withdrawn"`
}
