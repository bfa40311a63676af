package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
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
	r := csv.NewReader(in)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w, want columns speaker and path", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	who, at := slices.Index(head, "speaker"), slices.Index(head, "path")
	if who < 0 || at < 0 {
		return nil, fmt.Errorf("header %q, want columns speaker and path", head)
	}
	var out []spoken
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if row[at] == "" {
			line, _ := r.FieldPos(at)
			return nil, fmt.Errorf("line %d: no path, want one", line)
		}
		out = append(out, spoken{row[who], row[at]})
	}
	if len(out) == 0 {
		return nil, errors.New("no rows, want at least one")
	}
	return out, nil
}
