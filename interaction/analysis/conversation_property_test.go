package analysis

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
)

// drawSpeech makes speech with pauses and bursts around the thresholds, at any sample.
func drawSpeech(t *rapid.T, label string) timeline.Set {
	var vs []timeline.Interval
	var at int64
	for range rapid.IntRange(0, 12).Draw(t, label+" bursts") {
		at += rapid.Int64Range(1, 24000).Draw(t, label+" pause")
		end := at + rapid.Int64Range(8, 16000).Draw(t, label+" speech")
		vs = append(vs, timeline.Interval{Start: at, End: end})
		at = end
	}
	return timeline.NewSet(vs...)
}

func drawCall(t *rapid.T) ([]Track, int64) {
	tracks := []Track{
		{Channel: 0, Role: agent, Speech: drawSpeech(t, "agent"), Syllables: rapid.IntRange(0, 99).Draw(t, "nuclei")},
		{Channel: 1, Role: customer, Speech: drawSpeech(t, "customer"), Syllables: rapid.IntRange(0, 99).Draw(t, "nuclei")},
	}
	total := max(tracks[0].Speech.Extent().End, tracks[1].Speech.Extent().End) + rapid.Int64Range(0, 40000).Draw(t, "tail")
	return tracks, total
}

func TestConversationProperties(t *testing.T) {
	t.Run("swapping_the_roles_swaps_the_metrics", rapid.MakeCheck(func(t *rapid.T) {
		tracks, total := drawCall(t)
		a, _ := conversation(tracks, 8000, total, true)
		tracks[0].Role, tracks[1].Role = customer, agent
		b, _ := conversation(tracks, 8000, total, true)
		swapRoles(a.TalkTime.ByRole)
		swapRoles(a.ResponseLatencyMs)
		swapRoles(a.Pace)
		if a.Turns != nil {
			swapRoles(a.Turns.ByRole)
			swapRoles(a.Interruptions.ByInterrupter)
		}
		a.Channels[0].Role, a.Channels[1].Role = customer, agent
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("-swapped +computed:\n%s", diff)
		}
	}))
	t.Run("the_order_of_the_tracks_does_not_matter", rapid.MakeCheck(func(t *rapid.T) {
		tracks, total := drawCall(t)
		a, _ := conversation(tracks, 8000, total, true)
		b, _ := conversation([]Track{tracks[1], tracks[0]}, 8000, total, true)
		slices.Reverse(b.Channels)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("-in order +reversed:\n%s", diff)
		}
	}))
	t.Run("a_later_start_moves_everything_and_changes_nothing", rapid.MakeCheck(func(t *rapid.T) {
		tracks, total := drawCall(t)
		a, _ := conversation(tracks, 8000, total, true)
		const shift = 5 * 8000
		for i := range tracks {
			tracks[i].Speech = slices.Clone(tracks[i].Speech)
			for j := range tracks[i].Speech {
				tracks[i].Speech[j].Start += shift
				tracks[i].Speech[j].End += shift
			}
		}
		b, _ := conversation(tracks, 8000, total+shift, true)
		if diff := cmp.Diff([]any{a.TalkTime, a.Turns, a.ResponseLatencyMs, a.Pace}, []any{b.TalkTime, b.Turns, b.ResponseLatencyMs, b.Pace}); diff != "" {
			t.Fatalf("-at 0 +at 5 s:\n%s", diff)
		}
		if a.Overtalk != nil && (a.Overtalk.TotalMs != b.Overtalk.TotalMs || a.Interruptions.TotalMs != b.Interruptions.TotalMs) {
			t.Fatalf("overtalk %+v moved is %+v", a.Overtalk, b.Overtalk)
		}
	}))
	t.Run("talk_overlap_and_silence_fill_the_call", rapid.MakeCheck(func(t *rapid.T) {
		tracks, total := drawCall(t)
		c, _ := conversation(tracks, 8000, total, true)
		if c.Turns == nil {
			return // nobody spoke
		}
		// Counted millisecond by millisecond, without the interval algebra.
		var either, both, silent, run int64
		in := func(s timeline.Set, ms int64) bool {
			return slices.ContainsFunc(s, func(v timeline.Interval) bool { return v.Start*1000/8000 <= ms && ms < v.End*1000/8000 })
		}
		for ms := range c.TotalConversationDurationMs {
			a, b := in(tracks[0].Speech, ms), in(tracks[1].Speech, ms)
			if a || b {
				either++
				if run > 2000 {
					silent += run
				}
				run = 0
			} else {
				run++
			}
			if a && b {
				both++
			}
		}
		byRole := c.TalkTime.ByRole
		if c.TalkTime.TotalMs != either || byRole[agent].TotalMs+byRole[customer].TotalMs != either+both {
			t.Fatalf("talk time %+v, want %d of both together with %d at once", c.TalkTime, either, both)
		}
		if c.NonTalkTime.TotalMs != silent {
			t.Fatalf("non-talk time %d, want %d", c.NonTalkTime.TotalMs, silent)
		}
		if c.Overtalk.TotalMs > both || c.Interruptions.TotalMs > both {
			t.Fatalf("overtalk %d and interruptions %d, want at most %d", c.Overtalk.TotalMs, c.Interruptions.TotalMs, both)
		}
	}))
	t.Run("two_channels_of_a_side_are_one_side", rapid.MakeCheck(func(t *rapid.T) {
		tracks, total := drawCall(t)
		a, _ := conversation(tracks, 8000, total, true)
		leg := Track{Channel: 2, Role: agent}
		for i, v := range tracks[0].Speech {
			if i%2 == 1 {
				leg.Speech = append(leg.Speech, v)
			}
		}
		tracks[0].Speech = tracks[0].Speech.Subtract(leg.Speech)
		b, _ := conversation(append(tracks, leg), 8000, total, true)
		a.Channels, b.Channels = nil, nil
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("-one channel +two:\n%s", diff)
		}
	}))
	t.Run("every_result_is_a_valid_part_of_a_record", rapid.MakeCheck(func(t *rapid.T) {
		tracks, total := drawCall(t)
		separated := rapid.Bool().Draw(t, "separated")
		if rapid.Bool().Draw(t, "mono") {
			tracks = tracks[:1]
			total = max(total, tracks[0].Speech.Extent().End)
		}
		c, absent := conversation(tracks, 8000, total, separated)
		r := interaction.New()
		r.Contact.ID, r.Contact.State, r.Contact.DurationMs = "call", interaction.StateComplete, ms(total)
		r.Contact.Source.Kind = "file"
		r.Contact.Media = interaction.Media{Encoding: "mulaw", SampleRateHz: 8000, Channels: len(tracks)}
		r.Governance.Policy = "default"
		r.Conversation = &c
		r.NotComputed = append(absent, interaction.NotComputed{What: "voice", Code: interaction.CodeNoModel},
			interaction.NotComputed{What: "affect", Code: interaction.CodeNoModel}, interaction.NotComputed{What: "segments", Code: interaction.CodeNoSpeech})
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
	}))
}

func swapRoles[T any](m map[interaction.Role]T) {
	a, hasA := m[agent]
	c, hasC := m[customer]
	delete(m, agent)
	delete(m, customer)
	if hasA {
		m[customer] = a
	}
	if hasC {
		m[agent] = c
	}
}

// BenchmarkConversation measures a call of an hour with a turn every five seconds.
func BenchmarkConversation(b *testing.B) {
	const seconds = 3600
	tracks := []Track{{Channel: 0, Role: agent}, {Channel: 1, Role: customer}}
	for s := int64(0); s < seconds; s += 5 {
		side := &tracks[s/5%2]
		side.Speech = append(side.Speech, timeline.Interval{Start: s * 8000, End: s*8000 + 39000})
	}
	b.ReportAllocs()
	for b.Loop() {
		conversation(tracks, 8000, seconds*8000, true)
	}
	b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}
