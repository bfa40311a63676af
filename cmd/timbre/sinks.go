package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// frameTable says what the rows of a table of frames are.
type frameTable struct {
	File    string   `json:"file"`
	Kind    string   `json:"kind"`
	Channel int      `json:"channel"`
	RateHz  int      `json:"rate_hz"` // of the samples that the frames were cut from
	Options string   `json:"options"` // every setting of the extractor
	TimeIs  string   `json:"time_is"`
	Columns []string `json:"columns"` // of a row, the time left out
}

// frameSink writes the rows of a table. A NaN is a value that does not exist, as the pitch of an unvoiced frame: an empty cell,
// null, or NaN as the format has it.
type frameSink interface {
	row(timeMs float64, values []float32) error
	close() error // ends the table; does not close the writer
}

// newFrameSink returns a sink of a format: csv, json or npy.
func newFrameSink(w io.Writer, format string, t frameTable) (frameSink, error) {
	b := bufio.NewWriterSize(w, 1<<16)
	switch format {
	case "csv":
		_, err := b.WriteString("time_ms," + strings.Join(t.Columns, ",") + "\n")
		return &csvSink{b: b}, err
	case "json":
		head, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		_, err = fmt.Fprintf(b, "%s,\"frames\":[", head[:len(head)-1])
		return &jsonSink{b: b}, err
	}
	return &npySink{b: b, columns: len(t.Columns)}, nil
}

// appendTime appends a time without digits that say nothing: frame middles lie on half samples.
func appendTime(line []byte, ms float64) []byte {
	return strconv.AppendFloat(line, math.Round(ms*1e6)/1e6, 'f', -1, 64)
}

type csvSink struct {
	b    *bufio.Writer
	line []byte
}

func (s *csvSink) row(timeMs float64, values []float32) error {
	s.line = appendTime(s.line[:0], timeMs)
	for _, v := range values {
		s.line = append(s.line, ',')
		if v == v {
			s.line = strconv.AppendFloat(s.line, float64(v), 'g', -1, 32)
		}
	}
	_, err := s.b.Write(append(s.line, '\n'))
	return err
}

func (s *csvSink) close() error { return s.b.Flush() }

type jsonSink struct {
	b    *bufio.Writer
	line []byte
	rows int
}

func (s *jsonSink) row(timeMs float64, values []float32) error {
	s.line = s.line[:0]
	if s.rows > 0 {
		s.line = append(s.line, ',')
	}
	s.rows++
	s.line = append(s.line, "\n{\"time_ms\":"...)
	s.line = append(appendTime(s.line, timeMs), ",\"values\":["...)
	for i, v := range values {
		if i > 0 {
			s.line = append(s.line, ',')
		}
		if v == v && !math.IsInf(float64(v), 0) {
			s.line = strconv.AppendFloat(s.line, float64(v), 'g', -1, 32)
		} else {
			s.line = append(s.line, "null"...)
		}
	}
	_, err := s.b.Write(append(s.line, "]}"...))
	return err
}

func (s *jsonSink) close() error {
	if _, err := s.b.WriteString("\n]}\n"); err != nil {
		return err
	}
	return s.b.Flush()
}

// npySink keeps the rows until the end, since the header of an NPY file names their number.
type npySink struct {
	b       *bufio.Writer
	columns int
	rows    int
	data    []byte
}

func (s *npySink) row(_ float64, values []float32) error {
	s.rows++
	for _, v := range values {
		s.data = binary.LittleEndian.AppendUint32(s.data, math.Float32bits(v))
	}
	return nil
}

func (s *npySink) close() error {
	if _, err := s.b.Write(npyHeader(s.rows, s.columns)); err != nil {
		return err
	}
	if _, err := s.b.Write(s.data); err != nil {
		return err
	}
	return s.b.Flush()
}

// npyHeader returns the header of an NPY file, format 1.0 (numpy.lib.format), of a T×D float32 matrix: magic, version, length of
// the rest, then a Python dict literal filled up with spaces so that the data begins at a multiple of 64 bytes.
func npyHeader(t, d int) []byte {
	dict := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", t, d)
	const before = 6 + 2 + 2
	fill := 63 - (before+len(dict))%64
	head := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(head[8:], uint16(len(dict)+fill+1))
	return append(head, dict+strings.Repeat(" ", fill)+"\n"...)
}
