package analysis

import "github.com/timbre-voice/timbre/engine/timeline"

// history keeps the latest samples of a channel, addressed by their position in the call.
type history struct {
	samples []float32
	start   int64 // position of samples[0]
}

// end returns the position after the last sample.
func (h *history) end() int64 {
	return h.start + int64(len(h.samples))
}

func (h *history) add(x []float32) {
	h.samples = append(h.samples, x...)
}

// forget drops the samples before position t. The array is moved down only when half of it is free, so that the cost of a
// sample stays constant.
func (h *history) forget(t int64) {
	drop := min(t-h.start, int64(len(h.samples)))
	if drop <= 0 || drop < int64(len(h.samples))/2 {
		return
	}
	n := copy(h.samples, h.samples[drop:])
	h.samples = h.samples[:n]
	h.start += drop
}

// slice returns the samples of v, borrowed until the next add or forget, and the interval that is really there.
func (h *history) slice(v timeline.Interval) ([]float32, timeline.Interval) {
	v = v.Intersect(timeline.Interval{Start: h.start, End: h.end()})
	if v.Empty() {
		return nil, v
	}
	return h.samples[v.Start-h.start : v.End-h.start], v
}
