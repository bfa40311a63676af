package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/sentiment"
	"github.com/timbre-voice/timbre/sentiment/eval"
)

// emotionFlags are the flags of timbre eval emotion.
type emotionFlags struct {
	conditionFlags
	model, manifest string
	history, mix    string
	seconds         float64
	seed            uint64
	line            degrade.Line
	order           eval.Mix
}

func (a *app) evalEmotionCommand() *cobra.Command {
	f := emotionFlags{}
	cmd := &cobra.Command{
		Use:   "emotion --manifest CSV --audio DIR",
		Short: "Score labelled clips and print UAR, arousal AUC and calibration",
		Long: `Score labelled clips of speech and print UAR, WAR, the confusion matrix, the AUC of high against low arousal and the
calibration error, with intervals by speaker.

The manifest is a CSV with the columns path, label and, optionally, speaker; labels are ` + strings.Join(sentiment.Classes(), ", ") + `.
A clip is a recording, or with the columns channel, start_ms and end_ms the part of one, as records have them of segments. It is
one voice, whatever its channels, is cut to its speech and scored as one segment of a call.

--history speaker gives each clip what a session would know of its speaker: statistics, without labels, of at most 60 s of
that speaker's other clips, in an order that --seed decides. --history-mix shows calls of another course: balanced, skewed
(three of four clips of the clip's own class), same (of its class only) and other (of one other class only).`,
		Example: `  timbre eval emotion --manifest dev.csv --audio recordings --degrade phone
  timbre eval emotion --manifest dev.csv --audio recordings --history speaker --json`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.evalEmotion(cmd, f)
		},
	}
	f.addClips(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.history, "history", "none", "`what` is known of the speaker: none or speaker")
	fs.Float64Var(&f.seconds, "history-seconds", 60, "`N` seconds of speech that --history speaker knows at most")
	fs.StringVar(&f.mix, "history-mix", string(eval.MixAny), "`which` other clips it knows: any, balanced, skewed, same or other")
	return cmd
}

// addClips adds what says which clips are scored, and how.
func (f *emotionFlags) addClips(cmd *cobra.Command) {
	f.conditionFlags.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.model, "model", analysis.DefaultEmotionModel, "`NAME` of a shipped emotion model, or the folder of another one")
	fs.StringVar(&f.manifest, "manifest", "", "CSV `FILE` with the clips")
	fs.Uint64Var(&f.seed, "seed", 1, "`N` that decides all that is drawn, as the order of the other clips")
}

func (f *emotionFlags) check(cmd *cobra.Command) (err error) {
	if err := required(cmd, "manifest", "audio"); err != nil {
		return err
	}
	if f.line, err = f.conditionFlags.check(cmd); err != nil {
		return err
	}
	if f.history != "none" && f.history != "speaker" {
		return usagef(cmd, "eval emotion: --history: %q, want none or speaker", f.history)
	}
	if !(f.seconds >= 0 && f.seconds <= 3600) {
		return usagef(cmd, "eval emotion: --history-seconds: %g, want 0 to 3600", f.seconds)
	}
	if f.order, err = eval.ParseMix(f.mix); err != nil {
		return usagef(cmd, "eval emotion: --history-mix: %q, want any, balanced, skewed, same or other", f.mix)
	}
	if f.history == "none" {
		for _, name := range []string{"history-seconds", "history-mix"} {
			if cmd.Flags().Changed(name) {
				return usagef(cmd, "eval emotion: --%s without --history speaker", name)
			}
		}
	}
	return nil
}

// readClip is a clip of the manifest as it was read.
type readClip struct {
	eval.Clip
	audio time.Duration
	err   error
}

// emotions reads clips for the emotion model. Safe for concurrent use.
type emotions struct {
	artefact *models.Artefact
	model    *sentiment.Model
	net      *vad.Net
	workers  sync.Pool // of *clipReader
}

// clipReader is the working memory of one worker.
type clipReader struct {
	detector *vad.Detector
	reader   *sentiment.Reader
	scorer   *sentiment.Scorer // measures only
}

func loadEmotions(name string) (*emotions, error) {
	speech, err := models.Load(vadModel)
	if err != nil {
		return nil, err
	}
	e := &emotions{}
	if e.net, err = vad.LoadNet(speech.Tensors); err != nil {
		return nil, err
	}
	if e.artefact, err = loadArtefact(name); err != nil {
		return nil, err
	}
	if e.model, err = sentiment.LoadModel(e.artefact); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *emotions) worker() (*clipReader, error) {
	if w, ok := e.workers.Get().(*clipReader); ok {
		return w, nil
	}
	w := &clipReader{}
	var errDetector, errReader error
	w.detector, errDetector = vad.NewDetector(vad.DefaultOptions(), e.net)
	w.reader, errReader = sentiment.NewReader()
	w.scorer = e.model.NewScorer()
	return w, errors.Join(errDetector, errReader)
}

