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
