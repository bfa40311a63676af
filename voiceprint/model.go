package voiceprint

import (
	"encoding/hex"
	"fmt"
	"math"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/models"
)

// Task is what the manifest of a speaker model names as its task.
const Task = "speaker"

// The optional files of a speaker model's artefact.
const (
	ScoringFile     = "scoring.safetensors" // cohort and backend; see Model.WithScoring
	CalibrationFile = "calibration.json"    // see ParseCalibration
)

// FrontEnd returns the features of speaker models: all 40 cepstra of engine.DefaultMFCC at 8 kHz, without a lifter. The mean over
// the utterance is taken off afterwards. An artefact must name this struct's text as its features.
func FrontEnd() engine.MFCCOptions {
	o := engine.DefaultMFCC(Rate)
	o.NumCeps, o.Lifter = o.Fbank.Mel.NumBands, 0
	return o
}

// ModelID says which model an embedding is of. Embeddings of two models have nothing in common.
type ModelID struct {
	Name    string
	Version string
	SHA256  [32]byte // of the weights
}

// String prints name, version and the first digits of the digest.
func (id ModelID) String() string {
	return fmt.Sprintf("%s %s (%s)", id.Name, id.Version, hex.EncodeToString(id.SHA256[:4]))
}

// Model is a loaded speaker model: the network, what its scores are normalised with, and their calibration where there is one.
// It never changes and is safe for concurrent use.
type Model struct {
	id          ModelID
	net         *network
	scoring     scoring
	calibration *Calibration
	desks       *desks
}

