package analysis

import (
	"math"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/csat"
)

// affect returns the options in force.
func (o Options) affect() AffectOptions {
	if o.Affect == nil {
		return DefaultAffectOptions()
	}
	return *o.Affect
}

// liveAffect follows one customer's emotion while the call runs, from what was heard so far alone. Not safe for concurrent use.
type liveAffect struct {
	opts                    AffectOptions
	experience              *experience
	last                    scored
	heard                   []scored // all of them
	arousal, valence, anger filter
}

func newLiveAffect(o AffectOptions) *liveAffect {
	return &liveAffect{opts: o, experience: newExperience(o)}
}

// add takes the next scored segment in order of time: the level after it, and the alerts that it raises.
func (l *liveAffect) add(s scored) (interaction.AffectPoint, []interaction.Alert) {
	walk := 0.0
	if l.anger.started {
		walk = l.opts.walk(&l.last, &s)
	}
	l.last = s
	l.heard = append(l.heard, s)
	level := func(f *filter, z, noise float64) (float64, *float64) {
		f.take(walk, z, l.opts.variance(&s, noise))
		return fraction(f.mean), ptrTo(fraction(math.Sqrt(f.variance)))
	}
	p := interaction.AffectPoint{AtMs: s.startMs, SpeechMs: s.endMs - s.startMs}
	p.Arousal, p.ArousalSD = level(&l.arousal, s.arousal, l.opts.Noise.ArousalSD)
	p.Valence, p.ValenceSD = level(&l.valence, s.valence, l.opts.Noise.ValenceSD)
	p.Anger, p.AngerSD = level(&l.anger, s.anger, l.opts.Noise.AngerSD)
	return p, l.experience.add(s)
}

// course returns the affect of a participant so far. Of the timeline it has the newest point, now, and it has no deciles: both are of
// the whole call.
func (l *liveAffect) course(participant string, now interaction.AffectPoint) *interaction.Affect {
	a := l.opts.course(interaction.Participant{ID: participant}, l.heard)
	a.Deciles, a.Timeline = []interaction.AffectPoint{}, []interaction.AffectPoint{now}
	return &a
}

// follow tells what a segment that was just emitted says of the customer's course, where it has a score.
func (c *channel) follow(s *interaction.Segment) {
	if point := c.takeCourse(s); point != nil {
		c.tellCourse(s, *point)
	}
}

// takeCourse adds a segment to the customer's course and tells the alerts that it raises; the result is the level after it, nil where
// it says nothing of the customer.
func (c *channel) takeCourse(s *interaction.Segment) *interaction.AffectPoint {
	if c.who.Role != interaction.RoleCustomer {
		return nil
	}
	score, ok := newScored(s)
	if !ok {
		return nil
	}
	if c.affect == nil {
		c.affect = newLiveAffect(c.affectOptions)
	}
	point, alerts := c.affect.add(score)
	for _, a := range alerts {
		c.emit(Event{Kind: EventAlert, Channel: c.index, AtMs: a.EndMs, Alert: &a})
	}
	return &point
}

func (c *channel) tellCourse(s *interaction.Segment, now interaction.AffectPoint) {
	c.emit(Event{Kind: EventAffect, Channel: c.index, AtMs: s.EndMs, Affect: &now, Course: c.affect.course(s.ParticipantID, now)})
}

// catchUp scores what a channel said before it became known that it is the customer's, as far as the permit allows, each segment from
// what was heard before it, and tells the course to here.
func (c *channel) catchUp() {
	l := c.emotion
	if l == nil || c.affect != nil {
		return
	}
	var last interaction.Segment
	var now *interaction.AffectPoint
	for i := range l.heard {
		h, s := &l.heard[i], c.segments[i].record
		s.SNRdB = c.snr(c.segments[i].power)
		if !h.readable(s.SNRdB) || c.emotionPermit(s.StartMs) != "" {
			continue
		}
		s.Emotion = l.score(h, c.earlier())
		s.ParticipantID = c.session.participantID(c, c.session.keptLegs(), s.StartMs)
		if point := c.takeCourse(&s); point != nil {
			last, now = s, point
		}
	}
	if now != nil {
		c.tellCourse(&last, *now)
	}
}

// predict writes the predicted answer to a survey into a record that has affect, or says why there is none.
func predict(r *interaction.Interaction, m *csat.Model) {
	if len(r.Affect) == 0 {
		return // not_computed tells why there is no affect, on which all of it would stand
	}
	absent := func(code interaction.Code, detail string) {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: "cx.predicted_csat", Code: code, Detail: detail})
	}
	if m == nil {
		absent(interaction.CodeNoModel, "no calibration from the site's own surveys; timbre calibrate csat makes one")
		return
	}
	x, err := csat.Measure(r)
	if err != nil {
		absent(interaction.CodeTooShort, err.Error())
		return
	}
	if r.CX == nil {
		r.CX = &interaction.CX{}
	}
	r.CX.PredictedCSAT = ptrTo(m.Predict(x))
	r.Governance.Models = append(r.Governance.Models, m.Identity())
}
