package faults

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// The person who is deleted. Neither word stands anywhere else.
const (
	personID   = "zq-anna-7431"
	personName = "Zuleika"
)

// lifeOf lets the person be enrolled, verified, called with, uploaded, surveyed, told to webhooks of which one is down, and be named
// in what idempotent requests were answered.
func lifeOf(t *testing.T, n *node) {
	t.Helper()
	recording := testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))
	must := func(method, path string, body []byte, header ...string) []byte {
		t.Helper()
		status, out, err := n.do(method, path, n.key, body, header...)
		if err != nil || status >= 300 {
			t.Fatalf("%s %s: status %d, %v: %.300s", method, path, status, err, out)
		}
		return out
	}
	who := `"customer_id":"` + personID + `"`
	must(http.MethodPost, "/v1/consents", []byte(`{"speaker_id":"`+personID+`","ref":"r-1","purpose":"verify"}`), "Idempotency-Key", "once-1")
	must(http.MethodPost, "/v1/consents", []byte(`{"speaker_id":"`+personID+`","ref":"r-2","purpose":"analytics"}`))
	must(http.MethodPost, "/v1/speakers/"+personID+"/voiceprints?consent_ref=r-1&channel=1", recording)
	must(http.MethodPost, "/v1/verify?channel=1&speaker="+personID, recording)
	must(http.MethodPost, "/v1/surveys", []byte(`{"kind":"nps","value":9,"contact_id":"deleted-call",`+who+`}`))
	must(http.MethodPost, "/v1/tasks", []byte(`{"title":"call `+personName+` back",`+who+`,"source":"person","state":"open"}`), "Idempotency-Key", "once-2")

	c, err := dialWith(n, "deleted-call", muLaw(t), `,`+who+`,"claimed_identity":"`+personID+`","customer_name":"`+personName+` Quorn"`)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(size(8, 20)) * time.Second) // checkpoints are written, and the silence rule raises an alert
	if !c.stop(20 * time.Second) {
		t.Fatal("the call was not confirmed")
	}
	if _, err := n.record("deleted-call"); err != nil {
		t.Fatal(err)
	}
	var job struct{ ID, State string }
	if err := json.Unmarshal(must(http.MethodPost, "/v1/recordings?name="+personName+".wav&agent_channel=0&customer_channel=1&customer_id="+personID, recording), &job); err != nil {
		t.Fatal(err)
	}
	n.until("the upload is done", time.Minute, func() bool {
		return json.Unmarshal(must(http.MethodGet, "/v1/jobs/"+job.ID, nil), &job) == nil && job.State == "done"
	})
	if sum := must(http.MethodGet, "/v1/customers/"+personID+"/journey", nil); bytes.Count(sum, []byte(personID)) < 2 {
		t.Fatalf("the journey of the person: %.500s, want two calls", sum)
	}
}

// normalOf opens what is kept of the person's normal voice as who has the database and the key file can.
func normalOf(t *testing.T, dsn, keyFile string) (plain, sealed []byte, err error) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DSN: dsn, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	rows, err := st.Tenant("default").VoiceNormalsOf(t.Context(), personID)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d normals of the person, %v, want 1", len(rows), err)
	}
	keys, err := identity.OpenKeyFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	plain, err = identity.NewVault(keys).OpenNormal(t.Context(), identity.Binding{Subject: identity.Subject{Tenant: "default", Speaker: personID}, Model: rows[0].Model, ModelVersion: rows[0].ModelVersion},
		rows[0].Wrapped, rows[0].Sealed)
	return plain, rows[0].Sealed, err
}

// printOf opens the person's print as who has the database and the key file can.
func printOf(t *testing.T, dsn, keyFile string) (plain, sealed []byte, err error) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DSN: dsn, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	rows, err := st.Tenant("default").VoiceprintsOf(t.Context(), personID)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d prints of the person, %v, want 1", len(rows), err)
	}
	key, err := st.Tenant("default").PersonKey(t.Context(), personID)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := identity.OpenKeyFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	plain, err = identity.NewVault(keys).Open(t.Context(), identity.Binding{Subject: identity.Subject{Tenant: "default", Speaker: personID}, Model: rows[0].Model, ModelVersion: rows[0].ModelVersion},
		key.Wrapped, rows[0].Sealed)
	return plain, rows[0].Sealed, err
}

// traces are texts and bytes to look for, by what they are.
type traces map[string][]byte

// add adds a text as it may be written: as it is, in hexadecimal, and in base64 wherever it begins.
func (s traces) add(what, text string) {
	s[what] = []byte(text)
	s[what+" in hex"] = []byte(hex.EncodeToString([]byte(text)))
	for shift := range 3 {
		whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + text))
		s[fmt.Sprintf("%s in base64, %d", what, shift)] = []byte(whole[(shift*8+5)/6 : len(whole)-4])
	}
}

// addBytes adds what stands at several places of a blob, each long enough to be nothing else.
func (s traces) addBytes(what string, b []byte) {
	const piece = 48
	for i := 0; i < 8 && len(b) > piece; i++ {
		at := i * (len(b) - piece) / 8
		s[fmt.Sprintf("%s at %d", what, at)] = b[at : at+piece]
	}
}

