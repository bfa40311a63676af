package ingest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// genericDialect is our own, for bridges and simple clients: binary audio, its form told in the query or a start message, and
// everything else as JSON texts with a type.
func genericDialect() *dialect {
	return &dialect{name: "generic", admit: admitByKey, closes: true, joins: true,
		protocol: func(s *stream) protocol { return &generic{s: s} }}
}

// genericMessage is any text of the dialect. Of a start, what the query has told may be left out.
type genericMessage struct {
	Type       string                     `json:"type"`
	CallID     string                     `json:"call_id,omitempty"`
	StreamID   string                     `json:"stream_id,omitempty"`
	Encoding   string                     `json:"encoding,omitempty"`
	Rate       number                     `json:"rate,omitzero"`
	Channels   number                     `json:"channels,omitzero"`
	Roles      []interaction.Role         `json:"roles,omitempty"`
	Metadata   map[string]json.RawMessage `json:"metadata,omitempty"`
	Kind       string                     `json:"kind,omitempty"`   // of a mark
	Detail     string                     `json:"detail,omitempty"` // of a mark
	Channel    number                     `json:"channel,omitzero"` // of a digit
	Digit      string                     `json:"digit,omitempty"`
	DurationMs number                     `json:"duration_ms,omitzero"` // of a digit, or of audio that is missing
	interaction.Binding
}

type generic struct {
	plain
	s     *stream
	demux *demux
}

func (g *generic) text(ctx context.Context, data []byte) error {
	var m genericMessage
	if err := decodeJSON(data, &m); err != nil {
		return err
	}
	switch m.Type {
	case "start":
		return g.start(ctx, m)
	case "stop", "CloseStream", "Terminate":
		return errStop
	case "KeepAlive", "Finalize":
		return nil
	}
	if g.demux == nil {
		switch m.Type {
		case "bind", "mark", "dtmf", "skip":
			return badRequest("%s before the audio began", m.Type)
		}
	}
	var err error
	switch m.Type {
	case "bind":
		err = told(ctx, g.s.call.Bind(ctx, m.Binding))
	case "mark":
		err = told(ctx, g.s.call.Mark(ctx, m.Kind, m.Detail))
	case "dtmf":
		err = g.s.digit(ctx, m.Channel.or(0), m.Digit, m.DurationMs.or(0))
	case "skip":
		if ms := m.DurationMs.or(0); ms > maxGapMs {
			return badRequest("skip of %d ms, want at most %d", ms, int64(maxGapMs))
		}
		err = g.demux.skip(ctx, m.DurationMs.or(0)*int64(g.demux.dec.Rate())/1000)
	default:
		g.s.count.unknown.Add(1)
	}
	return err
}

func (g *generic) binary(ctx context.Context, data []byte) error {
	if g.demux == nil {
		m := genericMessage{}
		if f, ok := wavFormat(data); ok {
			m = f
		}
		if err := g.start(ctx, m); err != nil {
			return err
		}
	}
	return g.demux.push(ctx, data, g.s.waited, g.s.h.now())
}

// start begins the audio with what m and the query tell.
func (g *generic) start(ctx context.Context, m genericMessage) error {
	if g.s.call != nil {
		return badRequest("a second start, want one for each stream")
	}
	d, _, err := g.s.openFlat(ctx, m, g.s.request.URL.Query())
	if err != nil {
		return err
	}
	g.demux = d
	g.s.sendResults(g)
	return nil
}

