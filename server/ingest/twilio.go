package ingest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// twilioDialect is Twilio Media Streams, and what was built after it: sipgate's bridge, somleng, Fonoster, CarrierX FlexML.
// Nothing is ever sent on its socket.
func twilioDialect() *dialect {
	return &dialect{name: "twilio", roles: inboundIsCustomer, admit: admitTwilio, signsURL: true,
		protocol: func(s *stream) protocol { return &twilio{s: s} }}
}

// signalWireDialect is SignalWire's <Stream>: Twilio's messages, a bearer token, and other codecs.
func signalWireDialect() *dialect {
	d := twilioDialect()
	d.name, d.admit, d.signsURL = "signalwire", admitByToken, false
	return d
}

// twilioMessage is any message of the dialect.
type twilioMessage struct {
	Event          string       `json:"event"`
	Protocol       string       `json:"protocol,omitempty"`
	Version        string       `json:"version,omitempty"`
	SequenceNumber number       `json:"sequenceNumber,omitzero"`
	StreamSID      string       `json:"streamSid,omitempty"`
	Start          *twilioStart `json:"start,omitempty"`
	Media          *twilioMedia `json:"media,omitempty"`
	DTMF           *twilioDTMF  `json:"dtmf,omitempty"`
	Mark           *twilioMark  `json:"mark,omitempty"`
	Stop           *twilioStop  `json:"stop,omitempty"`

	CustomParameters map[string]json.RawMessage `json:"customParameters,omitempty"` // somleng puts them here
}

type twilioStart struct {
	AccountSID       string                     `json:"accountSid,omitempty"`
	StreamSID        string                     `json:"streamSid,omitempty"`
	CallSID          string                     `json:"callSid,omitempty"`
	CallID           string                     `json:"callId,omitempty"` // CarrierX
	Tracks           []string                   `json:"tracks,omitempty"`
	MediaFormat      twilioFormat               `json:"mediaFormat"`
	CustomParameters map[string]json.RawMessage `json:"customParameters,omitempty"`
}

type twilioFormat struct {
	Encoding   string `json:"encoding"`
	SampleRate number `json:"sampleRate"`
	Channels   number `json:"channels"`
}

type twilioMedia struct {
	Track     string `json:"track,omitempty"`
	Chunk     number `json:"chunk,omitzero"`
	Timestamp number `json:"timestamp,omitzero"`
	Payload   string `json:"payload"`
}

type twilioDTMF struct {
	Track string `json:"track,omitempty"`
	Digit string `json:"digit"`
}

type twilioMark struct {
	Name string `json:"name"`
}

type twilioStop struct {
	AccountSID string `json:"accountSid,omitempty"`
	CallSID    string `json:"callSid,omitempty"`
}

// admitTwilio checks X-Twilio-Signature where the endpoint holds the account's AuthToken, else the endpoint's own token.
func admitTwilio(h *Handler, r *http.Request, ep *Endpoint) error {
	if ep.Secret == "" {
		return admitByToken(h, r, ep)
	}
	given := r.Header.Get("X-Twilio-Signature")
	if given == "" {
		return forbidden("no X-Twilio-Signature, want the request signed with the AuthToken of the endpoint")
	}
	url := publicURL(r, *ep)
	ok := equal(given, twilioSignature(ep.Secret, url))
	if equal(given, twilioSignature(ep.Secret, withSlash(url))) || ok {
		return nil
	}
	return forbidden("X-Twilio-Signature is not of this URL and AuthToken; behind a proxy the endpoint needs its public URL")
}

// twilioSignature is what Twilio sends in X-Twilio-Signature for a request without parameters in its body.
func twilioSignature(token, url string) string {
	m := hmac.New(sha1.New, []byte(token))
	m.Write([]byte(url))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// withSlash adds a slash to the path, as Twilio has been seen to sign.
func withSlash(url string) string {
	path, query, has := strings.Cut(url, "?")
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	if has {
		path += "?" + query
	}
	return path
}

type twilio struct {
	plain
	s     *stream
	lanes lanes
}

func (t *twilio) text(ctx context.Context, data []byte) error {
	var m twilioMessage
	if err := decodeJSON(data, &m); err != nil {
		return err
	}
	switch m.Event {
	case "connected":
		return nil
	case "start":
		return t.start(ctx, &m)
	case "media", "dtmf", "mark":
		if t.s.call == nil {
			return badRequest("%s before start", m.Event)
		}
	case "stop":
		return errStop
	default:
		t.s.count.unknown.Add(1)
		return nil
	}
	switch {
	case m.Event == "media" && m.Media != nil:
		return t.lanes.media(ctx, m.Media.Track, m.Media.Chunk, m.Media.Timestamp, m.Media.Payload)
	case m.Event == "dtmf" && m.DTMF != nil:
		return t.s.digit(ctx, t.lanes.index(m.DTMF.Track), m.DTMF.Digit, 0)
	case m.Event != "mark":
		return badRequest("%s without its object", m.Event)
	}
	return nil // a mark tells what was played to the caller, and we play nothing
}

func (t *twilio) start(ctx context.Context, m *twilioMessage) error {
	if m.Start == nil {
		return badRequest("start without its object")
	}
	s := m.Start
	rate := int(min(s.MediaFormat.SampleRate.or(8000), 1<<20))
	spelled := s.MediaFormat.Encoding
	if spelled == "" {
		spelled = "audio/x-mulaw"
	}
	encoding, err := t.s.ep.codec(spelled)
	if err != nil {
		return err
	}
	if encoding == "g722" {
		rate = 16000
	}
	if n := s.MediaFormat.Channels.or(1); n != 1 {
		return unsupported("mediaFormat: %d channels, want 1 for each track", n)
	}
	start := Start{Encoding: encoding, Rate: rate, CallID: clean(s.CallSID), StreamID: clean(s.StreamSID)}
	if start.CallID == "" {
		start.CallID = clean(s.CallID)
	}
	if start.StreamID == "" {
		start.StreamID = clean(m.StreamSID)
	}
	start.Binding.ContactID = start.CallID
	parameters := flatten(m.CustomParameters)
	for k, v := range flatten(s.CustomParameters) {
		parameters[k] = v
	}
	told := bind(&start.Binding, parameters)
	names := s.Tracks
	if len(names) == 0 {
		names = []string{"inbound"}
	}
	if len(names) > maxStreamChannels {
		return badRequest("start: %d tracks, want at most %d", len(names), maxStreamChannels)
	}
	if start.Tracks, err = t.s.tracks(names, told); err != nil {
		return err
	}
	if err := t.s.open(ctx, start); err != nil {
		return err
	}
	t.lanes, err = newLanes(t.s, start)
	return err
}

func (t *twilio) finish(ctx context.Context) error { return t.lanes.flush(ctx) }
