package voiceprint

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/engine/vad"
)

// Rate is the sample rate that the shipped models work at; wider audio is resampled down.
const Rate = 8000

// Speech is the net speech of one recording, or of one side of a call: its segments joined, without the pauses.
type Speech struct {
	Samples []float32 // mono, at Rate, in [-1, 1]
	Quality Quality
}

// Digest tells whether two pieces of net speech are the same audio: SHA-256 over its samples as 16-bit integers.
func (s Speech) Digest() [sha256.Size]byte {
	h := sha256.New()
	var buf [2048]byte
	for x := s.Samples; len(x) > 0; {
		n := min(len(x), len(buf)/2)
		for i, v := range x[:n] {
			k := int16(min(max(math.Round(float64(v)*32768), -32768), 32767))
			buf[2*i], buf[2*i+1] = byte(k), byte(uint16(k)>>8)
		}
		h.Write(buf[:2*n])
		x = x[n:]
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// FirstSeconds returns the first n of net speech, all of it when there is less or when n is 0. The samples are shared; SNR,
// clipping and bandwidth stay those of the whole recording.
func (s Speech) FirstSeconds(n float64) Speech {
	if k := int(n * Rate); n > 0 && k < len(s.Samples) {
		s.Samples = s.Samples[:k:k]
		s.Quality.NetSpeech = timeline.Duration(int64(k), Rate)
	}
	return s
}

// length returns the duration of the samples.
func (s Speech) length() time.Duration { return timeline.Duration(int64(len(s.Samples)), Rate) }

// JoinSpeech puts recordings of one speaker one after another. Figures are means weighed by net speech, of those that could be told.
func JoinSpeech(parts ...Speech) Speech {
	if len(parts) == 1 {
		return parts[0]
	}
	var out Speech
	for _, p := range parts {
		out.Samples = append(out.Samples, p.Samples...)
	}
	out.Quality = meanQuality(parts)
	out.Quality.NetSpeech = out.length()
	return out
}

// meanQuality returns the figures of parts weighed by their net speech, without the net speech itself.
func meanQuality(parts []Speech) Quality {
	mean := func(of func(Quality) float64) float64 {
		sum, weight := 0.0, 0.0
		for _, p := range parts {
			if v := of(p.Quality); !math.IsNaN(v) {
				sum += v * p.Quality.NetSpeech.Seconds()
				weight += p.Quality.NetSpeech.Seconds()
			}
		}
		return sum / weight // NaN when nothing could be told
	}
	q := Quality{
		SNRdB:       mean(func(q Quality) float64 { return q.SNRdB }),
		Clipped:     mean(func(q Quality) float64 { return q.Clipped }),
		BandwidthHz: mean(func(q Quality) float64 { return q.BandwidthHz }),
	}
	if math.IsNaN(q.Clipped) {
		q.Clipped = 0
	}
	return q
}

// CollectorOptions say how net speech is taken from a channel.
type CollectorOptions struct {
	Rate       int                // samples per second of the input: those that audio.Resampler converts from
	Speech     vad.SegmentOptions // what is a segment of speech
	MaxSeconds float64            // net speech kept, 1 to 3600; what comes after it is measured and not kept
}

// DefaultCollector returns the options that the shipped figures were measured with. A segment reaches further into the soft ends of
// words than one of a conversation does: the network was trained on speech from which only the pauses were cut, and on dev the
// detector's own options cost a tenth of the EER. Two minutes of speech are kept: more makes no better embedding.
func DefaultCollector(rate int) CollectorOptions {
	speech := vad.SegmentOptions{EntryProb: 0.5, ExitProb: 0.2, MinOnMs: 128, MinOffMs: 128, PadMs: 80, MaxSegmentMs: 30000}
	return CollectorOptions{Rate: rate, Speech: speech, MaxSeconds: 120}
}

// Validate returns every problem of o, joined; errors.Is finds ErrRate and ErrOptions.
func (o CollectorOptions) Validate() error {
	var errs []error
	if o.Rate < audio.MinResampleRate || o.Rate > audio.MaxResampleRate || o.Rate < Rate {
		errs = append(errs, fmt.Errorf("%w: %d Hz, want %d to %d", ErrRate, o.Rate, Rate, audio.MaxResampleRate))
	}
	if !(o.MaxSeconds >= 1 && o.MaxSeconds <= 3600) {
		errs = append(errs, fmt.Errorf("%w: MaxSeconds %g, want 1 to 3600", ErrOptions, o.MaxSeconds))
	}
	return errors.Join(append(errs, o.Speech.Validate())...)
}

// String prints every field.
func (o CollectorOptions) String() string {
	return fmt.Sprintf("rate %d Hz; speech: %v; at most %g s", o.Rate, o.Speech, o.MaxSeconds)
}

// Collector takes the samples of one channel as they come and keeps the net speech among them. What it has after so many samples
// does not depend on how they were cut. Not safe for concurrent use: one Collector per channel.
type Collector struct {
	o         CollectorOptions
	resampler *audio.Resampler
	scorer    *vad.Scorer
	segmenter *vad.Segmenter
	onScore   func(vad.Score)
	onEvent   func(vad.Event)

	in      int64     // samples that came in, at o.Rate
	wide    []float32 // scratch of the resampler
	recent  []float32 // samples at Rate from position base on
	base    int64
	scored  int64 // steps scored
	open    int64 // start of the segment that is being spoken, -1 outside
	taken   int64 // position up to which speech was taken
	off     int64 // samples by which the end of an open segment may lie back
	back    int64 // samples by which the beginning of a segment may lie behind the newest one
	ended   bool
	net     []float32
	dropped int     // samples of net speech in front of net that were kept once
	power   float64 // sum of squares over the net speech
	spoken  int64   // samples of net speech, kept or not
	levels  levels
	clips   clipping
	band    *band
	maxKept int
	delay   int64 // samples by which scores come after their step
}

// NewCollector returns a collector with the network of package vad, or with its plain detector when net is nil.
func NewCollector(o CollectorOptions, net *vad.Net) (*Collector, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	detector := vad.DefaultOptions()
	detector.Speech = o.Speech
	scorer, err := vad.NewScorer(detector, net)
	if err != nil {
		return nil, err
	}
	c, err := newCollector(o, scorer.DelaySamples())
	if err != nil {
		return nil, err
	}
	if c.resampler, err = audio.NewResampler(o.Rate, Rate); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRate, err)
	}
	c.scorer = scorer
	c.Reset()
	return c, nil
}

