package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/voiceprint"
)

// voiceNames are the voices of testdata that have a take at 8 kHz and the same one at 16 kHz.
func voiceNames() []string {
	return []string{"female_en", "male_en", "male_it", "female_fr", "male_en_digits", "female_ru", "male_cs_reverb"}
}

// voiceTrials compares every 8 kHz take with every 16 kHz take: a trial is a target where it is the same voice.
func voiceTrials(t testing.TB, extra ...string) string {
	t.Helper()
	var b strings.Builder
	for _, e := range voiceNames() {
		for _, x := range voiceNames() {
			fmt.Fprintf(&b, "%s voice_%s_8k.wav voice_%s_16k.wav\n", map[bool]string{true: "target", false: "nontarget"}[e == x], e, x)
		}
	}
	for _, line := range extra {
		b.WriteString(line + "\n")
	}
	return writeText(t, "voices.trials", b.String())
}

// verificationResult is what a script reads of eval verification --json.
type verificationResult struct {
	EER       *float64            `json:"eer"`
	MinDCF    map[string]*float64 `json:"min_dcf"`
	ActDCF    map[string]*float64 `json:"act_dcf"`
	Cllr      *float64            `json:"cllr"`
	FNMRAtFMR map[string]*float64 `json:"fnmr_at_fmr"`
	FTA       *float64            `json:"fta"`
	FTE       *float64            `json:"fte"`
	Trials    int                 `json:"trials"`
	Targets   int                 `json:"targets"`
	Intervals struct {
		EER *[2]*float64 `json:"eer"`
	} `json:"confidence_intervals"`
	Bands      []struct{ Name string }
	Groups     []struct{ Column string }
	AtShipped  []fixedThreshold `json:"at_calibrated_threshold"`
	Conditions conditions       `json:"conditions"`
	Speed      speed            `json:"speed"`
	Failures   []failedSide     `json:"failures"`
}

// verification carries out an evaluation of the seeded model on the voices of testdata.
func verification(t *testing.T, args ...string) verificationResult {
	t.Helper()
	args = append([]string{"eval", "verification", "--json", "--model", seededModel(t, "1.0.0"), "--audio", testkit.Testdata(t, "audio")}, args...)
	code, out, errs := cli(t, args...)
	if code != exitDone {
		t.Fatalf("exit status %d: %s", code, errs)
	}
	var r verificationResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %.300s", err, out)
	}
	return r
}

func TestEvalVerificationTellsTheTakesApart(t *testing.T) {
	r := verification(t, "--trials", voiceTrials(t), "--calibration", handCalibration(t, "1.0.0"))
	if r.EER == nil || *r.EER != 0 || r.Trials != 49 || r.Targets != 7 {
		t.Errorf("EER %v on %d trials, %d targets, want 0 on 49 and 7", r.EER, r.Trials, r.Targets)
	}
	if r.Cllr == nil || *r.Cllr > 0.01 || r.ActDCF["0.01"] == nil || *r.ActDCF["0.01"] != 0 || *r.MinDCF["0.01"] != 0 {
		t.Errorf("cllr %v, act_dcf %v, min_dcf %v, want all but 0", r.Cllr, r.ActDCF, r.MinDCF)
	}
	if r.Intervals.EER == nil || *r.Intervals.EER[1] <= 0 {
		t.Errorf("interval of the EER %v, want one that does not end at 0", r.Intervals.EER)
	}
	if len(r.AtShipped) != 1 || r.AtShipped[0] != (fixedThreshold{0.01, 3, 0, 0}) {
		t.Errorf("at the threshold of the calibration %+v, want no error at LLR 3", r.AtShipped)
	}
	if *r.FTA != 0 || *r.FTE != 0 || len(r.Failures) != 0 {
		t.Errorf("fta %v, fte %v, failures %v, want none", *r.FTA, *r.FTE, r.Failures)
	}
	c := r.Conditions
	if c.Model.Name != "speaker-tdnn-v1" || c.Model.Version != "1.0.0" || len(c.Model.SHA256) != 64 || c.Scoring != voiceprint.ScoreCosine || c.LeastMs != 250 {
		t.Errorf("conditions %+v", c)
	}
	if r.Speed.Sides != 14 || r.Speed.AudioS < 30 {
		t.Errorf("speed %+v, want 14 sides: each is embedded once", r.Speed)
	}
}

