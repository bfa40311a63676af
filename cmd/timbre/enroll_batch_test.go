package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func (b *bank) batch(t *testing.T, exit int, args ...string) batchReport {
	t.Helper()
	code, out, errs := cli(t, b.args("enroll", append([]string{"--json", "--min-speech", "2", "--batch"}, args...)...)...)
	if code != exit {
		t.Fatalf("exit status %d, want %d: %s", code, exit, errs)
	}
	var r batchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

func actions(r batchReport) string {
	var s []string
	for _, v := range r.Results {
		s = append(s, v.Speaker+" "+v.Action)
	}
	return strings.Join(s, ", ")
}

func TestBatchOfACSV(t *testing.T) {
	b := newBank(t)
	dir := testkit.Testdata(t, "audio")
	rows := "speaker,path,consent,channel,name\n" +
		"anna," + dir + "/voice_female_en_8k.wav,c-1,,Anna\n" +
		"bert," + dir + "/voice_male_en_8k.wav,c-2,,\n" +
		"carl," + dir + "/no-such.wav,c-3,,\n" +
		"bert," + dir + "/voice_male_en_digits_8k.wav,,0,\n" +
		"dora," + dir + "/voice_female_fr_8k.wav,,,\n"
	list := writeText(t, "batch.csv", rows)
	r := b.batch(t, exitFailed, list)
	if got, want := actions(r), "anna enrolled, bert enrolled, carl failed, dora failed"; got != want || r.Enrolled != 2 || r.Failed != 2 || r.Speakers != 4 {
		t.Errorf("%s, %+v, want %s", got, r, want)
	}
	if r.Results[1].Sources != 2 || !strings.Contains(r.Results[2].Error, "no-such.wav") || !strings.Contains(r.Results[3].Error, "no consent") {
		t.Errorf("%+v, %+v, %+v", r.Results[1], r.Results[2], r.Results[3])
	}
	r = b.batch(t, exitFailed, list, "--consent", "campaign-7")
	if got, want := actions(r), "anna skipped, bert skipped, carl failed, dora enrolled"; got != want || r.Results[3].ConsentRef != "campaign-7" {
		t.Errorf("%s, want %s", got, want)
	}
	r = b.batch(t, exitFailed, list, "--existing", "overwrite", "--consent", "campaign-7")
	if got, want := actions(r), "anna replaced, bert replaced, carl failed, dora replaced"; got != want || r.Replaced != 3 {
		t.Errorf("%s, want %s", got, want)
	}
	code, out, errs := cli(t, b.args("enroll", "--min-speech", "2", "--batch", list, "--consent", "x")...)
	if code != exitFailed || !strings.Contains(out, "4 speakers: 0 enrolled, 0 replaced, 3 skipped, 1 failed") || !strings.Contains(errs, "1 of 4 speakers failed") {
		t.Errorf("exit status %d\n%s%s", code, out, errs)
	}
}

func TestBatchOfAFolder(t *testing.T) {
	b := newBank(t)
	dir := t.TempDir()
	for who, voice := range map[string]string{"anna": "voice_female_en_8k.wav", "bert": "voice_male_en_8k.wav"} {
		if err := os.Mkdir(filepath.Join(dir, who), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, who, voice), testkit.Read(t, clip(t, voice)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := b.batch(t, exitDone, dir, "--consent", "c")
	if got, want := actions(r), "anna enrolled, bert enrolled"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	wantExit(t, exitFailed, b.args("enroll", "--batch", t.TempDir()), "no folder in it, want one of recordings per speaker")
	wantExit(t, exitFailed, b.args("enroll", "--batch", "no-such"), "no-such: no such file")
}
