package voiceprint

import (
	"runtime"
	"sync"

	"github.com/timbre-voice/timbre/engine"
)

// desk is the working memory of one embedding.
type desk struct {
	stream  *engine.Stream
	keep    func(*engine.Frame)
	rows    []float32 // T×40
	scratch netScratch
}

func newDesk() (*desk, error) {
	s, err := engine.NewStream(FrontEnd().Stream())
	if err != nil {
		return nil, err
	}
	d := &desk{stream: s}
	d.keep = func(f *engine.Frame) { d.rows = append(d.rows, f.MFCC...) }
	return d, nil
}

// desks lends out a few desks: many more embeddings at a time would not be done sooner, and each would hold its memory while it waits
// for its turn. The one given back last goes first, so that no more of them grow than are at work at a time. Safe for concurrent use.
type desks struct {
	turn chan struct{} // as many as there are desks

	mu   sync.Mutex
	free []*desk
}

// On a busy machine an embedding shares its processor with all else that runs: one desk for each would have the others wait in line
// for one that is not at work.
const desksPerProcessor = 4

// keptRows is the longest utterance, in frames, whose memory is kept: a minute. A call is embedded in parts that are far shorter, and a
// long recording is enrolled now and then.
const keptRows = 6000

func newDesks() (*desks, error) {
	n := desksPerProcessor * runtime.GOMAXPROCS(0)
	d := &desks{turn: make(chan struct{}, n)}
	for range n {
		w, err := newDesk()
		if err != nil {
			return nil, err
		}
		d.free = append(d.free, w)
	}
	return d, nil
}

// take returns a desk, as soon as one is free; give it back.
func (d *desks) take() *desk {
	d.turn <- struct{}{}
	d.mu.Lock()
	defer d.mu.Unlock()
	last := len(d.free) - 1
	w := d.free[last]
	d.free = d.free[:last]
	return w
}

func (d *desks) give(w *desk) {
	if len(w.rows) > keptRows*FrontEnd().NumCeps {
		w.rows, w.scratch = nil, netScratch{}
	}
	d.mu.Lock()
	d.free = append(d.free, w)
	d.mu.Unlock()
	<-d.turn
}
