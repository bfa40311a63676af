package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/timbre-voice/timbre/interaction"
)

// lane draws channel i: its name, its sounds and segments, and the course of its level.
func (d *drawing) lane(i, top int) {
	l := d.ls[i]
	colour := roleColour(l.Role)
	d.put(`<g><title>%s</title>`, escape(upperFirst(l.Label)))
	d.put(`<rect x="%d" y="%d" width="%.1f" height="%d" fill="#f8fafc" fill-opacity="0.6" stroke="%s"/>`, svgLeft, top, d.plot, svgLane, lineColour)
	d.put(`<text x="24" y="%d" font-size="15" font-weight="bold" fill="%s">%s</text>`, top+24, colour, escape(upperFirst(l.Label)))
	for k, s := range d.besides(l) {
		d.put(`<text x="24" y="%d" font-size="11" fill="%s">%s</text>`, top+41+k*14, fainterColour, escape(s))
	}
	for _, s := range l.Sounds {
		d.sound(s, top)
	}
	for _, s := range l.Segments {
		d.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="2" fill="%s" fill-opacity="0.10" stroke="%s" stroke-opacity="0.35"><title>%s</title></rect>`,
			d.x(s.StartMs), top+3, max(d.x(s.EndMs)-d.x(s.StartMs), 1), svgLane-6, colour, colour, escape(segmentWords(l, s)))
	}
	if d.hasEnvelope(l) {
		d.wave(i, top, colour)
	} else {
		d.blocks(l, top, colour)
	}
	for _, g := range d.r.Contact.Media.Gaps {
		if g.Channel == l.Channel {
			d.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#fecaca" stroke="#b91c1c"><title>%s</title></rect>`,
				d.x(g.StartMs), top, max(d.x(g.EndMs)-d.x(g.StartMs), 2), svgLane, escape(fmt.Sprintf("no audio (%s), %s from %s", g.Reason, span(g.EndMs-g.StartMs), clock(g.StartMs))))
		}
	}
	d.put(`</g>`)
}

// hasEnvelope reports whether the level of a lane was followed.
func (d *drawing) hasEnvelope(l lane) bool {
	return d.env != nil && l.Channel >= 0 && l.Channel < len(d.env.channels)
}

// besides returns the small lines under a lane's name.
func (d *drawing) besides(l lane) []string {
	out := []string{fmt.Sprintf("channel %d", l.Channel)}
	if c := d.r.Conversation; c != nil && l.Metrics != nil {
		out = append(out, "talk "+span(l.Metrics.TalkTimeMs))
		if t, ok := c.TalkTime.ByRole[l.Role]; ok && len(c.TalkTime.ByRole) > 1 {
			out = append(out, percent(t.Share)+" of the talk")
		}
		if p, ok := c.Pace[l.Role]; ok {
			out = append(out, fmt.Sprintf("%.1f syllables/s", p.SyllablesPerS))
		}
		if v := l.Metrics.LoudnessDBFS; v != nil {
			out = append(out, fmt.Sprintf("%.1f dBFS", *v))
		}
	}
	return out
}

func segmentWords(l lane, s interaction.Segment) string {
	parts := []string{fmt.Sprintf("%s, %s to %s, %s", l.Label, clock(s.StartMs), clock(s.EndMs), span(s.EndMs-s.StartMs))}
	if p := s.Prosody; p != nil {
		for _, v := range []struct {
			format string
			value  *float64
		}{{"%.1f dBFS", p.LoudnessDBFS}, {"%.1f syllables/s", p.SyllablesPerS}, {"pitch %.0f Hz", p.F0Hz}} {
			if v.value != nil {
				parts = append(parts, fmt.Sprintf(v.format, *v.value))
			}
		}
	}
	return strings.Join(parts, ", ")
}

func (d *drawing) sound(s interaction.Sound, top int) {
	x, w := d.x(s.StartMs), max(d.x(s.EndMs)-d.x(s.StartMs), 2)
	fill, text := "#e6e9ef", soundWords(s.Kind)
	if s.Kind == interaction.SoundHoldMusic {
		fill, text = "url(#music)", "♪ "+text
	}
	d.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" stroke="%s" stroke-dasharray="3 2"><title>%s</title></rect>`,
		x, top+3, w, svgLane-6, fill, musicColour, escape(fmt.Sprintf("%s, %s to %s, %s", soundWords(s.Kind), clock(s.StartMs), clock(s.EndMs), strings.TrimSpace(span(s.EndMs-s.StartMs)+" "+s.Detail))))
	for _, t := range []string{fmt.Sprintf("%s, %s", text, span(s.EndMs-s.StartMs)), text} {
		if room(t, w) {
			d.put(`<text x="%.1f" y="%d" font-size="11" fill="%s" stroke="#ffffff" stroke-width="3" paint-order="stroke">%s</text>`, x+5, top+17, musicColour, escape(t))
			return
		}
	}
}

