package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

// guest is a stream that another node brought to a call of this one. One goroutine does what is asked; the subscription's answers.
type guest struct {
	d      *Directory
	stream string
	call   ingest.Call
	sub    *nats.Subscription
	opened chan struct{} // closed when call and sub, or refused, are set
	reason answer        // to the opening

	heard   atomic.Int64 // when the other node last spoke, Unix ns
	over    atomic.Bool  // the stream has ended
	tasks   chan *task
	leave   chan struct{} // closed when the node drains
	leaving atomic.Bool
	ended   chan struct{} // closed when the stream has ended
	results chan struct{} // closed when all results are sent; nil: they are not asked for

	last *task // of the subscription's goroutine
}

// task is one request, with its answer once done is closed.
type task struct {
	request
	answer answer
	done   chan struct{}
}

// take opens the stream that another node asks for, or answers the repetition of that request.
func (d *Directory) take(body []byte) answer {
	var o opening
	if err := json.Unmarshal(body, &o); err != nil {
		return answer{Code: codeFailed, Text: fmt.Sprintf("opening: %s", err)}
	}
	if len(o.Stream) != len(name()) {
		return answer{Code: codeFailed, Text: fmt.Sprintf("opening: stream of %d bytes, want %d", len(o.Stream), len(name()))}
	}
	k := keyOf(o.Start.Tenant, o.Start.CallID)
	d.settle(k)
	d.mu.Lock()
	g := d.guests[o.Stream]
	if g != nil {
		d.mu.Unlock()
		return g.opening()
	}
	h := d.held[k]
	if h == nil || !h.mine {
		d.mu.Unlock()
		return answer{Code: codeNotOwner}
	}
	h.n++ // what open releases
	g = &guest{d: d, stream: o.Stream, opened: make(chan struct{}), tasks: make(chan *task), leave: make(chan struct{}), ended: make(chan struct{})}
	d.guests[o.Stream] = g
	d.mu.Unlock()
	d.running.Go(func() { g.begin(o.Start) })
	return g.opening()
}

// opening answers when the stream is open or refused, or that it takes its time: a node that waits for its store is not dead.
func (g *guest) opening() answer {
	wait := time.NewTimer(g.d.answerWithin())
	defer wait.Stop()
	select {
	case <-g.opened:
		return g.reason
	case <-wait.C:
		return answer{Code: codeWorking}
	}
}

// begin opens the stream on the call and listens for what it brings.
func (g *guest) begin(s ingest.Start) {
	defer close(g.opened)
	g.heard.Store(time.Now().UnixNano())
	call, err := g.d.open(g.d.ctx, s)
	if err == nil {
		g.call = call
		if g.sub, err = g.d.opts.Conn.Subscribe(streamSubject(g.stream), g.hear); err != nil {
			_ = call.End(g.d.ctx, ingest.EndFailed) // the error of the connection says it
		}
	}
	if err != nil {
		g.reason = answerOf(err)
		g.over.Store(true)
		close(g.ended)
		g.d.running.Go(func() { g.linger() })
		return
	}
	g.reason = answer{ID: call.ID()}
	g.d.log.Info("cluster: a stream of another node joins a call", "interaction", call.ID(), "call", s.CallID)
	g.d.running.Go(g.work)
}

// hear answers one request. It waits for the work that it asks for, but not so long that the other node thinks us dead.
func (g *guest) hear(m *nats.Msg) {
	g.heard.Store(time.Now().UnixNano())
	r, err := parseRequest(m.Data)
	switch {
	case err != nil:
		g.d.respond(m, answer{Code: codeFailed, Text: err.Error()})
		return
	case r.op == opAlive:
		return
	case g.last == nil || r.number > g.last.number:
		t := &task{request: r, done: make(chan struct{})}
		wait := time.NewTimer(g.d.answerWithin())
		defer wait.Stop()
		select {
		case g.tasks <- t:
			g.last = t
		case <-g.ended:
			t.answer = answer{Code: codeGone, Text: "the stream has ended"}
			close(t.done)
			g.last = t
		case <-wait.C: // what was given up before is still worked on; this one has not begun, and comes again
			g.d.respond(m, answer{Code: codeWorking})
			return
		}
	case r.number < g.last.number: // a late copy of what is done; nobody waits for its answer
		return
	}
	wait := time.NewTimer(g.d.answerWithin())
	defer wait.Stop()
	select {
	case <-g.last.done:
		g.d.respond(m, g.last.answer)
	case <-wait.C:
		g.d.respond(m, answer{Code: codeWorking})
	}
}

