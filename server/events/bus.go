package events

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/timbre-voice/timbre/interaction"
)

// BusOptions bounds the rings of a bus.
type BusOptions struct {
	Outgoing   int // events that wait to be sent, of all calls, default 8192
	Subscriber int // events that wait for one subscriber, default 512
}

// Bus is the way of live events from calls to subscribers, on every node of a cluster. Safe for concurrent use.
type Bus struct {
	conn *nats.Conn
	opts BusOptions
	out  *ring[*nats.Msg]
	done chan struct{}

	published   atomic.Int64
	lostSending atomic.Int64 // refused by the connection
	lostReading atomic.Int64 // by subscribers that are gone

	mu   sync.Mutex
	subs map[*Subscription]struct{}
}

// headroom is what a message needs beside its body: the headers.
const headroom = 4 << 10

// The headers of a message let a subscriber filter without reading the body.
const (
	headerQueue = "Queue"
	headerAgent = "Agent"
)

// NewBus starts a bus on a connection. Close ends it; the connection stays.
func NewBus(conn *nats.Conn, o BusOptions) *Bus {
	if o.Outgoing <= 0 {
		o.Outgoing = 8192
	}
	if o.Subscriber <= 0 {
		o.Subscriber = 512
	}
	b := &Bus{conn: conn, opts: o, out: newRing[*nats.Msg](o.Outgoing), done: make(chan struct{}), subs: map[*Subscription]struct{}{}}
	go b.send()
	return b
}

// send is the goroutine that may wait for the connection, so that no call has to.
func (b *Bus) send() {
	defer close(b.done)
	for {
		m, _, err := b.out.pop(context.Background())
		if err != nil {
			return
		}
		if err := b.conn.PublishMsg(m); err != nil {
			b.lostSending.Add(1)
			continue
		}
		b.published.Add(1)
	}
}

// Publish sends e to whoever listens. It never waits: when more than BusOptions.Outgoing events wait the oldest is lost, and the
// gap in seq shows it. e is written out before Publish returns, so the caller may go on to change it.
func (b *Bus) Publish(e interaction.Event) error {
	if e.Tenant == "" || e.CallID == "" || !slices.Contains(kinds, e.Type) {
		return fmt.Errorf("events: publish: tenant %q, call %q, type %q: want a tenant, a call and one of %v", e.Tenant, e.CallID, e.Type, kinds)
	}
	e.Version = interaction.EventVersion
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("events: publish %s: %w", e.Type, err)
	}
	if limit := b.conn.MaxPayload() - headroom; int64(len(body)) > limit && e.Record != nil {
		e.Record, e.Message = nil, fmt.Sprintf("the record has %d bytes, more than an event can carry: fetch it", len(body))
		return b.Publish(e)
	}
	m := &nats.Msg{Subject: subject(e.Tenant) + token(e.CallID) + "." + string(e.Type), Data: body}
	if e.Queue != "" || e.AgentID != "" {
		m.Header = nats.Header{headerQueue: {encode(e.Queue)}, headerAgent: {encode(e.AgentID)}}
	}
	b.out.push(m)
	return nil
}

func subject(tenant string) string { return "timbre.events." + token(tenant) + "." }

var plainToken = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// token makes any text one token of a subject: dots, spaces and wildcards of an id must not reach over into another's subject.
func token(s string) string {
	if plainToken.MatchString(s) {
		return s
	}
	return "=" + encode(s)
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// Subscription is one reader of live events. Next is for one goroutine at a time.
type Subscription struct {
	bus  *Bus
	ring *ring[[]byte]
	nats *nats.Subscription
	once sync.Once
}

// Subscribe starts to listen. Events of before are not repeated. Close ends it.
func (b *Bus) Subscribe(f Filter) (*Subscription, error) {
	if f.Tenant == "" {
		return nil, errors.New("events: subscribe: no tenant, want one")
	}
	for _, k := range f.Kinds {
		if !slices.Contains(kinds, k) {
			return nil, fmt.Errorf("events: subscribe: kind %q, want one of %v", k, kinds)
		}
	}
	s := &Subscription{bus: b, ring: newRing[[]byte](b.opts.Subscriber)}
	call := "*"
	if f.CallID != "" {
		call = token(f.CallID)
	}
	queue, agent := encode(f.Queue), encode(f.AgentID)
	// One subscription for all kinds keeps the order of the events.
	n, err := b.conn.Subscribe(subject(f.Tenant)+call+".*", func(m *nats.Msg) {
		kind := interaction.EventKind(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
		switch {
		case len(f.Kinds) > 0 && !slices.Contains(f.Kinds, kind):
		case queue != "" && m.Header.Get(headerQueue) != queue:
		case agent != "" && m.Header.Get(headerAgent) != agent:
		default:
			s.ring.push(m.Data)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("events: subscribe: %w", err)
	}
	s.nats = n
	b.mu.Lock()
	b.subs[s] = struct{}{}
	b.mu.Unlock()
	// The server must know of it before the caller is told that it listens.
	if err := b.conn.FlushTimeout(startTimeout); err != nil {
		s.Close()
		return nil, fmt.Errorf("events: subscribe: %w", err)
	}
	return s, nil
}

// Next waits for the next event, as JSON, with the number of events that this subscriber lost before it. It returns ErrClosed
// after Close, and ctx's error when ctx ends first.
func (s *Subscription) Next(ctx context.Context) (event []byte, lost int64, err error) {
	return s.ring.pop(ctx)
}

// Close ends the subscription and wakes its reader.
func (s *Subscription) Close() {
	s.once.Do(func() {
		_ = s.nats.Unsubscribe() // fails only where the connection is gone, and then there is nothing to end
		s.ring.close()
		lost, _ := s.ring.dropped()
		s.bus.lostReading.Add(lost)
		s.bus.mu.Lock()
		delete(s.bus.subs, s)
		s.bus.mu.Unlock()
	})
}

// Stats counts what went over a bus since it started.
type Stats struct {
	Published      int64 // handed to the connection
	LostOutgoing   int64 // dropped before the connection
	LostSubscriber int64 // dropped by slow subscribers of this node
	Waiting        int   // events that wait to be sent now
	Subscribers    int
}

// Stats returns the counts.
func (b *Bus) Stats() Stats {
	lost, waiting := b.out.dropped()
	s := Stats{Published: b.published.Load(), LostOutgoing: lost + b.lostSending.Load(), LostSubscriber: b.lostReading.Load(), Waiting: waiting}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Subscribers = len(b.subs)
	for sub := range b.subs {
		lost, _ := sub.ring.dropped()
		s.LostSubscriber += lost
	}
	return s
}

// Close sends what waits, ends every subscription and waits for the bus's goroutine.
func (b *Bus) Close() {
	b.out.close()
	<-b.done
	_ = b.conn.FlushTimeout(startTimeout) // fails only where the connection is gone
	b.mu.Lock()
	subs := make([]*Subscription, 0, len(b.subs))
	for s := range b.subs {
		subs = append(subs, s)
	}
	b.mu.Unlock()
	for _, s := range subs {
		s.Close()
	}
}
