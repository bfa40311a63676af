package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/interaction"
)

// The course of a call, from the scores of one participant's segments.
//
//   - A segment weighs its seconds of speech times the confidence of its score. A segment without a score, or with a confidence under 0.001, counts
//     nowhere. Every mean is weighted so; the variance of a score is that of NoiseOptions and the scores are taken for independent.
//   - Overall is the mean of all, start and end that of the first and last AffectOptions.EdgeMs of speech, a decile that of the
//     speech in one tenth of the participant's time.
//   - The timeline is the local-level model: the expressed level is a random walk, a score is the level in the middle of its segment
//     with noise, and each point is the level given all scores (Kalman filter and Rauch-Tung-Striebel smoother) with its
//     standard deviation. Without an assumption on the first level. A point stands at the start of its segment.
//   - The negative peak is the point of the timeline with the highest probability of anger, the positive peak that with the
//     highest probability of joy; absent where the model has no such class. The highest of several noisy values lies above
//     the highest level, more so the more points there are.
//   - The trend is worsening where the weighted least-squares line through anger rises by TrendRise from first to last segment and
//     by twice its standard error, improving where it falls so, else steady.
//   - Time in each class is the speech of the segments by their most probable class.
//   - The peak-end score of a call is 1 - (anger at the negative peak + anger at the end) / 2. What is remembered of an experience
//     follows its most intense moment and its end more than its length or its mean: Kahneman, Fredrickson, Schreiber and Redelmeier,
//     Psychological Science 4:401 (1993); Redelmeier and Kahneman, Pain 66:3 (1996); for pleasant experiences Do, Rupert and Wolford,
//     Psychonomic Bulletin & Review 15:96 (2008). That it holds for the voices of callers is for a site's own surveys to show.
//
// The model: Durbin and Koopman, Time Series Analysis by State Space Methods (2nd ed. 2012), chapter 2; Rauch, Tung and Striebel,
// AIAA Journal 3:1445 (1965).

// The classes that the course of a call speaks of.
const (
	classAnger = "angry"
	classJoy   = "happy"
)

// leastConfidence is what a score needs to weigh anything; under it there is only arithmetic with very small numbers.
const leastConfidence = 0.001

// scored is the score of one segment.
type scored struct {
	startMs, endMs          int64
	confidence              float64
	label                   string
	arousal, valence, anger float64
	joy                     float64
	hasJoy, hasAnger        bool
}

// newScored returns the score of s; false where it weighs nothing.
func newScored(s *interaction.Segment) (scored, bool) {
	e := s.Emotion
	if e == nil || e.Confidence < leastConfidence || s.EndMs <= s.StartMs {
		return scored{}, false
	}
	out := scored{startMs: s.StartMs, endMs: s.EndMs, confidence: e.Confidence, label: e.Label, arousal: e.Arousal, valence: e.Valence}
	out.anger, out.hasAnger = e.Probabilities[classAnger]
	out.joy, out.hasJoy = e.Probabilities[classJoy]
	return out, true
}

// part is some of a segment's speech.
type part struct {
	*scored
	ms int64
}

func (p part) weight() float64 { return float64(p.ms) / 1000 * p.confidence }

func whole(ss []scored) []part {
	out := make([]part, len(ss))
	for i := range ss {
		out[i] = part{&ss[i], ss[i].endMs - ss[i].startMs}
	}
	return out
}

// between returns the speech from startMs to endMs.
func between(ss []scored, startMs, endMs int64) []part {
	var out []part
	for i := range ss {
		if ms := min(ss[i].endMs, endMs) - max(ss[i].startMs, startMs); ms > 0 {
			out = append(out, part{&ss[i], ms})
		}
	}
	return out
}

// first returns the first ms of speech.
func first(ss []scored, ms int64) []part {
	var out []part
	for i := range ss {
		if ms <= 0 {
			break
		}
		n := min(ss[i].endMs-ss[i].startMs, ms)
		out = append(out, part{&ss[i], n})
		ms -= n
	}
	return out
}

// last returns the last ms of speech and where it begins.
func last(ss []scored, ms int64) ([]part, int64) {
	var out []part
	var at int64
	for i := len(ss) - 1; i >= 0 && ms > 0; i-- {
		n := min(ss[i].endMs-ss[i].startMs, ms)
		out = append(out, part{&ss[i], n})
		at = ss[i].endMs - n
		ms -= n
	}
	slices.Reverse(out)
	return out, at
}

// mean returns the weighted mean of parts, at least one, as the point at atMs.
func (o AffectOptions) mean(atMs int64, parts []part) interaction.AffectPoint {
	out := interaction.AffectPoint{AtMs: atMs}
	var sum, squares, arousal, valence, anger float64
	for _, p := range parts {
		w := p.weight()
		sum += w
		squares += w * w
		arousal += w * p.arousal
		valence += w * p.valence
		anger += w * p.anger
		out.SpeechMs += p.ms
	}
	out.Arousal, out.Valence, out.Anger = fraction(arousal/sum), fraction(valence/sum), fraction(anger/sum)
	// The variance of a weighted mean, Σw²(sd²/w + floor²) / (Σw)².
	sd := func(noise float64) *float64 {
		return ptrTo(fraction(math.Sqrt(noise*noise/sum + o.Noise.FloorSD*o.Noise.FloorSD*squares/(sum*sum))))
	}
	out.ArousalSD, out.ValenceSD, out.AngerSD = sd(o.Noise.ArousalSD), sd(o.Noise.ValenceSD), sd(o.Noise.AngerSD)
	return out
}

