package analysis

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

const (
	agent    = interaction.RoleAgent
	customer = interaction.RoleCustomer
	unknown  = interaction.RoleUnknown
)

// drawn reads a channel drawn with one character for 100 ms: '.' is silence, '~' music on hold, a blank nothing at all (for the
// eye), everything else speech.
func drawn(channel int, role interaction.Role, s string) Track {
	t := Track{Channel: channel, Role: role}
	var speech, hold []timeline.Interval
	for i, char := range []byte(strings.ReplaceAll(s, " ", "")) {
		tenth := timeline.Interval{Start: int64(i) * 800, End: int64(i+1) * 800}
		switch char {
		case '.':
		case '~':
			hold = append(hold, tenth)
		default:
			speech = append(speech, tenth)
		}
	}
	t.Speech, t.Hold = timeline.NewSet(speech...), timeline.NewSet(hold...)
	return t
}

// spans are expected instances, from and to in ms.
type spans [][2]int64

func (s spans) instances() []interaction.Instance {
	out := make([]interaction.Instance, len(s))
	for i, v := range s {
		out[i] = interaction.Instance{StartMs: v[0], EndMs: v[1], DurationMs: v[1] - v[0]}
	}
	return out
}

// TestConversationByHand pins each definition on a call small enough to read off the drawing. a is the agent, c the customer.
func TestConversationByHand(t *testing.T) {
	type turn = interaction.RoleTurn
	type latency = interaction.Latency
	tests := []struct {
		name                     string
		a, c                     string
		total, talk              int64 // of the conversation
		talkA, talkC             int64
		shareA                   float64
		nonTalk, overtalk        spans
		interruptsA, interruptsC spans
		interruptedMs            int64
		turnsA, turnsC           turn
		answersA, answersC       latency
	}{
		{
			name:  "an_answer_after_a_gap",
			a:     "AAAAAAAAAA ..........",
			c:     ".......... ..CCCCCCCC",
			total: 2000, talk: 1800, talkA: 1000, talkC: 800, shareA: 0.5556,
			turnsA: turns(1, 1000, 1000), turnsC: turns(1, 800, 800),
			answersC: after(1, 200, 200, 200),
		},
		{
			name:  "an_answer_without_gap_or_overlap_has_latency_0",
			a:     "AAAAAAAAAA ..........",
			c:     ".......... CCCCC.....",
			total: 1500, talk: 1500, talkA: 1000, talkC: 500, shareA: 0.6667,
			turnsA: turns(1, 1000, 1000), turnsC: turns(1, 500, 500),
			answersC: after(1, 0, 0, 0),
		},
		{
			name:  "a_short_burst_inside_the_others_speech_is_a_back_channel",
			a:     "AAAAAAAAAA AAAAAAAAAA",
			c:     ".......... .CCCC.....",
			total: 2000, talk: 2000, talkA: 2000, talkC: 400, shareA: 0.8333,
			overtalk: spans{{1100, 1500}},
			turnsA:   turns(1, 2000, 2000),
		},
		{
			name:  "a_short_burst_in_a_short_pause_is_a_back_channel",
			a:     "AAAAAAAAAA ....AAAAAA",
			c:     ".......... .CC.......",
			total: 2000, talk: 1800, talkA: 1600, talkC: 200, shareA: 0.8889,
			turnsA: turns(1, 2000, 2000),
		},
		{
			name:  "a_short_burst_in_a_pause_over_500_ms_is_a_turn",
			a:     "AAAAAAAAAA ........AA",
			c:     ".......... ..CCC.....",
			total: 2000, talk: 1500, talkA: 1200, talkC: 300, shareA: 0.8,
			turnsA: turns(2, 600, 1000), turnsC: turns(1, 300, 300),
			answersA: after(1, 300, 300, 300), answersC: after(1, 200, 200, 200),
		},
		{
			name:  "a_second_inside_the_others_speech_is_a_turn_that_takes_no_floor",
			a:     "AAAAAAAAAA AAAAAAAAAA",
			c:     "......CCCC CCCCCC....",
			total: 2000, talk: 2000, talkA: 2000, talkC: 1000, shareA: 0.6667,
			overtalk: spans{{600, 1600}},
			turnsA:   turns(1, 2000, 2000), turnsC: turns(1, 1000, 1000),
		},
		{
			name:  "an_interruption",
			a:     "AAAAAAAAAA A.........",
			c:     "........CC CCCCCCCCC.",
			total: 1900, talk: 1900, talkA: 1100, talkC: 1100, shareA: 0.5,
			overtalk:    spans{{800, 1100}},
			interruptsC: spans{{800, 1100}}, interruptedMs: 300,
			turnsA: turns(1, 1100, 1100), turnsC: turns(1, 1100, 1100),
		},
		{
			name:  "the_agent_interrupts_over_a_pause_that_is_no_overtalk",
			a:     "........AA AAAAAAAAAA",
			c:     "CCCCCCCCCC ..CCC.....",
			total: 2000, talk: 2000, talkA: 1200, talkC: 1300, shareA: 0.48,
			overtalk:    spans{{800, 1000}, {1200, 1500}},
			interruptsA: spans{{800, 1500}}, interruptedMs: 500,
			turnsA: turns(1, 1200, 1200), turnsC: turns(1, 1500, 1500),
		},
		{
			name:  "an_answer_200_ms_early_is_overtalk_and_no_interruption",
			a:     "AAAAAAAAAA ..........",
			c:     "........CC CCCCCCCCCC",
			total: 2000, talk: 2000, talkA: 1000, talkC: 1200, shareA: 0.4545,
			overtalk: spans{{800, 1000}},
			turnsA:   turns(1, 1000, 1000), turnsC: turns(1, 1200, 1200),
		},
		{
			name:  "an_overlap_of_100_ms_is_no_overtalk",
			a:     "AAAAAAAAAA ..........",
			c:     ".........C CCCCCCCCCC",
			total: 2000, talk: 2000, talkA: 1000, talkC: 1100, shareA: 0.4762,
			turnsA: turns(1, 1000, 1000), turnsC: turns(1, 1100, 1100),
		},
		{
			name:  "who_spoke_for_under_500_ms_had_no_floor_to_lose",
			a:     "AAAAAAAAAA ..........",
			c:     "....CCCCCC CCCCCCCCCC",
			total: 2000, talk: 2000, talkA: 1000, talkC: 1600, shareA: 0.3846,
			overtalk: spans{{400, 1000}},
			turnsA:   turns(1, 1000, 1000), turnsC: turns(1, 1600, 1600),
		},
		{
			name:  "under_a_second_is_no_interruption",
			a:     "AAAAAAAAAA ..........",
			c:     "......CCCC CCCCC.....",
			total: 1500, talk: 1500, talkA: 1000, talkC: 900, shareA: 0.5263,
			overtalk: spans{{600, 1000}},
			turnsA:   turns(1, 1000, 1000), turnsC: turns(1, 900, 900),
		},
		{
			name:  "a_silence_of_2_s_is_a_pause_in_a_turn",
			a:     "AAAAA..... .......... .....AAAAA",
			c:     ".......... .......... ..........",
			total: 3000, talk: 1000, talkA: 1000, shareA: 1,
			turnsA: turns(1, 3000, 3000),
		},
		{
			name:  "a_silence_over_2_s_is_non_talk_time_and_ends_the_turn",
			a:     "AAAAA..... .......... ......AAAA CC..",
			c:     ".......... .......... .......... ..CC",
			total: 3400, talk: 1300, talkA: 1100, talkC: 200, shareA: 0.8462,
			nonTalk: spans{{500, 2600}},
			turnsA:  turns(2, 550, 600), turnsC: turns(1, 200, 200),
			answersC: after(1, 0, 0, 0), // the agent's second turn follows its own speech: no latency
		},
		{
			name:  "silence_before_the_first_word_counts_and_after_the_last_does_not",
			a:     ".......... .......... .....AAAAA .......... .......... .....",
			c:     ".......... .......... .......... .......... .......... .....",
			total: 3000, talk: 500, talkA: 500, shareA: 1,
			nonTalk: spans{{0, 2500}},
			turnsA:  turns(1, 500, 500),
		},
		{
			name:  "music_on_hold_is_non_talk_time_and_its_end_no_answer",
			a:     "AAAAA.~~~~ ~~~~~~~~~~ ~~~~...... .AAA",
			c:     ".......... .......... .......CCC ....",
			total: 3400, talk: 1100, talkA: 800, talkC: 300, shareA: 0.7273,
			nonTalk: spans{{500, 2700}},
			turnsA:  turns(2, 400, 500), turnsC: turns(1, 300, 300),
			answersA: after(1, 100, 100, 100),
		},
		{
			name:  "of_two_equal_bursts_at_once_neither_is_a_back_channel",
			a:     "AAAAA .....",
			c:     "CCCCC .....",
			total: 500, talk: 500, talkA: 500, talkC: 500, shareA: 0.5,
			overtalk: spans{{0, 500}},
			turnsA:   turns(1, 500, 500), turnsC: turns(1, 500, 500),
		},
		{
			name:  "a_back_channel_may_end_with_the_other_side",
			a:     "AAAAAAAAAA AAAAAAAAAA",
			c:     ".......... .....CCCCC",
			total: 2000, talk: 2000, talkA: 2000, talkC: 500, shareA: 0.8,
			overtalk: spans{{1500, 2000}},
			turnsA:   turns(1, 2000, 2000),
		},
		{
			name:  "who_stops_together_with_the_other_side_took_no_floor",
			a:     "AAAAAAAAAA AAAAAAAAAA",
			c:     ".......... CCCCCCCCCC",
			total: 2000, talk: 2000, talkA: 2000, talkC: 1000, shareA: 0.6667,
			overtalk: spans{{1000, 2000}},
			turnsA:   turns(1, 2000, 2000), turnsC: turns(1, 1000, 1000),
		},
		{
			name:  "after_both_stopped_at_once_nobody_answers",
			a:     "AAAAAAAAAA AA........ .......... ...AAA",
			c:     "..CCCCCCCC CC........ .......... ......",
			total: 3600, talk: 1500, talkA: 1500, talkC: 1000, shareA: 0.6,
			nonTalk: spans{{1200, 3300}}, overtalk: spans{{200, 1200}},
			turnsA: turns(2, 750, 1200), turnsC: turns(1, 1000, 1000),
		},
		{
			name:  "a_turn_that_begins_in_the_others_speech_has_no_latency",
			a:     "AAAAA..... .AAAAAAAAA ......",
			c:     ".......... .....CCCCC CCCCCC",
			total: 2600, talk: 2000, talkA: 1400, talkC: 1100, shareA: 0.56,
			overtalk: spans{{1500, 2000}},
			turnsA:   turns(1, 2000, 2000), turnsC: turns(1, 1100, 1100),
		},
		{
			name:  "several_answers",
			a:     "AAA........ AAA........ AAA....... AAA",
			c:     "....CCC.... .....CC.... ...CCCCCC. ...",
			total: 3500, talk: 2300, talkA: 1200, talkC: 1100, shareA: 0.5217,
			turnsA: turns(4, 300, 300), turnsC: turns(3, 366, 600),
			answersA: after(3, 400, 400, 400), // after 400, 400 and 100 ms
			answersC: after(3, 100, 200, 200), // after 100, 200 and 0 ms
		},
		{
			name:  "an_exchange_of_words_within_pauses_of_500_ms_is_one_turn_each",
			a:     "AA...AA...AA ...AA",
			c:     "..CC...CC... CC...",
			total: 1700, talk: 1400, talkA: 800, talkC: 600, shareA: 0.5714,
			turnsA: turns(1, 1700, 1700), turnsC: turns(1, 1200, 1200),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tracks := []Track{drawn(0, agent, test.a), drawn(1, customer, test.c)}
			got, _ := conversation(tracks, 8000, int64(len(test.a))*800, true) // blanks only lengthen the audio
			want := interaction.Conversation{
				TotalConversationDurationMs: test.total,
				TalkTime: interaction.TalkTime{TotalMs: test.talk, ByRole: map[interaction.Role]interaction.RoleTalk{
					agent: {TotalMs: test.talkA, Share: test.shareA}, customer: {TotalMs: test.talkC, Share: *rounded(1-test.shareA, 4)},
				}},
				NonTalkTime:   nonTalk(test.nonTalk),
				Overtalk:      (*interaction.Overtalk)(ref(nonTalk(test.overtalk))),
				Interruptions: &interaction.Interruptions{TotalCount: len(test.interruptsA) + len(test.interruptsC), TotalMs: test.interruptedMs},
				Turns:         &interaction.Turns{TotalCount: test.turnsA.Count + test.turnsC.Count},
				Channels: []interaction.ChannelMetrics{
					{Channel: 0, Role: agent, TalkTimeMs: test.talkA}, {Channel: 1, Role: customer, TalkTimeMs: test.talkC},
				},
			}
			want.Interruptions.ByInterrupter = map[interaction.Role][]interaction.Instance{
				agent: test.interruptsA.instances(), customer: test.interruptsC.instances(),
			}
			want.Turns.ByRole = map[interaction.Role]turn{agent: test.turnsA, customer: test.turnsC}
			want.ResponseLatencyMs = map[interaction.Role]latency{}
			for role, l := range map[interaction.Role]latency{agent: test.answersA, customer: test.answersC} {
				if l.Count > 0 {
					want.ResponseLatencyMs[role] = l
				}
			}
			got.Pace = nil // TestPace
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func turns(count int, mean, longest int64) interaction.RoleTurn {
	return interaction.RoleTurn{Count: count, MeanMs: mean, LongestMs: longest}
}

func after(count int, median, p90, most int64) interaction.Latency {
	return interaction.Latency{Count: count, MedianMs: median, P90Ms: p90, MaxMs: most}
}

func ref[T any](x T) *T { return &x }

func nonTalk(s spans) interaction.NonTalkTime {
	out := interaction.NonTalkTime{Instances: s.instances()}
	for _, x := range out.Instances {
		out.TotalMs += x.DurationMs
		out.LongestMs = max(out.LongestMs, x.DurationMs)
	}
	return out
}

func TestLatencyStatistics(t *testing.T) {
	tests := []struct {
		ms   []int64
		want interaction.Latency
	}{
		{[]int64{700}, interaction.Latency{Count: 1, MedianMs: 700, P90Ms: 700, MaxMs: 700}},
		{[]int64{301, 100}, interaction.Latency{Count: 2, MedianMs: 200, P90Ms: 301, MaxMs: 301}},
		{[]int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, interaction.Latency{Count: 10, MedianMs: 5, P90Ms: 9, MaxMs: 10}},
		{[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, interaction.Latency{Count: 11, MedianMs: 6, P90Ms: 10, MaxMs: 11}},
	}
	for _, test := range tests {
		if got := latencyStats(slices.Clone(test.ms)); got != test.want {
			t.Errorf("latencyStats(%v) = %+v, want %+v", test.ms, got, test.want)
		}
	}
}

func TestPace(t *testing.T) {
	a, c := drawn(0, agent, "AAAAA AAAAA AAAAA"), drawn(1, customer, "CCCCC CCCC. .....")
	a.Syllables, c.Syllables = 6, 4
	got, absent := conversation([]Track{a, c}, 8000, 12000, true)
	if diff := cmp.Diff(map[interaction.Role]interaction.Pace{agent: {SyllablesPerS: 4, Syllables: 6}}, got.Pace); diff != "" {
		t.Errorf("pace of 6 nuclei in 1500 ms: -want +got:\n%s", diff)
	}
	want := interaction.NotComputed{What: "conversation.pace", Channel: ref(1), Code: interaction.CodeTooShort, Detail: "900 ms of speech, want 1000"}
	if !containsEntry(absent, want) {
		t.Errorf("not computed: %+v, want among them %+v", absent, want)
	}
}

func containsEntry(list []interaction.NotComputed, want interaction.NotComputed) bool {
	return slices.ContainsFunc(list, func(n interaction.NotComputed) bool { return cmp.Equal(n, want) })
}

// TestWhatNeedsASide shows which metrics a call has whose sides cannot be told apart, and the code that stands for the others.
func TestWhatNeedsASide(t *testing.T) {
	const speech = "SSSSSSSSSS SSSSS.....  .......... ..........  SSSSS"
	const ms = 4500
	sideParts := []string{"conversation.overtalk", "conversation.interruptions", "conversation.turns", "conversation.response_latency_ms"}
	tests := []struct {
		name      string
		tracks    []Track
		separated bool
		code      interaction.Code
		detail    string
		also      []string
		byRole    map[interaction.Role]interaction.RoleTalk
	}{
		{
			name: "mono_of_both_sides", tracks: []Track{drawn(0, unknown, speech)},
			code: interaction.CodeSidesNotSeparated, detail: "agent and customer share a channel",
			also: []string{"conversation.talk_time.by_role", "conversation.pace"}, byRole: map[interaction.Role]interaction.RoleTalk{},
		},
		{
			name: "mono_of_one_customer", tracks: []Track{drawn(0, customer, speech)}, separated: true,
			code: interaction.CodeSidesNotSeparated, detail: "only the customer is on the recording",
			byRole: map[interaction.Role]interaction.RoleTalk{customer: {TotalMs: 2000, Share: 1}},
		},
		{
			name: "mono_of_one_agent", tracks: []Track{drawn(0, agent, speech)}, separated: true,
			code: interaction.CodeSidesNotSeparated, detail: "only the agent is on the recording",
			byRole: map[interaction.Role]interaction.RoleTalk{agent: {TotalMs: 2000, Share: 1}},
		},
		{
			name: "a_channel_that_nobody_named", tracks: []Track{drawn(0, agent, speech), drawn(1, unknown, "SSSSS")}, separated: true,
			code: interaction.CodeRoleUnknown, detail: "nothing tells who is on channel 1",
			byRole: map[interaction.Role]interaction.RoleTalk{agent: {TotalMs: 2000, Share: 0.8}, unknown: {TotalMs: 500, Share: 0.2}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, absent := conversation(test.tracks, 8000, ms*8, test.separated)
			for _, what := range slices.Concat(sideParts, test.also) {
				want := interaction.NotComputed{What: what, Code: test.code, Detail: test.detail}
				if !containsEntry(absent, want) {
					t.Errorf("not computed: %+v, want among them %+v", absent, want)
				}
			}
			if got.Overtalk != nil || got.Interruptions != nil || got.Turns != nil || got.ResponseLatencyMs != nil {
				t.Errorf("%+v, want nothing that compares the sides", got)
			}
			if (got.Pace == nil) != slices.Contains(test.also, "conversation.pace") {
				t.Errorf("pace: %v", got.Pace)
			}
			if diff := cmp.Diff(test.byRole, got.TalkTime.ByRole); diff != "" {
				t.Errorf("by role: -want +got:\n%s", diff)
			}
			if got.TalkTime.TotalMs != 2000 || got.TotalConversationDurationMs != ms {
				t.Errorf("talk %d ms of %d, want 2000 of %d", got.TalkTime.TotalMs, got.TotalConversationDurationMs, ms)
			}
			if diff := cmp.Diff(nonTalk(spans{{1500, 4000}}), got.NonTalkTime); diff != "" {
				t.Errorf("non-talk time: -want +got:\n%s", diff)
			}
		})
	}
}

func TestSilentCall(t *testing.T) {
	tracks := []Track{drawn(0, agent, "....."), drawn(1, customer, ".....")}
	tracks[1].Metrics = interaction.ChannelMetrics{NoiseDBFS: ref(-62.5), ClippedShare: 0.25, LostMs: 20}
	got, absent := conversation(tracks, 8000, 4000, true)
	want := interaction.Conversation{
		TalkTime:    interaction.TalkTime{ByRole: map[interaction.Role]interaction.RoleTalk{}},
		NonTalkTime: interaction.NonTalkTime{Instances: []interaction.Instance{}},
		Channels: []interaction.ChannelMetrics{
			{Channel: 0, Role: agent},
			{Channel: 1, Role: customer, NoiseDBFS: ref(-62.5), ClippedShare: 0.25, LostMs: 20},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]interaction.NotComputed{{What: "conversation", Code: interaction.CodeNoSpeech, Detail: "no speech on any channel"}}, absent); diff != "" {
		t.Errorf("not computed: -want +got:\n%s", diff)
	}
}

func TestOneSideSilent(t *testing.T) {
	got, absent := conversation([]Track{drawn(0, agent, "AAAAAAAAAA AAAAA"), drawn(1, customer, "..........")}, 8000, 12000, true)
	if got.Overtalk == nil || got.Turns == nil || got.Turns.ByRole[customer].Count != 0 || got.Turns.ByRole[agent].Count != 1 {
		t.Errorf("%+v, want no overtalk and one turn of the agent", got)
	}
	for _, want := range []interaction.NotComputed{
		{What: "conversation.response_latency_ms", Channel: ref(0), Code: interaction.CodeNoSpeech, Detail: "one side does not speak"},
		{What: "conversation.response_latency_ms", Channel: ref(1), Code: interaction.CodeNoSpeech, Detail: "one side does not speak"},
		{What: "conversation.pace", Channel: ref(1), Code: interaction.CodeNoSpeech, Detail: "no speech was found"},
	} {
		if !containsEntry(absent, want) {
			t.Errorf("not computed: %+v, want among them %+v", absent, want)
		}
	}
}

// TestGoldenRecordFollowsTheDefinitions computes the conversation of the golden record from its segments and sounds, as a reader of a
// record can.
func TestGoldenRecordFollowsTheDefinitions(t *testing.T) {
	r, err := interaction.Parse(testkit.Read(t, "../testdata/record.json"))
	if err != nil {
		t.Fatal(err)
	}
	tracks := make([]Track, len(r.Conversation.Channels))
	for i, m := range r.Conversation.Channels {
		tracks[i] = Track{Channel: m.Channel, Role: m.Role, Syllables: r.Conversation.Pace[m.Role].Syllables, Metrics: m}
	}
	at := func(start, end int64) timeline.Interval { return timeline.Interval{Start: start * 8, End: end * 8} }
	for _, s := range r.Segments {
		tracks[s.Channel].Speech = append(tracks[s.Channel].Speech, at(s.StartMs, s.EndMs))
	}
	for _, s := range r.Sounds {
		if s.Kind == interaction.SoundHoldMusic {
			tracks[s.Channel].Hold = append(tracks[s.Channel].Hold, at(s.StartMs, s.EndMs))
		}
	}
	got, absent := conversation(tracks, 8000, r.Contact.DurationMs*8, true)
	side := interaction.LegMetrics{ParticipantID: "p1", TalkTimeMs: got.TalkTime.ByRole[interaction.RoleAgent].TotalMs, Turns: got.Turns.ByRole[interaction.RoleAgent]}
	pace := got.Pace[interaction.RoleAgent]
	side.Pace = &pace
	got.Legs = []interaction.LegMetrics{side} // the only leg is the side
	if diff := cmp.Diff(*r.Conversation, got); diff != "" {
		t.Errorf("-record +computed:\n%s", diff)
	}
	if diff := cmp.Diff(r.NotComputed[2:3], absent); diff != "" {
		t.Errorf("not computed: -record +computed:\n%s", diff)
	}
}
