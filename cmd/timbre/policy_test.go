package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPolicyExplain(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "timbre.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const sound = "addr: 127.0.0.1:1\npolicy: {overrides: [{name: berlin, for: {sites: [berlin]}, retention_days: 30}]}\n"
	for _, c := range []struct {
		name string
		args []string
		exit int
		want string
	}{
		{"default", nil, exitDone, "policy default, jurisdiction not set"},
		{"law_of_the_place", []string{"--jurisdiction", "US-TX"}, exitDone, "expires 12 months"},
		{"site", []string{"--config", file(sound), "--site", "berlin", "--jurisdiction", "DE"}, exitDone, "deleted after 30 days [berlin]"},
		{"site_that_nobody_named", []string{"--site", "x"}, exitFailed, `site "x"`},
		{"agent_emotion_in_the_EU", []string{"--config", file("policy: {jurisdiction: EU, agent_emotion: true}")}, exitFailed, "Art. 5(1)(f)"},
		{"unknown_key", []string{"--config", file("policy: {emotion: true}")}, exitFailed, "emotion"},
		{"no_such_file", []string{"--config", "none.yaml"}, exitFailed, "none.yaml"},
		{"no_jurisdiction", []string{"--jurisdiction", "Texas"}, exitFailed, `jurisdiction "Texas"`},
		{"argument", []string{"x"}, exitUsage, "unexpected argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			exit := run(t.Context(), append([]string{"policy", "explain"}, c.args...), &stdout, &stderr)
			if exit != c.exit || !strings.Contains(stdout.String()+stderr.String(), c.want) {
				t.Errorf("exit %d, want %d and %q in\n%s%s", exit, c.exit, c.want, &stdout, &stderr)
			}
		})
	}
	var stdout, stderr bytes.Buffer
	if exit := run(t.Context(), []string{"policy", "explain", "--json", "--jurisdiction", "EU"}, &stdout, &stderr); exit != exitDone {
		t.Fatalf("exit %d: %s", exit, &stderr)
	}
	var got explained
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got.Jurisdiction != "EU" || len(got.Lines) < 13 {
		t.Errorf("%+v, %v", got, err)
	}
}
