package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/timbre-voice/timbre/interaction"
)

const (
	maxDrawnMs = 1e12 // 31 years: what an absurd record claims beyond this is not drawn
	maxStrips  = 4    // a timeline wraps into at most so many strips; from there on a column holds more time
	tickEvery  = 10   // columns between the labels of the ruler
	rowLabel   = 10   // columns of a row's name
	levelDB    = 4    // a segment this far from the speaker's median level is drawn quieter or louder
	coverShare = 30   // percent of a column that speech or a sound must cover to be drawn in it
)

// columnScales are the lengths of time a column may hold: ten of each are a round label.
var columnScales = []int64{100, 200, 500, 1000, 2000, 3000, 6000, 12_000, 18_000, 30_000, 60_000, 120_000, 180_000, 360_000}

// columnScale returns the shortest scale at which a call of ms fits into so many strips of n columns.
func columnScale(ms int64, n, strips int) int64 {
	limit := int64(n) * int64(strips)
	for _, s := range columnScales {
		if ms <= s*limit {
			return s
		}
	}
	s := columnScales[len(columnScales)-1]
	for ms/s >= limit {
		s *= 2
	}
	return s
}

// strip is a part of the call drawn under one ruler: n columns of scale ms from fromMs on.
type strip struct {
	fromMs, scale int64
	n             int
}

func (s strip) column(i int) (startMs, endMs int64) {
	startMs = s.fromMs + int64(i)*s.scale
	return startMs, startMs + s.scale
}

// at returns the column of a position, or -1 outside the strip.
func (s strip) at(ms int64) int {
	if i := (ms - s.fromMs) / s.scale; ms >= s.fromMs && i < int64(s.n) {
		return int(i)
	}
	return -1
}

// timeline draws the channels over time, what is common to them and where to look.
func (p *page) timeline(r *interaction.Interaction, ls []lane, ms []moment) {
	n := (p.Width - 2 - rowLabel) / tickEvery * tickEvery // whole ticks, so that every strip begins at a round time
	strips := maxStrips
	if len(r.Segments) == 0 && len(r.Sounds) == 0 {
		strips = 1 // there is nothing to see closer
	}
	durationMs := min(r.Contact.DurationMs, maxDrawnMs)
	scale := columnScale(durationMs, n, strips)
	course := customerCourse(r)
	p.heading("Timeline" + p.paint(dim, fmt.Sprintf("  one column is %s", span(scale))))
	for from := int64(0); from == 0 || from < durationMs; from += scale * int64(n) {
		if from > 0 {
			p.line("")
		}
		left := (durationMs - from + scale - 1) / scale
		s := strip{from, scale, int(max(min(int64(n), left), 1))}
		p.row("", "", p.ruler(s))
		if len(ms) > 0 {
			p.row("LOOK", bold, lookRow(s, ms))
		}
		if len(r.Marks) > 0 {
			p.row("MARKS", "", p.markRow(s, r.Marks))
		}
		for _, l := range ls {
			p.row(strings.ToUpper(l.Label), sideColour(l.Role), p.laneRow(s, l, r.Contact.Media.Gaps))
		}
		p.courseRows(s, course)
		if c := r.Conversation; c != nil {
			if c.Overtalk != nil {
				p.row("OVERTALK", red, p.overtalkRow(s, c))
			}
			p.row("NO TALK", dim, p.silenceRow(s, c.NonTalkTime.Instances))
		}
	}
	p.legend(r, ls, ms)
}

func sideColour(role interaction.Role) string {
	switch role {
	case interaction.RoleAgent:
		return cyan
	case interaction.RoleCustomer:
		return yellow
	}
	return ""
}

func (p *page) row(name, attr string, cells []string) {
	p.line("  " + p.paint(attr, pad(name, rowLabel)) + p.paint(attr, strings.TrimRight(strings.Join(cells, ""), " ")))
}

func blank(n int) []string {
	cells := make([]string, n)
	for i := range cells {
		cells[i] = " "
	}
	return cells
}