// wave draws the level of a lane: peaks light, RMS dark, in the side's colour where there is speech and grey elsewhere.
func (d *drawing) wave(i, top int, colour string) {
	n := int(d.plot)
	length := d.durationMs * int64(d.r.Contact.Media.SampleRateHz) / 1000
	peak, rms := d.env.channels[d.ls[i].Channel].columns(n, length)
	full := d.fullScale(n, length)
	mid, half := float64(top)+svgLane/2, float64(svgLane)/2-5
	for _, v := range []struct {
		name    string
		y       []float64
		opacity float64
	}{{"peak", peak, 0.38}, {"rms", rms, 0.9}} {
		d.put(`<defs><path id="%s%d" d="%s"/></defs>`, v.name, i, outline(v.y, full, mid, half))
		d.put(`<use href="#%s%d" fill="%s" fill-opacity="%.2f"/>`, v.name, i, idleColour, v.opacity)
		if len(d.ls[i].Segments) > 0 {
			d.put(`<g clip-path="url(#speech%d)"><use href="#%s%d" fill="%s" fill-opacity="%.2f"/></g>`, i, v.name, i, colour, v.opacity)
		}
	}
}

// fullScale returns the level that fills a lane: the loudest peak of any lane, so that the lanes can be compared, but never so
// low that the noise of an empty line looks like speech.
func (d *drawing) fullScale(n int, length int64) float64 {
	full := 0.03
	for _, l := range d.ls {
		if d.hasEnvelope(l) {
			peak, _ := d.env.channels[l.Channel].columns(n, length)
			full = max(full, slices.Max(peak))
		}
	}
	return full
}

// outline returns the path of a mirrored curve. Levels are drawn by their square root, so that quiet speech can be seen.
func outline(y []float64, full, mid, half float64) string {
	var b strings.Builder
	h := func(i int) float64 { return max(half*math.Sqrt(min(y[i]/full, 1)), 0.3) }
	for i := range y {
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&b, "%s%d %.1f", verb, svgLeft+i, mid-h(i))
	}
	for i := len(y) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "L%d %.1f", svgLeft+i, mid+h(i))
	}
	b.WriteString("Z")
	return b.String()
}

// blocks draws the segments of a lane by their loudness alone, where the record is all there is.
func (d *drawing) blocks(l lane, top int, colour string) {
	for _, s := range l.Segments {
		h := 0.5
		if s.Prosody != nil && s.Prosody.LoudnessDBFS != nil {
			h = min(max((*s.Prosody.LoudnessDBFS+50)/50, 0.1), 1)
		}
		h *= svgLane - 16
		d.put(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" fill="%s" fill-opacity="0.75"/>`,
			d.x(s.StartMs), float64(top)+(svgLane-h)/2, max(d.x(s.EndMs)-d.x(s.StartMs), 1), h, colour)
	}
}

