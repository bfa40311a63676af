package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/cluster"
	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/identity"
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
	s.left = &left{records: s.records, store: s.store, served: s.nodes.served, aside: filepath.Join(c.DataDir, "unsaved"), log: d.Log}
	if err := s.join(ctx, d); err != nil {
		return err
	}
	wrapping, err := openKeys(ctx, c.Keys(), c.Tenant, s.store)
	if err != nil {
		return err
	}
	known := &voices{Voice: d.Voice, store: s.store, keys: wrapping, policy: c.Policy, tenant: c.Tenant, dir: c.DataDir, now: d.Now}
	if m, ok := d.Engine.EmotionModel(); ok {
		known.emotion = identity.Model{Name: m.Name, Version: m.Version, SHA256: m.SHA256}
	}
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
