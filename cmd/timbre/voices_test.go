package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/voiceprint"
)

// seededModel writes the artefact of a small network of seeded weights and returns its folder. Its embeddings tell voices apart
// only a little; what they are made of, and what becomes of them, is as with a trained one.
func seededModel(t testing.TB, version string) string {
	t.Helper()
	weights := testkit.Read(t, testkit.Testdata(t, "golden", "nn", "speaker.safetensors"))
	sum := sha256.Sum256(weights)
	dir := filepath.Join(t.TempDir(), "speaker-tdnn-v1")
	m := models.Manifest{Name: "speaker-tdnn-v1", Task: voiceprint.Task, Arch: "tdnn", Version: version, Summary: "seeded weights", Created: "2026-11-25",
		SampleRateHz: voiceprint.Rate, Features: voiceprint.FrontEnd().String(), InputDims: 40, OutputDims: 28, Params: values(t, weights),
		WeightsType: "F16", WeightsBytes: int64(len(weights)), SHA256: hex.EncodeToString(sum[:]), Licence: "Apache-2.0",
		LicenceClass: models.Permissive, Classes: []string{}, TrainingData: []models.Data{{Name: "none", What: "seeded noise", Licence: "none"}}, Recipe: "none"}
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"manifest.json": manifest, "weights.safetensors": weights, "CARD.md": []byte("# Seeded weights\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// values counts the values of a safetensors file from its header.
func values(t testing.TB, file []byte) int {
	t.Helper()
	n := 0
	for i := range 8 {
		n |= int(file[i]) << (8 * i)
	}
	var head map[string]struct {
		Shape []int `json:"shape"`
	}
	if err := json.Unmarshal(file[8:8+n], &head); err != nil {
		t.Fatal(err)
	}
	total := 0
	for name, v := range head {
		if name == "__metadata__" {
			continue
		}
		k := 1
		for _, d := range v.Shape {
			k *= d
		}
		total += k
	}
	return total
}

// writeText writes a file into a fresh folder and returns its path.
func writeText(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func seededVoices(t testing.TB) *voices {
	t.Helper()
	v, err := loadVoices(voiceFlags{model: seededModel(t, "1.0.0")})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// idle is a progress that shows nothing.
func idle(t testing.TB) *progress {
	t.Helper()
	p := newProgress(newConsole(t.Output(), t.Output()), "", 1, 1)
	t.Cleanup(p.end)
	return p
}

func TestHearRefuses(t *testing.T) {
	v, bar := seededVoices(t), idle(t)
	for _, c := range []struct {
		name, path string
		channel    int
		is         error
		says       string
	}{
		{"missing_file", "no-such.wav", -1, os.ErrNotExist, "no-such.wav"},
		{"folder", t.TempDir(), -1, nil, "a folder, want one file"},
		{"no_audio", clip(t, "text_renamed.wav"), -1, nil, "not readable"},
		{"no_samples", clip(t, "zero_samples_8k.wav"), -1, nil, "no samples after the header"},
		{"stereo_without_channel", clip(t, "mulaw_stereo_8k.wav"), -1, errChannel, "2 channels, want --channel 0 to 1"},
		{"channel_out_of_range", clip(t, "mulaw_stereo_8k.wav"), 2, nil, "channel 2, want 0 to 1: the recording has 2 channels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, line := range []degrade.Line{degrade.None, degrade.Phone} {
				_, err := v.hear(t.Context(), c.path, c.channel, line, bar)
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("line %s: %v, want the path, %q and %v", line, err, c.says, c.is)
				}
			}
		})
	}
}

func TestHearTakesTheChannel(t *testing.T) {
	v, bar := seededVoices(t), idle(t)
	path := call(t, "sample-call.wav")
	agent, err := v.hear(t.Context(), path, 0, degrade.None, bar)
	if err != nil {
		t.Fatal(err)
	}
	customer, err := v.hear(t.Context(), path, 1, degrade.None, bar)
	if err != nil {
		t.Fatal(err)
	}
	if netMs(agent.speech) < 5000 || netMs(customer.speech) < 5000 || agent.speech.Digest() == customer.speech.Digest() {
		t.Errorf("%d and %d ms of speech, want two people who speak", netMs(agent.speech), netMs(customer.speech))
	}
	if agent.codec != "mulaw" && agent.codec != "pcm_s16le" {
		t.Errorf("codec %q", agent.codec)
	}
	if agent.audio != customer.audio || agent.audio.Seconds() < 10 {
		t.Errorf("%v and %v of audio, want the length of the call", agent.audio, customer.audio)
	}
}

func TestSilenceIsNoSpeech(t *testing.T) {
	v := seededVoices(t)
	h, err := v.hear(t.Context(), clip(t, "silent_8k.wav"), -1, degrade.None, idle(t))
	if err != nil || len(h.speech.Samples) != 0 {
		t.Fatalf("%d samples of speech, error %v, want none", len(h.speech.Samples), err)
	}
	if _, err := v.embed(h.speech); !errors.Is(err, voiceprint.ErrNoSpeech) {
		t.Errorf("embedding: %v, want ErrNoSpeech", err)
	}
}

func TestModelsThatDoNotLoad(t *testing.T) {
	trials := writeText(t, "list", "1 a b\n")
	for _, c := range []struct {
		name, flag, value, says string
	}{
		{"unknown_name", "--model", "speaker-none-v9", `"speaker-none-v9"`},
		{"no_speaker_model", "--model", vadModel, "model does not fit"},
		{"no_folder", "--model", filepath.Join(t.TempDir(), "x-y-v1"), "x-y-v1"},
		{"no_calibration_file", "--calibration", filepath.Join(t.TempDir(), "none.json"), "none.json"},
		{"no_calibration", "--calibration", writeText(t, "c.json", "{}"), "not a calibration"},
		{"calibration_too_long", "--calibration", writeText(t, "c.json", strings.Repeat(" ", 1<<20+1)), "more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"eval", "verification", "--trials", trials, "--model", seededModel(t, "1.0.0")}
			wantExit(t, exitFailed, append(args, c.flag, c.value), c.says)
		})
	}
}

