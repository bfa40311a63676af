package server

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/cluster"
	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/recording"
	"github.com/timbre-voice/timbre/server/store"
)

// Deps is what a server is given beside its configuration.
type Deps struct {
	Engine  *analysis.Engine // required
	Voice   Voice            // what knows persons by their voices
	Node    string           // name of this process among the nodes of a cluster; empty: timbre
	Version string           // of the program
	Models  []api.Model      // that the program holds, to be told of
	Log     *slog.Logger     // nil: discarded
	Now     func() time.Time // nil: time.Now

	// Clock and Lag are those of live.Options; nil: measured.
	Clock func() time.Duration
	Lag   func() time.Duration
}

// Server is one node. Make it with New, and end it with Run or Close.
type Server struct {
	config Config
	log    *slog.Logger
	now    func() time.Time

	store    *store.Store
	broker   *events.Broker
	bus      *events.Bus
	socket   *events.Socket
	visitors *events.Socket // of the console
	console  *console.Console
	relay    *events.Relay
	post     *events.Deliverer
	hub      *live.Hub
	ingest   *ingest.Handler
	api      *api.API
	watch    *watch
	nodes    *nodes
	cluster  *cluster.Directory // nil: this node is alone
	uploads  *uploads
	records  *records
	left     *left
	metrics  *metrics
	audio    *recordings
	people   *voices
	swept    time.Time // when persons were last looked for whose time is over; of the goroutine that keeps house

	unlock      func() error // gives the data folder back; nil: not taken
	listener    net.Listener
	audioSocket net.Listener // nil: none
	http        *http.Server
}

// ErrNoKeys reports a server that would listen beyond loopback without an API key.
var ErrNoKeys = errors.New("server: no API key in force")

