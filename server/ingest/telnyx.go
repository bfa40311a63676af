package ingest

import (
	"context"
	"encoding/json"
)

// telnyxDialect is Telnyx Media Streaming. Media may come out of order. Nothing is sent on its socket.
func telnyxDialect() *dialect {
	return &dialect{name: "telnyx", roles: inboundIsCustomer, admit: admitByToken,
		protocol: func(s *stream) protocol { return &telnyx{s: s} }}
}

// telnyxMessage is any message of the dialect.
type telnyxMessage struct {
	Event          string       `json:"event"`
	Version        string       `json:"version,omitempty"`
	SequenceNumber number       `json:"sequence_number,omitzero"`
	StreamID       string       `json:"stream_id,omitempty"`
	Start          *telnyxStart `json:"start,omitempty"`
	Media          *twilioMedia `json:"media,omitempty"`
	DTMF           *twilioDTMF  `json:"dtmf,omitempty"`
	Stop           *telnyxStop  `json:"stop,omitempty"`
	Payload        *telnyxError `json:"payload,omitempty"`
}

type telnyxStart struct {
	UserID           string                     `json:"user_id,omitempty"`
	CallControlID    string                     `json:"call_control_id,omitempty"`
	CallSessionID    string                     `json:"call_session_id,omitempty"`
	From             string                     `json:"from,omitempty"`
	To               string                     `json:"to,omitempty"`
	ClientState      string                     `json:"client_state,omitempty"`
	CustomParameters map[string]json.RawMessage `json:"custom_parameters,omitempty"`
	MediaFormat      struct {
		Encoding   string `json:"encoding"`
		SampleRate number `json:"sample_rate"`
		Channels   number `json:"channels"`
	} `json:"media_format"`
}

type telnyxStop struct {
	UserID        string `json:"user_id,omitempty"`
	CallControlID string `json:"call_control_id,omitempty"`
}

type telnyxError struct {
	Code  number `json:"code"`
	Title string `json:"title"`
}

type telnyx struct {
	plain
	s     *stream
	lanes lanes
}

func (t *telnyx) text(ctx context.Context, data []byte) error {
	var m telnyxMessage
	if err := decodeJSON(data, &m); err != nil {
		return err
	}
	switch m.Event {
	case "connected", "mark":
		return nil
	case "start":
		return t.start(ctx, &m)
	case "media", "dtmf":
		if t.s.call == nil {
			return badRequest("%s before start", m.Event)
		}
	case "stop":
		return errStop
	case "error":
		if m.Payload != nil {
			t.s.log.Warn("the platform reports an error", "code", m.Payload.Code.or(0), "title", clean(m.Payload.Title))
		}
		return nil
	default:
		t.s.count.unknown.Add(1)
		return nil
	}
	switch {
	case m.Event == "media" && m.Media != nil:
		return t.lanes.media(ctx, m.Media.Track, m.Media.Chunk, m.Media.Timestamp, m.Media.Payload)
	case m.Event == "dtmf" && m.DTMF != nil:
		return t.s.digit(ctx, t.lanes.index(m.DTMF.Track), m.DTMF.Digit, 0)
	}
	return badRequest("%s without its object", m.Event)
}

// start opens both tracks, since the message does not tell which ones will come; one that never does is nobody's in the record.
func (t *telnyx) start(ctx context.Context, m *telnyxMessage) error {
	if m.Start == nil {
		return badRequest("start without its object")
	}
	s := m.Start
	encoding, err := t.s.ep.codec(firstOf(s.MediaFormat.Encoding, "PCMU"))
	if err != nil {
		return err
	}
	if n := s.MediaFormat.Channels.or(1); n != 1 {
		return unsupported("media_format: %d channels, want 1 for each track", n)
	}
	start := Start{Encoding: encoding, Rate: int(min(s.MediaFormat.SampleRate.or(8000), 1<<20)), CallID: clean(s.CallControlID), StreamID: clean(m.StreamID)}
	if encoding == "g722" {
		start.Rate = 16000
	}
	parameters := flatten(s.CustomParameters)
	for k, v := range map[string]string{"from": s.From, "to": s.To, "call_session_id": s.CallSessionID, "client_state": s.ClientState} {
		if v != "" {
			parameters[k] = v
		}
	}
	roles := bind(&start.Binding, parameters)
	start.Binding.ContactID = firstOf(start.Binding.ContactID, start.CallID)
	if start.Tracks, err = t.s.tracks([]string{"inbound", "outbound"}, roles); err != nil {
		return err
	}
	if err := t.s.open(ctx, start); err != nil {
		return err
	}
	t.lanes, err = newLanes(t.s, start)
	return err
}

func (t *telnyx) finish(ctx context.Context) error { return t.lanes.flush(ctx) }
