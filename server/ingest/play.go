package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
)

// PlayOptions says how a recording is played as a live call.
type PlayOptions struct {
	URL        string // ws://, wss://, or tcp:// for audiosocket
	Dialect    string // one of PlayDialects
	Rate       int    // samples per second of the audio; most dialects want 8000
	Customer   []float32
	Agent      []float32 // of the two sides one may be missing
	Speed      float64   // 1 is real time, 2 twice as fast; 0 as fast as the server takes it
	CallID     string    // empty: a random one
	Token      string    // sent as Authorization: Bearer
	Secret     string    // signs the request, where the dialect does that
	APIKey     string    // of audiohook
	Parameters map[string]string
	Progress   func(samples int)        // how far the call has come; nil: nobody asks
	Sending    func(due, now time.Time) // before each 20 ms of audio are sent, by one goroutine for each connection; nil: nobody asks
	Received   func(message []byte)     // the server's messages, by one goroutine at a time; nil: none
	End        End                      // how the audio ends: stop (also where empty), close, or dropped
}

// PlayDialects lists what Play speaks.
func PlayDialects() []string { return sortedKeys(players()) }

// players returns a new player of each dialect.
func players() map[string]func() player {
	return map[string]func() player{
		"generic":     func() player { return &genericPlayer{} },
		"listen":      func() player { return &listenPlayer{} },
		"twilio":      func() player { return &twilioPlayer{} },
		"signalwire":  func() player { return &twilioPlayer{bearer: true} },
		"telnyx":      func() player { return &telnyxPlayer{} },
		"audiohook":   func() player { return &hookPlayer{} },
		"freeswitch":  func() player { return &forkPlayer{subprotocol: "audio.drachtio.org"} },
		"jambonz":     func() player { return &forkPlayer{subprotocol: "audio.jambonz.org"} },
		"asterisk":    func() player { return &asteriskPlayer{} },
		"audiosocket": func() player { return &socketPlayer{} },
		"vonage":      func() player { return &vonagePlayer{} },
	}
}

// player is the platform's side of a dialect.
type player interface {
	// prepare completes the request: query, headers, signature.
	prepare(p *play, r *http.Request) error
	// begin says everything that comes before the audio.
	begin(ctx context.Context, p *play) error
	// audio sends the 20 ms, or less at the end, that begin at a position in samples. x holds p.sides in order.
	audio(p *play, at int, x [][]float32) error
	// end says the last word; it reports whether the server is expected to close then.
	end(ctx context.Context, p *play) (serverCloses bool, err error)
	// heard takes a message of the server.
	heard(p *play, data []byte) error
}

// play is one connection of a player.
type play struct {
	o      PlayOptions
	sides  []string // customer, agent: what the channels are
	peer   peer
	packet []byte
}

// lonePlayers are the dialects that carry one channel on a connection: two sides are two connections.
var lonePlayers = []string{"asterisk", "audiosocket", "vonage"}

// Play plays a recording in the words of a dialect and returns when the server has done with it. An error of the server names its
// close code and reason.
func Play(ctx context.Context, o PlayOptions) error {
	newPlayer := players()[o.Dialect]
	if newPlayer == nil {
		return fmt.Errorf("ingest: play: dialect %q, want one of %s", o.Dialect, strings.Join(PlayDialects(), ", "))
	}
	if o.Rate < 4000 || len(o.Customer)+len(o.Agent) == 0 {
		return fmt.Errorf("ingest: play: %d samples at %d Hz, want some at 4000 Hz or more", len(o.Customer)+len(o.Agent), o.Rate)
	}
	if o.CallID == "" {
		o.CallID = randomUUID()
	}
	if o.Received == nil {
		o.Received = func([]byte) {}
	}
	var sides []string
	if len(o.Customer) > 0 {
		sides = append(sides, "customer")
	}
	if len(o.Agent) > 0 {
		sides = append(sides, "agent")
	}
	if len(sides) == 1 || !slices.Contains(lonePlayers, o.Dialect) {
		return playOne(ctx, o, sides, newPlayer())
	}
	var mu sync.Mutex
	received, progress, furthest := o.Received, o.Progress, 0
	o.Received = func(b []byte) { mu.Lock(); defer mu.Unlock(); received(b) }
	o.Progress = func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if n > furthest && progress != nil {
			furthest = n
			progress(n)
		}
	}
	var both sync.WaitGroup
	errs := [2]error{}
	for i, side := range sides {
		both.Go(func() { errs[i] = playOne(ctx, o, []string{side}, newPlayer()) })
	}
	both.Wait()
	return errors.Join(errs[:]...)
}

