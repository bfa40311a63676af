package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/timbre-voice/timbre/internal/table"
	"github.com/timbre-voice/timbre/sentiment"
)

// manifestRow is a clip of a manifest: a recording, or a segment of one as records name it.
type manifestRow struct {
	manifestClip
	speaker string
	label   int
}

// manifestClip says which sound a clip is.
type manifestClip struct {
	path           string
	channel        int   // -1: all
	startMs, endMs int64 // 0 and 0: from the beginning to the end
}

// String names the clip in messages.
func (c manifestClip) String() string {
	s := c.path
	if c.channel >= 0 {
		s += fmt.Sprintf(", channel %d", c.channel)
	}
	if c.endMs > 0 {
		s += fmt.Sprintf(", %d to %d ms", c.startMs, c.endMs)
	}
	return s
}

// readManifest reads a CSV with a header that names the columns path, label and, optionally, speaker, channel, and start_ms with end_ms;
// others are passed over.
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
	seen := map[manifestClip]bool{}
	for row, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		label := row.Value("label")
		m := manifestRow{manifestClip{path: row.Value("path")}, strings.TrimSpace(row.Value("speaker")), classOf(strings.TrimSpace(label))}
		if err := m.part(row); err != nil {
			return nil, fmt.Errorf("line %d: %w", row.Line, err)
		}
		switch {
		case m.path == "":
			return nil, fmt.Errorf("line %d: empty path", row.Line)
		case m.label < 0:
			return nil, fmt.Errorf("line %d: label %q, want one of %s", row.Line, label, strings.Join(sentiment.Classes(), ", "))
		case seen[m.manifestClip]:
			return nil, fmt.Errorf("line %d: %v is there twice", row.Line, m)
		}
		seen[m.manifestClip] = true
		out = append(out, m)
	}
	return out, nil
}

// part reads which part of the recording the clip is.
func (c *manifestClip) part(row table.Row) error {
	number := func(column string, none int64) (int64, error) {
		text := strings.TrimSpace(row.Value(column))
		if text == "" {
			return none, nil
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%s %q, want a whole number of 0 or more", column, text)
		}
		return n, nil
	}
	channel, errChannel := number("channel", -1)
	start, errStart := number("start_ms", 0)
	end, errEnd := number("end_ms", 0)
	if err := errors.Join(errChannel, errStart, errEnd); err != nil {
		return err
	}
	if (start > 0 || end > 0) && start >= end {
		return fmt.Errorf("start_ms %d and end_ms %d, want both, the end behind the start", start, end)
	}
	c.channel, c.startMs, c.endMs = int(channel), start, end
	return nil
}
