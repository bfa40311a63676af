package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// BenchmarkMul multiplies t×cols rows with rows×cols weights in the shapes of speaker networks, by every kernel set and by gonum.
func BenchmarkMul(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range []struct{ t, rows, cols int }{
		{204, 512, 400}, // 80 bands to 512 channels, five taps
		{204, 512, 512},
		{204, 1536, 1536},
		{48, 512, 512},
		{1, 512, 512},
		{1, 1536, 1536},
	} {
		w, bias, x, y := random(r, s.rows*s.cols), random(r, s.rows), random(r, s.t*s.cols), make([]float32, s.t*s.rows)
		run := func(name string, f func()) {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", s.t, s.rows, s.cols, name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(4 * s.rows * s.cols))
				for b.Loop() {
					f()
				}
				b.ReportMetric(2*float64(s.t*s.rows*s.cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
		for _, k := range sets() {
			m := packWeights(k, w, bias, s.rows, s.cols)
			run(k.String(), func() { m.mul(y, s.rows, x, s.cols, s.t, false) })
		}
		run("gonum", func() {
			wm := blas32.General{Rows: s.rows, Cols: s.cols, Stride: s.cols, Data: w}
			if s.t == 1 {
				copy(y, bias)
				blas32.Gemv(blas.NoTrans, 1, wm, blas32.Vector{N: s.cols, Inc: 1, Data: x}, 1, blas32.Vector{N: s.rows, Inc: 1, Data: y})
				return
			}
			for i := range s.t {
				copy(y[i*s.rows:], bias)
			}
			blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: s.t, Cols: s.cols, Stride: s.cols, Data: x}, wm, 1,
				blas32.General{Rows: s.t, Cols: s.rows, Stride: s.rows, Data: y})
		})
	}
}

// BenchmarkDots scans rows of 192, as a search through embeddings does; the rows do not fit the nearest caches.
func BenchmarkDots(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows, n = 10000, 192
	w, x, dst := random(r, rows*n), random(r, n), make([]float32, rows)
	for _, k := range sets() {
		b.Run(k.String(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(4 * rows * n)
			for b.Loop() {
				k.dots(dst, w, x, n)
			}
			b.ReportMetric(2*rows*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
