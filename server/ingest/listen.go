package ingest

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// listenDialect has the paths, parameters and message names of Deepgram's live API, so that its clients work against this server.
// There are no words: a Results message carries an empty transcript, and the segment as we measured it under the key timbre.
func listenDialect() *dialect {
	return &dialect{name: "listen", admit: admitByKey, closes: true,
		protocol: func(s *stream) protocol { return &listen{s: s} }}
}

type listen struct {
	plain
	s      *stream
	demux  *demux
	tracks int
}

// listenMessage is any text of the dialect, to us or from us.
type listenMessage struct {
	Type         string             `json:"type"`
	ChannelIndex []int              `json:"channel_index,omitempty"`
	Channel      any                `json:"channel,omitempty"`
	Start        *float64           `json:"start,omitempty"` // seconds, as everything here
	Duration     *float64           `json:"duration,omitempty"`
	Timestamp    *float64           `json:"timestamp,omitempty"`
	LastWordEnd  *float64           `json:"last_word_end,omitempty"`
	IsFinal      *bool              `json:"is_final,omitempty"`
	SpeechFinal  *bool              `json:"speech_final,omitempty"`
	Metadata     *listenMetadata    `json:"metadata,omitempty"`
	RequestID    string             `json:"request_id,omitempty"`
	Created      string             `json:"created,omitempty"`
	Channels     int                `json:"channels,omitempty"`
	Description  string             `json:"description,omitempty"`
	Message      string             `json:"message,omitempty"`
	Variant      string             `json:"variant,omitempty"`
	Timbre       *interaction.Event `json:"timbre,omitempty"`
}

type listenMetadata struct {
	RequestID string `json:"request_id"`
}

func (l *listen) text(_ context.Context, data []byte) error {
	var m listenMessage
	if err := decodeJSON(data, &m); err != nil {
		return err
	}
	switch m.Type {
	case "CloseStream":
		return errStop
	case "KeepAlive", "Finalize":
	default:
		l.s.count.unknown.Add(1)
	}
	return nil
}

func (l *listen) binary(ctx context.Context, data []byte) error {
	if len(data) == 0 { // an old way to say CloseStream
		return errStop
	}
	if l.demux == nil {
		m, _ := wavFormat(data)
		if err := l.start(ctx, m); err != nil {
			return err
		}
	}
	return l.demux.push(ctx, data, l.s.waited, l.s.h.now())
}

func (l *listen) start(ctx context.Context, m genericMessage) error {
	q := l.s.request.URL.Query()
	if len(q["extra"]) > 0 {
		m.Metadata = map[string]json.RawMessage{}
	}
	for _, extra := range q["extra"] { // key:value
		if k, v, ok := strings.Cut(extra, ":"); ok {
			text, err := json.Marshal(v)
			if err != nil {
				return badRequest("query: extra: %s", err)
			}
			m.Metadata[k] = text
		}
	}
	d, start, err := l.s.openFlat(ctx, m, q)
	if err != nil {
		return err
	}
	l.demux, l.tracks = d, len(start.Tracks)
	l.s.sendResults(l)
	return nil
}

// result gives the events that have a counterpart.
func (l *listen) result(e interaction.Event) ([]byte, error) {
	yes := true
	seconds := func(ms int64) *float64 { s := float64(ms) / 1000; return &s }
	var m listenMessage
	switch {
	case e.Type == interaction.EventSpeechStarted && e.Channel != nil && e.StartMs != nil:
		m = listenMessage{Type: "SpeechStarted", Channel: []int{*e.Channel, l.tracks}, Timestamp: seconds(*e.StartMs)}
	case e.Type == interaction.EventSegment && e.Segment != nil:
		seg := e.Segment
		m = listenMessage{Type: "Results", ChannelIndex: []int{seg.Channel, l.tracks}, Start: seconds(seg.StartMs),
			Duration: seconds(seg.EndMs - seg.StartMs), IsFinal: &yes, SpeechFinal: &yes, Timbre: &e,
			Channel:  map[string]any{"alternatives": []any{map[string]any{"transcript": "", "confidence": 0, "words": []any{}}}},
			Metadata: &listenMetadata{RequestID: e.CallID}}
	case e.Type == interaction.EventSummary && e.Record != nil:
		c := e.Record.Contact
		m = listenMessage{Type: "Metadata", RequestID: c.ID, Duration: seconds(c.DurationMs), Channels: c.Media.Channels, Timbre: &e}
		if c.StartedAt != nil {
			m.Created = c.StartedAt.Format("2006-01-02T15:04:05.000Z")
		}
	default:
		return nil, nil
	}
	return json.Marshal(m)
}

func (l *listen) refuse(r *refusal) {
	l.s.writeJSON(listenMessage{Type: "Error", Description: r.text, Message: r.text, Variant: strings.ToUpper(r.slug)})
}
