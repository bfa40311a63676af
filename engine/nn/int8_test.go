package nn

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func randomInt8(r *rand.Rand, n int) []int8 {
	x := make([]int8, n)
	for i := range x {
		x[i] = int8(r.IntN(256) - 128)
	}
	return x
}

// TestDotsInt8Exact compares every kernel with sums in int64: they must be equal to the last bit, for every length and row count.
func TestDotsInt8Exact(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	for _, k := range sets() {
		for _, n := range []int{1, 15, 16, 17, 31, 32, 33, 64, 100, 192, 255, 1000} {
			for rows := range 10 {
				w, x := randomInt8(r, rows*n+3), randomInt8(r, n)
				want := make([]int32, rows)
				for i := range want {
					var sum int64
					for j, v := range x {
						sum += int64(v) * int64(w[i*n+j])
					}
					want[i] = int32(sum)
				}
				got := make([]int32, rows+1)
				got[rows] = 7
				k.dotsInt8(got[:rows], w, x)
				if !slices.Equal(got[:rows], want) || got[rows] != 7 {
					t.Fatalf("%v: %d rows of %d: %v, want %v and 7 behind", k, rows, n, got, want)
				}
			}
		}
	}
}

// TestDotsInt8Extremes holds the sums that are furthest out, at the longest row.
func TestDotsInt8Extremes(t *testing.T) {
	for _, k := range sets() {
		for _, c := range []struct{ a, b int8 }{{-128, -128}, {127, -128}, {127, 127}} {
			w, x := make([]int8, MaxInt8Row), make([]int8, MaxInt8Row)
			for i := range w {
				w[i], x[i] = c.a, c.b
			}
			var got [1]int32
			k.dotsInt8(got[:], w, x)
			if want := int64(c.a) * int64(c.b) * MaxInt8Row; int64(got[0]) != want {
				t.Errorf("%v: %d values of %d·%d: %d, want %d", k, MaxInt8Row, c.a, c.b, got[0], want)
			}
		}
	}
}

func TestDotRowsInt8Panics(t *testing.T) {
	for name, f := range map[string]func(){
		"row_too_long": func() { DotRowsInt8(make([]int32, 1), make([]int8, MaxInt8Row+1), make([]int8, MaxInt8Row+1)) },
		"too_few_rows": func() { DotRowsInt8(make([]int32, 3), make([]int8, 31), make([]int8, 16)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// TestAddSumsParts cuts the inputs of a dense layer into parts: their sum is the layer itself, with every kernel set and row count.
func TestAddSumsParts(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	for _, k := range sets() {
		for _, c := range []struct{ t, in, parts, out int }{{1, 8, 2, 5}, {7, 40, 3, 33}, {50, 400, 2, 70}, {13, 9, 1, 200}} {
			whole := random(r, c.out*c.in*c.parts)
			bias := random(r, c.out)
			x := random(r, c.t*c.in*c.parts)
			want, got := make([]float32, c.t*c.out), make([]float32, c.t*c.out)
			packWeights(k, whole, bias, c.out, c.in*c.parts).mul(want, c.out, x, c.in*c.parts, c.t, false)
			for p := range c.parts {
				w, part := make([]float32, 0, c.out*c.in), make([]float32, 0, c.t*c.in)
				for o := range c.out {
					w = append(w, whole[(o*c.parts+p)*c.in:][:c.in]...)
				}
				for i := range c.t {
					part = append(part, x[(i*c.parts+p)*c.in:][:c.in]...)
				}
				d := &Dense{c.in, c.out, packWeights(k, w, bias, c.out, c.in)}
				if p == 0 {
					d.Forward(got, part, c.t)
				} else {
					d.Add(got, part, c.t)
				}
			}
			for i := range want {
				if d := got[i] - want[i]; d > 1e-3 || d < -1e-3 {
					t.Fatalf("%v: %+v: value %d is %g, want %g", k, c, i, got[i], want[i])
				}
			}
		}
	}
}

// BenchmarkDotsInt8 scans 100,000 quantised embeddings of 192.
func BenchmarkDotsInt8(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 3))
	const rows, n = 100_000, 192
	w, x, dst := randomInt8(r, rows*n), randomInt8(r, n), make([]int32, rows)
	for _, k := range sets() {
		b.Run(k.String(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(rows * n)
			for b.Loop() {
				k.dotsInt8(dst, w, x)
			}
		})
	}
}
