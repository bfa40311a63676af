package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// audited returns the actions about a person, the earliest first, and who did the last.
func (b *bank) audited(speaker string) (actions []string, last string) {
	b.t.Helper()
	keys, err := identity.OpenKeyFile(b.keys)
	if err != nil {
		b.t.Fatal(err)
	}
	alias, err := keys.Pseudonym(subjectOf(speaker))
	if err != nil {
		b.t.Fatal(err)
	}
	db, rows := b.open()
	defer db.Close()
	list, err := rows.Audit(b.t.Context(), alias, store.Page{Limit: 500})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range list.Items {
		actions = append(actions, e.Action)
	}
	slices.Reverse(actions)
	if len(list.Items) > 0 {
		last = list.Items[0].Actor
	}
	if _, err := rows.VerifyAudit(b.t.Context()); err != nil {
		b.t.Error(err)
	}
	return actions, last
}

// do carries out a command that takes no model.
func (b *bank) do(exit int, says string, args ...string) string {
	b.t.Helper()
	code, out, errs := cli(b.t.(*testing.T), append(args, b.store()...)...)
	if code != exit || !strings.Contains(out+errs, says) {
		b.t.Errorf("%v: exit status %d, want %d and %q in\n%s%s", args, code, exit, says, out, errs)
	}
	return out
}

func TestConsentOnTheCommandLine(t *testing.T) {
	b := newBank(t)
	voice := clip(t, "voice_female_en_8k.wav")
	enrol := func(args ...string) []string {
		return b.args("enroll", append(args, "--speaker", "anna", "--min-speech", "2", voice)...)
	}
	wantExit(t, exitUsage, enrol(), "--consent: not given", "no consent to voice verification is in the ledger")
	b.do(exitUsage, "--ref: not given", "consent", "give", "--speaker", "anna")
	b.do(exitUsage, `--purpose: "fun"`, "consent", "give", "--speaker", "anna", "--ref", "r", "--purpose", "fun")
	b.do(exitUsage, `--channel: "dream"`, "consent", "give", "--speaker", "anna", "--ref", "r", "--channel", "dream")
	b.do(exitUsage, `--expires: "soon"`, "consent", "give", "--speaker", "anna", "--ref", "r", "--expires", "soon")
	b.do(exitFailed, `jurisdiction "Texas", want an ISO 3166 code`, "consent", "give", "--speaker", "anna", "--ref", "r", "--jurisdiction", "Texas")
	b.do(exitDone, "is in the ledger", "consent", "give", "--speaker", "anna", "--ref", "r-0", "--purpose", "analytics")
	wantExit(t, exitUsage, enrol(), "--consent: not given") // for another purpose
	b.do(exitDone, "is in the ledger", "consent", "give", "--speaker", "anna", "--ref", "r-1", "--text-version", "3", "--channel", "web", "--by", "eve")
	out := wantExit(t, exitDone, enrol("--json"))
	var e enrolled
	if err := json.Unmarshal([]byte(out), &e); err != nil || e.ConsentRef != "r-1" || e.State != "active" {
		t.Errorf("%+v, %v: want a print in force that stands on r-1", e, err)
	}
	b.do(exitDone, "r-1 for verify, text 3, by web, given", "consent", "list", "--speaker", "anna")
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != interaction.Authenticated {
		t.Errorf("%+v", v)
	}
	b.do(exitDone, "withdrawn 2 consents", "consent", "withdraw", "--speaker", "anna")
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != interaction.NotEnrolled || v.LLR != nil || v.Explanations[0] != "the consent was withdrawn" {
		t.Errorf("after the withdrawal: %+v", v)
	}
	wantExit(t, exitFailed, enrol("--replace", "--consent", "r-1"), "the consent was withdrawn")
	var found identified
	out = wantExit(t, exitDone, b.args("identify", append([]string{"--json", clip(t, "voice_female_en_16k.wav")}, b.judge...)...))
	if err := json.Unmarshal([]byte(out), &found); err != nil || found.Entries != 0 {
		t.Errorf("a search compares with %d entries, %v, want none: she withdrew", found.Entries, err)
	}
	got, _ := b.audited("anna")
	want := []string{"enrol_refused", "consent", "enrol_refused", "consent", "enrol", "verify", "withdraw_consent", "verify", "enrol_refused"}
	if !slices.Equal(got, want) {
		t.Errorf("audit %v, want %v", got, want)
	}
	b.do(exitDone, "deleted: 1 speaker, 0 voiceprints that nobody approved; held: 0", "speakers", "sweep")
	b.do(exitFailed, "not found", "speakers", "show", "anna")
}

