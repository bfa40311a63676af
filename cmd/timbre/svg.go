package main

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/timbre-voice/timbre/interaction"
)

// The measures of the drawing, in px.
const (
	svgLeft       = 136 // of the plot; names stand left of it
	svgRight      = 28
	svgTop        = 124 // of the first lane
	svgPlot       = 1040
	svgMaxPlot    = 4800
	svgPxPerS     = 4 // below this a turn of a few seconds can no longer be seen: long calls get a wider drawing
	svgLane       = 104
	svgGap        = 10
	svgBand       = 16 // height of the rows of overtalk and silence
	svgLine       = 20
	svgCharPx     = 6.3 // width of a letter at 12 px, about
	svgMaxAbsence = 8
)

// The colours, told apart by a colour-blind eye and at least 4.5:1 on white where they are text.
const (
	inkColour      = "#1e293b"
	fainterColour  = "#5b6678"
	lineColour     = "#e2e8f0"
	agentColour    = "#1d5fa8"
	customerColour = "#b45309"
	unknownColour  = "#475569"
	overtalkColour = "#86198f"
	musicColour    = "#0f766e"
	idleColour     = "#b6c0cd"
)

// drawing is an SVG document under way.
type drawing struct {
	b          strings.Builder
	r          *interaction.Interaction
	ls         []lane
	ms         []moment
	points     []interaction.AffectPoint // the customer's course; none: no model has scored
	env        *envelope                 // nil: only the segments are drawn
	plot       float64                   // width of the plot
	durationMs int64
}

// timelineSVG returns the timeline of r as a standalone SVG document. env may be nil: a stored record has no envelope.
func timelineSVG(r *interaction.Interaction, env *envelope) []byte {
	ls, _ := lanes(r)
	d := &drawing{r: r, ls: ls, ms: momentsOf(r), points: customerCourse(r), env: env, durationMs: min(max(r.Contact.DurationMs, 1), maxDrawnMs)}
	d.plot = min(max(svgPlot, seconds(d.durationMs)*svgPxPerS), svgMaxPlot)
	as := absences(r)
	course := svgTop + len(ls)*(svgLane+svgGap)
	lanesEnd := course + d.courseHeight()
	bands := lanesEnd + 2
	axis := bands + 2*(svgBand+6) + 4
	legend := axis + 46
	items := d.legendItems()
	list := legend + 20 + svgLine*max(len(items), 1)
	notes := list + 12 + svgLine*len(d.ms)
	if len(d.ms) > 0 {
		notes += svgLine
	}
	height := notes + 16
	if len(as) > 0 {
		height += svgLine * (1 + min(len(as), svgMaxAbsence+1))
	}
	width := d.width()
	d.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img" aria-labelledby="t d" font-family="'DejaVu Sans', Verdana, 'Segoe UI', sans-serif" font-size="12" fill="%s">`,
		width, height, width, height, inkColour)
	d.put(`<title id="t">%s</title>`, escape("Timeline of "+d.name()))
	d.put(`<desc id="d">%s</desc>`, escape(d.describe()))
	d.defs()
	d.put(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	d.put(`<text x="24" y="38" font-size="20" font-weight="bold">%s</text>`, escape(fit(d.name(), 85, "…")))
	for i, l := range wrap(audioWords(r)+". "+inShort(r, ls), d.letters(48)) {
		d.put(`<text x="24" y="%d" fill="%s">%s</text>`, 60+i*17, fainterColour, escape(l))
	}
	d.grid(svgTop, axis)
	for i := range ls {
		d.lane(i, svgTop+i*(svgLane+svgGap))
	}
	d.course(course)
	d.bands(bands)
	d.look(lanesEnd)
	d.axis(axis)
	d.legend(legend, items)
	d.list(list)
	d.notes(notes, as)
	d.put(`</svg>`)
	return []byte(d.b.String())
}

func (d *drawing) put(format string, args ...any) {
	fmt.Fprintf(&d.b, format+"\n", args...)
}

// escape makes s fit for text and attributes: XML has no place for most control characters.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(plain(s))) // a Builder never fails
	return b.String()
}

func (d *drawing) name() string {
	if u := d.r.Contact.Source.URI; u != "" {
		return filepath.Base(u)
	}
	return d.r.Contact.ID
}

// describe says in words what the picture shows, for those who do not see it.
func (d *drawing) describe() string {
	s := audioWords(d.r) + ". " + inShort(d.r, d.ls)
	for i, m := range d.ms {
		s += fmt.Sprintf(" Look %d: %s at %s, %s.", i+1, m.What, clock(m.StartMs), m.Why)
	}
	return s
}

// x returns the horizontal position of a time.
func (d *drawing) x(ms int64) float64 {
	return svgLeft + d.plot*float64(min(max(ms, 0), d.durationMs))/float64(d.durationMs)
}

