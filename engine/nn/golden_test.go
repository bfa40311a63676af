package nn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

const goldenDir = "../../testdata/golden/nn"

type goldenCase struct {
	What    string         `json:"what"`
	Options map[string]any `json:"options"`
	Prefix  string         `json:"prefix"`
	Shape   []int          `json:"shape"`
	Values  []float64      `json:"values"`
}

func (c goldenCase) num(key string) int { return int(c.Options[key].(float64)) }

type golden struct {
	SHA256 string       `json:"sha256"`
	AbsTol float64      `json:"abs_tol"`
	RelTol float64      `json:"rel_tol"`
	Values []goldenCase `json:"values"`
}

func readGolden(t testing.TB) (*Tensors, golden) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(goldenDir, "layers.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(goldenDir, "layers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != g.SHA256 {
		t.Fatalf("layers.safetensors has sha256 %x, layers.json was made with %s", sum, g.SHA256)
	}
	tensors, err := LoadTensors(file)
	if err != nil {
		t.Fatal(err)
	}
	return tensors, g
}

// run computes one case with the layers of this package and the kernels of k.
func (c goldenCase) run(t *testing.T, w *Tensors, k isa) []float32 {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	shape, err := w.Shape(c.Prefix + ".input")
	must(err)
	x, err := w.Float32(c.Prefix+".input", shape...)
	must(err)
	rows := shape[0]
	out := make([]float32, len(c.Values))
	switch c.What {
	case "dense":
		d, err := LoadDense(w, c.Prefix, c.num("in"), c.num("out"))
		must(err)
		on(k, d)
		d.Forward(out, x, rows)
	case "conv1d":
		o := Conv1DOptions{In: c.num("in"), Out: c.num("out"), Kernel: c.num("kernel"), Stride: c.num("stride"),
			Dilation: c.num("dilation"), PadLeft: c.num("pad_left"), PadRight: c.num("pad_right")}
		l, err := LoadConv1D(w, c.Prefix, o)
		must(err)
		on(k, l)
		if n := l.Forward(nil, out, x, rows); n != c.Shape[0] || n != o.OutLen(rows) {
			t.Fatalf("%d output rows, OutLen says %d, want %d", n, o.OutLen(rows), c.Shape[0])
		}
	case "gru":
		l, err := LoadGRU(w, c.Prefix, c.num("in"), c.num("hidden"))
		must(err)
		on(k, l)
		l.Forward(l.NewState(), out, x, rows)
	case "lstm":
		l, err := LoadLSTM(w, c.Prefix, c.num("in"), c.num("hidden"))
		must(err)
		on(k, l)
		l.Forward(l.NewState(), out, x, rows)
	case "batchnorm":
		bn, err := LoadBatchNorm(w, c.Prefix+".bn", c.num("out"), c.Options["eps"].(float64))
		must(err)
		if c.Options["after"] == "dense" {
			d, err := LoadDense(w, c.Prefix+".lin", c.num("in"), c.num("out"))
			must(err)
			on(k, d, bn)
			plain := make([]float32, len(out))
			d.Forward(plain, x, rows)
			bn.Apply(plain)
			c.compare(t, plain, 1e-5, 1e-4)
			d, err = bn.FoldDense(d)
			must(err)
			d.Forward(out, x, rows)
		} else {
			l, err := LoadConv1D(w, c.Prefix+".lin", Causal(c.num("in"), c.num("out"), c.num("kernel"), 1))
			must(err)
			on(k, l)
			l, err = bn.FoldConv1D(l)
			must(err)
			l.Forward(nil, out, x, rows)
		}
	case "sigmoid", "tanh":
		f := map[string]func(float32) float32{"sigmoid": Sigmoid, "tanh": Tanh}[c.What]
		for i, v := range x {
			out[i] = f(v)
		}
	case "relu":
		copy(out, x)
		ReLU(out)
	case "softmax":
		copy(out, x)
		Softmax(out, c.num("cols"))
	default:
		c.utterance(t, w, k, out, x, rows)
	}
	return out
}

// compare fails when a value is off by more than rel of itself and abs.
func (c goldenCase) compare(t *testing.T, got []float32, abs, rel float64) {
	t.Helper()
	worst := 0.0
	for i, want := range c.Values {
		d := math.Abs(float64(got[i]) - want)
		if !(d <= abs+rel*math.Abs(want)) {
			t.Fatalf("%s %v: value %d is %g, want %g", c.Prefix, c.Options, i, got[i], want)
		}
		worst = max(worst, d)
	}
	t.Logf("%s: worst error %.2g over %d values", c.Prefix, worst, len(c.Values))
}

func TestGoldenPyTorch(t *testing.T) {
	w, g := readGolden(t)
	if len(g.Values) < 40 || g.AbsTol > 1e-5 || g.RelTol > 1e-4 {
		t.Fatalf("golden file has %d cases with tolerance %g + %g", len(g.Values), g.AbsTol, g.RelTol)
	}
	for _, k := range sets() {
		for _, c := range g.Values {
			t.Run(k.String()+"/"+c.What+"_"+c.Prefix, func(t *testing.T) {
				c.compare(t, c.run(t, w, k), g.AbsTol, g.RelTol)
			})
		}
	}
}
