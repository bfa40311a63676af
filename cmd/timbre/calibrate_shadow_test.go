package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// TestCalibrateOnWhatShadowModeKept: attempts that nobody was shown, labelled afterwards, make a calibration that verify takes.
func TestCalibrateOnWhatShadowModeKept(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	b.verify("anna", clip(t, "voice_female_en_16k.wav"), "--config", writeText(t, "shadow.yaml", "policy: {shadow: true}"))
	out := b.do(exitDone, "", "speakers", "attempts", "--shadow", "--json")
	var first keptAttempt
	if err := json.Unmarshal([]byte(out), &first); err != nil || !first.Shadow || first.LLR == nil || first.Speaker != "anna" || first.Decision != interaction.Authenticated {
		t.Fatalf("%s: %+v, %v", out, first, err)
	}

	db, rows := b.open()
	r := rand.New(rand.NewPCG(5, 6))
	labels := "attempt,interaction,label,speaker\n" + first.ID + ",,target,\n"
	keep := func(call string, speaker string, llr float64) {
		t.Helper()
		if _, err := rows.AddAttempt(t.Context(), store.Attempt{SpeakerID: speaker, InteractionID: call, Decision: interaction.Inconclusive, LLR: &llr, Shadow: true}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 320 {
		who := fmt.Sprint("s", i/4%20)
		keep(fmt.Sprint("n", i), who, 20*(r.NormFloat64()-2)) // ten times as sure as it should be
		labels += fmt.Sprintf(",n%d,nontarget,\n", i)
		if i%4 == 0 {
			keep(fmt.Sprint("t", i), who, 20*(r.NormFloat64()+2))
			labels += fmt.Sprintf(",t%d,target,%s\n", i, who)
		}
	}
	if _, err := rows.AddAttempt(t.Context(), store.Attempt{SpeakerID: "s1", InteractionID: "unheard", Decision: interaction.NotEnrolled}, unchanged); err != nil {
		t.Fatal(err)
	}
	labels += ",unheard,nontarget,\n"
	db.Close()
	site := filepath.Join(t.TempDir(), "site.json")
	args := slices.Concat([]string{"calibrate", "verification", "--calibration", b.judge[1], "-o", site}, b.model, b.store())
	with := func(text string) []string {
		return append(slices.Clone(args), "--shadow", writeText(t, "labels.csv", text))
	}
	text := wantExit(t, exitDone, with(labels), "left out")
	if !strings.Contains(text, "81 target and 320 nontarget trials") {
		t.Errorf("the report:\n%s", text)
	}
	c, err := voiceprint.ParseCalibration(readAll(t, site))
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Terms[0].Weight; w < 500 || w > 2500 {
		t.Errorf("weight %g, was 10000, want about a tenth of it", w)
	}
	wantExit(t, exitDone, b.args("verify", "--calibration", site, "--speaker", "anna", clip(t, "voice_female_en_16k.wav"), "--min-speech", "2"))

	for name, c := range map[string]struct{ text, says string }{
		"too_few":            {"attempt,label\n" + first.ID + ",target\n", "want at least 50"},
		"unknown_attempt":    {"attempt,label\nnone,target\n", `attempt "none"`},
		"no_label":           {"attempt\nx\n", "want columns attempt or interaction, label"},
		"odd_label":          {"attempt,label\nx,maybe\n", `line 2: label "maybe", want target or nontarget`},
		"twice":              {"attempt,label\nx,target\nx,target\n", "line 3: stands in line 2, too"},
		"no_attempt":         {"attempt,label\n,target\n", "neither attempt nor interaction"},
		"target_of_another":  {"attempt,label,speaker\n" + first.ID + ",target,bert\n", `a target of speaker "bert", but the attempt claims "anna"`},
		"nontarget_herself":  {"attempt,label,speaker\n" + first.ID + ",nontarget,anna\n", "whom the attempt claims"},
		"empty":              {"", "header: EOF"},
		"ragged":             {"attempt,label\nx\n", "wrong number of fields"},
		"interaction_absent": {"interaction,label\nnone,nontarget\n", `interaction "none"`},
	} {
		t.Run(name, func(t *testing.T) { wantExit(t, exitFailed, with(c.text), c.says) })
	}
	wantExit(t, exitUsage, append(with(labels), "--trials", "x"), "--trials with --shadow, which hears no audio")
}

func unchanged(l store.Lockout, _ store.Attempt) store.Lockout { return l }

func FuzzReadLabels(f *testing.F) {
	f.Add("attempt,interaction,label,speaker\na,,target,\n,b,nontarget,c\n")
	f.Add("label\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		labels, err := readLabels(strings.NewReader(text[:min(len(text), 1<<16)]))
		if err != nil {
			return
		}
		for k, l := range labels {
			if k == (labelKey{}) || k.attempt != "" && k.interaction != "" || l.line < 1 {
				t.Errorf("%+v: %+v", k, l)
			}
		}
	})
}
