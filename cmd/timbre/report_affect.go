package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// customerCourse returns the smoothed points of the customer, of all legs where there are several, by time.
func customerCourse(r *interaction.Interaction) []interaction.AffectPoint {
	var out []interaction.AffectPoint
	for _, a := range r.Affect {
		for _, p := range r.Participants {
			if p.ID == a.ParticipantID && p.Role == interaction.RoleCustomer {
				out = append(out, a.Timeline...)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b interaction.AffectPoint) int { return cmp.Compare(a.AtMs, b.AtMs) })
	return out
}

// courseRow draws one value of the points in the columns in which their speech is drawn, of several in one column the mean by time.
func (p *page) courseRow(s strip, points []interaction.AffectPoint, value func(interaction.AffectPoint) float64) []string {
	sum, weight := make([]float64, s.n), make([]float64, s.n)
	for _, q := range points {
		endMs := q.AtMs + max(q.SpeechMs, 1)
		for i := max((q.AtMs-s.fromMs)/s.scale, 0); i < int64(s.n); i++ {
			a, b := s.column(int(i))
			if a >= endMs {
				break
			}
			if cover := min(b, endMs) - max(a, q.AtMs); cover > 0 && (cover*100 >= s.scale*coverShare || endMs-q.AtMs < s.scale) {
				sum[i] += float64(cover) * value(q)
				weight[i] += float64(cover)
			}
		}
	}
	cells := blank(s.n)
	for i := range cells {
		if weight[i] > 0 {
			level := int(sum[i] / weight[i] * float64(len(p.g.levels)))
			cells[i] = p.g.levels[min(max(level, 0), len(p.g.levels)-1)]
		}
	}
	return cells
}

// courseRows draws the customer's course under the channels, where there is one.
func (p *page) courseRows(s strip, points []interaction.AffectPoint) {
	if len(points) == 0 {
		return
	}
	p.row("ANGER", red, p.courseRow(s, points, func(q interaction.AffectPoint) float64 { return q.Anger }))
	p.row("AROUSAL", "", p.courseRow(s, points, func(q interaction.AffectPoint) float64 { return q.Arousal }))
}

// affect prints one participant's course: arousal and anger first, valence as what it is.
func (p *page) affect(name string, f interaction.Affect) {
	s := fmt.Sprintf("arousal %.2f at the start, %.2f at the end (0 calm to 1 aroused); probability of an anger signal %s overall",
		f.Start.Arousal, f.End.Arousal, percent(f.Overall.Anger))
	if q := f.PeakNegative; q != nil {
		s += fmt.Sprintf(", %s at its peak at %s, %s at the end", percent(q.Anger), clock(q.AtMs), percent(f.End.Anger))
	}
	p.field(name, s+"; "+plain(f.Trend))
	var classes []string
	for label := range f.ClassMs {
		classes = append(classes, label)
	}
	slices.SortFunc(classes, func(a, b string) int { return cmp.Or(cmp.Compare(f.ClassMs[b], f.ClassMs[a]), cmp.Compare(a, b)) })
	for i, label := range classes {
		classes[i] = fmt.Sprintf("%s %s", plain(label), span(f.ClassMs[label]))
	}
	if len(classes) > 0 {
		p.field("", "most probable signal: "+strings.Join(classes, ", "))
	}
	if ms := f.EarlierMs; ms != nil {
		p.field("", fmt.Sprintf("heard against %s of speech of this customer's earlier calls, too", span(*ms)))
	}
	p.field("", fmt.Sprintf("valence %.2f at the start, %.2f at the end (0 negative to 1 positive); experimental, and behind no alert", f.Start.Valence, f.End.Valence))
}

// experience prints what the course says of the call as a whole.
func (p *page) experience(c *interaction.CX) {
	if c == nil {
		return
	}
	if c.PeakEnd != nil {
		p.field("Experience", fmt.Sprintf("peak-end score %.2f (1 is best: no anger at its peak and at the end)", *c.PeakEnd))
	}
	if q := c.PredictedCSAT; q != nil {
		p.field("CSAT", fmt.Sprintf("predicted %.1f of 5; 95 %% of the answers to such calls lie from %.0f to %.0f", q.Value, q.Low, q.High))
	}
}