func TestEvalVerificationOfRawScores(t *testing.T) {
	r := verification(t, "--trials", voiceTrials(t))
	if r.EER == nil || r.Cllr != nil || r.ActDCF["0.01"] != nil || len(r.AtShipped) != 0 || r.Conditions.Calibration != "none" {
		t.Errorf("eer %v, cllr %v, act_dcf %v, want figures that need no LLR alone", r.EER, r.Cllr, r.ActDCF)
	}
}

func TestEvalVerificationCountsFailures(t *testing.T) {
	list := voiceTrials(t,
		"nontarget voice_female_en_8k.wav no-such.wav",
		"nontarget voice_male_en_8k.wav no-such.wav",
		"nontarget voice_male_en_8k.wav silent_8k.wav",
		"nontarget text_renamed.wav voice_male_en_16k.wav",
		"target voice_female_en_8k.wav,silent_8k.wav voice_female_en_16k.wav,zeros_100_bytes.wav")
	r := verification(t, "--trials", list)
	if want := 3.0 / 10; math.Abs(*r.FTA-want) > 1e-9 { // 7 voices, no-such, silent and the joined one, each once
		t.Errorf("fta %g, want %g", *r.FTA, want)
	}
	if want := 1.0 / 9; math.Abs(*r.FTE-want) > 1e-9 { // 7 voices, text and the joined one
		t.Errorf("fte %g, want %g", *r.FTE, want)
	}
	var sides []string
	for _, f := range r.Failures {
		sides = append(sides, f.Side+" "+f.Files)
	}
	for _, want := range []string{"enrol text_renamed.wav", "test no-such.wav", "test silent_8k.wav", "test voice_female_en_16k.wav,zeros_100_bytes.wav"} {
		if !slices.Contains(sides, want) {
			t.Errorf("failures %q, want %q among them", sides, want)
		}
	}
	text := wantExit(t, exitDone, []string{"eval", "verification", "--model", seededModel(t, "1.0.0"), "--audio", testkit.Testdata(t, "audio"), "--trials", list})
	for _, want := range []string{"4 sides gave no embedding", "no-such.wav: no such file", "EER (plain)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

func TestEvalVerificationFailsWhereNothingIsScored(t *testing.T) {
	list := writeText(t, "list", "target a.wav b.wav\nnontarget a.wav c.wav\n")
	wantExit(t, exitFailed, []string{"eval", "verification", "--model", seededModel(t, "1.0.0"), "--audio", t.TempDir(), "--trials", list},
		"none of 2 trials could be scored", "a.wav: no such file")
	wantExit(t, exitFailed, []string{"eval", "verification", "--model", seededModel(t, "1.0.0"), "--trials", writeText(t, "list", "yes a b\n")},
		`line 1: label "yes", want target, nontarget, 1 or 0`)
}

func TestEvalVerificationConditions(t *testing.T) {
	full := verification(t, "--trials", voiceTrials(t))
	for _, c := range []struct {
		name string
		args []string
		says func(r verificationResult) bool
	}{
		{"test_seconds", []string{"--test-seconds", "1"}, func(r verificationResult) bool {
			return r.Conditions.TestSeconds == 1 && len(r.Bands) == 1 && r.Bands[0].Name == "<2 s"
		}},
		{"phone", []string{"--degrade", "phone"}, func(r verificationResult) bool {
			return r.Conditions.Degrade == "phone" && r.Conditions.DegradeTest == "phone"
		}},
		{"other_line", []string{"--degrade", "phone", "--degrade-test", "phone-noisy"}, func(r verificationResult) bool {
			return r.Conditions.Degrade == "phone" && r.Conditions.DegradeTest == "phone-noisy" && *r.EER > *full.EER
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"--trials", voiceTrials(t)}, c.args...)
			a := verification(t, args...)
			if !c.says(a) || a.Trials != full.Trials || *a.FTA != 0 {
				t.Errorf("%+v", a)
			}
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			b := verification(t, args...)
			if *a.EER != *b.EER || *a.MinDCF["0.05"] != *b.MinDCF["0.05"] {
				t.Errorf("EER %g and %g, minDCF %g and %g: the result depends on the number of workers", *a.EER, *b.EER, *a.MinDCF["0.05"], *b.MinDCF["0.05"])
			}
		})
	}
}

