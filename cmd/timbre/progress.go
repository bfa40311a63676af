package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	progressAfter = time.Second // nothing is shown for what is over sooner
	progressEvery = 200 * time.Millisecond
)

// progress is the bar of a run over files, on a terminal's standard error. Where that is no terminal it counts and shows
// nothing. add and fileDone are safe for concurrent use.
type progress struct {
	con    *console
	verb   string // what is done to the files
	bytes  int64  // of all files
	files  int
	done   atomic.Int64
	ready  atomic.Int64 // files
	failed atomic.Int64
	bar    *progressbar.ProgressBar
	says   string // before the bar; empty until it is shown
	stop   chan struct{}
	wg     sync.WaitGroup
}

// newProgress begins a progress and shows it once it lasts; end takes it away.
func newProgress(con *console, verb string, files int, bytes int64) *progress {
	p := &progress{con: con, verb: verb, bytes: max(bytes, 1), files: files, stop: make(chan struct{})}
	width, tty := terminalWidth(con.stderr)
	p.bar = progressbar.NewOptions64(p.bytes, // made now and not when it is first shown, because it predicts from here
		progressbar.OptionSetWriter(con.stderr),
		progressbar.OptionSetWidth(min(max(width-60, 10), 40)),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(0),
	)
	if !tty {
		return p
	}
	p.wg.Go(func() {
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		p.follow(time.Now(), t.C)
	})
	return p
}

// follow draws the bar at each tick, from progressAfter after start on, until end.
func (p *progress) follow(start time.Time, ticks <-chan time.Time) {
	for {
		select {
		case <-p.stop:
			return
		case now := <-ticks:
			if now.Sub(start) >= progressAfter {
				p.draw()
			}
		}
	}
}

func (p *progress) draw() {
	p.con.mu.Lock()
	defer p.con.mu.Unlock()
	p.con.bar = p.bar
	s := fmt.Sprintf("%s %d/%d", p.verb, p.ready.Load(), p.files)
	if n := p.failed.Load(); n > 0 {
		s += fmt.Sprintf(" (%d failed)", n)
	}
	if s != p.says {
		p.says = s
		p.bar.Describe(s)
	}
	// Never quite full: a full bar is over for the library, and then it can neither be cleared nor drawn again.
	_ = p.bar.Set64(min(p.done.Load(), p.bytes-1))
}

// add counts n more bytes as done.
func (p *progress) add(n int64) { p.done.Add(n) }

// fileDone counts a file as done.
func (p *progress) fileDone(err error) {
	p.ready.Add(1)
	if err != nil {
		p.failed.Add(1)
	}
}

// end takes the bar off the screen. Nothing is drawn after it returns.
func (p *progress) end() {
	close(p.stop)
	p.wg.Wait()
	p.con.mu.Lock()
	defer p.con.mu.Unlock()
	if p.con.bar != nil {
		_ = p.bar.Clear()
		p.con.bar = nil
	}
}
