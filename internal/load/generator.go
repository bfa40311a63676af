package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// ramp is the time over which new calls begin.
const ramp = 5 * time.Second

// generator keeps calls up and hears their events.
type generator struct {
	o               options
	ws              string
	agent, customer []float32 // long enough for a call from any place of the recording
	places          int       // of the recording, in samples

	ctx    context.Context
	cancel context.CancelFunc
	calls  sync.WaitGroup
	slots  int
	done   atomic.Int64

	book   book
	mu     sync.Mutex
	sent   map[string]*sendings // by the platform's call id, then by the record's too
	socket *websocket.Conn
	heard  chan error
}

// newGenerator connects to the events of a server.
func newGenerator(ctx context.Context, o options, url string, agent, customer []float32) (*generator, error) {
	g := &generator{o: o, ws: "ws" + strings.TrimPrefix(url, "http"), places: len(agent), sent: map[string]*sendings{}, heard: make(chan error, 1)}
	for len(g.agent) < len(agent)+int(o.longest.Seconds())*rate {
		g.agent, g.customer = append(g.agent, agent...), append(g.customer, customer...)
	}
	var err error
	if g.socket, _, err = websocket.DefaultDialer.DialContext(ctx, g.ws+"/v1/events", nil); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	g.ctx, g.cancel = context.WithCancel(ctx)
	go func() { g.heard <- g.listen() }()
	return g, nil
}

// end ends all calls and stops to listen.
func (g *generator) end() error {
	g.cancel()
	g.calls.Wait()
	g.socket.Close()
	err := <-g.heard
	if g.ctx.Err() != nil {
		return nil // the reader fails by our own closing
	}
	return err
}

func (g *generator) ended() int64 { return g.done.Load() }

// grow brings the calls to n.
func (g *generator) grow(n int) {
	more := n - g.slots
	for i := range more {
		slot := uint64(g.slots + i)
		g.calls.Go(func() {
			random := rand.New(rand.NewPCG(1, slot))
			if wait(g.ctx, ramp*time.Duration(i)/time.Duration(more)) != nil {
				return
			}
			for first := true; g.ctx.Err() == nil; first = false {
				g.call(random, first)
			}
		})
	}
	g.slots = max(n, g.slots)
}

// call plays one call. The first ones of all slots must not end together.
func (g *generator) call(random *rand.Rand, first bool) {
	from := random.IntN(g.places)
	length := g.o.shortest + time.Duration(random.Int64N(int64(g.o.longest-g.o.shortest)+1))
	if first {
		length = g.o.longest/20 + time.Duration(random.Int64N(int64(g.o.longest)*19/20))
	}
	n := int(length.Seconds() * rate)
	id := fmt.Sprintf("load-%016x", random.Uint64())
	s := &sendings{}
	g.mu.Lock()
	g.sent[id] = s
	g.mu.Unlock()
	path := "/v1/ingest/" + g.o.dialect
	switch g.o.dialect {
	case "generic":
		path = "/v1/stream"
	case "listen":
		path = "/v1/listen"
	}
	err := ingest.Play(g.ctx, ingest.PlayOptions{
		URL: g.ws + path, Dialect: g.o.dialect, Rate: rate, Agent: g.agent[from : from+n], Customer: g.customer[from : from+n], Speed: 1, CallID: id,
		Parameters: map[string]string{"customer_id": claimed, "claimed_identity": claimed, "consent_ref": consent, "queue": "load"},
		Sending: func(due, now time.Time) {
			s.send(now)
			g.book.frame(now.Sub(due))
		},
	})
	if g.ctx.Err() != nil {
		return
	}
	g.done.Add(1)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load: call:", err)
		g.book.count(0, 0, 1)
		_ = wait(g.ctx, time.Second) // a server that refuses is not hammered; an end is seen by the caller
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// event is what is read of one.
type event struct {
	Type    interaction.EventKind `json:"type"`
	CallID  string                `json:"call_id"`
	TimeMs  int64                 `json:"time_ms"`
	Count   int64                 `json:"count"`
	Contact *struct {
		ContactID string `json:"contact_id"`
	} `json:"contact"`
}

// listen hears events until the socket ends.
func (g *generator) listen() error {
	for {
		var e event
		if err := g.socket.ReadJSON(&e); err != nil {
			return fmt.Errorf("events: %w", err)
		}
		g.hear(e, time.Now())
	}
}

func (g *generator) hear(e event, now time.Time) {
	switch e.Type {
	case interaction.EventLost:
		g.book.count(e.Count, 0, 0)
	case interaction.EventSessionStarted:
		g.mu.Lock()
		if s := g.sent[e.Contact.ContactID]; s != nil {
			g.sent[e.CallID] = s
			delete(g.sent, e.Contact.ContactID)
		}
		g.mu.Unlock()
	case interaction.EventSessionEnded:
		g.mu.Lock()
		delete(g.sent, e.CallID)
		g.mu.Unlock()
	case interaction.EventSpeechStarted, interaction.EventSegment, interaction.EventSoundStarted, interaction.EventSound, interaction.EventVoice, interaction.EventAffect:
		g.mu.Lock()
		s := g.sent[e.CallID]
		g.mu.Unlock()
		if s == nil {
			g.book.count(0, 1, 0)
			return
		}
		at, ok := s.of(e.TimeMs)
		if !ok {
			g.book.count(0, 1, 0)
			return
		}
		g.book.event(now.Sub(at))
	}
}

// window lets new calls begin, then measures for a time.
func (g *generator) window(ctx context.Context, s *server, d time.Duration) (result, error) {
	if err := wait(ctx, ramp); err != nil {
		return result{}, err
	}
	g.book.take()
	before, err := s.usage()
	if err != nil {
		return result{}, err
	}
	from := time.Now()
	select {
	case err := <-g.heard:
		g.heard <- err
		return result{}, errors.Join(errors.New("the server ended the events"), err)
	default:
	}
	if err := wait(ctx, d); err != nil {
		return result{}, err
	}
	after, err := s.usage()
	if err != nil {
		return result{}, err
	}
	r := g.book.take()
	r.cpu = (after.cpu - before.cpu).Seconds() / time.Since(from).Seconds()
	r.rss = after.rss
	return r, nil
}
