package analysis

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

// affectRecord is a finished record of a customer's scored segments on channel 1 and an agent who does not speak.
func affectRecord(ms int64, segments []interaction.Segment) *interaction.Interaction {
	r := interaction.New()
	r.Contact = interaction.Contact{ID: "call", State: interaction.StateComplete, DurationMs: ms, Source: interaction.Source{Kind: "file"},
		Media: interaction.Media{Encoding: "mulaw", SampleRateHz: 8000, Channels: 2}, Audio: interaction.Audio{Kept: "none"}}
	r.Participants = []interaction.Participant{{ID: "agent-1", Role: interaction.RoleAgent, ToMs: ms},
		{ID: "customer-1", Role: interaction.RoleCustomer, Channel: 1, ToMs: ms}}
	r.Governance.Policy = "default"
	r.Governance.Models = []interaction.Model{{Name: "m", Version: "1", SHA256: strings.Repeat("0f", 32), LicenceClass: "permissive"}}
	for i, s := range segments {
		s.ID = fmt.Sprint("1-", i)
		r.Segments = append(r.Segments, s)
	}
	zero, one := 0, 1
	r.NotComputed = []interaction.NotComputed{{What: "emotion", Channel: &zero, Code: interaction.CodePolicy}, {What: "affect", Channel: &zero, Code: interaction.CodePolicy},
		{What: "affect", Channel: &one, Code: interaction.CodeNoModel}, {What: "voice", Code: interaction.CodeNoModel}, {What: "prosody", Code: interaction.CodeTooShort},
		{What: "conversation", Code: interaction.CodeNoSpeech}}
	if len(segments) == 0 {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: "segments", Code: interaction.CodeNoSpeech})
	}
	return r
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1.1e-4 { // points are rounded to 4 decimals
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}

// plainNoise makes the arithmetic short: a second at confidence 1 has variance 0.04, nothing else.
func plainNoise() AffectOptions {
	o := DefaultAffectOptions()
	o.Noise = NoiseOptions{ArousalSD: 0.2, ValenceSD: 0.2, AngerSD: 0.2}
	return o
}

// TestCourseByHand works out a call of 100 s with three segments: 10 s at confidence 0.5 (weight 5), 20 s at 1 (20) and 5 s at 1 (5).
func TestCourseByHand(t *testing.T) {
	r := affectRecord(100_000, []interaction.Segment{
		scoredSegment(5_000, 15_000, 0.2, 0.1, 0.5), scoredSegment(45_000, 65_000, 0.5, 0.4, 1), scoredSegment(90_000, 95_000, 0.8, 0.9, 1)})
	AddAffect(r, plainNoise())
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	a := r.Affect[0]
	near(t, "overall arousal", a.Overall.Arousal, (5*0.2+20*0.5+5*0.8)/30)
	near(t, "overall anger", a.Overall.Anger, (5*0.1+20*0.4+5*0.9)/30)
	near(t, "overall anger sd", *a.Overall.AngerSD, math.Sqrt(0.04/30))
	// The start is 20 s of speech: the first segment and 10 s of the second. The end is the last 5 s and 15 s of the second.
	near(t, "start anger", a.Start.Anger, (5*0.1+10*0.4)/15)
	near(t, "end anger", a.End.Anger, (15*0.4+5*0.9)/20)
	if a.Start.AtMs != 5_000 || a.Start.SpeechMs != 20_000 || a.End.AtMs != 50_000 || a.End.SpeechMs != 20_000 || a.Overall.SpeechMs != 35_000 {
		t.Errorf("start %+v, end %+v", a.Start, a.End)
	}
	// Tenths of the call with speech: 0 and 1 (first segment), 4, 5 and 6 (second), 9 (third).
	var at []int64
	for _, d := range a.Deciles {
		at = append(at, d.AtMs)
	}
	if want := []int64{0, 10_000, 40_000, 50_000, 60_000, 90_000}; !slices.Equal(at, want) {
		t.Errorf("deciles at %v, want %v", at, want)
	}
	near(t, "last decile", a.Deciles[5].Anger, 0.9)
	// 0.4 is neutral by scoredSegment, 0.9 angry.
	if want := map[string]int64{"neutral": 30_000, "angry": 5_000}; !reflect.DeepEqual(a.ClassMs, want) {
		t.Errorf("time in classes %v, want %v", a.ClassMs, want)
	}
	if a.PeakPositive != nil {
		t.Errorf("positive peak %+v of a model without a class for it", a.PeakPositive)
	}
	// The level of the middle given all three: each score is one observation of it, with its own variance and the walk between
	// the middles (10 s, 55 s and 92.5 s) added.
	walk := 0.04 / 60
	v := []float64{0.04/5 + 45*walk, 0.04 / 20, 0.04/5 + 37.5*walk}
	sum, mean := 0.0, 0.0
	for i, z := range []float64{0.1, 0.4, 0.9} {
		sum += 1 / v[i]
		mean += z / v[i]
	}
	near(t, "smoothed anger", a.Timeline[1].Anger, mean/sum)
	near(t, "its sd", *a.Timeline[1].AngerSD, math.Sqrt(1/sum))
	if a.PeakNegative.AtMs != 90_000 {
		t.Errorf("negative peak at %d ms, want 90000", a.PeakNegative.AtMs)
	}
	near(t, "peak end", *r.CX.PeakEnd, 1-(a.PeakNegative.Anger+a.End.Anger)/2)
	if a.Trend != "worsening" {
		t.Errorf("trend %s, want worsening", a.Trend)
	}
}