func (d *drawing) width() float64 {
	return svgLeft + d.plot + svgRight
}

// letters returns how many letters fit into a line with so many px left free.
func (d *drawing) letters(free float64) int {
	return int((d.width() - free) / svgCharPx)
}

func roleColour(role interaction.Role) string {
	switch role {
	case interaction.RoleAgent:
		return agentColour
	case interaction.RoleCustomer:
		return customerColour
	}
	return unknownColour
}

func (d *drawing) defs() {
	d.put(`<defs>`)
	d.put(`<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="7" height="7" fill="#f1f5f9"/><rect width="2" height="7" fill="#cbd5e1"/></pattern>`)
	d.put(`<pattern id="music" width="9" height="9" patternUnits="userSpaceOnUse"><rect width="9" height="9" fill="#e3f4f1"/><circle cx="3" cy="3" r="1.2" fill="#8fcabf"/></pattern>`)
	for i, l := range d.ls {
		if len(l.Segments) == 0 {
			continue
		}
		top := svgTop + i*(svgLane+svgGap)
		d.put(`<clipPath id="speech%d">`, i)
		for _, s := range l.Segments {
			d.put(`<rect x="%.1f" y="%d" width="%.1f" height="%d"/>`, d.x(s.StartMs), top, max(d.x(s.EndMs)-d.x(s.StartMs), 1), svgLane)
		}
		d.put(`</clipPath>`)
	}
	d.put(`</defs>`)
}

// tickStep returns the seconds between labels of the axis.
func (d *drawing) tickStep() int64 {
	for _, s := range []int64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800} {
		if d.plot*float64(s)*1000/float64(d.durationMs) >= 70 {
			return s
		}
	}
	step := int64(3600)
	for d.plot*float64(step)*1000/float64(d.durationMs) < 70 {
		step *= 2
	}
	return step
}

func (d *drawing) grid(top, bottom int) {
	step := d.tickStep() * 1000
	for t := int64(0); t <= d.durationMs; t += step {
		d.put(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`, d.x(t), top-6, d.x(t), bottom, lineColour)
	}
}

func (d *drawing) axis(y int) {
	d.put(`<line x1="%d" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`, svgLeft, y, svgLeft+d.plot, y, fainterColour)
	step := d.tickStep() * 1000
	for t := int64(0); t <= d.durationMs; t += step {
		d.put(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`, d.x(t), y, d.x(t), y+5, fainterColour)
		d.put(`<text x="%.1f" y="%d" text-anchor="middle" fill="%s">%s</text>`, d.x(t), y+19, fainterColour, clock(t))
	}
}

// list writes the moments that the numbers stand for.
func (d *drawing) list(y int) {
	if len(d.ms) == 0 {
		d.put(`<text x="24" y="%d" fill="%s">%s</text>`, y, fainterColour, "Nothing in this call stands out by its conversation figures.")
		return
	}
	d.put(`<text x="24" y="%d" font-size="14" font-weight="bold">Look here first</text>`, y)
	for i, m := range d.ms {
		y += svgLine
		d.bubble(36, float64(y-4), i+1)
		d.put(`<text x="54" y="%d"><tspan font-weight="bold">%s</tspan><tspan x="110">%s</tspan><tspan fill="%s">%s</tspan></text>`,
			y, clock(m.StartMs), escape(upperFirst(m.What)), fainterColour, escape(fit(prefixed(m.Why), d.letters(140)-len(m.What), "…")))
	}
}

// prefixed sets s off from what goes before.
func prefixed(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

func (d *drawing) notes(y int, as []absence) {
	if len(as) == 0 {
		return
	}
	d.put(`<text x="24" y="%d" font-size="14" font-weight="bold">Not computed</text>`, y+6)
	for i, a := range as {
		y += svgLine
		if i == svgMaxAbsence {
			d.put(`<text x="36" y="%d" fill="%s">and %d more, in the record</text>`, y+6, fainterColour, len(as)-i)
			return
		}
		d.put(`<text x="36" y="%d" fill="%s">%s</text>`, y+6, fainterColour, escape(fit(a.words(d.ls), d.letters(64), "…")))
	}
}

func (d *drawing) bubble(x, y float64, n int) {
	d.put(`<circle cx="%.1f" cy="%.1f" r="8.5" fill="%s"/><text x="%.1f" y="%.1f" text-anchor="middle" font-size="11" font-weight="bold" fill="#ffffff">%d</text>`, x, y, inkColour, x, y+4, n)
}

// room reports whether text fits into a width of px.
func room(text string, px float64) bool {
	return float64(utf8.RuneCountInString(text))*svgCharPx+6 <= px
}
