package analysis

import (
	"fmt"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/sentiment"
)

// Expressed emotion, segment by segment.
//
//   - The functionals of a segment are measured as its prosody is, on every side, since who is who may become known late; under a
//     permit that allows emotion on no side they are not. The model hears a segment, and reads emotion from it, only where the permit
//     allows it for this channel and this moment: what it forbids, the model never sees. A segment that is allowed only after
//     its end, since the customer became known late, is scored by its functionals alone.
//   - While a segment is spoken it has a provisional score every provisionalMs, from the speech so far; at its end a score that
//     knows the speaker's segments before it; and when the call ends the score of the record, which knows the speaker's other
//     segments of the whole call (sentiment.Normaliser). Each knows besides what earlier calls say of a customer (Normals).
//   - A voice needs seconds to be read, and callers speak in bursts of one. A segment shorter than windowFrames is therefore read
//     together with the end of the speech before it on the same channel, across pauses of at most joinGapMs, up to windowFrames
//     in all. Where that is less than leastFrames it waits for the speech after it; alone it is too_short. A segment
//     less than leastEmotionSNR above the noise is too_noisy. Neither kind tells the normaliser anything.
const (
	leastFrames     = 1000 / sentiment.HopMs
	windowFrames    = 3000 / sentiment.HopMs
	joinGapMs       = 1500
	provisionalMs   = 1000
	leastEmotionSNR = 3.0 // dB; the noisiest lines of the training
	// The detector decides the end of a segment up to this much after it; the reader stays behind, so that it need not read twice.
	decisionLag = Rate / 2
)

// emotionScorer hears a segment and reads what it expressed; *sentiment.Scorer is one.
type emotionScorer interface {
	Measure(dst []float64, d *sentiment.Descriptors)
	Score(values []float64, known *sentiment.Normaliser) (sentiment.Score, error)
}

// emotionLane follows the speech of one channel for the emotion model. Touched by the session's owner goroutine alone.
type emotionLane struct {
	reader  *sentiment.Reader
	scorer  emotionScorer
	work    []float64 // [NumValues]
	from    int64     // where the segment in the reader begins
	fed     int64     // up to where the reader holds it; -1: no segment
	told    int64     // where the next provisional score is due
	heard   []heard   // one per segment of the channel
	before  sentiment.Normaliser
	clear   sentiment.Normaliser  // of the segments that the last record scored, those fit to be kept (Normals)
	tail    sentiment.Descriptors // last frames of speech, for a short segment after it
	tailEnd int64                 // where they end
	tailFor bool                  // whether the model may hear them
	waits   []int                 // which of heard wait for more speech
}

// heard is what is kept of a segment for its final score.
type heard struct {
	values  []float32 // as sentiment.Scorer.Measure gives them; nil where the segment is too short and nothing was near
	seconds float64   // of the segment itself

	// The probability of high arousal of the segment alone, once it was asked for.
	aroused   float64
	wasScored bool

	// The score of the last snapshot, and the seconds of speech that it knew of.
	shown      *interaction.Emotion
	shownKnown float64
}

// knowsMore is by how much the speech that is known must have grown before a snapshot scores a segment again: what a longer call says
// of a speaker changes a score ever less, and the work of all snapshots stays in proportion to the length of the call.
const knowsMore = 1.25

// forgetShown has the next snapshot score every segment again. l may be nil.
func (l *emotionLane) forgetShown() {
	if l == nil {
		return
	}
	for i := range l.heard {
		l.heard[i].shown = nil
	}
}

// newEmotionLane returns a lane that has heard nothing, nil where no model is loaded or p allows emotion on no side.
func (e *Engine) newEmotionLane(p policy.Permit) (*emotionLane, error) {
	if e.newEmotion == nil || !p.CustomerEmotion && !p.AgentEmotion {
		return nil, nil
	}
	r, err := sentiment.NewReader()
	if err != nil {
		return nil, err
	}
	return &emotionLane{reader: r, scorer: e.newEmotion(), work: make([]float64, sentiment.NumValues), fed: -1}, nil
}

// emotionPermit asks the permit about speech on c that begins at atMs.
func (c *channel) emotionPermit(atMs int64) interaction.Code {
	call := c.session.policyCall(c)
	call.AtMs = atMs
	return c.session.opts.Permit.Emotion(call)
}

// followSpeech feeds the open segment to the reader as far as its end cannot come before, and tells provisional scores.
func (c *channel) followSpeech() {
	l := c.emotion
	if l == nil || c.open < 0 {
		return
	}
	if l.fed < 0 {
		l.reader.Reset()
		l.from, l.fed, l.told = c.open, c.open, c.open+provisionalMs*Rate/1000
	}
	for next := c.history.end() - decisionLag; l.fed < next; {
		stop := min(next, l.told)
		if stop > l.fed {
			x, _ := c.history.slice(timeline.Interval{Start: l.fed, End: stop})
			l.reader.Write(x)
			l.fed = stop
		}
		if l.fed == l.told {
			c.tellProvisional()
			l.told += provisionalMs * Rate / 1000
		}
	}
}

