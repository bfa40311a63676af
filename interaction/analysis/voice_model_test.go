package analysis

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/voiceprint"
)

// noiseSpeaker returns a small speaker network of seeded noise with a calibration made by hand: its embeddings tell one recording
// from another by the sound alone, which is all that the tests of a session need.
func noiseSpeaker(t testing.TB) *voiceprint.Model {
	t.Helper()
	const c, joined, hidden, dims = 8, 12, 4, 16
	r := rand.New(rand.NewPCG(1, 1))
	header, data := map[string]any{"__metadata__": map[string]string{"net": "tdnn", "dilations": "1,2"}}, []byte(nil)
	add := func(name string, value func() float64, shape ...int) {
		at, n := len(data), 1
		for _, d := range shape {
			n *= d
		}
		for range n {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(value())))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{at, len(data)}}
	}
	noise := func(name string, scale float64, shape ...int) {
		add(name, func() float64 { return scale * r.NormFloat64() }, shape...)
	}
	all := func(v float64) func() float64 { return func() float64 { return v } }
	norm := func(p string, n int, variance float64) {
		add(p+".running_mean", all(0), n)
		add(p+".running_var", all(variance), n)
		add(p+".weight", all(1), n)
		add(p+".bias", all(0), n)
	}
	scale := func(inputs int) float64 { return math.Sqrt(2 / float64(inputs)) }
	noise("first.weight", scale(200), 200, c)
	norm("first_norm", c, 20)
	for i := range 2 {
		p := fmt.Sprintf("blocks.%d.", i)
		noise(p+"conv.weight", scale(3*c), 3*c, c)
		norm(p+"norm", c, 2)
		noise(p+"se.down.weight", scale(c), c/4, c)
		noise(p+"se.down.bias", 0.1, c/4)
		noise(p+"se.up.weight", scale(c/4), c, c/4)
		noise(p+"se.up.bias", 0.1, c)
	}
	noise("join.weight", scale(2*c), 2*c, joined)
	norm("join_norm", joined, 2)
	noise("pool.frame.weight", scale(joined), joined, hidden)
	noise("pool.context.weight", scale(2*joined), hidden, 2*joined)
	noise("pool.context.bias", 0.1, hidden)
	noise("pool.score.weight", scale(hidden), joined, hidden)
	noise("pool.score.bias", 0.1, joined)
	norm("pool_norm", 2*joined, 1)
	noise("embed.weight", scale(2*joined), 2*joined, dims)
	norm("embed_norm", dims, 1)
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	weights := slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h, data)
	tensors, err := nn.LoadTensors(weights)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(weights)
	m, err := voiceprint.LoadModel(&models.Artefact{Tensors: tensors, Files: map[string][]byte{}, Manifest: models.Manifest{Name: "speaker-noise-v1",
		Task: voiceprint.Task, Arch: "tdnn", Version: "1.0.0", SampleRateHz: voiceprint.Rate, Features: voiceprint.FrontEnd().String(), InputDims: 40,
		OutputDims: dims, SHA256: hex.EncodeToString(sum[:])}})
	if err != nil {
		t.Fatal(err)
	}
	m, err = m.WithCalibration(&voiceprint.Calibration{Model: m.ID(), Scoring: m.Scoring(), Bias: -975,
		Terms:      []voiceprint.Term{{Name: voiceprint.TermScore, Weight: 1000, Low: -1, High: 1}},
		Thresholds: []voiceprint.Threshold{{FMR: 0.01, LLR: 4}}, Fit: voiceprint.Fit{Targets: 1, Nontargets: 1, PTarget: 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// customerAudio returns half a minute of one voice at 8 kHz.
func customerAudio(t testing.TB) []float32 {
	t.Helper()
	x, _, _, err := audio.ReadAll(bytes.NewReader(testkit.Read(t, testkit.Testdata(t, "audio", "voice_female_en_8k.wav"))), 0)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Repeat(x[0], 10)
}
