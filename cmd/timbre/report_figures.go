package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// lookFirst lists the moments worth a reviewer's ear.
func (p *page) lookFirst(r *interaction.Interaction, ms []moment) {
	p.heading("Look here first")
	if len(ms) == 0 {
		p.line("  Nothing in this call stands out by its conversation figures.")
		return
	}
	const indent = 12
	for i, m := range ms {
		p.line(fmt.Sprintf("  %d  %s  %s", i+1, p.paint(bold, pad(clock(m.StartMs), 7)), upperFirst(m.What)))
		for _, l := range wrap(m.Why, p.Width-indent-2) {
			p.line(strings.Repeat(" ", indent+2) + p.paint(dim, l))
		}
	}
}

const (
	figureName    = 30 // columns of a figure's name
	maxSideColumn = 16
	sidesPerTable = 3
)

// figures prints what was measured: a table by side, then what belongs to the call.
func (p *page) figures(r *interaction.Interaction, ls []lane) {
	if r.Conversation == nil {
		return
	}
	p.heading("Key figures")
	for part := range slices.Chunk(ls, sidesPerTable) {
		p.sideTable(r.Conversation, ls, part)
	}
	p.line("")
	p.callFigures(r)
}

// sideTable prints one column per channel. Rows without any value are left out; a dash stands for a value not measured.
func (p *page) sideTable(c *interaction.Conversation, all, ls []lane) {
	width := min((p.Width-2-figureName)/len(ls), maxSideColumn)
	rows := []struct {
		name  string
		value func(lane) string
	}{
		{"Talk time", func(l lane) string {
			return orDash(l.Metrics != nil, func() string { return span(l.Metrics.TalkTimeMs) })
		}},
		{"Share of the talk", byRole(c.TalkTime.ByRole, all, len(c.TalkTime.ByRole) > 1, func(t interaction.RoleTalk) string { return percent(t.Share) })},
		{"Turns", turns(c, all, func(t interaction.RoleTurn) string { return fmt.Sprint(t.Count) })},
		{"Mean turn", turns(c, all, func(t interaction.RoleTurn) string { return span(t.MeanMs) })},
		{"Longest turn", turns(c, all, func(t interaction.RoleTurn) string { return span(t.LongestMs) })},
		{"Interrupts the other side", interrupts(c, all)},
		{"Time to answer, median", byRole(c.ResponseLatencyMs, all, true, func(v interaction.Latency) string { return span(v.MedianMs) })},
		{"Time to answer, slowest tenth", byRole(c.ResponseLatencyMs, all, true, func(v interaction.Latency) string { return span(v.P90Ms) })},
		{"Time to answer, longest", byRole(c.ResponseLatencyMs, all, true, func(v interaction.Latency) string { return span(v.MaxMs) })},
		{"Pace, syllables per second", byRole(c.Pace, all, true, func(v interaction.Pace) string { return fmt.Sprintf("%.1f", v.SyllablesPerS) })},
		{"Pitch, median in Hz", func(l lane) string { return number("%.0f", pitchOf(l)) }},
		{"Loudness of speech, dBFS", metric("%.1f", func(m *interaction.ChannelMetrics) *float64 { return m.LoudnessDBFS })},
		{"Loudness of speech, LUFS", metric("%.1f", func(m *interaction.ChannelMetrics) *float64 { return m.LoudnessLUFS })},
		{"Noise floor, dBFS", metric("%.1f", func(m *interaction.ChannelMetrics) *float64 { return m.NoiseDBFS })},
		{"Speech above noise, dB", metric("%.1f", func(m *interaction.ChannelMetrics) *float64 { return m.SNRdB })},
		{"Clipped samples", func(l lane) string {
			return orDash(l.Metrics != nil, func() string { return percent(l.Metrics.ClippedShare) })
		}},
		{"Audio that never arrived", func(l lane) string {
			return orDash(l.Metrics != nil && l.Metrics.LostMs > 0, func() string { return span(l.Metrics.LostMs) })
		}},
	}
	head := "  " + pad("", figureName)
	for _, l := range ls {
		head += p.paint(sideColour(l.Role), fmt.Sprintf("%*s", width, l.Label))
	}
	p.line(head)
	for _, row := range rows {
		text, any := "  "+pad(row.name, figureName), false
		for _, l := range ls {
			v := row.value(l)
			any = any || v != "-"
			text += fmt.Sprintf("%*s", width, v)
		}
		if any {
			p.line(text)
		}
	}
}

func orDash(ok bool, value func() string) string {
	if !ok {
		return "-"
	}
	return value()
}

