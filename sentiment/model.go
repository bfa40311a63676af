package sentiment

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/models"
)

// ErrModel says that weights do not make a model of this package.
var ErrModel = errors.New("sentiment: weights do not fit")

// ErrTooLittle says that a segment holds too little speech for any functional.
var ErrTooLittle = errors.New("sentiment: too little speech")

const (
	outputs    = NumClasses + 1 // logits of the classes and of arousal
	maxMembers = 64             // networks of an ensemble
	maxHidden  = 4096
	clipZ      = 4.0 // a standardised functional counts no further than this
)

// Model turns functionals into scores: an ensemble of small networks that sees them against the population and against the speaker's
// own normal; with a trunk the learned functionals, too. It holds weights only and is safe for concurrent use; a Scorer is the working
// memory of one user.
type Model struct {
	trunk       *nn.Trunk // nil: the functionals are all it sees
	width       int       // values that it sees: NumValues, or NumFunctionals without a trunk
	mean, scale []float64 // [width] of the population
	members     []member
	// Temperatures that calibrate the logits of the classes and of arousal, without history and with a long one; between the two
	// they follow r.
	classT, arousalT [2]float64
	calibration      Calibration // the site's
}

// member is one network: two hidden layers with rectifiers, five outputs.
type member struct{ first, second, out layer }

// layer is a fully connected layer, y = W·x + b. It sums in float64: its inputs are few, and rounding is then that of the trunk alone.
type layer struct {
	in, out int
	w, b    []float32 // out×in, out
}

func loadLayer(t *nn.Tensors, prefix string, in, out int) (layer, error) {
	w, errW := t.Float32(prefix+".weight", out, in)
	b, errB := t.Float32(prefix+".bias", out)
	return layer{in, out, w, b}, errors.Join(errW, errB)
}

// forward writes the layer's output for x to dst, below 0 cut to 0 where rectify.
func (l *layer) forward(dst, x []float64, rectify bool) {
	for o := range l.out {
		row := l.w[o*l.in:][:len(x)]
		var s0, s1, s2, s3 float64 // four sums: one would wait for its own latency
		i := 0
		for ; i+4 <= len(x); i += 4 {
			s0 += float64(row[i]) * x[i]
			s1 += float64(row[i+1]) * x[i+1]
			s2 += float64(row[i+2]) * x[i+2]
			s3 += float64(row[i+3]) * x[i+3]
		}
		for ; i < len(x); i++ {
			s0 += float64(row[i]) * x[i]
		}
		y := float64(l.b[o]) + ((s0 + s1) + (s2 + s3))
		if rectify {
			y = max(y, 0)
		}
		dst[o] = y
	}
}

// LoadModel builds the model of an artefact, with the site's Calibration where the artefact has one. Errors: ErrModel, ErrCalibration and
// those of nn and models.
func LoadModel(a *models.Artefact) (*Model, error) {
	if err := a.Manifest.Fits(models.Want{Task: "emotion", SampleRateHz: Rate}); err != nil {
		return nil, err
	}
	m, err := loadModel(a.Tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Manifest.Name, err)
	}
	if file, ok := a.Files[CalibrationFile]; ok {
		if m.calibration, err = ParseCalibration(file); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", a.Manifest.Name, CalibrationFile, err)
		}
	}
	return m, nil
}

// WithoutCalibration returns the model as it was trained.
func (m *Model) WithoutCalibration() *Model {
	out := *m
	out.calibration = NoCalibration()
	return &out
}

// loadModel builds the model from its tensors: trunk.* (nn.LoadTrunk, learnedRows wide) where the metadata names its dilations, norm.mean, norm.scale, temperature [2, 2]
// (classes, arousal; without history, with a long one) and memberK.first, .second and .out for each network that the metadata
// counts; widths follow from the shapes. A network's inputs are each value against the population, each against the speaker's normal, and r. The
// metadata must name FeatureSet, so that weights for other features are refused. Errors: ErrModel and those of nn.
func loadModel(t *nn.Tensors) (*Model, error) {
	if set, _ := t.Metadata("front_end"); set != FeatureSet {
		return nil, fmt.Errorf("%w: features %q, want %q", ErrModel, set, FeatureSet)
	}
	text, _ := t.Metadata("members")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxMembers {
		return nil, fmt.Errorf("%w: members %q, want 1 to %d", ErrModel, text, maxMembers)
	}
	m := &Model{width: NumFunctionals, calibration: NoCalibration()}
	if _, ok := t.Metadata("dilations"); ok {
		m.width = NumValues
		if m.trunk, err = nn.LoadTrunk(t, "trunk.", trunkCepstra); err == nil && m.trunk.Out() != learnedRows {
			err = fmt.Errorf("trunk of %d values, want %d", m.trunk.Out(), learnedRows)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	mean, errMean := t.Float32("norm.mean", m.width)
	scale, errScale := t.Float32("norm.scale", m.width)
	temperature, errT := t.Float32("temperature", 2, 2)
	if err := errors.Join(errMean, errScale, errT); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	m.mean, m.scale = widen(mean), widen(scale)
	m.classT, m.arousalT = [2]float64(widen(temperature[:2])), [2]float64(widen(temperature[2:]))
	for i, v := range m.scale {
		if !(v > 0) || !finite(v) || !finite(m.mean[i]) {
			return nil, fmt.Errorf("%w: value %d: mean %g and scale %g, want finite and above 0", ErrModel, i, m.mean[i], v)
		}
	}
	for _, v := range temperature {
		if !(v > 0) || !finite(float64(v)) {
			return nil, fmt.Errorf("%w: temperature %g, want above 0", ErrModel, v)
		}
	}
	for k := range n {
		e, err := loadMember(t, fmt.Sprintf("member%d", k), 2*m.width+1)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModel, err)
		}
		m.members = append(m.members, e)
	}
	return m, nil
}

