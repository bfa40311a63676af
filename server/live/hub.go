package live

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/ingest"
)

// Errors of a Hub.
var (
	ErrNotFound = errors.New("live: no such call is running here")
	ErrInvalid  = errors.New("live: invalid")
	ErrRefused  = errors.New("live: the record is refused for good") // by Records.Save: trying again is of no use
)

// Records keeps the records of calls.
type Records interface {
	// Checkpoint keeps the record of a running call as far as it has come, in place of the one before. r is not to be changed.
	Checkpoint(ctx context.Context, r *interaction.Interaction) error
	// Save keeps the final record of a call, in place of its checkpoints. It may be called again with the same record, unless the error
	// is ErrRefused.
	Save(ctx context.Context, r *interaction.Interaction) error
}

// Events takes what becomes known. Publish must not block; it is called in the order of Event.Seq for each call.
type Events interface {
	Publish(e interaction.Event)
}

// Permits says what may be done with a call.
type Permits interface {
	Permit(ctx context.Context, s ingest.Start) (policy.Permit, error)
}

// Voices gives each call what knows its customer by the voice, and what the voice is like.
type Voices interface {
	// Voice returns the voice of a call, or nil where nobody is to be known by it.
	Voice(ctx context.Context, s ingest.Start, p policy.Permit) (analysis.Voice, error)
	// Normals returns what keeps the normals of customers' voices, or nil where none are kept.
	Normals(ctx context.Context, s ingest.Start, p policy.Permit) (analysis.Normals, error)
}

// Directory tells which node has a call whose streams come to several nodes.
type Directory interface {
	// Claim makes the call of s this node's and returns nil, or, where another node has it, returns that node's end of it, to
	// which the stream is then given. Each Claim that returned nil twice is given up by one Release.
	Claim(ctx context.Context, s ingest.Start) (ingest.Call, error)
	// Release gives up one Claim. The call is free for other nodes with the last.
	Release(tenant, callID string)
}

// alone is the Directory of a node that is the only one.
type alone struct{}

func (alone) Claim(context.Context, ingest.Start) (ingest.Call, error) { return nil, nil }
func (alone) Release(string, string)                                   {}

// Options says what a Hub works with.
type Options struct {
	Engine     *analysis.Engine // required
	Records    Records          // required
	Events     Events           // nil: nobody listens
	Permits    Permits          // nil: policy.Default
	Voices     Voices           // nil: nobody is known by voice
	Directory  Directory        // nil: this is the only node
	MaxCalls   int              // at a time; default 2000
	Checkpoint time.Duration    // between partial records; default 4 s: a crash costs that and the time of one write
	Linger     time.Duration    // wait for a broken connection to come back; default 5 s, negative: none
	Spill      string           // folder for records that cannot be saved; empty: none, they are held in memory
	Log        *slog.Logger     // nil: slog.Default()
	Now        func() time.Time // of the day, for what records say; nil: time.Now

	// Clock never goes back; nil: the process's own. Lag is how far the processing is behind the audio; nil: it is measured. Beyond
	// MaxLag new calls are refused; 0: none are.
	Clock  func() time.Duration
	Lag    func() time.Duration
	MaxLag time.Duration
	// Ended is told what an ended call worked, and Told how long after the audio that an event stands on came it was told, by the
	// sessions' goroutines; nil: nobody asks.
	Ended func(analysis.Load)
	Told  func(time.Duration)

	// Record begins the recording of a call whose permit says that the audio is kept; nil: no audio is kept.
	Record func(tenant, id string, rate int, encoding string) (Recording, error)
}

// Hub holds the running calls of this node. Safe for concurrent use.
type Hub struct {
	opts Options
	log  *slog.Logger
	now  func() time.Time

	clock    func() time.Duration
	pressure pressure
	late     atomic.Int64 // ns by which the last measure itself came late
	waiting  atomic.Int64 // calls whose last connection broke and may come back
	refused  struct{ overload, full atomic.Int64 }

	ctx    context.Context // ends when the hub gives up
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	calls   map[string]*call // by id
	joined  map[string]*call // by tenant and the platform's call id
	worked  analysis.Load    // by calls that ended
	running sync.WaitGroup

	measuring sync.WaitGroup // ends with ctx
}

