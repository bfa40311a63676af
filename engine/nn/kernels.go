package nn

//go:generate go run -C asm . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg nn

// This file is the only place that multiplies. Each kernel exists as plain Go and, on amd64, as assembly for AVX2 and AVX-512
// (written by the generator in asm). All of them keep one promise: the sum behind an output element is taken in an order fixed
// by its row of weights alone, never by how many frames are computed in one call. That is what makes a stream equal its batch
// exactly. Between instruction sets sums differ by rounding, because assembly fuses multiply and add and plain Go does not.

// isa is an instruction set that kernels are written for.
type isa uint8

const (
	plainGo isa = iota
	avx2        // with FMA
	avx512      // the foundation subset
)

// features is what a processor and its operating system offer.
type features struct{ avx2, fma, avx512f bool }

// pick returns the fastest instruction set that f has.
func pick(f features) isa {
	switch {
	case f.avx512f && f.avx2 && f.fma:
		return avx512
	case f.avx2 && f.fma:
		return avx2
	}
	return plainGo
}

// String names the instruction set.
func (k isa) String() string { return [...]string{"plain_go", "avx2", "avx512"}[k] }

// width is the number of output channels in one panel of packed weights.
func (k isa) width() int { return [...]int{plainWidth, 16, 32}[k] }

// rows returns how many rows of x the next tile takes when t are left.
func (k isa) rows(t int) int {
	sizes := [...][5]int{plainGo: {1}, avx2: {6, 4, 2, 1}, avx512: {12, 8, 4, 2, 1}}
	for _, n := range sizes[k] {
		if n <= t {
			return n
		}
	}
	return 0
}

// tileArgs places one call of a tile kernel in its matrices; distances are in floats.
type tileArgs struct {
	dst             []float32 // rows×dstStride
	dstStride       int
	x               []float32 // rows×xStride
	xStride         int
	w               []float32 // panels of wStride: k×width
	wStride         int
	init            []float32 // what the sums start from: a bias for all rows (initStride 0) or rows of earlier sums
	initStride      int
	k, rows, panels int
	edge            int // channels of the last panel that exist
	relu            bool
}

// dot returns the inner product of a and b, len(a) elements each.
func (k isa) dot(a, b []float32) float32 {
	var s [1]float32
	k.dots(s[:], a, b[:len(a)], 0)
	return s[0]
}

// dots writes the inner products of len(dst) rows of w, stride floats apart, with x.
func (k isa) dots(dst, w, x []float32, stride int) {
	if len(dst) == 0 {
		return
	}
	_ = w[:(len(dst)-1)*stride+len(x)]
	if len(x) == 0 {
		clear(dst)
		return
	}
	if k == plainGo {
		for r := range dst {
			dst[r] = dotGo(w[r*stride:][:len(x)], x)
		}
		return
	}
	k.dotsASM(dst, w, x, stride)
}

// axpy adds f·x to dst element by element; dst must be at least as long as x.
func (k isa) axpy(dst []float32, f float32, x []float32) {
	dst = dst[:len(x)]
	if len(x) == 0 {
		return
	}
	if k == plainGo {
		for i, v := range x {
			dst[i] += float32(f * v)
		}
		return
	}
	k.axpyASM(dst, f, x)
}

// scaleShift replaces x by x·scale + shift element by element.
func (k isa) scaleShift(x, scale, shift []float32) {
	scale, shift = scale[:len(x)], shift[:len(x)]
	if len(x) == 0 {
		return
	}
	if k == plainGo {
		for i, v := range x {
			x[i] = float32(v*scale[i]) + shift[i]
		}
		return
	}
	k.scaleShiftASM(x, scale, shift)
}

// dotGo has four partial sums to hide the latency of the float adder. The conversions keep compilers of other processors from
// fusing, so that plain Go gives the same bits everywhere.
func dotGo(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
	}
	for ; i < len(a); i++ {
		s0 += float32(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// plainWidth is the panel width of plain Go: eight sums fit the registers of every 64-bit processor.
const plainWidth = 8

// tileGo computes one row of x with one panel.
func tileGo(a *tileArgs) {
	var s [plainWidth]float32
	copy(s[:], a.init[:a.edge])
	s0, s1, s2, s3, s4, s5, s6, s7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	w := a.w[:a.k*plainWidth]
	for _, x := range a.x[:a.k] {
		p := (*[plainWidth]float32)(w)
		s0 += float32(x * p[0])
		s1 += float32(x * p[1])
		s2 += float32(x * p[2])
		s3 += float32(x * p[3])
		s4 += float32(x * p[4])
		s5 += float32(x * p[5])
		s6 += float32(x * p[6])
		s7 += float32(x * p[7])
		w = w[plainWidth:]
	}
	s = [plainWidth]float32{s0, s1, s2, s3, s4, s5, s6, s7}
	if a.relu {
		ReLU(s[:])
	}
	copy(a.dst[:a.edge], s[:])
}
