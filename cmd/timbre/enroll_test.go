package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// bank is a database of voiceprints in a folder of its own.
type bank struct {
	t        testing.TB
	db, keys string
	model    []string // flags
	judge    []string // flags of what decides
}

func newBank(t testing.TB) *bank {
	t.Helper()
	dir := t.TempDir()
	return &bank{t: t, db: filepath.Join(dir, "data", "t.db"), keys: filepath.Join(dir, "keys", "k.json"),
		model: []string{"--model", seededModel(t, "1.0.0")}, judge: []string{"--calibration", handCalibration(t, "1.0.0"), "--min-speech", "2"}}
}

// store returns the flags that name database and keys.
func (b *bank) store() []string { return []string{"--db", b.db, "--key-file", b.keys} }

// args returns a command line on the bank with its model.
func (b *bank) args(command string, args ...string) []string {
	return append(append(append([]string{command}, b.model...), b.store()...), args...)
}

func (b *bank) enrol(speaker string, args ...string) enrolled {
	b.t.Helper()
	out := wantExit(b.t.(*testing.T), exitDone, b.args("enroll", append([]string{"--json", "--speaker", speaker, "--consent", "crm-" + speaker, "--min-speech", "2"}, args...)...))
	var e enrolled
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		b.t.Fatal(err)
	}
	return e
}

func (b *bank) verify(speaker, file string, args ...string) verified {
	b.t.Helper()
	out := wantExit(b.t.(*testing.T), exitDone, b.args("verify", append(append([]string{"--json", "--speaker", speaker, file}, b.judge...), args...)...))
	var v verified
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		b.t.Fatal(err)
	}
	return v
}

func subjectOf(speaker string) identity.Subject {
	return identity.Subject{Tenant: localTenant, Speaker: speaker}
}

