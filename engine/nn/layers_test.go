package nn

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// stream is any layer seen as rows in, rows out.
type stream struct {
	in, out int
	write   func(dst, x []float32, t int) int
	flush   func(dst []float32) int
}

// TestStreamEqualsBatch feeds every stateful layer in random cuts, 0 and 1 rows included: the sums must agree bit for bit.
func TestStreamEqualsBatch(t *testing.T) {
	for _, k := range sets() {
		t.Run(k.String(), func(t *testing.T) { streamEqualsBatch(t, k) })
	}
}

func streamEqualsBatch(t *testing.T, k isa) {
	r := rand.New(rand.NewPCG(3, 4))
	newConv := func(o Conv1DOptions) func() stream {
		c := must(NewConv1D(o, random(r, o.Out*o.In*o.Kernel), random(r, o.Out)))
		on(k, c)
		return func() stream {
			s := c.NewState()
			return stream{o.In, o.Out, func(dst, x []float32, t int) int { return c.Write(s, dst, x, t) },
				func(dst []float32) int { return c.Flush(s, dst) }}
		}
	}
	none := func([]float32) int { return 0 }
	gru := must(NewGRU(5, 7, random(r, 3*7*5), random(r, 3*7*7), random(r, 21), random(r, 21)))
	lstm := must(NewLSTM(5, 6, random(r, 4*6*5), random(r, 4*6*6), random(r, 24), random(r, 24)))
	dense := must(NewDense(5, 3, random(r, 15), nil))
	on(k, gru, lstm, dense)
	for _, c := range []struct {
		name string
		make func() stream
	}{
		{"conv_causal", newConv(Causal(4, 5, 3, 1))},
		{"conv_dilated", newConv(Causal(3, 4, 3, 5))},
		{"conv_stride_2", newConv(Conv1DOptions{In: 3, Out: 4, Kernel: 4, Stride: 2, Dilation: 1, PadLeft: 3})},
		{"conv_stride_beyond_kernel", newConv(Conv1DOptions{In: 2, Out: 3, Kernel: 2, Stride: 7, Dilation: 1})},
		{"conv_padded_both_sides", newConv(Conv1DOptions{In: 3, Out: 2, Kernel: 5, Stride: 1, Dilation: 2, PadLeft: 4, PadRight: 4})},
		{"conv_padding_beyond_kernel", newConv(Conv1DOptions{In: 2, Out: 2, Kernel: 2, Stride: 3, Dilation: 1, PadLeft: 50, PadRight: 70})},
		{"gru", func() stream {
			s := gru.NewState()
			return stream{5, 7, func(dst, x []float32, t int) int { gru.Forward(s, dst, x, t); return t }, none}
		}},
		{"lstm", func() stream {
			s := lstm.NewState()
			return stream{5, 6, func(dst, x []float32, t int) int { lstm.Forward(s, dst, x, t); return t }, none}
		}},
		{"dense", func() stream {
			return stream{5, 3, func(dst, x []float32, t int) int { dense.Forward(dst, x, t); return t }, none}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 30 {
				rows := r.IntN(150)
				s := c.make()
				x := random(r, rows*s.in)
				want := make([]float32, (rows+200)*s.out)
				n := s.write(want, x, rows)
				n += s.flush(want[n*s.out:])
				want = want[:n*s.out]
				if rows > 100 && n == 0 {
					t.Fatalf("no output from %d rows", rows)
				}
				s = c.make()
				got := make([]float32, (rows+200)*s.out)
				m := 0
				for at := 0; at < rows; {
					k := min(rows-at, r.IntN(5)*r.IntN(20))
					m += s.write(got[m*s.out:], x[at*s.in:], k)
					at += k
				}
				m += s.flush(got[m*s.out:])
				if !slices.Equal(got[:m*s.out], want) {
					t.Fatalf("%d rows: stream gives %d rows, batch %d, or values differ", rows, m, n)
				}
			}
		})
	}
}