// openFlat opens the call of a stream of interleaved audio whose form is told by m, by the query and by the endpoint, which must
// not contradict each other.
func (s *stream) openFlat(ctx context.Context, m genericMessage, q url.Values) (*demux, Start, error) {
	m, err := mergeQuery(m, q, s.ep)
	if err != nil {
		return nil, Start{}, err
	}
	if m.Encoding == "" || !m.Rate.ok {
		return nil, Start{}, badRequest("audio whose form nothing tells, want encoding and rate in the query or in a start message before it")
	}
	encoding, err := s.ep.codec(m.Encoding)
	if err != nil {
		return nil, Start{}, err
	}
	start := Start{CallID: m.CallID, StreamID: m.StreamID, Encoding: encoding, Rate: int(m.Rate.n), Binding: m.Binding}
	if m.Rate.n > 1<<20 {
		return nil, Start{}, unsupported("rate %d Hz, want 4000 to 192000", m.Rate.n)
	}
	if encoding == "g722" {
		start.Rate = 16000 // whatever clock rate it was called by
	}
	channels := m.Channels.or(1)
	if channels < 1 || channels > maxStreamChannels {
		return nil, Start{}, badRequest("channels: %d, want 1 to %d", channels, maxStreamChannels)
	}
	if channels > 1 && (encoding == "g722" || encoding == "opus") {
		return nil, Start{}, unsupported("encoding %s with %d channels, want 1", encoding, channels)
	}
	roles := m.Roles
	if len(roles) == 0 {
		roles = m.ChannelRoles
	}
	if len(roles) > int(channels) {
		return nil, Start{}, badRequest("roles: %d, want at most one for each of %d channels", len(roles), channels)
	}
	start.Binding.ChannelRoles = nil
	check := interaction.Binding{ChannelRoles: roles}
	if err := check.Validate(); err != nil {
		return nil, Start{}, badRequest("%s", err)
	}
	for i := range int(channels) {
		t := Track{Name: strconv.Itoa(i), Separated: channels > 1}
		if i < len(roles) && roles[i] != "" {
			t.Role = roles[i]
			t.Separated = t.Separated || t.Role != interaction.RoleUnknown
		}
		start.Tracks = append(start.Tracks, t)
	}
	if err := s.open(ctx, start); err != nil {
		return nil, Start{}, err
	}
	d, err := newDemux(s.call, encoding, start.Rate, int(channels), 0, s.count)
	return d, start, err
}

// mergeQuery completes m with the query: the form of the audio, the binding's keys, and attributes.
func mergeQuery(m genericMessage, q url.Values, ep Endpoint) (genericMessage, error) {
	get := func(names ...string) string {
		for _, n := range names {
			if v := q.Get(n); v != "" {
				return v
			}
		}
		return ""
	}
	whole := func(v *number, names ...string) error {
		text := get(names...)
		if text == "" {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return badRequest("query: %s: %.20q, want an integer", names[0], text)
		}
		if v.ok && v.n != n {
			return badRequest("%s: %d in the message and %d in the query, want one", names[0], v.n, n)
		}
		*v = number{n, true}
		return nil
	}
	if err := whole(&m.Rate, "rate", "sample_rate", "sampleRate"); err != nil {
		return m, err
	}
	if err := whole(&m.Channels, "channels"); err != nil {
		return m, err
	}
	if e := get("encoding"); e != "" {
		a, err := ep.codec(e)
		if err != nil {
			return m, err
		}
		if m.Encoding != "" {
			if b, err := ep.codec(m.Encoding); err == nil && a != b {
				return m, badRequest("encoding: %s in the message and %s in the query, want one", b, a)
			}
		}
		m.Encoding = a
	}
	if m.CallID == "" {
		m.CallID = clean(get("call_id", "callSid", "callid"))
	}
	m.CallID, m.StreamID = clean(m.CallID), clean(m.StreamID)
	if roles := get("roles"); roles != "" && len(m.Roles) == 0 {
		for r := range strings.SplitSeq(roles, ",") {
			m.Roles = append(m.Roles, interaction.Role(strings.TrimSpace(r)))
		}
	}
	parameters := flatten(m.Metadata)
	for k := range q {
		if bindingKeys[k] != nil || strings.HasPrefix(k, "x_") {
			parameters[k] = q.Get(k)
		}
	}
	var told interaction.Binding
	bind(&told, parameters)
	told.Merge(m.Binding)
	m.Binding = told
	return m, nil
}

// wavFormat reads the form of the audio from the header of a WAV file at the start of data.
func wavFormat(data []byte) (genericMessage, bool) {
	if len(data) < 36 || string(data[:4]) != "RIFF" || string(data[8:16]) != "WAVEfmt " {
		return genericMessage{}, false
	}
	encodings := map[uint32]string{1 | 16<<16: "s16le", 7 | 8<<16: "mulaw", 6 | 8<<16: "alaw"}
	le := binary.LittleEndian
	encoding, ok := encodings[uint32(le.Uint16(data[20:]))|uint32(le.Uint16(data[34:]))<<16]
	return genericMessage{Encoding: encoding, Rate: numberOf(int64(le.Uint32(data[24:]))), Channels: numberOf(int64(le.Uint16(data[22:])))}, ok
}

func (g *generic) result(e interaction.Event) ([]byte, error) { return json.Marshal(e) }

func (g *generic) refuse(r *refusal) { g.s.writeJSON(g.s.errorEvent(r)) }
