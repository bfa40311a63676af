package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/console/backing"
)

// keptAudio holds the recordings that the policy keeps, one file a call below the folder of its tenant.
type keptAudio struct{ dir string }

// recordingTypes are the names' ends that a kept recording may have, of what the analysis reads. Read only.
var recordingTypes = []string{".wav", ".flac", ".mp3", ".ogg", ".opus"}

func (k keptAudio) folder(tenant string) (string, error) {
	if !filepath.IsLocal(tenant) || strings.ContainsAny(tenant, `/\`) {
		return "", fmt.Errorf("server: audio: tenant %q cannot name a folder", tenant)
	}
	return filepath.Join(k.dir, tenant), nil
}

// keep copies the recording at path and writes into r where it is. name is the client's, for its end. A second copy for the same call
// takes the place of the first.
func (k keptAudio) keep(tenant, path, name string, r *interaction.Interaction) error {
	folder, err := k.folder(tenant)
	if err != nil {
		return err
	}
	ext := strings.ToLower(filepath.Ext(name))
	if !slices.Contains(recordingTypes, ext) {
		ext = ".audio"
	}
	file := r.Contact.ID + ext
	if !filepath.IsLocal(file) || strings.ContainsAny(file, `/\`) {
		return fmt.Errorf("server: audio: call %q cannot name a file", r.Contact.ID)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("server: audio: %w", err)
	}
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("server: audio: %w", err)
	}
	defer in.Close()
	out, err := os.CreateTemp(folder, "keep-*") // of mode 0600
	if err != nil {
		return fmt.Errorf("server: audio: %w", err)
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(folder, file))
	}
	if err != nil {
		return fmt.Errorf("server: audio: %w", errors.Join(err, os.Remove(out.Name())))
	}
	r.Contact.Audio = interaction.Audio{Kept: "timbre", URI: backing.KeptScheme + file}
	return nil
}

// forget removes the recording of a call. Where none was kept there is nothing to do.
func (k keptAudio) forget(tenant, id string) error {
	folder, err := k.folder(tenant)
	if err != nil {
		return nil // no folder, so nothing was kept in it
	}
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("server: audio: %w", err)
	}
	defer root.Close()
	var errs []error
	for _, ext := range append([]string{".audio"}, recordingTypes...) {
		if err := root.Remove(id + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("server: audio: %w", err))
		}
	}
	return errors.Join(errs...)
}