// New opens the store and the way of events, and listens; Run answers. Errors name the key of the configuration or the part that
// is wrong; ErrNoKeys where keys are missing.
func New(ctx context.Context, c Config, d Deps) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if d.Engine == nil {
		return nil, errors.New("server: engine: nil, want one")
	}
	if d.Voice.Model != nil && d.Voice.LicenceClass == "" {
		return nil, errors.New("server: speaker model: no licence class, want the one of its manifest: no record could name it")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Node == "" {
		d.Node = "timbre"
	}
	s := &Server{config: c, log: d.Log, now: d.Now, metrics: newMetrics()}
	if err := s.open(ctx, d); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, d Deps) error {
	c := &s.config
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("server: data_dir: %w", err)
	}
	var err error
	if s.unlock, err = lockFolder(c.DataDir); err != nil {
		return err
	}
	if s.store, err = store.Open(ctx, store.Options{DSN: c.Database(), Now: d.Now, Event: told}); err != nil {
		return err
	}
	if err := s.store.EnsureTenant(ctx, c.Tenant, c.Tenant); err != nil {
		return err
	}
	keys, err := HasKeys(ctx, s.store, d.Now())
	if err != nil {
		return err
	}
	if !keys && !c.Loopback() {
		return fmt.Errorf("%w: addr %s, audiosocket_addr %q, want loopback, or a key first (timbre serve keys add)", ErrNoKeys, c.Addr, c.AudioSocketAddr)
	}
	box, err := openBox(c.boxFile())
	if err != nil {
		return err
	}
	if err := opens(ctx, s.store, box); err != nil && c.NATS.URL != "" {
		return fmt.Errorf("server: endpoint_key_file: %s: %w, want the file of the other nodes", c.boxFile(), err)
	} else if err != nil {
		d.Log.Error("server: stored secrets do not open: what they are for is refused", "file", c.boxFile(), "err", err)
	}
	if s.broker, err = events.Start(ctx, events.BrokerOptions{
		URL: c.NATS.URL, Dir: filepath.Join(c.DataDir, "nats"), Replicas: c.NATS.Replicas, Name: d.Node, Log: d.Log,
	}); err != nil {
		return err
	}
	deliveries, err := s.broker.NewQueue(ctx, events.QueueOptions{Name: "WEBHOOKS", Log: d.Log})
	if err != nil {
		return err
	}
	jobs, err := s.broker.NewQueue(ctx, events.QueueOptions{Name: "UPLOADS", Log: d.Log})
	if err != nil {
		return err
	}
	files, err := s.broker.NewFiles(ctx, "UPLOADS", 7*24*time.Hour)
	if err != nil {
		return err
	}
	hooks := &webhooks{fixed: c.webhooks(), store: s.store, box: box, local: c.WebhookLoopback, now: d.Now}
	s.relay = events.NewRelay(outbox{s.store}, deliveries, hooks, events.RelayOptions{Log: d.Log})
	s.post = events.NewDeliverer(deliveries, hooks, events.DelivererOptions{Now: d.Now, Log: d.Log, Whole: s.whole})
	s.bus = events.NewBus(s.broker.Conn(), events.BusOptions{Subscriber: c.Limits.SubscriberEvents})
	set := rules.Set{Rules: c.Rules}
	s.records = &records{store: s.store, node: d.Node, rules: set, policy: c.Policy, now: d.Now, saved: s.relay.Wake}
	s.watch = &watch{
		bus: s.bus, rules: set, queue: deliveries, hooks: hooks, log: d.Log, now: d.Now, in: make(chan interaction.Event, watchQueue), calls: map[callKey]*watched{},
		alert: func(ctx context.Context, tenant, id string, a interaction.Alert) error {
			return s.hub.Alert(ctx, tenant, id, a)
		},
		running: func(tenant string) []live.Running { return s.hub.Running(tenant) },
	}
	s.nodes = &nodes{broker: s.broker, store: s.store, node: d.Node, log: d.Log, serving: map[callKey]func(){}}
	s.left = &left{records: s.records, store: s.store, served: s.nodes.served, log: d.Log}
	if err := s.join(ctx, d); err != nil {
		return err
	}
	wrapping, err := openKeys(ctx, c.Keys(), c.Tenant, s.store)
	if err != nil {
		return err
	}
	known := &voices{Voice: d.Voice, store: s.store, keys: wrapping, policy: c.Policy, tenant: c.Tenant, dir: c.DataDir, now: d.Now}
	s.people = known
	if d.Voice.Model != nil {
		id := d.Voice.Model.ID()
		known.known = caller.New(caller.Options{Model: d.Voice.Model, Now: d.Now, Name: interaction.Model{
			Name: id.Name, Version: id.Version, SHA256: hex.EncodeToString(id.SHA256[:]), LicenceClass: d.Voice.LicenceClass,
		}})
	}
	if err := removeBatches(c.DataDir); err != nil {
		return err
	}
	folder, err := recording.Open(c.audioDir())
	if err != nil {
		return err
	}
	s.audio = &recordings{store: s.store, folder: folder, keys: wrapping, now: d.Now}
	if s.hub, err = live.New(live.Options{
		Engine: d.Engine, Records: s.records, Events: counted{s.watch, s.metrics, s.nodes}, Permits: permits{c.Policy}, Voices: callers{known}, MaxCalls: c.Limits.Calls, MaxLag: c.Limits.Lag,
		Clock: d.Clock, Lag: d.Lag, Ended: s.metrics.worked, Told: s.metrics.told, Checkpoint: c.Checkpoint,
		Spill: filepath.Join(c.DataDir, "unsaved"), Record: s.audio.begin, Log: d.Log, Now: d.Now,
		Directory: s.directory(),
	}); err != nil {
		return err
	}
	s.nodes.calls = calls{s.hub}
	who := &access{store: s.store, box: box, log: d.Log}
	open := c.Loopback() && !keys
	if s.ingest, err = ingest.New(ingest.Options{Calls: s.hub, Admit: s.hub.Admit, Endpoints: platforms{who}, Keys: who, Open: open, Log: d.Log, Now: d.Now}); err != nil {
		return err
	}
	s.uploads = &uploads{
		store: s.store, files: files, queue: jobs, engine: d.Engine, policy: c.Policy, voices: callers{known}, records: s.records, yield: s.hub.Yield, dir: c.DataDir, audio: s.audio, log: d.Log, now: d.Now,
	}
	kept := &ledger{store: s.store, people: known, saved: s.relay.Wake}
	s.api = api.New(api.Options{
		Version: d.Version, Keys: who, Open: open, DefaultTenant: c.Tenant, Live: s.nodes,
		Interactions: &interactions{store: s.store, rules: set, audio: s.audio, saved: s.relay.Wake}, Recordings: s.audio, Feedback: kept, Forms: forms{s.store}, Uploads: s.uploads, Idempotency: &replays{s.store},
		Identity: api.Identity{Voices: known, Decisions: known, Batches: known, Consents: kept, Watchlists: kept}, Admin: api.Admin{Keys: who, Endpoints: who, Webhooks: hooks, Dead: deadLetters{deliveries}}, Governance: governance{s.store, c.Policy}, Models: d.Models, Ready: s.ready,
		KeyRate:    api.Rate{PerSecond: c.Limits.KeyPerSecond, Burst: c.Limits.KeyBurst},
		RemoteRate: api.Rate{PerSecond: c.Limits.AddressPerSecond, Burst: c.Limits.AddressBurst},
		Timeout:    c.Limits.Request, MaxUpload: int64(c.Limits.UploadMB) << 20, Now: d.Now, Log: d.Log,
	})
	s.socket = events.NewSocket(s.bus, events.SocketOptions{
		Tenant:  func(_ http.ResponseWriter, r *http.Request) (string, bool) { return api.TenantOf(r), true },
		Origins: c.Origins, MaxConn: c.Limits.Subscribers, Log: d.Log,
	})
	if err := s.openConsole(set); err != nil {
		return err
	}
	s.measure(deliveries, jobs)
	if err := s.listen(ctx); err != nil {
		return err
	}
	hooks.post = s.post
	return s.meet()
}

