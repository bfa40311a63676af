package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/csat"
)

// maxRecordLine bounds one line of a file of records: an hour's record with every segment scored takes under 2 MB.
const maxRecordLine = 64 << 20

// calibrateCSATFlags are the flags of timbre calibrate csat.
type calibrateCSATFlags struct {
	records, surveys, out string
	seed                  uint64
	json                  bool
}

func (a *app) calibrateCSATCommand() *cobra.Command {
	f := calibrateCSATFlags{}
	cmd := &cobra.Command{
		Use:   "csat",
		Short: "Fit predicted CSAT to the survey answers of your own calls",
		Long: fmt.Sprintf(`Fit predicted CSAT to the survey answers of your own calls.

The calls are interaction records, one per line, as timbre analyze --json prints them; all calls, also those whose customer
did not answer, since the share that answers is part of the result. The answers are those in the records (cx.surveys) and
those of --surveys, a CSV file with the header contact_id,kind,value; contact_id is the platform's id of the contact or the
record's own, and the kind csat has values 1 to 5.

The model is ordinal (proportional odds) on how angry and aroused the voice was and how the talk was shared. It is judged on
answers that it has not seen, and refused below %d answers or where it predicts them no better than their own frequencies.
Use it with timbre analyze --csat FILE.`, csat.MinAnswers),
		Example: `  timbre analyze --json calls/ > records.jsonl
  timbre calibrate csat --records records.jsonl --surveys answers.csv -o csat.json`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, c := range []struct{ flag, value, want string }{{"records", f.records, "a file of records"}, {"output", f.out, "a file to write"}} {
				if c.value == "" {
					return usagef(cmd, "csat: --%s: empty, want %s", c.flag, c.want)
				}
			}
			return a.calibrateCSAT(cmd.Context(), f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.records, "records", "", "`FILE` of interaction records, one per line; - is standard input")
	fs.StringVar(&f.surveys, "surveys", "", "`FILE` of answers, CSV with the header contact_id,kind,value")
	fs.StringVarP(&f.out, "output", "o", "", "write the model to `FILE`")
	fs.Uint64Var(&f.seed, "seed", 1, "`number` from which the folds of the cross-validation are dealt")
	fs.BoolVar(&f.json, "json", false, "print the model")
	return cmd
}

// calibrateCSAT carries out the command.
func (a *app) calibrateCSAT(ctx context.Context, f calibrateCSATFlags) error {
	var collected csat.Collector
	if err := readRecords(ctx, f.records, collected.Add); err != nil {
		return err
	}
	var answers []csat.Answer
	if f.surveys != "" {
		file, err := os.Open(f.surveys)
		if err != nil {
			return fmt.Errorf("%s: %w", f.surveys, reason(err))
		}
		defer file.Close()
		if answers, err = csat.ReadSurveys(bufio.NewReader(file)); err != nil {
			return fmt.Errorf("%s: %w", f.surveys, err)
		}
	}
	calls := collected.Calls(answers)
	a.log.Info("joined", "records", collected.Records, "no_affect", collected.NoAffect, "calls", len(calls), "answers_unmatched", collected.Unmatched)
	m, err := csat.Calibrate(calls, f.seed)
	if err != nil {
		return fmt.Errorf("%s: %w; of %s %d have no affect of a customer, and %s matched no record", f.records, err,
			count(collected.Records, "record"), collected.NoAffect, count(collected.Unmatched, "answer"))
	}
	if err := writeFile(f.out, m.Write); err != nil {
		return err
	}
	w := a.con.outWriter()
	if f.json {
		return printJSON(w, m)
	}
	return renderCalibration(w, m, &collected, f.out)
}

// readRecords gives take every record of a file of JSON Lines. The error names the line.
func readRecords(ctx context.Context, path string, take func(*interaction.Interaction) error) error {
	in := io.Reader(os.Stdin)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, reason(err))
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 1<<16), maxRecordLine)
	n := 0
	for lines.Scan() {
		n++
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		r, err := interaction.Parse(lines.Bytes())
		if err == nil {
			err = take(r)
		}
		if err != nil {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s: line %d: longer than %d bytes, want one record per line", path, n+1, maxRecordLine)
	case err != nil:
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	return nil
}

// renderCalibration prints what a model is worth and who answers.
func renderCalibration(w io.Writer, m *csat.Model, c *csat.Collector, path string) error {
	var b strings.Builder
	v := m.Validation
	fmt.Fprintf(&b, "Predicted CSAT from %s of %s\n\n", count(v.Answers, "answer"), count(v.Calls, "call"))
	fmt.Fprintf(&b, "  On answers not seen, %d folds      model  frequencies alone\n", v.Folds)
	fmt.Fprintf(&b, "  log loss, nats                   %7.3f  %17.3f\n", v.LogLoss, v.LogLossReference)
	fmt.Fprintf(&b, "  mean absolute error, points      %7.2f  %17.2f\n", v.MAE, v.MAEReference)
	fmt.Fprintf(&b, "  answers inside the 95 %% interval  %6s\n\n", percent(v.Coverage))
	fmt.Fprintf(&b, "  Peak of anger     calls  answers  response rate (95 %% interval)  mean answer  predicted, all calls\n")
	dash := func(x *float64, format func(float64) string) string {
		return orDash(x != nil, func() string { return format(*x) })
	}
	two := func(x float64) string { return fmt.Sprintf("%.2f", x) }
	for _, r := range m.Response {
		rate := dash(r.Rate, percent)
		if r.RateLow != nil && r.RateHigh != nil {
			rate += fmt.Sprintf(" (%s to %s)", percent(*r.RateLow), percent(*r.RateHigh))
		}
		fmt.Fprintf(&b, "  %-8s >= %.1f  %7d  %7d  %29s  %11s  %20s\n", r.Name, r.AngerFrom, r.Calls, r.Answers, rate, dash(r.MeanAnswer, two), dash(r.MeanPredicted, two))
	}
	fmt.Fprintf(&b, "  %-15s  %7d  %7d  %29s  %11.2f  %20.2f\n\n", "all", v.Calls, v.Answers, percent(float64(v.Answers)/float64(v.Calls)), v.MeanAnswer, v.MeanPredicted)
	if v.Answers == v.Calls {
		fmt.Fprintf(&b, "  Every call has an answer: whether angry customers answer less cannot be seen from these records.\n")
	}
	if c.NoAffect > 0 {
		fmt.Fprintf(&b, "  Left out: %s without affect of a customer.\n", count(c.NoAffect, "record"))
	}
	if c.Unmatched > 0 {
		fmt.Fprintf(&b, "  Left out: %s for contacts that no record has.\n", count(c.Unmatched, "answer"))
	}
	fmt.Fprintf(&b, "  Written to %s\n", plain(path))
	_, err := io.WriteString(w, b.String())
	return err
}

// loadCSAT reads a model; a path of "" is none.
func loadCSAT(path string) (*csat.Model, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	m, err := csat.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
