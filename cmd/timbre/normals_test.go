package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

// TestAnalyzeKnowsEarlierCalls: under a policy that keeps what earlier calls say of a customer who agreed, the second call is scored otherwise
// than alone, a call that is analysed once more counts once, and show says that statistics are kept, until they are deleted.
func TestAnalyzeKnowsEarlierCalls(t *testing.T) {
	dir := t.TempDir()
	kept := []string{"--db", filepath.Join(dir, "calls.db"), "--key-file", filepath.Join(dir, "keys.json")}
	conf := writeText(t, "timbre.yaml", "policy: {earlier_calls: true}")
	first, second := call(t, "sample-call.wav"), call(t, "short-call.wav")
	scores := func(path string, args ...string) string {
		t.Helper()
		return scoresOf(t, wantExit(t, exitDone, append([]string{"analyze", "--json", "--customer", "jana", path}, args...)))
	}
	on := append([]string{"--config", conf}, kept...)
	alone := scores(second)
	scores(first, on...)
	if got := scores(second, on...); got != alone {
		t.Errorf("without a consent\n%s, want\n%s", got, alone)
	}
	wantExit(t, exitDone, append([]string{"consent", "give", "--speaker", "jana", "--ref", "r-1", "--purpose", "analytics"}, kept...))
	scores(first, kept...) // the default policy keeps nothing
	wantExit(t, exitFailed, append([]string{"speakers", "show", "jana"}, kept...), "not found")
	for range 2 {
		scores(first, on...)
	}
	out := wantExit(t, exitDone, append([]string{"speakers", "show", "jana"}, kept...))
	if !strings.Contains(out, "emotion-tdnn-v1") || !strings.Contains(out, "s of speech from 1 call, ") || !strings.Contains(out, "not_enrolled") || strings.Contains(out, "enrolled   ") {
		t.Errorf("show says\n%s", out)
	}
	if got := scores(second, on...); got == alone {
		t.Error("the first call changes no score of the second")
	}
	out = wantExit(t, exitDone, append([]string{"speakers", "show", "--json", "jana"}, kept...))
	var v keptSpeaker
	if err := json.Unmarshal([]byte(out), &v); err != nil || len(v.Normals) != 1 || v.Normals[0].Calls != 2 || v.Normals[0].SpeechMs < 10_000 || v.Normals[0].ConsentRef != "r-1" {
		t.Errorf("%v: %+v", err, v.Normals)
	}
	// Another model does not take what this one kept, and keeps its own.
	free := []string{"--emotion-model", "emotion-mlp-v2"}
	if a, b := scores(second, free...), scores(second, append(free, on...)...); a != b {
		t.Errorf("another model\n%s, want\n%s", b, a)
	}
	out = wantExit(t, exitDone, append([]string{"speakers", "delete", "jana"}, kept...))
	if !strings.Contains(out, "2 normals of a voice") {
		t.Errorf("delete says\n%s", out)
	}
	wantExit(t, exitFailed, append([]string{"speakers", "show", "jana"}, kept...), "not found")
	wantExit(t, exitFailed, []string{"analyze", "--config", writeText(t, "bad.yaml", "policy: {customer_emotion: false, earlier_calls: true}"), second}, "earlier_calls: true with customer_emotion: false")
}

// TestAnalyzeTakesCallsInOrder: several recordings of one customer in one run are each heard against those before it, however many
// workers there are.
func TestAnalyzeTakesCallsInOrder(t *testing.T) {
	conf := writeText(t, "timbre.yaml", "policy: {earlier_calls: true}")
	run := func(dir string, args ...string) []string {
		t.Helper()
		kept := []string{"--db", filepath.Join(dir, "calls.db"), "--key-file", filepath.Join(dir, "keys.json")}
		return strings.SplitAfter(strings.TrimSpace(wantExit(t, exitDone, append(args, kept...))), "\n")
	}
	calls := []string{call(t, "sample-call.wav"), call(t, "short-call.wav")}
	consent := []string{"consent", "give", "--speaker", "jana", "--ref", "r-1", "--purpose", "analytics"}
	analyze := []string{"analyze", "--json", "--customer", "jana", "--config", conf}
	apart, together := t.TempDir(), t.TempDir()
	run(apart, consent...)
	run(together, consent...)
	all := run(together, append(slices.Clone(analyze), "--workers", "2", calls[0], calls[1])...)
	if len(all) != len(calls) {
		t.Fatalf("%d records, want %d", len(all), len(calls))
	}
	for i, path := range calls {
		one := run(apart, append(slices.Clone(analyze), path)...)
		if got, want := scoresOf(t, all[i]), scoresOf(t, one[0]); got != want {
			t.Errorf("call %d of one run\n%s, want as alone after the others\n%s", i, got, want)
		}
	}
}

// scoresOf returns the scores of a record's segments, of which there is at least one.
func scoresOf(t *testing.T, record string) string {
	t.Helper()
	r, err := interaction.Parse([]byte(record))
	if err != nil {
		t.Fatal(err)
	}
	var all []*interaction.Emotion
	for _, s := range r.Segments {
		if s.Emotion != nil {
			all = append(all, s.Emotion)
		}
	}
	b, err := json.Marshal(all)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d emotions, %v", len(all), err)
	}
	return string(b)
}
