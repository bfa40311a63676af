package server

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/people"
)

// tarOf returns a tar of files, name and content in turn.
func tarOf(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o600, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBatchOverREST enrols several persons of one tar with a consent per row, again with skip and with overwrite, and reads the report.
func TestBatchOverREST(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "batch-left"), 0o700); err != nil {
		t.Fatal(err)
	}
	n := runWith(t, config(dir), Deps{Voice: seededVoice(t)})
	recording := string(testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav")))
	short := string(testkit.Read(t, testkit.Testdata(t, "audio", "voice_female_en_8k.wav")))
	n.request(t, http.MethodPut, "/v1/speakers/gone/opt-out", "", nil, 204, nil)
	table := "speaker,path,consent,consent_channel,consent_text,channel,jurisdiction\n" +
		"anna,calls/a.wav,c-1,web,3,1,\n" +
		"bert,calls/a.wav,c-2,call,3,0,\n" +
		"cora,calls/a.wav,,,,1,\n" + // no consent
		"dave,calls/none.wav,c-4,web,3,1,\n" + // not in the batch
		"emil,calls/short.wav,c-5,web,3,,\n" + // too short
		"fred,calls/a.wav,c-6,call,3,1,US-TX\n" + // spoken, where a release is asked for
		"gone,calls/a.wav,c-7,web,3,1,\n" // opted out
	body := tarOf(t, "./enrol.csv", table, "calls/a.wav", recording, "../../escape.wav", "x", "calls/short.wav", short)
	send := func(path string) (map[string]api.BatchResult, api.BatchSummary) {
		t.Helper()
		var text string
		n.request(t, http.MethodPost, path, "", bytes.NewReader(body), 200, &text)
		rows := map[string]api.BatchResult{}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for _, l := range lines[:len(lines)-1] {
			var r api.BatchResult
			if err := json.Unmarshal([]byte(l), &r); err != nil {
				t.Fatal(err)
			}
			rows[r.SpeakerID] = r
		}
		var end struct{ Summary api.BatchSummary }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil {
			t.Fatal(err)
		}
		return rows, end.Summary
	}
	rows, sum := send("/v1/enrolments")
	if sum != (api.BatchSummary{Speakers: 7, Enrolled: 2, Failed: 5}) {
		t.Errorf("%+v", sum)
	}
	if a := rows["anna"]; a.Action != "enrolled" || a.State != "active" || a.ConsentRef != "c-1" || a.NetSpeechMs < 20000 || len(a.Recordings) != 1 || !a.Recordings[0].Used || a.Recordings[0].File != "calls/a.wav" {
		t.Errorf("anna: %+v", a)
	}
	for who, why := range map[string]string{"cora": "no consent to voice verification", "dave": "calls/none.wav: ", "emil": "want at least 20.0 s", "fred": "want a release in writing", "gone": "opted out"} {
		if r := rows[who]; r.Action != "failed" || !strings.Contains(r.Error, why) {
			t.Errorf("%s: %+v, want failed, %q", who, r, why)
		}
	}
	var consents api.List[api.Consent]
	n.request(t, http.MethodGet, "/v1/consents?speaker_id=anna", "", nil, 200, &consents)
	if c := consents.Items; len(c) != 1 || c[0].Ref != "c-1" || c[0].Channel != "web" || c[0].TextVersion != "3" {
		t.Errorf("the ledger: %+v", c)
	}
	if rows, sum = send("/v1/enrolments?consent_ref=campaign"); sum != (api.BatchSummary{Speakers: 7, Enrolled: 1, Skipped: 2, Failed: 4}) || rows["cora"].ConsentRef != "campaign" {
		t.Errorf("skip: %+v, cora %+v", sum, rows["cora"])
	}
	if _, sum = send("/v1/enrolments?existing=overwrite"); sum.Replaced != 3 {
		t.Errorf("overwrite: %+v", sum)
	}
	for name, b := range map[string][]byte{
		"no_tar": []byte("speaker,path\n"), "no_table": tarOf(t, "a.wav", "x"), "no_rows": tarOf(t, "enrol.csv", "speaker,path\n"), "cut": body[:3000], "empty": nil,
	} {
		n.request(t, http.MethodPost, "/v1/enrolments", "", bytes.NewReader(b), 422, nil)
		if left, err := filepath.Glob(filepath.Join(dir, "batch-*")); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left in the data folder, %v", name, left, err)
		}
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
}

func FuzzReadBatch(f *testing.F) {
	f.Add(tarOf(f, "enrol.csv", "speaker,path\nanna,a.wav\n", "a.wav", "x"))
	f.Add(tarOf(f, "./enrol.csv", "speaker,path,channel\nanna,../a.wav,1\n", "../a.wav", "x", "../a.wav", "y"))
	f.Add([]byte("no tar"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		rows, at, err := readBatch(bytes.NewReader(b[:min(len(b), 1<<16)]), dir, people.BatchDefaults{Channel: -1})
		if err != nil {
			return
		}
		if len(rows) == 0 {
			t.Error("no rows and no error")
		}
		for name, path := range at {
			if filepath.Dir(path) != dir {
				t.Errorf("%q lies in %q, want %q", name, path, dir)
			}
		}
	})
}
