package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sets lists every instruction set that this machine can run; plain Go is always among them.
func sets() []isa {
	out := []isa{plainGo}
	for k := avx2; k <= best(); k++ {
		out = append(out, k)
	}
	return out
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		f    features
		want isa
	}{
		{features{}, plainGo},
		{features{avx2: true}, plainGo}, // no fused multiply-add
		{features{fma: true}, plainGo},
		{features{avx512f: true}, plainGo},
		{features{avx2: true, fma: true}, avx2},
		{features{avx2: true, fma: true, avx512f: true}, avx512},
	} {
		if got := pick(c.f); got != c.want {
			t.Errorf("%+v picks %v, want %v", c.f, got, c.want)
		}
	}
	t.Logf("this machine: %v of %v", best(), sets())
}

// guarded returns random values in the middle of NaNs, off any alignment: a kernel that reads a neighbour spreads NaN, one that
// writes a neighbour is caught by check.
func guarded(r *rand.Rand, n int) (x []float32, check func(t *testing.T, what string)) {
	left := 1 + r.IntN(40)
	all := make([]float32, left+n+40)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	x = all[left : left+n : left+n]
	copy(x, random(r, n))
	return x, func(t *testing.T, what string) {
		t.Helper()
		for i, v := range all {
			if outside := i < left || i >= left+n; outside && v == v {
				t.Fatalf("%s: float %d of %d was written", what, i-left, n)
			}
		}
	}
}

// bound is the stated agreement: 1e-5 of the sum of absolute products.
const bound = 1e-5

// product is one multiplication of packed weights with its exact result.
type product struct {
	t, rows, cols, xStride, dstStride int
	relu                              bool
	w, bias, x                        []float32
	want, size                        []float64 // t×rows: result, and sum of absolute products
	check                             func(*testing.T, string)
}

func newProduct(r *rand.Rand, t, rows, cols, xExtra, dstExtra int, bias, relu bool) *product {
	p := &product{t: t, rows: rows, cols: cols, xStride: cols + xExtra, dstStride: rows + dstExtra, relu: relu}
	p.w = random(r, rows*cols)
	if bias {
		p.bias = random(r, rows)
	}
	p.x, p.check = guarded(r, max(0, (t-1)*p.xStride+cols))
	if xExtra > 0 { // the gap between rows is no input
		for i := range t - 1 {
			for j := range xExtra {
				p.x[i*p.xStride+cols+j] = float32(math.NaN())
			}
		}
	}
	for i := range t {
		for j := range rows {
			sum, size := 0.0, 1e-30
			if bias {
				sum, size = float64(p.bias[j]), math.Abs(float64(p.bias[j]))+1e-30
			}
			for c := range cols {
				v := float64(p.x[i*p.xStride+c]) * float64(p.w[j*cols+c])
				sum, size = sum+v, size+math.Abs(v)
			}
			if relu {
				sum = max(0, sum)
			}
			p.want, p.size = append(p.want, sum), append(p.size, size)
		}
	}
	return p
}

// run multiplies with k, compares and returns the result without gaps and the worst error.
func (p *product) run(t *testing.T, r *rand.Rand, k isa) ([]float32, float64) {
	t.Helper()
	what := fmt.Sprintf("%v %d×%d·%d+%d/%d relu %v", k, p.t, p.rows, p.cols, p.xStride-p.cols, p.dstStride-p.rows, p.relu)
	dst, check := guarded(r, max(0, (p.t-1)*p.dstStride+p.rows))
	for i := range dst {
		dst[i] = float32(math.NaN())
	}
	packWeights(k, p.w, p.bias, p.rows, p.cols).mul(dst, p.dstStride, p.x, p.xStride, p.t, p.relu)
	check(t, what)
	p.check(t, what)
	out, worst := make([]float32, 0, p.t*p.rows), 0.0
	for i := range p.t {
		for j := range p.rows {
			got, at := dst[i*p.dstStride+j], i*p.rows+j
			e := math.Abs(float64(got)-p.want[at]) / p.size[at]
			if !(e <= bound) {
				t.Fatalf("%s: row %d channel %d is %g, want %g: %.2g of the sum of absolute products", what, i, j, got, p.want[at], e)
			}
			worst = max(worst, e)
			out = append(out, got)
		}
		if i+1 < p.t {
			for _, v := range dst[i*p.dstStride+p.rows : (i+1)*p.dstStride] {
				if v == v {
					t.Fatalf("%s: the gap after row %d was written", what, i)
				}
			}
		}
	}
	return out, worst
}

// TestMulAgrees compares every instruction set with float64 over random sizes, and each row of a batch with the row alone.
func TestMulAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	size := func() int {
		switch r.IntN(4) {
		case 0:
			return r.IntN(10)
		case 1:
			return 16 * r.IntN(9) // whole panels
		}
		return r.IntN(201)
	}
	worst := map[isa]float64{}
	for n := range 250 {
		rows, cols := size(), size()
		if n%25 == 0 {
			rows, cols = 1+r.IntN(40), kBlock*r.IntN(3)+r.IntN(200) // sums that go through more than one block
		}
		p := newProduct(r, size()/(1+r.IntN(8)), rows, cols, r.IntN(3), r.IntN(3), r.IntN(2) == 0, r.IntN(2) == 0)
		for _, k := range sets() {
			all, e := p.run(t, r, k)
			worst[k] = max(worst[k], e)
			m := packWeights(k, p.w, p.bias, rows, cols)
			alone := make([]float32, rows)
			for i := range p.t {
				m.mul(alone, rows, p.x[i*p.xStride:], p.xStride, 1, p.relu)
				if !slices.Equal(alone, all[i*rows:(i+1)*rows]) {
					t.Fatalf("%v: row %d of %d differs from the row alone (%d channels of %d inputs)", k, i, p.t, rows, cols)
				}
			}
		}
	}
	for k, e := range worst {
		t.Logf("%v: worst error %.2g of the sum of absolute products", k, e)
	}
}

