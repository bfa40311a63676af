package analysis

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
)

const (
	// lookback is how far behind the newest sample a decision of the detector may reach: a segment that is found late, a music
	// passage that takes seconds to be sure of.
	lookback = 6 * Rate

	// guard is kept free around speech and sounds when the noise floor is taken, for their fading ends.
	guard = Rate / 10
)

// channel is the state of one channel of a session, touched by the session's owner goroutine alone.
type channel struct {
	index      int
	who        Channel
	rate       int // of the samples that come in
	keepDigits bool
	emit       func(Event)

	resampler *audio.Resampler
	detector  *vad.Detector
	prosody   *prosody
	loudness  *engine.Loudness // of the speech
	affect    *liveAffect      // nil: not the customer's channel

	received int64 // samples that came in, gaps included, at rate
	scratch  []float32
	history  history
	open     int64 // start of the segment that is being spoken, -1 outside
	levels   levels
	clipping clipping

	segments []segment
	sounds   []sound
	gaps     []interaction.Gap
	power    float64 // sum of squares over the speech
}

// segment is a segment of speech with what the record of it and the metrics need.
type segment struct {
	timeline.Interval
	power     float64 // mean square
	syllables int
	record    interaction.Segment
	absent    []interaction.NotComputed
}

// sound is a sound other than speech.
type sound struct {
	timeline.Interval
	record interaction.Sound
}

// newChannel returns a channel at its start. p is shared by the channels of a session, whose segments are measured one at a time.
func newChannel(e *Engine, p *prosody, index int, who Channel, o Options) (*channel, error) {
	c := &channel{index: index, who: who, rate: o.Rate, keepDigits: o.Permit.KeepDigits, emit: o.OnEvent, prosody: p, open: -1}
	if c.emit == nil {
		c.emit = func(Event) {}
	}
	var err error
	if c.resampler, err = audio.NewResampler(o.Rate, Rate); err != nil {
		return nil, fmt.Errorf("analysis: channel %d: %w", index, err)
	}
	if c.detector, err = vad.NewDetector(e.vad, e.net); err != nil {
		return nil, fmt.Errorf("analysis: channel %d: %w", index, err)
	}
	if who.Role == interaction.RoleCustomer {
		c.affect = newLiveAffect(o.affect())
	}
	if c.loudness, err = engine.NewLoudness(Rate); err != nil {
		return nil, fmt.Errorf("analysis: channel %d: %w", index, err)
	}
	return c, nil
}

// write takes the next samples at the incoming rate.
func (c *channel) write(x []float32) {
	c.received += int64(len(x))
	c.clipping.add(x)
	c.scratch = c.resampler.Write(c.scratch[:0], x)
	c.advance(c.scratch)
}

// skip stands silence in for n samples that are not there and records the gap.
func (c *channel) skip(n int64, reason string) {
	at := func(t int64) int64 { return t * 1000 / int64(c.rate) }
	c.gaps = append(c.gaps, interaction.Gap{Channel: c.index, StartMs: at(c.received), EndMs: at(c.received + n), Reason: reason})
	silence := make([]float32, min(n, pieceLen))
	for n > 0 {
		k := min(n, int64(len(silence)))
		c.write(silence[:k])
		n -= k
	}
}

// flush ends the channel.
func (c *channel) flush() {
	c.scratch = c.resampler.Flush(c.scratch[:0])
	c.advance(c.scratch)
	c.detector.Flush(c.hear)
}

// advance takes the next samples at Rate.
func (c *channel) advance(x []float32) {
	c.history.add(x)
	c.levels.add(x)
	c.detector.Write(x, c.hear)
	from := c.history.end() - lookback
	if c.open >= 0 {
		from = min(from, c.open-Rate)
	}
	c.history.forget(from)
}

// hear takes one event of the detector.
func (c *channel) hear(e vad.Event) {
	switch {
	case e.Kind == vad.KindSpeech && e.Type == vad.Start:
		c.open = e.Interval.Start
		c.emit(Event{Kind: EventSpeechStarted, Channel: c.index, AtMs: ms(e.Interval.Start)})
	case e.Kind == vad.KindSpeech:
		c.open = -1
		c.addSegment(e.Interval)
	case e.Type == vad.End:
		c.addSound(e)
	}
}

// addSegment measures the speech of v.
func (c *channel) addSegment(v timeline.Interval) {
	x, v := c.history.slice(v)
	if v.Empty() {
		return
	}
	id := fmt.Sprintf("%d-%04d", c.index, len(c.segments)+1)
	s := segment{Interval: v, power: meanSquare(x), record: interaction.Segment{
		ID:            id,
		ParticipantID: c.participantID(),
		Channel:       c.index,
		StartMs:       ms(v.Start),
		EndMs:         ms(v.End),
	}}
	c.power += s.power * float64(v.Len())
	c.loudness.Write(x)
	s.record.Prosody, s.syllables, s.absent = c.prosody.measure(x)
	for i := range s.absent {
		channel := c.index
		s.absent[i].Channel, s.absent[i].Segment = &channel, id
	}
	s.record.Prosody.LoudnessDBFS = rounded(dBFS(s.power), 1)
	c.segments = append(c.segments, s)
	live, prosody := s.record, *s.record.Prosody
	live.Prosody, live.SNRdB = &prosody, c.snr(s.power)
	c.emit(Event{Kind: EventSegment, Channel: c.index, AtMs: live.EndMs, Segment: &live})
	c.follow(&live)
}

func (c *channel) addSound(e vad.Event) {
	s := sound{Interval: e.Interval, record: interaction.Sound{
		Kind:    interaction.SoundKind(e.Kind),
		Channel: c.index,
		StartMs: ms(e.Interval.Start),
		EndMs:   ms(e.Interval.End),
		Detail:  e.Detail,
	}}
	if e.Kind == vad.KindDTMF && !c.keepDigits {
		s.record.Detail = "masked"
	}
	c.sounds = append(c.sounds, s)
	live := s.record
	c.emit(Event{Kind: EventSound, Channel: c.index, AtMs: live.EndMs, Sound: &live})
}

// participantID names who is on the channel: the first of its role; later legs of a role count on.
func (c *channel) participantID() string {
	if c.who.Role == interaction.RoleUnknown {
		return fmt.Sprintf("channel-%d", c.index)
	}
	return string(c.who.Role) + "-1"
}

// noiseFloor returns the level of what is neither speech nor another sound, as far as the call has come.
func (c *channel) noiseFloor() (float64, bool) {
	var busy []timeline.Interval
	for _, s := range c.segments {
		busy = append(busy, timeline.Interval{Start: s.Start - guard, End: s.End + guard})
	}
	for _, s := range c.sounds {
		busy = append(busy, timeline.Interval{Start: s.Start - guard, End: s.End + guard})
	}
	for _, g := range c.gaps {
		busy = append(busy, timeline.Interval{Start: timeline.Samples(g.StartMs, Rate), End: timeline.Samples(g.EndMs, Rate)})
	}
	if c.open >= 0 {
		busy = append(busy, timeline.Interval{Start: c.open - guard, End: c.history.end()})
	}
	return c.levels.noiseFloor(timeline.NewSet(busy...))
}

// snr returns the ratio, in dB, of speech with the given mean square to the noise floor under it; nil where no floor is known
// or the speech does not stand out.
func (c *channel) snr(power float64) *float64 {
	floor, ok := c.noiseFloor()
	if !ok {
		return nil
	}
	noise := powerOf(floor)
	if power <= noise {
		return rounded(0, 1)
	}
	return rounded(dBFS(power-noise)-floor, 1)
}

func meanSquare(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(max(len(x), 1))
}
