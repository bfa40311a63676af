package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/voiceprint"
	"github.com/timbre-voice/timbre/voiceprint/eval"
)

// sideKey is what one embedding of an evaluation is made of: sides with equal keys are embedded once.
type sideKey struct {
	files   string // a comma list
	line    degrade.Line
	seconds float64 // of net speech kept; 0: all
	average bool    // embed the files apart and take the mean, instead of joining their speech
}

// embeddedSide is what became of it.
type embeddedSide struct {
	embedding voiceprint.Embedding
	side      voiceprint.Side
	audio     time.Duration // heard, pauses included
	err       error
}

// sideSet embeds the sides of trials.
type sideSet struct {
	*app
	voices  *voices
	dir     string // that the files are relative to
	channel int
	keys    []sideKey
	index   map[sideKey]int
	done    []embeddedSide
	elapsed time.Duration
	cpu     time.Duration
}

func (a *app) newSideSet(v *voices, dir string, channel int) *sideSet {
	return &sideSet{app: a, voices: v, dir: dir, channel: channel, index: map[sideKey]int{}}
}

// add registers a side and returns its number.
func (s *sideSet) add(k sideKey) int {
	i, ok := s.index[k]
	if !ok {
		i = len(s.keys)
		s.index[k] = i
		s.keys = append(s.keys, k)
	}
	return i
}

func (s *sideSet) path(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(s.dir, filepath.FromSlash(file))
}

// run embeds every side, GOMAXPROCS at a time. A side that cannot be embedded is no error here; a cancelled run is.
func (s *sideSet) run(ctx context.Context) error {
	var bytes int64
	for _, k := range s.keys {
		for _, f := range strings.Split(k.files, ",") {
			if info, err := os.Stat(s.path(f)); err == nil {
				bytes += info.Size()
			}
		}
	}
	start, cpu := time.Now(), cpuTime()
	bar := newProgress(s.con, "listening", len(s.keys), bytes)
	defer bar.end()
	workers := runtime.GOMAXPROCS(0)
	n, err := ordered(ctx, len(s.keys), workers, 4*workers, func(ctx context.Context, i int) embeddedSide {
		e := s.embed(ctx, s.keys[i], bar)
		bar.fileDone(e.err)
		return e
	}, func(_ int, e embeddedSide) error {
		s.done = append(s.done, e)
		return nil
	})
	s.elapsed, s.cpu = time.Since(start), cpuTime()-cpu
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("cancelled after %d of %s", n, count(len(s.keys), "side"))
	}
	return err
}

// embed joins the net speech of the files of a side and embeds it. A file without speech adds nothing; one that cannot be read
// fails the side.
func (s *sideSet) embed(ctx context.Context, k sideKey, bar *progress) (out embeddedSide) {
	var parts []voiceprint.Speech
	for _, f := range strings.Split(k.files, ",") {
		h, err := s.voices.hear(ctx, s.path(f), s.channel, k.line, bar)
		if err != nil {
			out.err = err
			return out
		}
		out.audio += h.audio
		if len(h.speech.Samples) > 0 {
			parts = append(parts, h.speech)
		}
	}
	if len(parts) == 0 {
		out.err = fmt.Errorf("%s: %w", k.files, voiceprint.ErrNoSpeech)
		return out
	}
	var err error
	if k.average && len(parts) > 1 {
		out.embedding, err = s.average(parts)
	} else {
		out.embedding, err = s.voices.embed(voiceprint.JoinSpeech(parts...).FirstSeconds(k.seconds))
	}
	if err == nil {
		out.side, err = s.voices.model.Side(out.embedding)
	}
	if err != nil {
		out.err = fmt.Errorf("%s: %w", k.files, err)
	}
	return out
}

// average embeds each recording apart and returns the mean that timbre enroll makes of them, without its floors.
func (s *sideSet) average(parts []voiceprint.Speech) (voiceprint.Embedding, error) {
	parts = slices.DeleteFunc(parts, func(p voiceprint.Speech) bool { return len(p.Samples) < voiceprint.LeastSpeech })
	o := voiceprint.DefaultEnrol()
	o.Combine, o.MinSpeech, o.WindowSeconds = voiceprint.CombineAverage, 0, 0
	o.Recording = voiceprint.Floor{SNRdB: -100, Clipped: 1}
	o.MinSelfLLR, o.MinSelfCosine = -100, -1
	if len(parts) < 2 {
		return s.voices.embed(voiceprint.JoinSpeech(parts...))
	}
	e, err := s.voices.extractor()
	if err != nil {
		return voiceprint.Embedding{}, err
	}
	defer s.voices.extractors.Put(e)
	p, _, err := e.Enrol(o, parts...)
	if err != nil {
		return voiceprint.Embedding{}, err
	}
	return p.Embedding(), nil
}

