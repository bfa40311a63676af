package ingest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/timbre-voice/timbre/engine/audio"
)

const (
	// reorderWindow is how many chunks of a track are held back for one that is missing. 10 chunks of 20 ms bound the delay.
	reorderWindow = 10

	// jitterMs is how far a timestamp may lie ahead of the samples so far without being a gap, where no chunk is missing: some
	// platforms stamp by their wall clock.
	jitterMs = 100

	// maxGapMs bounds one gap. A timestamp further ahead is taken for a new clock.
	maxGapMs = 2 * 3600 * 1000

	// maxFirstMs is the latest first timestamp that counts from the start of the stream. A later one is of another clock, as
	// Unix time is, and is taken for the start.
	maxFirstMs = 60 * 1000

	// restartChunks: a counter that falls back so far was restarted.
	restartChunks = 1000
)

// lane puts the chunks of one track in order and fills what is missing. Payloads are decoded in their true order, since adaptive
// codecs carry state.
type lane struct {
	track int
	call  Call
	dec   audio.Decoder
	clock *clock // of the stream, shared by its tracks
	count *counters

	begun   bool
	next    int64 // the chunk that should come
	held    []chunk
	pos     int64 // samples given on, gaps included
	samples []float32
}

// clock is the origin of a stream's timestamps, in ms.
type clock struct {
	known bool
	base  int64
}

// chunk is one piece of a track. number or ms are -1 where the platform does not tell them.
type chunk struct {
	number, ms int64
	payload    []byte
}

func newLane(track int, call Call, encoding string, rate int, clock *clock, count *counters) (*lane, error) {
	dec, err := audio.NewDecoder(encoding, rate)
	if err != nil {
		return nil, unsupported("%s", err)
	}
	return &lane{track: track, call: call, dec: dec, clock: clock, count: count}, nil
}

// push takes a chunk as it arrived. payload is borrowed.
func (l *lane) push(ctx context.Context, c chunk) error {
	if c.number < 0 {
		return l.give(ctx, c, false)
	}
	if l.begun && c.number < l.next-restartChunks {
		if err := l.release(ctx, 0); err != nil {
			return err
		}
		l.next = c.number
	}
	if !l.begun && c.number <= 1 { // counters begin at 0 or 1; a higher one may have others behind it
		l.begun, l.next = true, c.number
	}
	switch {
	case l.begun && c.number < l.next, slices.ContainsFunc(l.held, func(h chunk) bool { return h.number == c.number }):
		l.count.late.Add(1)
		return nil
	case l.begun && c.number == l.next:
		if err := l.give(ctx, c, false); err != nil {
			return err
		}
		l.next++
	default:
		c.payload = slices.Clone(c.payload)
		at, _ := slices.BinarySearchFunc(l.held, c.number, func(h chunk, n int64) int { return cmp.Compare(h.number, n) })
		l.held = slices.Insert(l.held, at, c)
		l.count.reordered.Add(1)
	}
	return l.release(ctx, reorderWindow)
}

// release gives on what is held: all that follows on, and all that exceeds most.
func (l *lane) release(ctx context.Context, most int) error {
	for len(l.held) > 0 {
		c := l.held[0]
		missing := l.begun && c.number != l.next
		if (missing || !l.begun) && len(l.held) <= most {
			return nil
		}
		l.held = slices.Delete(l.held, 0, 1)
		if err := l.give(ctx, c, missing); err != nil {
			return err
		}
		l.begun, l.next = true, c.number+1
	}
	return nil
}

// give decodes a chunk at its place. missing says that chunks before it never came.
func (l *lane) give(ctx context.Context, c chunk, missing bool) error {
	payload := c.payload
	if l.pos == 0 {
		payload = skipWAVHeader(payload)
	}
	if c.ms >= 0 {
		if err := l.fill(ctx, c.ms, missing); err != nil {
			return err
		}
	}
	x, err := l.dec.Decode(l.samples[:0], payload)
	if err != nil { // a packet that is no packet: its time is filled when the next one tells where it is
		l.count.undecodable.Add(1)
		l.call.Warn(fmt.Sprintf("track %d: %s", l.track, err))
		return nil
	}
	l.samples = x
	if err := l.call.Write(ctx, l.track, x); err != nil {
		return err
	}
	l.pos += int64(len(x))
	return nil
}

// fill puts in what is missing before a chunk that begins at ms.
func (l *lane) fill(ctx context.Context, ms int64, missing bool) error {
	if !l.clock.known {
		l.clock.known = true
		if ms > maxFirstMs {
			l.clock.base = ms
		}
	}
	rate := int64(l.dec.Rate())
	ahead := (ms - l.clock.base) - l.pos*1000/rate
	if ahead > maxGapMs || ahead < -maxGapMs {
		l.call.Warn(fmt.Sprintf("track %d: timestamp %d ms ahead of the audio, taken for a new clock", l.track, ahead))
		l.clock.base += ahead
		return nil
	}
	if ahead <= 0 || !missing && ahead <= jitterMs {
		return nil
	}
	return l.skip(ctx, ahead*rate/1000)
}

func (l *lane) skip(ctx context.Context, n int64) error {
	l.count.gaps.Add(1)
	l.count.lostMs.Add(n * 1000 / int64(l.dec.Rate()))
	l.pos += n
	return l.call.Skip(ctx, l.track, n, "lost")
}

// flush gives on what is still held.
func (l *lane) flush(ctx context.Context) error { return l.release(ctx, 0) }
