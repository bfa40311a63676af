package interaction

import (
	"slices"
	"time"
)

// SchemaID is the value of Interaction.Schema in every record that this package writes.
const SchemaID = "timbre.interaction/1"

// Interaction is the record of one call.
type Interaction struct {
	Schema       string        `json:"schema"` // SchemaID
	Contact      Contact       `json:"contact"`
	Participants []Participant `json:"participants"`
	Segments     []Segment     `json:"segments"` // by start, then channel
	Sounds       []Sound       `json:"sounds"`   // by start, then channel
	Marks        []Mark        `json:"marks"`    // by time
	Conversation *Conversation `json:"conversation,omitempty"`
	Affect       []Affect      `json:"affect"` // one per scored participant
	Voice        *Voice        `json:"voice,omitempty"`
	Alerts       []Alert       `json:"alerts"`
	CX           *CX           `json:"cx,omitempty"`
	Evaluations  []Evaluation  `json:"evaluations"`
	Governance   Governance    `json:"governance"`
	NotComputed  []NotComputed `json:"not_computed"`
}

// State says how far a record has come.
type State string

// The states of a record.
const (
	StateLive        State = "live"        // the call is running
	StateComplete    State = "complete"    // the audio ended as the protocol or the file says it should
	StateInterrupted State = "interrupted" // the audio broke off; everything up to there is in the record
)

// Contact identifies the call and tells where its audio came from.
type Contact struct {
	ID               string            `json:"id"`
	Tenant           string            `json:"tenant"`
	State            State             `json:"state"`
	Revision         int               `json:"revision"`             // grows by one each time the stored record changes
	ContactID        string            `json:"contact_id,omitempty"` // the platform's id of the contact
	RelatedContactID string            `json:"related_contact_id,omitempty"`
	Direction        string            `json:"direction,omitempty"`  // inbound or outbound
	StartedAt        *time.Time        `json:"started_at,omitempty"` // absent where nothing told it
	EndedAt          *time.Time        `json:"ended_at,omitempty"`
	DurationMs       int64             `json:"duration_ms"`        // of the audio, the longest channel
	Language         string            `json:"language,omitempty"` // BCP 47 tag, as told
	Queue            string            `json:"queue,omitempty"`
	ClaimedIdentity  string            `json:"claimed_identity,omitempty"` // the speaker that the caller claimed to be, the last one told
	Attributes       map[string]string `json:"attributes,omitempty"`       // free key-values of the site
	Source           Source            `json:"source"`
	Media            Media             `json:"media"`
	Audio            Audio             `json:"audio"`
}

// Source tells how the audio reached us.
type Source struct {
	Kind     string `json:"kind"` // file or stream
	Dialect  string `json:"dialect,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	URI      string `json:"uri,omitempty"`
}

// Media describes the audio as it arrived.
type Media struct {
	Encoding     string   `json:"encoding"` // as engine/audio names it: mulaw, pcm_s16le, ...
	SampleRateHz int      `json:"sample_rate_hz"`
	Channels     int      `json:"channels"`
	LostMs       int64    `json:"lost_ms"` // sum over Gaps
	Gaps         []Gap    `json:"gaps"`
	Warnings     []string `json:"warnings,omitempty"` // what the reader had to tolerate, in words
}

// Gap is audio that never arrived, filled with silence so that positions stay true.
type Gap struct {
	Channel int    `json:"channel"`
	StartMs int64  `json:"start_ms"`
	EndMs   int64  `json:"end_ms"`
	Reason  string `json:"reason"` // lost, late, privacy
}

// KeptScheme begins the address of audio that Timbre itself keeps: timbre:NAME is a file of that name in the tenant's folder.
const KeptScheme = "timbre:"

// Audio says whether the audio itself is kept, and where.
type Audio struct {
	Kept      string     `json:"kept"` // none, timbre or external
	URI       string     `json:"uri,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Role is the side of the conversation that a participant is on.
type Role string

// The roles.
const (
	RoleAgent    Role = "agent"
	RoleCustomer Role = "customer"
	RoleUnknown  Role = "unknown"
)

// Participant is one person on one channel for a part of the call.
type Participant struct {
	ID          string `json:"id"`
	Role        Role   `json:"role"`
	Channel     int    `json:"channel"`
	ExternalID  string `json:"external_id,omitempty"` // the site's agent or customer id
	DisplayName string `json:"display_name,omitempty"`
	FromMs      int64  `json:"from_ms"`
	ToMs        int64  `json:"to_ms"`
}

// ExternalID returns the site's id of who had a role, the last of several legs that are named; "" where none is.
func (r *Interaction) ExternalID(role Role) string {
	for _, p := range slices.Backward(r.Participants) {
		if p.Role == role && p.ExternalID != "" {
			return p.ExternalID
		}
	}
	return ""
}

// Mark is something that the platform or a person told about the call at a time.
type Mark struct {
	Kind   string `json:"kind"` // hold, unhold, transfer, agent_joined, agent_left, ivr, privacy_on, privacy_off
	AtMs   int64  `json:"at_ms"`
	Detail string `json:"detail,omitempty"`
}
