package main

import (
	"fmt"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// The lane of the customer's course.
const (
	svgCourse     = 96
	angerColour   = "#b91c1c"
	arousalColour = "#6d28d9"
	valenceColour = "#5b6678"
)

// courseHeight returns the height that the course takes, with the gap under it.
func (d *drawing) courseHeight() int {
	if len(d.points) == 0 {
		return 0
	}
	return svgCourse + svgGap
}

// curves are drawn from the last to the first, so that the headline lies on top. A curve is told by its dashes as well.
var curves = []struct {
	name, colour, dashes string
	width                float64
	value                func(interaction.AffectPoint) float64
	sd                   func(interaction.AffectPoint) *float64 // nil: drawn without its uncertainty
}{
	{"valence (experimental)", valenceColour, "1 4", 1, func(q interaction.AffectPoint) float64 { return q.Valence }, nil},
	{"arousal", arousalColour, "7 3", 2, func(q interaction.AffectPoint) float64 { return q.Arousal }, func(q interaction.AffectPoint) *float64 { return q.ArousalSD }},
	{"anger (probability)", angerColour, "none", 2, func(q interaction.AffectPoint) float64 { return q.Anger }, func(q interaction.AffectPoint) *float64 { return q.AngerSD }},
}

// course draws the customer's smoothed anger and arousal with their 95 % bands.
func (d *drawing) course(top int) {
	if len(d.points) == 0 {
		return
	}
	d.put(`<g><title>Course of the customer's expressed emotion</title>`)
	d.put(`<rect x="%d" y="%d" width="%.1f" height="%d" fill="#f8fafc" fill-opacity="0.6" stroke="%s"/>`, svgLeft, top, d.plot, svgCourse, lineColour)
	d.put(`<text x="24" y="%d" font-size="15" font-weight="bold" fill="%s">Course</text>`, top+24, customerColour)
	for i, s := range []string{"of the signal in", "the customer's", "voice, with 95 %"} {
		d.put(`<text x="24" y="%d" font-size="11" fill="%s">%s</text>`, top+41+i*14, fainterColour, s)
	}
	y := func(v float64) float64 { return float64(top) + 6 + (svgCourse-12)*(1-min(max(v, 0), 1)) }
	for _, v := range []float64{0, 0.5, 1} {
		d.put(`<line x1="%d" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`, svgLeft, y(v), svgLeft+d.plot, y(v), lineColour)
		d.put(`<text x="%d" y="%.1f" font-size="10" text-anchor="end" fill="%s">%g</text>`, svgLeft-4, y(v)+3, fainterColour, v)
	}
	x := func(q interaction.AffectPoint) float64 { return d.x(q.AtMs + max(q.SpeechMs, 0)/2) }
	for _, c := range curves {
		if c.sd != nil {
			d.band(c.colour, x, y, c.value, c.sd)
		}
		var line strings.Builder
		for i, q := range d.points {
			verb := "L"
			if i == 0 {
				verb = "M"
			}
			fmt.Fprintf(&line, "%s%.1f %.1f", verb, x(q), y(c.value(q)))
		}
		d.put(`<path d="%s" fill="none" stroke="%s" stroke-width="%g" stroke-dasharray="%s"><title>%s</title></path>`, line.String(), c.colour, c.width, c.dashes, escape(c.name))
	}
	for _, q := range d.points {
		d.put(`<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"><title>%s</title></circle>`, x(q), y(q.Anger), angerColour,
			escape(fmt.Sprintf("%s, %s of speech: anger signal %s, arousal %.2f", clock(q.AtMs), span(q.SpeechMs), percent(q.Anger), q.Arousal)))
	}
	d.put(`</g>`)
}

// band shades 1.96 standard deviations around a curve, where every point has one.
func (d *drawing) band(colour string, x func(interaction.AffectPoint) float64, y func(float64) float64, value func(interaction.AffectPoint) float64, sd func(interaction.AffectPoint) *float64) {
	var upper, lower string
	for i, q := range d.points {
		if sd(q) == nil {
			return
		}
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		upper += fmt.Sprintf("%s%.1f %.1f", verb, x(q), y(value(q)+1.96**sd(q)))
		lower = fmt.Sprintf("L%.1f %.1f", x(q), y(value(q)-1.96**sd(q))) + lower
	}
	d.put(`<path d="%s%sZ" fill="%s" fill-opacity="0.12"/>`, upper, lower, colour)
}

// courseLegend returns the legend of the curves, the headline first.
func courseLegend() []legendItem {
	var out []legendItem
	for i := len(curves) - 1; i >= 0; i-- {
		c := curves[i]
		out = append(out, legendItem{fmt.Sprintf(`<path d="M0 6 h16" stroke="%s" stroke-width="%g" stroke-dasharray="%s"/>`, c.colour, c.width, c.dashes), c.name})
	}
	return out
}
