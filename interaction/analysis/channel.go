package analysis

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/voiceprint"
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
	session    *Session // whose owner calls this channel; asked who is speaking

	resampler *audio.Resampler
	detector  *vad.Detector
	prosody   *prosody
	loudness  *engine.Loudness // of the speech
	affect    *liveAffect      // nil: nothing of the customer was scored
	emotion   *emotionLane     // nil: no model is loaded

	affectOptions AffectOptions

	received int64 // samples that came in, gaps included, at rate
	scratch  []float32
	history  history
	open     int64 // start of the segment that is being spoken, -1 outside
	steps    int64 // that the detector has scored
	levels   levels
	clipping clipping

	segments []segment
	sounds   []sound
	digits   []digit // that the platform told
	gaps     []interaction.Gap
	gapEnd   int64   // where the last gap ends, at rate
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
	told   bool // the platform told it as well, for the events
}

// newChannel returns a channel of s at its start. The channels share what measures segments, which happens one at a time.
func newChannel(s *Session, index int, who Channel) (*channel, error) {
	e, o := s.engine, s.opts
	if who.Role == "" {
		who.Role = interaction.RoleUnknown
	}
	c := &channel{index: index, who: who, rate: o.Rate, keepDigits: o.Permit.KeepDigits, emit: o.OnEvent, session: s,
		prosody: s.prosody, open: -1}
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
	c.affectOptions = o.affect()
	if c.emotion, err = e.newEmotionLane(o.Permit); err != nil {
		return nil, fmt.Errorf("analysis: channel %d: %w", index, err)
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
	c.session.hearEnrol(c, x)
	c.scratch = c.resampler.Write(c.scratch[:0], x)
	c.advance(c.scratch, x)
}

// skip stands silence in for n samples that are not there and records the gap.
func (c *channel) skip(n int64, reason string) {
	at := func(t int64) int64 { return t * 1000 / int64(c.rate) }
	if last := len(c.gaps) - 1; last >= 0 && c.gaps[last].Reason == reason && c.gapEnd == c.received {
		c.gaps[last].EndMs = at(c.received + n) // one gap, however it was told
	} else {
		c.gaps = append(c.gaps, interaction.Gap{Channel: c.index, StartMs: at(c.received), EndMs: at(c.received + n), Reason: reason})
	}
	c.gapEnd = c.received + n
	silence := make([]float32, min(n, pieceLen))
	for n > 0 {
		k := min(n, int64(len(silence)))
		c.write(silence[:k])
		n -= k
	}
}

// end returns the position, at Rate, that what came in so far reaches. The resampler holds a little of it back until flush.
func (c *channel) end() int64 {
	return max(c.history.end(), (c.received*Rate+int64(c.rate)-1)/int64(c.rate))
}

// heardMs returns how far the audio of the channel was processed.
func (c *channel) heardMs() int64 { return c.received * 1000 / int64(c.rate) }

// flush ends the channel.
func (c *channel) flush() {
	c.scratch = c.resampler.Flush(c.scratch[:0])
	c.advance(c.scratch, nil)
	c.detector.Flush(c.hear)
	c.session.flushVoice(c, voiceprint.Piece{At: c.history.end(), Scores: c.detector.Scores(), Step: c.steps})
}

// advance takes the next samples at Rate, and raw, of which they are made.
func (c *channel) advance(x, raw []float32) {
	at := c.history.end()
	c.history.add(x)
	c.levels.add(x)
	c.detector.Write(x, c.hear)
	scores := c.detector.Scores()
	c.session.hearVoice(c, voiceprint.Piece{Raw: raw, Samples: x, At: at, Scores: scores, Step: c.steps})
	c.steps += int64(len(scores))
	c.followSpeech()
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
	case e.Type == vad.Start:
		so := interaction.Sound{Kind: interaction.SoundKind(e.Kind), Channel: c.index, StartMs: ms(e.Interval.Start), EndMs: ms(e.Interval.End)}
		c.emit(Event{Kind: EventSoundStarted, Channel: c.index, AtMs: so.StartMs, Sound: &so})
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
	id := segmentID(c.index, len(c.segments))
	s := segment{Interval: v, power: meanSquare(x), record: interaction.Segment{
		ID:      id,
		Channel: c.index,
		StartMs: ms(v.Start),
		EndMs:   ms(v.End),
	}}
	c.power += s.power * float64(v.Len())
	c.loudness.Write(x)
	s.record.Prosody, s.syllables, s.absent = c.prosody.measure(x, c.pitchOf(v, x))
	for i := range s.absent {
		channel := c.index
		s.absent[i].Channel, s.absent[i].Segment = &channel, id
	}
	s.record.Prosody.LoudnessDBFS = rounded(dBFS(s.power), 1)
	c.segments = append(c.segments, s)
	live, prosody := s.record, *s.record.Prosody
	live.Prosody, live.SNRdB = &prosody, c.snr(s.power)
	live.Emotion = c.readEmotion(v, live.SNRdB)
	live.ParticipantID = c.session.participantID(c, c.session.keptLegs(), live.StartMs)
	c.emit(Event{Kind: EventSegment, Channel: c.index, AtMs: live.EndMs, Segment: &live})
	c.follow(&live)
}

// segmentID names segment i, from 0, of a channel.
func segmentID(channel, i int) string { return fmt.Sprintf("%d-%04d", channel, i+1) }

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
	told := e.Kind == vad.KindDTMF && c.wasTold(&s)
	c.sounds = append(c.sounds, s)
	if told {
		return
	}
	live := s.record
	c.emit(Event{Kind: EventSound, Channel: c.index, AtMs: live.EndMs, Sound: &live})
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

// snr returns the ratio, in dB, of speech with the given mean square to the noise floor under it, as far as the call has come.
func (c *channel) snr(power float64) *float64 {
	floor, ok := c.noiseFloor()
	return snrOver(power, floor, ok)
}

// snrOver returns the ratio, in dB, of speech with the given mean square to a noise floor in dBFS; nil where no floor is known, 0
// where the speech does not stand out.
func snrOver(power, floor float64, known bool) *float64 {
	if !known {
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