// playOne plays the sides on one connection.
func playOne(ctx context.Context, o PlayOptions, sides []string, pl player) error {
	p := &play{o: o, sides: sides}
	if err := p.connect(ctx, pl); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, p.peer.abort)
	defer stop()
	defer p.peer.abort()
	ended := make(chan error, 1)
	go func() { ended <- p.listen(pl) }()
	err := p.send(ctx, pl)
	switch {
	case err != nil:
		// What the server said last tells more than that it is gone.
		p.peer.interrupt()
		if serr := <-ended; serr != nil && !errors.Is(serr, errIdle) {
			return serr
		}
		return err
	case o.End == EndDropped:
		p.peer.abort()
		<-ended
		return nil
	case o.End == EndClose:
		p.peer.hangUp()
		<-ended
		return nil
	}
	closes, err := pl.end(ctx, p)
	if err != nil {
		return errors.Join(err, <-ended)
	}
	if !closes {
		p.peer.hangUp()
	}
	if err := <-ended; !errors.Is(err, errIdle) {
		return err
	}
	return errors.New("ingest: play: the server did not close")
}

// connect dials the server.
func (p *play) connect(ctx context.Context, pl player) error {
	u, err := url.Parse(p.o.URL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("ingest: play: URL %q, want ws://host:port/path", p.o.URL)
	}
	const idle = 2 * time.Minute
	if p.o.Dialect == "audiosocket" {
		c, err := dialSocket(ctx, u.Host, idle)
		if err != nil {
			return err
		}
		p.peer = c
		return nil
	}
	r := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{}}
	if p.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+p.o.Token)
	}
	if err := pl.prepare(p, r); err != nil {
		return err
	}
	subprotocols := r.Header.Values("Sec-WebSocket-Protocol")
	r.Header.Del("Sec-WebSocket-Protocol")
	c, resp, err := dial(ctx, r.URL.String(), r.Header, subprotocols, 16<<20, idle)
	if err != nil {
		if resp != nil {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // the library keeps the first kilobyte
			return fmt.Errorf("ingest: play: %s: %s: %s", u.Host, resp.Status, strings.TrimSpace(string(text)))
		}
		return fmt.Errorf("ingest: play: %s: %w", u.Host, err)
	}
	p.peer = c
	return nil
}

// listen reads what the server says until it closes.
func (p *play) listen(pl player) error {
	for {
		text, data, err := p.peer.read()
		if c, ok := p.peer.(*conn); ok && errors.Is(err, io.EOF) && c.closeCode != closeNormal && c.closeCode != closeNoStatus {
			return fmt.Errorf("ingest: play: the server closed: %d %s", c.closeCode, c.closeText)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if text {
			p.o.Received(data)
		}
		if err := pl.heard(p, data); err != nil {
			return err
		}
	}
}

// send paces the audio.
func (p *play) send(ctx context.Context, pl player) error {
	if err := pl.begin(ctx, p); err != nil {
		return err
	}
	channels := [][]float32{}
	for _, side := range p.sides {
		if side == "customer" {
			channels = append(channels, p.o.Customer)
		} else {
			channels = append(channels, p.o.Agent)
		}
	}
	total := 0
	for _, c := range channels {
		total = max(total, len(c))
	}
	frame := p.o.Rate / 50
	started := time.Now()
	x := make([][]float32, len(channels))
	for at := 0; at < total; at += frame {
		for c := range x {
			x[c] = cut(channels[c], at, min(frame, total-at))
		}
		if p.o.Sending != nil {
			now := time.Now()
			due := now // as fast as the server takes it
			if p.o.Speed > 0 {
				due = started.Add(p.dueIn(at))
			}
			p.o.Sending(due, now)
		}
		if err := pl.audio(p, at, x); err != nil {
			return fmt.Errorf("ingest: play: audio at %d ms: %w", at*1000/p.o.Rate, err)
		}
		if p.o.Progress != nil {
			p.o.Progress(min(at+frame, total))
		}
		if p.o.Speed <= 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		if err := pause(ctx, p.dueIn(at+frame)-time.Since(started)); err != nil {
			return err
		}
	}
	return nil
}

// dueIn returns when, from the start of the audio, the sample at a position is sent.
func (p *play) dueIn(at int) time.Duration {
	return time.Duration(float64(at) / float64(p.o.Rate) / p.o.Speed * float64(time.Second))
}

// cut returns n samples of x from at, with silence beyond its end.
func cut(x []float32, at, n int) []float32 {
	if at+n <= len(x) {
		return x[at : at+n]
	}
	out := make([]float32, n)
	if at < len(x) {
		copy(out, x[at:])
	}
	return out
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sendPacket sends the samples of all channels, interleaved, as one binary message.
func (p *play) sendPacket(encoding string, x [][]float32) error {
	flat, err := audio.Interleave(nil, x)
	if err != nil {
		return err
	}
	if p.packet, err = audio.Encode(p.packet[:0], encoding, flat); err != nil {
		return err
	}
	return p.peer.writeBinary(p.packet)
}

// randomUUID returns a version 4 UUID (RFC 9562).
func randomUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// quietPlayer is a player to which the server says nothing; others embed it.
type quietPlayer struct{}

func (quietPlayer) prepare(*play, *http.Request) error       { return nil }
func (quietPlayer) begin(context.Context, *play) error       { return nil }
func (quietPlayer) end(context.Context, *play) (bool, error) { return false, nil }
func (quietPlayer) heard(*play, []byte) error                { return nil }
