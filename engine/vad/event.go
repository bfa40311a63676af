package vad

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine/timeline"
)

// Kind names what was heard. The text is the one of the interaction record.
type Kind string

// The kinds. Speech makes segments, all others make sounds.
const (
	KindSpeech    Kind = "speech"
	KindHoldMusic Kind = "hold_music"
	KindRingback  Kind = "ringback"
	KindDTMF      Kind = "dtmf"
	KindFax       Kind = "fax"
	KindNoise     Kind = "noise"
)

// EventType says which edge of an interval an Event reports.
type EventType uint8

// The two edges. Every Start is followed by exactly one End of its kind before that kind starts again.
const (
	Start EventType = iota + 1
	End
)

// String returns "start" or "end".
func (t EventType) String() string {
	switch t {
	case Start:
		return "start"
	case End:
		return "end"
	}
	return fmt.Sprintf("event type %d", uint8(t))
}

// Event is one edge of one sound.
type Event struct {
	Type EventType
	Kind Kind
	// Interval is final on an End. On a Start it is what is known so far, for live use: its Start may only be kept or, at the
	// End, be found a little earlier or later for a sound whose shape is recognised late.
	Interval timeline.Interval
	// Detail tells more where there is more: the digit of a dtmf ("5"), the tone of a ringback ("440+480 Hz"), the signal of a
	// fax ("CNG", "CED"), the tone behind a noise ("busy 425 Hz", "dial 350+440 Hz"). Set on the End.
	Detail string
	// At is the stream position at which the event was known: the number of samples written until then, rounded down to a
	// step. At minus Interval.End is the latency of an End.
	At int64
}

// String prints the event on one line.
func (e Event) String() string {
	s := fmt.Sprintf("%s %s %s at %d", e.Kind, e.Type, e.Interval, e.At)
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}
