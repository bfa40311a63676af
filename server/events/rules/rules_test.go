package rules

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/timbre-voice/timbre/interaction"
)

const every = `
rules:
  - name: angry
    severity: critical
    customer_anger: {over: 0.7, for: 5s}
  - name: dead_air
    silence: {over: 10s}
  - name: no_word
    silence: {over: 10s, count_hold: true}
  - name: talking_over
    overtalk: {over: 2s, within: 30s}
  - name: failed
    verification: {}
  - name: fraud
    severity: info
    watchlist: {lists: [fraud], min_llr: 4}
`

func parse(t testing.TB, text string) Set {
	t.Helper()
	s, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParse(t *testing.T) {
	s := parse(t, every)
	if len(s.Rules) != 6 || s.Rules[0].CustomerAnger.For != 5*time.Second || s.Rules[3].Overtalk.Within != 30*time.Second {
		t.Errorf("Parse: %+v", s.Rules)
	}
	asJSON := parse(t, `{"rules": [{"name": "x", "silence": {"over": "3s"}}]}`)
	if asJSON.Rules[0].Silence.Over != 3*time.Second {
		t.Errorf("JSON: %+v", asJSON.Rules[0])
	}
	if s := parse(t, ""); len(s.Rules) != 0 {
		t.Errorf("an empty text gives %+v", s)
	}
	for name, c := range map[string]struct{ text, want string }{
		"unknown_key":           {"rules: [{name: a, silence: {longer: 3s}}]", "longer"},
		"unknown_condition":     {"rules: [{name: a, anger: {}}]", "anger"},
		"no_condition":          {"rules: [{name: a}]", "0 conditions, want one of"},
		"two_conditions":        {"rules: [{name: a, silence: {over: 3s}, watchlist: {}}]", "2 conditions"},
		"no_name":               {"rules: [{silence: {over: 3s}}]", "name: empty"},
		"name_twice":            {"rules: [{name: a, silence: {over: 3s}}, {name: a, silence: {over: 4s}}]", "taken by another"},
		"severity":              {"rules: [{name: a, severity: bad, silence: {over: 3s}}]", `"bad", want info, warning or critical`},
		"probability_above_1":   {"rules: [{name: a, customer_anger: {over: 1.5}}]", "1.5, want above 0 and at most 1"},
		"not_a_number":          {"rules: [{name: a, customer_anger: {over: .nan}}]", "NaN, want above 0"},
		"silence_short":         {"rules: [{name: a, silence: {over: 3ms}}]", "3ms, want 1s to 1h0m0s"},
		"duration_without_unit": {"rules: [{name: a, silence: {over: 3}}]", "time.Duration"},
		"silence_long":          {"rules: [{name: a, silence: {over: 2h}}]", "2h0m0s, want"},
		"overtalk_over":         {"rules: [{name: a, overtalk: {over: 2m}}]", "2m0s, want above 0 and at most within, 1m0s"},
		"decision":              {"rules: [{name: a, verification: {decisions: [no]}}]", `decision "no", want one of`},
		"not_yaml":              {"rules: [", "rules: "},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse: %v, want a message with %q", err, c.want)
			}
		})
	}
}

// said is a segment; anger under 0: not scored.
func said(channel int, startMs, endMs int64, anger float64) interaction.Segment {
	s := interaction.Segment{Channel: channel, StartMs: startMs, EndMs: endMs, ParticipantID: []string{"agent-1", "customer-1"}[channel]}
	if anger >= 0 {
		s.Emotion = &interaction.Emotion{Probabilities: map[string]float64{"angry": anger}}
	}
	return s
}

func call(durationMs int64, segments ...interaction.Segment) *interaction.Interaction {
	r := interaction.New()
	r.Contact.DurationMs = durationMs
	r.Participants = []interaction.Participant{
		{ID: "agent-1", Role: interaction.RoleAgent}, {ID: "customer-1", Role: interaction.RoleCustomer, Channel: 1},
	}
	r.Segments = segments
	return r
}

// when is an alert without its words.
type when struct {
	Rule       string
	Start, End int64
}

func whens(alerts []interaction.Alert) []when {
	var out []when
	for _, a := range alerts {
		out = append(out, when{a.Rule, a.StartMs, a.EndMs})
	}
	return out
}