func TestEvalVerificationJoinsAndCombines(t *testing.T) {
	list := writeText(t, "list", `target voice_male_en_8k.wav,voice_male_en_digits_8k.wav voice_male_en_16k.wav
nontarget voice_male_en_8k.wav,voice_male_en_digits_8k.wav voice_female_fr_16k.wav
nontarget voice_female_fr_8k.wav voice_male_en_16k.wav
`)
	dir := t.TempDir()
	score := map[string]string{}
	for _, way := range []string{"pool", "average"} {
		path := filepath.Join(dir, way)
		r := verification(t, "--trials", list, "--combine", way, "--scores", path)
		if r.Conditions.Combine != way || r.Trials != 3 {
			t.Errorf("%s: %+v", way, r)
		}
		score[way] = string(testkit.Read(t, path))
		if lines := strings.Split(strings.TrimSpace(score[way]), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "target voice_male_en_8k.wav,voice_male_en_digits_8k.wav voice_male_en_16k.wav 0.99") {
			t.Errorf("%s: scores\n%s", way, score[way])
		}
	}
	if score["pool"] == score["average"] {
		t.Error("both ways give the same scores")
	}
}

func TestEvalVerificationWritesPlots(t *testing.T) {
	dir := t.TempDir()
	det, hist := filepath.Join(dir, "det.png"), filepath.Join(dir, "hist.svg")
	verification(t, "--trials", voiceTrials(t), "--calibration", handCalibration(t, "1.0.0"), "--det", det, "--histogram", hist)
	if img, err := png.Decode(bytes.NewReader(testkit.Read(t, det))); err != nil || img.Bounds().Dx() < 300 {
		t.Errorf("the DET plot: %v", err)
	}
	if svg := testkit.Read(t, hist); !bytes.Contains(svg, []byte("<svg")) {
		t.Errorf("the histogram begins with %.40q", svg)
	}
	list := writeText(t, "list", "target voice_male_en_8k.wav voice_male_en_16k.wav\n")
	wantExit(t, exitFailed, []string{"eval", "verification", "--model", seededModel(t, "1.0.0"), "--audio", testkit.Testdata(t, "audio"), "--trials", list,
		"--det", filepath.Join(dir, "none.png")}, "no plot: want scores of target and of nontarget trials")
	if _, err := os.Stat(filepath.Join(dir, "none.png")); err == nil {
		t.Error("a plot of nothing was written")
	}
}

func TestEvalVerificationGroups(t *testing.T) {
	var table strings.Builder
	table.WriteString("path,lang,speaker\n")
	for _, v := range voiceNames() {
		_, lang, _ := strings.Cut(v, "_")
		for _, rate := range []string{"8k", "16k"} {
			fmt.Fprintf(&table, "voice_%s_%s.wav,%s,%s\n", v, rate, lang[:2], v)
		}
	}
	speakers := writeText(t, "speakers.csv", table.String())
	r := verification(t, "--trials", voiceTrials(t), "--speakers", speakers, "--group", "lang")
	if len(r.Groups) != 1 || r.Groups[0].Column != "lang" {
		t.Errorf("groups %+v, want lang", r.Groups)
	}
	base := []string{"eval", "verification", "--model", seededModel(t, "1.0.0"), "--audio", testkit.Testdata(t, "audio"), "--trials"}
	wantExit(t, exitFailed, append(base, voiceTrials(t), "--speakers", speakers, "--group", "accent"), `--group: no column "accent"`)
	wantExit(t, exitFailed, append(base, voiceTrials(t, "target voice_male_en_8k.wav voice_male_it_16k.wav"), "--speakers", speakers), "label target true")
}

func TestEvalVerificationGoesOnWhereLabelsContradict(t *testing.T) {
	list := voiceTrials(t, "nontarget voice_male_en_8k.wav voice_male_en_16k.wav")
	code, out, errs := cli(t, "eval", "verification", "--json", "--model", seededModel(t, "1.0.0"), "--audio", testkit.Testdata(t, "audio"), "--trials", list)
	if code != exitDone || !strings.Contains(errs, "labels contradict each other") || !strings.Contains(out, `"unit":"trial"`) {
		t.Errorf("exit status %d, stderr %s", code, errs)
	}
}