// TestMulEverySize walks all tile shapes with their neighbours: t through the row tiles, channels through the panels.
func TestMulEverySize(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, k := range sets() {
		for rows := range 26 {
			newProduct(r, rows, 33, 5, 1, 1, true, true).run(t, r, k)
		}
		for channels := range 5*k.width() + 2 {
			newProduct(r, 1, channels, 3, 0, 0, true, false).run(t, r, k)
			newProduct(r, 3, channels, 6, 0, 2, true, false).run(t, r, k)
		}
		for inputs := range 12 {
			newProduct(r, 13, 35, inputs, 0, 0, false, true).run(t, r, k)
		}
	}
}

func TestPackedUnpacks(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, k := range sets() {
		for _, rows := range []int{1, 7, 8, 31, 32, 33, 100} {
			w, b := random(r, rows*13), random(r, rows)
			gotW, gotB := packWeights(k, w, b, rows, 13).unpack()
			if !slices.Equal(gotW, w) || !slices.Equal(gotB, b) {
				t.Errorf("%v: %d rows do not come back", k, rows)
			}
		}
	}
}

// TestReLUKeepsNaN: an epilogue that swallowed NaN would hide broken input.
func TestReLUKeepsNaN(t *testing.T) {
	for _, k := range sets() {
		x := []float32{float32(math.NaN()), -1, 1}
		y := make([]float32, 3)
		packWeights(k, []float32{1}, nil, 1, 1).mul(y, 1, x, 1, 3, true)
		if y[0] == y[0] || y[1] != 0 || y[2] != 1 {
			t.Errorf("%v: NaN, -1, 1 become %v", k, y)
		}
	}
}

func TestDotsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for _, k := range sets() {
		worst := 0.0
		for n := range 201 {
			rows, gap := 1+r.IntN(9), r.IntN(3)
			w, checkW := guarded(r, (rows-1)*(n+gap)+n)
			for i := range rows - 1 {
				for j := range gap {
					w[i*(n+gap)+n+j] = float32(math.NaN())
				}
			}
			x, checkX := guarded(r, n)
			dst, checkDst := guarded(r, rows)
			k.dots(dst, w, x, n+gap)
			what := fmt.Sprintf("%v %d rows of %d", k, rows, n)
			checkW(t, what)
			checkX(t, what)
			checkDst(t, what)
			for i, got := range dst {
				row := w[i*(n+gap):][:n]
				want, size := 0.0, 1e-30
				for j, v := range row {
					p := float64(v) * float64(x[j])
					want, size = want+p, size+math.Abs(p)
				}
				e := math.Abs(float64(got)-want) / size
				if !(e <= bound) {
					t.Fatalf("%s: row %d is %g, want %g", what, i, got, want)
				}
				worst = max(worst, e)
				if one := k.dot(row, x); one != got {
					t.Fatalf("%s: row %d is %g among others and %g alone", what, i, got, one)
				}
			}
		}
		t.Logf("%v: worst error %.2g of the sum of absolute products", k, worst)
	}
}

func TestElementwiseAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	for _, k := range sets() {
		for n := range 201 {
			x, checkX := guarded(r, n)
			a, checkA := guarded(r, n)
			b, checkB := guarded(r, n)
			was, f := slices.Clone(x), float32(r.NormFloat64())
			near := func(what string, i int, got float32, terms ...float32) {
				t.Helper()
				want := float64(terms[0])*float64(terms[1]) + float64(terms[2])
				size := math.Abs(float64(terms[0])*float64(terms[1])) + math.Abs(float64(terms[2]))
				if !(math.Abs(float64(got)-want) <= bound*size) {
					t.Fatalf("%v %s: element %d of %d is %g, want %g", k, what, i, n, got, want)
				}
			}
			k.axpy(x, f, a)
			for i, v := range x {
				near("axpy", i, v, f, a[i], was[i])
			}
			copy(x, was)
			k.scaleShift(x, a, b)
			for i, v := range x {
				near("scaleShift", i, v, was[i], a[i], b[i])
			}
			for _, check := range []func(*testing.T, string){checkX, checkA, checkB} {
				check(t, k.String())
			}
		}
	}
}

// FuzzMul lets sizes, gaps and epilogue be chosen by the fuzzer.
func FuzzMul(f *testing.F) {
	f.Add(uint64(1), uint8(13), uint8(33), uint8(5), uint8(1), true, true)
	f.Add(uint64(2), uint8(1), uint8(129), uint8(0), uint8(0), false, true)
	f.Add(uint64(3), uint8(200), uint8(1), uint8(200), uint8(7), true, false)
	f.Fuzz(func(t *testing.T, seed uint64, rows, channels, inputs, gap uint8, bias, relu bool) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := newProduct(r, int(rows), int(channels), int(inputs), int(gap), int(gap)/2, bias, relu)
		for _, k := range sets() {
			p.run(t, r, k)
		}
	})
}
