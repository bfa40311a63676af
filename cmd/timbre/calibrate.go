package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/voiceprint"
)

// calibrateCommand holds what fits Timbre to a site's own calls.
func (a *app) calibrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Fit scores and predictions to your own calls",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.calibrateVerificationCommand(), a.calibrateEmotionCommand(), a.calibrateCSATCommand())
	return cmd
}

// calibrateFlags are the flags of timbre calibrate verification.
type calibrateFlags struct {
	voiceFlags
	databaseFlags
	shadow                             string // labels of attempts, in the place of trials
	trials, speakers, audio, out, data string
	testSeconds                        []float64
	degrade                            []string
	lines                              []degrade.Line
	json                               bool
}

func (a *app) calibrateVerificationCommand() *cobra.Command {
	f := calibrateFlags{}
	cmd := &cobra.Command{
		Use:   "verification --trials FILE --audio DIR -o FILE",
		Short: "Fit the map from score to LLR, and the thresholds, on a site's own trials",
		Long: `Fit the map from score and quality to the log-likelihood ratio, and the thresholds for false match rates of 1 % and 0.1 %, on
labelled trials of a site's own calls. verify, identify and eval take the file with --calibration.

It refuses, and says why, when there are too few trials or speakers, or when the classes overlap too much. A threshold that the
trials cannot support is not offered.

--test-seconds and --degrade take lists: every trial then counts once per length and line, which makes the fit hold across them
(0 is the whole test).

--shadow fits on the attempts that a database keeps, as shadow mode makes them, in the place of trials: a CSV with the columns
attempt or interaction, label (target, nontarget) and if wanted speaker, who it was in truth. No audio is needed: the fit lays a
scale and an offset over the calibration that the attempts were judged with (that of the model, or --calibration).`,
		Example: `  timbre calibrate verification --trials own.trials --audio calls --test-seconds 0,3,5,10 -o site.json
  timbre speakers attempts --json > attempts.jsonl
  timbre calibrate verification --shadow labels.csv --db calls.db -o site.json`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			if f.shadow != "" {
				return a.calibrateShadow(cmd.Context(), f)
			}
			return a.calibrateVerification(cmd.Context(), f)
		},
	}
	f.voiceFlags.add(cmd)
	f.databaseFlags.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.trials, "trials", "", "`FILE` with the trials, as eval verification takes it")
	fs.StringVar(&f.shadow, "shadow", "", "CSV `FILE` that labels the attempts of a database, in the place of --trials")
	fs.StringVar(&f.speakers, "speakers", "", "CSV `FILE` with the columns path and speaker (default: derived from the labels)")
	fs.StringVar(&f.audio, "audio", ".", "`DIR` that the paths in the lists are relative to")
	fs.StringVarP(&f.out, "output", "o", "", "write the calibration into `FILE`")
	fs.StringVar(&f.data, "data", "", "what the trials are, in `words` that stand in the file (default: the name of the list)")
	fs.Float64SliceVar(&f.testSeconds, "test-seconds", []float64{0}, "first `seconds` of speech of each test, a list; 0: all")
	fs.StringSliceVar(&f.degrade, "degrade", []string{string(degrade.None)}, "`lines` to put every recording through, a list of "+strings.Join(degrade.Lines(), ", "))
	fs.BoolVar(&f.json, "json", false, "print the calibration as well, as one JSON object")
	return cmd
}

func (f *calibrateFlags) check(cmd *cobra.Command) error {
	if f.shadow != "" {
		for _, name := range []string{"trials", "speakers", "audio", "test-seconds", "degrade", "channel"} {
			if cmd.Flags().Changed(name) {
				return usagef(cmd, "calibrate verification: --%s with --shadow, which hears no audio", name)
			}
		}
		if f.data == "" {
			f.data = f.shadow
		}
		return required(cmd, "output")
	}
	if err := required(cmd, "trials", "audio", "output"); err != nil {
		return err
	}
	for _, s := range f.testSeconds {
		if !(s >= 0 && s <= 3600) {
			return usagef(cmd, "calibrate verification: --test-seconds: %g, want 0 to 3600", s)
		}
	}
	for _, name := range f.degrade {
		line, err := parseLine(cmd, "degrade", name)
		if err != nil {
			return err
		}
		f.lines = append(f.lines, line)
	}
	if f.data == "" {
		f.data = f.trials
	}
	return f.voiceFlags.check(cmd)
}

