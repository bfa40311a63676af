package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/sentiment"
)

// manifestRow is a clip of a manifest.
type manifestRow struct {
	path, speaker string
	label         int
}

// readManifest reads a CSV with a header that names the columns path, label and, optionally, speaker; others are passed over.
func readManifest(path string) ([]manifestRow, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	rows, err := parseManifest(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

func parseManifest(in io.Reader) ([]manifestRow, error) {
	r := csv.NewReader(in)
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("empty, want a header path,label[,speaker]")
	}
	if err != nil {
		return nil, err
	}
	column := func(name string) int {
		return slices.IndexFunc(head, func(h string) bool { return strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")) == name })
	}
	file, label, speaker := column("path"), column("label"), column("speaker")
	if file < 0 || label < 0 {
		return nil, fmt.Errorf("header %q, want the columns path and label", strings.Join(head, ","))
	}
	var out []manifestRow
	seen := map[string]bool{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		m := manifestRow{path: row[file], label: classOf(strings.TrimSpace(row[label]))}
		if speaker >= 0 {
			m.speaker = strings.TrimSpace(row[speaker])
		}
		switch {
		case m.path == "":
			return nil, fmt.Errorf("line %d: empty path", line)
		case m.label < 0:
			return nil, fmt.Errorf("line %d: label %q, want one of %s", line, row[label], strings.Join(sentiment.Classes(), ", "))
		case seen[m.path]:
			return nil, fmt.Errorf("line %d: %s is there twice", line, m.path)
		}
		seen[m.path] = true
		out = append(out, m)
	}
}
