package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options says what a Handler works with.
type Options struct {
	Calls     Calls     // required
	Endpoints Endpoints // nil: there are none, and only loopback is served
	Keys      Keys      // nil: there are none, and the generic paths serve only loopback
	Limits    Limits
	Log       *slog.Logger // nil: slog.Default()
	Now       func() time.Time

	// Admit tells before the upgrade whether a call that does not run yet can be taken, nil or an error as Calls.Open returns; nil:
	// it is found out when the audio begins. It is not asked where a stream may be the second one of a running call.
	Admit func() error

	// Open admits connections from loopback without an endpoint or key, under the tenant "default". It is for a server that
	// itself listens on loopback alone: behind a proxy everything comes from there.
	Open bool
}

// Handler takes the websockets of platforms. Safe for concurrent use.
type Handler struct {
	opts     Options
	limits   Limits
	log      *slog.Logger
	now      func() time.Time
	begun    time.Time // of this handler, by the clock that is never set
	dialects map[string]*dialect
	counters map[string]*counters
	gate     *gate
	once     once

	ctx    context.Context // of every stream; cancelled when Shutdown's time is over
	cancel context.CancelFunc

	mu       sync.Mutex
	draining bool
	streams  map[*stream]struct{}
	running  sync.WaitGroup
}

// New returns a Handler. Shutdown ends it.
func New(o Options) (*Handler, error) {
	if o.Calls == nil {
		return nil, errors.New("ingest: options: calls: nil, want where streams lead")
	}
	h := &Handler{opts: o, begun: time.Now(), limits: o.Limits.withDefaults(), log: o.Log, now: o.Now, dialects: dialects(), counters: map[string]*counters{},
		streams: map[*stream]struct{}{}}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.now == nil {
		h.now = time.Now
	}
	for name := range h.dialects {
		h.counters[name] = &counters{}
	}
	h.gate = newGate(h.limits, h.now)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// route returns the dialect and the endpoint's name that a path means.
func (h *Handler) route(path string) (d *dialect, endpoint string, ok bool) {
	switch path {
	case "/v1/stream":
		return h.dialects["generic"], "", true
	case "/v1/listen":
		return h.dialects["listen"], "", true
	}
	rest, under := strings.CutPrefix(path, "/v1/ingest/")
	name, endpoint, more := strings.Cut(rest, "/")
	d = h.dialects[name]
	return d, endpoint, under && d != nil && d.path() && (!more || endpoint != "") && !strings.Contains(endpoint, "/")
}

// ServeHTTP admits a platform's request, upgrades it and serves it to its end.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d, name, ok := h.route(r.URL.Path)
	if !ok {
		h.deny(w, nil, refuse("not_found", http.StatusNotFound, closePolicy, "no dialect at this path, want /v1/stream, /v1/listen or /v1/ingest/ with one of %s",
			[]any{strings.Join(h.names(), ", ")}))
		return
	}
	count := h.counters[d.name]
	if !isUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		h.deny(w, count, refuse("bad_request", http.StatusUpgradeRequired, closePolicy, "this path takes websockets", nil))
		return
	}
	if no := h.gate.enter(r.RemoteAddr); no != nil {
		h.deny(w, count, no)
		return
	}
	defer h.gate.leave(r.RemoteAddr)
	ep, err := h.endpoint(r, d, name)
	if err == nil {
		err = d.admit(h, r, &ep)
	}
	if err == nil && !d.joins && h.opts.Admit != nil {
		err = h.opts.Admit()
	}
	if err != nil {
		h.log.Warn("stream refused", "dialect", d.name, "endpoint", name, "remote", hostOf(r.RemoteAddr), "err", err)
		h.deny(w, count, asRefusal(err))
		return
	}
	s := &stream{h: h, dialect: d, ep: ep, request: r, count: count,
		log: h.log.With("dialect", d.name, "endpoint", ep.Name, "remote", hostOf(r.RemoteAddr))}
	subprotocol := ""
	if names := offered(r); len(names) > 0 {
		subprotocol = names[0]
	}
	c, err := accept(w, r, subprotocol, h.limits.MessageBytes, h.limits.IdleTimeout)
	if err != nil {
		count.refused.Add(1)
		s.log.Info("upgrade failed", "err", err)
		return
	}
	s.peer = c
	h.run(s)
}

// run serves a stream whose connection is open.
func (h *Handler) run(s *stream) {
	h.mu.Lock()
	if h.draining {
		h.mu.Unlock()
		s.count.refused.Add(1)
		s.peer.close(closeGoingAway, "the server is shutting down", closeWait)
		return
	}
	h.streams[s] = struct{}{}
	h.running.Add(1)
	h.mu.Unlock()
	s.count.open.Add(1) // first, so that whoever sees it accepted sees it open
	s.count.accepted.Add(1)
	defer func() {
		s.count.open.Add(-1)
		h.mu.Lock()
		delete(h.streams, s)
		h.mu.Unlock()
		h.running.Done()
	}()
	defer s.rescue()
	s.serve(h.ctx, s.dialect.protocol(s))
}

// endpoint finds what a site configured for this path.
func (h *Handler) endpoint(r *http.Request, d *dialect, name string) (Endpoint, error) {
	h.mu.Lock()
	draining := h.draining
	h.mu.Unlock()
	open := Endpoint{Name: name, Tenant: "default"}
	switch {
	case draining:
		return Endpoint{}, unavailable("the server is shutting down")
	case d.generic():
		return open, nil // its admission finds the tenant
	}
	err := ErrNoEndpoint
	if h.opts.Endpoints != nil {
		var ep Endpoint
		if ep, err = h.opts.Endpoints.Endpoint(r.Context(), d.name, name); err == nil {
			ep.Name = name
			return ep, nil
		}
	}
	switch {
	case !errors.Is(err, ErrNoEndpoint):
		return Endpoint{}, fmt.Errorf("ingest: endpoint %s of %s: %w", name, d.name, err)
	case name == "" && h.opts.Open && isLoopback(r.RemoteAddr):
		return open, nil
	}
	return Endpoint{}, refuse("not_found", http.StatusNotFound, closePolicy, "no endpoint of this name for %s", []any{d.name})
}

// deny answers a request that is not upgraded.
func (h *Handler) deny(w http.ResponseWriter, count *counters, r *refusal) {
	if count != nil {
		count.refused.Add(1)
	}
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="timbre"`)
	}
	http.Error(w, r.slug+": "+r.text, r.status)
}

// names lists the dialects that have a path of their own under /v1/ingest.
func (h *Handler) names() []string {
	var out []string
	for name, d := range h.dialects {
		if d.path() {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Stats returns the counters of every dialect, by name.
func (h *Handler) Stats() []Stats {
	var out []Stats
	for _, name := range sortedKeys(h.counters) {
		out = append(out, h.counters[name].stats(name))
	}
	return out
}

// Shutdown takes no more connections, ends those that are open, each with its record, and waits for them. When ctx ends first it
// gives up what is still waiting and returns ctx's error.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.draining = true
	open := make([]*stream, 0, len(h.streams))
	for s := range h.streams {
		open = append(open, s)
	}
	h.mu.Unlock()
	for _, s := range open {
		s.stop()
	}
	done := make(chan struct{})
	go func() { h.running.Wait(); close(done) }()
	defer h.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	h.cancel()
	for _, s := range open {
		s.peer.abort()
	}
	<-done
	return context.Cause(ctx)
}