// bands draws the rows under the lanes: where both speak, and where nobody does.
func (d *drawing) bands(y int) {
	c := d.r.Conversation
	if c == nil {
		return
	}
	name := func(y int, text string) {
		d.put(`<text x="24" y="%d" font-size="11" fill="%s">%s</text>`, y+svgBand-4, fainterColour, text)
	}
	if c.Overtalk != nil {
		name(y, "both speak")
		for _, v := range c.Overtalk.Instances {
			d.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" rx="2" fill="%s"><title>%s</title></rect>`, d.x(v.StartMs), y, max(d.x(v.EndMs)-d.x(v.StartMs), 2), svgBand, overtalkColour,
				escape(fmt.Sprintf("both speak, %s from %s", span(v.EndMs-v.StartMs), clock(v.StartMs))))
		}
	}
	if c.Interruptions != nil {
		for _, role := range []interaction.Role{interaction.RoleAgent, interaction.RoleCustomer} {
			for _, v := range c.Interruptions.ByInterrupter[role] {
				d.put(`<path d="M%.1f %d l-5 -9 h10 z" fill="%s" stroke="#ffffff"><title>%s</title></path>`, d.x(v.StartMs), y, roleColour(role),
					escape(fmt.Sprintf("%s interrupts %s at %s", role, otherSide(role), clock(v.StartMs))))
			}
		}
	}
	y += svgBand + 6
	name(y, "nobody speaks")
	for _, v := range c.NonTalkTime.Instances {
		x, w := d.x(v.StartMs), max(d.x(v.EndMs)-d.x(v.StartMs), 2)
		d.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="url(#hatch)" stroke="#94a3b8"><title>%s</title></rect>`, x, y, w, svgBand,
			escape(fmt.Sprintf("nobody speaks, %s from %s", span(v.EndMs-v.StartMs), clock(v.StartMs))))
		if t := span(v.EndMs - v.StartMs); room(t, w) {
			d.put(`<text x="%.1f" y="%d" font-size="11" text-anchor="middle" stroke="#ffffff" stroke-width="3" paint-order="stroke">%s</text>`, x+w/2, y+svgBand-4, t)
		}
	}
}

// look draws the numbers of the moments over the lanes, beside each other where they would lie on each other, each with a line
// down to its time.
func (d *drawing) look(bottom int) {
	order := make([]int, len(d.ms))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(d.ms[a].StartMs - d.ms[b].StartMs) })
	const y = svgTop - 24
	next := 0.0
	for _, i := range order {
		at := d.x(d.ms[i].StartMs)
		x := max(at, next)
		next = x + 19
		d.put(`<path d="M%.1f %d L%.1f %d V%d" fill="none" stroke="%s" stroke-dasharray="2 3"/>`, x, y+9, at, svgTop-4, bottom, inkColour)
		d.bubble(x, y, i+1)
	}
	for _, m := range d.r.Marks {
		d.put(`<path d="M%.1f %d v%d" stroke="%s"/><text x="%.1f" y="%d" font-size="11" fill="%s" stroke="#ffffff" stroke-width="3" paint-order="stroke">%s</text>`, d.x(m.AtMs), svgTop-12, bottom-svgTop+12, musicColour,
			d.x(m.AtMs)+3, svgTop-4, musicColour, escape(strings.ReplaceAll(m.Kind, "_", " ")))
	}
}

// legendItem is a mark and what it stands for.
type legendItem struct{ shape, text string }

// legendItems returns the marks that the drawing uses, in lines that fit its width.
func (d *drawing) legendItems() [][]legendItem {
	var items []legendItem
	add := func(yes bool, shape, text string) {
		if yes {
			items = append(items, legendItem{shape, text})
		}
	}
	for _, l := range d.ls {
		add(len(l.Segments) > 0, fmt.Sprintf(`<rect width="16" height="12" rx="2" fill="%s"/>`, roleColour(l.Role)), l.Label+" speaks")
	}
	add(d.env != nil, fmt.Sprintf(`<rect width="16" height="12" rx="2" fill="%s"/>`, idleColour), "no speech")
	music, other := false, false
	for _, s := range d.r.Sounds {
		music = music || s.Kind == interaction.SoundHoldMusic
		other = other || s.Kind != interaction.SoundHoldMusic
	}
	add(music, fmt.Sprintf(`<rect width="16" height="12" fill="url(#music)" stroke="%s" stroke-dasharray="3 2"/>`, musicColour), "♪ hold music")
	add(other, fmt.Sprintf(`<rect width="16" height="12" fill="#e6e9ef" stroke="%s" stroke-dasharray="3 2"/>`, musicColour), "other sound")
	if c := d.r.Conversation; c != nil {
		add(c.Overtalk != nil && len(c.Overtalk.Instances) > 0, fmt.Sprintf(`<rect width="16" height="12" rx="2" fill="%s"/>`, overtalkColour), "both speak")
		add(c.Interruptions != nil && c.Interruptions.TotalCount > 0, fmt.Sprintf(`<path d="M8 12 l-5 -9 h10 z" fill="%s"/>`, inkColour), "interruption, in the interrupter's colour")
		add(len(c.NonTalkTime.Instances) > 0, `<rect width="16" height="12" fill="url(#hatch)" stroke="#94a3b8"/>`, "nobody speaks, over 2 s")
	}
	if len(d.points) > 0 {
		items = append(items, courseLegend()...)
	}
	add(len(d.r.Contact.Media.Gaps) > 0, `<rect width="16" height="12" fill="#fecaca" stroke="#b91c1c"/>`, "no audio")
	var lines [][]legendItem
	x := d.width()
	for _, it := range items {
		if x+it.width() > d.width()-svgRight {
			lines, x = append(lines, nil), 24
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], it)
		x += it.width()
	}
	return lines
}

func (it legendItem) width() float64 {
	return 22 + float64(utf8.RuneCountInString(it.text))*svgCharPx*11/12 + 16
}

func (d *drawing) legend(y int, lines [][]legendItem) {
	for _, line := range lines {
		x := 24.0
		for _, it := range line {
			d.put(`<g transform="translate(%.0f %d)">%s<text x="22" y="10" font-size="11" fill="%s">%s</text></g>`, x, y, it.shape, fainterColour, escape(it.text))
			x += it.width()
		}
		y += svgLine
	}
}
