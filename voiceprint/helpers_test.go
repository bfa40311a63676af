package voiceprint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// tensorFile builds a safetensors file.
type tensorFile struct {
	header map[string]any
	data   []byte
}

func newTensorFile() *tensorFile { return &tensorFile{header: map[string]any{}} }

func (f *tensorFile) add(name string, v []float32, shape ...int) {
	at := len(f.data)
	for _, x := range v {
		f.data = binary.LittleEndian.AppendUint32(f.data, math.Float32bits(x))
	}
	f.header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{at, len(f.data)}}
}

func (f *tensorFile) bytes(t testing.TB, meta map[string]string) []byte {
	t.Helper()
	if meta != nil {
		f.header["__metadata__"] = meta
	}
	h, err := json.Marshal(f.header)
	if err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(h)))
	return append(append(out, h...), f.data...)
}

func (f *tensorFile) tensors(t testing.TB, meta map[string]string) *nn.Tensors {
	t.Helper()
	out, err := nn.LoadTensors(f.bytes(t, meta))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// artefact wraps weights as package models would.
func artefact(t testing.TB, weights []byte, dims int) *models.Artefact {
	t.Helper()
	tensors, err := nn.LoadTensors(weights)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(weights)
	return &models.Artefact{Tensors: tensors, Files: map[string][]byte{}, Manifest: models.Manifest{Name: "speaker-tdnn-v1", Task: Task, Arch: "tdnn", Version: "1.0.0",
		SampleRateHz: Rate, Features: FrontEnd().String(), InputDims: 40, OutputDims: dims, SHA256: hex.EncodeToString(sum[:])}}
}

func load(t testing.TB, a *models.Artefact) *Model {
	t.Helper()
	m, err := LoadModel(a)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func goldenModel(t testing.TB, weights []byte) *Model {
	t.Helper()
	return load(t, artefact(t, weights, 28))
}

// sizes of a network.
type sizes struct {
	c, joined, hidden, dims int
	dilations               []int
}

// shippedSizes are those of the recipe.
var shippedSizes = sizes{256, 384, 96, 192, []int{1, 2, 3, 4, 3, 2}}

// randomWeights returns a network of seeded noise: its embeddings tell nothing, its arithmetic is that of a trained one.
func randomWeights(t testing.TB, z sizes, seed uint64) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	f := newTensorFile()
	noise := func(name string, scale float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(scale * r.NormFloat64())
		}
		f.add(name, v, shape...)
	}
	full := func(name string, value float32, n int) {
		v := make([]float32, n)
		for i := range v {
			v[i] = value
		}
		f.add(name, v, n)
	}
	norm := func(p string, c int, variance float32) {
		full(p+".running_mean", 0, c)
		full(p+".running_var", variance, c)
		full(p+".weight", 1, c)
		full(p+".bias", 0, c)
	}
	scale := func(inputs int) float64 { return math.Sqrt(2 / float64(inputs)) }
	noise("first.weight", scale(200), 200, z.c)
	norm("first_norm", z.c, 20)
	text := ""
	for i, d := range z.dilations {
		p := fmt.Sprintf("blocks.%d.", i)
		noise(p+"conv.weight", scale(3*z.c), 3*z.c, z.c)
		norm(p+"norm", z.c, 2)
		noise(p+"se.down.weight", scale(z.c), z.c/4, z.c)
		noise(p+"se.down.bias", 0.1, z.c/4)
		noise(p+"se.up.weight", scale(z.c/4), z.c, z.c/4)
		noise(p+"se.up.bias", 0.1, z.c)
		if i > 0 {
			text += ","
		}
		text += fmt.Sprint(d)
	}
	n := len(z.dilations)
	noise("join.weight", scale(n*z.c), n*z.c, z.joined)
	norm("join_norm", z.joined, 2)
	noise("pool.frame.weight", scale(z.joined), z.joined, z.hidden)
	noise("pool.context.weight", scale(2*z.joined), z.hidden, 2*z.joined)
	noise("pool.context.bias", 0.1, z.hidden)
	noise("pool.score.weight", scale(z.hidden), z.joined, z.hidden)
	noise("pool.score.bias", 0.1, z.joined)
	norm("pool_norm", 2*z.joined, 1)
	noise("embed.weight", scale(2*z.joined), 2*z.joined, z.dims)
	norm("embed_norm", z.dims, 1)
	return f.bytes(t, map[string]string{"net": "tdnn", "dilations": text})
}

