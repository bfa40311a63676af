package ingest

import (
	"context"
	"net/http"

	"github.com/timbre-voice/timbre/interaction"
)

// dialect is how one kind of platform speaks.
type dialect struct {
	name  string
	roles map[string]interaction.Role // who is on a track unless the endpoint says otherwise

	// admit checks that the request comes from who the endpoint is for.
	admit func(h *Handler, r *http.Request, ep *Endpoint) error
	// signsURL says that the platform's signature is of the URL alone, the same for every stream: what tells a repetition is the
	// stream's name.
	signsURL bool
	// protocol begins a conversation.
	protocol func(s *stream) protocol
	// closes says that the platform waits for us to close after its last word.
	closes bool
	// joins says that one side of a call may come as a stream of its own, at any time of the call.
	joins bool
}

// path says whether the dialect is reached under /v1/ingest.
func (d *dialect) path() bool { return !d.generic() && d.name != "audiosocket" }

// generic says that the dialect has a path of its own and is for whoever holds a key, not for a platform's endpoint.
func (d *dialect) generic() bool { return d.name == "generic" || d.name == "listen" }

// protocol is the conversation on one connection. Its methods are called by the goroutine that reads, result by another.
type protocol interface {
	// text and binary take one message, borrowed. errStop says that it was the platform's last word; other errors refuse the
	// connection.
	text(ctx context.Context, data []byte) error
	binary(ctx context.Context, data []byte) error
	// refuse tells the platform why we close, in the dialect's own words if it has any.
	refuse(r *refusal)
	// finish is called when the audio has ended, before the call does: what is still held is given on.
	finish(ctx context.Context) error
	// ended is called when the call has ended after the platform's last word, for ours.
	ended()
	// result turns an event into the message that takes it to the platform; nil: it is not told.
	result(e interaction.Event) ([]byte, error)
}

// plain is the protocol of which nothing is special; dialects embed it.
type plain struct{}

func (plain) refuse(*refusal)                          {}
func (plain) finish(context.Context) error             { return nil }
func (plain) ended()                                   {}
func (plain) result(interaction.Event) ([]byte, error) { return nil, nil }
func (plain) text(_ context.Context, data []byte) error {
	return wrongFrame("text message of %d bytes, want binary audio", len(data))
}
func (plain) binary(_ context.Context, data []byte) error {
	return wrongFrame("binary message of %d bytes, want text", len(data))
}

// Usual tracks. What a platform calls inbound is what it hears from the party on the leg that it forked.
var (
	inboundIsCustomer = map[string]interaction.Role{"inbound": interaction.RoleCustomer, "outbound": interaction.RoleAgent}
	leftIsCustomer    = map[string]interaction.Role{"left": interaction.RoleCustomer, "right": interaction.RoleAgent, "mono": interaction.RoleCustomer}
)

// dialects returns all dialects by their name in the path.
func dialects() map[string]*dialect {
	out := map[string]*dialect{}
	for _, d := range []*dialect{
		genericDialect(), listenDialect(),
		twilioDialect(), signalWireDialect(),
		audioHookDialect(),
		freeSwitchDialect(), jambonzDialect(),
		asteriskDialect(), audioSocketDialect(),
		vonageDialect(), telnyxDialect(),
	} {
		out[d.name] = d
	}
	return out
}