func TestEvaluate(t *testing.T) {
	hold := func(kind interaction.SoundKind, start, end int64) func(*interaction.Interaction) {
		return func(r *interaction.Interaction) {
			r.Sounds = append(r.Sounds, interaction.Sound{Kind: kind, StartMs: start, EndMs: end})
		}
	}
	mark := func(kind string, at int64) func(*interaction.Interaction) {
		return func(r *interaction.Interaction) { r.Marks = append(r.Marks, interaction.Mark{Kind: kind, AtMs: at}) }
	}
	voice := func(v interaction.Voice) func(*interaction.Interaction) {
		return func(r *interaction.Interaction) { r.Voice = &v }
	}
	talk := func(startMs, endMs int64) []interaction.Segment { // both sides in turn, so that nothing is silent
		var out []interaction.Segment
		for at := startMs; at < endMs; at += 5000 {
			out = append(out, said(int(at/5000)%2, at, min(at+5000, endMs), -1))
		}
		return out
	}
	for _, c := range []struct {
		name string
		r    *interaction.Interaction
		with []func(*interaction.Interaction)
		want []when
	}{
		{"nothing", call(9000, said(0, 1000, 8000, -1)), nil, nil},
		{"anger_for_long_enough", call(9000, said(1, 0, 3000, 0.8), said(1, 3500, 6000, 0.75)), nil, []when{{"angry", 0, 6000}}},
		{"anger_alerts_once_in_a_row", call(30000, said(1, 0, 6000, 0.8), said(1, 6500, 14000, 0.9)), nil, []when{{"angry", 0, 6000}, {"dead_air", 14000, 24000}, {"no_word", 14000, 24000}}},
		{"calm_breaks_the_row", call(9000, said(1, 0, 3000, 0.8), said(1, 3100, 3500, 0.1), said(1, 3600, 8000, 0.8)), nil, nil},
		{"unscored_breaks_no_row", call(9000, said(1, 0, 3000, 0.8), said(1, 3100, 3500, -1), said(1, 3600, 8000, 0.8)), nil, []when{{"angry", 0, 8000}}},
		{"agent_anger_is_no_ones_business", call(9000, said(0, 0, 9000, 0.99)), nil, nil},
		{"silence_before_the_first_word", call(15000, said(0, 12000, 14000, -1)), nil, []when{{"dead_air", 0, 10000}, {"no_word", 0, 10000}}},
		{"silence_at_the_end", call(15000, said(0, 0, 4000, -1)), nil, []when{{"dead_air", 4000, 14000}, {"no_word", 4000, 14000}}},
		{"silence_of_a_silent_call", call(15000), nil, []when{{"dead_air", 0, 10000}, {"no_word", 0, 10000}}},
		{"short_silences", call(27000, said(0, 9000, 9500, -1), said(1, 19000, 19500, -1)), nil, nil},
		{"music_is_no_silence", call(30000, said(0, 0, 4000, -1), said(0, 26000, 30000, -1)), []func(*interaction.Interaction){hold(interaction.SoundHoldMusic, 5000, 20000)}, []when{{"no_word", 4000, 14000}}},
		{"silence_after_music", call(40000, said(0, 0, 4000, -1), said(0, 36000, 40000, -1)), []func(*interaction.Interaction){hold(interaction.SoundRingback, 5000, 20000)}, []when{{"no_word", 4000, 14000}, {"dead_air", 20000, 30000}}},
		{"noise_is_silence", call(15000, said(0, 0, 4000, -1)), []func(*interaction.Interaction){hold(interaction.SoundNoise, 5000, 15000)}, []when{{"dead_air", 4000, 14000}, {"no_word", 4000, 14000}}},
		{"marked_hold", call(31000, said(0, 0, 4000, -1), said(0, 27000, 31000, -1)), []func(*interaction.Interaction){mark("hold", 5000), mark("unhold", 25000)}, []when{{"no_word", 4000, 14000}}},
		{"hold_without_end", call(31000, said(0, 0, 4000, -1)), []func(*interaction.Interaction){mark("hold", 5000)}, []when{{"no_word", 4000, 14000}}},
		{"overtalk_in_one", call(9000, said(0, 0, 6000, -1), said(1, 3000, 8000, -1)), nil, []when{{"talking_over", 3000, 6000}}},
		{"overtalk_summed", call(20000, said(0, 0, 4000, -1), said(1, 2900, 9000, -1), said(0, 8000, 14000, -1)), nil, []when{{"talking_over", 2900, 9000}}},
		{"overtalk_too_far_apart", call(60000, slices.Concat(
			[]interaction.Segment{said(0, 0, 4000, -1), said(1, 2500, 5000, -1)}, talk(5000, 40000), []interaction.Segment{said(0, 40000, 44000, -1), said(1, 42500, 52000, -1)})...),
			nil, nil},
		{"verification_failed", call(9000, said(1, 0, 9000, -1)), []func(*interaction.Interaction){voice(interaction.Voice{Decision: interaction.NotAuthenticated})}, []when{{"failed", 0, 9000}}},
		{"verification_passed", call(9000, said(1, 0, 9000, -1)), []func(*interaction.Interaction){voice(interaction.Voice{Decision: interaction.Authenticated})}, nil},
		{"watchlist", call(9000, said(1, 0, 9000, -1)), []func(*interaction.Interaction){voice(interaction.Voice{Decision: interaction.Inconclusive, Watchlist: []interaction.Candidate{
			{SpeakerID: "s1", LLR: 5, List: "fraud"}, {SpeakerID: "s2", LLR: 3, List: "fraud"}, {SpeakerID: "s3", LLR: 9, List: "other"}}})}, []when{{"fraud", 0, 9000}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, w := range c.with {
				w(c.r)
			}
			if diff := gocmp.Diff(c.want, whens(parse(t, every).Evaluate(c.r))); diff != "" {
				t.Errorf("alerts -want +got:\n%s", diff)
			}
		})
	}
}

