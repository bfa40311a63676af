package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

func TestSpeakersListAndShow(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", "--name", "Anna Q\x1b[31m", clip(t, "voice_female_en_8k.wav"))
	b.enrol("bert", clip(t, "voice_male_en_8k.wav"))
	out := wantExit(t, exitDone, append([]string{"speakers", "list"}, b.store()...))
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[1], "anna  Anna Q?[31m") || !strings.Contains(lines[2], "never") {
		t.Errorf("the list:\n%s", out)
	}
	for i, line := range strings.Split(strings.TrimSpace(wantExit(t, exitDone, append([]string{"speakers", "list", "--json"}, b.store()...))), "\n") {
		var v keptSpeaker
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.ID != []string{"anna", "bert"}[i] || len(v.Voiceprints) != 1 || v.UsedAt != nil {
			t.Errorf("line %d: %s, error %v", i+1, line, err)
		}
	}
	b.verify("anna", clip(t, "voice_female_en_16k.wav"))
	var v keptSpeaker
	if err := json.Unmarshal([]byte(wantExit(t, exitDone, append([]string{"speakers", "show", "anna", "--json"}, b.store()...))), &v); err != nil {
		t.Fatal(err)
	}
	if v.UsedAt == nil || len(v.Consents) != 1 || v.Consents[0].Ref != "crm-anna" || len(v.Pseudonym) != 32 || v.Voiceprints[0].Sources != 1 {
		t.Errorf("%+v", v)
	}
	text := wantExit(t, exitDone, append([]string{"speakers", "show", "anna"}, b.store()...))
	for _, want := range []string{"id           anna\n", "consent      crm-anna for verify, given 20", "pseudonym    " + v.Pseudonym} {
		if !strings.Contains(text, want) {
			t.Errorf("show does not say %q:\n%s", want, text)
		}
	}
	wantExit(t, exitFailed, append([]string{"speakers", "show", "nobody"}, b.store()...), `not found: speaker "nobody"`)
}

func TestDeleteLeavesNoTrace(t *testing.T) {
	b := newBank(t)
	const id, name, consent = "customer-4711-zeta", "Zeta Quixote Jones", "consent-of-zeta-jones"
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	b.enrol(id, "--name", name, "--consent", consent, clip(t, "voice_male_en_8k.wav"))
	b.enrol(id, "--consent", consent, clip(t, "voice_male_en_digits_8k.wav"))
	b.verify(id, clip(t, "voice_male_en_16k.wav"))
	db, rows := b.open()
	prints, err := rows.VoiceprintsOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rows.PersonKey(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	// The id of a print is random and stays in the audit log.
	traces := map[string][]byte{"id": []byte(id), "name": []byte(name), "consent": []byte(consent),
		"sealed print": prints[0].Sealed[20:60], "wrapped key": key.Wrapped[20:60]}
	for what, trace := range traces {
		if !bytes.Contains(readAll(t, b.db), trace) {
			t.Errorf("the %s is not in the file before: the search below would prove nothing", what)
		}
	}

	var r receipt
	if err := json.Unmarshal([]byte(wantExit(t, exitDone, append([]string{"speakers", "delete", id, "--json"}, b.store()...))), &r); err != nil {
		t.Fatal(err)
	}
	if r.Keys != 1 || r.Voiceprints != 1 || r.Consents != 1 || len(r.Pseudonym) != 32 || r.AuditSeq == 0 {
		t.Errorf("receipt %+v", r)
	}
	file := readAll(t, b.db)
	for what, trace := range traces {
		if bytes.Contains(file, trace) {
			t.Errorf("the file still holds the %s", what)
		}
	}
	if !bytes.Contains(file, []byte(r.Pseudonym)) || !bytes.Contains(file, []byte("anna")) {
		t.Error("the audit entry, or another speaker, is gone too")
	}
	wantExit(t, exitFailed, append([]string{"speakers", "delete", id}, b.store()...), "not found", "the file was rebuilt")
	if v := b.verify(id, clip(t, "voice_male_en_16k.wav")); v.Decision != "not_enrolled" {
		t.Errorf("afterwards %+v, want not_enrolled", v)
	}
	if v := b.verify("anna", clip(t, "voice_female_en_16k.wav")); v.Decision != "authenticated" {
		t.Errorf("the other speaker: %+v", v)
	}
	out := wantExit(t, exitDone, append([]string{"audit", "verify"}, b.store()...))
	if !strings.HasPrefix(out, "intact: ") {
		t.Errorf("the audit log: %s", out)
	}
}

func TestDeleteWorksWithoutTheKeyFile(t *testing.T) {
	b := newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	b.keys += ".lost"
	out := wantExit(t, exitDone, append([]string{"speakers", "delete", "anna"}, b.store()...))
	if !strings.Contains(out, "anna: destroyed 1 key, 1 voiceprint, 1 consent, 0 normals of a voice") || !strings.Contains(out, "pseudonym -") {
		t.Errorf("the receipt:\n%s", out)
	}
}

func TestIdentify(t *testing.T) {
	b := newBank(t)
	for _, v := range voiceNames() {
		b.enrol("c-"+v, clip(t, "voice_"+v+"_8k.wav"))
	}
	identify := func(file string, args ...string) identified {
		t.Helper()
		var r identified
		out := wantExit(t, exitDone, b.args("identify", append(append([]string{"--json", file}, b.judge...), args...)...))
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := identify(clip(t, "voice_female_fr_16k.wav"), "--top", "3")
	if len(r.Candidates) != 1 || r.Candidates[0].SpeakerID != "c-female_fr" || r.Candidates[0].LLR < *r.Threshold || len(r.Nearest) != 3 || r.Entries != len(voiceNames()) {
		t.Errorf("%+v, want one candidate and three nearest", r)
	}
	near(t, "threshold, raised by the entries", *r.Threshold, 3+1.9459, 0.001) // ln 7
	if r := identify(clip(t, "voice_female_fr_16k.wav"), "--min-speech", "60"); len(r.Candidates) != 0 || r.Reasons[0] != "too_little_speech" {
		t.Errorf("below the floor: %+v", r)
	}
	if r := identify(clip(t, "silent_8k.wav")); len(r.Candidates) != 0 || len(r.Nearest) != 0 || r.Reasons[0] != "no_speech" {
		t.Errorf("silence: %+v", r)
	}
	wantExit(t, exitDone, append([]string{"speakers", "delete", "c-female_fr"}, b.store()...))
	if r := identify(clip(t, "voice_female_fr_16k.wav")); len(r.Candidates) != 0 || len(r.Nearest) != 5 {
		t.Errorf("a stranger: %+v, want none", r)
	}
	text := wantExit(t, exitDone, b.args("identify", append([]string{clip(t, "voice_male_it_16k.wav")}, b.judge...)...))
	if !strings.Contains(text, "1 candidate among 6 enrolled speakers\n  1. c-male_it, LLR ") || !strings.Contains(text, "a lead for a person") {
		t.Errorf("the report:\n%s", text)
	}
	wantExit(t, exitFailed, b.args("identify", "--watchlist", "fraud", clip(t, "voice_male_it_16k.wav")), `watchlist "fraud"`)
	wantExit(t, exitUsage, b.args("identify", testkit.Testdata(t, "audio", "mulaw_stereo_8k.wav")), "want --channel 0 to 1")
	wantExit(t, exitUsage, b.args("identify", "--top", "0", "x.wav"), "--top: 0, want 1 to 1000")
}
