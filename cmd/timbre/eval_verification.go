package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/voiceprint"
	"github.com/timbre-voice/timbre/voiceprint/eval"
)

// verificationFlags are the flags of timbre eval verification.
type verificationFlags struct {
	voiceFlags
	conditionFlags
	trials, speakers      string
	groups                []string
	degradeTest, combine  string
	det, histogram, score string // files to write
	line, testLine        degrade.Line
}

func (a *app) evalVerificationCommand() *cobra.Command {
	f := verificationFlags{}
	cmd := &cobra.Command{
		Use:   "verification --trials FILE --audio DIR",
		Short: "Score a list of trials and print EER, costs and intervals",
		Long: `Score a list of trials and print EER, minDCF, actDCF, Cllr and FNMR at fixed FMRs, with intervals by speaker.

A line of the list is
  target|nontarget|1|0 ENROL[,ENROL...] TEST[,TEST...]
with files relative to --audio. The net speech of the files of a side is joined and embedded once, however many trials it
stands in. A file that cannot be read and a side with too little speech are failures to enrol or to acquire (fte, fta): they
stop nothing and are named. The floors of timbre verify do not apply here: a side is embedded from ` + fmt.Sprint(leastSpeechMs()) + ` ms of
speech on.

--degrade puts every file through a telephone line first, --degrade-test the test side through another one.`,
		Example: `  timbre eval verification --trials dev.trials --audio recordings --degrade phone
  timbre eval verification --trials dev.trials --audio recordings --test-seconds 3 --json --det det.png`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.evalVerification(cmd, f)
		},
	}
	f.voiceFlags.add(cmd)
	f.conditionFlags.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.trials, "trials", "", "`FILE` with the trials")
	fs.StringVar(&f.speakers, "speakers", "", "CSV `FILE` with the columns path, speaker and more, for exact intervals and --group")
	fs.StringSliceVar(&f.groups, "group", nil, "`column` of --speakers to print results by, of the first file of each test")
	fs.StringVar(&f.degradeTest, "degrade-test", "", "put the test side through another `line` than the enrolment")
	fs.StringVar(&f.combine, "combine", string(voiceprint.CombinePool), "`way` to make one enrolment of several files: pool (join their speech) or average (of embeddings)")
	fs.StringVar(&f.det, "det", "", "write a DET plot into `FILE`, .png or .svg")
	fs.StringVar(&f.histogram, "histogram", "", "write a histogram of the scores into `FILE`, .png or .svg")
	fs.StringVar(&f.score, "scores", "", "write the trials with their scores into `FILE`")
	return cmd
}

// leastSpeechMs is the floor of an evaluation.
func leastSpeechMs() int { return voiceprint.LeastSpeech * 1000 / voiceprint.Rate }

func (f *verificationFlags) check(cmd *cobra.Command) (err error) {
	if err := required(cmd, "trials", "audio"); err != nil {
		return err
	}
	if err := f.voiceFlags.check(cmd); err != nil {
		return err
	}
	if f.line, err = f.conditionFlags.check(cmd); err != nil {
		return err
	}
	f.testLine = f.line
	if f.degradeTest != "" {
		if f.testLine, err = parseLine(cmd, "degrade-test", f.degradeTest); err != nil {
			return err
		}
	}
	if f.combine != string(voiceprint.CombinePool) && f.combine != string(voiceprint.CombineAverage) {
		return usagef(cmd, "eval verification: --combine: %q, want %s or %s", f.combine, voiceprint.CombinePool, voiceprint.CombineAverage)
	}
	if len(f.groups) > 0 && f.speakers == "" {
		return usagef(cmd, "eval verification: --group without --speakers, want the table that has the column")
	}
	for _, plot := range []struct{ flag, path string }{{"det", f.det}, {"histogram", f.histogram}} {
		if _, err := eval.FormatOf(plot.path); plot.path != "" && err != nil {
			return usagef(cmd, "eval verification: --%s: %q, want a name that ends in .png or .svg", plot.flag, plot.path)
		}
	}
	return nil
}

// conditions is what an evaluation was made with.
type conditions struct {
	Model       modelJSON `json:"model"`
	Scoring     string    `json:"scoring"`
	Calibration string    `json:"calibration"` // shipped, none, or the file
	Trials      string    `json:"trials,omitempty"`
	Degrade     string    `json:"degrade"`
	DegradeTest string    `json:"degrade_test"`
	Combine     string    `json:"combine"`
	TestSeconds float64   `json:"test_seconds"` // 0: all
	LeastMs     int       `json:"least_speech_ms"`
}

