package ingest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
)

// The players of the dialects that send their audio in binary messages.

// forkPlayer is mod_audio_fork, with jambonz's words in its first text.
type forkPlayer struct {
	quietPlayer
	subprotocol string
}

func (f *forkPlayer) prepare(p *play, r *http.Request) error {
	r.Header.Set("Sec-WebSocket-Protocol", f.subprotocol)
	if p.o.Token != "" {
		r.SetBasicAuth("timbre", p.o.Token)
	}
	return nil
}

func (f *forkPlayer) begin(_ context.Context, p *play) error {
	m := map[string]any{"sampleRate": p.o.Rate, "mixType": "mono", "callSid": p.o.CallID, "direction": "inbound"}
	if len(p.sides) == 2 {
		m["mixType"] = "stereo"
	}
	for k, v := range p.o.Parameters {
		m[k] = v
	}
	return writeJSON(p, m)
}

func (*forkPlayer) audio(p *play, _ int, x [][]float32) error { return p.sendPacket("pcm_s16le", x) }

// asteriskPlayer is chan_websocket, one side on each connection.
type asteriskPlayer struct{ quietPlayer }

func (*asteriskPlayer) prepare(p *play, r *http.Request) error {
	r.Header.Set("Sec-WebSocket-Protocol", "media")
	q := r.URL.Query()
	q.Set("call_id", p.o.CallID)
	q.Set("side", p.sides[0])
	for k, v := range p.o.Parameters {
		q.Set(k, v)
	}
	r.URL.RawQuery = q.Encode()
	if p.o.Token != "" {
		r.SetBasicAuth("timbre", p.o.Token)
	}
	return nil
}

func (*asteriskPlayer) begin(_ context.Context, p *play) error {
	return writeJSON(p, asteriskMessage{Event: "MEDIA_START", ConnectionID: "timbre", Channel: "WebSocket/timbre/0x1", ChannelID: p.sides[0] + ".1",
		Format: "ulaw", OptimalFrameSize: numberOf(p.o.Rate / 50), Ptime: numberOf(20)})
}

func (*asteriskPlayer) audio(p *play, _ int, x [][]float32) error { return p.sendPacket("mulaw", x) }

// vonagePlayer is a websocket leg of Vonage, one side on each connection.
type vonagePlayer struct{ quietPlayer }

func (*vonagePlayer) begin(_ context.Context, p *play) error {
	m := map[string]string{"event": "websocket:connected", "content-type": fmt.Sprintf("audio/l16;rate=%d", p.o.Rate), "call_id": p.o.CallID, "side": p.sides[0]}
	maps.Copy(m, p.o.Parameters)
	return writeJSON(p, m)
}

func (*vonagePlayer) audio(p *play, _ int, x [][]float32) error { return p.sendPacket("pcm_s16le", x) }

// hookPlayer is the client of AudioHook, which waits for opened and closed.
type hookPlayer struct {
	session, organization string
	opened, closed        chan struct{}
	refused               error // why the server asks to end; set before opened or closed is

	mu        sync.Mutex // the reader answers too
	seq       int64
	serverSeq int64
	position  int64 // samples
}

func (h *hookPlayer) prepare(p *play, r *http.Request) error {
	h.session, h.organization = randomUUID(), randomUUID()
	h.opened, h.closed = make(chan struct{}), make(chan struct{})
	r.Header.Set("Audiohook-Organization-Id", h.organization)
	r.Header.Set("Audiohook-Session-Id", h.session)
	r.Header.Set("Audiohook-Correlation-Id", randomUUID())
	r.Header.Set("X-API-KEY", p.o.APIKey)
	if p.o.Secret == "" {
		return nil
	}
	return sign(r, p.o.Secret, p.o.APIKey, strings.ReplaceAll(randomUUID(), "-", ""), time.Now())
}

func (h *hookPlayer) say(p *play, kind string, parameters any) error {
	data, err := json.Marshal(parameters)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	seen := h.serverSeq
	return writeJSON(p, hookMessage{Version: "2", ID: h.session, Type: kind, Seq: h.seq, ServerSeq: &seen,
		Position: hookDuration(h.position * 1000 / int64(p.o.Rate)), Parameters: data})
}