// write puts text into cells from column i on, as far as it fits.
func write(cells []string, i int, text string) {
	for _, c := range text {
		if i >= 0 && i < len(cells) {
			cells[i] = string(c)
		}
		i++
	}
}

func (p *page) ruler(s strip) []string {
	cells := blank(s.n)
	for i := 0; i < s.n; i += tickEvery {
		at, _ := s.column(i)
		text := p.g.tick + clock(at)
		for len(cells) < i+utf8.RuneCountInString(text) {
			cells = append(cells, " ")
		}
		write(cells, i, text)
	}
	return cells
}

// lookRow writes the number of each moment over its start, or over the next column where that is taken.
func lookRow(s strip, ms []moment) []string {
	cells := blank(s.n)
	for i, m := range ms {
		for c := s.at(m.StartMs); c >= 0 && c < s.n; c++ {
			if cells[c] == " " {
				cells[c] = fmt.Sprint(i + 1)
				break
			}
		}
	}
	return cells
}

func (p *page) markRow(s strip, marks []interaction.Mark) []string {
	cells := blank(s.n)
	for _, m := range marks {
		if c := s.at(m.AtMs); c >= 0 {
			cells[c] = p.g.mark
		}
	}
	return cells
}

// laneRow draws one channel: speech before the sounds behind it, of several the one that covers most of a column, and key tones
// always, since they are shorter than any column.
func (p *page) laneRow(s strip, l lane, gaps []interaction.Gap) []string {
	cells := blank(s.n)
	best := make([]int64, s.n)
	lay := func(startMs, endMs int64, glyph string, always bool) {
		for i := max((startMs-s.fromMs)/s.scale, 0); i < int64(s.n); i++ {
			a, b := s.column(int(i))
			if a >= endMs {
				break
			}
			cover := min(b, endMs) - max(a, startMs)
			if cover > best[i] && (always || cover*100 >= s.scale*coverShare) {
				best[i], cells[i] = cover, glyph
			}
		}
	}
	settle := func() { // what stands now is not covered by what comes after
		for i, c := range cells {
			if c != " " {
				best[i] = s.scale
			}
		}
	}
	for _, v := range l.Segments {
		lay(v.StartMs, v.EndMs, p.level(v, l.Norm), v.EndMs-v.StartMs < s.scale)
	}
	settle()
	for _, v := range l.Sounds {
		lay(v.StartMs, v.EndMs, p.sound(v.Kind), false)
	}
	settle()
	for _, v := range gaps {
		if v.Channel == l.Channel {
			lay(v.StartMs, v.EndMs, p.g.lost, false)
		}
	}
	for _, v := range l.Sounds {
		if c := s.at(v.StartMs); v.Kind == interaction.SoundDTMF && c >= 0 {
			cells[c] = p.g.dtmf
		}
	}
	return cells
}

// level returns the glyph of a segment by its loudness against the speaker's median.
func (p *page) level(s interaction.Segment, n norm) string {
	if s.Prosody == nil || s.Prosody.LoudnessDBFS == nil {
		return p.g.usual
	}
	switch d := *s.Prosody.LoudnessDBFS - n.LoudnessDBFS; {
	case d <= -levelDB:
		return p.g.quiet
	case d >= levelDB:
		return p.g.loud
	}
	return p.g.usual
}

func (p *page) sound(k interaction.SoundKind) string {
	switch k {
	case interaction.SoundHoldMusic:
		return p.g.music
	case interaction.SoundRingback:
		return p.g.ringback
	case interaction.SoundDTMF:
		return p.g.dtmf
	case interaction.SoundFax:
		return p.g.fax
	}
	return p.g.noise
}