// in looks for the traces in every file below the folders, and returns "what in file" for each.
func (s traces) in(t *testing.T, folders ...string) (found []string, files int) {
	t.Helper()
	for _, dir := range folders {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
				return nil
			}
			files++
			for what, trace := range s {
				if bytes.Contains(b, trace) {
					rel, _ := filepath.Rel(dir, path)
					found = append(found, what+" in "+rel)
				}
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	slices.Sort(found)
	return found, files
}

// forgetful writes a configuration with a rule that raises alerts, and two webhooks, of which one always fails.
func forgetful(t *testing.T, dir string) string {
	t.Helper()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) }))
	t.Cleanup(broken.Close)
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone", http.StatusGone) }))
	t.Cleanup(gone.Close)
	fine := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(fine.Close)
	const secret = `secrets: ["a secret of some length"]`
	text := fmt.Sprintf("webhooks:\n- {id: fine, url: %q, %s}\n- {id: broken, url: %q, %s}\n- {id: gone, url: %q, %s}\nrules: [{name: quiet, silence: {over: 1s}}]\npolicy: {earlier_calls: true}\nlog: {level: debug}\n",
		fine.URL, secret, broken.URL, secret, gone.URL, secret)
	path := filepath.Join(dir, "timbre.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (n *node) erase(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/v1/speakers/", "/v1/customers/"} {
		if status, out, err := n.do(http.MethodDelete, path+personID, n.key, nil); err != nil || status != http.StatusOK {
			t.Fatalf("deletion %s: status %d, %v: %.300s", path, status, err, out)
		}
	}
}

// TestDeletedPersonIsInNoFile looks for the person's id, name, embedding, sealed print and what was kept of the normal voice in the bytes of the SQLite file and its log,
// of the broker's files and of everything else that the server wrote, beside it and after it has stopped.
func TestDeletedPersonIsInNoFile(t *testing.T) {
	conf, dir := t.TempDir(), t.TempDir()
	db := filepath.Join(dir, "timbre.db")
	n := newNode(t, dir, "--db", db, "--config", forgetful(t, conf))
	n.start()
	lifeOf(t, n)
	print, sealed, err := printOf(t, db, filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	normal, sealedNormal, err := normalOf(t, db, filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	names, embedding := traces{}, traces{}
	names.add("id", personID)
	names.add("name", personName)
	names.addBytes("sealed print", sealed)
	names.addBytes("sealed normal", sealedNormal)
	embedding.addBytes("embedding", print)
	embedding.addBytes("normal", normal[len(normal)/8:]) // behind the features' name and the model
	folders := []string{dir, filepath.Dir(n.log)}
	if found, _ := names.in(t, dir); !slices.Contains(found, "id in timbre.db") && !slices.Contains(found, "id in timbre.db-wal") {
		t.Fatalf("before the deletion the search finds %v: it does not work", found)
	}
	early, _ := embedding.in(t, folders...)
	for _, f := range early {
		t.Errorf("before the deletion: %s", f)
	}
	n.erase(t)
	all := traces{}
	for _, s := range []traces{names, embedding} {
		for what, b := range s {
			all[what] = b
		}
	}
	tried, lost := 0, 0
	look := func(when string) {
		found, files := all.in(t, folders...)
		tried += len(all) * files
		lost += len(found)
		for _, f := range found {
			t.Errorf("%s: %s", when, f)
		}
	}
	time.Sleep(2 * time.Second)
	look("beside the server")
	n.stop()
	look("after it has stopped")
	report(t, row{"a deleted person's id, name, embedding, sealed print and voice's normal in the bytes of SQLite, broker and logs", tried, tried - lost, lost, "searches", fmt.Sprintf("%d forms, every file of the run", len(all))})
}

// TestCopyOfPostgresStaysShut restores a copy that was made before the deletion: with the key file of then the print opens, with that of
// now it does not.
func TestCopyOfPostgresStaysShut(t *testing.T) {
	conf, dir := t.TempDir(), t.TempDir()
	dsn, copied := testkit.Postgres(t), testkit.Postgres(t)
	n := newNode(t, dir, "--db", dsn, "--config", forgetful(t, conf))
	n.start()
	lifeOf(t, n)
	dump := exec.Command("pg_dump", "--no-owner", dsn)
	restore := exec.Command("psql", "--quiet", "--set", "ON_ERROR_STOP=1", copied)
	text, err := dump.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	restore.Stdin = bytes.NewReader(text)
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	keyFile := filepath.Join(dir, "keys.json")
	if _, _, err := printOf(t, copied, keyFile); err != nil {
		t.Fatalf("before the deletion the copy does not open: %v", err)
	}
	if _, _, err := normalOf(t, copied, keyFile); err != nil {
		t.Fatalf("before the deletion the copy does not open: %v", err)
	}
	n.erase(t)
	shut := 0
	if plain, _, err := printOf(t, copied, keyFile); errors.Is(err, identity.ErrKeyDestroyed) && plain == nil {
		shut++
	} else {
		t.Errorf("the copy opens after the deletion: %d bytes, %v", len(plain), err)
	}
	if plain, _, err := normalOf(t, copied, keyFile); errors.Is(err, identity.ErrKeyDestroyed) && plain == nil {
		shut++
	} else {
		t.Errorf("the copy opens after the deletion: %d bytes, %v", len(plain), err)
	}
	names := traces{}
	names.add("id", personID)
	names.add("name", personName)
	after, err := exec.Command("pg_dump", "--no-owner", dsn).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	clean := 1
	for what, b := range names {
		if bytes.Contains(after, b) {
			clean = 0
			t.Errorf("%s is in the rows after the deletion", what)
		}
	}
	found, _ := names.in(t, dir, filepath.Dir(n.log)) // broker and logs
	for _, f := range found {
		clean = 0
		t.Errorf("after the deletion: %s", f)
	}
	n.stop()
	report(t, row{"PostgreSQL: print and voice's normal in a copy from before the deletion cannot be opened for the person", 2, shut, 2 - shut, "seals", ""})
	report(t, row{"PostgreSQL: no row, broker's file or log names a deleted person", 1, clean, 1 - clean, "database", ""})
}
