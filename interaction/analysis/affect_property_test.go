package analysis

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/interaction"
)

// randomCall draws a call with up to two changes of level.
func randomCall(r *rand.Rand) []interaction.Segment {
	v := neutralVoice(r)
	at, back, height := int64(r.IntN(400_000)), int64(r.IntN(800_000)), 4*r.Float64()
	return v.simulate(r, 400_000, func(ms int64) float64 {
		if ms >= at && ms < back {
			return height
		}
		return 0
	})
}

func reversed(segments []interaction.Segment, ms int64) []interaction.Segment {
	out := slices.Clone(segments)
	slices.Reverse(out)
	for i := range out {
		out[i].StartMs, out[i].EndMs = ms-out[i].EndMs, ms-out[i].StartMs
	}
	return out
}

func rules(alerts []interaction.Alert) map[string]bool {
	out := map[string]bool{}
	for _, a := range alerts {
		out[a.Rule] = true
	}
	return out
}

// TestBackwardsAnEscalationIsARecovery plays calls backwards: rises are falls, and the timeline is its mirror image.
func TestBackwardsAnEscalationIsARecovery(t *testing.T) {
	o := DefaultAffectOptions()
	o.Experience.AngerSure = o.Experience.AngerHigh // what came before counts in one direction alone
	opposite := map[string]string{"worsening": "improving", "improving": "worsening", "steady": "steady"}
	seen := map[string]int{}
	for seed := range uint64(300) {
		segments := randomCall(rand.New(rand.NewPCG(seed, 1)))
		if len(segments) == 0 {
			continue
		}
		forth, back := affectRecord(400_000, segments), affectRecord(400_000, reversed(segments, 400_000))
		AddAffect(forth, o)
		AddAffect(back, o)
		f, b := rules(forth.Alerts), rules(back.Alerts)
		if f[interaction.RuleEscalation] != b[interaction.RuleRecovery] || f[interaction.RuleRecovery] != b[interaction.RuleEscalation] {
			t.Fatalf("seed %d: forwards %v, backwards %v", seed, forth.Alerts, back.Alerts)
		}
		if f[interaction.RuleEscalation] {
			seen["escalation"]++
		}
		if got, want := back.Affect[0].Trend, opposite[forth.Affect[0].Trend]; got != want {
			t.Fatalf("seed %d: trend %s backwards, want %s", seed, got, want)
		}
		seen[forth.Affect[0].Trend]++
		for i, p := range forth.Affect[0].Timeline {
			q := back.Affect[0].Timeline[len(segments)-1-i]
			if math.Abs(p.Anger-q.Anger) > 2e-4 || math.Abs(*p.AngerSD-*q.AngerSD) > 2e-4 {
				t.Fatalf("seed %d: point %d is %+v, backwards %+v", seed, i, p, q)
			}
		}
	}
	for _, what := range []string{"escalation", "worsening", "improving", "steady"} {
		if seen[what] < 5 {
			t.Errorf("%s: %d of 300 calls, want at least 5 for the test to mean something", what, seen[what])
		}
	}
}

func TestSegmentsWithoutWeightChangeNothing(t *testing.T) {
	o := DefaultAffectOptions()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		segments := randomCall(r)
		if len(segments) == 0 {
			continue
		}
		var more []interaction.Segment
		for i, s := range segments {
			more = append(more, s)
			if i+1 < len(segments) && segments[i+1].StartMs-s.EndMs > 10 && r.IntN(3) == 0 {
				more = append(more, scoredSegment(s.EndMs+1, segments[i+1].StartMs-1, 0.3, 0.05, 0))
			}
		}
		want, got := affectRecord(400_000, segments), affectRecord(400_000, more)
		AddAffect(want, o)
		AddAffect(got, o)
		if !reflect.DeepEqual(got.Affect, want.Affect) || !reflect.DeepEqual(got.Alerts, want.Alerts) || !reflect.DeepEqual(got.CX, want.CX) {
			t.Fatalf("seed %d: a segment of confidence 0 changed the course", seed)
		}
	}
}

func TestValenceRaisesNoAlert(t *testing.T) {
	o := DefaultAffectOptions()
	r := rand.New(rand.NewPCG(3, 3))
	for range 100 {
		ss := scores(randomCall(r))
		want := []interaction.Alert(nil)
		if len(ss) > 0 {
			want = o.alerts(ss)
		}
		for i := range ss {
			ss[i].valence = r.Float64()
		}
		if len(ss) > 0 && !reflect.DeepEqual(o.alerts(ss), want) {
			t.Fatal("valence changed the alerts")
		}
	}
}

// TestLiveAlertsNeedNoFuture cuts calls short: what was raised up to then stays as it was.
func TestLiveAlertsNeedNoFuture(t *testing.T) {
	o := DefaultAffectOptions()
	r := rand.New(rand.NewPCG(4, 4))
	raised := 0
	for range 100 {
		ss := scores(randomCall(r))
		whole, part := newLiveAffect(o), newLiveAffect(o)
		cut := r.IntN(len(ss) + 1)
		for i, s := range ss {
			p, a := whole.add(s)
			if i >= cut {
				continue
			}
			q, b := part.add(s)
			if !reflect.DeepEqual(p, q) || !reflect.DeepEqual(a, b) {
				t.Fatalf("segment %d: %+v %v, of the shorter call %+v %v", i, p, a, q, b)
			}
			for _, x := range a {
				if raised++; x.EndMs > s.endMs {
					t.Fatalf("alert %+v at %d ms", x, s.endMs)
				}
			}
		}
		if len(ss) > 0 { // the last level of the filter is the last of the smoother
			last := part
			for _, s := range ss[cut:] {
				last.add(s)
			}
			smooth := o.smooth(ss, o.Noise.AngerSD, func(s *scored) float64 { return s.anger })
			near(t, "last level", last.anger.mean, smooth[len(ss)-1].mean)
		}
	}
	if raised < 10 {
		t.Errorf("%d alerts, want at least 10 for the test to mean something", raised)
	}
}

// TestEveryCourseIsARecord draws scores at will: what comes out is valid, and no level leaves the range of its scores.
func TestEveryCourseIsARecord(t *testing.T) {
	fraction := rapid.Float64Range(0, 1)
	rapid.Check(t, func(t *rapid.T) {
		var segments []interaction.Segment
		low, high, at := 1.0, 0.0, int64(0)
		for range rapid.IntRange(1, 30).Draw(t, "segments") {
			at += rapid.Int64Range(0, 20_000).Draw(t, "pause")
			end := at + rapid.Int64Range(1, 20_000).Draw(t, "length")
			s := scoredSegment(at, end, fraction.Draw(t, "arousal"), fraction.Draw(t, "anger"), fraction.Draw(t, "confidence"))
			if s.Emotion.Confidence >= leastConfidence {
				a := s.Emotion.Probabilities["angry"]
				low, high = min(low, a), max(high, a)
			}
			segments = append(segments, s)
			at = end
		}
		r := affectRecord(at, segments)
		AddAffect(r, DefaultAffectOptions())
		predict(r, nil)
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		for _, a := range r.Affect {
			for _, p := range append(slices.Concat(a.Timeline, a.Deciles), a.Overall, a.Start, a.End) {
				if p.Anger < low-1e-4 || p.Anger > high+1e-4 {
					t.Fatalf("anger %g of scores from %g to %g", p.Anger, low, high)
				}
			}
		}
	})
}