func loadMember(t *nn.Tensors, prefix string, inputs int) (member, error) {
	var e member
	width := func(layer string) (int, error) {
		d, err := t.Shape(prefix + "." + layer + ".weight")
		if err != nil {
			return 0, err
		}
		if len(d) != 2 || d[0] < 1 || d[0] > maxHidden {
			return 0, fmt.Errorf("%s.%s has shape %v, want two dimensions, 1 to %d rows", prefix, layer, d, maxHidden)
		}
		return d[0], nil
	}
	a, errA := width("first")
	b, errB := width("second")
	if err := errors.Join(errA, errB); err != nil {
		return e, err
	}
	var errs [3]error
	e.first, errs[0] = loadLayer(t, prefix+".first", inputs, a)
	e.second, errs[1] = loadLayer(t, prefix+".second", a, b)
	e.out, errs[2] = loadLayer(t, prefix+".out", b, outputs)
	return e, errors.Join(errs[:]...)
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// Scorer measures and scores segments by a model, one at a time. Its memory grows to the longest segment. Not safe for concurrent use.
type Scorer struct {
	m       *Model
	work    functionals
	ear     listener
	x, a, b []float64
	out     [outputs]float64
}

// NewScorer returns a scorer of m.
func (m *Model) NewScorer() *Scorer {
	s := &Scorer{m: m, ear: listener{trunk: m.trunk}, x: make([]float64, 2*m.width+1)}
	for _, e := range m.members {
		s.a = make([]float64, max(len(s.a), e.first.out))
		s.b = make([]float64, max(len(s.b), e.second.out))
	}
	return s
}

// Measure fills dst, NumValues values, with the functionals and the learned functionals of d; NaN where there is too little to tell,
// and where the model has no trunk. What was heard is kept in d, so that a segment which grows is not heard again from its beginning.
func (s *Scorer) Measure(dst []float64, d *Descriptors) {
	s.work.compute(dst[:NumFunctionals], d)
	learned := dst[NumFunctionals:NumValues]
	if s.m.trunk == nil {
		for i := range learned {
			learned[i] = math.NaN()
		}
		return
	}
	s.ear.hear(learned, d)
}

// Score returns what the segment with these values expressed, NaN for what is not known of it; n is what is known of the speaker, which should not hold the
// segment itself, and may be nil for nothing. Both are only read. It returns ErrTooLittle where no value could be told.
func (s *Scorer) Score(values []float64, n *Normaliser) (Score, error) {
	if n == nil {
		n = &Normaliser{}
	}
	r, known := s.fill(values, n)
	if !known {
		return Score{}, ErrTooLittle
	}
	var logits [outputs]float64
	for _, e := range s.m.members {
		a, b := s.a[:e.first.out], s.b[:e.second.out]
		e.first.forward(a, s.x, true)
		e.second.forward(b, a, true)
		e.out.forward(s.out[:], b, false)
		for i, v := range s.out {
			logits[i] += v / float64(len(s.m.members))
		}
	}
	return s.m.calibrate(logits, r), nil
}

// fill makes the input of the networks and returns r, and whether anything is known of the segment.
func (s *Scorer) fill(values []float64, n *Normaliser) (r float64, known bool) {
	if len(values) != NumValues {
		panic("sentiment: score: wrong number of values")
	}
	r, q := n.reliability()
	for i, v := range values[:s.m.width] {
		z := 0.0
		if finite(v) {
			known = true
			z = clamp((v-s.m.mean[i])/s.m.scale[i], clipZ)
		}
		m, spread := n.normal(i, s.m.mean[i], s.m.scale[i])
		raw, own := z, z-r*m
		if i == fLevel { // the gain of the line is not the speaker's: only the difference tells, and only once there is one
			raw, own = 0, n.levelReliability()*(z-m)
		}
		if i >= NumFunctionals && !finite(v) { // never heard: training has shown such segments with nothing in either view
			raw, own = 0, 0
		}
		s.x[i] = raw
		s.x[s.m.width+i] = clamp(own/math.Sqrt(1-q+q*spread), clipZ)
	}
	s.x[2*s.m.width] = r
	return r, known
}

// calibrate turns mean logits into a score.
func (m *Model) calibrate(logits [outputs]float64, r float64) Score {
	t := m.classT[0] + r*(m.classT[1]-m.classT[0])
	for i := range NumClasses {
		logits[i] /= t
	}
	return m.calibration.at(r).score([NumClasses]float64(logits[:NumClasses]), logits[NumClasses]/(m.arousalT[0]+r*(m.arousalT[1]-m.arousalT[0])))
}
