package interaction

import "time"

// Governance says under which rules the record was made.
type Governance struct {
	Policy         string     `json:"policy"`                 // name of the policy that gave the permit
	Jurisdiction   string     `json:"jurisdiction,omitempty"` // ISO 3166 code, a US state as US-IL, or EU
	ConsentRefs    []string   `json:"consent_refs,omitempty"`
	NoticePlayedAt *time.Time `json:"notice_played_at,omitempty"`
	Models         []Model    `json:"models"` // every model that scored something in this record
	RetentionUntil *time.Time `json:"retention_until,omitempty"`
	LegalHold      bool       `json:"legal_hold,omitempty"`
}

// Model names a model that took part, so that a result can be traced to its weights.
type Model struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	SHA256       string `json:"sha256"`
	LicenceClass string `json:"licence_class"`
}

// Code says why something is absent.
type Code string

// The codes.
const (
	CodeNoModel           Code = "no_model"            // no model for it is loaded
	CodeRoleUnknown       Code = "role_unknown"        // the channel is not known to be the customer's
	CodeSidesNotSeparated Code = "sides_not_separated" // agent and customer share the channel
	CodePolicy            Code = "policy"              // the policy does not permit it
	CodeNoNotice          Code = "no_notice"           // the notice that the policy asks for was not played yet
	CodeNoConsent         Code = "no_consent"          // no consent reference
	CodeTooShort          Code = "too_short"           // less speech than the method needs
	CodeTooNoisy          Code = "too_noisy"           // signal-to-noise ratio under the method's floor
	CodeNoSpeech          Code = "no_speech"           // no speech was found
	CodeNoClaim           Code = "no_claim"            // nobody said who the caller claims to be
	CodeOptedOut          Code = "opted_out"           // the person opted out of voice identity
	CodePrivacy           Code = "privacy"             // the samples were dropped under a privacy mark
)

// NotComputed is the one way to say that something is absent from the record.
type NotComputed struct {
	What    string `json:"what"`              // the field: emotion, voice, affect, conversation.overtalk, prosody.f0_hz, ...
	Channel *int   `json:"channel,omitempty"` // absent: the whole call
	Segment string `json:"segment,omitempty"` // absent: the whole channel
	Code    Code   `json:"code"`
	Detail  string `json:"detail,omitempty"` // in words, with the value and the floor
}