// ready says what works.
func (s *Server) ready(ctx context.Context) map[string]error {
	parts := map[string]error{"store": s.store.Ping(ctx), "events": s.broker.Ready(), "load": nil}
	if l := s.hub.Load(); l.Overloaded {
		parts["load"] = fmt.Errorf("%w: the processing is %s behind the audio", api.ErrOverloaded, l.Lag)
	}
	return parts
}

// listen opens the ports and lays out the paths.
func (s *Server) listen(ctx context.Context) error {
	mux := http.NewServeMux()
	for _, path := range []string{"/v1/stream", "/v1/listen", "/v1/ingest/"} {
		mux.Handle(path, s.ingest)
	}
	mux.Handle("GET /v1/events", s.api.Guard(api.ScopeRead, s.socket))
	mux.Handle("GET /v1/calls/{id}/events", s.api.Guard(api.ScopeRead, s.nodes.named(s.socket)))
	mux.Handle("GET /metrics", bounded(s.api.Guard(api.ScopeRead, s.metrics.handler()), time.Minute))
	for _, path := range []string{"/v1/", "/healthz", "/readyz", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml"} {
		mux.Handle(path, s.metrics.measured(bounded(s.api, time.Hour)))
	}
	mux.Handle("GET /live/events", s.console)
	mux.Handle("/", bounded(s.console, time.Hour))
	s.http = &http.Server{
		// ReadTimeout is for the bodies of requests that are refused before they are read: what is left of one is read away before
		// the answer. An upload sets itself a longer time, and a socket none.
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	var lc net.ListenConfig
	var err error
	if s.listener, err = lc.Listen(ctx, "tcp", s.config.Addr); err != nil {
		return fmt.Errorf("server: addr: %w", err)
	}
	if s.config.TLS.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(s.config.TLS.CertFile, s.config.TLS.KeyFile)
		if err != nil {
			return fmt.Errorf("server: tls: %w", err)
		}
		// Websockets are HTTP/1.1, and one protocol for all keeps the deadlines of one kind.
		s.listener = tls.NewListener(s.listener, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	if s.config.AudioSocketAddr != "" {
		if s.audioSocket, err = lc.Listen(ctx, "tcp", s.config.AudioSocketAddr); err != nil {
			return fmt.Errorf("server: audiosocket_addr: %w", err)
		}
	}
	return nil
}

// bounded gives a response at most so long to be written, so that a client that does not read holds nothing for ever.
func bounded(next http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return // the connection is gone
		}
		next.ServeHTTP(w, r)
	})
}

