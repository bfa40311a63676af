package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/timbre-voice/timbre/server/ingest"
)

// Options says what a Directory works with.
type Options struct {
	Conn     *nats.Conn   // required; it stays open
	Replicas int          // copies of the claims on a NATS cluster, default 1
	Log      *slog.Logger // nil: discarded

	// Patience is for how long an owner that nobody can reach may be about to connect again, before its claim is taken over;
	// default 3 s.
	Patience time.Duration
	// Grace is for how long the other side of a forwarded stream may be silent, default 10 s. A sign of life is sent every fifth of it.
	Grace time.Duration
	// Lost is told the record of each forwarded stream whose owner is gone, so that what it left can be taken up; nil: nobody.
	Lost func(ctx context.Context, tenant, id string)
}

// Directory tells which node has a call, and forwards streams to it. It is live.Directory. Safe for concurrent use.
type Directory struct {
	opts    Options
	log     *slog.Logger
	claims  *claims
	address string // of this process
	open    func(ctx context.Context, s ingest.Start) (ingest.Call, error)

	ctx     context.Context // ends with the directory
	cancel  context.CancelFunc
	running sync.WaitGroup
	forward atomic.Int64 // streams that go to other nodes now

	mu      sync.Mutex
	closing bool
	served  *nats.Subscription
	held    map[string]*hold  // by key
	guests  map[string]*guest // by stream
}

// New makes the bucket of claims or takes up the one that is there.
func New(ctx context.Context, o Options) (*Directory, error) {
	if o.Conn == nil {
		return nil, errors.New("cluster: options: conn: nil, want a connection to NATS")
	}
	if o.Patience <= 0 {
		o.Patience = 3 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := openClaims(ctx, o.Conn, max(o.Replicas, 1))
	if err != nil {
		return nil, err
	}
	d := &Directory{opts: o, log: o.Log, claims: c, address: name(), held: map[string]*hold{}, guests: map[string]*guest{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.running.Go(d.catchUp)
	return d, nil
}

// name returns one that nobody else has, fit for a subject.
func name() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func openSubject(address string) string  { return "timbre.cluster.open." + address }
func streamSubject(stream string) string { return "timbre.cluster.stream." + stream }
func resultSubject(stream string) string { return "timbre.cluster.results." + stream }

// Address is that of this process among the nodes.
func (d *Directory) Address() string { return d.address }

// Serve takes the streams that other nodes bring, from now on. open is called for a call whose claim is held here, and releases it
// as after a Claim.
func (d *Directory) Serve(open func(ctx context.Context, s ingest.Start) (ingest.Call, error)) error {
	d.open = open
	s, err := d.opts.Conn.Subscribe(openSubject(d.address), func(m *nats.Msg) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.closing {
			d.respond(m, answerOf(ingest.ErrBusy))
			return
		}
		d.running.Go(func() { d.respond(m, d.take(m.Data)) }) // an opening may wait, for the call to begin
	})
	if err != nil {
		return fmt.Errorf("cluster: serve: %w", err)
	}
	d.mu.Lock()
	d.served = s
	d.mu.Unlock()
	return nil
}

func (d *Directory) respond(m *nats.Msg, a answer) {
	if m.Reply == "" {
		return
	}
	if err := m.Respond(a.bytes()); err != nil { // who asked asks again
		d.log.Warn("cluster: answer not sent", "err", err)
	}
}

// Claim makes the call of s this node's and returns nil, or the owner's end of it; see live.Directory.
func (d *Directory) Claim(ctx context.Context, s ingest.Start) (ingest.Call, error) {
	k := keyOf(s.Tenant, s.CallID)
	d.mu.Lock()
	h := d.held[k]
	if h == nil {
		h = &hold{turn: make(chan struct{}, 1)}
		d.held[k] = h
	}
	h.n++
	mine := h.mine
	d.mu.Unlock()
	if mine {
		return nil, nil
	}
	call, err := d.contest(ctx, k, h, s)
	if err != nil || call != nil {
		d.release(k)
		return call, err
	}
	return nil, nil
}

// contest finds out whose a call is. Claims of one call on this node wait for each other.
func (d *Directory) contest(ctx context.Context, k string, h *hold, s ingest.Start) (ingest.Call, error) {
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-h.turn }()
	d.mu.Lock()
	mine := h.mine
	d.mu.Unlock()
	if mine {
		return nil, nil
	}
	for range 20 { // each round but the last was lost to another claim or release of the same call
		owner, revision, err := d.create(ctx, k)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			d.unclaimed(h, s, err)
			return nil, nil
		case owner == "":
			d.own(h, revision)
			return nil, nil
		case owner != d.address: // a claim of ours that we do not hold was not deleted at its release
			call, err := d.bring(ctx, owner, s)
			if err == nil || !errors.Is(err, errNotOwner) {
				return call, err
			}
		}
		revision, err = d.claims.replace(ctx, k, d.address, revision)
		if err == nil {
			d.log.Info("cluster: the claim of a node that is gone is taken over", "call", s.CallID)
			d.own(h, revision)
			return nil, nil
		}
		if !errors.Is(err, errRaced) {
			d.unclaimed(h, s, err)
			return nil, nil
		}
	}
	return nil, fmt.Errorf("cluster: call %.64q: claimed and released by others again and again: %w", s.CallID, ingest.ErrBusy)
}

