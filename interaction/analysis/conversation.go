package analysis

import (
	"fmt"
	"slices"

	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
)

// The definitions of the conversation metrics. They are made of who spoke when, and of nothing else: music on hold, ringback and
// DTMF are not speech. Positions are rounded down to milliseconds first, so that a reader of the record can compute the same
// values from its segments.
//
//   - The conversation runs from the start of the audio to the end of the last speech. What a recorder keeps after the last word
//     is no part of it.
//   - Talk time of a side is the time with its speech; the share is of the sum over the sides. The total counts overtalk once.
//   - Non-talk time is the silences of everybody longer than 2 s, hold and the time before the first word included.
//   - Overtalk is speech of both sides at once, in instances of at least 200 ms. Shorter ones are within what listeners do not
//     notice and detectors blur: an answer without a gap.
//   - A burst is the speech of one side joined over its own pauses of up to 500 ms. A burst under 1 s that lies wholly inside a
//     longer burst of the other side is a back-channel ("mhm"), no turn.
//   - A turn is the bursts of one side, back-channels apart, joined over pauses of up to 2 s in which the other side has no burst
//     of its own. It lasts from its first to its last word.
//   - An interruption is a burst of at least 1 s that begins when the other side has been in a burst for at least 500 ms, has at
//     least 300 ms of speech at once with it and goes on after it: the interrupted side stops first. The instance runs
//     from the interrupter's first word to the end of the interrupted burst. Back-channels, false starts (the other side goes
//     on) and answers that come a little early are none.
//   - The response latency of a side is the silence between the end of the other side's speech and the side's turn. A
//     turn that begins while the other side speaks gives no latency, neither does one after the side's own speech or
//     after a hold. The median of an even number is the mean of the middle two, rounded down; p90 is the nearest rank.
//   - Pace is syllable nuclei per second of speech, from 1 s of speech on.
//
// The vocabulary, the end of the conversation and hold as non-talk time follow the conversational analytics of Amazon Connect
// Contact Lens, whose share is of the conversation's length and whose non-talk time begins at 3 s. Turns, gaps (between
// speakers), pauses (within one) and overlaps follow Sacks, Schegloff and Jefferson, Language 50 (1974), and Heldner and
// Edlund, Journal of Phonetics 38 (2010); Levinson and Torreira, Frontiers in Psychology 6:731 (2015), review how short gaps and
// overlaps at a change of speaker are. The thresholds are ours.
//
// Known limits, since there are no words: a short answer inside a pause of up to 500 ms is taken for a back-channel, and an
// exchange of single words that leaves no longer pause is one turn of each side.
const (
	nonTalkMs     = 2000 // a silence longer than this is non-talk time, and ends a turn
	overtalkMs    = 200  // least length of an instance of overtalk
	burstPauseMs  = 500  // pause inside a burst
	backChannelMs = 1000 // a burst shorter than this takes no floor from the other side
	holdFloorMs   = 500  // a burst has the floor after this time
	interruptMs   = 300  // least speech at once in an interruption
	paceMs        = 1000 // least speech for a pace
)

// Track is one channel of a call for the conversation metrics.
type Track struct {
	Channel   int
	Role      interaction.Role
	Speech    timeline.Set
	Hold      timeline.Set               // music on hold and ringback: a silence that meets it is not a response latency
	Syllables int                        // nuclei in Speech
	Metrics   interaction.ChannelMetrics // what was measured of the channel itself; TalkTimeMs is set here
}

// conversation computes the metrics of a call of total samples at rate, and says what could not be computed. separated says that
// no channel holds more than one side. Speech outside the call is cut off; the tracks are not changed.
func conversation(tracks []Track, rate int, total int64, separated bool) (interaction.Conversation, []interaction.NotComputed) {
	var all, hold timeline.Set
	roles := map[interaction.Role]*side{}
	out := interaction.Conversation{Channels: make([]interaction.ChannelMetrics, 0, len(tracks))}
	for _, t := range tracks {
		speech := inMs(t.Speech, rate, total)
		all = all.Union(speech)
		hold = hold.Union(inMs(t.Hold, rate, total))
		m := t.Metrics
		m.Channel, m.Role, m.TalkTimeMs = t.Channel, t.Role, speech.Len()
		out.Channels = append(out.Channels, m)
		r := roles[t.Role]
		if r == nil {
			r = &side{}
			roles[t.Role] = r
		}
		r.speech = r.speech.Union(speech)
		r.syllables += t.Syllables
		r.channels = append(r.channels, t.Channel)
	}
	out.TotalConversationDurationMs = all.Extent().End
	out.TalkTime = interaction.TalkTime{TotalMs: all.Len(), ByRole: map[interaction.Role]interaction.RoleTalk{}}
	silences := longer(all.Gaps(timeline.Interval{End: all.Extent().End}), nonTalkMs+1)
	out.NonTalkTime.Instances, out.NonTalkTime.TotalMs, out.NonTalkTime.LongestMs = instances(silences)

	a := &absence{}
	switch agent, customer := roles[interaction.RoleAgent], roles[interaction.RoleCustomer]; {
	case len(all) == 0:
		a.call("conversation", interaction.CodeNoSpeech, "no speech on any channel")
		return out, a.entries
	case !separated:
		a.sides(interaction.CodeSidesNotSeparated, "agent and customer share a channel")
		a.call("conversation.talk_time.by_role", interaction.CodeSidesNotSeparated, "agent and customer share a channel")
		a.call("conversation.pace", interaction.CodeSidesNotSeparated, "agent and customer share a channel")
		return out, a.entries
	case agent != nil && customer != nil:
		bothSides(&out, agent, customer, hold, a)
	case roles[interaction.RoleUnknown] != nil:
		a.sides(interaction.CodeRoleUnknown, fmt.Sprintf("nothing tells who is on channel %d", roles[interaction.RoleUnknown].channels[0]))
	default:
		detail := "only the customer is on the recording"
		if customer == nil {
			detail = "only the agent is on the recording"
		}
		a.sides(interaction.CodeSidesNotSeparated, detail)
	}
	out.TalkTime.ByRole = shares(roles)
	out.Pace = pace(roles, a)
	return out, a.entries
}

