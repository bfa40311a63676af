package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
)

// errStop is a protocol's answer to the platform's last word.
var errStop = errors.New("ingest: stop")

// stream is one connection of a platform.
type stream struct {
	h       *Handler
	dialect *dialect
	ep      Endpoint
	request *http.Request // of the upgrade
	peer    peer
	log     *slog.Logger
	count   *counters

	call    Call // nil until the audio begins
	size    int  // tracks of the call
	results sync.WaitGroup
	waited  time.Duration // for the message that is handled

	begun   atomic.Bool  // the audio has
	last    atomic.Int64 // when the last message came, ns since Handler.begun: the time of day may be set
	halting atomic.Pointer[refusal]
}

// peer is the connection itself: a websocket, or the TCP connection of AudioSocket.
type peer interface {
	read() (text bool, data []byte, err error)
	readUntil(deadline time.Time) (text bool, data []byte, err error)
	writeText(data []byte) error
	writeBinary(data []byte) error
	ping() error
	interrupt()
	drain(wait time.Duration) (closed bool)
	close(code int, reason string, wait time.Duration)
	hangUp() // says that we close, and leaves the rest to the reader
	abort()
}

// closeWait is how long we wait for the answer to our close frame.
const closeWait = 2 * time.Second

// open begins the audio: what the protocol learned of it goes to Calls. A second start is an error.
func (s *stream) open(ctx context.Context, start Start) error {
	if s.call != nil {
		return badRequest("a second start, want one for each stream")
	}
	start.Tenant, start.Endpoint, start.Policy, start.Dialect = s.ep.Tenant, s.ep.Name, s.ep.Policy, s.dialect.name
	if start.Rate < 4000 || start.Rate > 192000 {
		return unsupported("rate %d Hz, want 4000 to 192000", start.Rate)
	}
	if err := start.Binding.Validate(); err != nil {
		return badRequest("%s", err)
	}
	if _, err := audio.NewDecoder(start.Encoding, start.Rate); err != nil {
		return unsupported("%s", err)
	}
	if s.dialect.signsURL && s.ep.Secret != "" && start.StreamID != "" {
		now := s.h.now()
		if err := s.h.once.use(s.dialect.name+" "+start.Tenant+" "+start.StreamID, now, now.Add(streamMemory)); err != nil {
			return err
		}
	}
	call, err := s.h.opts.Calls.Open(ctx, start)
	if err != nil {
		return err
	}
	s.call, s.size = call, len(start.Tracks)
	s.begun.Store(true)
	s.log = s.log.With("interaction", call.ID())
	s.log.Info("stream started", "encoding", start.Encoding, "rate", start.Rate, "tracks", len(start.Tracks), "call", start.CallID, "stream", start.StreamID)
	return nil
}

// sendResults starts to send the results of the call to the platform, as the protocol writes them.
func (s *stream) sendResults(p protocol) {
	events := s.call.Results()
	s.results.Go(func() {
		broken := false
		for e := range events {
			if broken {
				continue // the call must not wait for a reader that is gone
			}
			data, err := p.result(e)
			if err != nil {
				s.log.Error("result not written", "err", err)
				continue
			}
			if data == nil {
				continue
			}
			if err := s.peer.writeText(data); err != nil {
				s.log.Info("results stopped: the platform does not take them", "err", err)
				broken = true
			}
		}
	})
}

// serve reads the connection to its end.
func (s *stream) serve(ctx context.Context, p protocol) {
	how, err := s.watched(ctx, p)
	s.finish(ctx, p, how, err)
}

// watched is read with a watch beside it.
func (s *stream) watched(ctx context.Context, p protocol) (End, error) {
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(done) })
	defer watch.Wait()
	defer close(done)
	return s.read(ctx, p)
}

// rescue keeps a fault of ours in one stream from the others: its record is made of what came before.
func (s *stream) rescue() {
	fault := recover()
	if fault == nil {
		return
	}
	s.log.Error("fault in a stream", "err", fmt.Sprint(fault), "stack", string(debug.Stack()))
	s.count.failed.Add(1)
	s.peer.abort()
	if s.call != nil {
		if err := s.call.End(context.Background(), EndFailed); err != nil {
			s.log.Error("call not ended in order", "err", err)
		}
		s.results.Wait()
	}
}

// watch pings the peer, which notices one that is dead, and ends a connection that says nothing or goes on for too long.
func (s *stream) watch(done <-chan struct{}) {
	l := s.h.limits
	tick := time.NewTicker(l.PingEvery)
	defer tick.Stop()
	start, end := time.NewTimer(l.StartTimeout), time.NewTimer(l.MaxDuration)
	defer start.Stop()
	defer end.Stop()
	for {
		select {
		case <-done:
			return
		case <-start.C:
			if !s.begun.Load() {
				s.halt(timedOut("no audio began within %s", l.StartTimeout))
			}
		case <-end.C:
			s.halt(timedOut("the connection lasts longer than %s", l.MaxDuration))
		case <-tick.C:
			if quiet := time.Since(s.h.begun) - time.Duration(s.last.Load()); quiet > l.QuietTimeout {
				s.halt(timedOut("no message for %s", l.QuietTimeout))
			}
			s.peer.ping() // what fails here fails the reader too
		}
	}
}

