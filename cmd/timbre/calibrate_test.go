package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/voiceprint"
)

// manyVoices writes recordings of 24 voices, and a list of trials among them: each voice of testdata played at four speeds, which
// are four voices to the model, in two takes of which one is quieter.
func manyVoices(t *testing.T) (dir, trials string) {
	t.Helper()
	dir = t.TempDir()
	var list strings.Builder
	var names []string
	for _, v := range voiceNames()[:6] {
		f, err := os.Open(clip(t, "voice_"+v+"_16k.wav"))
		if err != nil {
			t.Fatal(err)
		}
		x, _, _, err := audio.ReadAll(f, 0)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, rate := range []int{12800, 14800, 16000, 18400} {
			name := fmt.Sprintf("%s-%d", v, rate)
			names = append(names, name)
			for take, gain := range []float32{1, 0.7} {
				y := slices.Clone(x[0])
				for i := range y {
					y[i] *= gain
				}
				out, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.wav", name, take)))
				if err != nil {
					t.Fatal(err)
				}
				if err := audio.WriteWAV(out, "pcm_s16le", rate, [][]float32{y}); err != nil {
					t.Fatal(err)
				}
				if err := out.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, a := range names {
		for _, b := range names {
			label := "nontarget"
			if a == b {
				label = "target"
			}
			fmt.Fprintf(&list, "%s %s-0.wav %s-1.wav\n", label, a, b)
		}
	}
	return dir, writeText(t, "many.trials", list.String())
}

func TestCalibrateThenUse(t *testing.T) {
	dir, trials := manyVoices(t)
	model, out := seededModel(t, "1.0.0"), filepath.Join(t.TempDir(), "site.json")
	text := wantExit(t, exitDone, []string{"calibrate", "verification", "--model", model, "--trials", trials, "--audio", dir, "--test-seconds", "0,2,1.5",
		"--degrade", "none,phone", "-o", out, "--data", "24 voices"})
	if !strings.Contains(text, "fitted on 144 target and 3312 nontarget trials of 24 speakers") || !strings.Contains(text, "accept from LLR") {
		t.Errorf("the report:\n%s", text)
	}
	c, err := voiceprint.ParseCalibration(testkit.Read(t, out))
	if err != nil || c.Fit.Data != "24 voices" || len(c.Thresholds) == 0 || c.Thresholds[0].FMR != 0.01 {
		t.Fatalf("the file: %+v, error %v", c, err)
	}
	code, stdout, errs := cli(t, "eval", "verification", "--json", "--model", model, "--trials", trials, "--audio", dir, "--calibration", out)
	var r verificationResult
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitDone {
		t.Fatalf("exit status %d, %s", code, errs)
	}
	// The trials of the fit are among these, so its LLRs are as good as its own recalibration, all but a little.
	if r.Cllr == nil || *r.Cllr > 0.5 || len(r.AtShipped) == 0 || r.AtShipped[0].FMR > 0.03 || r.Conditions.Calibration != out {
		t.Errorf("cllr %v, at the threshold %+v", r.Cllr, r.AtShipped)
	}
}

func TestCalibrateRefuses(t *testing.T) {
	model, out := seededModel(t, "1.0.0"), filepath.Join(t.TempDir(), "site.json")
	base := []string{"calibrate", "verification", "--model", model, "--audio", testkit.Testdata(t, "audio"), "-o", out, "--trials"}
	wantExit(t, exitFailed, append(base, voiceTrials(t)), "calibration refused", "7 target trials, want at least 50", "target trials of 7 speakers, want at least 10")
	wantExit(t, exitFailed, append(base, voiceTrials(t, "nontarget voice_male_en_8k.wav voice_male_en_16k.wav")), "labels of the trials contradict each other")
	wantExit(t, exitUsage, append(base, voiceTrials(t), "--test-seconds", "3,-1"), "--test-seconds: -1, want 0 to 3600")
	wantExit(t, exitUsage, append(base, voiceTrials(t), "--degrade", "phone,gsm"), `--degrade: "gsm", want one of none, phone, phone-noisy`)
	wantExit(t, exitUsage, base[:len(base)-1], "--trials: not given, want a FILE")
	if _, err := os.Stat(out); err == nil {
		t.Error("a calibration was written")
	}
}
