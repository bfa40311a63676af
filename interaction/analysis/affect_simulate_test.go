package analysis

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

// voiceModel is how the scores of one simulated customer come about. Nothing in it is shared with the code under test.
//
// The voice has a level of its own. A score is the logistic of the expressed level plus noise: a part that lasts from one segment to the
// next (a first-order autoregression, as the microphone, the topic and the words last), and a part of the segment alone whose
// standard deviation falls with the root of its length down to a floor. Arousal and anger share half of the noise, since
// loud and fast speech is scored as both. One segment in thirty is misheard: scored angry and aroused whatever was expressed.
type voiceModel struct {
	arousal, anger float64 // logits of the expressed level
	misheard       float64 // share of segments
	carry          float64 // autoregression from segment to segment
	lasting        float64 // standard deviation of the lasting part, logits
	noise          float64 // of the segment's own part, at 3 s
}

func neutralVoice(r *rand.Rand) voiceModel {
	return voiceModel{arousal: -0.3 + 0.5*r.NormFloat64(), anger: -2.2 + 0.6*r.NormFloat64(), misheard: 1.0 / 30, carry: 0.6, lasting: 0.45, noise: 0.9}
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// simulate returns the scored segments of a call of ms in which the customer speaks about two fifths of the time. rise returns what
// is added to both logits at a time.
func (m voiceModel) simulate(r *rand.Rand, ms int64, rise func(ms int64) float64) []interaction.Segment {
	var out []interaction.Segment
	lasting := m.lasting * r.NormFloat64()
	for at := int64(2000 + r.IntN(8000)); ; {
		length := int64(1000 + r.ExpFloat64()*2500)
		if at+length > ms {
			return out
		}
		lasting = m.carry*lasting + math.Sqrt(1-m.carry*m.carry)*m.lasting*r.NormFloat64()
		own := m.noise * math.Max(math.Sqrt(3000/float64(length)), 0.5)
		shared := math.Sqrt(0.5) * r.NormFloat64()
		add := rise(at)
		arousal := logistic(m.arousal + add + lasting + own*(shared+math.Sqrt(0.5)*r.NormFloat64()))
		anger := logistic(m.anger + 1.4*add + lasting + own*(shared+math.Sqrt(0.5)*r.NormFloat64()))
		if r.Float64() < m.misheard {
			arousal, anger = 0.75+0.2*r.Float64(), 0.7+0.29*r.Float64()
		}
		out = append(out, scoredSegment(at, at+length, arousal, anger, 0.4+0.5*r.Float64()))
		at += length + int64(300+r.ExpFloat64()*4500)
	}
}

// scoredSegment is a segment of the customer's whose probability is split between anger and neutral.
func scoredSegment(startMs, endMs int64, arousal, anger, confidence float64) interaction.Segment {
	label := "neutral"
	if anger > 0.5 {
		label = "angry"
	}
	return interaction.Segment{
		ParticipantID: "customer-1", Channel: 1, StartMs: startMs, EndMs: endMs,
		Emotion: &interaction.Emotion{Label: label, Arousal: arousal, Valence: 0.5, Confidence: confidence,
			Probabilities: map[string]float64{"angry": anger, "neutral": 1 - anger}},
	}
}

func scores(segments []interaction.Segment) []scored {
	var out []scored
	for i := range segments {
		if s, ok := newScored(&segments[i]); ok {
			out = append(out, s)
		}
	}
	return out
}

func calm(int64) float64 { return 0 }

// falseAlerts counts the alerts of hours of neutral calls of 2 to 20 minutes, by rule.
func falseAlerts(r *rand.Rand, hours int64, spoil func(*voiceModel)) (n map[string]int) {
	o, n := DefaultAffectOptions(), map[string]int{}
	for ms := int64(0); ms < hours*3600_000; {
		v := neutralVoice(r)
		spoil(&v)
		length := int64(120_000 + r.IntN(1_080_000))
		for _, a := range o.alerts(scores(v.simulate(r, length, calm))) {
			n[a.Rule]++
		}
		ms += length
	}
	return n
}

// TestFalseAlarmsOnNeutralCalls bounds the alerts on neutral calls by voiceModel. The bar is one in ten hours, for all three rules
// together, with 95 % confidence; where the scores are worse than the model says, one warning in five hours.
func TestFalseAlarmsOnNeutralCalls(t *testing.T) {
	for _, c := range []struct {
		name  string
		hours int64
		bar   float64 // per hour
		rules []string
		spoil func(*voiceModel)
	}{
		{"as_stated", 300, 0.1, []string{interaction.RuleEscalation, interaction.RuleColdEnd, interaction.RuleRecovery}, func(*voiceModel) {}},
		{"twice_as_often_misheard", 100, 0.2, []string{interaction.RuleEscalation, interaction.RuleColdEnd}, func(v *voiceModel) { v.misheard *= 2 }},
		{"lasting_noise_half_as_much_again", 100, 0.2, []string{interaction.RuleEscalation, interaction.RuleColdEnd}, func(v *voiceModel) { v.lasting *= 1.5 }},
		{"voices_that_sound_angrier", 100, 0.2, []string{interaction.RuleEscalation, interaction.RuleColdEnd}, func(v *voiceModel) { v.anger += 0.8 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := falseAlerts(rand.New(rand.NewPCG(41, 42)), c.hours, c.spoil)
			k := 0.0
			for _, rule := range c.rules {
				k += float64(n[rule])
			}
			// Upper end of the one-sided 95 % interval of a Poisson rate, normal approximation with continuity.
			upper := (k + 0.5 + 1.645*math.Sqrt(k+0.5)) / float64(c.hours)
			t.Logf("%d h: %v; %.3f per hour, under %.3f with 95 %% confidence", c.hours, n, k/float64(c.hours), upper)
			if upper > c.bar {
				t.Errorf("%.0f false alerts in %d h, want fewer than %g per hour", k, c.hours, c.bar)
			}
		})
	}
}

// TestAngryCallsAreFound states what the few false alarms cost: how many true changes are found, and how soon.
func TestAngryCallsAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	o := DefaultAffectOptions()
	const calls = 1000
	n := map[string]int{}
	var delay float64
	for range calls {
		v := neutralVoice(r)
		at := int64(120_000 + r.IntN(120_000))
		back := at + 120_000
		found := map[string]bool{}
		// Anger comes over 10 s, stays for two minutes and goes again.
		for _, a := range o.alerts(scores(v.simulate(r, 480_000, func(ms int64) float64 {
			return 2.5 * math.Min(math.Max(float64(ms-at)/10_000, 0), 1) * math.Min(math.Max(float64(back-ms)/10_000, 0), 1)
		}))) {
			if !found[a.Rule] && a.StartMs > at-10_000 {
				found[a.Rule] = true
				n[a.Rule]++
				if a.Rule == interaction.RuleEscalation {
					delay += float64(a.EndMs-at) / 1000
				}
			}
		}
		cold := o.alerts(scores(v.simulate(r, 300_000, func(ms int64) float64 {
			return 2.5 * math.Min(math.Max(float64(ms-200_000)/10_000, 0), 1)
		})))
		for _, a := range cold {
			if a.Rule == interaction.RuleColdEnd {
				n[a.Rule]++
			}
		}
	}
	share := func(rule string) float64 { return float64(n[rule]) / calls }
	t.Logf("found: escalation %.2f, on average %.0f s after it began, recovery %.2f, cold end %.2f", share(interaction.RuleEscalation),
		delay/float64(max(n[interaction.RuleEscalation], 1)), share(interaction.RuleRecovery), share(interaction.RuleColdEnd))
	for rule, want := range map[string]float64{interaction.RuleEscalation: 0.5, interaction.RuleRecovery: 0.5, interaction.RuleColdEnd: 0.5} {
		if share(rule) < want {
			t.Errorf("%s: found in %.2f of the calls, want %.2f", rule, share(rule), want)
		}
	}
}

// An hour of one customer's scores: the course, the alerts and the score of the call.
func BenchmarkAddAffect(b *testing.B) {
	r := rand.New(rand.NewPCG(45, 46))
	segments := neutralVoice(r).simulate(r, 3600_000, calm)
	b.ReportAllocs()
	for b.Loop() {
		AddAffect(affectRecord(3600_000, segments), DefaultAffectOptions())
	}
	b.ReportMetric(3600*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}