// fraction rounds x and keeps it in [0, 1].
func fraction(x float64) float64 { return min(max(*rounded(x, 4), 0), 1) }

func ptrTo[T any](x T) *T { return &x }

// course returns the affect of p from the scores of its segments, at least one, in order of time.
func (o AffectOptions) course(p interaction.Participant, ss []scored) interaction.Affect {
	out := interaction.Affect{ParticipantID: p.ID, ClassMs: map[string]int64{}}
	out.Overall = o.mean(ss[0].startMs, whole(ss))
	out.Start = o.mean(ss[0].startMs, first(ss, o.EdgeMs))
	end, at := last(ss, o.EdgeMs)
	out.End = o.mean(at, end)
	for k := range int64(10) {
		from, to := p.FromMs+(p.ToMs-p.FromMs)*k/10, p.FromMs+(p.ToMs-p.FromMs)*(k+1)/10
		if parts := between(ss, from, to); len(parts) > 0 {
			out.Deciles = append(out.Deciles, o.mean(from, parts))
		}
	}
	for _, s := range ss {
		out.ClassMs[s.label] += s.endMs - s.startMs
	}
	joy := o.timeline(&out, ss)
	if slices.ContainsFunc(ss, func(s scored) bool { return s.hasAnger }) {
		angriest := slices.MaxFunc(out.Timeline, func(a, b interaction.AffectPoint) int { return cmp.Compare(a.Anger, b.Anger) })
		out.PeakNegative = &angriest
	}
	if slices.ContainsFunc(ss, func(s scored) bool { return s.hasJoy }) {
		happiest := 0
		for i := range joy {
			if joy[i].mean > joy[happiest].mean {
				happiest = i
			}
		}
		out.PeakPositive = ptrTo(out.Timeline[happiest])
	}
	out.Trend = o.trend(ss)
	return out
}

// trend fits a line through anger over time.
func (o AffectOptions) trend(ss []scored) string {
	const steady = "steady"
	if len(ss) < 3 {
		return steady
	}
	var sum, t, y float64
	weights := make([]float64, len(ss))
	for i := range ss {
		weights[i] = 1 / o.variance(&ss[i], o.Noise.AngerSD)
		sum += weights[i]
		t += weights[i] * ss[i].middle()
		y += weights[i] * ss[i].anger
	}
	t, y = t/sum, y/sum
	var tt, ty float64
	for i := range ss {
		d := ss[i].middle() - t
		tt += weights[i] * d * d
		ty += weights[i] * d * (ss[i].anger - y)
	}
	if tt == 0 {
		return steady
	}
	length := ss[len(ss)-1].middle() - ss[0].middle()
	change, se := ty/tt*length, length/math.Sqrt(tt)
	switch {
	case change >= o.TrendRise && change >= 2*se:
		return "worsening"
	case -change >= o.TrendRise && -change >= 2*se:
		return "improving"
	}
	return steady
}

// AddAffect computes from the scored segments of a finished record the affect of each scored participant, and of the customer the
// experience alerts and the peak-end score, and says in not_computed why what is missing is missing. A record without
// a scored segment stays as it is, but for a customer whose missing affect nothing explains yet.
func AddAffect(r *interaction.Interaction, o AffectOptions) {
	var most int64 // scored speech of the customer whom the score is of; several are legs of one side
	for _, p := range r.Participants {
		var ss []scored
		for i := range r.Segments {
			if s, ok := newScored(&r.Segments[i]); ok && r.Segments[i].ParticipantID == p.ID {
				ss = append(ss, s)
			}
		}
		channel := p.Channel
		if len(ss) == 0 {
			if p.Role == interaction.RoleCustomer && !slices.ContainsFunc(r.NotComputed, func(n interaction.NotComputed) bool {
				return n.What == "affect" && (n.Channel == nil || *n.Channel == channel)
			}) {
				r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: "affect", Channel: &channel, Code: interaction.CodeTooShort, Detail: "0 scored segments, want 1"})
			}
			continue
		}
		a := o.course(p, ss)
		r.Affect = append(r.Affect, a)
		r.NotComputed = slices.DeleteFunc(r.NotComputed, func(n interaction.NotComputed) bool {
			return n.What == "affect" && n.Channel != nil && *n.Channel == channel
		})
		if p.Role != interaction.RoleCustomer {
			continue
		}
		r.Alerts = append(r.Alerts, o.alerts(ss)...)
		if a.PeakNegative != nil && a.Overall.SpeechMs > most {
			most = a.Overall.SpeechMs
			if r.CX == nil {
				r.CX = &interaction.CX{}
			}
			r.CX.PeakEnd = ptrTo(fraction(1 - (a.PeakNegative.Anger+a.End.Anger)/2))
		}
	}
	slices.SortStableFunc(r.Alerts, func(a, b interaction.Alert) int {
		return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), cmp.Compare(a.EndMs, b.EndMs))
	})
}

// words writes a difference as the evidence of an alert.
func words(before, after stretch) string {
	return fmt.Sprintf("probability of anger %.2f to %.2f, arousal %.2f to %.2f; %.1f s of speech against %.1f s before",
		before.anger(), after.anger(), before.arousal(), after.arousal(), float64(after.ms)/1000, float64(before.ms)/1000)
}
