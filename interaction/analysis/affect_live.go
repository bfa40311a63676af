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

// follow tells what a segment that was just emitted says of the customer's course, where it has a score.
func (c *channel) follow(s *interaction.Segment) {
	if c.affect == nil {
		return
	}
	score, ok := newScored(s)
	if !ok {
		return
	}
	point, alerts := c.affect.add(score)
	c.emit(Event{Kind: EventAffect, Channel: c.index, AtMs: s.EndMs, Affect: &point})
	for _, a := range alerts {
		c.emit(Event{Kind: EventAlert, Channel: c.index, AtMs: a.EndMs, Alert: &a})
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
