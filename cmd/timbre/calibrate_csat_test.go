package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/csat"
)

// surveyedSite writes records of n calls whose customers answer worse, and less often, the angrier they were, and their answers.
func surveyedSite(t *testing.T, n int) (records, surveys string, answers int) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	var lines bytes.Buffer
	table := "contact_id,kind,value\n"
	for i := range n {
		c := scoredCall()
		c.Contact.ID, c.Contact.ContactID = fmt.Sprintf("call-%d", i), fmt.Sprintf("k-%d", i)
		anger := r.Float64()
		a := &c.Affect[0]
		a.PeakNegative.Anger, a.End.Anger = anger, anger*r.Float64()
		if err := writeRecord(&lines, c, ""); err != nil {
			t.Fatal(err)
		}
		if r.Float64() < 0.8-0.6*anger {
			value := min(max(int(math.Round(5.2-4*anger+0.7*r.NormFloat64())), 1), 5)
			table += fmt.Sprintf("k-%d,csat,%d\n", i, value)
			answers++
		}
	}
	dir := t.TempDir()
	records, surveys = filepath.Join(dir, "records.jsonl"), filepath.Join(dir, "surveys.csv")
	for path, text := range map[string]string{records: lines.String(), surveys: table} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return records, surveys, answers
}

func TestCalibrateCSAT(t *testing.T) {
	records, surveys, answers := surveyedSite(t, 400)
	out := filepath.Join(t.TempDir(), "csat.json")
	text := wantExit(t, exitDone, []string{"calibrate", "csat", "--records", records, "--surveys", surveys, "-o", out})
	for _, want := range []string{fmt.Sprintf("from %d answers of 400 calls", answers), "calm", "angry", "response rate", "Written to " + out} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	m, err := loadCSAT(out)
	if err != nil {
		t.Fatal(err)
	}
	if m.Validation.Answers != answers || m.Validation.LogLoss >= m.Validation.LogLossReference || *m.Response[0].Rate <= *m.Response[2].Rate {
		t.Errorf("model %+v", m)
	}
	x, err := csat.Measure(scoredCall())
	if err != nil {
		t.Fatal(err)
	}
	if p := m.Predict(x); p.Value > 4 || p.Low >= p.High {
		t.Errorf("prediction %+v of a call with a peak of anger of 0.77", p)
	}
	again := wantExit(t, exitDone, []string{"calibrate", "csat", "--json", "--records", records, "--surveys", surveys, "-o", out})
	if n, err := csat.Parse([]byte(again)); err != nil || n.Identity() != m.Identity() {
		t.Errorf("--json printed another model, error %v", err)
	}
}

func TestCalibrateCSATRefuses(t *testing.T) {
	records, surveys, _ := surveyedSite(t, 30)
	dir := t.TempDir()
	out := filepath.Join(dir, "csat.json")
	broken := filepath.Join(dir, "broken.jsonl")
	if err := os.WriteFile(broken, []byte("\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"too_few", []string{"--records", records, "--surveys", surveys}, "csat: too few answers: "},
		{"no_answers", []string{"--records", records}, "0, want 50; of 30 records 0 have no affect of a customer, and 0 answers matched no record"},
		{"broken_record", []string{"--records", broken}, "broken.jsonl: line 2: interaction: schema: missing"},
		{"no_such_file", []string{"--records", filepath.Join(dir, "none")}, "no such file"},
		{"surveys_are_records", []string{"--records", records, "--surveys", records}, "csat: surveys: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantExit(t, exitFailed, append([]string{"calibrate", "csat", "-o", out}, c.args...), c.says)
			if _, err := os.Stat(out); err == nil {
				t.Error("a model was written")
			}
		})
	}
}

func TestAnalyzeWithACalibration(t *testing.T) {
	wantExit(t, exitFailed, []string{"analyze", "--csat", filepath.Join(t.TempDir(), "none.json"), call(t, "short-call.wav")}, "no such file")
	records, surveys, _ := surveyedSite(t, 400)
	out := filepath.Join(t.TempDir(), "csat.json")
	wantExit(t, exitDone, []string{"calibrate", "csat", "--records", records, "--surveys", surveys, "-o", out})
	got := recordsOf(t, wantExit(t, exitDone, []string{"analyze", "--json", "--csat", out, call(t, "short-call.wav")}))
	if len(got.Affect) == 0 && got.CX != nil {
		t.Errorf("cx %+v of a call without affect", got.CX)
	}
	if len(got.Affect) > 0 && (got.CX == nil || got.CX.PredictedCSAT == nil) {
		t.Errorf("cx %+v of a call with affect, want a prediction", got.CX)
	}
}

func recordsOf(t *testing.T, line string) *interaction.Interaction {
	t.Helper()
	return records(t, line)[0]
}