// handCalibration writes a calibration of the seeded model of that version. The 8 and 16 kHz takes of one voice score 0.9999 and
// more with it, two voices 0.9985 and less: LLRs above 6 and below -6, and the threshold of FMR 1 % at 3.
func handCalibration(t testing.TB, version string) string {
	t.Helper()
	return calibrationOf(t, version, -9992, 10000)
}

// calibrationOf writes the calibration LLR = bias + weight·score.
func calibrationOf(t testing.TB, version string, bias, weight float64) string {
	t.Helper()
	weights := testkit.Read(t, testkit.Testdata(t, "golden", "nn", "speaker.safetensors"))
	c := voiceprint.Calibration{Model: voiceprint.ModelID{Name: "speaker-tdnn-v1", Version: version, SHA256: sha256.Sum256(weights)},
		Scoring: voiceprint.ScoreCosine, Bias: bias, Terms: []voiceprint.Term{{Name: voiceprint.TermScore, Weight: weight, Low: -1, High: 1}},
		Thresholds: []voiceprint.Threshold{{FMR: 0.01, LLR: 3, LLRLow: 2, LLRHigh: 4, FMRHigh: 0.02, FNMRHigh: 0.1, Statement: "made by hand"}},
		Fit:        voiceprint.Fit{Data: "made by hand", Targets: 1, Nontargets: 1, Speakers: 2, PTarget: 0.05}}
	b, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := voiceprint.ParseCalibration(b); err != nil {
		t.Fatal(err)
	}
	return writeText(t, "calibration.json", string(b))
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %g, want %g within %g", what, got, want, tolerance)
	}
}