// newCollector returns a collector of valid options that is told the scores, each delay samples after its step.
func newCollector(o CollectorOptions, delay int64) (*Collector, error) {
	c := &Collector{o: o, maxKept: int(o.MaxSeconds * Rate), delay: delay, open: -1}
	var err error
	if c.segmenter, err = vad.NewSegmenter(o.Speech, vad.KindSpeech); err != nil {
		return nil, err
	}
	if c.band, err = newBand(); err != nil {
		return nil, err
	}
	steps := (int64(o.Speech.MinOffMs)*Rate/1000 + vad.StepSamples - 1) / vad.StepSamples
	c.off = max(steps, 1) * vad.StepSamples
	// A segment is believed after MinOnMs of speech, between which pauses of up to MinOffMs may lie.
	on := int64(o.Speech.MinOnMs)*Rate/1000/vad.StepSamples + 2
	c.back = min(on*c.off+timeline.Samples(int64(o.Speech.PadMs), Rate)+delay+Rate, 60*Rate)
	c.onScore, c.onEvent = c.score, c.event
	return c, nil
}

// Reset forgets everything heard; the memory stays.
func (c *Collector) Reset() {
	c.resampler.Reset()
	c.scorer.Reset()
	c.segmenter.Flush(0, func(vad.Event) {})
	c.in, c.base, c.scored, c.open, c.taken, c.ended = 0, 0, 0, -1, 0, false
	c.power, c.spoken, c.levels, c.clips = 0, 0, levels{}, clipping{}
	c.recent, c.net, c.dropped = c.recent[:0], c.net[:0], 0
	c.band.reset()
}

// farBeyond is a magnitude that no decoder yields; audio replaces such values.
const farBeyond = 65536

