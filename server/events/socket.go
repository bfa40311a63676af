package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/interaction"
)

// SocketOptions says who may listen and for how long.
type SocketOptions struct {
	// Tenant says whose events the request may see; it answers a request that may see none itself and returns ok false.
	Tenant func(w http.ResponseWriter, r *http.Request) (tenant string, ok bool)

	Origins []string      // of browsers that may connect from another host than ours; "*": any
	MaxConn int           // sockets at a time, default 1000; beyond it the answer is 503
	Ping    time.Duration // between pings, default 20 s; a peer silent for twice that is dropped
	Write   time.Duration // to write one message, default 10 s
	Log     *slog.Logger  // nil: discarded
}

// Socket serves live events as a websocket (RFC 6455): one event per text message, nothing is read but control frames. The query
// narrows: queue, agent, and kind, which may be repeated or a comma list. Where the route has an {id}, only that call's events come.
// A subscriber that is too slow gets {"type":"events_lost","count":n} in the place of the n events that it lost.
type Socket struct {
	bus      *Bus
	opts     SocketOptions
	upgrader websocket.Upgrader
	slots    chan struct{}

	mu     sync.Mutex
	ending bool
	cancel map[context.Context]context.CancelFunc
	wg     sync.WaitGroup
}

// NewSocket returns a handler for routes such as "GET /v1/events" and "GET /v1/calls/{id}/events".
func NewSocket(b *Bus, o SocketOptions) *Socket {
	if o.MaxConn <= 0 {
		o.MaxConn = 1000
	}
	if o.Ping <= 0 {
		o.Ping = 20 * time.Second
	}
	if o.Write <= 0 {
		o.Write = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Socket{bus: b, opts: o, slots: make(chan struct{}, o.MaxConn), cancel: map[context.Context]context.CancelFunc{}}
	s.upgrader = websocket.Upgrader{HandshakeTimeout: o.Write, ReadBufferSize: 1 << 10, WriteBufferSize: 4 << 10, CheckOrigin: s.origin}
	return s
}

func (s *Socket) origin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" { // no browser
		return true
	}
	for _, o := range s.opts.Origins {
		if o == "*" || strings.EqualFold(o, origin) {
			return true
		}
	}
	_, host, _ := strings.Cut(origin, "://")
	return strings.EqualFold(host, r.Host)
}

// errShutdown ends the sockets of a server that goes away.
var errShutdown = errors.New("events: server is going away")

// ServeHTTP answers one subscriber until it or the server goes away.
func (s *Socket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant, ok := s.opts.Tenant(w, r)
	if !ok {
		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "events: not a websocket request, want Upgrade: websocket", http.StatusUpgradeRequired)
		return
	}
	q := r.URL.Query()
	f := Filter{Tenant: tenant, CallID: r.PathValue("id"), Queue: q.Get("queue"), AgentID: q.Get("agent")}
	for _, list := range q["kind"] {
		for k := range strings.SplitSeq(list, ",") {
			f.Kinds = append(f.Kinds, interaction.EventKind(strings.TrimSpace(k)))
		}
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, fmt.Sprintf("events: %d subscribers, want at most as many", s.opts.MaxConn), http.StatusServiceUnavailable)
		return
	}
	sub, err := s.bus.Subscribe(f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer sub.Close()
	ctx, done, ok := s.enter(r.Context())
	if !ok {
		http.Error(w, errShutdown.Error(), http.StatusServiceUnavailable)
		return
	}
	defer done()
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	defer conn.Close()
	s.serve(ctx, conn, sub, f.CallID)
}

// enter registers one subscriber, unless the server is going away.
func (s *Socket) enter(parent context.Context) (context.Context, func(), bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil, nil, false
	}
	// The request's own context ends with the handler, not with the hijacked connection.
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	s.cancel[ctx] = cancel
	s.wg.Add(1)
	return ctx, func() {
		s.mu.Lock()
		delete(s.cancel, ctx)
		s.mu.Unlock()
		cancel()
		s.wg.Done()
	}, true
}

// serve writes events until the call, the subscriber or the server goes away. It is the only writer of data.
func (s *Socket) serve(ctx context.Context, conn *websocket.Conn, sub *Subscription, call string) {
	ctx, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() {
		defer stop()
		s.read(conn)
	})
	others.Go(func() { s.ping(ctx, conn) })
	defer others.Wait()
	defer conn.Close()
	defer stop()
	bye := func(code int, reason string) {
		// Where the peer left first there is nobody to tell.
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
	}
	for {
		event, lost, err := sub.Next(ctx)
		if err != nil {
			bye(websocket.CloseGoingAway, "server is going away")
			return
		}
		if lost > 0 {
			told, err := json.Marshal(lostEvent{interaction.EventLost, interaction.EventVersion, lost})
			if err != nil || s.write(conn, told) != nil {
				return
			}
		}
		if s.write(conn, event) != nil {
			return
		}
		if call != "" && bytes.HasPrefix(event, lastOfCall) {
			bye(websocket.CloseNormalClosure, "the call has ended")
			return
		}
	}
}

// lastOfCall begins the last event of a call; the type stands first in an event.
var lastOfCall = []byte(`{"type":"` + interaction.EventSessionEnded + `"`)

type lostEvent struct {
	Type    interaction.EventKind `json:"type"`
	Version string                `json:"version"`
	Count   int64                 `json:"count"`
}

// ping asks for a sign of life however busy the stream is.
func (s *Socket) ping(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(s.opts.Ping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(s.opts.Write)) != nil {
				return
			}
		}
	}
}

func (s *Socket) write(conn *websocket.Conn, message []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(s.opts.Write)); err != nil {
		return err
	}
	return conn.WriteMessage(websocket.TextMessage, message)
}

// read takes the peer's control frames; what else it sends is dropped. It returns when the peer is gone.
func (s *Socket) read(conn *websocket.Conn) {
	conn.SetReadLimit(4 << 10)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(2 * s.opts.Ping)) }
	conn.SetPongHandler(alive)
	for err := alive(""); err == nil; {
		_, _, err = conn.NextReader()
	}
}

// Close tells every subscriber that the server goes away, refuses new ones and returns when all are gone.
func (s *Socket) Close() {
	s.mu.Lock()
	s.ending = true
	for _, cancel := range s.cancel {
		cancel()
	}
	s.mu.Unlock()
	s.wg.Wait()
}
