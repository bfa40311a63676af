package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/sentiment"
	"github.com/timbre-voice/timbre/sentiment/eval"
)

// calibrateEmotionFlags are the flags of timbre calibrate emotion.
type calibrateEmotionFlags struct {
	emotionFlags
	out, data string
}

func (a *app) calibrateEmotionCommand() *cobra.Command {
	f := calibrateEmotionFlags{}
	cmd := &cobra.Command{
		Use:   "emotion --manifest CSV --audio DIR -o DIR",
		Short: "Fit the emotion scores to labelled clips of your own calls",
		Long: fmt.Sprintf(`Fit the emotion scores to labelled clips of a site's own calls: a scale and an offset for each class, and for arousal. On a line
and in a language that training never heard the classes are shifted as a whole, and the model is too sure of them.

The manifest is a CSV as eval emotion takes it: path, label and, optionally, speaker, channel, start_ms and end_ms, so that segments of
whole calls can be labelled by what their records say of them; labels are %s.
Each clip is heard alone, and once more behind at most 60 s of its speaker's other clips. Every class weighs the same, however
many clips it has.

What the fit is worth is measured on speakers that it did not see, a fifth at a time. What brings scores no nearer to the labels is not
taken; below %d clips, %d of a class or %d speakers nothing is fitted.

The model with its calibration is written as a folder into -o; analyze, serve and eval emotion take it by its path. Its version
names the calibration, and records name the version.`,
			strings.Join(sentiment.Classes(), ", "), eval.MinClips, eval.MinPerClass, eval.MinSpeakers),
		Example: `  timbre calibrate emotion --manifest own.csv --audio recordings -o site
  timbre analyze --emotion-model site/` + analysis.DefaultEmotionModel + ` call.wav`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.calibrateEmotion(cmd, f)
		},
	}
	f.addClips(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.out, "output", "o", "", "write the model with its calibration into `DIR`")
	fs.StringVar(&f.data, "data", "", "what the clips are, in `words` that stand in the file (default: the name of the manifest)")
	return cmd
}

func (f *calibrateEmotionFlags) check(cmd *cobra.Command) (err error) {
	if err := required(cmd, "manifest", "audio", "output"); err != nil {
		return err
	}
	if f.data == "" {
		f.data = f.manifest
	}
	f.history, f.seconds, f.order = "none", 60, eval.MixAny
	f.line, err = f.conditionFlags.check(cmd)
	return err
}

// calibratedJSON is what --json prints.
type calibratedJSON struct {
	Model       string                `json:"model"` // the folder that was written
	Version     string                `json:"version"`
	Calibration sentiment.Calibration `json:"calibration"`
	Folds       int                   `json:"folds"`
	Alone       eval.HeldOut          `json:"alone"`
	Known       *eval.HeldOut         `json:"known"` // null where no clip names its speaker
	Failed      int                   `json:"failed"`
	Failures    []string              `json:"failures"`
}

func (a *app) calibrateEmotion(cmd *cobra.Command, f calibrateEmotionFlags) error {
	rows, err := readManifest(f.manifest)
	if err != nil {
		return err
	}
	e, err := loadEmotions(f.model)
	if err != nil {
		return err
	}
	e.model = e.model.WithoutCalibration() // one calibration is not laid over another
	clips, err := a.readClips(cmd.Context(), e, rows, &f.emotionFlags)
	if err != nil {
		return fmt.Errorf("calibrate emotion: %w", err)
	}
	info := emotionJSON{Failures: []string{}}
	alone, err := e.score(clips, &f.emotionFlags, nil, &info)
	if err != nil {
		return fmt.Errorf("calibrate emotion: %w", err)
	}
	var known func(sentiment.View) ([]eval.Scored, error)
	if named(clips) {
		known = func(v sentiment.View) ([]eval.Scored, error) {
			behind := f.emotionFlags
			behind.history = "speaker"
			return e.score(clips, &behind, &v, &emotionJSON{}) // the same clips fail
		}
	}
	c, err := eval.Calibrate(alone, known, f.data, f.seed)
	if err != nil {
		return fmt.Errorf("%s: %w", f.manifest, err)
	}
	file, err := json.MarshalIndent(c.Calibration, "", "  ")
	if err != nil {
		return err
	}
	fitted, err := e.artefact.WithFile(sentiment.CalibrationFile, append(file, '\n'))
	if err != nil {
		return err
	}
	folder, err := fitted.Write(f.out)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: is there already, want a new folder: a server may be reading it", filepath.Join(f.out, fitted.Manifest.Name))
	}
	if err != nil {
		return err
	}
	if !strings.ContainsAny(folder, `/\`) { // or it would be taken for the name of a shipped model
		folder = "." + string(filepath.Separator) + folder
	}
	w := a.con.outWriter()
	if !f.json {
		_, err = io.WriteString(w, calibratedText(c, folder, fitted.Manifest.Version)+failuresText(&info))
		return err
	}
	out := calibratedJSON{Model: folder, Version: fitted.Manifest.Version, Calibration: c.Calibration, Folds: c.Folds, Alone: c.Alone,
		Failed: info.Failed, Failures: info.Failures}
	if c.Known.Clips > 0 {
		out.Known = &c.Known
	}
	return printJSON(w, out)
}

// named reports whether any clip names its speaker.
func named(clips []readClip) bool {
	for _, c := range clips {
		if c.Speaker != "" {
			return true
		}
	}
	return false
}

// calibratedText says what a fit is worth.
func calibratedText(c *eval.Calibrated, folder, version string) string {
	var b strings.Builder
	f := c.Calibration.Fit
	fmt.Fprintf(&b, "Emotion scores fitted to %s", count(f.Clips, "clip"))
	if f.Speakers > 0 {
		fmt.Fprintf(&b, " of %s", count(f.Speakers, "speaker"))
	}
	var each []string
	for k, n := range f.Counts {
		each = append(each, fmt.Sprintf("%d %s", n, sentiment.Classes()[k]))
	}
	fmt.Fprintf(&b, ": %s\n\n", strings.Join(each, ", "))
	fmt.Fprintf(&b, "  On speakers not seen, %d folds         model's own  fitted\n", c.Folds)
	for _, v := range []struct {
		name string
		held eval.HeldOut
	}{{"nothing known", c.Alone}, {"60 s known", c.Known}} {
		if v.held.Clips == 0 {
			continue
		}
		own, fitted := v.held.Own, v.held.Fitted
		for _, r := range []struct {
			name        string
			own, fitted float64
		}{{"UAR", own.UAR, fitted.UAR}, {"calibration error", own.ECE, fitted.ECE}, {"log loss, nats", own.LogLoss, fitted.LogLoss}} {
			fmt.Fprintf(&b, "  %-36s  %11.3f  %6.3f\n", r.name+", "+v.name, r.own, r.fitted)
		}
		if !v.held.Taken() {
			fmt.Fprintf(&b, "  not taken with %s: the log loss is no less\n", v.name)
		}
	}
	fmt.Fprintf(&b, "\n  Every class weighs the same. Written as version %s; use it with --emotion-model %s\n", version, plain(folder))
	return b.String()
}
