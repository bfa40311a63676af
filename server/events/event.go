package events

import (
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Version is the version of the envelope.
const Version = "1"

// Kind names what happened.
type Kind string

// The kinds of event.
const (
	KindSessionStarted Kind = "session_started" // Contact, Participants
	KindCallUpdated    Kind = "call_updated"    // Contact, Participants: who is who changed while the call runs
	KindSpeechStarted  Kind = "speech_started"  // Channel, Role, StartMs
	KindSegment        Kind = "segment"         // Segment
	KindSound          Kind = "sound"           // Sound
	KindMark           Kind = "mark"            // Mark
	KindGap            Kind = "gap"             // Gap
	KindVoice          Kind = "voice"           // Voice
	KindAffect         Kind = "affect"          // Affect so far
	KindAlert          Kind = "alert"           // Alert
	KindProgress       Kind = "progress"        // nothing but time_ms
	KindSummary        Kind = "call_summary"    // Record
	KindSessionEnded   Kind = "session_ended"   // Reason, State
	KindError          Kind = "error"           // Code, Message
	KindLost           Kind = "events_lost"     // Count: how many events this subscriber did not get
)

// kinds is the closed list that a filter may name. Read only.
var kinds = []Kind{
	KindSessionStarted, KindCallUpdated, KindSpeechStarted, KindSegment, KindSound, KindMark, KindGap, KindVoice, KindAffect,
	KindAlert, KindProgress, KindSummary, KindSessionEnded, KindError,
}

// Event is one message to a subscriber. The fields that Kind does not name are absent.
type Event struct {
	Type      Kind   `json:"type"`
	Version   string `json:"version"`
	Tenant    string `json:"tenant"`
	SessionID string `json:"session_id,omitempty"` // one socket's stream of audio
	CallID    string `json:"call_id"`
	Seq       int64  `json:"seq"`     // from 1 in each call, without gaps
	TimeMs    int64  `json:"time_ms"` // audio of the call processed so far
	Queue     string `json:"queue,omitempty"`
	AgentID   string `json:"agent_id,omitempty"`

	Channel      *int                      `json:"channel,omitempty"`
	Role         interaction.Role          `json:"role,omitempty"`
	IsFinal      *bool                     `json:"is_final,omitempty"`
	StartMs      *int64                    `json:"start_ms,omitempty"`
	Contact      *interaction.Contact      `json:"contact,omitempty"`
	Participants []interaction.Participant `json:"participants,omitempty"`
	Segment      *interaction.Segment      `json:"segment,omitempty"`
	Sound        *interaction.Sound        `json:"sound,omitempty"`
	Mark         *interaction.Mark         `json:"mark,omitempty"`
	Gap          *interaction.Gap          `json:"gap,omitempty"`
	Voice        *interaction.Voice        `json:"voice,omitempty"`
	Affect       []interaction.Affect      `json:"affect,omitempty"`
	Alert        *interaction.Alert        `json:"alert,omitempty"`
	Record       *interaction.Interaction  `json:"record,omitempty"`
	State        interaction.State         `json:"state,omitempty"`
	Reason       string                    `json:"reason,omitempty"`
	Code         string                    `json:"code,omitempty"`
	Message      string                    `json:"message,omitempty"`
	At           *time.Time                `json:"at,omitempty"` // wall clock, once, on session_started and session_ended
	Count        int64                     `json:"count,omitempty"`
	NotComputed  []interaction.NotComputed `json:"not_computed,omitempty"`
}

// Filter says which events a subscriber wants. An empty field does not narrow, but Tenant is required.
type Filter struct {
	Tenant  string
	CallID  string
	Queue   string
	AgentID string
	Kinds   []Kind
}