// tellProvisional emits a score of the open segment as far as it was read.
func (c *channel) tellProvisional() {
	l := c.emotion
	if c.emotionPermit(ms(c.open)) != "" {
		return
	}
	l.scorer.Measure(l.work, l.window(c.open, true))
	known := c.earlier()
	known.Merge(&l.before)
	s, err := l.scorer.Score(l.work, &known)
	if err != nil {
		return
	}
	live := interaction.Segment{ID: segmentID(c.index, len(c.segments)), Channel: c.index, StartMs: ms(c.open), EndMs: ms(l.fed), Emotion: emotionOf(s)}
	live.ParticipantID = c.session.participantID(c, c.session.keptLegs(), live.StartMs)
	c.emit(Event{Kind: EventProvisional, Channel: c.index, AtMs: live.EndMs, Segment: &live})
}

// pitchOf returns the pitch track of the segment v with samples x, and ends its reading for emotion, where that is allowed: the
// reader has followed the pitch already.
func (c *channel) pitchOf(v timeline.Interval, x []float32) []engine.PitchFrame {
	l := c.emotion
	if l == nil {
		return c.prosody.follow(x)
	}
	fed := l.fed
	l.fed = -1
	if fed < 0 || l.from != v.Start || fed > v.End { // not begun, begun elsewhere, or a long segment was split before where it was read to
		l.reader.Reset()
		fed = v.Start
	}
	l.reader.Write(x[fed-v.Start:])
	l.reader.Flush()
	return l.reader.Pitch()
}

// readEmotion scores the segment that was just added, v, which the reader holds; nil where there is no score yet.
func (c *channel) readEmotion(v timeline.Interval, snr *float64) *interaction.Emotion {
	l := c.emotion
	if l == nil {
		return nil
	}
	h, allowed := heard{seconds: float64(v.Len()) / Rate}, c.emotionPermit(ms(v.Start)) == ""
	l.measure(&h, v, allowed)
	l.heard = append(l.heard, h)
	if !h.readable(snr) || !allowed {
		return nil
	}
	return l.score(&h, c.earlier())
}

// readable reports whether a segment that far above the noise is long and clear enough to be scored.
func (h *heard) readable(snr *float64) bool {
	return h.values != nil && (snr == nil || *snr >= leastEmotionSNR)
}

// score reads a segment from what was heard before it, earlier calls included, and adds it to that; nil where it cannot be told.
func (l *emotionLane) score(h *heard, earlier sentiment.Normaliser) *interaction.Emotion {
	l.load(h.values)
	earlier.Merge(&l.before)
	s, err := l.scorer.Score(l.work, &earlier)
	l.before.Add(l.work, l.alone(h), h.seconds)
	if err != nil {
		return nil
	}
	return emotionOf(s)
}

// alone returns the probability of high arousal that the model gives h, whose values are in work, before it knows of any other speech:
// what the speaker's normal is weighed by.
func (l *emotionLane) alone(h *heard) float64 {
	if !h.wasScored {
		h.wasScored = true
		if s, err := l.scorer.Score(l.work, nil); err == nil { // else there is no value, and nothing is added
			h.aroused = float64(s.Arousal)
		}
	}
	return h.aroused
}

// near reports whether speech that begins at start follows what the tail holds closely enough to be read with it, and the model may
// hear both or neither.
func (l *emotionLane) near(start int64, allowed bool) bool {
	return ms(start-l.tailEnd) <= joinGapMs && l.tailFor == allowed
}

// window returns the frames of the reader's segment, which begins at start, joined with the tail where they are few and it is near.
func (l *emotionLane) window(start int64, allowed bool) *sentiment.Descriptors {
	own := l.reader.Frames()
	missing := windowFrames - own.Frames()
	if missing <= 0 || !l.near(start, allowed) {
		return own
	}
	joined := l.tail.Last(missing)
	joined.Append(own, own.Frames())
	return &joined
}

// measure fills the values of h, whose frames the reader holds, and of those that waited for it. What is not allowed the model does not
// hear.
func (l *emotionLane) measure(h *heard, v timeline.Interval, allowed bool) {
	if !l.near(v.Start, allowed) {
		l.waits = nil
	}
	window := l.window(v.Start, allowed)
	l.tail, l.tailEnd, l.tailFor = window.Last(windowFrames), v.End, allowed
	if window.Frames() < leastFrames {
		l.waits = append(l.waits, len(l.heard))
		return
	}
	if allowed {
		l.scorer.Measure(l.work, window)
	} else {
		l.reader.Measure(l.work[:sentiment.NumFunctionals], window)
		for i := range sentiment.NumLearned {
			l.work[sentiment.NumFunctionals+i] = math.NaN()
		}
	}
	h.values = l.stored()
	for _, i := range l.waits {
		l.heard[i].values = h.values
	}
	l.waits = nil
}

