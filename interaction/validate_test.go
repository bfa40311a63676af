package interaction

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func golden(t *testing.T) *Interaction {
	t.Helper()
	r, err := Parse(testkit.Read(t, "testdata/record.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// problems returns what Validate finds, as "path: value, want expected".
func problems(err error) []string {
	var out []string
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			out = append(out, strings.TrimPrefix(e.Error(), "interaction: "))
		}
	}
	return out
}

// TestValidateNamesTheFault spoils the golden record in one way each and expects exactly the named problems.
func TestValidateNamesTheFault(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(r *Interaction)
		want  []string
	}{
		{"schema", func(r *Interaction) { r.Schema = "timbre.interaction/2" },
			[]string{`schema: "timbre.interaction/2", want timbre.interaction/1`}},
		{"no_id", func(r *Interaction) { r.Contact.ID = "" }, []string{`contact.id: "", want a text of at least one character`}},
		{"state", func(r *Interaction) { r.Contact.State = "done" }, []string{`contact.state: "done", want live, complete, interrupted`}},
		{"ended_before_started", func(r *Interaction) { *r.Contact.EndedAt = r.Contact.StartedAt.Add(-time.Second) },
			[]string{"contact.ended_at: \"2026-11-20T09:14:59Z\", want not before started_at 2026-11-20T09:15:00Z"}},
		{"year_10000", func(r *Interaction) { r.Segments[1].Corrections[0].At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
			[]string{`segments[1].corrections[0].at: "10000-01-01 00:00:00 +0000 UTC", want a time of RFC 3339, year 0 to 9999`}},
		{"lost_is_not_the_sum", func(r *Interaction) { r.Contact.Media.LostMs = 40 },
			[]string{"contact.media.lost_ms: 40, want 60, the sum of the gaps"}},
		{"gap_outside", func(r *Interaction) { r.Contact.Media.Gaps[1].StartMs, r.Contact.Media.Gaps[1].EndMs = 31000, 31020 },
			[]string{"contact.media.gaps[1].end_ms: 31020, want at most contact.duration_ms 30500"}},
		{"gaps_overlap", func(r *Interaction) { r.Contact.Media.Gaps[1].StartMs, r.Contact.Media.Gaps[1].EndMs = 12030, 12050 },
			[]string{"contact.media.gaps[1].start_ms: 12030, want at least 12040, the end of the gap before on channel 1"}},
		{"external_audio_nowhere", func(r *Interaction) { r.Contact.Audio.URI = "" },
			[]string{"contact.audio.uri: missing, want where the audio is, since kept is external"}},
		{"role", func(r *Interaction) { r.Participants[0].Role = "Agent" }, []string{`participants[0].role: "Agent", want agent, customer, unknown`}},
		{"participant_twice", func(r *Interaction) { r.Participants[2].ID = "p2"; r.Segments[2].ParticipantID = "p1" },
			[]string{`participants[2].id: "p2", want an id of its own`, `segments[1].channel: 1, want 0, the channel of participant "p2"`,
				`segments[3].channel: 1, want 0, the channel of participant "p2"`}},
		{"participant_leaves_before_coming", func(r *Interaction) { r.Participants[0].FromMs = 26000 },
			[]string{"participants[0].to_ms: 25000, want at least from_ms 26000"}},
		{"participant_outside", func(r *Interaction) { r.Participants[1].ToMs = 30501 },
			[]string{"participants[1].to_ms: 30501, want at most contact.duration_ms 30500"}},
		{"segment_backwards", func(r *Interaction) { r.Segments[2].EndMs = 26000 }, []string{"segments[2].end_ms: 26000, want more than start_ms 26000"}},
		{"segment_outside", func(r *Interaction) { r.Segments[2].EndMs = 40000 },
			[]string{"segments[2].end_ms: 40000, want at most contact.duration_ms 30500"}},
		{"segment_negative", func(r *Interaction) { r.Segments[0].StartMs = -1 }, []string{"segments[0].start_ms: -1, want 0 to 9007199254740991"}},
		{"segment_of_nobody", func(r *Interaction) { r.Segments[0].ParticipantID = "p9" },
			[]string{`segments[0].participant_id: "p9", want the id of a participant`}},
		{"segment_on_the_other_channel", func(r *Interaction) { r.Segments[0].Channel, r.NotComputed[0].Channel = 1, nil },
			[]string{`segments[0].channel: 1, want 0, the channel of participant "p1"`,
				"segments[1].start_ms: 4000, want at least 4500, the end of the segment before on channel 1"}},
		{"segment_id_twice", func(r *Interaction) { r.Segments[1].ID = "s1" }, []string{`segments[1].id: "s1", want an id of its own`}},
		{"segments_out_of_order", func(r *Interaction) { r.Segments[0], r.Segments[1] = r.Segments[1], r.Segments[0] },
			[]string{"segments[1].start_ms: 500, want segments by start, then channel"}},
		{"channel_beyond", func(r *Interaction) { r.Sounds[1].Channel = 2 }, []string{"sounds[1].channel: 2, want under contact.media.channels 2"}},
		{"sounds_out_of_order", func(r *Interaction) { r.Sounds[0].Channel, r.Sounds[1].Channel = 1, 0 },
			[]string{"sounds[1].start_ms: 10500, want sounds by start, then channel"}},
		{"mark_outside", func(r *Interaction) { r.Marks[1].AtMs = 30501 }, []string{"marks[1].at_ms: 30501, want at most contact.duration_ms 30500"}},
		{"marks_out_of_order", func(r *Interaction) { r.Marks[1].AtMs = 10399 }, []string{"marks[1].at_ms: 10399, want marks by time"}},
		{"probabilities_sum", func(r *Interaction) { r.Segments[1].Emotion.Probabilities["sad"] = 0.25 },
			[]string{"segments[1].emotion.probabilities: 1.15, want a sum of 1 to within 0.001"}},
		{"probability_over_1", func(r *Interaction) {
			r.Segments[1].Emotion.Probabilities = map[string]float64{"angry": 1.5, "sad": -0.5}
		}, []string{"segments[1].emotion.probabilities.angry: 1.5, want 0 to 1", "segments[1].emotion.probabilities.sad: -0.5, want 0 to 1"}},
		{"label_is_no_class", func(r *Interaction) { r.Segments[1].Emotion.Label = "furious" },
			[]string{`segments[1].emotion.label: "furious", want a key of probabilities`}},
		{"label_is_not_the_top", func(r *Interaction) { r.Segments[1].Emotion.Label = "sad" },
			[]string{`segments[1].emotion.label: "sad", want the most probable class`}},
		{"emotion_of_an_unknown", func(r *Interaction) { r.Participants[1].Role = RoleUnknown; r.Affect = nil; r.explain("affect") },
			[]string{`segments[1].emotion: scored, want no emotion of participant "p2", whose role is unknown`}},
		{"emotion_of_an_agent_without_jurisdiction", func(r *Interaction) {
			r.Segments[0].Emotion, r.Governance.Jurisdiction = r.Segments[1].Emotion, ""
		}, []string{`segments[0].emotion: scored, want no emotion of agent "p1" where governance.jurisdiction is not set`}},
		{"model_not_named", func(r *Interaction) { r.Governance.Models = nil },
			[]string{"segments[1].emotion: scored, want governance.models to name the model", "voice: scored, want governance.models to name the model"}},
		{"model_twice", func(r *Interaction) { r.Governance.Models = append(r.Governance.Models, r.Governance.Models[0]) },
			[]string{`governance.models[1].name: "emotion-gru", want each name and version once`}},
		{"NaN", func(r *Interaction) { *r.Segments[0].Prosody.F0Hz = math.NaN() },
			[]string{"segments[0].prosody.f0_hz: NaN, want a finite number; absent where nothing was measured"}},
		{"infinite_level_of_silence", func(r *Interaction) { *r.Conversation.Channels[1].NoiseDBFS = math.Inf(-1) },
			[]string{"conversation.channels[1].noise_dbfs: -Inf, want a finite number; absent where nothing was measured"}},
		{"invalid_utf8", func(r *Interaction) { r.Contact.Queue = "a\xffb" }, []string{`contact.queue: "a\xffb", want valid UTF-8`}},
		{"a_long_value_is_cut", func(r *Interaction) { r.Sounds[0].Kind = SoundKind(strings.Repeat("x", 100)) },
			[]string{`sounds[0].kind: "` + strings.Repeat("x", 64) + `" and 36 bytes more, want hold_music, ringback, dtmf, fax, noise`}},
		{"unknown_role_key", func(r *Interaction) {
			r.Conversation.Pace = map[Role]Pace{"boss": {SyllablesPerS: 1, Syllables: 3}}
		}, []string{`conversation.pace.boss: "boss", want agent, customer, unknown`}},
		{"conversation_longer_than_the_call", func(r *Interaction) { r.Conversation.TotalConversationDurationMs = 30501 },
			[]string{"conversation.total_conversation_duration_ms: 30501, want at most contact.duration_ms 30500"}},
		{"talk_over_the_sum", func(r *Interaction) { r.Conversation.TalkTime.TotalMs = 13701 },
			[]string{"conversation.talk_time.total_ms: 13701, want 7000 to 13700, from the longest side to the sum of the sides"}},
		{"shares", func(r *Interaction) { r.Conversation.TalkTime.ByRole[RoleAgent] = RoleTalk{TotalMs: 7000, Share: 0.9} },
			[]string{"conversation.talk_time.by_role: shares, want shares with a sum of 1 to within 0.001, or 0 where nobody spoke"}},
		{"instance_duration", func(r *Interaction) { r.Conversation.Overtalk.Instances[0].DurationMs = 400 },
			[]string{"conversation.overtalk.instances[0].duration_ms: 400, want 500, end_ms less start_ms",
				"conversation.overtalk.total_ms: 500, want 400, the sum of the instances",
				"conversation.overtalk.longest_ms: 500, want 400, the longest of the instances"}},
		{"instances_out_of_order", func(r *Interaction) {
			n := &r.Conversation.NonTalkTime
			n.Instances, n.TotalMs, n.LongestMs = []Instance{{5000, 8000, 3000}, {0, 3000, 3000}}, 6000, 3000
		}, []string{"conversation.non_talk_time.instances[1].start_ms: 0, want at least 8000, the end of the instance before"}},
		{"interruptions_count", func(r *Interaction) { r.Conversation.Interruptions.TotalCount = 2 },
			[]string{"conversation.interruptions.total_count: 2, want 1, the number of instances"}},
		{"interruptions_time", func(r *Interaction) { r.Conversation.Interruptions.TotalMs = 501 },
			[]string{"conversation.interruptions.total_ms: 501, want at most 500, the sum of the instances"}},
		{"turns_count", func(r *Interaction) { r.Conversation.Turns.TotalCount = 5 },
			[]string{"conversation.turns.total_count: 5, want 4, the sum over roles"}},
		{"turns_mean", func(r *Interaction) {
			r.Conversation.Turns.ByRole[RoleCustomer] = RoleTurn{Count: 2, MeanMs: 7000, LongestMs: 6000}
		}, []string{"conversation.turns.by_role.customer: [2 7000 6000], want a mean of at most the longest; 0 without turns"}},
		{"latency_order", func(r *Interaction) { r.Conversation.ResponseLatencyMs[RoleCustomer] = Latency{1, 900, 800, 1000} },
			[]string{"conversation.response_latency_ms.customer: [900 800 1000], want median, p90 and max in order"}},
		{"latency_of_no_answer", func(r *Interaction) { r.Conversation.ResponseLatencyMs[RoleCustomer] = Latency{} },
			[]string{"conversation.response_latency_ms.customer.count: 0, want 1 to 9007199254740991"}},
		{"channel_lost", func(r *Interaction) { r.Conversation.Channels[1].LostMs = 0 },
			[]string{"conversation.channels[1].lost_ms: 0, want 60, the sum of the channel's gaps"}},
		{"channel_twice", func(r *Interaction) { r.Conversation.Channels[1].Channel, r.Conversation.Channels[1].LostMs = 0, 0 },
			[]string{"conversation.channels[1].channel: 0, want a channel of its own"}},
		{"affect_of_nobody", func(r *Interaction) { r.Affect[0].ParticipantID = "p7" },
			[]string{`affect[0].participant_id: "p7", want the id of a participant`}},
		{"affect_twice", func(r *Interaction) { r.Affect = append(r.Affect, r.Affect[0]) },
			[]string{`affect[1].participant_id: "p2", want one affect per participant`}},
		{"affect_out_of_order", func(r *Interaction) { r.Affect[0].Timeline[1].AtMs = 3999 },
			[]string{"affect[0].timeline[1].at_ms: 3999, want points by time"}},
		{"affect_point_outside", func(r *Interaction) { r.Affect[0].Timeline[1].AtMs, r.Affect[0].End.AtMs = 30501, 30502 },
			[]string{"affect[0].timeline[1].at_ms: 30501, want at most contact.duration_ms 30500",
				"affect[0].end.at_ms: 30502, want at most contact.duration_ms 30500"}},
		{"affect_peak_outside", func(r *Interaction) { r.Affect[0].PeakNegative.AtMs = 30501 },
			[]string{"affect[0].peak_negative.at_ms: 30501, want at most contact.duration_ms 30500"}},
		{"affect_uncertain_beyond_1", func(r *Interaction) { *r.Affect[0].Overall.AngerSD = 1.5 },
			[]string{"affect[0].overall.anger_sd: 1.5, want 0 to 1"}},
		{"affect_classes_sum", func(r *Interaction) { r.Affect[0].ClassMs["neutral"] = 1 },
			[]string{"affect[0].class_ms: 6001, want a sum of overall.speech_ms 6000"}},
		{"peak_end_over_1", func(r *Interaction) { *r.CX.PeakEnd = 1.01 }, []string{"cx.peak_end: 1.01, want 0 to 1"}},
		{"affect_eleven_deciles", func(r *Interaction) { r.Affect[0].Deciles = make([]AffectPoint, 11) },
			[]string{"affect[0].deciles: 11, want at most 10"}},
		{"assurance", func(r *Interaction) { r.Voice.Assurance = "verified" }, []string{`voice.assurance: "verified", want evidence_only`}},
		{"authenticated_under_the_threshold", func(r *Interaction) { *r.Voice.LLR = 1.5 },
			[]string{"voice.llr: 1.5, want at least threshold 2.9, since the decision is authenticated"}},
		{"authenticated_without_a_score", func(r *Interaction) { r.Voice.LLR = nil },
			[]string{"voice.llr: missing, want llr and threshold, since the decision is authenticated"}},
		{"opted_out_but_compared", func(r *Interaction) { r.Voice.Decision = OptedOut },
			[]string{`voice.decision: "opted_out", want no llr, candidates or watchlist: an opted-out voice is never compared`}},
		{"not_enrolled_but_scored", func(r *Interaction) { r.Voice.Decision = NotEnrolled },
			[]string{"voice.llr: 4.2, want none, since the decision is not_enrolled"}},
		{"spoof_without_a_reason", func(r *Interaction) { r.Voice.Spoof = nil },
			[]string{`voice.reasons: "above_threshold", want spoof_not_checked, since spoof is absent`}},
		{"alert_outside", func(r *Interaction) { r.Alerts[0].EndMs = 31000 }, []string{"alerts[0].end_ms: 31000, want at most contact.duration_ms 30500"}},
		{"csat_interval", func(r *Interaction) { r.CX.PredictedCSAT.Low = 2.5 }, []string{"cx.predicted_csat.value: 2.4, want low 2.5 to high 3.3"}},
		{"ces_8", func(r *Interaction) { r.CX.Surveys[0].Value = 8 }, []string{"cx.surveys[0].value: 8, want 1 to 7 for ces"}},
		{"csat_0", func(r *Interaction) { r.CX.Surveys[0].Kind, r.CX.Surveys[0].Value = "csat", 0 },
			[]string{"cx.surveys[0].value: 0, want 1 to 5 for csat"}},
		{"nps_11", func(r *Interaction) { r.CX.Surveys[0].Kind, r.CX.Surveys[0].Value = "nps", 11 },
			[]string{"cx.surveys[0].value: 11, want 0 to 10", "cx.surveys[0].value: 11, want 0 to 10 for nps"}},
		{"task_twice", func(r *Interaction) { r.CX.Tasks = append(r.CX.Tasks, r.CX.Tasks[0]) },
			[]string{`cx.tasks[1].id: "t1", want an id of its own`}},
		{"code", func(r *Interaction) { r.NotComputed[1].Code = "because" },
			[]string{`not_computed[1].code: "because", want no_model, role_unknown, sides_not_separated, policy, no_notice, no_consent, too_short, too_noisy, no_speech, no_claim, opted_out, privacy`}},
		{"absence_of_no_field", func(r *Interaction) { r.NotComputed[1].What = "F0 (Hz)" },
			[]string{`not_computed[1].what: "F0 (Hz)", want a match of ^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`}},
		{"absence_in_no_segment", func(r *Interaction) { r.NotComputed[1].Segment = "s9" },
			[]string{`not_computed[1].segment: "s9", want the id of a segment`}},
		{"emotion_absent_without_a_word", func(r *Interaction) { r.NotComputed = r.NotComputed[1:] },
			[]string{"segments[0].emotion: missing, want a value or an entry in not_computed", "segments[2].emotion: missing, want a value or an entry in not_computed"}},
		{"voice_absent_without_a_word", func(r *Interaction) { r.Voice = nil }, []string{"voice: missing, want a value or an entry in not_computed"}},
		{"parts_of_the_conversation_absent_without_a_word", func(r *Interaction) {
			c := r.Conversation
			c.TalkTime.ByRole, c.Overtalk, c.Interruptions, c.Turns, c.ResponseLatencyMs, c.Pace = nil, nil, nil, nil, nil, nil
		}, []string{
			"conversation.talk_time.by_role: missing, want a value or an entry in not_computed",
			"conversation.overtalk: missing, want a value or an entry in not_computed",
			"conversation.interruptions: missing, want a value or an entry in not_computed",
			"conversation.turns: missing, want a value or an entry in not_computed",
			"conversation.pace: missing, want a value or an entry in not_computed"}},
		{"no_segment_and_no_reason", func(r *Interaction) { r.Segments, r.NotComputed[1].Segment, r.NotComputed[3].Segment = nil, "", "" },
			[]string{"segments: empty, want segments or an entry in not_computed with code no_speech or privacy"}},
		{"every_fault_at_once", func(r *Interaction) {
			r.Contact.State, r.Voice.Assurance, r.CX.Surveys[0].Value = "over", "sure", 0
		}, []string{`contact.state: "over", want live, complete, interrupted`, `voice.assurance: "sure", want evidence_only`,
			"cx.surveys[0].value: 0, want 1 to 7 for ces"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := golden(t)
			test.spoil(r)
			err := r.Validate()
			if diff := cmp.Diff(test.want, problems(err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var p *Problem
			if !errors.As(err, &p) || p.Path == "" {
				t.Errorf("%v is no *Problem", err)
			}
		})
	}
}

// explain adds an entry for the whole call.
func (r *Interaction) explain(what string) {
	r.NotComputed = append(r.NotComputed, NotComputed{What: what, Code: CodeRoleUnknown})
}

func TestALiveRecordNeedNotExplain(t *testing.T) {
	r := golden(t)
	r.Contact.State = StateLive
	r.Voice, r.Conversation, r.Affect, r.NotComputed = nil, nil, nil, nil
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
}

// TestNonFiniteIsRefusedEverywhere puts NaN and the infinities into every float of the golden record.
func TestNonFiniteIsRefusedEverywhere(t *testing.T) {
	var floats func(v reflect.Value, visit func(reflect.Value))
	floats = func(v reflect.Value, visit func(reflect.Value)) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				floats(v.Elem(), visit)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type() != timeType {
					floats(v.Field(i), visit)
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				floats(v.Index(i), visit)
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				e := reflect.New(v.Type().Elem()).Elem()
				e.Set(it.Value())
				floats(e, func(x reflect.Value) { visit(x); v.SetMapIndex(it.Key(), e) })
			}
		case reflect.Float64:
			visit(v)
		}
	}
	n := 0
	floats(reflect.ValueOf(golden(t)), func(reflect.Value) { n++ })
	if n < 60 {
		t.Fatalf("%d floats in the golden record, want all of them", n)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for want := range n {
			// Maps are visited in random order, so that each number of a map is only reached over several runs; which one it
			// is does not matter, since every one of them must be refused.
			r, i := golden(t), 0
			floats(reflect.ValueOf(r), func(x reflect.Value) {
				if i == want {
					x.SetFloat(bad)
				}
				i++
			})
			err := r.Validate()
			if err == nil || !strings.Contains(err.Error(), "want a finite number") {
				t.Errorf("float %d set to %v: %v", want, bad, err)
			}
		}
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	s := compile(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(s, data); err != nil {
			t.Fatalf("schema: %v\n%s", err, data)
		}
		back, err := Parse(data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-record +read back:\n%s", diff)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(data) {
			t.Fatalf("written again: %v\n%s\nwas\n%s", err, again, data)
		}
	})
}

// TestArraysAreNeverNull empties every slice and map of the golden record, and then writes a record of nothing but nested structs.
func TestArraysAreNeverNull(t *testing.T) {
	s := compile(t)
	r := golden(t)
	bare := New()
	bare.Contact = r.Contact
	bare.Contact.Media.Gaps = nil
	bare.Governance.Policy = "default"
	bare.Conversation = &Conversation{Overtalk: &Overtalk{}, Interruptions: &Interruptions{}, Turns: &Turns{}}
	bare.Voice = &Voice{Decision: Locked, Assurance: AssuranceEvidenceOnly}
	bare.Affect = []Affect{{ParticipantID: "p", Trend: "steady"}}
	bare.Segments = []Segment{{ID: "s", Emotion: &Emotion{Label: "x"}}}
	bare.Evaluations = []Evaluation{{Form: "f", Version: 1, Evaluator: "e", State: "draft"}}
	for name, r := range map[string]*Interaction{"new": New(), "bare": bare} {
		for _, v := range []any{r, *r, []Interaction{*r}} {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), "null") {
				t.Errorf("%s: %s", name, data)
			}
		}
	}
	data, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	if err := accepts(s, data); err != nil {
		t.Errorf("schema: %v", err)
	}
	if bare.Sounds != nil || bare.Conversation.Channels != nil || bare.Segments[0].Emotion.Probabilities != nil {
		t.Error("MarshalJSON changed the record")
	}
	bare.Conversation.Interruptions.ByInterrupter = map[Role][]Instance{RoleAgent: nil}
	if data, err := json.Marshal(bare); err != nil || !strings.Contains(string(data), `"by_interrupter":{"agent":[]}`) {
		t.Errorf("%v: %s", err, data)
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(testkit.Read(t, "testdata/record.json"))
	for name, test := range map[string]struct{ old, new, want string }{
		"unknown_field":   {`"tenant"`, `"owner": 1, "tenant"`, "interaction: contact.owner: unknown field, want a field of timbre.interaction/1"},
		"capitals":        {`"tenant"`, `"Tenant"`, "interaction: contact.tenant: missing, want a value\ninteraction: contact.Tenant: unknown field, want a field of timbre.interaction/1"},
		"null_array":      {`"warnings": [`, `"warnings": null, "w": [`, "interaction: contact.media.warnings: null, want a value; absent where there is none"},
		"a_wrong_word":    {`"complete"`, `"finished"`, `interaction: contact.state: "finished", want live, complete, interrupted`},
		"a_wrong_sum":     {`"lost_ms": 60,`, `"lost_ms": 61,`, "interaction: contact.media.lost_ms: 61, want 60, the sum of the gaps"},
		"text_for_number": {`"revision": 3`, `"revision": "3"`, "interaction: record: json: cannot unmarshal string"},
		"cut_off":         {`"not_computed"`, `"not_computed`, "interaction: record: "},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Parse([]byte(strings.Replace(good, test.old, test.new, 1)))
			if err == nil || r != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// FuzzParse reads arbitrary documents: no panic, and what is accepted comes back as it was and follows the schema.
func FuzzParse(f *testing.F) {
	golden := testkit.Read(f, "testdata/record.json")
	f.Add(golden)
	f.Add(golden[:len(golden)/2])
	f.Add([]byte(`{"schema":"timbre.interaction/1","contact":null}`))
	s := compile(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(s, again); err != nil {
			t.Fatalf("schema: %v\n%s", err, again)
		}
		back, err := Parse(again)
		if err != nil || !cmp.Equal(r, back, cmpopts.EquateEmpty()) {
			t.Fatalf("%v: %s", err, cmp.Diff(r, back, cmpopts.EquateEmpty()))
		}
	})
}

// BenchmarkValidate and BenchmarkMarshal measure a record of 1000 segments.
func BenchmarkValidate(b *testing.B) {
	r := long()
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	r := long()
	data, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(r); err != nil {
			b.Fatal(err)
		}
	}
}

func long() *Interaction {
	r := New()
	r.Contact.ID, r.Contact.DurationMs, r.Contact.Source.Kind = "long", 5_000_000, "file"
	r.Contact.Media = Media{Encoding: "mulaw", SampleRateHz: 8000, Channels: 1}
	r.Governance.Policy = "default"
	r.Participants = []Participant{{ID: "p", Role: RoleCustomer, ToMs: 5_000_000}}
	f0 := 180.5
	for i := range int64(1000) {
		r.Segments = append(r.Segments, Segment{ID: fmt.Sprint("s", i), ParticipantID: "p", StartMs: i * 5000, EndMs: i*5000 + 4000,
			Prosody: &Prosody{F0Hz: &f0, LoudnessDBFS: new(float64)}, SNRdB: &f0})
	}
	return r
}
