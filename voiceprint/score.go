package voiceprint

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/timbre-voice/timbre/engine/nn"
)

// The kinds of score. A calibration belongs to one of them.
const (
	ScoreCosine = "cosine"  // of the embeddings, after the backend where there is one
	ScoreASNorm = "as_norm" // the cosine in units of the spread against the nearest of a cohort, on both sides
)

// scoring is what turns two embeddings into one score.
type scoring struct {
	mean      []float32 // D, taken off first; nil for none
	transform *nn.Dense // D to K, nil for none
	dims      int       // of a vector that is compared: K, or D without a transform
	cohort    []float32 // N×K of length 1, through the backend; empty for none
	top       int       // members of the cohort that are nearest and count
}

// Bounds of what a scoring file may ask for.
const (
	minCohort = 20
	maxCohort = 100_000
)

// WithScoring returns a model that differs in what its scores are made of. t may hold backend.mean [D], backend.transform [K, D]
// and cohort [N, D] with the metadata top_n, the number of nearest members that count; what is missing is not done. A model that
// had a calibration loses it. Errors: ErrModel.
func (m *Model) WithScoring(t *nn.Tensors) (*Model, error) {
	d := m.Dims()
	s := scoring{dims: d}
	l := &loader{t: t}
	if l.has("backend.mean") {
		var err error
		s.mean, err = t.Float32("backend.mean", d)
		l.keep(err)
	}
	if l.has("backend.transform") {
		s.dims = l.dim("backend.transform", 2, 0)
		w, err := t.Float32("backend.transform", s.dims, d)
		l.keep(err)
		if l.err == nil {
			s.transform, err = nn.NewDense(d, s.dims, w, nil)
			l.keep(err)
		}
	}
	if l.err == nil && l.has("cohort") {
		s.loadCohort(l, d)
	}
	if l.err != nil {
		return nil, l.err
	}
	return &Model{id: m.id, net: m.net, desks: m.desks, scoring: s}, nil
}

func (s *scoring) loadCohort(l *loader, d int) {
	shape, err := l.t.Shape("cohort")
	if err == nil && (len(shape) != 2 || shape[0] < minCohort || shape[0] > maxCohort) {
		err = fmt.Errorf(`tensor "cohort" is %v, want %d to %d rows of %d`, shape, minCohort, maxCohort, d)
	}
	l.keep(err)
	if l.err != nil {
		return
	}
	text, _ := l.t.Metadata("top_n")
	if s.top, err = strconv.Atoi(text); err != nil || s.top < 2 || s.top > shape[0] {
		l.keep(fmt.Errorf("metadata top_n %q, want 2 to %d (the cohort)", text, shape[0]))
		return
	}
	raw, err := l.t.Float32("cohort", shape[0], d)
	l.keep(err)
	if l.err != nil {
		return
	}
	s.cohort = make([]float32, shape[0]*s.dims)
	for i := range shape[0] {
		if !s.project(s.cohort[i*s.dims:(i+1)*s.dims], raw[i*d:(i+1)*d]) {
			l.keep(fmt.Errorf(`tensor "cohort": row %d has no direction`, i))
			return
		}
	}
}

// Scoring names the kind of score that the model gives: what a calibration must have been fitted on.
func (m *Model) Scoring() string {
	name := ScoreCosine
	if m.scoring.cohort != nil {
		name = fmt.Sprintf("%s top %d of %d", ScoreASNorm, m.scoring.top, len(m.scoring.cohort)/m.scoring.dims)
	}
	if m.scoring.mean != nil || m.scoring.transform != nil {
		name += fmt.Sprintf(", backend of %d dims", m.scoring.dims)
	}
	return name
}

// project writes the vector of an embedding that is compared, of length 1, to dst; false when it has no direction.
func (s *scoring) project(dst, e []float32) bool {
	x := e
	if s.mean != nil {
		x = make([]float32, len(e))
		for i, v := range e {
			x[i] = v - s.mean[i]
		}
	}
	if s.transform != nil {
		s.transform.Forward(dst, x, 1)
	} else {
		copy(dst, x)
	}
	return unit(dst)
}

// Side is one side of a trial, ready to be compared: the work that does not depend on the other side is done.
type Side struct {
	model    ModelID
	vector   []float32 // length 1
	mean, sd float64   // of the cosines with the nearest of the cohort
	quality  Quality
}

// Quality returns the quality of the speech behind the side.
func (s Side) Quality() Quality { return s.quality }

// Side prepares an embedding. Errors: ErrModel for an embedding of another model or size.
func (m *Model) Side(e Embedding) (Side, error) {
	if e.Model != m.id {
		return Side{}, fmt.Errorf("%w: embedding of %v, want %v", ErrModel, e.Model, m.id)
	}
	if len(e.Vector) != m.Dims() {
		return Side{}, fmt.Errorf("%w: embedding of %d values, want %d", ErrModel, len(e.Vector), m.Dims())
	}
	s := Side{model: m.id, vector: make([]float32, m.scoring.dims), quality: e.Quality}
	if n := norm(e.Vector); !(math.Abs(n-1) < 1e-3) || !m.scoring.project(s.vector, e.Vector) {
		return Side{}, fmt.Errorf("%w: embedding of length %g, want 1", ErrModel, n)
	}
	s.mean, s.sd = m.scoring.against(s.vector)
	return s, nil
}

// leastSpread keeps a cohort whose nearest members are all alike from blowing a score up.
const leastSpread = 0.01

// against returns mean and standard deviation of the cosines of v with its nearest members of the cohort; 0 and 1 without a cohort.
func (s *scoring) against(v []float32) (mean, sd float64) {
	if s.cohort == nil {
		return 0, 1
	}
	cos := make([]float32, len(s.cohort)/s.dims)
	nn.DotRows(cos, s.cohort, v)
	slices.Sort(cos)
	near := cos[len(cos)-s.top:]
	sum, squares := 0.0, 0.0
	for _, c := range near {
		sum += float64(c)
	}
	mean = sum / float64(len(near))
	for _, c := range near {
		d := float64(c) - mean
		squares += d * d
	}
	return mean, max(math.Sqrt(squares/float64(len(near))), leastSpread)
}

// Score compares two sides: the higher, the more alike. It is the cosine, in [-1, 1], or, with a cohort, the mean of the cosine
// as each side's cohort sees it (adaptive symmetric normalisation: Matějka et al. 2017). It is no evidence until it is calibrated.
// It panics on sides of another model: Side has checked them.
func (m *Model) Score(enrol, test Side) float64 {
	if enrol.model != m.id || test.model != m.id || len(enrol.vector) != len(test.vector) {
		panic(fmt.Sprintf("voiceprint: score: sides of %v and %v, want %v", enrol.model, test.model, m.id))
	}
	cos := float64(nn.Dot(enrol.vector, test.vector))
	if m.scoring.cohort == nil {
		return min(max(cos, -1), 1)
	}
	return ((cos-enrol.mean)/enrol.sd + (cos-test.mean)/test.sd) / 2
}

// LLR compares two sides and returns the natural logarithm of the likelihood ratio of one speaker over two. It returns ErrUncalib
// when the model has no calibration.
func (m *Model) LLR(enrol, test Side) (float64, error) {
	if m.calibration == nil {
		return 0, fmt.Errorf("%w: %v", ErrUncalib, m.id)
	}
	return m.calibration.LLR(m.Score(enrol, test), enrol.quality, test.quality), nil
}