func TestPositivePeakIsWhereJoyIs(t *testing.T) {
	ss := []interaction.Segment{scoredSegment(0, 5000, 0.5, 0.2, 1), scoredSegment(300_000, 305_000, 0.6, 0.1, 1)}
	for i, joy := range []float64{0.1, 0.7} {
		p := ss[i].Emotion.Probabilities
		p["happy"], p["neutral"] = joy, p["neutral"]-joy
	}
	ss[1].Emotion.Label = "happy"
	r := affectRecord(310_000, ss)
	AddAffect(r, DefaultAffectOptions())
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	if p := r.Affect[0].PeakPositive; p == nil || p.AtMs != 300_000 {
		t.Errorf("positive peak %+v, want at 300000 ms", p)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	find := func(r *interaction.Interaction, what string, channel int) *interaction.NotComputed {
		for _, n := range r.NotComputed {
			if n.What == what && n.Channel != nil && *n.Channel == channel {
				return &n
			}
		}
		return nil
	}
	scoredCall := affectRecord(60_000, []interaction.Segment{scoredSegment(0, 5000, 0.4, 0.1, 0.8)})
	AddAffect(scoredCall, DefaultAffectOptions())
	if find(scoredCall, "affect", 1) != nil || find(scoredCall, "affect", 0) == nil {
		t.Errorf("not computed: %+v", scoredCall.NotComputed)
	}
	predict(scoredCall, nil)
	if n := scoredCall.NotComputed[len(scoredCall.NotComputed)-1]; n.What != "cx.predicted_csat" || n.Code != interaction.CodeNoModel {
		t.Errorf("no reason for the missing prediction: %+v", n)
	}
	unsure := affectRecord(60_000, []interaction.Segment{scoredSegment(0, 5000, 0.4, 0.1, 0)})
	unsure.NotComputed = slices.DeleteFunc(unsure.NotComputed, func(n interaction.NotComputed) bool { return n.What == "affect" })
	AddAffect(unsure, DefaultAffectOptions())
	if n := find(unsure, "affect", 1); n == nil || n.Code != interaction.CodeTooShort || len(unsure.Affect) != 0 {
		t.Errorf("affect %+v, reason %+v", unsure.Affect, n)
	}
	plain := affectRecord(60_000, nil)
	want := slices.Clone(plain.NotComputed)
	AddAffect(plain, DefaultAffectOptions())
	predict(plain, nil)
	if !reflect.DeepEqual(plain.NotComputed, want) || plain.CX != nil || plain.Affect != nil {
		t.Errorf("a record without a score was changed: %+v", plain)
	}
}

// steps is a call whose customer speaks 5 s of every 10 s, each step of them so many segments long.
func steps(anger, arousal []float64, each int) []interaction.Segment {
	var out []interaction.Segment
	for i := range anger {
		for range each {
			at := int64(len(out)) * 10_000
			out = append(out, scoredSegment(at, at+5000, arousal[i], anger[i], 0.9))
		}
	}
	return out
}

func TestExperience(t *testing.T) {
	misheard := steps([]float64{0.1}, []float64{0.4}, 20)
	for _, i := range []int{8, 14} {
		misheard[i].Emotion.Probabilities["angry"], misheard[i].Emotion.Probabilities["neutral"], misheard[i].Emotion.Arousal = 0.99, 0.01, 0.95
		misheard[i].Emotion.Label = "angry"
	}
	// As angry in the mean as steps of 0.615, but every other segment alone.
	flaring := slices.Concat(steps([]float64{0.1}, []float64{0.4}, 10), steps([]float64{0.98, 0.25, 0.98, 0.25, 0.98, 0.25, 0.98, 0.25},
		[]float64{0.95, 0.5, 0.95, 0.5, 0.95, 0.5, 0.95, 0.5}, 1))
	for i := range flaring {
		flaring[i].StartMs, flaring[i].EndMs = int64(i)*10_000, int64(i)*10_000+5000
	}
	cold, escalation, recovery := interaction.RuleColdEnd, interaction.RuleEscalation, interaction.RuleRecovery
	for _, c := range []struct {
		name     string
		segments []interaction.Segment
		want     []string
	}{
		{"calm", steps([]float64{0.1}, []float64{0.4}, 20), nil},
		{"anger_comes_and_stays", steps([]float64{0.1, 0.8}, []float64{0.4, 0.75}, 10), []string{escalation, cold}},
		{"anger_comes_and_goes", steps([]float64{0.1, 0.8, 0.1}, []float64{0.4, 0.75, 0.4}, 10), []string{escalation, recovery}},
		{"anger_comes_twice", steps([]float64{0.1, 0.8, 0.1, 0.8}, []float64{0.4, 0.75, 0.4, 0.75}, 10), []string{escalation, recovery, escalation, cold}},
		{"angry_from_the_first_word_to_the_last", steps([]float64{0.9}, []float64{0.75}, 20), []string{cold}},
		{"sounds_angry_from_the_first_word_to_the_last", steps([]float64{0.8}, []float64{0.75}, 20), nil},
		{"not_so_angry_but_escalated", steps([]float64{0.1, 0.7}, []float64{0.4, 0.75}, 10), []string{escalation, cold}},
		{"angry_and_calmed", steps([]float64{0.9, 0.1}, []float64{0.75, 0.4}, 10), []string{recovery}},
		{"sounded_angry_and_then_calm", steps([]float64{0.8, 0.1}, []float64{0.75, 0.4}, 10), nil},
		{"louder_but_not_angry", steps([]float64{0.1, 0.15}, []float64{0.3, 0.9}, 10), nil},
		{"anger_without_arousal", steps([]float64{0.1, 0.8, 0.1}, []float64{0.5, 0.5, 0.5}, 10), nil},
		{"single_misheard_segments", misheard, nil},
		{"flares_up_now_and_then", flaring, nil},
		{"as_angry_in_the_mean_but_steady", steps([]float64{0.1, 0.615}, []float64{0.4, 0.725}, 8), []string{escalation, cold}},
		{"too_short", steps([]float64{0.1, 0.8, 0.1}, []float64{0.4, 0.75, 0.4}, 4), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := affectRecord(int64(len(c.segments))*10_000, c.segments)
			AddAffect(r, DefaultAffectOptions())
			if err := r.Validate(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range r.Alerts {
				got = append(got, a.Rule)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("alerts %+v, want %v", r.Alerts, c.want)
			}
		})
	}
}

func TestEscalationSaysWhereAndWhy(t *testing.T) {
	r := affectRecord(200_000, steps([]float64{0.1, 0.8}, []float64{0.4, 0.75}, 10))
	AddAffect(r, DefaultAffectOptions())
	a := r.Alerts[0]
	// The fifth angry segment is the first with which there are enough of them; of equal rises the shortest stretch that is enough is told.
	if a.StartMs != 100_000 || a.EndMs != 145_000 || a.Severity != "warning" ||
		a.Evidence != "probability of anger 0.10 to 0.80, arousal 0.40 to 0.75; 25.0 s of speech against 30.0 s before" {
		t.Errorf("%+v", a)
	}
}

func TestAffectOptionsNameEveryFault(t *testing.T) {
	if err := DefaultAffectOptions().Validate(); err != nil {
		t.Error(err)
	}
	o := DefaultAffectOptions()
	o.Noise.AngerSD, o.DriftSD, o.Experience.AngerLow, o.Experience.AngerSure, o.Experience.Segments = 0, math.NaN(), 0.9, 0.5, 1
	err := o.Validate()
	for _, want := range []string{"noise anger sd: 0, want 0.001 to 1", "drift sd: NaN, want 0 to 10", "anger sure: 0.5, want 0.55 to 1", "anger low: 0.9, want 0 to 0.55", "segments: 1, want 2 to 1000"} {
		if err == nil || !strings.Contains(err.Error(), "analysis: affect: "+want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// TestChannelTellsTheCourseLive follows the events of a customer's and of an agent's channel.
func TestChannelTellsTheCourseLive(t *testing.T) {
	var events []Event
	emit := func(e Event) { events = append(events, e) }
	customer := &channel{index: 1, emit: emit, who: Channel{Role: interaction.RoleCustomer}, affectOptions: DefaultAffectOptions()}
	agent := &channel{index: 0, emit: emit, who: Channel{Role: interaction.RoleAgent}}
	segments := steps([]float64{0.1, 0.8}, []float64{0.4, 0.75}, 10)
	for i := range segments {
		agent.follow(&segments[i])
		customer.follow(&segments[i])
	}
	customer.follow(&interaction.Segment{StartMs: 300_000, EndMs: 301_000}) // not scored
	points, alerts := 0, 0
	for _, e := range events {
		switch {
		case e.Channel == 1 && e.Kind == EventAffect && e.Affect != nil && e.Course.Overall.SpeechMs >= e.Affect.SpeechMs && e.Course.Timeline[0].AtMs == e.Affect.AtMs:
			points++
		case e.Channel == 1 && e.Kind == EventAlert && e.Alert.Rule == interaction.RuleEscalation && e.AtMs == 145_000:
			alerts++
		default:
			t.Errorf("event %+v", e)
		}
	}
	if points != 20 || alerts != 1 {
		t.Errorf("%d points and %d escalations, want 20 and 1", points, alerts)
	}
}
