package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func identification(t *testing.T, gallery, probes string, args ...string) identificationReport {
	t.Helper()
	args = append([]string{"eval", "identification", "--json", "--model", seededModel(t, "1.0.0"), "--audio", testkit.Testdata(t, "audio"),
		"--gallery", writeText(t, "gallery.csv", gallery), "--probes", writeText(t, "probes.csv", probes)}, args...)
	code, out, errs := cli(t, args...)
	if code != exitDone {
		t.Fatalf("exit status %d: %s", code, errs)
	}
	var r identificationReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %.300s", err, out)
	}
	return r
}

// galleryAndProbes enrols the 8 kHz takes of the first n voices and searches for the 16 kHz takes of all.
func galleryAndProbes(n int) (gallery, probes string) {
	gallery, probes = "speaker,path\n", "\ufeffpath,speaker\n"
	for i, v := range voiceNames() {
		if i < n {
			gallery += v + ",voice_" + v + "_8k.wav\n"
		}
		probes += "voice_" + v + "_16k.wav," + v + "\n"
	}
	return gallery, probes + "voice_male_en_digits_16k.wav,\n"
}

func TestEvalIdentification(t *testing.T) {
	gallery, probes := galleryAndProbes(4)
	r := identification(t, gallery, probes, "--calibration", handCalibration(t, "1.0.0"))
	if r.Gallery != 4 || r.Probes != 8 || r.Known != 4 || r.Impostors != 4 {
		t.Errorf("%d enrolled, %d probes, %d known, %d impostors, want 4, 8, 4, 4", r.Gallery, r.Probes, r.Known, r.Impostors)
	}
	if r.Rank1 == nil || *r.Rank1 != 1 || *r.FNIR != 0 || *r.FPIR != 0 || *r.FTA != 0 || *r.FTE != 0 {
		t.Errorf("%+v, want every voice found and no stranger", r)
	}
	near(t, "threshold", *r.Threshold, 3+math.Log(4), 1e-9)

	r = identification(t, gallery, probes)
	if r.Rank1 == nil || *r.Rank1 != 1 || r.FNIR != nil || r.FPIR != nil || r.Threshold != nil || len(r.NotComputed) == 0 || !strings.Contains(r.NotComputed[0], "no calibration") {
		t.Errorf("without a calibration: %+v, want rank1 alone and the reason", r)
	}
}

func TestEvalIdentificationCountsFailures(t *testing.T) {
	gallery, probes := galleryAndProbes(2)
	r := identification(t, gallery+"ghost,silent_8k.wav\n", probes+"no-such.wav,female_en\nvoice_male_it_16k.wav,ghost\n", "--calibration", handCalibration(t, "1.0.0"))
	// Known: two found, one not read, one whose speaker was not enrolled.
	if r.Known != 4 || r.TestFailed != 1 || r.EnrolFailed != 1 || *r.Rank1 != 0.5 || *r.FNIR != 0.5 {
		t.Errorf("%+v, want failures counted as not found", r)
	}
	near(t, "fta", *r.FTA, 0.1, 1e-9)
	near(t, "fte", *r.FTE, 1.0/3, 1e-9)
	if len(r.Failures) != 2 || r.Failures[0].Files != "silent_8k.wav" || r.Failures[1].Files != "no-such.wav" {
		t.Errorf("failures %+v", r.Failures)
	}
}

func TestEvalIdentificationText(t *testing.T) {
	gallery, probes := galleryAndProbes(4)
	out := wantExit(t, exitDone, []string{"eval", "identification", "--model", seededModel(t, "1.0.0"), "--audio", testkit.Testdata(t, "audio"), "--calibration",
		handCalibration(t, "1.0.0"), "--gallery", writeText(t, "g.csv", gallery), "--probes", writeText(t, "p.csv", probes)})
	for _, want := range []string{"4 enrolled, 8 probes: 4 of enrolled speakers, 4 of impostors", "rank1  100.00 %", "fpir   0.00 %", "threshold: LLR 4.39"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
}

func TestEvalIdentificationRefusesLists(t *testing.T) {
	good := "speaker,path\na,voice_female_en_8k.wav\n"
	for name, c := range map[string]struct{ gallery, probes, says string }{
		"no_columns":    {"who,file\n", good, "want columns speaker and path"},
		"empty_gallery": {"speaker,path\n", good, "no rows, want at least one"},
		"no_speaker":    {"speaker,path\n,a.wav\n", good, "row 2: no speaker, want one"},
		"no_path":       {good, "speaker,path\na,\n", "line 2: no path, want one"},
		"ragged":        {good, "speaker,path\na\n", "wrong number of fields"},
	} {
		t.Run(name, func(t *testing.T) {
			wantExit(t, exitFailed, []string{"eval", "identification", "--model", seededModel(t, "1.0.0"), "--gallery", writeText(t, "g.csv", c.gallery),
				"--probes", writeText(t, "p.csv", c.probes)}, c.says)
		})
	}
}

// TestClusterRate holds the interval against what is known of it: it covers the true rate about as often as it says.
func TestClusterRate(t *testing.T) {
	if r := clusterRate([][2]int{{1, 2}, {0, 2}}); r.value != 0.25 || !math.IsNaN(r.low) {
		t.Errorf("two speakers: %+v, want 0.25 and no interval", r)
	}
	if r := clusterRate(nil); !math.IsNaN(r.value) {
		t.Errorf("nobody: %+v, want NaN", r)
	}
	none, all := make([][2]int, 30), make([][2]int, 30)
	for i := range none {
		none[i], all[i] = [2]int{0, 5}, [2]int{5, 5}
	}
	if r := clusterRate(none); r.value != 0 || r.low != 0 || r.high != 0.1 {
		t.Errorf("no hit among 30 speakers: %+v, want at most 0.1 (rule of 3)", r)
	}
	if r := clusterRate(all); r.value != 1 || r.low != 0.9 || r.high != 1 {
		t.Errorf("all hit: %+v, want at least 0.9", r)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	covered := 0
	const rounds = 200
	for range rounds {
		counts := make([][2]int, 60) // the rate of a speaker varies around 0.2, between 0 and 0.4
		for i := range counts {
			p := 0.4 * rng.Float64()
			for range 10 {
				counts[i][0] += btoi(rng.Float64() < p)
			}
			counts[i][1] = 10
		}
		if r := clusterRate(counts); r.low <= 0.2 && 0.2 <= r.high {
			covered++
		}
	}
	if share := float64(covered) / rounds; share < 0.90 || share > 0.99 {
		t.Errorf("the 95 %% interval covers the true rate in %.1f %% of the rounds", 100*share)
	}
}