func number(format string, v float64) string {
	return orDash(!math.IsNaN(v) && !math.IsInf(v, 0), func() string { return fmt.Sprintf(format, v) })
}

func metric(format string, get func(*interaction.ChannelMetrics) *float64) func(lane) string {
	return func(l lane) string {
		if l.Metrics == nil || get(l.Metrics) == nil {
			return "-"
		}
		return number(format, *get(l.Metrics))
	}
}

// byRole returns the column of a figure that the record keeps by role. Where several channels have one role, the first shows it.
func byRole[T any](m map[interaction.Role]T, all []lane, ok bool, text func(T) string) func(lane) string {
	return func(l lane) string {
		v, has := m[l.Role]
		first := slices.IndexFunc(all, func(o lane) bool { return o.Role == l.Role })
		return orDash(ok && has && all[first].Channel == l.Channel, func() string { return text(v) })
	}
}

func turns(c *interaction.Conversation, all []lane, text func(interaction.RoleTurn) string) func(lane) string {
	if c.Turns == nil {
		return func(lane) string { return "-" }
	}
	return byRole(c.Turns.ByRole, all, true, text)
}

// interrupts counts; a side that never interrupted has no key in the record, and that is a 0.
func interrupts(c *interaction.Conversation, all []lane) func(lane) string {
	if c.Interruptions == nil {
		return func(lane) string { return "-" }
	}
	n := map[interaction.Role]int{interaction.RoleAgent: 0, interaction.RoleCustomer: 0}
	for role, vs := range c.Interruptions.ByInterrupter {
		n[role] = len(vs)
	}
	return byRole(n, all, true, func(n int) string { return fmt.Sprint(n) })
}

// pitchOf returns the median pitch of a lane's segments, each weighted with its length.
func pitchOf(l lane) float64 {
	var v []weighted
	for _, s := range l.Segments {
		if s.Prosody != nil && s.Prosody.F0Hz != nil {
			v = append(v, weighted{*s.Prosody.F0Hz, float64(s.EndMs - s.StartMs)})
		}
	}
	return median(v)
}

// callFigures prints the figures that belong to no single side.
func (p *page) callFigures(r *interaction.Interaction) {
	c, d := r.Conversation, r.Contact.DurationMs
	figure := func(name, value string) {
		for i, l := range wrap(value, p.Width-2-figureName) {
			if i > 0 {
				name = ""
			}
			p.line("  " + pad(name, figureName) + l)
		}
	}
	figure("Somebody speaks", fmt.Sprintf("%s, %s of the recording", span(c.TalkTime.TotalMs), share(c.TalkTime.TotalMs, d)))
	nt := c.NonTalkTime
	if at, ms := longestInstance(nt.Instances); ms > 0 {
		figure("Nobody speaks for over 2 s", fmt.Sprintf("%s, %s (%s), longest %s at %s%s", count(len(nt.Instances), "time"), span(nt.TotalMs), share(nt.TotalMs, d), span(ms), clock(at), onHold(r, at, at+ms)))
	} else {
		figure("Nobody speaks for over 2 s", "never")
	}
	if o := c.Overtalk; o != nil {
		if at, ms := longestInstance(o.Instances); ms > 0 {
			figure("Both speak", fmt.Sprintf("%s, %s (%s), longest %s at %s", count(len(o.Instances), "time"), span(o.TotalMs), share(o.TotalMs, d), span(ms), clock(at)))
		} else {
			figure("Both speak", "never")
		}
	}
	if i := c.Interruptions; i != nil {
		if i.TotalCount == 0 {
			figure("Interruptions", "none")
		}
		for _, role := range []interaction.Role{interaction.RoleAgent, interaction.RoleCustomer} {
			if vs := i.ByInterrupter[role]; len(vs) > 0 {
				figure(fmt.Sprintf("%s interrupts %s", upperFirst(string(role)), otherSide(role)), times(vs))
			}
		}
	}
	if t := c.Turns; t != nil {
		figure("Turns", fmt.Sprint(t.TotalCount))
	}
}

// times lists where instances begin, at most a dozen of them.
func times(vs []interaction.Instance) string {
	const most = 12
	var at []string
	for _, v := range vs[:min(len(vs), most)] {
		at = append(at, clock(v.StartMs))
	}
	s := fmt.Sprintf("%s: %s", count(len(vs), "time"), strings.Join(at, ", "))
	if len(vs) > most {
		s += fmt.Sprintf(" and %d more", len(vs)-most)
	}
	return s
}
