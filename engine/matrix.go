package engine

import (
	"fmt"
	"math"
)

// Matrix holds T feature vectors of D values, row after row.
type Matrix struct {
	Rows, Cols int       // T and D
	Data       []float32 // [T·D] row-major
}

// NewMatrix returns a rows×cols matrix of zeros. It panics when a size is negative.
func NewMatrix(rows, cols int) *Matrix {
	return &Matrix{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
}

// Row returns row t, a view into m.
func (m *Matrix) Row(t int) []float32 { return m.Data[t*m.Cols : (t+1)*m.Cols : (t+1)*m.Cols] }

// append copies one row to the end.
func (m *Matrix) append(row []float32) {
	m.Data = append(m.Data, row...)
	m.Rows++
}

// TopDB raises every value of m that lies more than db below the greatest one to that level, in place: the last step of
// librosa.power_to_db, over a whole recording.
func TopDB(m *Matrix, db float64) {
	top := math.Inf(-1)
	for _, v := range m.Data {
		top = max(top, float64(v))
	}
	low := float32(top - db)
	for i, v := range m.Data {
		m.Data[i] = max(v, low)
	}
}

// Cepstra returns the cosine transform of log-mel features, T×M -> T×o.NumCeps: what a Stream does between its LogMel and its MFCC.
// o.C0 must be C0Cepstrum, because a log-mel matrix knows no energy; else, and for bad options, the error wraps ErrCepstra.
func Cepstra(o CepstraOptions, logMel *Matrix) (*Matrix, error) {
	c, err := newCepstra(o, logMel.Cols)
	if err != nil {
		return nil, err
	}
	if o.C0 != C0Cepstrum {
		return nil, fmt.Errorf("%w: C0 %q from log-mel features, want %q", ErrCepstra, o.C0, C0Cepstrum)
	}
	out := NewMatrix(logMel.Rows, o.NumCeps)
	for t := range out.Rows {
		c.d.transform(out.Row(t), logMel.Row(t))
	}
	return out, nil
}