// side is everybody of one role.
type side struct {
	speech    timeline.Set // in ms
	syllables int
	channels  []int
}

// absence collects what could not be computed.
type absence struct {
	entries []interaction.NotComputed
}

func (a *absence) call(what string, code interaction.Code, detail string) {
	a.entries = append(a.entries, interaction.NotComputed{What: what, Code: code, Detail: detail})
}

func (a *absence) channels(what string, channels []int, code interaction.Code, detail string) {
	for _, c := range channels {
		a.entries = append(a.entries, interaction.NotComputed{What: what, Channel: &c, Code: code, Detail: detail})
	}
}

// sides names everything that compares the two sides.
func (a *absence) sides(code interaction.Code, detail string) {
	for _, what := range []string{"overtalk", "interruptions", "turns", "response_latency_ms"} {
		a.call("conversation."+what, code, detail)
	}
}

// bothSides fills in what compares the agent with the customer.
func bothSides(out *interaction.Conversation, agent, customer *side, hold timeline.Set, a *absence) {
	both := longer(agent.speech.Intersect(customer.speech), overtalkMs)
	out.Overtalk = &interaction.Overtalk{}
	out.Overtalk.Instances, out.Overtalk.TotalMs, out.Overtalk.LongestMs = instances(both)

	f := newFloor(agent.speech, customer.speech)
	out.Turns = &interaction.Turns{ByRole: map[interaction.Role]interaction.RoleTurn{}}
	out.Interruptions = &interaction.Interruptions{ByInterrupter: map[interaction.Role][]interaction.Instance{}}
	out.ResponseLatencyMs = map[interaction.Role]interaction.Latency{}
	for i, r := range []struct {
		role interaction.Role
		*side
	}{{interaction.RoleAgent, agent}, {interaction.RoleCustomer, customer}} {
		turns := f.turns[i]
		out.Turns.TotalCount += len(turns)
		out.Turns.ByRole[r.role] = turnStats(turns)

		instancesOf, spoken := f.interruptions(i)
		out.Interruptions.ByInterrupter[r.role], _, _ = instances(instancesOf)
		out.Interruptions.TotalCount += len(instancesOf)
		out.Interruptions.TotalMs += spoken

		const what = "conversation.response_latency_ms"
		switch latencies := f.latencies(i, hold); {
		case len(latencies) > 0:
			out.ResponseLatencyMs[r.role] = latencyStats(latencies)
		case len(agent.speech) == 0 || len(customer.speech) == 0:
			a.channels(what, r.channels, interaction.CodeNoSpeech, "one side does not speak")
		default:
			a.channels(what, r.channels, interaction.CodeTooShort, "0 answers after a silence, want 1")
		}
	}
}

func shares(roles map[interaction.Role]*side) map[interaction.Role]interaction.RoleTalk {
	var sum int64
	for _, r := range roles {
		sum += r.speech.Len()
	}
	out := make(map[interaction.Role]interaction.RoleTalk, len(roles))
	for role, r := range roles {
		out[role] = interaction.RoleTalk{TotalMs: r.speech.Len(), Share: *rounded(float64(r.speech.Len())/float64(sum), 4)}
	}
	return out
}

func pace(roles map[interaction.Role]*side, a *absence) map[interaction.Role]interaction.Pace {
	out := map[interaction.Role]interaction.Pace{}
	for _, role := range []interaction.Role{interaction.RoleAgent, interaction.RoleCustomer, interaction.RoleUnknown} {
		r := roles[role]
		if r == nil {
			continue
		}
		const what = "conversation.pace"
		switch n := r.speech.Len(); {
		case n >= paceMs:
			out[role] = interaction.Pace{Syllables: r.syllables, SyllablesPerS: *rounded(float64(r.syllables)*1000/float64(n), 2)}
		case n == 0:
			a.channels(what, r.channels, interaction.CodeNoSpeech, "no speech was found")
		default:
			a.channels(what, r.channels, interaction.CodeTooShort, fmt.Sprintf("%d ms of speech, want %d", n, paceMs))
		}
	}
	return out
}

// inMs returns the speech of the call in milliseconds, positions rounded down.
func inMs(s timeline.Set, rate int, total int64) timeline.Set {
	var vs []timeline.Interval
	for _, v := range s.Crop(timeline.Interval{End: total}) {
		vs = append(vs, timeline.Interval{Start: timeline.Ms(v.Start, rate), End: timeline.Ms(v.End, rate)})
	}
	return timeline.NewSet(vs...)
}

// longer returns the intervals of at least n.
func longer(s timeline.Set, n int64) timeline.Set {
	return slices.DeleteFunc(slices.Clone(s), func(v timeline.Interval) bool { return v.Len() < n })
}

// instances returns s, in ms, as the record writes it, with the sum and the longest.
func instances(s []timeline.Interval) (out []interaction.Instance, total, longest int64) {
	out = make([]interaction.Instance, len(s))
	for i, v := range s {
		out[i] = interaction.Instance{StartMs: v.Start, EndMs: v.End, DurationMs: v.Len()}
		total += v.Len()
		longest = max(longest, v.Len())
	}
	return out, total, longest
}
