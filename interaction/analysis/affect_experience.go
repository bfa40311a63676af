package analysis

import (
	"fmt"
	"math"

	"github.com/timbre-voice/timbre/interaction"
)

// The experience alerts stand on two stretches of one customer's speech, one after the other, each of consecutive scored segments,
// no longer than the window, with enough speech and segments; no more than the window lies between them.
//
//   - It is an escalation where the first is calm and the second angry: mean anger and mean arousal are higher in the second by their
//     least rise and by Z standard errors, the angry stretch reaches AngerHigh, also without its angriest segment,
//     so that one misheard segment is none, and the calm one lies at AngerLow or below. The standard error of a stretch is what the noise
//     of its scores makes of it, or what their spread does where that is wider: a voice that flares up now and then has not changed.
//   - It is a recovery where the first is angry and the second calm, by the same measure: played backwards, an escalation is a recovery.
//   - It is a cold end where the last segments, enough of them for AffectOptions.EdgeMs of speech, are angry by that measure, and above
//     AngerLow by Z standard errors. It is known at Close alone. A customer who was angry from the first word on ends cold without having escalated.
//
// Anger that no escalation of the call led to may be how the voice always sounds. It makes a recovery or a cold end only from AngerSure on.
//
// All pairs of stretches are tried as soon as their last segment is scored, so an alert is raised as early as it can be, and live
// alerts need no more than what was heard. At Close the same is done with the final scores. An alert of one rule is raised
// again only on speech after the last one.

// stretch sums up consecutive scores.
type stretch struct {
	startMs, endMs, ms            int64
	n                             int
	sum, squares                  float64 // of the weights
	sumArousal, sumAnger          float64
	sumArousal2, sumAnger2        float64 // of the squares of the scores
	strongestWeight, strongestSum float64 // of the segment with the highest anger
	strongest                     float64
}

func (t *stretch) add(p part) {
	w := p.weight()
	if t.n == 0 {
		t.startMs, t.endMs, t.strongest = p.startMs, p.endMs, -1
	}
	t.startMs, t.endMs = min(t.startMs, p.startMs), max(t.endMs, p.endMs)
	t.ms += p.ms
	t.n++
	t.sum += w
	t.squares += w * w
	t.sumArousal += w * p.arousal
	t.sumAnger += w * p.anger
	t.sumArousal2 += w * p.arousal * p.arousal
	t.sumAnger2 += w * p.anger * p.anger
	if p.anger > t.strongest {
		t.strongest, t.strongestWeight, t.strongestSum = p.anger, w, w*p.anger
	}
}

func (t *stretch) arousal() float64 { return t.sumArousal / t.sum }
func (t *stretch) anger() float64   { return t.sumAnger / t.sum }

// otherAnger returns the mean anger without the angriest segment.
func (t *stretch) otherAnger() float64 {
	return (t.sumAnger - t.strongestSum) / (t.sum - t.strongestWeight)
}

// variance returns that of the mean of scores which, and whose squares, weighed, sum up to sum and sum2 over the stretch.
func (t *stretch) variance(sum, sum2, noise, floor float64) float64 {
	mean, share := sum/t.sum, t.squares/(t.sum*t.sum) // of one score, as if all weighed alike
	spread := max(sum2/t.sum-mean*mean, 0) / (1 - min(share, 0.5))
	return max(noise*noise/t.sum+floor*floor*share, spread*share)
}

func (o AffectOptions) arousalVariance(t *stretch) float64 {
	return t.variance(t.sumArousal, t.sumArousal2, o.Noise.ArousalSD, o.Noise.FloorSD)
}

func (o AffectOptions) angerVariance(t *stretch) float64 {
	return t.variance(t.sumAnger, t.sumAnger2, o.Noise.AngerSD, o.Noise.FloorSD)
}

func (o AffectOptions) enough(t *stretch) bool {
	return t.ms >= o.Experience.SpeechMs && t.n >= o.Experience.Segments
}

func (o AffectOptions) angry(t *stretch) bool {
	return t.anger() >= o.Experience.AngerHigh && t.otherAnger() >= o.Experience.AngerHigh
}

// leastAnger returns the mean anger that makes a recovery or a cold end; escalated: an alert told how it came about.
func (o AffectOptions) leastAnger(escalated bool) float64 {
	if escalated {
		return o.Experience.AngerHigh
	}
	return o.Experience.AngerSure
}