func (a *app) calibrateVerification(ctx context.Context, f calibrateFlags) error {
	v, err := loadVoices(f.voiceFlags)
	if err != nil {
		return err
	}
	list, err := a.readTrialList(f.trials, f.speakers)
	if err != nil {
		return err
	}
	if list.speakers == nil {
		return errors.New("calibrate verification: the labels of the trials contradict each other, want a list without faults, or --speakers")
	}
	trials, failed, err := a.calibrationTrials(ctx, f, v, list)
	if err != nil {
		return fmt.Errorf("calibrate verification: %w", err)
	}
	for i, s := range failed[:min(len(failed), maxFailures)] {
		a.log.Warn("left out of the fit", "side", s.Side, "reason", s.Reason, "n", i+1, "of", len(failed))
	}
	o := voiceprint.DefaultFit()
	o.Data = f.data
	c, err := v.model.FitCalibration(trials, o)
	if err != nil {
		return err
	}
	return a.writeCalibration(f, c)
}

// writeCalibration writes what was fitted, and says what it is.
func (a *app) writeCalibration(f calibrateFlags, c *voiceprint.Calibration) error {
	err := writeFile(f.out, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(c)
	})
	if err != nil {
		return err
	}
	w := a.con.outWriter()
	if f.json {
		return printJSON(w, c)
	}
	_, err = io.WriteString(w, calibrationText(f.out, c))
	return err
}

// calibrationTrials scores every trial at every length and line.
func (a *app) calibrationTrials(ctx context.Context, f calibrateFlags, v *voices, list *trialList) (out []voiceprint.CalibrationTrial, failed []failedSide, err error) {
	sides := a.newSideSet(v, f.audio, f.channel)
	var rounds []*scoredTrials
	for _, line := range f.lines {
		for _, s := range f.testSeconds {
			rounds = append(rounds, sides.plan(list, sideKey{line: line}, sideKey{line: line, seconds: s}))
		}
	}
	if err := sides.run(ctx); err != nil {
		return nil, nil, err
	}
	for _, r := range rounds {
		failed = append(failed, r.failures()...)
		for i, t := range list.trials {
			e, x := &sides.done[r.enrol[i]], &sides.done[r.test[i]]
			if e.err != nil || x.err != nil {
				continue
			}
			c := voiceprint.CalibrationTrial{Target: t.Target, Score: v.model.Score(e.side, x.side), Enrol: e.embedding.Quality, Test: x.embedding.Quality}
			c.EnrolSpeaker, c.TestSpeaker = list.of(t)
			out = append(out, c)
		}
	}
	return out, failed, nil
}

// calibrationText says what a fit found.
func calibrationText(path string, c *voiceprint.Calibration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: fitted on %d target and %d nontarget trials of %d speakers for %v\n", plain(path), c.Fit.Targets, c.Fit.Nontargets, c.Fit.Speakers, c.Model)
	fmt.Fprintf(&b, "  Cllr %.3f bits on the trials of the fit, minCllr %.3f\n", c.Fit.Cllr, c.Fit.MinCllr)
	for _, t := range c.Thresholds {
		fmt.Fprintf(&b, "  FMR %g %%: accept from LLR %.2f [%.2f, %.2f], FNMR %.2f %% [%.2f, %.2f]\n", 100*t.FMR, t.LLR, t.LLRLow, t.LLRHigh,
			100*t.FNMR, 100*t.FNMRLow, 100*t.FNMRHigh)
	}
	for _, s := range c.Withheld {
		fmt.Fprintf(&b, "  no threshold: %s\n", s)
	}
	return b.String()
}
