package sentiment

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkReader(b *testing.B) {
	x := voice(b)
	r, err := NewReader()
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]float64, NumFunctionals)
	r.Read(dst, x) // buffers grow
	b.ReportAllocs()
	b.SetBytes(int64(2 * len(x)))
	for b.Loop() {
		r.Read(dst, x)
	}
	b.ReportMetric(float64(len(x))/Rate*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}

// shippedSize returns a scorer of random weights in the size that is shipped, but for the trunk's second block.
func shippedSize(b *testing.B) *Scorer {
	w := weightsOf(6, 96, 48)
	addTrunk(rand.New(rand.NewPCG(1, 2)), w, 256)
	m, err := loadModel(tensors(b, w, map[string]string{"front_end": FeatureSet, "members": "6", "dilations": "1"}))
	if err != nil {
		b.Fatal(err)
	}
	return m.NewScorer()
}

// BenchmarkMeasure takes the functionals and the learned functionals of a segment whose frames are there.
func BenchmarkMeasure(b *testing.B) {
	x := voice(b)
	r, s := newReader(b), shippedSize(b)
	r.Write(x)
	r.Flush()
	dst := make([]float64, NumValues)
	s.Measure(dst, r.Frames())
	b.ReportAllocs()
	for b.Loop() {
		r.Frames().heard = pooled{}
		s.Measure(dst, r.Frames())
	}
	b.ReportMetric(float64(len(x))/Rate*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}

func BenchmarkScore(b *testing.B) {
	s, x := shippedSize(b), drawn(rand.New(rand.NewPCG(1, 1)), 2)
	var n Normaliser
	n.Add(x, 0.4, 5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Score(x, &n); err != nil {
			b.Fatal(err)
		}
	}
}