// TestAttemptsAreCountedOnTheCommandLine: failures in a row delay and lock the voice factor, a person unlocks it, and each attempt is in
// the log.
func TestAttemptsAreCountedOnTheCommandLine(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	for i := range 5 {
		if v := b.verify("anna", clip(t, "voice_male_en_8k.wav")); v.Decision != interaction.NotAuthenticated {
			t.Fatalf("attempt %d: %+v", i+1, v)
		}
	}
	v := b.verify("anna", clip(t, "voice_female_en_16k.wav"))
	if v.Decision != interaction.Locked || v.LLR != nil || v.Codec != "" || !strings.Contains(v.Explanations[0], "after 5 failures in a row") {
		t.Errorf("after five failures, by herself: %+v, want locked and nothing heard", v)
	}
	b.do(exitDone, "unlocked", "speakers", "unlock", "anna", "--by", "eve")
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != interaction.Authenticated {
		t.Errorf("after the unlocking: %+v", v)
	}
	got, _ := b.audited("anna")
	if n := len(got); n != 2+5+1+1+1 || got[n-2] != "unlock" {
		t.Errorf("audit %v", got)
	}
}

// TestPolicyOnTheCommandLine: what a configuration permits and forbids holds for the command line as it does for the server.
func TestPolicyOnTheCommandLine(t *testing.T) {
	b := newBank(t)
	with := func(text string) *bank {
		c := *b
		c.judge = append(slices.Clone(b.judge), "--config", writeText(t, "timbre.yaml", text))
		return &c
	}
	voice, other := clip(t, "voice_female_en_8k.wav"), clip(t, "voice_female_en_16k.wav")
	b.enrol("anna", voice)
	strict := with("policy: {verification: false}")
	wantExit(t, exitFailed, strict.args("verify", append([]string{"--speaker", "anna", other}, strict.judge...)...), "policy default permits no verification by voice")
	wantExit(t, exitFailed, strict.args("identify", append([]string{other}, strict.judge...)...), "permits no search of kind identification", "want it under searches")
	shadow := with("policy: {shadow: true}")
	if v := shadow.verify("anna", other); v.Decision != interaction.Inconclusive || v.LLR != nil || v.Reasons[0] != "shadow_mode" {
		t.Errorf("in the shadow: %+v", v)
	}
	db, rows := b.open()
	kept, err := rows.Attempts(t.Context(), "anna", store.Page{})
	if err != nil || len(kept.Items) != 1 || !kept.Items[0].Shadow || kept.Items[0].Decision != interaction.Authenticated {
		t.Errorf("kept: %+v, %v", kept.Items, err)
	}
	db.Close()
	texas := with("policy: {jurisdiction: US-TX}").judge[len(b.judge):]
	wantExit(t, exitFailed, b.args("enroll", append([]string{"--speaker", "bert", "--consent", "c", "--min-speech", "2", voice}, texas...)...), "want a release in writing")
	wantExit(t, exitDone, b.args("enroll", append([]string{"--speaker", "bert", "--consent", "c", "--consent-channel", "paper", "--min-speech", "2", clip(t, "voice_male_en_8k.wav")}, texas...)...))
	wantExit(t, exitFailed, b.args("verify", append([]string{"--speaker", "anna", other}, with("policy: {verificatoin: true}").judge...)...), "verificatoin")
	got, _ := b.audited("anna")
	if !slices.Equal(got, []string{"consent", "enrol", "verify_refused", "verify"}) {
		t.Errorf("audit %v", got)
	}
}

