package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
)

// leg is the part of a call, up to the next leg, in which one agent was on it, or, after an agent left, nobody known.
type leg struct {
	fromMs                  int64
	externalID, displayName string
}

// addLeg puts l in its place by time.
func (s *Session) addLeg(l leg) {
	at := sort.Search(len(s.legs), func(i int) bool { return s.legs[i].fromMs > l.fromMs })
	s.legs = slices.Insert(s.legs, at, l)
}

// keptLegs returns the legs that say something: those with a name or with speech of the agent's. Whether a transfer is told as
// one mark or as a leave and a join, and whether the first agent is told at once or by a join, the legs are then the same. A call
// of which nothing is known keeps one leg.
func (s *Session) keptLegs() []leg {
	if len(s.legs) == 1 {
		return s.legs
	}
	spoken := make([]bool, len(s.legs))
	for _, c := range s.channels {
		if c.who.Role != interaction.RoleAgent {
			continue
		}
		for _, seg := range c.segments {
			spoken[legAt(s.legs, seg.record.StartMs)] = true
		}
	}
	var kept []leg
	for i, l := range s.legs {
		if l.externalID != "" || l.displayName != "" || spoken[i] {
			kept = append(kept, l)
		}
	}
	if kept == nil {
		kept = s.legs[:1]
	}
	return kept
}

// legAt returns which of legs a position belongs to; one before the first belongs to the first.
func legAt(legs []leg, atMs int64) int {
	return max(sort.Search(len(legs), func(i int) bool { return legs[i].fromMs > atMs })-1, 0)
}

// participantID names who speaks on c at a position: agent-1, agent-2, ..., customer-1, or channel-N where the side is unknown.
func (s *Session) participantID(c *channel, legs []leg, atMs int64) string {
	switch c.who.Role {
	case interaction.RoleAgent:
		return agentID(legAt(legs, atMs))
	case interaction.RoleCustomer:
		return "customer-1"
	}
	return fmt.Sprintf("channel-%d", c.index)
}

func agentID(leg int) string { return fmt.Sprintf("agent-%d", leg+1) }

// participants returns who is on c: several where agents followed one another.
func (s *Session) participants(c *channel, legs []leg, endMs int64) []interaction.Participant {
	p := interaction.Participant{
		ID:          s.participantID(c, legs, 0),
		Role:        c.who.Role,
		Channel:     c.index,
		ExternalID:  c.who.ExternalID,
		DisplayName: c.who.DisplayName,
		ToMs:        endMs,
	}
	switch c.who.Role {
	case interaction.RoleCustomer:
		p.ExternalID = cmp.Or(s.bound.CustomerID, p.ExternalID)
		p.DisplayName = cmp.Or(s.bound.CustomerName, p.DisplayName)
	case interaction.RoleAgent:
		var out []interaction.Participant
		for i, l := range legs {
			q := p
			q.ID = agentID(i)
			q.FromMs = min(l.fromMs, endMs)
			if i+1 < len(legs) {
				q.ToMs = min(legs[i+1].fromMs, endMs)
			}
			if i > 0 { // what the stream told at its start is true of the first agent alone
				q.ExternalID, q.DisplayName = "", ""
			}
			q.ExternalID = cmp.Or(l.externalID, q.ExternalID)
			q.DisplayName = cmp.Or(l.displayName, q.DisplayName)
			out = append(out, q)
		}
		return out
	}
	return []interaction.Participant{p}
}

// holds returns the times between hold and unhold marks, at Rate; a hold that nothing ends lasts to the end.
func (s *Session) holds(total int64) timeline.Set {
	var out []timeline.Interval
	from := int64(-1)
	for _, m := range s.marks {
		at := min(timeline.Samples(m.AtMs, Rate), total)
		switch {
		case m.Kind == "hold" && from < 0:
			from = at
		case m.Kind == "unhold" && from >= 0:
			out, from = append(out, timeline.Interval{Start: from, End: at}), -1
		}
	}
	if from >= 0 {
		out = append(out, timeline.Interval{Start: from, End: total})
	}
	return timeline.NewSet(out...)
}

// legMetrics credits each agent with what the conversation metrics count of the agents' side, by where it began. It returns nil
// for a call of one leg, of which those metrics say it all.
func (s *Session) legMetrics(tracks []Track, legs []leg, total int64, separated bool) []interaction.LegMetrics {
	var agent, customer, hold timeline.Set
	var segments []segment
	present := map[interaction.Role]bool{}
	for _, t := range tracks {
		present[t.Role] = true
		hold = hold.Union(inMs(t.Hold, Rate, total))
		switch t.Role {
		case interaction.RoleAgent:
			agent = agent.Union(inMs(t.Speech, Rate, total))
			segments = append(segments, s.channels[t.Channel].segments...)
		case interaction.RoleCustomer:
			customer = customer.Union(inMs(t.Speech, Rate, total))
		}
	}
	if len(legs) < 2 || !separated || !present[interaction.RoleAgent] {
		return nil
	}
	out := make([]interaction.LegMetrics, len(legs))
	for i := range out {
		out[i].ParticipantID = agentID(i)
	}
	syllables := make([]int, len(legs))
	for _, seg := range segments {
		i := legAt(legs, seg.record.StartMs)
		out[i].TalkTimeMs += seg.record.EndMs - seg.record.StartMs
		syllables[i] += seg.syllables
	}
	for i := range out {
		if n := out[i].TalkTimeMs; n >= paceMs {
			out[i].Pace = &interaction.Pace{Syllables: syllables[i], SyllablesPerS: *rounded(float64(syllables[i])*1000/float64(n), 2)}
		}
	}
	if !present[interaction.RoleCustomer] {
		return out
	}
	f := newFloor(agent, customer)
	interruptions, _ := f.interruptions(0)
	for i := range out {
		mine := func(v timeline.Interval) bool { return legAt(legs, v.Start) == i }
		out[i].Turns = turnStats(only(f.turns[0], mine))
		out[i].InterruptionCount = len(only(interruptions, mine))
		leg := *f
		leg.turns[0] = only(f.turns[0], mine)
		if l := leg.latencies(0, hold); len(l) > 0 {
			stats := latencyStats(l)
			out[i].ResponseLatencyMs = &stats
		}
	}
	return out
}

// only returns the intervals of s that keep accepts.
func only(s timeline.Set, keep func(timeline.Interval) bool) timeline.Set {
	return slices.DeleteFunc(slices.Clone(s), func(v timeline.Interval) bool { return !keep(v) })
}