func TestOutLenMatchesWrite(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		o := Conv1DOptions{In: 1, Out: 1, Kernel: 1 + r.IntN(5), Stride: 1 + r.IntN(4), Dilation: 1 + r.IntN(3), PadLeft: r.IntN(9), PadRight: r.IntN(9)}
		c := must(NewConv1D(o, random(r, o.Kernel), nil))
		rows := r.IntN(60)
		dst := make([]float32, 200)
		if n := c.Forward(nil, dst, random(r, rows), rows); n != o.OutLen(rows) {
			t.Fatalf("%v: %d rows give %d, OutLen says %d", o, rows, n, o.OutLen(rows))
		}
	}
}

// TestResetForgets runs one input twice through one state with a Reset between.
func TestResetForgets(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	gru := must(NewGRU(2, 3, random(r, 18), random(r, 27), random(r, 9), random(r, 9)))
	lstm := must(NewLSTM(2, 3, random(r, 24), random(r, 36), random(r, 12), random(r, 12)))
	x := random(r, 20)
	a, b, c := make([]float32, 30), make([]float32, 30), make([]float32, 30)
	g := gru.NewState()
	gru.Forward(g, a, x, 10)
	gru.Forward(g, c, x, 10)
	gru.Reset(g)
	gru.Forward(g, b, x, 10)
	if !slices.Equal(a, b) || slices.Equal(a, c) {
		t.Error("gru: Reset does not bring back the start, or the state does not matter")
	}
	l := lstm.NewState()
	lstm.Forward(l, a, x, 10)
	lstm.Forward(l, c, x, 10)
	lstm.Reset(l)
	lstm.Forward(l, b, x, 10)
	if !slices.Equal(a, b) || slices.Equal(a, c) {
		t.Error("lstm: Reset does not bring back the start, or the state does not matter")
	}
}