// stored returns l.work as it is kept.
func (l *emotionLane) stored() []float32 {
	out := make([]float32, len(l.work))
	for i, v := range l.work {
		out[i] = float32(v)
	}
	return out
}

// load sets l.work to stored functionals.
func (l *emotionLane) load(stored []float32) {
	for i, v := range stored {
		l.work[i] = float64(v)
	}
}

// finalEmotion scores every segment of c once more, segments being the same ones in the record, in the same order: each against what the
// other segments of the whole call say of the speaker. What has no score has a reason in the result. For a snapshot, of a call that goes
// on, a score that knew nearly as much will do.
func (c *channel) finalEmotion(segments []interaction.Segment, snapshot bool) []interaction.NotComputed {
	var absent []interaction.NotComputed
	why := func(s *interaction.Segment, code interaction.Code, detail string) {
		index := c.index
		absent = append(absent, interaction.NotComputed{What: "emotion", Channel: &index, Segment: s.ID, Code: code, Detail: detail})
	}
	l := c.emotion
	if l == nil {
		return nil
	}
	scored := make([]bool, len(segments))
	var all sentiment.Normaliser
	l.clear = sentiment.Normaliser{}
	for i := range segments {
		s := &segments[i]
		code := c.emotionPermit(s.StartMs)
		switch {
		case code != "":
			why(s, code, "")
		case s.SNRdB != nil && *s.SNRdB < leastEmotionSNR:
			why(s, interaction.CodeTooNoisy, fmt.Sprintf("%.1f dB above the noise, want %g", *s.SNRdB, leastEmotionSNR))
		case l.heard[i].values == nil:
			why(s, interaction.CodeTooShort, fmt.Sprintf("%d ms and not enough speech within %d ms to join, want %d", s.EndMs-s.StartMs, joinGapMs, leastFrames*sentiment.HopMs))
		default:
			scored[i] = true
			l.load(l.heard[i].values)
			all.Add(l.work, l.alone(&l.heard[i]), l.heard[i].seconds)
			if s.SNRdB == nil || *s.SNRdB >= leastKeptSNR {
				l.clear.Add(l.work, l.alone(&l.heard[i]), l.heard[i].seconds)
			}
		}
	}
	whole := c.earlier()
	whole.Merge(&all)
	known := whole.Seconds()
	for i := range segments {
		if !scored[i] {
			continue
		}
		h := &l.heard[i]
		if snapshot && h.shown != nil && known <= knowsMore*h.shownKnown {
			segments[i].Emotion = h.shown
			continue
		}
		l.load(h.values)
		others := whole.Without(l.work, l.alone(h), h.seconds)
		score, err := l.scorer.Score(l.work, &others)
		if err != nil {
			why(&segments[i], interaction.CodeTooShort, err.Error())
			continue
		}
		segments[i].Emotion = emotionOf(score)
		h.shown, h.shownKnown = segments[i].Emotion, known
	}
	return absent
}

// emotionOf returns s as the record has it. The probabilities are rounded so that they still sum to 1.
func emotionOf(s sentiment.Score) *interaction.Emotion {
	e := &interaction.Emotion{Probabilities: map[string]float64{}, Arousal: fraction(float64(s.Arousal)), Valence: fraction(float64(s.Valence))}
	rest, label := 1.0, s.Label()
	for i, name := range sentiment.Classes() {
		if i != label {
			e.Probabilities[name] = fraction(float64(s.Probabilities[i]))
			rest -= e.Probabilities[name]
		}
	}
	e.Label = sentiment.Classes()[label]
	e.Probabilities[e.Label] = fraction(rest)
	for _, name := range sentiment.Classes() { // of two that were nearly alike rounding may have made the other one the larger
		if e.Probabilities[name] > e.Probabilities[e.Label] {
			e.Label = name
		}
	}
	e.Confidence = e.Probabilities[e.Label]
	return e
}

// emotionAbsent returns the code for a channel of which no segment was or will be scored, "" where segments speak for themselves.
func (s *Session) emotionAbsent(c *channel) interaction.Code {
	switch code := c.emotionPermit(ms(c.end())); {
	case code != "":
		return code
	case c.emotion == nil:
		return interaction.CodeNoModel
	case len(c.segments) == 0:
		return interaction.CodeNoSpeech
	}
	return ""
}

// emotions fills in what the segments of c in the record expressed, and returns why what is missing is missing.
func (s *Session) emotions(c *channel, segments []interaction.Segment, snapshot bool) []interaction.NotComputed {
	code := s.emotionAbsent(c)
	if code == "" {
		return c.finalEmotion(segments, snapshot)
	}
	index := c.index
	return []interaction.NotComputed{{What: "emotion", Channel: &index, Code: code}, {What: "affect", Channel: &index, Code: code}}
}

// scoresEmotion reports whether the record holds an emotion.
func scoresEmotion(segments []interaction.Segment) bool {
	return slices.ContainsFunc(segments, func(s interaction.Segment) bool { return s.Emotion != nil })
}