// overtalkRow draws where both sides speak, with the initial of the interrupter where an interruption begins.
func (p *page) overtalkRow(s strip, c *interaction.Conversation) []string {
	cells := blank(s.n)
	for _, v := range c.Overtalk.Instances {
		for i := range cells {
			if a, b := s.column(i); a < v.EndMs && b > v.StartMs {
				cells[i] = p.g.overtalk
			}
		}
	}
	if c.Interruptions != nil {
		for _, role := range slices.Sorted(maps.Keys(c.Interruptions.ByInterrupter)) {
			for _, v := range c.Interruptions.ByInterrupter[role] {
				if i := s.at(v.StartMs); i >= 0 {
					cells[i] = initial(role)
				}
			}
		}
	}
	return cells
}

func initial(role interaction.Role) string {
	switch role {
	case interaction.RoleAgent:
		return "A"
	case interaction.RoleCustomer:
		return "C"
	}
	return "!"
}

// silenceRow draws the time in which nobody spoke, with its length where there is room.
func (p *page) silenceRow(s strip, instances []interaction.Instance) []string {
	cells := blank(s.n)
	for _, v := range instances {
		first, end := -1, -1
		for i := range cells {
			if a, b := s.column(i); 2*(min(b, v.EndMs)-max(a, v.StartMs)) >= s.scale {
				cells[i] = p.g.silence
				if first < 0 {
					first = i
				}
				end = i + 1
			}
		}
		if text := span(v.EndMs - v.StartMs); end-first >= len(text)+2 {
			write(cells, first+(end-first-len(text))/2, text)
		}
	}
	return cells
}

// legend explains the glyphs that the drawing uses.
func (p *page) legend(r *interaction.Interaction, ls []lane, ms []moment) {
	used := map[string]bool{}
	for _, l := range ls {
		for _, s := range l.Segments {
			used[p.level(s, l.Norm)] = true
		}
		for _, s := range l.Sounds {
			used[string(s.Kind)] = true
		}
	}
	var parts []string
	add := func(yes bool, glyph, text string) {
		if yes {
			parts = append(parts, glyph+" "+text)
		}
	}
	add(len(r.Segments) > 0, p.g.usual, "speech")
	add(used[p.g.quiet], p.g.quiet, fmt.Sprintf("%d dB quieter", levelDB))
	add(used[p.g.loud], p.g.loud, fmt.Sprintf("%d dB louder than the speaker's median", levelDB))
	for _, k := range []interaction.SoundKind{interaction.SoundHoldMusic, interaction.SoundRingback, interaction.SoundDTMF, interaction.SoundFax, interaction.SoundNoise} {
		add(used[string(k)], p.sound(k), soundWords(k))
	}
	add(len(r.Contact.Media.Gaps) > 0, p.g.lost, "no audio")
	if c := r.Conversation; c != nil {
		add(c.Overtalk != nil && len(c.Overtalk.Instances) > 0, p.g.overtalk, "both speak")
		if c.Interruptions != nil && c.Interruptions.TotalCount > 0 {
			parts = append(parts, "A agent, C customer begins to interrupt")
		}
		add(len(c.NonTalkTime.Instances) > 0, p.g.silence, "nobody speaks, over 2 s")
	}
	if len(customerCourse(r)) > 0 {
		parts = append(parts, p.g.levels[0]+".."+p.g.levels[len(p.g.levels)-1]+" customer's anger (probability) and arousal, 0 to 1")
	}
	add(len(r.Marks) > 0, p.g.mark, "mark")
	if len(ms) > 0 {
		parts = append(parts, "1.. see below")
	}
	if len(parts) == 0 {
		return
	}
	for _, l := range p.wrapParts(parts) {
		p.line("  " + pad("", rowLabel) + p.paint(dim, l))
	}
}

// wrapParts joins parts into lines that fit behind a row's name, never breaking inside a part.
func (p *page) wrapParts(parts []string) []string {
	var lines []string
	line := ""
	for _, s := range parts {
		switch {
		case line == "":
			line = s
		case utf8.RuneCountInString(line+"   "+s) <= p.Width-2-rowLabel:
			line += "   " + s
		default:
			lines = append(lines, line)
			line = s
		}
	}
	return append(lines, line)
}