// LoadModel builds the model of an artefact: its network, and cohort, backend and calibration where the artefact has them.
// Cohort and backend may also stand in the weights file. Errors: ErrModel, ErrFormat.
func LoadModel(a *models.Artefact) (*Model, error) {
	m := a.Manifest
	want := models.Want{Task: Task, SampleRateHz: Rate, Features: FrontEnd().String(), InputDims: FrontEnd().NumCeps}
	if err := m.Fits(want); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	if m.OutputDims > maxWidth {
		return nil, fmt.Errorf("%w: %s: output dims %d, want at most %d", ErrModel, m.Name, m.OutputDims, maxWidth)
	}
	net, err := loadNetwork(a.Tensors, m.InputDims, m.OutputDims)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	out := &Model{id: ModelID{Name: m.Name, Version: m.Version}, net: net}
	if out.desks, err = newDesks(); err != nil {
		return nil, err
	}
	if n, err := hex.Decode(out.id.SHA256[:], []byte(m.SHA256)); err != nil || n != len(out.id.SHA256) {
		return nil, fmt.Errorf("%w: %s: sha256 %q, want 64 hex digits", ErrModel, m.Name, m.SHA256)
	}
	tensors := a.Tensors
	if file, ok := a.Files[ScoringFile]; ok {
		if tensors, err = nn.LoadTensors(file); err != nil {
			return nil, fmt.Errorf("%w: %s: %s: %w", ErrModel, m.Name, ScoringFile, err)
		}
	}
	if out, err = out.WithScoring(tensors); err != nil {
		return nil, err
	}
	if file, ok := a.Files[CalibrationFile]; ok {
		c, err := ParseCalibration(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		return out.WithCalibration(c)
	}
	return out, nil
}

// ID says which model this is.
func (m *Model) ID() ModelID { return m.id }

// Dims returns D, the values of an embedding.
func (m *Model) Dims() int { return m.net.d }

// Calibration returns what maps scores to LLRs; nil when the model has none.
func (m *Model) Calibration() *Calibration { return m.calibration }

// WithCalibration returns a model that differs in its calibration only; nil takes it away. It returns ErrModel for a calibration
// that was fitted on other weights or on scores of another kind.
func (m *Model) WithCalibration(c *Calibration) (*Model, error) {
	out := *m
	out.calibration = c
	if c == nil {
		return &out, nil
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Model != m.id {
		return nil, fmt.Errorf("%w: calibration was fitted on %v, want %v", ErrModel, c.Model, m.id)
	}
	if got := m.Scoring(); c.Scoring != got {
		return nil, fmt.Errorf("%w: calibration was fitted on scores of kind %q, want %q", ErrModel, c.Scoring, got)
	}
	return &out, nil
}

// Embedding is what a model makes of net speech: a direction that is near for one speaker and far for two.
type Embedding struct {
	Model   ModelID
	Vector  []float32 // D values of length 1
	Quality Quality   // of the speech behind it
}

// LeastSpeech is the net speech below which no embedding is made at all. A decision asks for far more: see Policy.
const LeastSpeech = Rate / 4 // samples

// Extractor makes embeddings with one model. The working memory, megabytes for a minute of speech, belongs to the model and is lent to
// a few embeddings for each processor at a time; the others wait in line. It grows to the longest utterance of up to a minute and then
// no call of Into allocates. Safe for concurrent use.
type Extractor struct{ m *Model }

// NewExtractor returns an extractor of the model.
func (m *Model) NewExtractor() (*Extractor, error) { return &Extractor{m: m}, nil }

// Model returns the model whose embeddings e makes.
func (e *Extractor) Model() *Model { return e.m }

// Into writes the embedding of x, net speech at Rate in [-1, 1], to dst (Dims values, made length 1). x is only read.
// Errors: ErrNoSpeech (no samples, or nothing but silence), ErrTooLittle (fewer than LeastSpeech), ErrSample.
func (e *Extractor) Into(dst, x []float32) error {
	if err := e.raw(dst, x); err != nil {
		return err
	}
	if !unit(dst) {
		return fmt.Errorf("%w: the embedding has no direction", ErrNoSpeech)
	}
	return nil
}

// raw writes the output of the network as it is.
func (e *Extractor) raw(dst, x []float32) error {
	if len(dst) != e.m.Dims() {
		return fmt.Errorf("%w: room for %d values, want %d", ErrModel, len(dst), e.m.Dims())
	}
	if len(x) == 0 {
		return fmt.Errorf("%w: 0 samples", ErrNoSpeech)
	}
	if len(x) < LeastSpeech {
		return fmt.Errorf("%w: %d samples at %d Hz, want at least %d", ErrTooLittle, len(x), Rate, LeastSpeech)
	}
	silent := true
	for i, v := range x {
		if !(v >= -farBeyond && v <= farBeyond) {
			return fmt.Errorf("%w: sample %d is %v, want within ±%d", ErrSample, i, v, farBeyond)
		}
		silent = silent && v == x[0]
	}
	if silent {
		return fmt.Errorf("%w: all %d samples are %g", ErrNoSpeech, len(x), x[0])
	}
	w := e.m.desks.take()
	defer e.m.desks.give(w)
	w.rows = w.rows[:0]
	w.stream.Write(x, w.keep)
	w.stream.Flush(w.keep)
	dims := e.m.net.trunk.In()
	t := len(w.rows) / dims
	removeMean(w.rows, dims)
	e.m.net.forward(&w.scratch, dst, w.rows, t)
	return nil
}

// Embed returns the embedding of net speech in fresh memory. Errors: those of Into.
func (e *Extractor) Embed(s Speech) (Embedding, error) {
	out := Embedding{Model: e.m.id, Vector: make([]float32, e.m.Dims()), Quality: s.Quality}
	if err := e.Into(out.Vector, s.Samples); err != nil {
		return Embedding{}, err
	}
	return out, nil
}

// removeMean takes the mean of every column off the rows of x, which are dims wide.
func removeMean(x []float32, dims int) {
	t := len(x) / dims
	for d := range dims {
		sum := 0.0
		for i := d; i < len(x); i += dims {
			sum += float64(x[i])
		}
		mean := float32(sum / float64(max(t, 1)))
		for i := d; i < len(x); i += dims {
			x[i] -= mean
		}
	}
}

// unit scales x to length 1; false when it has no direction.
func unit(x []float32) bool {
	n := norm(x)
	if !(n > 1e-12) || math.IsInf(n, 0) {
		return false
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / n)
	}
	return true
}

func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
