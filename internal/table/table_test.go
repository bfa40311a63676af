package table

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestColumnsInAnyOrder(t *testing.T) {
	r, err := NewReader(strings.NewReader("\ufeffpath, speaker ,more,path\na.wav,anna, x ,b.wav\n\"c\nd.wav\",bert,,\n\ne.wav,carl,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Header(), []string{"path", "speaker", "more", "path"}) || !r.Has("speaker", "path") || r.Has("speaker", "label") || !r.Has() {
		t.Errorf("header %q", r.Header())
	}
	type seen struct {
		line                       int
		path, speaker, more, label string
	}
	var got []seen
	var kept []Row
	for row, err := range r.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, row)
	}
	for _, row := range kept { // after the last was read
		got = append(got, seen{row.Line, row.Value("path"), row.Value("speaker"), row.Value("more"), row.Value("label")})
	}
	want := []seen{{2, "a.wav", "anna", " x ", ""}, {3, "c\nd.wav", "bert", "", ""}, {6, "e.wav", "carl", "", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if s := (Row{}).Value("path"); s != "" {
		t.Errorf("the zero row holds %q", s)
	}
}

func TestWhatIsNoTable(t *testing.T) {
	if _, err := NewReader(strings.NewReader("")); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: %v, want io.EOF", err)
	}
	var parse *csv.ParseError
	if _, err := NewReader(strings.NewReader("a\"b,c\n")); !errors.As(err, &parse) {
		t.Errorf("a bare quote in the header: %v, want *csv.ParseError", err)
	}
	for name, c := range map[string]struct {
		text       string
		rows, line int
	}{
		"ragged":         {"a,b\n1,2\n1\n1,2\n", 1, 3},
		"quote_left":     {"a,b\n1,2\n1,\"2\n", 1, 3},
		"only_a_header":  {"a,b\n", 0, 0},
		"without_an_end": {"a,b\n1,2", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			rows, failed := 0, error(nil)
			for row, err := range r.Rows() {
				if failed != nil {
					t.Fatalf("row %+v after an error", row)
				}
				if failed = err; err == nil {
					rows++
				}
			}
			var parse *csv.ParseError
			if rows != c.rows || (c.line > 0) != errors.As(failed, &parse) || c.line > 0 && parse.Line != c.line {
				t.Errorf("%d rows, %v, want %d and an error of line %d", rows, failed, c.rows, c.line)
			}
		})
	}
}

// TestStops: who has seen enough reads no more, and may go on later.
func TestStops(t *testing.T) {
	r, err := NewReader(strings.NewReader("a\n1\n2\n3\n"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for row, err := range r.Rows() {
			if err != nil || row.Value("a") != "1" && row.Value("a") != "2" {
				t.Errorf("%+v, %v", row, err)
			}
			break
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("speaker,path\na,a.wav\n")
	f.Add("\ufeff a ,a\n\"x\ny\",b\n")
	f.Add("\ufeff\n\"")
	f.Add("a,b\n1\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := NewReader(strings.NewReader(text[:min(len(text), 1<<16)]))
		if err != nil {
			return
		}
		before := 1
		for row, err := range r.Rows() {
			if err != nil {
				break
			}
			if row.Line <= before || len(row.fields) != len(r.Header()) {
				t.Fatalf("row %+v after line %d of a table of %d columns", row, before, len(r.Header()))
			}
			before = row.Line
			for _, c := range r.Header()[:min(len(r.Header()), 8)] {
				if row.Value(c) != row.fields[slices.Index(r.Header(), c)] {
					t.Fatalf("column %q: %q", c, row.Value(c))
				}
			}
		}
	})
}
