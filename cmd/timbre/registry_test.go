package main

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// TestRegistryCommands walks a speaker through what persons decide, each step with its answer.
func TestRegistryCommands(t *testing.T) {
	dir := t.TempDir()
	f := databaseFlags{db: filepath.Join(dir, "timbre.db"), keyFile: filepath.Join(dir, "keys.json")}
	p, err := openPrints(t.Context(), f, mayCreate)
	if err != nil {
		t.Fatal(err)
	}
	r := identity.NewRegistry(p.rows, p.keys, time.Now)
	rules := identity.DefaultRules()
	rules.PassiveEnrolment = true
	if _, err := r.GiveConsent(t.Context(), "test", store.Consent{SpeakerID: "anna", Ref: "r", Purpose: identity.PurposeVerify}); err != nil {
		t.Fatal(err)
	}
	waiting, err := r.Enrol(t.Context(), "test", identity.Enrolment{Speaker: "anna", Passive: true, Model: identity.Model{Name: "m", Version: "1", SHA256: "00"},
		Print: []byte("print"), Sources: 1}, rules)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Attempt(t.Context(), "test", store.Attempt{SpeakerID: "anna", Decision: "not_authenticated"}, rules.Attempts); err != nil {
		t.Fatal(err)
	}
	p.close(&err)
	if err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (int, string) {
		var out bytes.Buffer
		exit := run(t.Context(), append(append([]string{"speakers"}, args...), "--db", f.db, "--key-file", f.keyFile), &out, &out)
		return exit, out.String()
	}
	hold := ""
	for _, c := range []struct {
		args []string
		exit int
		want string
	}{
		{[]string{"approve", waiting.ID}, exitDone, "in force"},
		{[]string{"approve", waiting.ID}, exitFailed, "does not wait for approval"},
		{[]string{"reject", waiting.ID}, exitFailed, "does not wait for approval"},
		{[]string{"unlock", "anna"}, exitDone, "unlocked"},
		{[]string{"unlock", "anna"}, exitFailed, "not found"},
		{[]string{"hold", "anna"}, exitFailed, "--reason: not given"},
		{[]string{"hold", "anna", "--reason", "case 4711"}, exitDone, "held, hold "},
		{[]string{"delete", "anna"}, exitFailed, "case 4711"},
		{[]string{"rotate-key"}, exitDone, "wrapped anew: 1 key"},
		{[]string{"release", "HOLD"}, exitDone, "released"},
		{[]string{"opt-out", "anna", "--source", "letter"}, exitDone, "deleted with audit entry"},
		{[]string{"opt-out", "otto"}, exitDone, "nothing was kept"},
		{[]string{"opt-in", "otto"}, exitDone, "may be enrolled again"},
		{[]string{"opt-in", "otto"}, exitFailed, "not found"},
		{[]string{"delete", "anna"}, exitFailed, "not found"},
	} {
		for i := range c.args {
			if c.args[i] == "HOLD" {
				c.args[i] = hold
			}
		}
		exit, out := command(c.args...)
		if exit != c.exit || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit %d, want %d and %q in %s", c.args, exit, c.exit, c.want, out)
		}
		if _, id, ok := strings.Cut(out, "held, hold "); ok {
			hold = strings.TrimSpace(id)
		}
	}
	if exit := run(t.Context(), []string{"audit", "verify", "--db", f.db}, &bytes.Buffer{}, &bytes.Buffer{}); exit != exitDone {
		t.Errorf("audit verify: exit %d", exit)
	}

	// One letter of one line is changed behind our back.
	raw, err := sql.Open("sqlite", f.db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), "UPDATE audit SET action = 'enroL' WHERE action = 'enrol'"); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if exit := run(t.Context(), []string{"audit", "verify", "--db", f.db}, &out, &out); exit != exitFailed || !strings.Contains(out.String(), "entry 2: was changed") {
		t.Errorf("audit verify over a changed line: exit %d, %s", exit, &out)
	}
}
