package ingest

import (
	"bytes"
	"context"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// asteriskDialect is Asterisk's chan_websocket with either of its control formats. A websocket carries one channel of Asterisk;
// the two sides of a call are two websockets, joined by ?call_id= and told apart by ?side=. Nothing is sent on it.
func asteriskDialect() *dialect {
	return &dialect{name: "asterisk", admit: admitByToken, joins: true,
		protocol: func(s *stream) protocol { return &asterisk{s: s} }}
}

// asteriskMessage is a control message in JSON; in plain text it is the event's name and key:value pairs.
type asteriskMessage struct {
	Event            string            `json:"event"`
	ConnectionID     string            `json:"connection_id,omitempty"`
	Channel          string            `json:"channel,omitempty"`
	ChannelID        string            `json:"channel_id,omitempty"`
	Format           string            `json:"format,omitempty"`
	OptimalFrameSize number            `json:"optimal_frame_size,omitzero"`
	Ptime            number            `json:"ptime,omitzero"`
	Digit            string            `json:"digit,omitempty"`
	Variables        map[string]string `json:"channel_variables,omitempty"`
}

// slinRates are the rates of Asterisk's linear formats.
var slinRates = map[string]int{"slin": 8000, "slin12": 12000, "slin16": 16000, "slin24": 24000, "slin32": 32000, "slin44": 44100,
	"slin48": 48000, "slin96": 96000, "slin192": 192000}

// asteriskFormat returns the encoding and rate of a format of Asterisk.
func asteriskFormat(format string) (encoding string, rate int, err error) {
	if rate, ok := slinRates[format]; ok {
		return "pcm_s16le", rate, nil
	}
	switch format {
	case "ulaw":
		return "mulaw", 8000, nil
	case "alaw":
		return "alaw", 8000, nil
	case "g722":
		return "g722", 16000, nil
	case "opus":
		return "opus", 48000, nil
	}
	return "", 0, unsupported("format %.20q, want ulaw, alaw, slin to slin192, g722 or opus", format)
}

type asterisk struct {
	plain
	s     *stream
	demux *demux
}

func (a *asterisk) text(ctx context.Context, data []byte) error {
	m, err := parseAsterisk(data)
	if err != nil {
		return err
	}
	switch m.Event {
	case "MEDIA_START":
		return a.start(ctx, m)
	case "DTMF_END":
		if a.demux == nil {
			return badRequest("DTMF_END before MEDIA_START")
		}
		return a.s.digit(ctx, 0, m.Digit, 0)
	case "MEDIA_XOFF", "MEDIA_XON", "QUEUE_DRAINED", "MEDIA_BUFFERING_COMPLETED", "MEDIA_MARK_PROCESSED", "STATUS":
	case "ERROR":
		a.s.log.Warn("asterisk reports an error")
	default:
		a.s.count.unknown.Add(1)
	}
	return nil
}

// parseAsterisk reads a control message of either format.
func parseAsterisk(data []byte) (*asteriskMessage, error) {
	m := &asteriskMessage{}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return m, decodeJSON(data, m)
	}
	words := strings.Fields(string(data))
	if len(words) == 0 {
		return m, nil
	}
	m.Event = words[0]
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, ":")
		switch key {
		case "connection_id":
			m.ConnectionID = value
		case "channel":
			m.Channel = value
		case "channel_id":
			m.ChannelID = value
		case "format":
			m.Format = value
		case "digit":
			m.Digit = value
		}
	}
	return m, nil
}

func (a *asterisk) start(ctx context.Context, m *asteriskMessage) error {
	if a.demux != nil {
		return badRequest("a second MEDIA_START, want one for each stream")
	}
	encoding, rate, err := asteriskFormat(m.Format)
	if err != nil {
		return err
	}
	start := Start{StreamID: clean(m.ChannelID), Encoding: encoding, Rate: rate}
	if start.Tracks, err = a.s.lone(&start, m.ChannelID); err != nil {
		return err
	}
	if err := a.s.open(ctx, start); err != nil {
		return err
	}
	a.demux, err = newDemux(a.s.call, encoding, rate, 1, a.s.h.limits.QuietGap, a.s.count)
	return err
}

func (a *asterisk) binary(ctx context.Context, data []byte) error {
	if a.demux == nil {
		return badRequest("audio before MEDIA_START")
	}
	return a.demux.push(ctx, data, a.s.waited, a.s.h.now())
}

// lone describes a stream of one channel by its query: call_id joins the streams of a call, side (customer, agent) says whose it
// is, the keys of a binding and others tell about the call. Without a side, and without a role of the endpoint for the track
// "mono", the channel may hold anybody.
func (s *stream) lone(start *Start, fallbackID string) ([]Track, error) {
	q := s.request.URL.Query()
	parameters := map[string]string{}
	for k := range q {
		switch k {
		case "call_id", "side", "token":
		default:
			parameters[k] = q.Get(k)
		}
	}
	bind(&start.Binding, parameters)
	start.CallID = firstOf(q.Get("call_id"), fallbackID)
	start.Binding.ContactID = firstOf(start.Binding.ContactID, start.CallID)
	side := q.Get("side")
	t := Track{Name: firstOf(side, "mono"), Role: s.ep.Roles["mono"]}
	switch side {
	case "customer", "agent":
		t.Role = interaction.Role(side)
	case "":
	default:
		return nil, badRequest("query: side %.20q, want customer or agent", side)
	}
	t.Separated = t.Role == interaction.RoleCustomer || t.Role == interaction.RoleAgent
	return []Track{t}, nil
}

// finish gives on what is held.
func (a *asterisk) finish(ctx context.Context) error {
	if a.demux == nil {
		return nil
	}
	return a.demux.flush(ctx, a.s.h.now())
}
