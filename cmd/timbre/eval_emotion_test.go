package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// evalEmotionRun runs timbre eval emotion over the recorded voices of testdata and returns status, standard output and error.
func evalEmotionRun(t *testing.T, manifest string, args ...string) (int, string, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.csv")
	if err := os.WriteFile(path, []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	all := append([]string{"eval", "emotion", "--manifest", path, "--audio", testkit.Testdata(t, "audio")}, args...)
	status := run(context.Background(), all, &out, &errs)
	return status, out.String(), errs.String()
}

const emotionManifest = "path,label,speaker\n" +
	"voice_female_en_8k.wav,neutral,f\nvoice_female_fr_8k.wav,happy,f\nvoice_male_en_8k.wav,sad,m\nvoice_male_it_8k.wav,angry,m\n"

func TestEvalEmotionPrintsTheContractsFields(t *testing.T) {
	status, out, errs := evalEmotionRun(t, emotionManifest, "--json", "--degrade", "phone")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errs)
	}
	var got struct {
		UAR       *float64 `json:"uar"`
		WAR       *float64 `json:"war"`
		AUC       *float64 `json:"auc_arousal"`
		ECE       *float64 `json:"ece"`
		N         int      `json:"n"`
		Confusion [4][4]int
		Classes   []string
		Model     modelJSON
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]*float64{"uar": got.UAR, "war": got.WAR, "auc_arousal": got.AUC, "ece": got.ECE} {
		if v == nil || *v < 0 || *v > 1 {
			t.Errorf("%s: %v, want a fraction", name, v)
		}
	}
	total := 0
	for _, row := range got.Confusion {
		for _, n := range row {
			total += n
		}
	}
	if got.N != 4 || total != 4 || strings.Join(got.Classes, " ") != "angry happy neutral sad" || len(got.Model.SHA256) != 64 {
		t.Errorf("%s", out)
	}
}

func TestEvalEmotionHistoryChangesTheScores(t *testing.T) {
	_, none, _ := evalEmotionRun(t, emotionManifest, "--json")
	status, known, errs := evalEmotionRun(t, emotionManifest, "--json", "--history", "speaker")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errs)
	}
	_, again, _ := evalEmotionRun(t, emotionManifest, "--json", "--history", "speaker")
	if known != again {
		t.Error("the same history gives another report")
	}
	ece := func(s string) string {
		_, rest, _ := strings.Cut(s, `"ece": `)
		v, _, _ := strings.Cut(rest, ",")
		return v
	}
	if ece(none) == ece(known) {
		t.Errorf("calibration error %s with and without history", ece(none))
	}
	// without speakers there is no history to know
	bare := strings.NewReplacer(",speaker", "", ",f\n", "\n", ",m\n", "\n").Replace(emotionManifest)
	_, unknown, errs := evalEmotionRun(t, bare, "--json", "--history", "speaker")
	if ece(unknown) != ece(none) {
		t.Errorf("a history without speakers: %s, want %s as without any: %s", ece(unknown), ece(none), errs)
	}
}

func TestEvalEmotionNamesWhatCannotBeScored(t *testing.T) {
	status, out, errs := evalEmotionRun(t, emotionManifest+"absent.wav,sad,x\nbits_0.wav,sad,x\nhtml_renamed.wav,sad,x\nno_data.wav,sad,x\n")
	if status != exitDone {
		t.Fatalf("status %d: %s", status, errs)
	}
	for _, want := range []string{"4 clips", "4 clips gave no score", "absent.wav", "bits_0.wav", "history none"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if status, _, errs := evalEmotionRun(t, "path,label\nabsent.wav,sad\n"); status != exitFailed || !strings.Contains(errs, "none of 1 clip could be scored") {
		t.Errorf("nothing scored: status %d, %s", status, errs)
	}
}

// TestEvalEmotionHearsAllChannelsOfAClip holds that a clip with the same voice on three channels is measured as the clip alone.
func TestEvalEmotionHearsAllChannelsOfAClip(t *testing.T) {
	channels, _, _, err := audio.ReadAll(bytes.NewReader(testkit.Read(t, testkit.Testdata(t, "audio", "voice_female_en_8k.wav"))), 0)
	if err != nil {
		t.Fatal(err)
	}
	read := func(n int) []float64 {
		var x []float32
		for _, v := range channels[0] {
			for range n {
				x = append(x, v)
			}
		}
		head, errHead := audio.WAVHeader("pcm_s16le", 8000, n, int64(len(channels[0])))
		body, errBody := audio.Encode(nil, "pcm_s16le", x)
		path := filepath.Join(t.TempDir(), "clip.wav")
		e, errLoad := loadEmotions(freeEmotionModel)
		if err := errors.Join(errHead, errBody, errLoad, os.WriteFile(path, append(head, body...), 0o644)); err != nil {
			t.Fatal(err)
		}
		c := readClip{}
		if err := e.read(t.Context(), &c, path, manifestClip{channel: -1}, &emotionFlags{line: "none"}, &progress{}); err != nil {
			t.Fatal(err)
		}
		return c.Values
	}
	one, three := read(1), read(3)
	for i, v := range one {
		if math.Abs(three[i]-v) > 1e-3*(1+math.Abs(v)) || math.IsNaN(three[i]) != math.IsNaN(v) {
			t.Errorf("value %d: %g of three channels, %g of one", i, three[i], v)
		}
	}
}

// TestEvalEmotionHearsPartsOfRecordings holds that a segment of a call is measured as the same samples in a file of their own.
func TestEvalEmotionHearsPartsOfRecordings(t *testing.T) {
	path := call(t, "sample-call.wav")
	channels, _, _, err := audio.ReadAll(bytes.NewReader(testkit.Read(t, path)), 0)
	if err != nil {
		t.Fatal(err)
	}
	e, err := loadEmotions(freeEmotionModel)
	if err != nil {
		t.Fatal(err)
	}
	measure := func(path string, clip manifestClip) ([]float64, error) {
		c := readClip{}
		err := e.read(t.Context(), &c, path, clip, &emotionFlags{line: "none"}, &progress{})
		return c.Values, err
	}
	part := manifestClip{channel: 1, startMs: 10_000, endMs: 14_000}
	cut := channels[1][80_000:112_000]
	head, errHead := audio.WAVHeader("pcm_s16le", 8000, 1, int64(len(cut)))
	body, errBody := audio.Encode(nil, "pcm_s16le", cut)
	own := filepath.Join(t.TempDir(), "cut.wav")
	if err := errors.Join(errHead, errBody, os.WriteFile(own, append(head, body...), 0o644)); err != nil {
		t.Fatal(err)
	}
	got, errGot := measure(path, part)
	want, errWant := measure(own, manifestClip{channel: -1})
	if err := errors.Join(errGot, errWant); err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
		t.Errorf("%v of the call, %v of the part alone", got[:8], want[:8])
	}
	for _, c := range []struct {
		clip manifestClip
		want string
	}{
		{manifestClip{channel: 2}, "channel 2, want 0 to 1"},
		{manifestClip{channel: 0, startMs: 10_000, endMs: 10_000_000}, "the recording ends at 89430 ms"},
	} {
		if _, err := measure(path, c.clip); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %q", c.clip, err, c.want)
		}
	}
}

