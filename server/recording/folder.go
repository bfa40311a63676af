package recording

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNotFound reports a recording that is not kept.
var ErrNotFound = errors.New("recording: not found")

const (
	ending      = ".wav" // of the recording of a live call
	otherEnding = ".audio"
	partEnding  = ".part"
)

// keptEndings are those that a recording may have: of what the analysis reads, and one for any other. Read only.
var keptEndings = []string{ending, ".flac", ".mp3", ".ogg", ".opus", otherEnding}

// Folder holds recordings, one file a call below the folder of its tenant. Safe for concurrent use.
type Folder struct{ dir string }

// Open returns the recordings below dir, which need not exist, and removes what was begun there and never finished. Two processes
// must not share a folder.
func Open(dir string) (*Folder, error) {
	left, err := filepath.Glob(filepath.Join(glob(dir), "*", "*"+partEnding))
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("recording: %w", err)
		}
	}
	return &Folder{dir}, nil
}

// glob escapes what a pattern would read as more than itself.
func glob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// part checks that a name is one part of a path.
func part(what, name string) error {
	if !filepath.IsLocal(name) || name == "." || strings.ContainsAny(name, `/\`) {
		return fmt.Errorf("recording: %s %q, want a name without a folder", what, name)
	}
	return nil
}

// root opens the folder of a tenant, which cannot be left, whatever links lie in it.
func (f *Folder) root(tenant string) (*os.Root, error) {
	if err := part("tenant", tenant); err != nil {
		return nil, errors.Join(ErrNotFound, err)
	}
	root, err := os.OpenRoot(filepath.Join(f.dir, tenant))
	if err != nil {
		return nil, found(err)
	}
	return root, nil
}

// found turns the error of a file that is not there.
func found(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return fmt.Errorf("recording: %w", err)
}

// File opens a recording by the name that Finish returned. It returns ErrNotFound, wrapped, for one that is not there.
func (f *Folder) File(tenant, name string) (*os.File, error) {
	root, err := f.root(tenant)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := part("name", name); err != nil || strings.HasSuffix(name, partEnding) {
		return nil, errors.Join(ErrNotFound, err)
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, found(err)
	}
	return file, nil
}

// Keep copies the recording of a call that lies at path and returns its name. ext is the ending that its sender gave it; one that is
// not known is not kept. A second recording of the same call takes the place of the first.
func (f *Folder) Keep(tenant, id, ext, path string) (name string, err error) {
	if err := errors.Join(part("tenant", tenant), part("call", id)); err != nil {
		return "", err
	}
	if ext = strings.ToLower(ext); !slices.Contains(keptEndings, ext) {
		ext = otherEnding
	}
	dir := filepath.Join(f.dir, tenant)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("recording: %w", err)
	}
	in, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("recording: %w", err)
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, "keep-*"+partEnding) // of mode 0600
	if err != nil {
		return "", fmt.Errorf("recording: %w", err)
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(dir, id+ext))
	}
	if err != nil {
		return "", fmt.Errorf("recording: %w", errors.Join(err, os.Remove(out.Name())))
	}
	return id + ext, nil
}

// Remove deletes the recording of a call. Where none was kept there is nothing to do.
func (f *Folder) Remove(tenant, id string) error {
	root, err := f.root(tenant)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	var errs []error
	for _, ext := range keptEndings {
		if err := root.Remove(id + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("recording: %w", err))
		}
	}
	return errors.Join(errs...)
}
