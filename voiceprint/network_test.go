package voiceprint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// golden is testdata/golden/nn/speaker.json.
type golden struct {
	SHA256 string
	RelTol float64 `json:"rel_tol"`
	Values []struct {
		Name   string
		Rows   [][]float32 // of cepstra; nil: the voice of that name
		Values []float64
	}
}

func readGolden(t *testing.T) (golden, []byte) {
	t.Helper()
	var g golden
	if err := json.Unmarshal(testkit.Read(t, testkit.Testdata(t, "golden", "nn", "speaker.json")), &g); err != nil {
		t.Fatal(err)
	}
	weights := testkit.Read(t, testkit.Testdata(t, "golden", "nn", "speaker.safetensors"))
	if sum := sha256.Sum256(weights); hex.EncodeToString(sum[:]) != g.SHA256 {
		t.Fatalf("speaker.safetensors is %x, golden values were made with %s", sum, g.SHA256)
	}
	return g, weights
}

// voice returns a recording of testdata/audio at 8 kHz.
func voice(t testing.TB, name string) []float32 {
	t.Helper()
	x, format, _, err := audio.ReadAll(strings.NewReader(string(testkit.Read(t, testkit.Testdata(t, "audio", name+".wav")))), 0)
	if err != nil || format.Rate != Rate || len(x) != 1 {
		t.Fatalf("%s: %v, %v, want mono at %d Hz", name, format, err, Rate)
	}
	return x[0]
}

func TestNetworkAgainstPyTorch(t *testing.T) {
	g, weights := readGolden(t)
	if len(g.Values) < 7 {
		t.Fatalf("%d golden cases, want 7", len(g.Values))
	}
	m := goldenModel(t, weights)
	e, err := m.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	var s netScratch
	for _, c := range g.Values {
		t.Run(c.Name, func(t *testing.T) {
			got := make([]float32, m.Dims())
			if c.Rows != nil {
				m.net.forward(&s, got, slices.Concat(c.Rows...), len(c.Rows))
			} else if err := e.raw(got, voice(t, c.Name)); err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.Values) {
				t.Fatalf("%d values, want %d", len(got), len(c.Values))
			}
			largest, worst := 0.0, 0.0
			for i, v := range c.Values {
				largest = max(largest, math.Abs(v))
				worst = max(worst, math.Abs(float64(got[i])-v))
			}
			t.Logf("worst error %.1e of the largest value %.2f", worst/largest, largest)
			if !(worst <= g.RelTol*largest) {
				t.Errorf("off by %g, want at most %g", worst, g.RelTol*largest)
			}
		})
	}
}

// rewrite returns weights with some tensors dropped and the metadata changed.
func rewrite(t *testing.T, weights []byte, drop string, meta map[string]string) *nn.Tensors {
	t.Helper()
	old, err := nn.LoadTensors(weights)
	if err != nil {
		t.Fatal(err)
	}
	w := newTensorFile()
	for _, name := range old.Names() {
		if name == drop {
			continue
		}
		shape, err := old.Shape(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := old.Float32(name, shape...)
		if err != nil {
			t.Fatal(err)
		}
		w.add(name, v, shape...)
	}
	return w.tensors(t, meta)
}

func TestNetworkRefuses(t *testing.T) {
	_, weights := readGolden(t)
	good := map[string]string{"dilations": "1,3,2"}
	for _, c := range []struct {
		name string
		drop string
		meta map[string]string
		dims int
		text string
	}{
		{"nothing_wrong", "", good, 28, ""},
		{"spaces_in_dilations", "", map[string]string{"dilations": "1, 3, 2"}, 28, ""},
		{"no_dilations", "", nil, 28, "dilations"},
		{"dilations_of_another_kind", "", map[string]string{"dilations": "1,x"}, 28, `"1,x"`},
		{"dilation_0", "", map[string]string{"dilations": "1,0,2"}, 28, "1,0,2"},
		{"dilation_without_end", "", map[string]string{"dilations": "1,3,1000000"}, 28, "1000000"},
		{"too_few_dilations", "", map[string]string{"dilations": "1,3"}, 28, "blocks.2"},
		{"too_many_dilations", "", map[string]string{"dilations": "1,3,2,1"}, 28, "blocks.3"},
		{"tensor_missing", "join.weight", good, 28, "join.weight"},
		{"norm_missing", "embed_norm.running_var", good, 28, "embed_norm.running_var"},
		{"bias_of_se_missing_is_none", "pool.score.bias", good, 28, ""},
		{"other_dims", "", good, 192, "embed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadNetwork(rewrite(t, weights, c.drop, c.meta), 40, c.dims)
			if c.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want ErrModel about %q", err, c.text)
			}
		})
	}
}
