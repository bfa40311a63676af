package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
)

// TestAnalyzeKeepsRecords analyses a call whose customer is enrolled into a database, twice.
func TestAnalyzeKeepsRecords(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "calls.db")
	kept := []string{"--db", db, "--key-file", filepath.Join(dir, "keys.json")}
	path := call(t, "sample-call.wav")
	wantExit(t, exitDone, append([]string{"enroll", "--speaker", "jana", "--consent", "c-1", "--channel", "1", path}, kept...))
	for range 2 { // the second finds the record of the first
		out := wantExit(t, exitDone, append([]string{"analyze", "--json", "--customer", "jana", path}, kept...))
		r, err := interaction.Parse([]byte(out))
		if err != nil {
			t.Fatal(err)
		}
		if r.Voice == nil || r.Voice.Decision != interaction.Authenticated || r.Voice.LLR == nil || *r.Voice.LLR < *r.Voice.Threshold {
			t.Fatalf("voice %+v, want jana authenticated by the recording of her enrolment", r.Voice)
		}
		s, err := store.Open(t.Context(), store.Options{DSN: db, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		stored, err := s.Tenant(localTenant).Interaction(t.Context(), r.Contact.ID)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(r)
		b, _ := json.Marshal(stored)
		if string(a) != string(b) {
			t.Errorf("printed and stored records differ:\n%s\n%s", a, b)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	out := wantExit(t, exitDone, append([]string{"analyze", "--json", "--customer", "nobody", path}, kept...))
	if r, err := interaction.Parse([]byte(out)); err != nil || r.Voice == nil || r.Voice.Decision != interaction.NotEnrolled {
		t.Errorf("a customer without a print: %v, %+v", err, r.Voice)
	}
	wantExit(t, exitUsage, []string{"analyze", "--key-file", "k", path}, "--key-file without --db")
}