func TestConstructorsRefuse(t *testing.T) {
	w := make([]float32, 12)
	bn := must(NewBatchNorm(w[:3], []float32{1, 1, 1}, w[:3], w[:3], 0))
	conv := func(in, out, kernel int) *Conv1D {
		return must(NewConv1D(Same(in, out, kernel, 1), make([]float32, in*out*kernel), nil))
	}
	tdnn := func(in, out, kernel int) *TDNN { return must(NewTDNN(conv(in, out, kernel), nil)) }
	for _, c := range []struct {
		name string
		err  error
	}{
		{"dense_weight", second(NewDense(5, 2, w, nil))},
		{"dense_bias", second(NewDense(6, 2, w, w[:3]))},
		{"dense_zero_dims", second(NewDense(0, 0, nil, nil))},
		{"conv_weight", second(NewConv1D(Causal(2, 2, 2, 1), w, nil))},
		{"gru", second(NewGRU(2, 2, w, w, w, w))},
		{"lstm", second(NewLSTM(2, 2, w, w, w, w))},
		{"batchnorm", second(NewBatchNorm(w[:3], w[:3], w[:2], w[:3], 1))},
		{"fold", second(bn.FoldDense(must(NewDense(6, 2, w, nil))))},
		{"tdnn_norm", second(NewTDNN(conv(2, 2, 1), bn))},
		{"res2_empty", second(NewRes2())},
		{"res2_widths", second(NewRes2(tdnn(2, 2, 1), tdnn(3, 3, 1)))},
		{"res2_odd_groups", second(LoadRes2(nil, "", 9, 2, 3, 1, 0))},
		{"se_widths", second(NewSE(must(NewDense(6, 2, w, nil)), must(NewDense(3, 4, w, nil))))},
		{"residual_empty", second(NewResidual(nil))},
		{"residual_ends_wider", second(NewResidual(nil, tdnn(2, 3, 1)))},
		{"residual_layers_do_not_meet", second(NewResidual(nil, tdnn(2, 3, 1), tdnn(2, 2, 1)))},
		{"residual_loses_rows", second(NewResidual(nil, must(NewTDNN(must(NewConv1D(Conv1DOptions{In: 2, Out: 2, Kernel: 3, Stride: 1, Dilation: 1}, w, nil)), nil))))},
		{"residual_skips_rows", second(NewResidual(nil, must(NewTDNN(must(NewConv1D(Conv1DOptions{In: 2, Out: 2, Kernel: 1, Stride: 2, Dilation: 1}, w[:4], nil)), nil))))},
		{"residual_se", second(NewResidual(must(NewSE(must(NewDense(6, 2, w, nil)), must(NewDense(2, 6, w, nil)))), tdnn(2, 2, 1)))},
		{"pool_score", second(NewAttentivePool(must(NewDense(3, 4, w, nil)), nil, must(NewDense(3, 4, w, nil)), 1))},
		{"pool_context", second(NewAttentivePool(must(NewDense(3, 2, w[:6], nil)), must(NewDense(3, 4, w, nil)), must(NewDense(2, 3, w[:6], nil)), 1))},
	} {
		if !errors.Is(c.err, ErrShape) {
			t.Errorf("%s: error %v, want ErrShape", c.name, c.err)
		}
	}
	if _, err := NewBatchNorm(w[:3], w[:3], w[:3], w[:3], 0); err == nil {
		t.Error("batch norm takes a variance of zero")
	}
	if _, err := NewAttentivePool(must(NewDense(3, 4, w, nil)), nil, must(NewDense(4, 3, w, nil)), 0); err == nil {
		t.Error("attentive pool takes an epsilon of zero")
	}
	if err := (Conv1DOptions{PadLeft: -1}).Validate(); err == nil {
		t.Error("conv1d takes no channels and negative padding")
	} else if n := len(err.(interface{ Unwrap() []error }).Unwrap()); n != 6 {
		t.Errorf("conv1d names %d problems of 6: %v", n, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSoftmaxRows(t *testing.T) {
	x := []float32{1, 2, 3, 1000, 1000, -1000}
	Softmax(x, 3)
	for i := 0; i < 6; i += 3 {
		if s := x[i] + x[i+1] + x[i+2]; math.Abs(float64(s)-1) > 1e-6 {
			t.Errorf("row %d sums to %g", i/3, s)
		}
	}
	if x[3] != x[4] || x[5] != 0 {
		t.Errorf("large scores give %v", x[3:])
	}
}

func TestNoAllocations(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	conv := must(NewConv1D(Causal(8, 8, 3, 2), random(r, 192), random(r, 8)))
	gru := must(NewGRU(8, 8, random(r, 192), random(r, 192), random(r, 24), random(r, 24)))
	lstm := must(NewLSTM(8, 8, random(r, 256), random(r, 256), random(r, 32), random(r, 32)))
	dense := must(NewDense(8, 8, random(r, 64), random(r, 8)))
	cs, gs, ls := conv.NewState(), gru.NewState(), lstm.NewState()
	x, y := random(r, 8), make([]float32, 16)
	if n := testing.AllocsPerRun(100, func() {
		conv.Write(cs, y, x, 1)
		gru.Forward(gs, y, x, 1)
		lstm.Forward(ls, y, x, 1)
		dense.Forward(y, x, 1)
		Softmax(y, 8)
	}); n != 0 {
		t.Errorf("%v allocations a step, want 0", n)
	}
}

func BenchmarkGRU64Step(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	g := must(NewGRU(48, 64, random(r, 192*48), random(r, 192*64), random(r, 192), random(r, 192)))
	s, x, y := g.NewState(), random(r, 48), make([]float32, 64)
	b.ReportAllocs()
	b.SetBytes(4 * 192 * (48 + 64))
	for b.Loop() {
		g.Forward(s, y, x, 1)
	}
	b.ReportMetric(2*192*(48+64)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
