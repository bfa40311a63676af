package analysis

import (
	"math"

	"github.com/timbre-voice/timbre/interaction"
)

// level is an estimate with its standard deviation.
type level struct{ mean, sd float64 }

// middle returns the time that a score speaks of, in seconds.
func (s *scored) middle() float64 { return float64(s.startMs+s.endMs) / 2000 }

// variance returns the variance of a score whose noise has the given standard deviation for one second at confidence 1.
func (o AffectOptions) variance(s *scored, sd float64) float64 {
	w := part{s, s.endMs - s.startMs}.weight()
	return sd*sd/w + o.Noise.FloorSD*o.Noise.FloorSD
}

// timeline writes the smoothed points of ss into a and returns the smoothed probability of joy beside them.
func (o AffectOptions) timeline(a *interaction.Affect, ss []scored) (joy []level) {
	arousal := o.smooth(ss, o.Noise.ArousalSD, func(s *scored) float64 { return s.arousal })
	valence := o.smooth(ss, o.Noise.ValenceSD, func(s *scored) float64 { return s.valence })
	anger := o.smooth(ss, o.Noise.AngerSD, func(s *scored) float64 { return s.anger })
	a.Timeline = make([]interaction.AffectPoint, len(ss))
	for i, s := range ss {
		a.Timeline[i] = interaction.AffectPoint{
			AtMs: s.startMs, SpeechMs: s.endMs - s.startMs,
			Arousal: fraction(arousal[i].mean), ArousalSD: ptrTo(fraction(arousal[i].sd)),
			Valence: fraction(valence[i].mean), ValenceSD: ptrTo(fraction(valence[i].sd)),
			Anger: fraction(anger[i].mean), AngerSD: ptrTo(fraction(anger[i].sd)),
		}
	}
	return o.smooth(ss, o.Noise.AngerSD, func(s *scored) float64 { return s.joy })
}

// walk returns the variance that the level gains between two scores.
func (o AffectOptions) walk(a, b *scored) float64 {
	return o.DriftSD * o.DriftSD / 60 * max(b.middle()-a.middle(), 0)
}

// filter is the level as far as the scores have come.
type filter struct {
	mean, variance float64
	started        bool
}

// take moves the level on by a walk and holds it against a score z of variance v. It returns the variance before the score, 0
// for the first, before which nothing is known.
func (f *filter) take(walk, z, v float64) (ahead float64) {
	if !f.started {
		*f = filter{z, v, true}
		return 0
	}
	ahead = f.variance + walk
	gain := ahead / (ahead + v)
	f.mean += gain * (z - f.mean)
	f.variance = (1 - gain) * ahead
	return ahead
}

// smooth returns the level at each score given all of them. The weights of the scores in each level are positive and sum to 1, so a
// level lies between the least and the largest score.
func (o AffectOptions) smooth(ss []scored, noise float64, value func(*scored) float64) []level {
	n := len(ss)
	mean, variance, ahead := make([]float64, n), make([]float64, n), make([]float64, n)
	var f filter
	for i := range ss {
		walk := 0.0
		if i > 0 {
			walk = o.walk(&ss[i-1], &ss[i])
		}
		ahead[i] = f.take(walk, value(&ss[i]), o.variance(&ss[i], noise))
		mean[i], variance[i] = f.mean, f.variance
	}
	out := make([]level, n)
	for i := n - 1; i >= 0; i-- {
		if i < n-1 {
			c := variance[i] / ahead[i+1]
			mean[i] += c * (mean[i+1] - mean[i])
			variance[i] += c * c * (variance[i+1] - ahead[i+1])
		}
		out[i] = level{mean[i], math.Sqrt(max(variance[i], 0))}
	}
	return out
}