// modelJSON names a model in outputs.
type modelJSON struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

func modelOf(id voiceprint.ModelID) modelJSON {
	return modelJSON{id.Name, id.Version, hex.EncodeToString(id.SHA256[:])}
}

func (v *voices) conditions(vf voiceFlags, cf conditionFlags) conditions {
	c := conditions{Model: modelOf(v.model.ID()), Scoring: v.model.Scoring(), Calibration: "none",
		Degrade: cf.degrade, DegradeTest: cf.degrade, Combine: string(voiceprint.CombinePool), TestSeconds: cf.testSeconds, LeastMs: leastSpeechMs()}
	switch {
	case vf.calibration != "":
		c.Calibration = vf.calibration
	case v.model.Calibration() != nil:
		c.Calibration = "shipped"
	}
	return c
}

// fixedThreshold is what the trials see at a threshold of the calibration.
type fixedThreshold struct {
	Wanted float64 `json:"fmr_wanted"`
	LLR    float64 `json:"llr"`
	FMR    float64 `json:"fmr"`
	FNMR   float64 `json:"fnmr"`
}

// verificationJSON is what stands in the object beside the fields of the report.
type verificationJSON struct {
	AtShipped  []fixedThreshold `json:"at_calibrated_threshold"`
	Conditions conditions       `json:"conditions"`
	Speed      speed            `json:"speed"`
	Failures   []failedSide     `json:"failures"` // the first of them
}

func (a *app) evalVerification(cmd *cobra.Command, f verificationFlags) error {
	v, err := loadVoices(f.voiceFlags)
	if err != nil {
		return err
	}
	list, err := a.readTrialList(f.trials, f.speakers)
	if err != nil {
		return err
	}
	group, err := list.table.values(f.groups)
	if err != nil {
		return err
	}
	sides := a.newSideSet(v, f.audio, f.channel)
	scored := sides.plan(list, sideKey{line: f.line, average: f.combine == string(voiceprint.CombineAverage)},
		sideKey{line: f.testLine, seconds: f.testSeconds})
	if err := sides.run(cmd.Context()); err != nil {
		return fmt.Errorf("eval verification: %w", err)
	}
	set, err := scored.set(f.groups, group)
	if err != nil {
		return err
	}
	failed := scored.failures()
	if done := len(set.Trials) - countFailed(set); done == 0 {
		return fmt.Errorf("eval verification: none of %s could be scored; the first reason: %s", count(len(set.Trials), "trial"), failed[0].Reason)
	}
	rep, err := eval.Evaluate(set, eval.DefaultOptions())
	if err != nil {
		return err
	}
	extra := verificationJSON{Conditions: v.conditions(f.voiceFlags, f.conditionFlags), Speed: sides.speed(),
		AtShipped: fixedThresholds(v.model.Calibration(), rep), Failures: failed[:min(len(failed), maxFailures)]}
	extra.Conditions.Trials, extra.Conditions.DegradeTest, extra.Conditions.Combine = f.trials, string(f.testLine), f.combine
	if err := f.writeFiles(rep, set, list, extra); err != nil {
		return err
	}
	w := a.con.outWriter()
	if f.json {
		return printMerged(w, rep, extra)
	}
	if _, err := io.WriteString(w, conditionsText(extra)); err != nil {
		return err
	}
	if err := rep.WriteText(w); err != nil {
		return err
	}
	_, err = io.WriteString(w, thresholdsText(extra.AtShipped)+writeFailures(failed))
	return err
}

func countFailed(set *eval.Set) (n int) {
	for i := range set.Trials {
		if set.Trials[i].Failed() {
			n++
		}
	}
	return n
}

// set scores the trials: LLRs where the model is calibrated, else raw scores.
func (t *scoredTrials) set(columns []string, group func(file string) []string) (*eval.Set, error) {
	m := t.sides.voices.model
	set := &eval.Set{LLR: m.Calibration() != nil, Columns: columns}
	for i, trial := range t.list.trials {
		e, x := &t.sides.done[t.enrol[i]], &t.sides.done[t.test[i]]
		s := eval.Scored{Target: trial.Target, EnrolFailed: e.err != nil, TestFailed: x.err != nil, EnrolKey: trial.EnrolKey(), TestKey: trial.TestKey(),
			NetSpeech: eval.Unmeasured, Groups: group(trial.Test[0])}
		s.EnrolSpeaker, s.TestSpeaker = t.list.of(trial)
		if x.err == nil {
			s.NetSpeech = x.embedding.Quality.NetSpeech
		}
		if !s.Failed() {
			s.Score = m.Score(e.side, x.side)
			if set.LLR {
				var err error
				if s.Score, err = m.LLR(e.side, x.side); err != nil {
					return nil, err
				}
			}
		}
		set.Trials = append(set.Trials, s)
	}
	return set, nil
}

