package ingest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// audioSocketDialect is Asterisk's AudioSocket: frames of a type, a length and a payload on a TCP connection, mono. It knows no
// credentials: what listens for it must be reached by the switch alone.
func audioSocketDialect() *dialect {
	return &dialect{name: "audiosocket", closes: true, joins: true,
		protocol: func(s *stream) protocol { return &audioSocket{s: s} }}
}

// Types of frame. Audio is 16-bit linear in the byte order that the switch has, little endian on all that run it.
const (
	socketHangup = 0x00
	socketUUID   = 0x01
	socketDTMF   = 0x03
	socketAudio  = 0x10 // 8 kHz; the next ones are other rates
	socketError  = 0xff
)

// socketRates are the rates of the audio types from socketAudio on.
var socketRates = []int{8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000}

// ServeAudioSocket takes AudioSocket connections from l until l is closed, which Shutdown does not do, or breaks. The endpoint is
// the one stored under the dialect audiosocket with the name given, else the tenant default.
func (h *Handler) ServeAudioSocket(l net.Listener, endpoint string) error {
	var wait time.Duration
	for {
		c, err := l.Accept()
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				wait = min(max(2*wait, time.Millisecond), time.Second)
				time.Sleep(wait)
				continue
			}
			return fmt.Errorf("ingest: audiosocket: %w", err)
		}
		wait = 0
		go h.serveAudioSocket(c, endpoint)
	}
}

func (h *Handler) serveAudioSocket(c net.Conn, name string) {
	remote := c.RemoteAddr().String()
	d := h.dialects["audiosocket"]
	count := h.counters[d.name]
	if no := h.gate.enter(remote); no != nil {
		count.refused.Add(1)
		c.Close()
		return
	}
	defer h.gate.leave(remote)
	ep := Endpoint{Name: name, Tenant: "default"}
	if h.opts.Endpoints != nil {
		stored, err := h.opts.Endpoints.Endpoint(h.ctx, d.name, name)
		switch {
		case err == nil:
			ep = stored
			ep.Name = name
		case !errors.Is(err, ErrNoEndpoint) || name != "":
			h.log.Error("stream refused", "dialect", d.name, "endpoint", name, "err", err)
			count.refused.Add(1)
			c.Close()
			return
		}
	}
	s := &stream{h: h, dialect: d, ep: ep, count: count, request: &http.Request{URL: &url.URL{}, RemoteAddr: remote},
		log: h.log.With("dialect", d.name, "endpoint", name, "remote", hostOf(remote))}
	s.peer = newSocketPeer(c, h.limits.IdleTimeout)
	h.run(s)
}

type audioSocket struct {
	plain
	s     *stream
	uuid  string
	kind  byte // of the audio
	demux *demux
}

// binary takes one frame: its type and its payload.
func (a *audioSocket) binary(ctx context.Context, frame []byte) error {
	kind, payload := frame[0], frame[1:]
	switch {
	case kind == socketHangup:
		return errStop
	case kind == socketUUID:
		if len(payload) != 16 || a.uuid != "" {
			return badRequest("UUID frame of %d bytes, want one of 16", len(payload))
		}
		a.uuid = fmt.Sprintf("%x-%x-%x-%x-%x", payload[:4], payload[4:6], payload[6:8], payload[8:10], payload[10:])
		return nil
	case a.uuid == "":
		return badRequest("frame of type 0x%02x, want the UUID first", kind)
	case kind == socketDTMF && len(payload) == 1:
		return a.s.digit(ctx, 0, string(payload), 0)
	case kind >= socketAudio && int(kind-socketAudio) < len(socketRates):
		return a.audio(ctx, kind, payload)
	case kind == socketError:
		a.s.log.Warn("asterisk reports an error", "payload", fmt.Sprintf("%x", payload[:min(len(payload), 4)]))
		return nil
	}
	a.s.count.unknown.Add(1)
	return nil
}