func TestQueueNarrowsARule(t *testing.T) {
	s := parse(t, "rules: [{name: a, queues: [billing], silence: {over: 2s}}]")
	r := call(9000)
	if got := s.Evaluate(r); len(got) != 0 {
		t.Errorf("a call of no queue: %+v", got)
	}
	r.Contact.Queue = "billing"
	if got := s.Evaluate(r); len(got) != 1 {
		t.Errorf("a call of the queue: %+v", got)
	}
}

// randomCall makes a call of random speech, music and marks.
func randomCall(rnd *rand.Rand) *interaction.Interaction {
	r := call(0)
	for ch := range 2 {
		for at := int64(rnd.IntN(15000)); at < 120_000; {
			end := at + 300 + int64(rnd.IntN(8000))
			if rnd.IntN(6) == 0 {
				r.Sounds = append(r.Sounds, interaction.Sound{Kind: interaction.SoundHoldMusic, Channel: ch, StartMs: at, EndMs: end})
			} else {
				r.Segments = append(r.Segments, said(ch, at, end, rnd.Float64()*1.2-0.1))
			}
			r.Contact.DurationMs = max(r.Contact.DurationMs, end)
			at = end + int64(rnd.IntN(14000))
		}
	}
	r.Contact.DurationMs += 20000
	return r
}

// TestLiveEqualsPast feeds random calls as they would become known, with progress in between, and wants what Evaluate finds.
func TestLiveEqualsPast(t *testing.T) {
	s := parse(t, every)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		r := randomCall(rnd)
		c := s.NewCall("")
		var live []interaction.Alert
		for now := int64(0); now <= r.Contact.DurationMs; now += 20 {
			for _, seg := range r.Segments {
				if seg.EndMs/20*20 == now {
					live = append(live, c.Segment(seg, r.Participants[seg.Channel].Role)...)
				}
			}
			for _, snd := range r.Sounds {
				if snd.EndMs/20*20 == now {
					live = append(live, c.Sound(snd)...)
				}
			}
			for _, snd := range r.Sounds {
				if snd.StartMs/20*20 == now {
					live = append(live, c.SoundStarted(snd.Kind, snd.Channel, snd.StartMs)...)
				}
			}
			for _, seg := range r.Segments {
				if seg.StartMs/20*20 == now {
					live = append(live, c.SpeechStarted(seg.Channel, seg.StartMs)...)
				}
			}
			live = append(live, c.Progress(now)...)
		}
		live = append(live, c.Close(r.Contact.DurationMs)...)
		order := func(a, b interaction.Alert) int {
			return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.StartMs, b.StartMs))
		}
		past := s.Evaluate(r)
		slices.SortStableFunc(live, order)
		slices.SortStableFunc(past, order)
		if diff := gocmp.Diff(past, live); diff != "" {
			t.Fatalf("-past +live:\n%s", diff)
		}
	}
}

// TestAlertsLieInTheCall holds what the record's own validation asks of an alert.
func TestAlertsLieInTheCall(t *testing.T) {
	s := parse(t, every)
	rnd := rand.New(rand.NewPCG(3, 4))
	total := 0
	for range 300 {
		r := randomCall(rnd)
		for _, a := range s.Evaluate(r) {
			total++
			if a.StartMs < 0 || a.EndMs < a.StartMs || a.EndMs > r.Contact.DurationMs || a.Evidence == "" {
				t.Fatalf("alert %+v in a call of %d ms", a, r.Contact.DurationMs)
			}
		}
	}
	if total < 100 {
		t.Errorf("%d alerts in 300 calls: the test tests nothing", total)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(every))
	f.Add([]byte(`{"rules": [{"name": "x", "silence": {"over": "3s"}}]}`))
	f.Add([]byte("rules: [{name: a, watchlist: {min_llr: 1e400}}]"))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err == nil {
			s.Evaluate(call(60_000, said(1, 0, 9000, 0.9)))
		}
	})
}