// tiny is a small random network for tests in which the embedding itself does not matter.
var tiny = sizes{8, 12, 4, 16, []int{1, 2}}

func tinyModel(t testing.TB) *Model {
	t.Helper()
	return load(t, artefact(t, randomWeights(t, tiny, 1), tiny.dims))
}

// world draws embeddings of speakers as a good model gives them: a centre per speaker, and noise that more speech makes smaller.
type world struct {
	m *Model
	r *rand.Rand
}

func (w world) centre() []float64 {
	c := make([]float64, w.m.Dims())
	for i := range c {
		c[i] = w.r.NormFloat64()
	}
	return c
}

// hear returns an embedding of a speaker from so many seconds of net speech.
func (w world) hear(centre []float64, seconds float64) Embedding {
	e := Embedding{Model: w.m.id, Vector: make([]float32, len(centre)), Quality: quality(seconds)}
	spread := 0.5 + 2/math.Sqrt(seconds)
	for i, c := range centre {
		e.Vector[i] = float32(c + spread*w.r.NormFloat64())
	}
	unit(e.Vector)
	return e
}

func quality(seconds float64) Quality {
	return Quality{NetSpeech: time.Duration(seconds * float64(time.Second)), SNRdB: 25, BandwidthHz: 3500}
}

// print wraps an embedding as an enrolment of one recording.
func (w world) print(e Embedding) *Voiceprint {
	p := &Voiceprint{Model: e.Model, Vector: e.Vector, Length: 1, Quality: e.Quality, Sources: []Source{{Weight: 1, Quality: e.Quality}}}
	for i := range p.Sources[0].Digest {
		p.Sources[0].Digest[i] = byte(w.r.Uint32())
	}
	return p
}

func side(t testing.TB, m *Model, e Embedding) Side {
	t.Helper()
	s, err := m.Side(e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// trials scores speakers against each other at mixed durations.
func (w world) trials(t testing.TB, speakers, tests int) []CalibrationTrial {
	t.Helper()
	durations := []float64{3, 5, 10, 20}
	var enrolled []Side
	var centres [][]float64
	for i := range speakers {
		c := w.centre()
		centres = append(centres, c)
		enrolled = append(enrolled, side(t, w.m, w.hear(c, 20+10*float64(i%3))))
	}
	var out []CalibrationTrial
	for i := range speakers {
		for k := range tests {
			test := side(t, w.m, w.hear(centres[i], durations[(i+k)%len(durations)]))
			for j := range speakers {
				out = append(out, CalibrationTrial{Target: i == j, Score: w.m.Score(enrolled[j], test), Enrol: enrolled[j].quality, Test: test.quality,
					EnrolSpeaker: fmt.Sprint(j), TestSpeaker: fmt.Sprint(i)})
			}
		}
	}
	return out
}

// fitted keeps the calibrated models, which take a second each to make, by their dims.
var fitted sync.Map

// calibrated returns a model of synthetic speakers with a calibration fitted on them.
func calibrated(t testing.TB, dims int) world {
	t.Helper()
	w := world{r: rand.New(rand.NewPCG(11, 12))}
	if m, ok := fitted.Load(dims); ok {
		w.m = m.(*Model)
		return w
	}
	z := tiny
	z.dims = dims
	w.m = load(t, artefact(t, randomWeights(t, z, 2), dims))
	o := DefaultFit()
	o.Replicates = 100
	c, err := w.m.FitCalibration(world{w.m, rand.New(rand.NewPCG(21, 22))}.trials(t, 60, 6), o)
	if err != nil {
		t.Fatal(err)
	}
	if w.m, err = w.m.WithCalibration(c); err != nil {
		t.Fatal(err)
	}
	fitted.Store(dims, w.m)
	return w
}