// fixedThresholds measures the trials at the thresholds that the calibration offers; empty without one.
func fixedThresholds(c *voiceprint.Calibration, rep *eval.Report) []fixedThreshold {
	out := []fixedThreshold{}
	if c == nil || rep.Ranked == nil {
		return out
	}
	for _, t := range c.Thresholds {
		fmr, fnmr := rep.Ranked.Rates(t.LLR)
		out = append(out, fixedThreshold{t.FMR, t.LLR, fmr, fnmr})
	}
	return out
}

// printMerged prints the fields of two values as one JSON object.
func printMerged(w io.Writer, a, b any) error {
	first, err := json.Marshal(a)
	if err != nil {
		return err
	}
	second, err := json.Marshal(b)
	if err != nil {
		return err
	}
	out := append(bytes.TrimSuffix(first, []byte("}")), ',')
	out = append(append(out, bytes.TrimPrefix(second, []byte("{"))...), '\n')
	_, err = w.Write(out)
	return err
}

func conditionsText(x verificationJSON) string {
	c := x.Conditions
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, %s, calibration %s\n", c.Model.Name, c.Model.Version, c.Scoring, plain(c.Calibration))
	line := c.Degrade
	if c.DegradeTest != line {
		line = fmt.Sprintf("enrolment %s, test %s", c.Degrade, c.DegradeTest)
	}
	fmt.Fprintf(&b, "%s, line %s", plain(c.Trials), line)
	if c.TestSeconds > 0 {
		fmt.Fprintf(&b, ", first %g s of speech of each test", c.TestSeconds)
	}
	fmt.Fprintf(&b, "\n%v\n\n", x.Speed)
	return b.String()
}

func thresholdsText(at []fixedThreshold) string {
	var b strings.Builder
	for i, t := range at {
		if i == 0 {
			b.WriteString("\nat the thresholds of the calibration:\n")
		}
		fmt.Fprintf(&b, "  LLR %.2f, meant for FMR %g %%: FMR %.3f %%, FNMR %.2f %%\n", t.LLR, 100*t.Wanted, 100*t.FMR, 100*t.FNMR)
	}
	return b.String()
}

// writeFiles writes the plots and the list of scores that were asked for.
func (f *verificationFlags) writeFiles(rep *eval.Report, set *eval.Set, list *trialList, x verificationJSON) error {
	if (f.det != "" || f.histogram != "") && rep.Ranked == nil {
		return errors.New("eval verification: no plot: want scores of target and of nontarget trials")
	}
	o := eval.DefaultPlotOptions()
	o.Title = fmt.Sprintf("%s, line %s", x.Conditions.Model.Name, x.Conditions.DegradeTest)
	if f.det != "" {
		format, err := eval.FormatOf(f.det)
		if err != nil {
			return err
		}
		if err := writeFile(f.det, func(w io.Writer) error {
			return eval.WriteDET(w, format, o, eval.Curve{Name: x.Conditions.Model.Name, Ranked: rep.Ranked, Costs: rep.Options.Costs})
		}); err != nil {
			return err
		}
	}
	if f.histogram != "" {
		format, err := eval.FormatOf(f.histogram)
		if err != nil {
			return err
		}
		label := x.Conditions.Scoring
		if rep.LLR {
			label = "LLR, nats"
		}
		var marks []eval.Mark
		for _, t := range x.AtShipped[:min(len(x.AtShipped), 5)] {
			marks = append(marks, eval.Mark{Name: fmt.Sprintf("FMR %g %%", 100*t.Wanted), At: t.LLR})
		}
		if err := writeFile(f.histogram, func(w io.Writer) error { return eval.WriteHistogram(w, format, o, rep.Ranked, label, marks...) }); err != nil {
			return err
		}
	}
	if f.score == "" {
		return nil
	}
	return writeFile(f.score, func(w io.Writer) error {
		for i, t := range list.trials {
			score := set.Trials[i].Score
			if set.Trials[i].Failed() {
				score = math.NaN()
			}
			if _, err := fmt.Fprintf(w, "%s %.6f\n", t, score); err != nil {
				return err
			}
		}
		return nil
	})
}
