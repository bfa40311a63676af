package ingest

import (
	"context"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
)

const (
	maxStreamChannels = 8

	// settle is for how long audio is held after such a wait, until it shows whether what was waited for comes after all, and
	// settleBytes how much of it.
	settle      = 300 * time.Millisecond
	settleBytes = 1 << 20
)

// demux deals a stream of interleaved audio without timestamps to its tracks. Messages may be cut anywhere, inside a sample too.
type demux struct {
	call     Call
	dec      audio.Decoder
	channels int
	unit     int    // bytes of one sample of every channel
	rest     []byte // of a unit that was cut
	flat     []float32
	split    [][]float32
	g722     bool  // a byte is two samples
	pos      int64 // samples per track given on
	count    *counters

	quiet   time.Duration // the sender keeps real time, so that so long without audio is a gap; 0: it does not
	started time.Time     // of the first message
	resumed time.Time     // of the first message after a long wait, while it is not decided whether that was a gap
	held    []byte        // what came since
}

func newDemux(call Call, encoding string, rate, channels int, quiet time.Duration, count *counters) (*demux, error) {
	if channels < 1 || channels > maxStreamChannels {
		return nil, badRequest("channels: %d, want 1 to %d", channels, maxStreamChannels)
	}
	dec, err := audio.NewDecoder(encoding, rate)
	if err != nil {
		return nil, unsupported("%s", err)
	}
	d := &demux{call: call, dec: dec, channels: channels, unit: channels, quiet: quiet, count: count, split: make([][]float32, channels)}
	d.g722 = encoding == "g722"
	if encoding == "opus" {
		d.quiet = 0 // packets cannot be held as one piece
	}
	switch encoding {
	case "pcm_s16le", "pcm_s16be":
		d.unit = 2 * channels
	case "g722", "opus":
		if channels > 1 {
			return nil, unsupported("encoding %s with %d channels, want 1", encoding, channels)
		}
	}
	return d, nil
}

// push takes one message. waited is how long it was waited for, now when it came.
func (d *demux) push(ctx context.Context, data []byte, waited time.Duration, now time.Time) error {
	if d.started.IsZero() {
		d.started = now
		data = skipWAVHeader(data)
	} else if d.quiet > 0 && waited > d.quiet && d.resumed.IsZero() {
		d.resumed = now
	}
	if !d.resumed.IsZero() {
		d.held = append(d.held, data...)
		if now.Sub(d.resumed) < settle && len(d.held) < settleBytes {
			return nil
		}
		return d.flush(ctx, now)
	}
	return d.give(ctx, data)
}

// flush decides whether the wait was a gap, which it was when the stream is still behind its clock, and gives on what is held.
func (d *demux) flush(ctx context.Context, now time.Time) error {
	if d.resumed.IsZero() {
		return nil
	}
	rate := int64(d.dec.Rate())
	held := int64(len(d.held)) * rate / d.bytesPerSecond()
	behind := now.Sub(d.started).Milliseconds()*rate/1000 - d.pos - held
	d.resumed = time.Time{}
	if behind*1000 > d.quiet.Milliseconds()*rate {
		if err := d.skip(ctx, behind); err != nil {
			return err
		}
	}
	data := d.held
	d.held = d.held[:0]
	return d.give(ctx, data)
}

// bytesPerSecond is what a second of every track takes.
func (d *demux) bytesPerSecond() int64 {
	if d.g722 {
		return int64(d.dec.Rate()) / 2
	}
	return int64(d.unit * d.dec.Rate())
}

// give decodes data and deals it to the tracks.
func (d *demux) give(ctx context.Context, data []byte) error {
	if len(d.rest) > 0 || len(data)%d.unit != 0 {
		d.rest = append(d.rest, data...)
		whole := len(d.rest) - len(d.rest)%d.unit
		data = d.rest[:whole]
		defer func() { d.rest = append(d.rest[:0], d.rest[whole:]...) }()
	}
	x, err := d.dec.Decode(d.flat[:0], data)
	if err != nil {
		d.count.undecodable.Add(1)
		d.call.Warn("a packet could not be decoded: " + err.Error())
		return nil
	}
	d.flat = x
	for c := range d.split {
		d.split[c] = d.split[c][:0]
	}
	if d.split, err = audio.Split(d.split, x); err != nil {
		return err
	}
	for c, s := range d.split {
		if err := d.call.Write(ctx, c, s); err != nil {
			return err
		}
	}
	d.pos += int64(len(x) / d.channels)
	return nil
}

// skip tells that n samples of every track are missing.
func (d *demux) skip(ctx context.Context, n int64) error {
	if n <= 0 {
		return nil
	}
	ms := n * 1000 / int64(d.dec.Rate())
	if ms > maxGapMs {
		return badRequest("gap of %d ms, want at most %d", ms, int64(maxGapMs))
	}
	d.count.gaps.Add(1)
	d.count.lostMs.Add(ms)
	for c := range d.channels {
		if err := d.call.Skip(ctx, c, n, "lost"); err != nil {
			return err
		}
	}
	d.pos += n
	return nil
}
