package ingest

import (
	"context"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
)

const (
	maxStreamChannels = 8

	// quietGap is how long a stream without timestamps must have been silent for the time to count as missing. Shorter waits are
	// the network's, and the audio comes after.
	quietGap = time.Second
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
	pos      int64 // samples per track given on
	count    *counters

	paced   bool      // the sender keeps real time, so that time without audio is a gap
	started time.Time // of the first message
}

func newDemux(call Call, encoding string, rate, channels int, paced bool, count *counters) (*demux, error) {
	if channels < 1 || channels > maxStreamChannels {
		return nil, badRequest("channels: %d, want 1 to %d", channels, maxStreamChannels)
	}
	dec, err := audio.NewDecoder(encoding, rate)
	if err != nil {
		return nil, unsupported("%s", err)
	}
	d := &demux{call: call, dec: dec, channels: channels, unit: channels, paced: paced, count: count, split: make([][]float32, channels)}
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
	} else if d.paced && waited > quietGap {
		behind := now.Sub(d.started).Milliseconds()*int64(d.dec.Rate())/1000 - d.pos
		if err := d.skip(ctx, min(behind, waited.Milliseconds()*int64(d.dec.Rate())/1000)); err != nil {
			return err
		}
	}
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
