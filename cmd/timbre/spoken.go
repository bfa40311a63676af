package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/timbre-voice/timbre/internal/table"
)

// spoken is one row of a CSV of recordings.
type spoken struct {
	speaker, path string
}

// readSpoken reads a CSV with the columns speaker and path.
func readSpoken(path string) ([]spoken, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	out, err := parseSpoken(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

func parseSpoken(in io.Reader) ([]spoken, error) {
	t, err := table.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("header: %w, want columns speaker and path", err)
	}
	if !t.Has("speaker", "path") {
		return nil, fmt.Errorf("header %q, want columns speaker and path", t.Header())
	}
	var out []spoken
	for row, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		s := spoken{row.Value("speaker"), row.Value("path")}
		if s.path == "" {
			return nil, fmt.Errorf("line %d: no path, want one", row.Line)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, errors.New("no rows, want at least one")
	}
	return out, nil
}
