package voiceprint

import (
	"runtime"

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

// desks lends out one desk per processor: more embeddings at a time would not be done sooner, and each would hold its memory while
// it waits for its turn. Safe for concurrent use.
type desks struct{ free chan *desk }

func newDesks() (*desks, error) {
	n := runtime.GOMAXPROCS(0)
	d := &desks{free: make(chan *desk, n)}
	for range n {
		w, err := newDesk()
		if err != nil {
			return nil, err
		}
		d.free <- w
	}
	return d, nil
}

// take returns a desk, as soon as one is free; give it back.
func (d *desks) take() *desk { return <-d.free }

func (d *desks) give(w *desk) { d.free <- w }
