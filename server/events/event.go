package events

import "github.com/timbre-voice/timbre/interaction"

// kinds is the closed list of what is published and what a filter may name. Read only.
var kinds = []interaction.EventKind{
	interaction.EventSessionStarted, interaction.EventCallUpdated, interaction.EventSpeechStarted, interaction.EventSegment,
	interaction.EventSoundStarted, interaction.EventSound, interaction.EventMark, interaction.EventGap, interaction.EventVoice, interaction.EventAffect,
	interaction.EventAlert, interaction.EventProgress, interaction.EventSummary, interaction.EventSessionEnded, interaction.EventError,
}

// Filter says which events a subscriber wants. An empty field does not narrow, but Tenant is required.
type Filter struct {
	Tenant  string
	CallID  string
	Queue   string
	AgentID string
	Kinds   []interaction.EventKind
}
