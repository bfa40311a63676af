package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/timbre-voice/timbre/voiceprint/eval"
)

// groupTable is a CSV of recordings: who speaks, and whatever else is known of each.
type groupTable struct {
	speakers eval.Speakers
	columns  []string
	rows     map[string][]string // by path
}

// readGroupTable reads a CSV with a header that names the columns path and speaker.
func readGroupTable(path string) (*groupTable, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	t := &groupTable{rows: map[string][]string{}}
	if t.speakers, err = eval.ReadSpeakers(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	r := csv.NewReader(f)
	if t.columns, err = r.Read(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key := slices.Index(t.columns, "path")
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t.rows[row[key]] = row
	}
}

// values returns the places of the named columns.
func (t *groupTable) values(names []string) (func(file string) []string, error) {
	var at []int
	for _, n := range names {
		i := -1
		if t != nil {
			i = slices.Index(t.columns, n)
		}
		if i < 0 {
			return nil, fmt.Errorf("--group: no column %q in the table of --speakers", n)
		}
		at = append(at, i)
	}
	return func(file string) []string {
		out := make([]string, len(at))
		for k, i := range at {
			if row := t.rows[file]; row != nil {
				out[k] = row[i]
			}
		}
		return out
	}, nil
}
