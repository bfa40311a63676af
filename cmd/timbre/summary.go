package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// summaryRow is one recording in the table of many.
type summaryRow struct {
	name                                          string
	length, agent, customer, quiet, both, cut, on string
	look                                          string // the most pressing moment
}

// newSummaryRow takes from r what tells calls apart.
func newSummaryRow(path string, r *interaction.Interaction) summaryRow {
	row := summaryRow{name: plain(filepath.Base(path)), length: clock(r.Contact.DurationMs), agent: "-", customer: "-", quiet: "-", both: "-", cut: "-", on: "-"}
	c := r.Conversation
	holds := holdSpans(r)
	if c != nil {
		if len(c.TalkTime.ByRole) > 1 {
			for role, cell := range map[interaction.Role]*string{interaction.RoleAgent: &row.agent, interaction.RoleCustomer: &row.customer} {
				if t, ok := c.TalkTime.ByRole[role]; ok {
					*cell = percent(t.Share)
				}
			}
		}
		var quiet []interaction.Instance
		for _, v := range c.NonTalkTime.Instances {
			if !mostlyMusic(holds, v.StartMs, v.EndMs) {
				quiet = append(quiet, v)
			}
		}
		if _, d := longestInstance(quiet); d > 0 {
			row.quiet = shortSpan(d)
		}
		if c.Overtalk != nil {
			row.both = shortSpan(c.Overtalk.TotalMs)
		}
		if c.Interruptions != nil {
			row.cut = fmt.Sprint(c.Interruptions.TotalCount)
		}
	}
	var hold int64
	for _, h := range holds {
		hold += h.EndMs - h.StartMs
	}
	if hold > 0 {
		row.on = shortSpan(hold)
	}
	if len(r.Segments) == 0 {
		row.look = "no speech was found"
	} else if ms := momentsOf(r); len(ms) > 0 {
		row.look = clock(ms[0].StartMs) + " " + ms[0].What
	}
	return row
}

// shortSpan returns a length of time in at most seven columns.
func shortSpan(ms int64) string {
	if ms < 600_000 {
		return fmt.Sprintf("%.1f s", seconds(ms))
	}
	return fmt.Sprintf("%d min", (ms+30_000)/60_000)
}

// renderSummary writes the table of several recordings, a rule before it where reports precede it.
func renderSummary(w io.Writer, rows []summaryRow, o reportOptions, after bool) error {
	p := newPage(o)
	if after {
		p.line("")
		p.line("")
		p.line(p.paint(dim, strings.Repeat(p.g.rule, p.Width)))
	}
	const figures = 7 + 7 + 9 + 8 + 8 + 5 + 8
	const lookWidth = 36
	name := p.Width - 2 - figures
	look := name >= 24+lookWidth
	if look {
		name -= lookWidth
	}
	name = min(max(name, 8), 48)
	line := func(r summaryRow) string {
		s := "  " + pad(fit(r.name, name-1, p.g.ellipsis), name) + fmt.Sprintf("%7s%7s%9s%8s%8s%5s%8s", r.length, r.agent, r.customer, r.quiet, r.both, r.cut, r.on)
		if look {
			s += "  " + fit(r.look, p.Width-2-name-figures-2, p.g.ellipsis)
		}
		return s
	}
	p.line(p.paint(bold, line(summaryRow{"recording", "length", "agent", "customer", "quiet", "both", "cut", "hold", "look here first"})))
	for _, r := range rows {
		p.line(line(r))
	}
	for _, l := range wrap("agent, customer: share of the talk; quiet: longest time in which nobody speaks and no music plays; both: both speak; cut: interruptions; hold: music on hold", p.Width-2) {
		p.line("  " + p.paint(dim, l))
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}
