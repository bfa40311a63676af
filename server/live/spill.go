package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

const (
	spillEnding = ".record.json"
	asideEnding = ".refused.json" // of a record that is not tried again
)

// spilled is a record in the spill folder.
type spilled struct {
	path   string
	record *interaction.Interaction
}

// SetAside puts a record that is refused for good into the spill folder, where nothing tries it again and somebody can look into it.
func SetAside(dir string, r *interaction.Interaction) (path string, err error) {
	return writeSpill(dir, asideEnding, r)
}

// writeSpill puts r into dir, whole or not at all.
func writeSpill(dir, ending string, r *interaction.Interaction) (path string, err error) {
	data, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("live: spill: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("live: spill: %w", err)
	}
	path = filepath.Join(dir, r.Contact.ID+ending)
	f, err := os.CreateTemp(dir, "tmp-*")
	if err != nil {
		return "", fmt.Errorf("live: spill: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncFolder(dir) // else a loss of power may take the name away
	}
	if err != nil {
		return "", fmt.Errorf("live: spill: %w", err)
	}
	return path, nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readSpill returns the records that an earlier run left in dir. A file that is no record stays where it is, for who looks into it,
// and keeps nothing else from being read.
func readSpill(dir string, log *slog.Logger) ([]spilled, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("live: spill: %w", err)
	}
	var out []spilled
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), spillEnding) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("live: spill: %w", err)
		}
		r, err := interaction.Parse(data)
		if err != nil {
			log.Error("a spilled record cannot be read and is left where it is", "file", path, "err", err)
			continue
		}
		out = append(out, spilled{path, r})
	}
	return out, nil
}

// setAside gives a spilled record the name of one that is not tried again.
func (s spilled) setAside() (path string, err error) {
	path = strings.TrimSuffix(s.path, spillEnding) + asideEnding
	if err := os.Rename(s.path, path); err != nil {
		return "", fmt.Errorf("live: spill: %w", err)
	}
	return path, nil
}

func removeSpill(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("live: spill: %w", err)
	}
	return nil
}
