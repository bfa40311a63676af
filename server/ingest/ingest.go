package ingest

import (
	"context"
	"errors"

	"github.com/timbre-voice/timbre/interaction"
)

// Calls is where the streams of calls lead.
type Calls interface {
	// Open begins the call of a stream, or joins the stream to the call that runs under the same tenant and Start.CallID. ctx is
	// for the opening alone. It returns ErrBusy where there is no room for another call, and ErrMismatch where the stream cannot
	// be part of the call that it names.
	Open(ctx context.Context, s Start) (Call, error)
}

// Errors of Calls that tell the platform more than that something failed.
var (
	ErrBusy     = errors.New("ingest: no room for another call")
	ErrMismatch = errors.New("ingest: the stream does not fit the call")
	ErrGone     = errors.New("ingest: the node that has the call is gone") // of any method of a Call; the platform may connect again
)

// Start is what is known of a stream when its audio begins.
type Start struct {
	Tenant   string
	Endpoint string
	Policy   string // of the endpoint; empty: the tenant's
	Dialect  string
	CallID   string // the platform's id of the call; empty: the stream is a call of its own
	StreamID string // the platform's id of this stream, for the log
	Encoding string // as engine/audio names it
	Rate     int    // samples per second of every track
	Tracks   []Track
	Binding  interaction.Binding // without ChannelRoles: the tracks say them
}

// Track is one channel of a stream.
type Track struct {
	Name      string           // the platform's: inbound, outbound, external, ...
	Role      interaction.Role // empty: unknown
	Separated bool             // nobody else is on it
	Mixed     bool             // several people are on it
}

// Call is one stream's hold on a call. Its methods may be used by one goroutine at a time, Results by another. Tracks are numbered
// as in Start.Tracks.
type Call interface {
	// ID is the record's id.
	ID() string
	// Write gives the next samples of a track, mono in [-1, 1]. It blocks while the call is behind. x is copied.
	Write(ctx context.Context, track int, x []float32) error
	// Skip tells that n samples of a track are missing, for the reason lost or late.
	Skip(ctx context.Context, track int, n int64, reason string) error
	// Digit tells a key that somebody on a track pressed, just now; lengthMs is 0 where it is not known.
	Digit(ctx context.Context, track int, key string, lengthMs int64) error
	// Mark tells that something happened to the call just now. The words are those of interaction.Mark.
	Mark(ctx context.Context, kind, detail string) error
	// Bind tells what became known of the call.
	Bind(ctx context.Context, b interaction.Binding) error
	// Warn adds to the record what had to be tolerated in this stream.
	Warn(text string)
	// Results returns the events of the call from now on. A reader that is too slow loses the oldest. The channel is closed
	// when End has done everything.
	Results() <-chan interaction.Event
	// End ends the stream; the call ends with its last stream. It returns when the record is in safe hands or, where other
	// streams go on, at once. A second End does nothing.
	End(ctx context.Context, how End) error
}

// End tells how the audio of a stream ended.
type End string

// The ends. After stop and close the record is complete, otherwise interrupted.
const (
	EndStop    End = "stop"    // the dialect's own word
	EndClose   End = "close"   // a close frame without it, where the dialect has no word or left it out
	EndDropped End = "dropped" // the connection broke or fell silent
	EndFailed  End = "failed"  // we refused what the platform sent
	EndDrained End = "drained" // the server is shutting down
)
