package sentiment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/nn"
)

const inputs = 2*NumValues + 1 // of a network behind a trunk

// values is a tensor of a test's weights.
type values struct {
	shape []int
	data  []float32
}

func random(rng *rand.Rand, shape ...int) values {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := values{shape, make([]float32, n)}
	for i := range v.data {
		v.data[i] = float32(rng.NormFloat64() * 0.1)
	}
	return v
}

func filled(x float32, shape ...int) values {
	v := random(rand.New(rand.NewPCG(0, 0)), shape...)
	for i := range v.data {
		v.data[i] = x
	}
	return v
}

// weights returns tensors of a model of two small members with random weights.
func weights() map[string]values { return weightsOf(2, 8, 6) }

// weightsOf returns tensors of n members with layers of a and of b and more values.
func weightsOf(n, a, b int) map[string]values {
	rng := rand.New(rand.NewPCG(9, 10))
	w := map[string]values{
		"norm.mean": filled(2, NumValues), "norm.scale": filled(3, NumValues),
		"temperature": {[]int{2, 2}, []float32{1, 1, 1, 1}},
	}
	addTrunk(rng, w, 4)
	for k := range n {
		p := fmt.Sprintf("member%d.", k)
		for _, l := range []struct {
			name    string
			out, in int
		}{{"first", a, inputs}, {"second", b + k, a}, {"out", outputs, b + k}} {
			w[p+l.name+".weight"], w[p+l.name+".bias"] = random(rng, l.out, l.in), random(rng, l.out)
		}
	}
	return w
}

// addTrunk adds a trunk of one block of c channels to w.
func addTrunk(rng *rand.Rand, w map[string]values, c int) {
	dense := func(name string, in, out int) { w["trunk."+name+".weight"] = random(rng, in, out) }
	norm := func(name string, c int) {
		for field, x := range map[string]float32{"weight": 1, "bias": 0.1, "running_mean": 0, "running_var": 1} {
			w["trunk."+name+"."+field] = filled(x, c)
		}
	}
	dense("first", 5*trunkCepstra, c)
	norm("first_norm", c)
	dense("blocks.0.conv", 3*c, c)
	norm("blocks.0.norm", c)
	dense("blocks.0.se.down", c/4, c)
	dense("blocks.0.se.up", c, c/4)
	w["trunk.blocks.0.se.down.bias"], w["trunk.blocks.0.se.up.bias"] = random(rng, c/4), random(rng, c)
	dense("join", c, learnedRows)
	norm("join_norm", learnedRows)
}

func metadata() map[string]string {
	return map[string]string{"front_end": FeatureSet, "members": "2", "dilations": "1"}
}