// New returns a Hub. Records that an earlier run could not save are saved now, before anybody takes their checkpoints for calls that
// nobody ended, and what still cannot be saved in the background. Shutdown ends the hub.
func New(o Options) (*Hub, error) {
	if o.Engine == nil || o.Records == nil {
		return nil, errors.New("live: options: engine or records: nil, want both")
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = 2000
	}
	if o.Checkpoint <= 0 {
		o.Checkpoint = 4 * time.Second
	}
	if o.Linger == 0 {
		o.Linger = 5 * time.Second
	}
	if o.Directory == nil {
		o.Directory = alone{}
	}
	h := &Hub{opts: o, log: o.Log, now: o.Now, calls: map[string]*call{}, joined: map[string]*call{}}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.clock, h.pressure = o.Clock, pressure{limit: o.MaxLag, since: -1}
	if h.clock == nil {
		begun := time.Now()
		h.clock = func() time.Duration { return time.Since(begun) }
	}
	if h.opts.Lag == nil {
		h.opts.Lag = func() time.Duration { return max(h.lateness(), time.Duration(h.late.Load())) }
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	spilled, err := readSpill(o.Spill, h.log)
	if err != nil {
		return nil, err
	}
	if left := h.recoverOnce(spilled); len(left) > 0 {
		h.running.Go(func() { h.recover(left) })
	}
	h.measuring.Go(func() { h.press(h.ctx) })
	return h, nil
}

// Open begins the call of a stream or joins the stream to it.
func (h *Hub) Open(ctx context.Context, s ingest.Start) (ingest.Call, error) {
	if len(s.Tracks) == 0 {
		return nil, fmt.Errorf("%w: a stream without tracks", ErrInvalid)
	}
	if s.CallID != "" {
		elsewhere, err := h.opts.Directory.Claim(ctx, s)
		if err != nil || elsewhere != nil {
			return elsewhere, err
		}
	}
	return h.OpenHere(ctx, s)
}

// OpenHere is Open of a stream of which the Directory knows that its call is this node's: whose claim it holds, to be released by
// the hub.
func (h *Hub) OpenHere(ctx context.Context, s ingest.Start) (ingest.Call, error) {
	kept := false // by a call that began with this stream, until that is over
	defer func() {
		if s.CallID != "" && !kept {
			h.opts.Directory.Release(s.Tenant, s.CallID)
		}
	}()
	permit := policy.Default()
	if h.opts.Permits != nil {
		var err error
		if permit, err = h.opts.Permits.Permit(ctx, s); err != nil {
			return nil, fmt.Errorf("live: permit: %w", err)
		}
	}
	who := h.known(ctx, s, permit)
	for {
		c, fresh, err := h.find(s)
		if err != nil {
			return nil, err
		}
		if fresh {
			kept = true
			st, err := c.begin(ctx, s, permit, who)
			if err != nil {
				h.forget(c)
				return nil, err
			}
			return st, nil
		}
		st, err := c.join(ctx, s)
		if errors.Is(err, analysis.ErrClosed) { // it ended while we looked
			select {
			case <-c.done:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		if err != nil {
			return nil, err
		}
		return st, nil
	}
}

// customers is what knows the customer of a call; nil where nothing does.
type customers struct {
	voice   analysis.Voice
	normals analysis.Normals
}

// known returns what knows the customer of s. What fails is left out: the call is worth more.
func (h *Hub) known(ctx context.Context, s ingest.Start, permit policy.Permit) (who customers) {
	if h.opts.Voices == nil {
		return customers{}
	}
	var err error
	if who.voice, err = h.opts.Voices.Voice(ctx, s, permit); err != nil {
		h.log.Warn("live: nobody is known by voice on a call", "tenant", s.Tenant, "err", err)
		who.voice = nil
	}
	if who.normals, err = h.opts.Voices.Normals(ctx, s, permit); err != nil {
		h.log.Warn("live: nothing is known of earlier calls on a call", "tenant", s.Tenant, "err", err)
		who.normals = nil
	}
	return who
}

// find returns the running call of s, or a fresh one that is entered under its ids and has yet to begin.
func (h *Hub) find(s ingest.Start) (c *call, fresh bool, err error) {
	key := joinKey(s.Tenant, s.CallID)
	known := func() (c *call, full bool, err error) { // for the holder of mu
		if h.closed {
			return nil, false, ingest.ErrBusy
		}
		if s.CallID != "" {
			c = h.joined[key]
		}
		return c, len(h.calls) >= h.opts.MaxCalls, nil
	}
	h.mu.Lock()
	c, full, err := known()
	h.mu.Unlock()
	if err != nil || c != nil {
		return c, false, err
	}
	if err := h.admit(full); err != nil {
		return nil, false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c, full, err = known() // the other stream of the call may have come meanwhile
	switch {
	case err != nil || c != nil:
		return c, false, err
	case full:
		h.refused.full.Add(1)
		return nil, false, fmt.Errorf("%w: %d calls run", ingest.ErrBusy, h.opts.MaxCalls)
	}
	c = newCall(h, s)
	h.calls[c.id] = c
	if s.CallID != "" {
		c.key = key
		h.joined[key] = c
	}
	h.running.Add(1)
	return c, true, nil
}

// forget takes a call that has ended out of the lists.
func (h *Hub) forget(c *call) {
	var worked analysis.Load
	if c.begun.Load() {
		worked = c.session.Load()
		if h.opts.Ended != nil {
			h.opts.Ended(worked)
		}
	}
	h.mu.Lock()
	h.worked.Audio += worked.Audio
	h.worked.Busy += worked.Busy
	delete(h.calls, c.id)
	if c.key != "" && h.joined[c.key] == c {
		delete(h.joined, c.key)
	}
	h.mu.Unlock()
	if c.platformID != "" {
		h.opts.Directory.Release(c.tenant, c.platformID)
	}
	close(c.done)
	h.running.Done()
}

func joinKey(tenant, callID string) string { return tenant + "\x00" + callID }

// lookup returns a running call of a tenant by the record's id or the platform's call id.
func (h *Hub) lookup(tenant, id string) (*call, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.calls[id]; c != nil && c.tenant == tenant && c.begun.Load() {
		return c, nil
	}
	if c := h.joined[joinKey(tenant, id)]; c != nil && c.begun.Load() {
		return c, nil
	}
	return nil, fmt.Errorf("%w: %.64q", ErrNotFound, id)
}

// Bind tells what became known of a running call of a tenant. id is the record's, or the platform's call id. It returns ErrNotFound
// or ErrInvalid, wrapped.
func (h *Hub) Bind(ctx context.Context, tenant, id string, b interaction.Binding) error {
	c, err := h.lookup(tenant, id)
	if err != nil {
		return err
	}
	return c.bind(ctx, b)
}

// Mark tells that something happens to a running call now: hold, unhold, transfer, agent_joined, agent_left, ivr, privacy_on or
// privacy_off. detail of a transfer or a join is the agent's id. Errors are those of Bind.
func (h *Hub) Mark(ctx context.Context, tenant, id, kind, detail string) error {
	c, err := h.lookup(tenant, id)
	if err != nil {
		return err
	}
	return c.mark(ctx, kind, detail)
}

// Alert adds an alert to the record of a running call and tells it as an event.
func (h *Hub) Alert(_ context.Context, tenant, id string, a interaction.Alert) error {
	c, err := h.lookup(tenant, id)
	if err != nil {
		return err
	}
	c.alert(a)
	return nil
}

// Snapshot returns the record of a running call as far as it has come. It is not to be changed.
func (h *Hub) Snapshot(ctx context.Context, tenant, id string) (*interaction.Interaction, error) {
	c, err := h.lookup(tenant, id)
	if err != nil {
		return nil, err
	}
	return c.snapshot(ctx)
}

// Shutdown takes no more calls and waits until those that run have ended and their records are saved; the streams are ended by who
// holds their connections, before. When ctx ends first, what is not saved is put into the spill folder, and ctx's error returned.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	for _, c := range h.calls {
		c.giveUpWaiting()
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() { h.running.Wait(); close(done) }()
	select {
	case <-done:
		h.cancel()
		h.measuring.Wait()
		return nil
	case <-ctx.Done():
	}
	h.cancel()
	h.measuring.Wait()
	h.mu.Lock()
	left := make([]*call, 0, len(h.calls))
	for _, c := range h.calls {
		left = append(left, c)
	}
	h.mu.Unlock()
	for _, c := range left {
		c.abandon()
	}
	<-done
	return context.Cause(ctx)
}

// newID returns an id that sorts by time: 6 bytes of Unix milliseconds and 10 random ones, in hexadecimal.
func newID(now time.Time) string {
	var b [16]byte
	ms := now.UnixMilli()
	for i := range 6 {
		b[i] = byte(ms >> (8 * (5 - i)))
	}
	rand.Read(b[6:]) // never fails
	return hex.EncodeToString(b[:])
}
