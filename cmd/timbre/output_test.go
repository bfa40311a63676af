package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestOutputNames(t *testing.T) {
	for _, c := range []struct {
		name        string
		paths, want []string
	}{
		{"own_name", []string{"a/x.wav", "b/y.wav"}, []string{"x", "y"}},
		{"same_stem_other_ending", []string{"x.wav", "x.mp3", "y.wav"}, []string{"x.wav", "x.mp3", "y"}},
		{"same_name_other_folder", []string{"a/x.wav", "b/x.wav"}, []string{"a-x.wav", "b-x.wav"}},
		{"case_alone", []string{"X.wav", "x.wav"}, []string{"X.wav-1", "x.wav-2"}},
		{"folders_that_flatten_alike", []string{"a-b/x.wav", "a/b-x.wav", "a/b/x.wav"}, []string{"a-b-x.wav-1", "b-x", "a-b-x.wav-2"}},
		{"name_taken_by_a_shorter_form", []string{"x.wav.wav", "x.wav", "x.mp3"}, []string{"x.wav", "x.wav-1", "x.mp3"}},
		{"dots", []string{"...", ".."}, []string{"-1", "-2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outputNames(c.paths); !slices.Equal(got, c.want) {
				t.Errorf("names %q, want %q", got, c.want)
			}
		})
	}
}

func TestOutputNamesNeverMeet(t *testing.T) {
	part := rapid.StringMatching(`[abA.-]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(part, 1, 3).Draw(t, "parts"), "/") + rapid.SampledFrom([]string{".wav", ".mp3", ""}).Draw(t, "ending")
		}), rapid.ID[string]).Draw(t, "paths")
		seen := map[string]bool{}
		for i, n := range outputNames(paths) {
			low := strings.ToLower(n)
			if n == "" || strings.ContainsAny(n, `/\`) || strings.Trim(n, ".") == "" || seen[low] {
				t.Fatalf("%q gets the name %q; seen %v", paths[i], n, seen)
			}
			seen[low] = true
		}
	})
}

func TestWriteFileIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := writeFile(path, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("error %v, want %v with the path", err, broken)
	}
	if got := contents(t, dir); len(got) != 1 || got["x.json"] != "old" {
		t.Errorf("after a failed write the folder has %d files, x.json %q, want the old one alone", len(got), got["x.json"])
	}
	if err := writeFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, dir); len(got) != 1 || got["x.json"] != "new" {
		t.Errorf("after a write the folder has %v, want x.json: new", got)
	}
	if err := writeFile(filepath.Join(dir, "none", "x"), func(io.Writer) error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want %v", err, os.ErrNotExist)
	}
}
