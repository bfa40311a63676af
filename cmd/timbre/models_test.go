package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
)

func TestModelsList(t *testing.T) {
	list, err := models.List()
	if err != nil || len(list) == 0 {
		t.Fatalf("%d models, error %v", len(list), err)
	}
	text := wantExit(t, exitDone, []string{"models", "list"})
	lines := strings.Split(strings.TrimSpace(wantExit(t, exitDone, []string{"models", "list", "--json"})), "\n")
	if len(lines) != len(list) {
		t.Fatalf("%d lines of JSON, want %d", len(lines), len(list))
	}
	for i, m := range list {
		var got models.Manifest
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if got.Name != m.Name || got.SHA256 != m.SHA256 || got.LicenceClass != m.LicenceClass {
			t.Errorf("line %d is %+v, want %+v", i+1, got, m)
		}
		if !strings.Contains(text, m.Name) || !strings.Contains(text, m.LicenceClass) {
			t.Errorf("the list does not name %s and its licence class:\n%s", m.Name, text)
		}
	}
}

func TestModelsInfoAndVerify(t *testing.T) {
	m, err := models.Load(vadModel)
	if err != nil {
		t.Fatal(err)
	}
	text := wantExit(t, exitDone, []string{"models", "info", vadModel})
	for _, want := range []string{m.Manifest.SHA256, m.Manifest.LicenceClass, m.Manifest.TrainingData[0].Name, strings.TrimSpace(m.Card)} {
		if !strings.Contains(text, want) {
			t.Errorf("info does not have %q:\n%s", want, text)
		}
	}
	var doc struct {
		Name, Card string
	}
	if err := json.Unmarshal([]byte(wantExit(t, exitDone, []string{"models", "info", "--json", vadModel})), &doc); err != nil || doc.Name != vadModel || doc.Card != m.Card {
		t.Errorf("info --json has name %q and a card of %d bytes, error %v", doc.Name, len(doc.Card), err)
	}
	if out := wantExit(t, exitDone, []string{"models", "verify"}); !strings.Contains(out, vadModel+": intact\n") {
		t.Errorf("verify prints %q", out)
	}
	wantExit(t, exitFailed, []string{"models", "verify", vadModel, "no-such-v1"}, `"no-such-v1"`)

	folder := filepath.Join(t.TempDir(), vadModel) // one that a site has made
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(testkit.Root(t), "models", vadModel))); err != nil {
		t.Fatal(err)
	}
	if out := wantExit(t, exitDone, []string{"models", "info", folder}); out != text {
		t.Errorf("info of the folder:\n%s", out)
	}
	wantExit(t, exitDone, []string{"models", "verify", folder})
	weights := filepath.Join(folder, "weights.safetensors")
	if err := os.WriteFile(weights, append(testkit.Read(t, weights), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	wantExit(t, exitFailed, []string{"models", "verify", folder}, folder, "bytes")
}
