package cluster

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/timbre-voice/timbre/server/ingest"
)

// hold is what this process knows of a call that it claims.
type hold struct {
	turn     chan struct{} // taken by who contests the claim; of one place
	n        int           // Claims not released, and contests; guarded by Directory.mu like what follows
	mine     bool
	revision uint64 // of the claim; 0: there is none, NATS could not be reached
}

// create makes a claim. A loss of NATS that is soon over is waited for.
func (d *Directory) create(ctx context.Context, k string) (owner string, revision uint64, err error) {
	for begun := time.Now(); ; {
		owner, revision, err = d.claims.create(ctx, k, d.address)
		if err == nil || time.Since(begun) > d.opts.Patience || !pause(ctx, d.opts.Patience/20) {
			return owner, revision, err
		}
	}
}

// unclaimed takes a call although NATS cannot be reached.
func (d *Directory) unclaimed(h *hold, s ingest.Start, err error) {
	d.log.Warn("cluster: a call is taken without a claim: its streams on other nodes will not be joined", "call", s.CallID, "err", err)
	d.own(h, 0)
}

func (d *Directory) own(h *hold, revision uint64) {
	d.mu.Lock()
	h.mine, h.revision = true, revision
	d.mu.Unlock()
}

// settle waits for a contest of this process for a call, a little while: it may have made the claim that another node has seen already,
// and not know it yet.
func (d *Directory) settle(k string) {
	d.mu.Lock()
	h := d.held[k]
	open := h != nil && !h.mine
	d.mu.Unlock()
	if !open {
		return
	}
	wait := time.NewTimer(d.answerWithin())
	defer wait.Stop()
	select {
	case h.turn <- struct{}{}:
		<-h.turn
	case <-wait.C: // that contest may be waiting for the node that asks
	case <-d.ctx.Done():
	}
}

// release gives up one claim or contest of a call.
func (d *Directory) release(k string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.held[k]
	if h == nil {
		return
	}
	if h.n--; h.n > 0 {
		return
	}
	delete(d.held, k)
	if !h.mine || h.revision == 0 {
		return
	}
	revision := h.revision
	d.running.Go(func() { d.giveUp(k, revision) }) // the end of a call does not wait for it
}

// giveUp deletes a claim.
func (d *Directory) giveUp(k string, revision uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), claimTimeout)
	defer cancel()
	if err := d.claims.remove(ctx, k, revision); err != nil { // whoever comes upon it will ask us, and take it over
		d.log.Warn("cluster: claim not given up", "err", err)
	}
}

// catchUp claims, whenever NATS can be reached again, the calls that were taken without it, until the directory ends.
func (d *Directory) catchUp() {
	connected := d.opts.Conn.StatusChanged(nats.CONNECTED)
	defer d.opts.Conn.RemoveStatusListener(connected)
	for {
		select {
		case <-connected:
		case <-d.ctx.Done():
			return
		}
		d.mu.Lock()
		left := map[string]*hold{}
		for k, h := range d.held {
			if h.mine && h.revision == 0 {
				left[k] = h
			}
		}
		d.mu.Unlock()
		for k, h := range left {
			owner, revision, err := d.claims.create(d.ctx, k, d.address)
			if err != nil || owner != "" && owner != d.address { // another node has streams of it, as a call of its own
				continue
			}
			d.mu.Lock()
			over := d.held[k] != h
			if !over {
				h.revision = revision
			}
			d.mu.Unlock()
			if over {
				d.giveUp(k, revision)
			}
		}
	}
}
