package vad

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/nn"
)

// TestNetGoldenPyTorch runs the shipped weights over given log-mel rows and compares the probabilities with PyTorch's.
func TestNetGoldenPyTorch(t *testing.T) {
	raw, err := os.ReadFile(testdata + "/golden/nn/vad_net.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		SHA256 string      `json:"sha256"` // of the weights
		RelTol float64     `json:"rel_tol"`
		Rows   [][]float32 `json:"rows"`
		Values [][]float64 `json:"values"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	w, err := os.ReadFile("../../models/vad-gru-v1/weights.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(w); hex.EncodeToString(sum[:]) != g.SHA256 {
		t.Fatalf("golden values are of weights %s, shipped are %x: make golden", g.SHA256, sum)
	}
	if len(g.Rows) < 100 || len(g.Rows) != len(g.Values) || g.RelTol > 1e-4 {
		t.Fatalf("%d rows, %d values, tolerance %g", len(g.Rows), len(g.Values), g.RelTol)
	}
	net := shippedNet(t)
	s := net.newState()
	worst := 0.0
	for i, row := range g.Rows {
		sc := net.step(s, row)
		for c, got := range []float32{sc.Speech, sc.Music, sc.Noise} {
			want := g.Values[i][c]
			rel := math.Abs(float64(got)-want) / want
			if worst = max(worst, rel); !(rel <= g.RelTol) {
				t.Fatalf("row %d class %d: %g, want %g", i, c, got, want)
			}
		}
	}
	t.Logf("worst relative error %.2g over %d rows", worst, len(g.Rows))
}

// weights builds a safetensors file of zeros with the shapes given, and metadata.
func weights(meta map[string]string, shapes map[string][]int) []byte {
	header := map[string]any{"__metadata__": meta}
	at := 0
	for name, shape := range shapes {
		n := 4
		for _, d := range shape {
			n *= d
		}
		header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{at, at + n}}
		at += n
	}
	text, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), make([]byte, at)...)
}

func TestLoadNetRefuses(t *testing.T) {
	meta := map[string]string{"front_end": FrontEnd().String(), "delay_steps": "1"}
	shapes := func() map[string][]int {
		return map[string][]int{"norm.mean": {Bands}, "norm.scale": {Bands}, "conv1.weight": {4, Bands, 3}, "conv1.bias": {4}, "conv2.weight": {5, 4, 3},
			"conv2.bias": {5}, "gru.weight_ih_l0": {18, 5}, "gru.weight_hh_l0": {18, 6}, "gru.bias_ih_l0": {18}, "gru.bias_hh_l0": {18},
			"out.weight": {3, 6}, "out.bias": {3}}
	}
	for _, c := range []struct {
		name   string
		meta   map[string]string
		damage func(map[string][]int)
		want   error
		text   string
	}{
		{"nothing_wrong", meta, func(map[string][]int) {}, nil, ""},
		{"other_front_end", map[string]string{"front_end": "mfcc", "delay_steps": "1"}, func(map[string][]int) {}, ErrNet, `"mfcc"`},
		{"no_metadata", nil, func(map[string][]int) {}, ErrNet, "front end"},
		{"no_delay", map[string]string{"front_end": FrontEnd().String()}, func(map[string][]int) {}, ErrNet, "delay_steps"},
		{"delay_of_a_minute", map[string]string{"front_end": FrontEnd().String(), "delay_steps": "3750"}, func(map[string][]int) {}, ErrNet, "3750"},
		{"no_gru", meta, func(s map[string][]int) { delete(s, "gru.weight_hh_l0") }, nn.ErrMissing, "gru.weight_hh_l0"},
		{"flat_kernel", meta, func(s map[string][]int) { s["conv1.weight"] = []int{4 * Bands * 3} }, ErrNet, "3 dimensions"},
		{"wide_gru", meta, func(s map[string][]int) { s["gru.weight_hh_l0"] = []int{9000, 3} }, ErrNet, "9000"},
		{"other_bands", meta, func(s map[string][]int) { s["norm.mean"] = []int{40} }, nn.ErrShape, "[40]"},
		{"layers_that_do_not_meet", meta, func(s map[string][]int) { s["conv2.weight"] = []int{5, 6, 3} }, nn.ErrShape, "conv2.weight"},
		{"two_classes", meta, func(s map[string][]int) { s["out.weight"] = []int{2, 6} }, nn.ErrShape, "out.weight"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shapes()
			c.damage(s)
			tensors, err := nn.LoadTensors(weights(c.meta, s))
			if err != nil {
				t.Fatal(err)
			}
			net, err := LoadNet(tensors)
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || net != nil {
				t.Errorf("error %v, want %v that names %q", err, c.want, c.text)
			}
		})
	}
}
