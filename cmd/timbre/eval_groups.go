package main

import (
	"fmt"
	"io"
	"os"

	"github.com/timbre-voice/timbre/internal/table"
	"github.com/timbre-voice/timbre/voiceprint/eval"
)

// groupTable is a CSV of recordings: who speaks, and whatever else is known of each.
type groupTable struct {
	speakers eval.Speakers
	has      func(columns ...string) bool
	rows     map[string]table.Row // by path
}

// readGroupTable reads a CSV with a header that names the columns path and speaker.
func readGroupTable(path string) (*groupTable, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	t := &groupTable{rows: map[string]table.Row{}}
	if t.speakers, err = eval.ReadSpeakers(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	r, err := table.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t.has = r.Has
	for row, err := range r.Rows() {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t.rows[row.Value("path")] = row
	}
	return t, nil
}

// values returns what stands in the named columns.
func (t *groupTable) values(names []string) (func(file string) []string, error) {
	for _, n := range names {
		if t == nil || !t.has(n) {
			return nil, fmt.Errorf("--group: no column %q in the table of --speakers", n)
		}
	}
	return func(file string) []string {
		out := make([]string, len(names))
		for i, n := range names {
			out[i] = t.rows[file].Value(n)
		}
		return out
	}, nil
}