// Addr returns where the server listens, with the port that the system chose where none was named.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL returns the address of the REST interface.
func (s *Server) URL() string {
	scheme := "http"
	if s.config.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + s.Addr()
}

// Run answers until ctx ends, then drains and closes. The error is of the part that failed first; a drain that was cut short is one.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var serving sync.WaitGroup
	serve := func(what string, f func() error) {
		serving.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				fail(fmt.Errorf("server: %s: %w", what, err))
			}
		})
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx)) // goes on while calls drain
	defer stop()
	var working sync.WaitGroup
	working.Go(func() { s.watch.run(work) })
	working.Go(func() { s.keepHouse(work) })
	working.Go(func() { s.uploads.sweep(work) })
	for what, f := range map[string]func(context.Context) error{
		"relay": s.relay.Run, "deliveries": s.post.Run,
		"uploads": func(ctx context.Context) error { return s.uploads.run(ctx, s.config.Limits.UploadWorkers) },
	} {
		working.Go(func() {
			if err := f(work); err != nil {
				fail(fmt.Errorf("server: %s: %w", what, err))
			}
		})
	}
	serve("http", func() error { return s.http.Serve(s.listener) })
	if s.audioSocket != nil {
		serve("audiosocket", func() error { return s.ingest.ServeAudioSocket(s.audioSocket, "") })
	}
	s.log.Info("server: listening", "url", s.URL(), "audiosocket", s.config.AudioSocketAddr)
	<-ctx.Done()
	cause := context.Cause(ctx)
	s.log.Info("server: draining", "calls", len(s.hub.Running("")))
	err := s.drain(context.WithoutCancel(ctx))
	serving.Wait()
	s.relay.Wake() // what the last calls left in the outbox
	stop()
	working.Wait()
	s.socket.Close()
	s.visitors.Close()
	s.log.Info("server: stopped")
	if errors.Is(cause, context.Canceled) {
		cause = nil
	}
	return errors.Join(cause, err)
}

// drain ends what comes in, in the order in which it depends on each other.
func (s *Server) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.ShutdownTimeout)
	defer cancel()
	var errs []error
	if s.audioSocket != nil {
		errs = append(errs, ignoreClosed(s.audioSocket.Close()))
	}
	// The streams first: a call is complete only when its stream was ended in order.
	ended := make(chan error, 2)
	go func() { ended <- s.ingest.Shutdown(ctx) }()
	go func() { // those of other nodes
		if s.cluster == nil {
			ended <- nil
			return
		}
		ended <- s.cluster.Shutdown(ctx)
	}()
	errs = append(errs, s.http.Shutdown(ctx), <-ended, <-ended, s.hub.Shutdown(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("server: drain: cut short after %s: %w", s.config.ShutdownTimeout, err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close closes what New opened, of a server that does not run.
func (s *Server) Close() {
	for _, l := range []net.Listener{s.listener, s.audioSocket} {
		if l != nil {
			_ = l.Close() // closed before, where the server ran
		}
	}
	if s.hub != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.hub.Shutdown(ctx) // without calls, or shut down before
	}
	if s.cluster != nil {
		s.cluster.Close()
	}
	for _, socket := range []*events.Socket{s.socket, s.visitors} {
		if socket != nil {
			socket.Close()
		}
	}
	if s.bus != nil {
		s.bus.Close()
	}
	if s.broker != nil {
		s.broker.Close()
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Warn("server: store not closed in order", "err", err)
		}
	}
	if s.unlock != nil {
		_ = s.unlock() // given back with the process at the latest
	}
}
