package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func randomNorm(r *rand.Rand, c int) *BatchNorm {
	v := random(r, c)
	for i := range v {
		v[i] = v[i]*v[i] + 0.1
	}
	return must(NewBatchNorm(random(r, c), v, random(r, c), random(r, c), 1e-5))
}

func randomTDNN(r *rand.Rand, o Conv1DOptions) *TDNN {
	return must(NewTDNN(must(NewConv1D(o, random(r, o.In*o.Out*o.Kernel), random(r, o.Out))), randomNorm(r, o.Out)))
}

func randomDense(r *rand.Rand, in, out int) *Dense {
	return must(NewDense(in, out, random(r, in*out), random(r, out)))
}

// TestUtteranceEqualsStream: the convolution of a whole utterance and the one that is streamed have the same bits.
func TestUtteranceEqualsStream(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for _, k := range sets() {
		for range 100 {
			o := Conv1DOptions{In: 1 + r.IntN(20), Out: 1 + r.IntN(70), Kernel: 1 + r.IntN(5), Stride: 1 + r.IntN(3), Dilation: 1 + r.IntN(4), PadLeft: r.IntN(9), PadRight: r.IntN(9)}
			l := randomTDNN(r, o)
			on(k, l)
			rows := r.IntN(130)
			x := random(r, rows*o.In)
			n := o.OutLen(rows)
			want, got := make([]float32, n*o.Out), make([]float32, n*o.Out)
			l.conv.Forward(nil, want, x, rows)
			ReLU(want)
			l.norm.Apply(want)
			if m := l.Forward(new(Scratch), got, x, rows); m != n || !slices.Equal(got, want) {
				t.Fatalf("%v %v: %d rows give %d, or values differ from the stream", k, o, rows, m)
			}
		}
	}
}

// smallNet is a network of every utterance layer.
type smallNet struct {
	layers []Layer
	pool   *AttentivePool
}

func newSmallNet(r *rand.Rand) *smallNet {
	const c = 40
	res2 := must(NewRes2(randomTDNN(r, Same(10, 10, 3, 2)), randomTDNN(r, Same(10, 10, 3, 2)), randomTDNN(r, Same(10, 10, 3, 2))))
	se := must(NewSE(randomDense(r, c, 8), randomDense(r, 8, c)))
	return &smallNet{[]Layer{
		randomTDNN(r, Conv1DOptions{In: 12, Out: c, Kernel: 5, Stride: 2, Dilation: 1, PadLeft: 2, PadRight: 2}),
		must(NewResidual(se, randomTDNN(r, Same(c, c, 1, 1)), res2, randomTDNN(r, Same(c, c, 1, 1)))),
		must(NewResidual(nil, randomTDNN(r, Same(c, c, 3, 3)))),
		se,
	}, must(NewAttentivePool(randomDense(r, c, 9), randomDense(r, 2*c, 9), randomDense(r, 9, c), 1e-6))}
}

func (n *smallNet) forward(s *Scratch, dst, x []float32, t int) {
	used := s.used
	for _, l := range n.layers {
		y := s.take(l.OutLen(t) * l.Out())
		t = l.Forward(s, y, x, t)
		x = y
	}
	n.pool.Forward(s, dst, x, t)
	s.used = used
}

