package models

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrittenArtefactIsLoadedAgain(t *testing.T) {
	m, fsys := artefact()
	a, err := put(t, fsys, m).Load(m.Name)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = a.WithFile("calibration.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	first := a.Manifest.Version
	if !strings.HasPrefix(first, m.Version+"+") {
		t.Errorf("version %q, want one that says what is beside the weights of %q", first, m.Version)
	}
	parent := filepath.Join(t.TempDir(), "site", "models")
	folder, err := a.Write(parent)
	if err != nil {
		t.Fatal(err)
	}
	got, err := NewStore(os.DirFS(parent)).Load(m.Name)
	if err != nil {
		t.Fatal(err)
	}
	if folder != filepath.Join(parent, m.Name) || got.Card != a.Card || string(got.Weights) != string(a.Weights) || got.Manifest.SHA256 != m.SHA256 {
		t.Errorf("%s: %+v", folder, got.Manifest)
	}
	if string(got.Files["calibration.json"]) != "{}" || string(got.Files["scoring.safetensors"]) != "further" || len(got.Files) != 2 {
		t.Errorf("files %q", got.Files)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Errorf("%d entries beside the artefact", len(entries)-1)
	}

	if _, err := got.Write(parent); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over itself: %v", err)
	}
	other, err := got.WithFile("calibration.json", []byte("{ }"))
	if err != nil {
		t.Fatal(err)
	}
	if other.Manifest.Version == first || strings.Count(other.Manifest.Version, "+") != 1 || len(other.Manifest.Files) != 2 {
		t.Errorf("another calibration: version %q, files %v", other.Manifest.Version, other.Manifest.Files)
	}
	if got.Manifest.Version != first || string(got.Files["calibration.json"]) != "{}" {
		t.Error("WithFile changed what it was given")
	}
	if _, err := got.WithFile("../x.json", nil); !errors.Is(err, ErrManifest) {
		t.Errorf("a name that leaves the folder: %v", err)
	}
}

// TestWriteLeavesNothingHalfWritten writes below a file, which cannot be.
func TestWriteLeavesNothingHalfWritten(t *testing.T) {
	m, fsys := artefact()
	a, err := put(t, fsys, m).Load(m.Name)
	if err != nil {
		t.Fatal(err)
	}
	parent := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(parent, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if folder, err := a.Write(parent); err == nil {
		t.Errorf("wrote %s", folder)
	}
}