func (h *hookPlayer) begin(ctx context.Context, p *play) error {
	conversation := p.o.CallID
	if !uuidPattern.MatchString(conversation) {
		conversation = randomUUID()
	}
	channels := []string{"external", "internal"}[:len(p.sides)]
	open := hookOpen{OrganizationID: h.organization, ConversationID: conversation, CustomConfig: raw(p.o.Parameters),
		Media: []hookMedia{{Type: "audio", Format: "PCMU", Channels: channels, Rate: p.o.Rate}}}
	open.Participant.ID, open.Participant.ANI, open.Participant.DNIS = randomUUID(), "+15550100", "+15550199"
	if err := h.say(p, "open", open); err != nil {
		return err
	}
	return h.wait(ctx, h.opened, "opened", 10*time.Second)
}

func (h *hookPlayer) wait(ctx context.Context, for_ chan struct{}, what string, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-for_:
		return h.refused
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return fmt.Errorf("ingest: play: no %s within %s", what, d)
	}
}

func (h *hookPlayer) audio(p *play, at int, x [][]float32) error {
	h.mu.Lock()
	h.position = int64(at + len(x[0]))
	h.mu.Unlock()
	return p.sendPacket("mulaw", x)
}

func (h *hookPlayer) end(ctx context.Context, p *play) (bool, error) {
	if err := h.say(p, "close", map[string]string{"reason": "end"}); err != nil {
		return false, err
	}
	return false, h.wait(ctx, h.closed, "closed", time.Minute)
}

func (h *hookPlayer) heard(p *play, data []byte) error {
	var m hookMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("ingest: play: message: %w", err)
	}
	h.mu.Lock()
	expected := h.serverSeq + 1
	h.serverSeq = m.Seq
	h.mu.Unlock()
	if m.Seq != expected {
		return fmt.Errorf("ingest: play: seq %d, want %d", m.Seq, expected)
	}
	switch m.Type {
	case "opened":
		close(h.opened)
	case "closed":
		close(h.closed)
	case "disconnect":
		h.refused = errors.New("ingest: play: the server asks to end: " + string(m.Parameters))
		select {
		case <-h.opened:
		default:
			close(h.opened)
		}
		return h.say(p, "close", map[string]string{"reason": "disconnect"})
	}
	return nil
}

// socketPlayer is AudioSocket.
type socketPlayer struct{ quietPlayer }

func dialSocket(ctx context.Context, host string, idle time.Duration) (*socketPeer, error) {
	d := net.Dialer{Timeout: handshakeTimeout}
	c, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("ingest: play: %w", err)
	}
	return newSocketPeer(c, idle), nil
}

// frame sends one frame.
func (*socketPlayer) frame(p *play, kind byte, payload []byte) error {
	c := p.peer.(*socketPeer).c
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	b := append([]byte{kind}, 0, 0)
	binary.BigEndian.PutUint16(b[1:], uint16(len(payload)))
	_, err := c.Write(append(b, payload...))
	return err
}

func (s *socketPlayer) begin(_ context.Context, p *play) error {
	id, err := hex.DecodeString(strings.ReplaceAll(p.o.CallID, "-", ""))
	if err != nil || len(id) != 16 {
		return fmt.Errorf("ingest: play: call id %q, want a UUID: audiosocket carries nothing else", p.o.CallID)
	}
	return s.frame(p, socketUUID, id)
}

func (s *socketPlayer) audio(p *play, _ int, x [][]float32) error {
	kind := -1
	for i, rate := range socketRates {
		if rate == p.o.Rate {
			kind = socketAudio + i
		}
	}
	if kind < 0 {
		return fmt.Errorf("%d Hz, want one of %v", p.o.Rate, socketRates)
	}
	var err error
	if p.packet, err = audio.Encode(p.packet[:0], "pcm_s16le", x[0]); err != nil {
		return err
	}
	return s.frame(p, byte(kind), p.packet)
}

func (s *socketPlayer) end(_ context.Context, p *play) (bool, error) {
	return true, s.frame(p, socketHangup, nil)
}
