package ingest

import "github.com/timbre-voice/timbre/interaction"

// ResultsLen is how many events wait for the reader of a stream's results.
const ResultsLen = 256

// Results are the events that wait for the reader of Call.Results. Nobody who writes waits: when the reader is too slow the oldest are
// dropped and counted, and it is told in an event of its own how many, once there is room for that, too. Writers take turns; the reader
// needs none.
type Results struct {
	events chan interaction.Event
	lost   int64
}

// NewResults returns results of which none have come.
func NewResults() *Results { return &Results{events: make(chan interaction.Event, ResultsLen)} }

// Events returns what the reader reads, until Close.
func (r *Results) Events() <-chan interaction.Event { return r.events }

// Close ends the results; once, and nothing is put after it.
func (r *Results) Close() { close(r.events) }

// Put gives e to the reader, at the cost of the oldest.
func (r *Results) Put(e interaction.Event) {
	if r.lost > 0 && cap(r.events)-len(r.events) > 1 {
		r.events <- interaction.Event{Type: interaction.EventLost, Version: e.Version, Tenant: e.Tenant, CallID: e.CallID, Seq: e.Seq, Count: r.lost}
		r.lost = 0
	}
	for {
		select {
		case r.events <- e:
			return
		default:
		}
		select {
		case <-r.events:
			r.lost++
		default:
		}
	}
}
