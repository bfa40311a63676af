package analysis

import (
	"errors"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/csat"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Rate is the sampling rate inside a session, in Hz: the telephone band.
const Rate = 8000

// maxChannels bounds the channels of one call; no platform sends more than a few.
const maxChannels = 32

// Options says what is known about a call when its session begins.
type Options struct {
	ID        string // of the record; required
	Tenant    string // empty: "default"
	Rate      int    // samples per second of what is given to Write; 4000 to 192000
	Channels  []Channel
	Contact   interaction.Contact // what else is known; Source.Kind and Media.Encoding are required, ids, rate and lengths are ours
	Permit    policy.Permit
	Affect    *AffectOptions          // nil: DefaultAffectOptions
	Voice     Voice                   // nil: nobody is known by voice
	Normals   Normals                 // nil: nothing is known of earlier calls
	CSAT      *csat.Model             // the site's calibration; nil: cx.predicted_csat is absent
	VoiceLive *voiceprint.LiveOptions // nil: voiceprint.DefaultLive
	Clock     func() time.Duration    // never goes back, for Session.Load; nil: nothing is measured
	OnEvent   func(Event)             // called by the session's own goroutine, in order; nil: none. It must not call the session
}

// Channel says who is on one channel.
type Channel struct {
	Role        interaction.Role // empty: unknown
	ExternalID  string           // the site's agent or customer id
	DisplayName string
	Separated   bool // nobody else is on this channel
	Mixed       bool // the platform says that several people share the channel: binding a role does not make it Separated
}

// Validate lists everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	if o.ID == "" {
		errs = append(errs, errors.New("analysis: id: empty, want the record's id"))
	}
	if o.Rate < 4000 || o.Rate > 192000 {
		errs = append(errs, fmt.Errorf("analysis: rate: %d Hz, want 4000 to 192000", o.Rate))
	}
	if k := o.Contact.Source.Kind; k != "file" && k != "stream" {
		errs = append(errs, fmt.Errorf("analysis: source kind %q, want file or stream", k))
	}
	if o.Contact.Media.Encoding == "" {
		errs = append(errs, errors.New("analysis: media encoding: empty, want how the audio arrived, such as mulaw"))
	}
	if n := len(o.Channels); n < 1 || n > maxChannels {
		errs = append(errs, fmt.Errorf("analysis: channels: %d, want 1 to %d", n, maxChannels))
	}
	sides := map[interaction.Role]int{}
	for i, c := range o.Channels {
		switch c.Role {
		case interaction.RoleAgent, interaction.RoleCustomer:
			if first, taken := sides[c.Role]; taken {
				errs = append(errs, fmt.Errorf("analysis: channels %d and %d are both the %s's, want one", first, i, c.Role))
			}
			sides[c.Role] = i
		case interaction.RoleUnknown, "":
		default:
			errs = append(errs, fmt.Errorf("analysis: channel %d: role %q, want agent, customer or unknown", i, c.Role))
		}
	}
	if o.Affect != nil {
		errs = append(errs, o.Affect.Validate())
	}
	if o.VoiceLive != nil {
		errs = append(errs, o.VoiceLive.Validate())
	}
	return errors.Join(append(errs, o.Permit.Validate())...)
}

// EventKind names what happened.
type EventKind string

// The kinds of event.
const (
	EventSpeechStarted EventKind = "speech_started" // AtMs is where the speech began, Channel whose it is
	EventSegment       EventKind = "segment"        // Segment is complete, its noise-dependent values are those known so far
	EventSoundStarted  EventKind = "sound_started"  // Sound as far as it has come; its start may still move
	EventProvisional   EventKind = "provisional"    // Segment is still being spoken: Emotion is that of the speech so far
	EventSound         EventKind = "sound"          // Sound is complete
	EventAffect        EventKind = "affect"         // Affect is the customer's level after a scored segment, from what was heard so far, Course the course to there
	EventVoice         EventKind = "voice"          // Voice is what is known of the customer's voice now, sharper than before
	EventAlert         EventKind = "alert"          // Alert was raised; at Close the record's alerts are those of the final scores
)

// Event is something that became known while the call runs. The structs are those of the record and belong to the receiver.
type Event struct {
	Kind    EventKind
	Channel int
	AtMs    int64
	HeardMs int64 // audio of the channel that was processed when it became known
	Segment *interaction.Segment
	Sound   *interaction.Sound
	Affect  *interaction.AffectPoint
	Course  *interaction.Affect // with the newest point of the timeline alone, without deciles
	Alert   *interaction.Alert
	Voice   *interaction.Voice
}

// ms converts a position in samples at Rate.
func ms(t int64) int64 {
	return t * 1000 / Rate
}

// utc returns a copy of t in UTC, so that records do not depend on where they were made.
func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