// open opens the bank's rows, to look at and to change them.
func (b *bank) open() (*store.Store, *store.Tenant) {
	b.t.Helper()
	s, err := store.Open(b.t.Context(), store.Options{DSN: b.db, Now: time.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { s.Close() })
	return s, s.Tenant(localTenant)
}

func TestEnrolThenVerify(t *testing.T) {
	b := newBank(t)
	e := b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	if e.Action != "enrolled" || e.Sources != 1 || e.NetSpeechMs < 2000 || !e.Recordings[0].Used || e.ConsentRef != "crm-anna" || e.Model.Version != "1.0.0" {
		t.Errorf("enrolled: %+v", e)
	}
	v := b.verify("anna", clip(t, "voice_female_en_16k.wav"))
	if v.Decision != "authenticated" || v.LLR == nil || *v.LLR < 3 || *v.Threshold != 3 || v.NetSpeechMs < 2000 || v.Assurance != "evidence_only" {
		t.Errorf("her other take: %+v", v)
	}
	if len(v.Reasons) != 2 || v.Reasons[0] != "llr_above_threshold" || v.Reasons[1] != "spoof_not_checked" || len(v.Explanations) != 2 {
		t.Errorf("reasons %v: %v", v.Reasons, v.Explanations)
	}
	if v := b.verify("anna", clip(t, "voice_male_en_8k.wav")); v.Decision != "not_authenticated" || *v.LLR > 0 {
		t.Errorf("another voice: %+v", v)
	}
	if v := b.verify("bert", clip(t, "voice_male_en_8k.wav")); v.Decision != "not_enrolled" || v.LLR != nil || v.Codec != "" {
		t.Errorf("an unknown speaker: %+v", v)
	}
	if v := b.verify("anna", clip(t, "silent_8k.wav")); v.Decision != "inconclusive" || v.LLR != nil || v.Reasons[0] != "no_speech" {
		t.Errorf("silence: %+v", v)
	}
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav"), "--min-speech", "30"); v.Decision != "inconclusive" || v.Reasons[0] != "too_little_speech" {
		t.Errorf("below the floor: %+v", v)
	}
	text := wantExit(t, exitDone, b.args("verify", append([]string{"--speaker", "anna", clip(t, "voice_female_en_16k.wav")}, b.judge...)...))
	for _, want := range []string{"anna: authenticated\n", "threshold 3.00 for a false match rate of 1 %", "evidence beside other factors"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

func TestPrintIsSealedAndNothingElseIsKept(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	for _, path := range []string{b.db, b.keys} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, error %v, want mode 0600", path, info.Mode(), err)
		}
	}
	_, rows := b.open()
	prints, err := rows.VoiceprintsOf(t.Context(), "anna")
	if err != nil || len(prints) != 1 {
		t.Fatalf("%d prints, error %v", len(prints), err)
	}
	keys, err := identity.OpenKeyFile(b.keys)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rows.PersonKey(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := identity.NewVault(keys).Open(t.Context(), identity.Binding{Subject: subjectOf("anna"), Model: "speaker-tdnn-v1", ModelVersion: "1.0.0"}, key.Wrapped, prints[0].Sealed)
	if err != nil || !bytes.HasPrefix(plain, []byte("TVP")) {
		t.Fatalf("the print: %.10q, error %v", plain, err)
	}
	if file := readAll(t, b.db); bytes.Contains(file, plain[len(plain)/2:len(plain)/2+16]) {
		t.Error("the file shows the print")
	}
}

// readAll returns the bytes of a database with its log.
func readAll(t testing.TB, db string) []byte {
	t.Helper()
	var all []byte
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		b, err := os.ReadFile(db + suffix)
		if err != nil && suffix == "" {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestEnrolExtendsAndReplaces(t *testing.T) {
	b := newBank(t)
	first := b.enrol("bert", clip(t, "voice_male_en_8k.wav"))
	more := b.enrol("bert", clip(t, "voice_male_en_digits_8k.wav"))
	if more.Action != "extended" || more.ID != first.ID || more.Sources != 2 || more.NetSpeechMs <= first.NetSpeechMs {
		t.Errorf("extended: %+v after %+v", more, first)
	}
	wantExit(t, exitFailed, b.args("enroll", "--speaker", "bert", "--consent", "x", "--min-speech", "2", clip(t, "voice_male_en_8k.wav")),
		`speaker "bert"`, "the same audio was given before")
	fresh := b.enrol("bert", "--replace", "--name", "Bert Smith", clip(t, "voice_male_en_8k.wav"))
	if fresh.Action != "replaced" || fresh.ID != first.ID || fresh.Sources != 1 {
		t.Errorf("replaced: %+v", fresh)
	}
	twice := b.enrol("carl", clip(t, "voice_male_it_8k.wav"), clip(t, "voice_male_it_8k.wav"))
	if twice.Sources != 1 || twice.Recordings[1].Used || twice.Recordings[1].Reasons[0].Code != "same_audio" {
		t.Errorf("the same file twice: %+v", twice)
	}
	text := wantExit(t, exitDone, b.args("enroll", "--speaker", "dora", "--consent", "crm-9", "--min-speech", "2", clip(t, "voice_female_fr_8k.wav")))
	if !strings.HasPrefix(text, "dora: enrolled, print of ") || !strings.Contains(text, "consent crm-9\n") {
		t.Errorf("the report:\n%s", text)
	}
}

func TestEnrolRefuses(t *testing.T) {
	b := newBank(t)
	voice := clip(t, "voice_female_en_8k.wav")
	for _, c := range []struct {
		name string
		exit int
		args []string
		says []string
	}{
		{"no_consent_in_a_script", exitUsage, []string{"--speaker", "a", voice}, []string{"--consent: not given", "consent to a voiceprint"}},
		{"no_speaker", exitUsage, []string{"--consent", "c", voice}, []string{"--speaker: not given"}},
		{"no_file", exitUsage, []string{"--speaker", "a", "--consent", "c"}, []string{"want recordings of one speaker"}},
		{"stereo_without_channel", exitUsage, []string{"--speaker", "a", "--consent", "c", clip(t, "mulaw_stereo_8k.wav")}, []string{"has 2 channels, want --channel 0 to 1"}},
		{"existing_without_batch", exitUsage, []string{"--speaker", "a", "--consent", "c", "--existing", "skip", voice}, []string{"want --replace"}},
		{"batch_and_files", exitUsage, []string{"--batch", "x.csv", voice}, []string{"want none beside --batch"}},
		{"too_little_speech", exitFailed, []string{"--speaker", "a", "--consent", "c", voice}, []string{"3.6 s of usable net speech", "want at least 20.0 s"}},
		{"silence", exitFailed, []string{"--speaker", "a", "--consent", "c", clip(t, "silent_8k.wav")}, []string{"no_speech"}},
		{"missing_file", exitFailed, []string{"--speaker", "a", "--consent", "c", "no-such.wav"}, []string{"no-such.wav: no such file"}},
		{"unknown_channel_of_consent", exitUsage, []string{"--speaker", "a", "--consent", "c", "--consent-channel", "dream", voice}, []string{`"dream", want one of call, web, paper`}},
		{"spoken_consent_in_Illinois", exitFailed, []string{"--speaker", "a", "--consent", "c", "--consent-channel", "call", "--jurisdiction", "US-IL", voice}, []string{"no consent", `given by "call", want a release in writing (web, paper)`}},
		{"no_jurisdiction", exitFailed, []string{"--speaker", "a", "--consent", "c", "--jurisdiction", "Texas", voice}, []string{`jurisdiction "Texas", want an ISO 3166 code`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantExit(t, c.exit, b.args("enroll", c.args...), c.says...)
		})
	}
	if _, err := os.Stat(b.db); err != nil {
		t.Fatal(err)
	}
	if out := wantExit(t, exitDone, append([]string{"speakers", "list", "--json"}, b.store()...)); out != "" {
		t.Errorf("somebody was enrolled: %s", out)
	}
}

func TestEnrolTellsWhatIsWrongWithAFile(t *testing.T) {
	b := newBank(t)
	whole := testkit.Read(t, clip(t, "voice_female_en_8k.wav"))
	cut := filepath.Join(t.TempDir(), "cut.wav")
	if err := os.WriteFile(cut, whole[:len(whole)-3001], 0o644); err != nil {
		t.Fatal(err)
	}
	wantExit(t, exitDone, b.args("enroll", "--speaker", "anna", "--consent", "c", "--min-speech", "2", cut), "level=WARN", cut)
	if v := b.verify("anna", clip(t, "voice_female_en_8k.wav")); v.LLR == nil {
		t.Errorf("%+v, want an LLR: what could be read was enrolled", v)
	}
	wantExit(t, exitFailed, b.args("enroll", "--speaker", "bert", "--consent", "c", "--min-speech", "2", clip(t, "float32_nan_and_inf.wav")), "no_speech")
}

func TestOptedOutIsNeitherEnrolledNorCompared(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	keys, err := identity.OpenKeyFile(b.keys)
	if err != nil {
		t.Fatal(err)
	}
	db, rows := b.open()
	for _, who := range []string{"anna", "bert"} {
		alias, err := keys.Pseudonym(subjectOf(who))
		if err != nil {
			t.Fatal(err)
		}
		if err := rows.OptOut(t.Context(), store.OptOut{Pseudonym: alias, Source: "letter"}); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	wantExit(t, exitFailed, b.args("enroll", "--speaker", "bert", "--consent", "c", "--min-speech", "2", clip(t, "voice_male_en_8k.wav")), `speaker "bert": the person opted out`)
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != "opted_out" || v.LLR != nil || v.NetSpeechMs != 0 {
		t.Errorf("%+v, want opted_out and nothing measured", v)
	}
	var r identified
	out := wantExit(t, exitDone, b.args("identify", append([]string{"--json", clip(t, "voice_female_en_16k.wav")}, b.judge...)...))
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Entries != 0 || len(r.Nearest) != 0 {
		t.Errorf("a search compares with %d entries, error %v, want none: she opted out", r.Entries, err)
	}
}

func TestLockedAndExpired(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	db, rows := b.open()
	lock := func(l store.Lockout, _ store.Attempt) store.Lockout { l.LockedAt = time.Now(); return l }
	if _, err := rows.AddAttempt(t.Context(), store.Attempt{SpeakerID: "anna", Decision: "not_authenticated"}, lock); err != nil {
		t.Fatal(err)
	}
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != "locked" {
		t.Errorf("%+v, want locked", v)
	}
	if err := rows.Unlock(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if err := rows.SaveSpeaker(t.Context(), store.Speaker{ID: "anna", State: store.EnrolmentActive, ExpiresAt: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != "expired" {
		t.Errorf("%+v, want expired", v)
	}
}

func TestPrintsOfTwoModelsNeverMix(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	next := *b
	next.model = []string{"--model", seededModel(t, "2.0.0")}
	next.judge = []string{"--calibration", handCalibration(t, "2.0.0"), "--min-speech", "2"}
	wantExit(t, exitFailed, next.args("verify", append([]string{"--speaker", "anna", clip(t, "voice_female_en_16k.wav")}, next.judge...)...),
		"model does not fit", "print of speaker-tdnn-v1 1.0.0", "want one of speaker-tdnn-v1 2.0.0")
	wantExit(t, exitFailed, b.args("verify", append([]string{"--speaker", "anna", clip(t, "voice_female_en_16k.wav")}, next.judge...)...),
		"calibration was fitted on speaker-tdnn-v1 2.0.0")
	second := next.enrol("anna", clip(t, "voice_female_en_16k.wav"))
	if second.Action != "enrolled" {
		t.Errorf("a print of the new model: %+v, want it beside the old one", second)
	}
	for _, side := range []*bank{b, &next} {
		if v := side.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != "authenticated" {
			t.Errorf("model %v: %+v", side.model, v)
		}
	}
	out := wantExit(t, exitDone, append([]string{"speakers", "list"}, b.store()...))
	if !strings.Contains(out, "speaker-tdnn-v1 1.0.0, speaker-tdnn-v1 2.0.0") {
		t.Errorf("the list does not name both models:\n%s", out)
	}
}

func TestWrongKeysAndDamage(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	b.enrol("bert", clip(t, "voice_male_en_8k.wav"))
	verify := func(b *bank) []string {
		return b.args("verify", append([]string{"--speaker", "anna", clip(t, "voice_female_en_16k.wav")}, b.judge...)...)
	}
	other := *b
	other.keys = filepath.Join(t.TempDir(), "other.json")
	wantExit(t, exitFailed, verify(&other), "key file "+other.keys+": not found")
	wantExit(t, exitFailed, other.args("enroll", "--speaker", "carl", "--consent", "c", "--min-speech", "2", clip(t, "voice_male_it_8k.wav")),
		"not found, but the database holds prints that need it")
	if _, err := identity.CreateKeyFile(other.keys, localTenant); err != nil {
		t.Fatal(err)
	}
	wantExit(t, exitFailed, verify(&other), "no such key", "which "+other.keys+" does not hold")
	if err := os.Chmod(b.keys, 0o644); err != nil {
		t.Fatal(err)
	}
	wantExit(t, exitFailed, verify(b), "lets others at it, want 0600")
	if err := os.Chmod(b.keys, 0o600); err != nil {
		t.Fatal(err)
	}

	change := func(statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", b.db)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	change("CREATE TABLE kept AS SELECT * FROM voiceprints")
	change("UPDATE voiceprints SET sealed = (SELECT sealed FROM kept WHERE speaker_id = 'bert') WHERE speaker_id = 'anna'")
	wantExit(t, exitFailed, verify(b), `speaker "anna"`, "no such key: sealed with person key")
	change("UPDATE voiceprints SET sealed = (SELECT substr(sealed, 1, 100) || x'00' || substr(sealed, 102) FROM kept WHERE speaker_id = 'anna') WHERE speaker_id = 'anna'")
	wantExit(t, exitFailed, verify(b), `speaker "anna"`, "seal broken")
	change("UPDATE voiceprints SET sealed = x'00' WHERE speaker_id = 'anna'")
	wantExit(t, exitFailed, verify(b), `speaker "anna"`, "bad envelope: 1 bytes")
	change("UPDATE voiceprints SET sealed = (SELECT sealed FROM kept WHERE speaker_id = 'anna') WHERE speaker_id = 'anna'")
	wantExit(t, exitDone, verify(b))
	change("DELETE FROM person_keys WHERE speaker_id = 'anna'")
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != "not_enrolled" {
		t.Errorf("with her key destroyed: %+v", v)
	}

	if err := os.WriteFile(b.db, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	wantExit(t, exitFailed, verify(b), b.db, "not a SQLite database")
	b.db = filepath.Join(t.TempDir(), "none.db")
	wantExit(t, exitFailed, verify(b), b.db, "want a database that timbre enroll has made")
}
