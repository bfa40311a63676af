package ingest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
)

// The players of the dialects whose messages are JSON alone, and of our own two.

func writeJSON(p *play, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.peer.writeText(data)
}

// raw makes the parameters what a message carries.
func raw(parameters map[string]string) map[string]json.RawMessage {
	if len(parameters) == 0 {
		return nil
	}
	out := map[string]json.RawMessage{}
	for k, v := range parameters {
		text, err := json.Marshal(v)
		if err == nil { // a string always can be
			out[k] = text
		}
	}
	return out
}

// genericPlayer tells the form of the audio in a start message.
type genericPlayer struct{ quietPlayer }

func (*genericPlayer) begin(_ context.Context, p *play) error {
	m := genericMessage{Type: "start", CallID: p.o.CallID, Encoding: "mulaw", Rate: numberOf(p.o.Rate), Channels: numberOf(len(p.sides)), Metadata: raw(p.o.Parameters)}
	for _, side := range p.sides {
		m.Roles = append(m.Roles, interaction.Role(side))
	}
	return writeJSON(p, m)
}

func (*genericPlayer) audio(p *play, _ int, x [][]float32) error { return p.sendPacket("mulaw", x) }

func (*genericPlayer) end(_ context.Context, p *play) (bool, error) {
	return true, writeJSON(p, genericMessage{Type: "stop"})
}

// listenPlayer tells it in the query.
type listenPlayer struct{ quietPlayer }

func (*listenPlayer) prepare(p *play, r *http.Request) error {
	q := r.URL.Query()
	q.Set("encoding", "linear16")
	q.Set("sample_rate", fmt.Sprint(p.o.Rate))
	q.Set("channels", fmt.Sprint(len(p.sides)))
	q.Set("multichannel", "true")
	q.Set("call_id", p.o.CallID)
	q.Set("roles", strings.Join(p.sides, ","))
	for _, k := range sortedKeys(p.o.Parameters) {
		q.Add("extra", k+":"+p.o.Parameters[k])
	}
	r.URL.RawQuery = q.Encode()
	if p.o.Token != "" {
		r.Header.Set("Authorization", "Token "+p.o.Token)
	}
	return nil
}

func (*listenPlayer) audio(p *play, _ int, x [][]float32) error { return p.sendPacket("pcm_s16le", x) }

func (*listenPlayer) end(_ context.Context, p *play) (bool, error) {
	return true, writeJSON(p, listenMessage{Type: "CloseStream"})
}

// tracksOf names the sides as platforms that fork the customer's leg do.
var tracksOf = map[string]string{"customer": "inbound", "agent": "outbound"}

// twilioPlayer forks both tracks.
type twilioPlayer struct {
	quietPlayer
	bearer bool // SignalWire
	sid    string
	seq    int
	chunk  int
}

func (t *twilioPlayer) prepare(p *play, r *http.Request) error {
	if p.o.Secret != "" && !t.bearer {
		r.Header.Set("X-Twilio-Signature", twilioSignature(p.o.Secret, r.URL.String()))
	}
	return nil
}

func (t *twilioPlayer) next() number { t.seq++; return numberOf(t.seq) }

func (t *twilioPlayer) begin(_ context.Context, p *play) error {
	t.sid = "MZ" + strings.ReplaceAll(randomUUID(), "-", "")
	if err := writeJSON(p, twilioMessage{Event: "connected", Protocol: "Call", Version: "1.0.0"}); err != nil {
		return err
	}
	s := &twilioStart{AccountSID: "AC" + strings.Repeat("0", 32), StreamSID: t.sid, CallSID: p.o.CallID, CustomParameters: raw(p.o.Parameters),
		MediaFormat: twilioFormat{Encoding: "audio/x-mulaw", SampleRate: numberOf(p.o.Rate), Channels: numberOf(1)}}
	for _, side := range p.sides {
		s.Tracks = append(s.Tracks, tracksOf[side])
	}
	return writeJSON(p, twilioMessage{Event: "start", SequenceNumber: t.next(), StreamSID: t.sid, Start: s})
}

func (t *twilioPlayer) audio(p *play, at int, x [][]float32) error {
	t.chunk++
	return eachTrack(p, at, x, t.chunk, func(m *twilioMedia) any {
		return twilioMessage{Event: "media", SequenceNumber: t.next(), StreamSID: t.sid, Media: m}
	})
}

// eachTrack sends the media messages of one moment.
func eachTrack(p *play, at int, x [][]float32, chunk int, message func(*twilioMedia) any) error {
	for c, side := range p.sides {
		var err error
		if p.packet, err = audio.Encode(p.packet[:0], "mulaw", x[c]); err != nil {
			return err
		}
		if err := writeJSON(p, message(&twilioMedia{Track: tracksOf[side], Chunk: numberOf(chunk), Timestamp: numberOf(at * 1000 / p.o.Rate),
			Payload: base64.StdEncoding.EncodeToString(p.packet)})); err != nil {
			return err
		}
	}
	return nil
}

func (t *twilioPlayer) end(_ context.Context, p *play) (bool, error) {
	return false, writeJSON(p, twilioMessage{Event: "stop", SequenceNumber: t.next(), StreamSID: t.sid,
		Stop: &twilioStop{AccountSID: "AC" + strings.Repeat("0", 32), CallSID: p.o.CallID}})
}

// telnyxPlayer is the same with other names.
type telnyxPlayer struct {
	quietPlayer
	stream string
	seq    int
	chunk  int
}

func (t *telnyxPlayer) next() number { t.seq++; return numberOf(t.seq) }

func (t *telnyxPlayer) begin(_ context.Context, p *play) error {
	t.stream = strings.ToUpper(randomUUID())
	if err := writeJSON(p, telnyxMessage{Event: "connected", Version: "1.0.0"}); err != nil {
		return err
	}
	s := &telnyxStart{CallControlID: p.o.CallID, CallSessionID: randomUUID(), CustomParameters: raw(p.o.Parameters)}
	s.MediaFormat.Encoding, s.MediaFormat.SampleRate, s.MediaFormat.Channels = "PCMU", numberOf(p.o.Rate), numberOf(1)
	return writeJSON(p, telnyxMessage{Event: "start", SequenceNumber: t.next(), StreamID: t.stream, Start: s})
}

func (t *telnyxPlayer) audio(p *play, at int, x [][]float32) error {
	t.chunk++
	return eachTrack(p, at, x, t.chunk, func(m *twilioMedia) any {
		return telnyxMessage{Event: "media", SequenceNumber: t.next(), StreamID: t.stream, Media: m}
	})
}

func (t *telnyxPlayer) end(_ context.Context, p *play) (bool, error) {
	return false, writeJSON(p, telnyxMessage{Event: "stop", SequenceNumber: t.next(), StreamID: t.stream, Stop: &telnyxStop{CallControlID: p.o.CallID}})
}
