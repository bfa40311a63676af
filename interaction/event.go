package interaction

import "time"

// EventVersion is the version of the envelope of events.
const EventVersion = "1"

// EventKind names what happened in a call.
type EventKind string

// The kinds of event, each with the fields that it carries beside the envelope.
const (
	EventSessionStarted EventKind = "session_started" // Contact, Participants, At
	EventCallUpdated    EventKind = "call_updated"    // Contact, Participants: who is who changed while the call runs
	EventSpeechStarted  EventKind = "speech_started"  // Channel, Role, StartMs
	EventSegment        EventKind = "segment"         // Channel, Role, IsFinal, Segment
	EventSoundStarted   EventKind = "sound_started"   // Channel, Role, Sound as far as it has come, without its detail
	EventSound          EventKind = "sound"           // Channel, Role, Sound
	EventMark           EventKind = "mark"            // Mark
	EventGap            EventKind = "gap"             // Channel, Role, Gap
	EventVoice          EventKind = "voice"           // Channel, Role, IsFinal, Voice
	EventAffect         EventKind = "affect"          // Channel, Role, Affect so far: of the timeline the newest point, and no deciles
	EventAlert          EventKind = "alert"           // Alert
	EventProgress       EventKind = "progress"        // nothing but TimeMs
	EventSummary        EventKind = "call_summary"    // Record
	EventSessionEnded   EventKind = "session_ended"   // State, Reason, At
	EventError          EventKind = "error"           // Code, Message
	EventLost           EventKind = "events_lost"     // Count: how many events this subscriber did not get
)

// Event is something that became known while a call runs, as it leaves on sockets and in webhooks. What it carries is a part of
// the record. Fields that Type does not name are absent.
type Event struct {
	Type      EventKind `json:"type"`
	Version   string    `json:"version"` // EventVersion
	Tenant    string    `json:"tenant"`
	SessionID string    `json:"session_id,omitempty"` // one socket's stream of audio
	CallID    string    `json:"call_id"`              // the record's id
	Seq       int64     `json:"seq"`                  // from 1 in each call, without gaps
	TimeMs    int64     `json:"time_ms"`              // audio of the call processed so far
	Queue     string    `json:"queue,omitempty"`
	AgentID   string    `json:"agent_id,omitempty"` // who is on the call now

	Channel      *int          `json:"channel,omitempty"`
	Role         Role          `json:"role,omitempty"`
	IsFinal      *bool         `json:"is_final,omitempty"`
	StartMs      *int64        `json:"start_ms,omitempty"`
	Contact      *Contact      `json:"contact,omitempty"`
	Participants []Participant `json:"participants,omitempty"`
	Segment      *Segment      `json:"segment,omitempty"`
	Sound        *Sound        `json:"sound,omitempty"`
	Mark         *Mark         `json:"mark,omitempty"`
	Gap          *Gap          `json:"gap,omitempty"`
	Voice        *Voice        `json:"voice,omitempty"`
	Affect       []Affect      `json:"affect,omitempty"`
	Alert        *Alert        `json:"alert,omitempty"`
	Record       *Interaction  `json:"record,omitempty"`
	State        State         `json:"state,omitempty"`
	Reason       string        `json:"reason,omitempty"` // how the audio ended: stop, close, dropped, failed, drained
	Code         string        `json:"code,omitempty"`
	Message      string        `json:"message,omitempty"`
	At           *time.Time    `json:"at,omitempty"` // wall clock, once, on session_started and session_ended
	Count        int64         `json:"count,omitempty"`
	NotComputed  []NotComputed `json:"not_computed,omitempty"`
}