func (a *audioSocket) audio(ctx context.Context, kind byte, payload []byte) error {
	if a.demux == nil {
		start := Start{StreamID: a.uuid, Encoding: "pcm_s16le", Rate: socketRates[kind-socketAudio]}
		var err error
		if start.Tracks, err = a.s.lone(&start, a.uuid); err != nil {
			return err
		}
		if err := a.s.open(ctx, start); err != nil {
			return err
		}
		if a.demux, err = newDemux(a.s.call, start.Encoding, start.Rate, 1, a.s.h.limits.QuietGap, a.s.count); err != nil {
			return err
		}
		a.kind = kind
	}
	if kind != a.kind {
		return badRequest("audio of type 0x%02x after 0x%02x, want one rate", kind, a.kind)
	}
	return a.demux.push(ctx, payload, a.s.waited, a.s.h.now())
}

// socketPeer is the TCP connection. Its messages are frames, without the length.
type socketPeer struct {
	c      net.Conn
	r      *bufio.Reader
	idle   time.Duration
	halted atomic.Bool
	buf    []byte
	once   sync.Once
}

func newSocketPeer(c net.Conn, idle time.Duration) *socketPeer {
	return &socketPeer{c: c, r: bufio.NewReaderSize(c, 4096), idle: idle}
}

func (p *socketPeer) read() (bool, []byte, error) {
	return p.readWith(time.Now().Add(p.idle), true)
}

func (p *socketPeer) readUntil(deadline time.Time) (bool, []byte, error) {
	return p.readWith(deadline, false)
}

func (p *socketPeer) readWith(deadline time.Time, mayHalt bool) (bool, []byte, error) {
	if err := p.c.SetReadDeadline(deadline); err != nil {
		return false, nil, err
	}
	if mayHalt && p.halted.Load() {
		return false, nil, errIdle
	}
	var head [3]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return false, nil, socketReadError(err, err == io.EOF)
	}
	n := 1 + int(binary.BigEndian.Uint16(head[1:]))
	if cap(p.buf) < n {
		p.buf = make([]byte, n)
	}
	p.buf = p.buf[:n]
	p.buf[0] = head[0]
	if _, err := io.ReadFull(p.r, p.buf[1:]); err != nil {
		return false, nil, socketReadError(err, false)
	}
	return false, p.buf, nil
}

// socketReadError tells an end between two frames, which is how Asterisk hangs up, from a broken connection.
func socketReadError(err error, orderly bool) error {
	var ne net.Error
	switch {
	case orderly:
		return io.EOF
	case errors.As(err, &ne) && ne.Timeout():
		return errIdle
	}
	return fmt.Errorf("ingest: connection: %w", err)
}

func (p *socketPeer) interrupt() {
	p.halted.Store(true)
	p.c.SetReadDeadline(time.Unix(1, 0))
}

func (p *socketPeer) drain(wait time.Duration) (closed bool) {
	deadline := time.Now().Add(wait)
	for {
		if _, _, err := p.readUntil(deadline); err != nil {
			return !errors.Is(err, errIdle)
		}
	}
}

// close hangs up.
func (p *socketPeer) close(int, string, time.Duration) {
	p.once.Do(func() {
		if p.c.SetWriteDeadline(time.Now().Add(writeTimeout)) == nil {
			p.c.Write([]byte{socketHangup, 0, 0}) // whether it arrives or not, we close
		}
		p.c.Close()
	})
}

func (p *socketPeer) hangUp()     { p.c.(*net.TCPConn).CloseWrite() }
func (p *socketPeer) abort()      { p.c.Close() }
func (p *socketPeer) ping() error { return nil }
func (p *socketPeer) writeText([]byte) error {
	return errors.New("ingest: audiosocket carries no text")
}
func (p *socketPeer) writeBinary([]byte) error {
	return errors.New("ingest: audiosocket takes no audio of ours")
}

// result is none: there is no way to tell one.
func (a *audioSocket) result(interaction.Event) ([]byte, error) { return nil, nil }

// finish gives on what is held.
func (a *audioSocket) finish(ctx context.Context) error {
	if a.demux == nil {
		return nil
	}
	return a.demux.flush(ctx, a.s.h.now())
}