// TestSharedNetwork runs one network in many goroutines, each with its own scratch and utterances of changing length: results are
// those of a fresh scratch, so nothing of an earlier utterance or another goroutine comes through.
func TestSharedNetwork(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	net := newSmallNet(r)
	lengths := []int{1, 130, 2, 77, 3, 130, 1, 50}
	in, want := make([][]float32, len(lengths)), make([][]float32, len(lengths))
	for i, n := range lengths {
		in[i], want[i] = random(r, n*12), make([]float32, net.pool.Out())
		net.forward(new(Scratch), want[i], in[i], n)
	}
	if slices.Equal(want[1], want[5]) {
		t.Fatal("the network does not hear its input")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, got := new(Scratch), make([]float32, net.pool.Out())
			for range 3 {
				for i, n := range lengths {
					if net.forward(s, got, in[i], n); !slices.Equal(got, want[i]) {
						t.Errorf("an utterance of %d rows gives other values in a scratch that was used before", n)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestUtteranceNoAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	net := newSmallNet(r)
	s, dst, x := new(Scratch), make([]float32, net.pool.Out()), random(r, 200*12)
	net.forward(s, dst, x, 200)
	if n := testing.AllocsPerRun(20, func() {
		net.forward(s, dst, x, 200)
		net.forward(s, dst, x, 31)
	}); n != 0 {
		t.Errorf("%v allocations an utterance, want 0", n)
	}
}

func TestKernelsNoAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	w, x, y := random(r, 50*70), random(r, 20*70), make([]float32, 20*50)
	for _, k := range sets() {
		m := packWeights(k, w, nil, 50, 70)
		if n := testing.AllocsPerRun(20, func() {
			var local [70]float32 // stays on the stack: kernels let no slice escape
			k.axpy(local[:], 2, x[:70])
			k.scaleShift(local[:], x, x)
			m.mul(y, 50, x, 70, 20, true)
			m.mul(y, 50, local[:], 70, 1, false)
			k.dots(y[:50], w, local[:], 70)
		}); n != 0 {
			t.Errorf("%v: %v allocations, want 0", k, n)
		}
	}
}

// TestAttentivePoolOfConstant: frames that are all the same have themselves as mean and the least deviation, whatever the weights.
func TestAttentivePoolOfConstant(t *testing.T) {
	r := rand.New(rand.NewPCG(29, 30))
	const c, eps = 21, 1e-4
	p := must(NewAttentivePool(randomDense(r, c, 9), randomDense(r, 2*c, 9), randomDense(r, 9, c), eps))
	frame, dst := random(r, c), make([]float32, 2*c)
	var x []float32
	for range 70 {
		x = append(x, frame...)
	}
	p.Forward(new(Scratch), dst, x, 70)
	for i, v := range frame {
		if math.Abs(float64(dst[i]-v)) > 1e-5*math.Abs(float64(v)) || math.Abs(float64(dst[c+i])-1e-2) > 1e-8 {
			t.Errorf("channel %d: %g ± %g, want %g ± 0.01", i, dst[i], dst[c+i], v)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an utterance without frames is pooled")
		}
	}()
	p.Forward(new(Scratch), dst, nil, 0)
}

// TestMeanRowsLong sums half an hour of frames: partial sums keep rounding below a millionth.
func TestMeanRowsLong(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	const c, rows = 3, 180000
	x := make([]float32, c*rows)
	want := [c]float64{}
	for i := range x {
		x[i] = 1 + r.Float32()
		want[i%c] += float64(x[i]) / rows
	}
	for _, k := range sets() {
		got, part := make([]float32, c), make([]float32, c)
		meanRows(k, got, part, x, rows)
		for i, v := range got {
			if e := math.Abs(float64(v)-want[i]) / want[i]; e > 2e-6 {
				t.Errorf("%v: mean %g, want %g: off by %.2g", k, v, want[i], e)
			}
		}
	}
}

// TestActivationAccuracy walks the whole range in steps of a few units in the last place.
func TestActivationAccuracy(t *testing.T) {
	var worst [3]float64
	check := func(i int, x, got float32, want, limit float64) {
		t.Helper()
		e := math.Abs(float64(got)-want) / want
		if worst[i] = max(worst[i], e); !(e <= limit) {
			t.Fatalf("function %d of %g is %g, want %g", i, x, got, want)
		}
	}
	for bits := math.Float32bits(1e-30); bits < math.Float32bits(86); bits += 4099 {
		v := math.Float32frombits(bits)
		for _, x := range []float32{v, -v} {
			d := float64(x)
			check(0, x, exp32(x), math.Exp(d), 3e-7)
			check(1, x, Sigmoid(x), 1/(1+math.Exp(-d)), 4e-7)
			if s := math.Copysign(1, d); s > 0 {
				check(2, x, Tanh(x), math.Tanh(d), 3e-7)
			} else if Tanh(x) != -Tanh(v) && v > 0.625 {
				if e := math.Abs(float64(Tanh(x) + Tanh(v))); e > 2e-7 {
					t.Fatalf("tanh is not odd at %g: off by %g", v, e)
				}
			}
		}
	}
	t.Logf("worst relative error of exp, sigmoid, tanh: %.2g", worst)
	inf := float32(math.Inf(1))
	if nan := float32(math.NaN()); exp32(nan) == exp32(nan) || Sigmoid(nan) == Sigmoid(nan) || Tanh(nan) == Tanh(nan) {
		t.Error("NaN becomes a number")
	}
	if exp32(-inf) != 0 || exp32(inf) != inf || Sigmoid(-inf) != 0 || Sigmoid(inf) != 1 || Tanh(-inf) != -1 || Tanh(inf) != 1 {
		t.Error("wrong values at infinity")
	}
}

func TestDot(t *testing.T) {
	if got := Dot([]float32{1, 2, 3}, []float32{4, -5, 6}); got != 12 {
		t.Errorf("Dot = %g, want 12", got)
	}
	dst := make([]float32, 2)
	if DotRows(dst, []float32{1, 2, 3, 4}, []float32{10, 1}); dst[0] != 12 || dst[1] != 34 {
		t.Errorf("DotRows = %v, want 12 and 34", dst)
	}
	defer func() {
		if recover() == nil {
			t.Error("Dot takes vectors of two lengths")
		}
	}()
	Dot(make([]float32, 2), make([]float32, 3))
}

// BenchmarkUtterance is a residual TDNN of the size of a speaker model over 3 s of frames, 10 ms apart.
func BenchmarkUtterance(b *testing.B) {
	r := rand.New(rand.NewPCG(33, 34))
	const c, rows = 256, 300
	layers := []Layer{randomTDNN(r, Conv1DOptions{In: 40, Out: c, Kernel: 5, Stride: 2, Dilation: 1, PadLeft: 2, PadRight: 2})}
	for _, d := range []int{1, 2, 3, 4, 3, 2} {
		layers = append(layers, must(NewResidual(must(NewSE(randomDense(r, c, c/4), randomDense(r, c/4, c))), randomTDNN(r, Same(c, c, 3, d)))))
	}
	layers = append(layers, randomTDNN(r, Same(c, 384, 1, 1)))
	pool := must(NewAttentivePool(randomDense(r, 384, 96), randomDense(r, 768, 96), randomDense(r, 96, 384), 1e-6))
	x, dst := random(r, rows*40), make([]float32, 768)
	for _, k := range sets() {
		b.Run(k.String(), func(b *testing.B) {
			n := &smallNet{layers, pool}
			on(k, pool)
			for _, l := range layers {
				on(k, l)
			}
			s := new(Scratch)
			b.ReportAllocs()
			b.SetBytes(rows * 160)
			for b.Loop() {
				n.forward(s, dst, x, rows)
			}
			b.ReportMetric(rows/100*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
		})
	}
}