// speed says how fast the sides were embedded, all that it takes from the file to the embedding included.
type speed struct {
	Sides     int      `json:"sides"`
	AudioS    float64  `json:"audio_s"`    // recordings, pauses included
	ElapsedS  float64  `json:"elapsed_s"`  // wall clock
	CPUS      *float64 `json:"cpu_s"`      // processor time of all cores; null where the system does not tell
	XRealtime *float64 `json:"x_realtime"` // audio_s / cpu_s: of one core
}

func (s *sideSet) speed() speed {
	v := speed{Sides: len(s.done), ElapsedS: s.elapsed.Seconds()}
	for _, e := range s.done {
		v.AudioS += e.audio.Seconds()
	}
	if cpu := s.cpu.Seconds(); cpu > 0 {
		x := v.AudioS / cpu
		v.CPUS, v.XRealtime = &cpu, &x
	}
	return v
}

// String tells it in words.
func (v speed) String() string {
	s := fmt.Sprintf("%s of %.0f s of audio in %.1f s", count(v.Sides, "side"), v.AudioS, v.ElapsedS)
	if v.XRealtime != nil {
		s += fmt.Sprintf(", %.0f x realtime of a core", *v.XRealtime)
	}
	return s
}

// trialList is a list of trials with the speakers behind them.
type trialList struct {
	trials   []eval.Trial
	speakers eval.Speakers // nil: not known, because the labels contradict each other
	table    *groupTable   // nil: none given
}

// readTrialList reads a list and, where it is named, the table of speakers.
func (a *app) readTrialList(path, table string) (*trialList, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	l := &trialList{}
	if l.trials, err = eval.ReadTrials(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, t := range l.trials {
		if t.SharesFile() {
			a.log.Warn("a trial compares a recording with itself, which flatters the result", "list", path, "line", t.Line)
			break
		}
	}
	if table != "" {
		if l.table, err = readGroupTable(table); err != nil {
			return nil, err
		}
		l.speakers = l.table.speakers
		if err := l.speakers.Check(l.trials); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", path, table, err)
		}
		return l, nil
	}
	l.speakers, err = eval.SpeakersFromTrials(l.trials)
	if errors.Is(err, eval.ErrSpeakers) {
		a.log.Warn("the labels contradict each other, so intervals are taken over trials and not over speakers", "list", path, "err", err)
		l.speakers, err = nil, nil
	}
	return l, err
}

// of returns the speakers of a trial; empty where they are not known.
func (l *trialList) of(t eval.Trial) (enrol, test string) {
	if l.speakers == nil {
		return "", ""
	}
	enrol, _ = l.speakers.Of(t.Enrol) // checked when the list was read
	test, _ = l.speakers.Of(t.Test)
	return enrol, test
}

// scoredTrials is every trial with its sides embedded.
type scoredTrials struct {
	list        *trialList
	sides       *sideSet
	enrol, test []int // side of each trial
}

// plan registers the sides of the trials, to be embedded by run; enrol and test say how, but for the files.
func (s *sideSet) plan(l *trialList, enrol, test sideKey) *scoredTrials {
	out := &scoredTrials{list: l, sides: s}
	for _, t := range l.trials {
		enrol.files, test.files = t.EnrolKey(), t.TestKey()
		out.enrol = append(out.enrol, s.add(enrol))
		out.test = append(out.test, s.add(test))
	}
	return out
}

// failures returns the sides without an embedding, enrolments first, each once.
func (t *scoredTrials) failures() []failedSide {
	var out []failedSide
	for _, side := range []struct {
		name string
		of   []int
	}{{"enrol", t.enrol}, {"test", t.test}} {
		seen := map[int]bool{}
		for _, i := range side.of {
			if err := t.sides.done[i].err; err != nil && !seen[i] {
				seen[i] = true
				out = append(out, failedSide{side.name, t.sides.keys[i].files, oneLine(err)})
			}
		}
	}
	return out
}