func TestEvalEmotionRefusesWrongCommandLines(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"history":           {[]string{"--history", "always"}, exitUsage, `--history: "always"`},
		"mix":               {[]string{"--history", "speaker", "--history-mix", "odd"}, exitUsage, `--history-mix: "odd"`},
		"mix_alone":         {[]string{"--history-mix", "same"}, exitUsage, "without --history speaker"},
		"seconds":           {[]string{"--history", "speaker", "--history-seconds", "-1"}, exitUsage, "want 0 to 3600"},
		"line":              {[]string{"--degrade", "fax"}, exitUsage, "--degrade"},
		"model":             {[]string{"--model", "emotion-absent-v1"}, exitFailed, "emotion-absent-v1"},
		"model_of_a_task":   {[]string{"--model", "vad-gru-v1"}, exitFailed, `task "vad", want "emotion"`},
		"unexpected_a_file": {[]string{"x.wav"}, exitUsage, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, errs := evalEmotionRun(t, emotionManifest, c.args...)
			if status != c.status || !strings.Contains(errs, c.want) {
				t.Errorf("status %d, %q; want %d and %q", status, errs, c.status, c.want)
			}
		})
	}
}

func TestManifestErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                "want a header",
		"file,label\n":                                    "want the columns path and label",
		"path,label\na.wav,furious\n":                     `line 2: label "furious"`,
		"path,label\na.wav,sad\n,sad\n":                   "line 3: empty path",
		"path,label\na.wav,sad\na.wav,sad":                "line 3: a.wav is there twice",
		"path,label\na.wav\n":                             "line 2",
		"path,label,channel\na.wav,sad,left\n":            `line 2: channel "left", want a whole number`,
		"path,label,channel\na.wav,sad,-1\n":              `line 2: channel "-1"`,
		"path,label,start_ms,end_ms\na.wav,sad,9,9\n":     "line 2: start_ms 9 and end_ms 9",
		"path,label,start_ms\na.wav,sad,9\n":              "line 2: start_ms 9 and end_ms 0, want both",
		"path,label,end_ms\na.wav,sad,99999999999\n":      `line 2: end_ms "99999999999"`,
		"path,label,end_ms\na.wav,sad,50\na.wav,sad,50\n": "line 3: a.wav, 0 to 50 ms is there twice",
	} {
		if _, err := parseManifest(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	rows, err := parseManifest(strings.NewReader("\ufeffset,label, speaker,path\nx,angry,s1,a.wav\n"))
	if err != nil || len(rows) != 1 || rows[0] != (manifestRow{manifestClip{path: "a.wav", channel: -1}, "s1", 0}) {
		t.Errorf("%v, %v", rows, err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add("path,label,speaker\na.wav,sad,x\n")
	f.Add("path,label\n\"a\nb\",happy\n")
	f.Add("path,label,channel,start_ms,end_ms\na.wav,sad,1,10,20\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseManifest(strings.NewReader(text))
		for _, r := range rows {
			if err == nil && (r.path == "" || r.label < 0 || r.label > 3 || r.channel < -1 || r.startMs < 0 || r.startMs > r.endMs) {
				t.Errorf("%+v", r)
			}
		}
	})
}
