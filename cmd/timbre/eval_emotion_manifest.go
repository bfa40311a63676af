package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/timbre-voice/timbre/internal/table"
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
	t, err := table.NewReader(in)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("empty, want a header path,label[,speaker]")
	}
	if err != nil {
		return nil, err
	}
	if !t.Has("path", "label") {
		return nil, fmt.Errorf("header %q, want the columns path and label", strings.Join(t.Header(), ","))
	}
	var out []manifestRow
	seen := map[string]bool{}
	for row, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		label := row.Value("label")
		m := manifestRow{path: row.Value("path"), speaker: strings.TrimSpace(row.Value("speaker")), label: classOf(strings.TrimSpace(label))}
		switch {
		case m.path == "":
			return nil, fmt.Errorf("line %d: empty path", row.Line)
		case m.label < 0:
			return nil, fmt.Errorf("line %d: label %q, want one of %s", row.Line, label, strings.Join(sentiment.Classes(), ", "))
		case seen[m.path]:
			return nil, fmt.Errorf("line %d: %s is there twice", row.Line, m.path)
		}
		seen[m.path] = true
		out = append(out, m)
	}
	return out, nil
}