// halt ends the stream from outside. The first reason counts.
func (s *stream) halt(why *refusal) {
	s.halting.CompareAndSwap(nil, why)
	s.peer.interrupt()
}

// read handles messages until the audio has ended, and tells how it did. err is the refusal where we ended it.
func (s *stream) read(ctx context.Context, p protocol) (End, error) {
	for {
		from := time.Now()
		s.last.Store(int64(from.Sub(s.h.begun)))
		text, data, err := s.peer.read()
		s.waited = time.Since(from)
		if why := s.halting.Load(); why != nil {
			if why.code == closeGoingAway {
				return EndDrained, why
			}
			return EndDropped, why
		}
		switch {
		case errors.Is(err, io.EOF):
			return EndClose, nil
		case errors.Is(err, errTooLarge):
			return EndFailed, tooLarge("message of more than %d bytes", s.h.limits.MessageBytes)
		case errors.Is(err, errIdle):
			return EndDropped, timedOut("nothing received for %s", s.h.limits.IdleTimeout)
		case err != nil:
			return EndDropped, nil
		}
		s.count.messages.Add(1)
		s.count.bytes.Add(int64(len(data)))
		if text {
			err = p.text(ctx, data)
		} else {
			err = p.binary(ctx, data)
		}
		switch {
		case errors.Is(err, errStop):
			return EndStop, nil
		case errors.Is(err, ErrGone): // nothing that the platform sent
			return EndDropped, err
		case err != nil:
			return EndFailed, err
		}
	}
}

// finish ends the call and the connection.
func (s *stream) finish(ctx context.Context, p protocol, how End, err error) {
	if s.call != nil {
		if ferr := p.finish(ctx); ferr != nil && err == nil {
			how, err = EndFailed, ferr
		}
	}
	level := slog.LevelInfo
	switch how {
	case EndFailed:
		s.count.failed.Add(1)
		level = slog.LevelWarn
	case EndDropped:
		s.count.dropped.Add(1)
	}
	attrs := []any{"how", string(how)}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	s.log.Log(ctx, level, "stream ended", attrs...)
	if how == EndFailed && err != nil {
		p.refuse(asRefusal(err))
	}
	if s.call != nil {
		eerr := s.call.End(context.WithoutCancel(ctx), how)
		s.results.Wait()
		if eerr != nil {
			s.log.Error("call not ended in order", "err", eerr)
			if how == EndStop || how == EndClose { // who ended in order takes a close in order for the word that the record is safe
				s.count.failed.Add(1)
				s.peer.close(closeInternal, "the record of the call is not kept", closeWait)
				return
			}
		}
	}
	switch how {
	case EndStop:
		p.ended()
		if !s.dialect.closes && s.peer.drain(s.h.limits.CloseGrace) {
			s.peer.abort() // the platform closed, as it should
			return
		}
		s.peer.close(closeNormal, "", closeWait)
	case EndClose:
		s.peer.abort()
	default:
		if err == nil {
			s.peer.abort()
			return
		}
		r := asRefusal(err)
		s.peer.close(r.code, r.text, closeWait)
	}
}

// stop ends the stream at a shutdown.
func (s *stream) stop() {
	s.halt(refuse("unavailable", http.StatusServiceUnavailable, closeGoingAway, "the server is shutting down", nil))
}

// track returns a track of this stream with its role. Of two sides, one that is told to be elsewhere leaves its place to the other.
func (s *stream) track(name string, told map[string]interaction.Role) Track {
	t := s.ep.track(name, s.dialect.roles)
	if role, ok := told[name]; ok {
		t.Role = role
		return t
	}
	for _, role := range told {
		if t.Role == role {
			t.Role = otherSide[role]
		}
	}
	for _, role := range told {
		if t.Role == role { // both are told to be elsewhere
			t.Role = interaction.RoleUnknown
		}
	}
	return t
}

// otherSide is who is on the other end of a call.
var otherSide = map[interaction.Role]interaction.Role{interaction.RoleAgent: interaction.RoleCustomer, interaction.RoleCustomer: interaction.RoleAgent}

// errorEvent is a refusal in the envelope of events.
func (s *stream) errorEvent(r *refusal) interaction.Event {
	e := interaction.Event{Type: interaction.EventError, Version: interaction.EventVersion, Tenant: s.ep.Tenant, Code: r.slug, Message: r.text}
	if s.call != nil {
		e.CallID = s.call.ID()
	}
	return e
}

// digit passes on a key that somebody pressed. What is no key, or on no track, is passed over.
func (s *stream) digit(ctx context.Context, track int64, key string, lengthMs int64) error {
	if track < 0 || track >= int64(s.size) || len(key) != 1 || !strings.Contains("0123456789*#ABCD", strings.ToUpper(key)) || lengthMs < 0 {
		s.count.unknown.Add(1)
		return nil
	}
	return s.call.Digit(ctx, int(track), strings.ToUpper(key), min(lengthMs, 60_000))
}

// told makes what a call refuses the platform's fault.
func told(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrGone) {
		return err
	}
	return badRequest("%s", err)
}

// writeJSON sends a text of our own. What cannot be sent is seen by the reader.
func (s *stream) writeJSON(v any) {
	data, err := json.Marshal(v)
	if err == nil {
		err = s.peer.writeText(data)
	}
	if err != nil {
		s.log.Info("message not sent", "err", err)
	}
}
