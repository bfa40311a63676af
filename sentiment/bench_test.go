package sentiment

import "testing"

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

func BenchmarkScore(b *testing.B) {
	m, err := LoadModel(tensors(b, weightsOf(8, 96, 48), map[string]string{"front_end": FeatureSet, "members": "8"})) // the shipped size
	if err != nil {
		b.Fatal(err)
	}
	s := m.NewScorer()
	x := read(b, voice(b))
	var n Normaliser
	n.Add(x, 5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Score(x, &n); err != nil {
			b.Fatal(err)
		}
	}
}