// pause waits, and reports false when ctx ended meanwhile.
func pause(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Release gives up one Claim. The claim itself goes with the last.
func (d *Directory) Release(tenant, callID string) { d.release(keyOf(tenant, callID)) }

// Owner returns the address of the process that has claimed a call, "" where nobody has.
func (d *Directory) Owner(ctx context.Context, tenant, callID string) (address string, err error) {
	return d.claims.owner(ctx, keyOf(tenant, callID))
}

// errNotOwner reports a claim behind which no call is.
var errNotOwner = errors.New("cluster: nobody has the call under this claim")

// bring opens a stream on the node that claims its call. It returns errNotOwner where that node is gone or has no such call.
func (d *Directory) bring(ctx context.Context, owner string, s ingest.Start) (ingest.Call, error) {
	stream := name()
	body, err := json.Marshal(opening{Stream: stream, Start: s})
	if err != nil {
		return nil, fmt.Errorf("cluster: opening: %w", err)
	}
	m, err := d.ask(ctx, openSubject(owner), body, d.opts.Patience)
	if errors.Is(err, ingest.ErrGone) {
		return nil, fmt.Errorf("%w: %w", errNotOwner, err)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case m.Code == codeNotOwner:
		return nil, errNotOwner
	case m.Code != "":
		return nil, m.err()
	}
	d.log.Info("cluster: a stream goes to the node that has its call", "interaction", m.ID, "call", s.CallID)
	return newFar(d, stream, cmp.Or(s.Tenant, defaultTenant), m.ID), nil
}

// ask sends a request until it is answered, or nobody did for so long: then it returns ingest.ErrGone.
func (d *Directory) ask(ctx context.Context, subject string, body []byte, patience time.Duration) (answer, error) {
	heard := time.Now()
	for {
		try, cancel := context.WithTimeout(ctx, d.answerWithin()*3)
		m, err := d.opts.Conn.RequestWithContext(try, subject, body)
		cancel()
		var a answer
		if err == nil {
			a, err = parseAnswer(m.Data)
		}
		switch {
		case err == nil && a.Code != codeWorking:
			return a, nil
		case err == nil:
			heard = time.Now()
			continue
		case ctx.Err() != nil:
			return answer{}, context.Cause(ctx)
		}
		if time.Since(heard) > patience || errors.Is(err, nats.ErrConnectionClosed) {
			return answer{}, fmt.Errorf("cluster: no answer for %s: %w: %w", patience, ingest.ErrGone, err)
		}
		pause(ctx, patience/20) // the next request sees the end of ctx
	}
}

// answerWithin is how long an owner works before it says that it does.
func (d *Directory) answerWithin() time.Duration { return d.opts.Grace / 10 }

// Stats counts the streams that go to other nodes, and those that come from them, now.
func (d *Directory) Stats() (forwarded, guests int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.guests {
		if !g.over.Load() {
			guests++
		}
	}
	return d.forward.Load(), guests
}

// Shutdown takes no more streams of other nodes, ends those that are here, and waits for their calls. When ctx ends first it gives
// up what is waiting and returns ctx's error.
func (d *Directory) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.closing = true
	open := make([]*guest, 0, len(d.guests))
	for _, g := range d.guests {
		open = append(open, g)
	}
	d.mu.Unlock()
	var err error
	for _, g := range open {
		g.drain()
	}
	for _, g := range open {
		select {
		case <-g.ended:
		case <-ctx.Done():
			err = context.Cause(ctx)
			d.cancel()
			<-g.ended
		}
	}
	return err
}

// Close ends what is left and waits for the directory's goroutines. The connection stays.
func (d *Directory) Close() {
	d.mu.Lock()
	d.closing = true
	if d.served != nil {
		_ = d.served.Unsubscribe() // fails only where the connection is gone
	}
	d.mu.Unlock()
	d.cancel()
	d.running.Wait()
}