// read fills values and length of c from a clip of the recording at path.
func (e *emotions) read(ctx context.Context, c *readClip, path string, clip manifestClip, f *emotionFlags, bar *progress) error {
	x, err := readMono(ctx, path, clip, f.line, bar)
	if err != nil {
		return err
	}
	w, err := e.worker()
	if err != nil {
		return err
	}
	defer e.workers.Put(w)
	c.audio = time.Duration(len(x)) * time.Second / sentiment.Rate
	v := eval.Speech(w.detector, x, int64(f.testSeconds*sentiment.Rate))
	w.reader.Reset()
	w.reader.Write(x[v.Start:v.End])
	w.reader.Flush()
	c.Values = make([]float64, sentiment.NumValues)
	w.scorer.Measure(c.Values, w.reader.Frames())
	c.Seconds = float64(v.Len()) / sentiment.Rate
	return nil
}

// errEnough ends the reading of a recording whose rest is not wanted.
var errEnough = errors.New("enough")

// readMono returns a clip of the recording at path behind a line, at sentiment.Rate. All channels of a clip are one voice: their mean is
// what is heard.
func readMono(ctx context.Context, path string, clip manifestClip, line degrade.Line, bar *progress) ([]float32, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer file.Close()
	rd, err := audio.NewReader(meteredReader{file, bar})
	if err != nil {
		return nil, err
	}
	format := rd.Format()
	if clip.channel >= format.Channels {
		return nil, fmt.Errorf("channel %d, want 0 to %d", clip.channel, format.Channels-1)
	}
	first, last := clip.startMs*int64(format.Rate)/1000, clip.endMs*int64(format.Rate)/1000
	var x []float32
	var read int64
	err = readBlocks(ctx, rd, func(block [][]float32) error {
		if clip.channel >= 0 {
			block = block[clip.channel:][:1]
		}
		n := int64(len(block[0]))
		from, to := min(max(first-read, 0), n), n
		if last > 0 {
			to = min(max(last-read, from), n)
		}
		read += n
		for i := from; i < to; i++ {
			var sum float32
			for _, channel := range block {
				sum += channel[i]
			}
			x = append(x, sum/float32(len(block)))
		}
		if last > 0 && read >= last {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if read < last {
		return nil, fmt.Errorf("the recording ends at %d ms", read*1000/int64(format.Rate))
	}
	x, rate, err := line.Apply(x, format.Rate)
	if err != nil {
		return nil, err
	}
	resample, err := audio.NewResampler(rate, sentiment.Rate)
	if err != nil {
		return nil, err
	}
	return resample.Flush(resample.Write(nil, x)), nil
}

// emotionJSON is what stands in the object beside the fields of the report.
type emotionJSON struct {
	Model          modelJSON `json:"model"`
	History        string    `json:"history"`
	HistorySeconds float64   `json:"history_seconds"`
	HistoryMix     string    `json:"history_mix"`
	Degrade        string    `json:"degrade"`
	TestSeconds    float64   `json:"test_seconds"` // 0: all
	AudioS         float64   `json:"audio_s"`
	Failed         int       `json:"failed"`   // clips that gave no score
	Failures       []string  `json:"failures"` // the first of them, with why
}

func (a *app) evalEmotion(cmd *cobra.Command, f emotionFlags) error {
	rows, err := readManifest(f.manifest)
	if err != nil {
		return err
	}
	e, err := loadEmotions(f.model)
	if err != nil {
		return err
	}
	clips, err := a.readClips(cmd.Context(), e, rows, &f)
	if err != nil {
		return fmt.Errorf("eval emotion: %w", err)
	}
	m := e.artefact.Manifest
	info := emotionJSON{Model: modelJSON{m.Name, m.Version, m.SHA256}, History: f.history, Degrade: f.degrade,
		TestSeconds: f.testSeconds, HistorySeconds: f.seconds, HistoryMix: f.mix, Failures: []string{}}
	if f.history == "none" {
		info.HistorySeconds, info.HistoryMix = 0, ""
	}
	scored, err := e.score(clips, &f, nil, &info)
	if err != nil {
		return fmt.Errorf("eval emotion: %w", err)
	}
	report, err := eval.Evaluate(scored, eval.DefaultOptions())
	if err != nil {
		return err
	}
	if !f.json {
		fmt.Fprintf(a.con.outWriter(), "%s %s, history %s, line %s: %v", info.Model.Name, info.Model.Version, historyWords(&f), f.degrade, report)
		fmt.Fprint(a.con.outWriter(), failuresText(&info))
		return nil
	}
	return writeMerged(a.con.outWriter(), report, info)
}

// failuresText says which clips gave no score, and why.
func failuresText(info *emotionJSON) string {
	if info.Failed == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s gave no score:\n", count(info.Failed, "clip"))
	for _, why := range info.Failures {
		fmt.Fprintf(&b, "  %s\n", plain(why))
	}
	return b.String()
}

func historyWords(f *emotionFlags) string {
	if f.history == "none" {
		return "none"
	}
	return fmt.Sprintf("%g s (%s)", f.seconds, f.mix)
}

// readClips reads every clip of the manifest, GOMAXPROCS at a time. A clip that cannot be read is no error here; a cancelled run is.
func (a *app) readClips(ctx context.Context, e *emotions, rows []manifestRow, f *emotionFlags) ([]readClip, error) {
	path := func(p string) string {
		if filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(f.audio, filepath.FromSlash(p))
	}
	var bytes int64
	for _, r := range rows {
		if info, err := os.Stat(path(r.path)); err == nil {
			bytes += info.Size()
		}
	}
	bar := newProgress(a.con, "listening", len(rows), bytes)
	defer bar.end()
	var clips []readClip
	workers := runtime.GOMAXPROCS(0)
	n, err := ordered(ctx, len(rows), workers, 4*workers, func(ctx context.Context, i int) readClip {
		c := readClip{Clip: eval.Clip{Label: rows[i].label, Speaker: rows[i].speaker}}
		if err := e.read(ctx, &c, path(rows[i].path), rows[i].manifestClip, f, bar); err != nil {
			c.err = fmt.Errorf("%v: %w", rows[i], err)
		}
		bar.fileDone(c.err)
		return c
	}, func(_ int, c readClip) error {
		clips = append(clips, c)
		return nil
	})
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("cancelled after %d of %s", n, count(len(rows), "clip"))
	}
	return clips, err
}

// score scores every clip that was read and tells info of those that were not. Histories are as aroused as the model says of their clips, or
// where alone is not nil as that makes of it.
func (e *emotions) score(clips []readClip, f *emotionFlags, alone *sentiment.View, info *emotionJSON) ([]eval.Scored, error) {
	var heard []eval.Clip
	fail := func(err error) {
		info.Failed++
		if len(info.Failures) < maxFailures {
			info.Failures = append(info.Failures, oneLine(err))
		}
	}
	for _, c := range clips {
		info.AudioS += c.audio.Seconds()
		if c.err != nil {
			fail(c.err)
			continue
		}
		heard = append(heard, c.Clip)
	}
	var out []eval.Scored
	scorer := e.model.NewScorer()
	withHistory := f.history == "speaker"
	if withHistory {
		for i := range heard {
			if s, err := scorer.Score(heard[i].Values, nil); err == nil { // else nothing of the clip says what its speaker is like
				if alone != nil {
					s = alone.Apply(s)
				}
				heard[i].Aroused = float64(s.Arousal)
			}
		}
	}
	for i, c := range heard {
		var known sentiment.Normaliser
		if withHistory {
			known = eval.History(heard, i, f.order, f.seconds, f.seed)
		}
		s, err := scorer.Score(c.Values, &known)
		if err != nil {
			fail(err)
			continue
		}
		out = append(out, eval.Scored{Label: c.Label, Speaker: c.Speaker, Score: s})
	}
	if len(out) == 0 {
		reason := "the manifest is empty"
		if len(info.Failures) > 0 {
			reason = "the first reason: " + info.Failures[0]
		}
		return nil, fmt.Errorf("none of %s could be scored; %s", count(len(clips), "clip"), reason)
	}
	return out, nil
}

// writeMerged prints the fields of both values as one JSON object.
func writeMerged(w interface{ Write([]byte) (int, error) }, values ...any) error {
	all := map[string]json.RawMessage{}
	for _, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &all); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// classOf returns the class of that name, -1 for none.
func classOf(name string) int { return slices.Index(sentiment.Classes(), name) }
