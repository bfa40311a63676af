// Package table reads CSV (RFC 4180) whose header names its columns, in any order and among others. What is wrong with a value, and what
// columns there have to be, is the caller's to say: it knows what the table is for.
//
//	t, err := table.NewReader(in)
//	if err == nil && !t.Has("speaker", "path") { ... }
//	for row, err := range t.Rows() {
//		... row.Value("path"), row.Line
//	}
package table

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
)

// Reader reads one table. Not safe for concurrent use.
type Reader struct {
	csv  *csv.Reader
	head []string
}

// NewReader reads the header: names without the white space around them, nor the byte order mark that spreadsheets write. Errors: io.EOF
// where there is none, *csv.ParseError, those of r.
func NewReader(r io.Reader) (*Reader, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, err
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	for i := range head {
		head[i] = strings.TrimSpace(head[i])
	}
	return &Reader{c, head}, nil
}

// Header returns the names of the columns, for messages; the reader's.
func (t *Reader) Header() []string { return t.head }

// Has reports whether there are columns of all these names.
func (t *Reader) Has(columns ...string) bool {
	return !slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(t.head, c) })
}

// Rows returns the rows that are left. An error, of r or *csv.ParseError, ends it.
func (t *Reader) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for {
			fields, err := t.csv.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			line, _ := t.csv.FieldPos(0)
			if !yield(Row{Line: line, head: t.head, fields: fields}, nil) {
				return
			}
		}
	}
}

// Row is one row; it stays valid. Its zero value has no columns.
type Row struct {
	Line int // on which it begins, from 1

	head, fields []string // of one length
}

// Value returns what stands in a column, as it stands there; "" where there is no such column. Of two of one name the first counts.
func (r Row) Value(column string) string {
	if i := slices.Index(r.head, column); i >= 0 {
		return r.fields[i]
	}
	return ""
}
