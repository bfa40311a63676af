package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/sentiment"
)

// cutClips cuts the recorded voices of testdata into clips of 1.5 s in a folder, and names them with their voice.
func cutClips(t *testing.T) (dir string, rows []manifestRow) {
	t.Helper()
	dir = t.TempDir()
	voices, err := filepath.Glob(filepath.Join(testkit.Testdata(t, "audio"), "voice_*_8k.wav"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range voices {
		x := testkit.Read(t, path)
		channels, _, _, err := audio.ReadAll(strings.NewReader(string(x)), 0)
		if err != nil {
			t.Fatal(err)
		}
		const length, hop = 12000, 1800
		for at := 0; at+length <= len(channels[0]); at += hop {
			head, errHead := audio.WAVHeader("pcm_s16le", 8000, 1, length)
			body, errBody := audio.Encode(nil, "pcm_s16le", channels[0][at:at+length])
			name := fmt.Sprintf("%s_%d.wav", strings.TrimSuffix(filepath.Base(path), ".wav"), at)
			errFile := os.WriteFile(filepath.Join(dir, name), append(head, body...), 0o644)
			for _, err := range []error{errHead, errBody, errFile} {
				if err != nil {
					t.Fatal(err)
				}
			}
			rows = append(rows, manifestRow{manifestClip: manifestClip{path: name, channel: -1}, speaker: filepath.Base(path)})
		}
	}
	return dir, rows
}

// labelAsOnAForeignLine writes a manifest in which each clip has the class that stands out most from what the model says of all of them:
// that of a site on whose line every voice is shifted alike.
func labelAsOnAForeignLine(t *testing.T, dir string, rows []manifestRow) string {
	t.Helper()
	e, err := loadEmotions(freeEmotionModel)
	if err != nil {
		t.Fatal(err)
	}
	f := emotionFlags{}
	f.line = "none"
	logits := make([][sentiment.NumClasses]float64, len(rows))
	var mean [sentiment.NumClasses]float64
	for i, r := range rows {
		c := readClip{}
		if err := e.read(t.Context(), &c, filepath.Join(dir, r.path), r.manifestClip, &f, &progress{}); err != nil {
			t.Fatal(err)
		}
		s, err := e.model.NewScorer().Score(c.Values, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, p := range s.Probabilities {
			logits[i][k] = math.Log(float64(p))
			mean[k] += logits[i][k] / float64(len(rows))
		}
	}
	var b strings.Builder
	b.WriteString("path,label,speaker\n")
	for i, r := range rows {
		best := 0
		for k := range mean {
			if logits[i][k]-mean[k] > logits[i][best]-mean[best] {
				best = k
			}
		}
		fmt.Fprintf(&b, "%s,%s,%s\n", r.path, sentiment.Classes()[best], r.speaker)
	}
	path := filepath.Join(dir, "own.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCalibrateEmotionMakesAModelThatTheProgramTakes(t *testing.T) {
	dir, rows := cutClips(t)
	manifest := labelAsOnAForeignLine(t, dir, rows)
	out := filepath.Join(t.TempDir(), "site")
	made := wantExit(t, exitDone, []string{"calibrate", "emotion", "--model", freeEmotionModel, "--manifest", manifest, "--audio", dir, "-o", out, "--data", "clips of May", "--json"})
	var c struct {
		Model, Version string
		Folds          int
		Calibration    struct {
			Schema string
			Fit    sentiment.Fit
		}
		Alone, Known struct {
			Clips       int
			Own, Fitted struct {
				UAR     float64 `json:"uar"`
				ECE     float64 `json:"ece"`
				LogLoss float64 `json:"log_loss"`
			}
		}
	}
	if err := json.Unmarshal([]byte(made), &c); err != nil {
		t.Fatalf("%v in %s", err, made)
	}
	folder := filepath.Join(out, freeEmotionModel)
	if c.Model != folder || !strings.Contains(c.Version, "+") || c.Calibration.Fit.Data != "clips of May" || c.Calibration.Fit.Clips != len(rows) {
		t.Errorf("%s", made)
	}
	if c.Folds != 5 || c.Alone.Clips != len(rows) || c.Known.Clips != len(rows) || !(c.Alone.Fitted.LogLoss < c.Alone.Own.LogLoss) || !(c.Alone.Fitted.UAR > c.Alone.Own.UAR) {
		t.Errorf("held out: %s", made)
	}

	// eval emotion by the folder: the shift is gone
	figures := func(model string) (uar float64, version string) {
		var r struct {
			UAR   float64 `json:"uar"`
			Model modelJSON
		}
		text := wantExit(t, exitDone, []string{"eval", "emotion", "--model", model, "--manifest", manifest, "--audio", dir, "--json"})
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		return r.UAR, r.Model.Version
	}
	before, _ := figures(freeEmotionModel)
	after, version := figures(folder)
	if !(after > before+0.1) || version != c.Version {
		t.Errorf("UAR %.3f by version %s, %.3f without the calibration", after, version, before)
	}

	// the record of a call says by what it was scored
	r := records(t, wantExit(t, exitDone, []string{"analyze", "--json", "--emotion-model", folder, call(t, "short-call.wav")}))[0]
	found := false
	for _, m := range r.Governance.Models {
		found = found || m.Name == freeEmotionModel && m.Version == c.Version
	}
	if !found {
		t.Errorf("models of the record: %+v, want version %s", r.Governance.Models, c.Version)
	}

	// a calibration is fitted to the model's own scores, whatever it has by now
	again := wantExit(t, exitDone, []string{"calibrate", "emotion", "--model", folder, "--manifest", manifest, "--audio", dir, "-o", filepath.Join(t.TempDir(), "site"),
		"--data", "clips of May", "--json"})
	var second struct{ Version string }
	if err := json.Unmarshal([]byte(again), &second); err != nil || second.Version != c.Version {
		t.Errorf("fitted again: version %s, want %s (%v)", second.Version, c.Version, err)
	}

	text := wantExit(t, exitDone, []string{"calibrate", "emotion", "--model", freeEmotionModel, "--manifest", manifest, "--audio", dir, "-o", filepath.Join(t.TempDir(), "site")})
	for _, want := range []string{fmt.Sprintf("%d clips of 7 speakers", len(rows)), "5 folds", "calibration error, 60 s known", "--emotion-model "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	wantExit(t, exitFailed, []string{"calibrate", "emotion", "--model", freeEmotionModel, "--manifest", manifest, "--audio", dir, "-o", out}, "is there already")
}

func TestCalibrateEmotionRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.csv")
	if err := os.WriteFile(path, []byte(emotionManifest), 0o644); err != nil {
		t.Fatal(err)
	}
	clips := []string{"calibrate", "emotion", "--manifest", path, "--audio", testkit.Testdata(t, "audio")}
	wantExit(t, exitUsage, clips, "--output")
	wantExit(t, exitUsage, append(clips, "-o", "x", "--degrade", "fax"), "--degrade")
	out := filepath.Join(t.TempDir(), "site")
	wantExit(t, exitFailed, append(clips, "-o", out), "4 clips, want at least 50", "1 angry", "want at least 5 clips of each class", "2 speakers, want at least 4")
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused fit left a folder")
	}
}