// drain ends the stream because this node does.
func (g *guest) drain() {
	if g.leaving.CompareAndSwap(false, true) {
		close(g.leave)
	}
}

// work does what the other node asks for, until the stream ends.
func (g *guest) work() {
	look := time.NewTicker(g.d.opts.Grace / 5)
	defer look.Stop()
	for !g.over.Load() {
		select {
		case t := <-g.tasks:
			t.answer = answerOf(g.do(&t.request))
			if t.op == opEnd {
				g.finish()
			}
			close(t.done)
		case <-look.C:
			if quiet := time.Since(time.Unix(0, g.heard.Load())); quiet > g.d.opts.Grace {
				g.d.log.Warn("cluster: the node of a stream is gone", "interaction", g.call.ID(), "quiet", quiet)
				g.end(ingest.EndDropped)
			}
		case <-g.leave:
			g.end(ingest.EndDrained)
		case <-g.d.ctx.Done():
			g.end(ingest.EndDrained)
		}
	}
	g.linger()
}

// do calls the method of a request. A fault of ours in one stream is kept from the others, as package ingest does.
func (g *guest) do(r *request) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			g.d.log.Error("cluster: fault in a stream", "interaction", g.call.ID(), "err", fmt.Sprint(fault), "stack", string(debug.Stack()))
			err = errors.New("a fault in the stream")
		}
	}()
	ctx, a := g.d.ctx, &r.args
	switch r.op {
	case opWrite:
		return g.call.Write(ctx, r.track, r.x)
	case opSkip:
		return g.call.Skip(ctx, a.Track, a.N, a.Text)
	case opDigit:
		return g.call.Digit(ctx, a.Track, a.Text, a.LengthMs)
	case opMark:
		return g.call.Mark(ctx, a.Text, a.Detail)
	case opBind:
		return g.call.Bind(ctx, a.Binding)
	case opWarn:
		g.call.Warn(a.Text)
	case opResults:
		if g.results == nil {
			g.results = make(chan struct{})
			events := g.call.Results()
			g.d.running.Go(func() { g.sendResults(events) })
		}
	case opEnd:
		return g.call.End(context.WithoutCancel(ctx), a.How)
	}
	return nil
}

// end ends the stream by our own decision.
func (g *guest) end(how ingest.End) {
	if err := g.call.End(context.WithoutCancel(g.d.ctx), how); err != nil {
		g.d.log.Error("cluster: call not ended in order", "interaction", g.call.ID(), "err", err)
	}
	g.finish()
}

// finish says that the stream has ended, after the last of its results.
func (g *guest) finish() {
	if g.results != nil {
		<-g.results
	}
	g.over.Store(true)
	close(g.ended)
}

// sendResults sends the events of the call, and an empty message after the last.
func (g *guest) sendResults(events <-chan interaction.Event) {
	defer close(g.results)
	conn, subject := g.d.opts.Conn, resultSubject(g.stream)
	for e := range events {
		body, err := json.Marshal(e)
		if err == nil && int64(len(body)) > conn.MaxPayload() && e.Record != nil {
			e.Record, e.Message = nil, fmt.Sprintf("the record has %d bytes, more than a message can carry: fetch it", len(body))
			body, err = json.Marshal(e)
		}
		if err == nil {
			err = conn.Publish(subject, body)
		}
		if err != nil { // the reader sees the gap in seq
			g.d.log.Warn("cluster: result not sent", "interaction", e.CallID, "err", err)
		}
	}
	if err := conn.Publish(subject, nil); err != nil {
		g.d.log.Warn("cluster: end of results not sent", "err", err)
	}
}

// linger answers repetitions for a while, and forgets the stream.
func (g *guest) linger() {
	wait := time.NewTimer(g.d.opts.Grace)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-g.d.ctx.Done():
	}
	if g.sub != nil {
		_ = g.sub.Unsubscribe() // fails only where the connection is gone
	}
	g.d.mu.Lock()
	delete(g.d.guests, g.stream)
	g.d.mu.Unlock()
}
