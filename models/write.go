package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WithFile returns a copy of a that has a file of that name and content beside the weights, in the place of one it had. Its version is a's
// with the first eight hex digits of the file's sha256 behind a plus sign, as build metadata (Semantic Versioning 2.0.0), so that
// what was computed with the file says so. Errors: ErrManifest for a name that no file of an artefact may have.
func (a *Artefact) WithFile(name string, content []byte) (*Artefact, error) {
	sum := sha256.Sum256(content)
	out := *a
	base, _, _ := strings.Cut(a.Manifest.Version, "+")
	out.Manifest.Version = base + "+" + hex.EncodeToString(sum[:4])
	out.Manifest.Files = slices.DeleteFunc(slices.Clone(a.Manifest.Files), func(f File) bool { return f.Name == name })
	out.Manifest.Files = append(out.Manifest.Files, File{name, int64(len(content)), hex.EncodeToString(sum[:])})
	out.Files = map[string][]byte{name: content}
	for n, b := range a.Files {
		if n != name {
			out.Files[n] = b
		}
	}
	return &out, out.Manifest.Validate()
}

// Write makes the folder <parent>/<name> that Store.Load reads as a, whole or not at all, and returns its path. Errors: fs.ErrExist where
// there is one, since it may be in use, and those of the file system.
func (a *Artefact) Write(parent string) (folder string, err error) {
	folder = filepath.Join(parent, a.Manifest.Name)
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return "", fmt.Errorf("models: %s: %w", folder, err)
	}
	manifest, err := json.MarshalIndent(a.Manifest, "", "  ")
	if err != nil {
		return "", fmt.Errorf("models: %s: %w", a.Manifest.Name, err)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("models: %w", err)
	}
	draft, err := os.MkdirTemp(parent, "."+a.Manifest.Name+".tmp-*")
	if err != nil {
		return "", fmt.Errorf("models: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(draft) // the first error is the one to tell
		}
	}()
	files := map[string][]byte{manifestFile: append(manifest, '\n'), weightsFile: a.Weights, cardFile: []byte(a.Card)}
	for name, b := range a.Files {
		files[name] = b
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(draft, name), b, 0o644); err != nil {
			return "", fmt.Errorf("models: %w", err)
		}
	}
	if err := os.Chmod(draft, 0o755); err != nil { // MkdirTemp makes it private
		return "", fmt.Errorf("models: %w", err)
	}
	if err := os.Rename(draft, folder); err != nil {
		return "", fmt.Errorf("models: %w", err)
	}
	return folder, nil
}