// differ reports whether calm and angry are what their names say.
func (o AffectOptions) differ(calm, angry *stretch) bool {
	e := o.Experience
	arousal, anger := angry.arousal()-calm.arousal(), angry.anger()-calm.anger()
	if !(arousal >= e.ArousalRise && anger >= e.AngerRise && calm.anger() <= e.AngerLow && o.angry(angry)) {
		return false
	}
	return arousal >= e.Z*math.Sqrt(o.arousalVariance(calm)+o.arousalVariance(angry)) &&
		anger >= e.Z*math.Sqrt(o.angerVariance(calm)+o.angerVariance(angry))
}

// experience raises escalations and recoveries of one customer while the call runs. Not safe for concurrent use.
type experience struct {
	opts  AffectOptions
	heard []scored         // as far back as a stretch may reach
	until map[string]int64 // by rule: end of the last alert
}

func newExperience(o AffectOptions) *experience {
	return &experience{opts: o, until: map[string]int64{}}
}

func (x *experience) escalated() bool { return x.until[interaction.RuleEscalation] > 0 }

// add takes the next score in order of time and returns the alerts that it raises.
func (x *experience) add(s scored) []interaction.Alert {
	window := x.opts.Experience.WindowMs
	x.heard = append(x.heard, s)
	old := 0
	for old < len(x.heard) && x.heard[old].endMs < s.endMs-3*window {
		old++
	}
	x.heard = append(x.heard[:0], x.heard[old:]...)

	var out []interaction.Alert
	for _, rule := range []struct {
		name, severity string
		differ         func(before, after *stretch) bool
	}{
		{interaction.RuleEscalation, "warning", func(before, after *stretch) bool { return x.opts.differ(before, after) }},
		{interaction.RuleRecovery, "info", func(before, after *stretch) bool {
			return x.opts.differ(after, before) && before.anger() >= x.opts.leastAnger(x.escalated())
		}},
	} {
		before, after, ok := x.find(x.until[rule.name], rule.differ)
		if !ok {
			continue
		}
		x.until[rule.name] = after.endMs
		out = append(out, interaction.Alert{Rule: rule.name, Severity: rule.severity, StartMs: after.startMs, EndMs: after.endMs, Evidence: words(before, after)})
	}
	return out
}

// find returns the pair of stretches, the second of which ends with the last score, that differ most in anger. The first begins
// at fromMs or later.
func (x *experience) find(fromMs int64, differ func(before, after *stretch) bool) (before, after stretch, ok bool) {
	window, most := x.opts.Experience.WindowMs, 0.0
	parts := whole(x.heard)
	var b stretch
	for i := len(parts) - 1; i > 0; i-- {
		if b.add(parts[i]); b.endMs-b.startMs > window {
			break
		}
		if !x.opts.enough(&b) || b.startMs-parts[i-1].endMs > window {
			continue
		}
		var a stretch
		for j := i - 1; j >= 0 && parts[j].startMs >= fromMs; j-- {
			if a.add(parts[j]); a.endMs-a.startMs > window {
				break
			}
			if rise := math.Abs(b.anger() - a.anger()); x.opts.enough(&a) && rise > most && differ(&a, &b) {
				before, after, most, ok = a, b, rise, true
			}
		}
	}
	return before, after, ok
}

// alerts returns the alerts of a whole call.
func (o AffectOptions) alerts(ss []scored) []interaction.Alert {
	var out []interaction.Alert
	x := newExperience(o)
	for _, s := range ss {
		out = append(out, x.add(s)...)
	}
	e := o.Experience
	var t stretch
	for i := len(ss) - 1; i >= 0 && (t.ms < o.EdgeMs || t.n < e.Segments); i-- {
		t.add(part{&ss[i], ss[i].endMs - ss[i].startMs})
	}
	above, least := t.anger()-e.AngerLow, o.leastAnger(x.escalated())
	if o.enough(&t) && o.angry(&t) && t.anger() >= least && above >= e.Z*math.Sqrt(o.angerVariance(&t)) {
		out = append(out, interaction.Alert{Rule: interaction.RuleColdEnd, Severity: "warning", StartMs: t.startMs, EndMs: t.endMs,
			Evidence: fmt.Sprintf("probability of anger %.2f over the last %.1f s of speech, limit %.2f", t.anger(), float64(t.ms)/1000, least)})
	}
	return out
}