// tensors encodes weights as safetensors.
func tensors(tb testing.TB, w map[string]values, meta map[string]string) *nn.Tensors {
	tb.Helper()
	header := map[string]any{"__metadata__": meta}
	var data []byte
	for _, name := range slices.Sorted(maps.Keys(w)) {
		at := len(data)
		for _, v := range w[name].data {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": w[name].shape, "data_offsets": []int{at, len(data)}}
	}
	head, err := json.Marshal(header)
	if err != nil {
		tb.Fatal(err)
	}
	t, err := nn.LoadTensors(append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...), data...))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func modelOf(tb testing.TB, w map[string]values) *Model {
	tb.Helper()
	m, err := loadModel(tensors(tb, w, metadata()))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestScoreIsTheMeanOfTheNetworks(t *testing.T) {
	w := weights()
	m := modelOf(t, w)
	x := drawn(rand.New(rand.NewPCG(11, 12)), 2)
	x[5] = math.NaN()
	var logits [outputs]float64
	in := make([]float64, inputs)
	for i, v := range x {
		if i == 5 {
			continue // unknown: the population's mean
		}
		in[i] = (v - 2) / 3
		in[NumValues+i] = in[i] // no history: both views agree
	}
	in[fLevel], in[NumValues+fLevel] = 0, 0
	for k := range 2 {
		y := in
		for _, layer := range []string{"first", "second", "out"} {
			p := fmt.Sprintf("member%d.%s", k, layer)
			wt, b := w[p+".weight"], w[p+".bias"]
			next := make([]float64, wt.shape[0])
			for o := range next {
				next[o] = float64(b.data[o])
				for i, v := range y {
					next[o] += float64(wt.data[o*wt.shape[1]+i]) * v
				}
				if layer != "out" {
					next[o] = max(next[o], 0)
				}
			}
			y = next
		}
		for i, v := range y {
			logits[i] += v / 2
		}
	}
	want := m.calibrate(logits, 0)
	got, err := m.NewScorer().Score(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := float32(0)
	for i, p := range got.Probabilities {
		sum += p
		if math.Abs(float64(p-want.Probabilities[i])) > 1e-5 {
			t.Errorf("%s %g, want %g", Classes()[i], p, want.Probabilities[i])
		}
	}
	if math.Abs(float64(sum-1)) > 1e-5 || math.Abs(float64(got.Arousal-want.Arousal)) > 1e-5 {
		t.Errorf("probabilities sum to %g; arousal %g, want %g", sum, got.Arousal, want.Arousal)
	}
	if v := got.Probabilities[Happy] + got.Probabilities[Neutral]/2; got.Valence != v {
		t.Errorf("valence %g, want %g", got.Valence, v)
	}
	if got.Confidence() != slices.Max(got.Probabilities[:]) {
		t.Errorf("confidence %g of %v", got.Confidence(), got.Probabilities)
	}
}

func TestLevelCountsOnlyBesideTheSpeakersOwn(t *testing.T) {
	m := modelOf(t, weights())
	s := m.NewScorer()
	rng := rand.New(rand.NewPCG(13, 14))
	x := drawn(rng, 2)
	quiet, _ := s.Score(x, nil)
	x[fLevel] -= 40
	if got, _ := s.Score(x, nil); got != quiet {
		t.Error("the gain of the line changes the score of a first segment")
	}
	var n Normaliser
	for range 5 {
		n.Add(drawn(rng, 2), 0.4, 3)
	}
	far, _ := s.Score(x, &n)
	x[fLevel] += 40
	if near, _ := s.Score(x, &n); near == far {
		t.Error("a level far below the speaker's own says nothing")
	}
	earlier := n.Earlier() // of another line
	loud, _ := s.Score(x, &earlier)
	x[fLevel] -= 40
	if got, _ := s.Score(x, &earlier); got != loud {
		t.Error("the gain of the line counts against the line of an earlier call")
	}
	if got, _ := s.Score(x, nil); got == loud {
		t.Error("earlier calls say nothing of the speaker")
	}
}

func TestTemperatureCalibrates(t *testing.T) {
	w := weights()
	plain := modelOf(t, w)
	w["temperature"] = values{[]int{2, 2}, []float32{4, 2, 4, 2}}
	flat := modelOf(t, w)
	logits := [outputs]float64{2, 0, -1, 0.5, 1}
	a, b, c := plain.calibrate(logits, 0), flat.calibrate(logits, 0), flat.calibrate(logits, 1)
	if !(a.Confidence() > c.Confidence() && c.Confidence() > b.Confidence() && a.Label() == b.Label()) {
		t.Errorf("confidences %g, %g, %g: want them to fall with the temperature, labels alike", a.Confidence(), c.Confidence(), b.Confidence())
	}
	if !(a.Arousal > c.Arousal && c.Arousal > b.Arousal && b.Arousal > 0.5) {
		t.Errorf("arousal %g, %g, %g", a.Arousal, c.Arousal, b.Arousal)
	}
}

func TestTooLittleIsAnError(t *testing.T) {
	x := make([]float64, NumValues)
	for i := range x {
		x[i] = math.NaN()
	}
	if _, err := modelOf(t, weights()).NewScorer().Score(x, nil); !errors.Is(err, ErrTooLittle) {
		t.Errorf("%v, want ErrTooLittle", err)
	}
}

func TestScoreDoesNotAllocate(t *testing.T) {
	s := modelOf(t, weights()).NewScorer()
	x := drawn(rand.New(rand.NewPCG(1, 1)), 2)
	var n Normaliser
	n.Add(x, 0.4, 4)
	if a := testing.AllocsPerRun(20, func() { _, _ = s.Score(x, &n) }); a != 0 {
		t.Errorf("%g allocations, want none", a)
	}
}

func TestModelWithoutATrunkSeesTheFunctionalsAlone(t *testing.T) {
	// A model whose networks pay no heed to what its trunk hears, and the same one with that cut away.
	whole, plain := weights(), map[string]values{}
	for name, v := range whole {
		switch {
		case strings.HasPrefix(name, "trunk."):
			continue
		case strings.HasPrefix(name, "norm."):
			v = values{[]int{NumFunctionals}, v.data[:NumFunctionals]}
		case strings.HasSuffix(name, ".first.weight"):
			cut := values{[]int{v.shape[0], 2*NumFunctionals + 1}, nil}
			for o := range v.shape[0] {
				row := v.data[o*inputs:][:inputs]
				for _, view := range [][]float32{row[:NumValues], row[NumValues : 2*NumValues]} {
					clear(view[NumFunctionals:])
					cut.data = append(cut.data, view[:NumFunctionals]...)
				}
				cut.data = append(cut.data, row[2*NumValues])
			}
			v = cut
		}
		plain[name] = v
	}
	meta := metadata()
	delete(meta, "dilations")
	m, err := loadModel(tensors(t, plain, meta))
	if err != nil {
		t.Fatal(err)
	}
	with, without := modelOf(t, whole).NewScorer(), m.NewScorer()
	rng := rand.New(rand.NewPCG(17, 18))
	for range 20 {
		var n Normaliser
		n.Add(drawn(rng, 2), 0.4, 10*rng.Float64())
		x := drawn(rng, 2)
		want, errWith := with.Score(x, &n)
		for i := range NumLearned {
			x[NumFunctionals+i] = math.NaN()
		}
		got, errWithout := without.Score(x, &n)
		if errWith != nil || errWithout != nil {
			t.Fatal(errWith, errWithout)
		}
		for i, p := range want.Probabilities {
			if math.Abs(float64(p-got.Probabilities[i])) > 1e-6 {
				t.Fatalf("%v without a trunk, want %v", got, want)
			}
		}
	}
	x := drawn(rng, 2)
	without.Measure(x, &Descriptors{})
	for i, v := range x[NumFunctionals:] {
		if !math.IsNaN(v) {
			t.Fatalf("learned functional %d is %g without a trunk, want NaN", i, v)
		}
	}
}

func TestLoadModelRefusesWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]values, map[string]string)
		want   string
	}{
		"other_features":     {func(_ map[string]values, m map[string]string) { m["front_end"] = "timbre-emotion-lld-v0" }, `want "timbre-emotion-lld-v1"`},
		"no_members":         {func(_ map[string]values, m map[string]string) { delete(m, "members") }, "want 1 to 64"},
		"too_many_members":   {func(_ map[string]values, m map[string]string) { m["members"] = "100000" }, "want 1 to 64"},
		"member_missing":     {func(w map[string]values, _ map[string]string) { delete(w, "member1.second.weight") }, "member1.second.weight"},
		"layers_do_not_fit":  {func(w map[string]values, _ map[string]string) { w["member0.out.weight"] = filled(1, outputs, 3) }, "member0.out"},
		"scale_of_0":         {func(w map[string]values, _ map[string]string) { w["norm.scale"] = filled(0, NumValues) }, "above 0"},
		"mean_of_other_size": {func(w map[string]values, _ map[string]string) { w["norm.mean"] = filled(0, 3) }, "norm.mean"},
		"dilations_not_told": {func(_ map[string]values, m map[string]string) { delete(m, "dilations") }, "norm.mean"},
		"temperature_of_0":   {func(w map[string]values, _ map[string]string) { w["temperature"] = filled(0, 2, 2) }, "temperature 0"},
	} {
		t.Run(name, func(t *testing.T) {
			w, meta := weights(), metadata()
			c.change(w, meta)
			if _, err := loadModel(tensors(t, w, meta)); !errors.Is(err, ErrModel) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want ErrModel with %q", err, c.want)
			}
		})
	}
}
