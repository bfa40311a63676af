package eval

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for people: one row per figure over all trials, then a table of the bands and of each group
// column, then what was not computed. Rates are in percent, with the interval in brackets.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	o := &r.Overall
	fmt.Fprintf(&b, "%d trials: %d target, %d nontarget, %d without a score", o.Trials, o.Targets, o.Nontargets, o.Failed)
	if o.Speakers > 0 {
		fmt.Fprintf(&b, "; %d speakers, %d with target trials", o.Speakers, o.TargetSpeakers)
	}
	if r.Options.Replicates > 0 {
		fmt.Fprintf(&b, "\nin brackets: %g %% intervals, bootstrap by %s, %d replicates, seed %d", 100*r.Options.Level, r.Unit, r.Options.Replicates, r.Options.Seed)
	}
	b.WriteString("\n\n")
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(tw, "%s\t%s\n", name, value) }
	row("EER (plain)", percent(o.EER))
	row("EER (convex hull)", percent(o.EERHull))
	for i, c := range r.Options.Costs {
		row("minDCF "+c.String(), number(o.MinDCF[i]))
		row("actDCF "+c.String(), number(o.ActDCF[i]))
	}
	row("Cllr, bits", number(o.Cllr))
	row("minCllr, bits", number(o.MinCllr))
	for _, p := range o.Points {
		v := percent(p.FNMR)
		if p.Offered {
			v += "  at threshold " + number(Estimate{p.Threshold, p.ThresholdAt.Low, p.ThresholdAt.High}) + ", FMR there " + percent(p.FMRAt)
		}
		row(fmt.Sprintf("FNMR at FMR %g %%", 100*p.Wanted), v)
	}
	row("FTA (tests that failed)", percent(o.FTA))
	row("FTE (enrolments that failed)", percent(o.FTE))
	tw.Flush()
	if len(r.Bands) > 0 {
		r.writeSlices(&b, "net speech of the test", r.Bands)
	}
	for _, g := range r.Groups {
		r.writeSlices(&b, g.Column, g.Slices)
	}
	for i, a := range o.NotComputed {
		if i == 0 {
			b.WriteString("\nnot computed:\n")
		}
		fmt.Fprintf(&b, "  %s: %s\n", a.What, a.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeSlices(b *strings.Builder, title string, slices []Slice) {
	b.WriteString("\n")
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	head := []string{title, "targets", "nontargets", "EER"}
	for _, c := range r.Options.Costs {
		head = append(head, fmt.Sprintf("minDCF %g", c.PTarget), fmt.Sprintf("actDCF %g", c.PTarget))
	}
	head = append(head, "Cllr", "FTA")
	for _, p := range slices[0].AtOverall {
		head = append(head, fmt.Sprintf("FMR at the threshold for %g %%", 100*p.Wanted), "FNMR there")
	}
	fmt.Fprintln(tw, strings.Join(head, "\t"))
	for _, s := range slices {
		row := []string{s.Name, fmt.Sprint(s.Targets), fmt.Sprint(s.Nontargets), percent(s.EER)}
		for i := range r.Options.Costs {
			row = append(row, number(s.MinDCF[i]), number(s.ActDCF[i]))
		}
		row = append(row, number(s.Cllr), percent(s.FTA))
		for _, p := range s.AtOverall {
			row = append(row, percent(p.FMR), percent(p.FNMR))
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	tw.Flush()
}

func percent(e Estimate) string {
	return show(Estimate{100 * e.Value, 100 * e.Low, 100 * e.High}, "%.2f", " %")
}

func number(e Estimate) string { return show(e, "%.3f", "") }

func show(e Estimate, format, unit string) string {
	if math.IsNaN(e.Value) {
		return "-"
	}
	s := fmt.Sprintf(format, e.Value) + unit
	if e.Interval() {
		s += fmt.Sprintf(" ["+format+", "+format+"]", e.Low, e.High)
	}
	return s
}