// Write takes the next samples. It returns ErrSample, with the position, for a value that is no audio; nothing of x is taken then.
func (c *Collector) Write(x []float32) error {
	if c.ended {
		return fmt.Errorf("%w: sample %d comes after the end, want Reset first", ErrSample, c.in)
	}
	if err := c.check(x); err != nil {
		return err
	}
	c.in += int64(len(x))
	for len(x) > 0 { // in pieces, so that no segment's samples are gone when it is decided and memory stays small
		n := min(len(x), 4*Rate)
		c.clips.add(x[:n])
		c.wide = c.resampler.Write(c.wide[:0], x[:n])
		c.advance(c.wide)
		x = x[n:]
	}
	return nil
}

func (c *Collector) check(x []float32) error {
	for i, v := range x {
		if !(v >= -farBeyond && v <= farBeyond) {
			return fmt.Errorf("%w: sample %d is %v, want within ±%d", ErrSample, c.in+int64(i), v, farBeyond)
		}
	}
	return nil
}

// Flush ends the recording: the segment that is open closes.
func (c *Collector) Flush() {
	if c.ended {
		return
	}
	c.wide = c.resampler.Flush(c.wide[:0])
	c.advance(c.wide)
	c.ended = true
	c.scorer.Flush(c.onScore)
	c.segmenter.Flush(c.base+int64(len(c.recent)), c.onEvent)
}

// Speech returns the net speech so far. Of a segment that is still spoken it holds what its end can no longer take away. The
// samples are borrowed: good until Reset, and not to be changed.
func (c *Collector) Speech() Speech {
	return Speech{Samples: c.net[:len(c.net):len(c.net)], Quality: c.quality()}
}

func (c *Collector) quality() Quality {
	return Quality{
		NetSpeech:   timeline.Duration(int64(c.dropped+len(c.net)), Rate),
		SNRdB:       c.levels.snr(c.power / float64(max(c.spoken, 1))),
		Clipped:     c.clips.share(),
		BandwidthHz: c.band.edge(),
	}
}

// Heard returns the length of all audio so far, pauses included.
func (c *Collector) Heard() time.Duration { return timeline.Duration(c.in, c.o.Rate) }

func (c *Collector) advance(x []float32) {
	c.hear(x)
	c.scorer.Write(x, c.onScore)
	c.forget()
}

func (c *Collector) hear(x []float32) {
	c.recent = append(c.recent, x...)
	c.levels.add(x)
}

// forget lets go of the samples that no segment can reach back to.
func (c *Collector) forget() {
	keep := c.base + int64(len(c.recent)) - c.back
	if c.open >= 0 {
		keep = min(keep, c.taken)
	}
	if n := keep - c.base; n > Rate { // not a few samples at a time
		c.recent = slices.Delete(c.recent, 0, int(n))
		c.base = keep
	}
}

func (c *Collector) score(s vad.Score) {
	c.scored++
	end := c.base + int64(len(c.recent))
	known := c.scored*vad.StepSamples + c.delay
	if c.ended {
		known = end
	}
	c.segmenter.Push(s.Speech, known, c.onEvent)
	if c.open >= 0 { // still open: at least the step before the last MinOffMs was speech
		c.take(c.scored*vad.StepSamples - c.off)
	}
}

func (c *Collector) event(e vad.Event) {
	if e.Type == vad.Start {
		c.open = e.Interval.Start
		c.taken = max(c.taken, c.open)
		return
	}
	c.take(e.Interval.End)
	c.open = -1
}

// drop forgets the oldest n samples of the net speech, which stay counted.
func (c *Collector) drop(n int) {
	c.net = c.net[:copy(c.net, c.net[n:])]
	c.dropped += n
}

// take moves the samples of the open segment up to position end into the net speech.
func (c *Collector) take(end int64) {
	from, to := max(c.taken-c.base, 0), min(end-c.base, int64(len(c.recent)))
	if to <= from {
		return
	}
	x := c.recent[from:to]
	c.taken = c.base + to
	c.spoken += int64(len(x))
	for _, v := range x {
		c.power += float64(v) * float64(v)
	}
	c.band.add(x)
	c.net = append(c.net, x[:min(len(x), c.maxKept-c.dropped-len(c.net))]...)
}