// TestConfigurationNamesDatabaseAndTenant: with --config alone the command line acts on what the server serves.
func TestConfigurationNamesDatabaseAndTenant(t *testing.T) {
	b := newBank(t)
	dir := t.TempDir()
	conf := writeText(t, "timbre.yaml", "tenant: acme\ndata_dir: "+dir+"\n")
	wantExit(t, exitDone, append(append([]string{"enroll"}, b.model...), "--config", conf, "--speaker", "anna", "--consent", "c", "--min-speech", "2", clip(t, "voice_female_en_8k.wav")))
	for _, name := range []string{"timbre.db", "keys.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	b.db, b.keys = filepath.Join(dir, "timbre.db"), filepath.Join(dir, "keys.json")
	db, _ := b.open()
	defer db.Close()
	if _, err := db.Tenant("acme").Speaker(t.Context(), "anna"); err != nil {
		t.Error(err)
	}
}

func TestWatchlistsOnTheCommandLine(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	look := func() (r identified) {
		t.Helper()
		out := wantExit(t, exitDone, b.args("identify", append([]string{"--json", "--watchlist", "fraud", clip(t, "voice_male_en_16k.wav")}, b.judge...)...))
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	fred := b.args("enroll", "--speaker", "fred", "--watchlist", "fraud", "--min-speech", "2", clip(t, "voice_male_en_8k.wav"))
	wantExit(t, exitFailed, fred, `list "fraud"`)
	b.do(exitFailed, "purpose", "watchlist", "save", "fraud")
	b.do(exitDone, "fraud: saved", "watchlist", "save", "fraud", "--purpose", "known fraudsters", "--legal-basis", "Art. 9(2)(g)", "--retention-days", "30", "--approver", "lead")
	b.do(exitDone, "fraud: known fraudsters; Art. 9(2)(g); entries stay 30 days, approved by lead", "watchlist", "list")
	wantExit(t, exitDone, fred)
	b.do(exitUsage, "--by", "watchlist", "add", "fraud", "fred", "--reason", "three cases")
	b.do(exitDone, "proposed for fraud, waits for approval", "watchlist", "add", "fraud", "fred", "--reason", "three cases", "--by", "eve")
	if r := look(); r.Entries != 0 {
		t.Errorf("before approval: %+v", r)
	}
	b.do(exitFailed, `approved by "lead" alone, not by "eve"`, "watchlist", "approve", "fraud", "fred", "--by", "eve")
	b.do(exitDone, "approved", "watchlist", "approve", "fraud", "fred", "--by", "lead")
	b.do(exitDone, "fred: three cases, added by eve on", "watchlist", "show", "fraud")
	if r := look(); len(r.Candidates) != 1 || r.Candidates[0].SpeakerID != "fred" || r.Candidates[0].List != "fraud" {
		t.Errorf("after approval: %+v", r)
	}
	if got, last := b.audited("fred"); !slices.Equal(got, []string{"enrol_refused", "enrol", "add_watchlist_entry", "approve_watchlist_entry_refused", "approve_watchlist_entry"}) || last != "command line: lead" {
		t.Errorf("audit %v, the last by %s", got, last)
	}

	// The voice of the entry comes to be enrolled: it waits for a person.
	e := b.enrol("carl", clip(t, "voice_male_en_8k.wav"), "--calibration", calibrationOf(t, "1.0.0", 0, 10))
	if e.State != "pending" || e.Review != "watchlist_match" {
		t.Errorf("a voice of the list: %+v, want it to wait", e)
	}
	b.do(exitDone, e.ID+"  carl, ", "speakers", "pending")
	if v := b.verify("carl", clip(t, "voice_male_en_16k.wav")); v.Decision != interaction.NotEnrolled {
		t.Errorf("before approval: %+v", v)
	}
	b.do(exitDone, "in force", "speakers", "approve", e.ID)
	b.do(exitDone, "off the list fraud", "watchlist", "remove", "fraud", "fred")
	b.do(exitDone, "fraud: deleted", "watchlist", "delete", "fraud")
	b.do(exitFailed, "not found", "watchlist", "show", "fraud")
}

func TestRotatedKeyStillVerifies(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	stolen := *b
	stolen.keys = filepath.Join(t.TempDir(), "stolen.json")
	text, err := os.ReadFile(b.keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stolen.keys, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(exitDone, "wrapped anew: 1 key", "speakers", "rotate-key")
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != interaction.Authenticated {
		t.Errorf("after the rotation: %+v", v)
	}
	wantExit(t, exitFailed, stolen.args("verify", append([]string{"--speaker", "anna", clip(t, "voice_female_en_16k.wav")}, b.judge...)...), `speaker "anna"`, "no such key")
}

// TestPrintExpiresByThePolicy: a print that was not compared with for as many months as the policy says is expired, and nothing is heard.
func TestPrintExpiresByThePolicy(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	raw, err := sql.Open("sqlite", b.db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), "UPDATE speakers SET created_at = $1", time.Now().AddDate(0, -13, 0).UnixMicro()); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav"), "--config", writeText(t, "texas.yaml", "policy: {print_unused_months: 12}")); v.Decision != interaction.Expired || v.Codec != "" {
		t.Errorf("after 13 of 12 months: %+v", v)
	}
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != interaction.Authenticated {
		t.Errorf("after 13 of 36 months: %+v", v)
	}
}

// TestAnalyzeUnderAPolicy: what the configuration forbids is not computed, and the record says which policy it was.
func TestAnalyzeUnderAPolicy(t *testing.T) {
	call := testkit.Testdata(t, "calls", "short-call.wav")
	conf := writeText(t, "timbre.yaml", "policy: {name: strict, customer_emotion: false, retention_days: 30}")
	record := func(args ...string) *interaction.Interaction {
		t.Helper()
		r, err := interaction.Parse([]byte(wantExit(t, exitDone, append([]string{"analyze", "--json", call}, args...))))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := record("--config", conf, "--jurisdiction", "DE")
	if r.Governance.Policy != "strict" || r.Governance.Jurisdiction != "DE" {
		t.Errorf("governance %+v", r.Governance)
	}
	for _, s := range r.Segments {
		if s.Emotion != nil {
			t.Errorf("segment %s has an emotion, which the policy forbids", s.ID)
		}
	}
	if r := record("--jurisdiction", "DE"); !slices.ContainsFunc(r.NotComputed, func(n interaction.NotComputed) bool { return n.Code == interaction.CodeNoNotice }) {
		t.Errorf("in the EU without a notice: %+v", r.NotComputed)
	}
	wantExit(t, exitFailed, []string{"analyze", call, "--jurisdiction", "Berlin"}, `jurisdiction "Berlin"`)
}
