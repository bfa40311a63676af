package nn

import "golang.org/x/sys/cpu"

// best returns the fastest instruction set of this machine.
func best() isa {
	return pick(features{avx2: cpu.X86.HasAVX2, fma: cpu.X86.HasFMA, avx512f: cpu.X86.HasAVX512F})
}

func (k isa) dotsASM(dst, w, x []float32, stride int) {
	for len(dst) > 0 {
		n := 1
		switch {
		case len(dst) >= 4 && k == avx512:
			n = 4
			dot4AVX512(&dst[0], &w[0], stride, &x[0], len(x))
		case len(dst) >= 4:
			n = 4
			dot4AVX2(&dst[0], &w[0], stride, &x[0], len(x))
		case k == avx512:
			dot1AVX512(&dst[0], &w[0], stride, &x[0], len(x))
		default:
			dot1AVX2(&dst[0], &w[0], stride, &x[0], len(x))
		}
		if dst = dst[n:]; len(dst) > 0 {
			w = w[n*stride:]
		}
	}
}

func (k isa) axpyASM(dst []float32, f float32, x []float32) {
	if k == avx512 {
		axpyAVX512(&dst[0], f, &x[0], len(x))
	} else {
		axpyAVX2(&dst[0], f, &x[0], len(x))
	}
}

func (k isa) scaleShiftASM(x, scale, shift []float32) {
	if k == avx512 {
		scaleShiftAVX512(&x[0], &scale[0], &shift[0], len(x))
	} else {
		scaleShiftAVX2(&x[0], &scale[0], &shift[0], len(x))
	}
}

// tile computes a.rows rows of x with a.panels panels; one of the two is 1.
func (k isa) tile(a *tileArgs) {
	if k == plainGo {
		tileGo(a)
		return
	}
	// The kernels see pointers only: every last element they touch is named here, so that a wrong size panics in Go.
	width := k.width()
	_ = a.dst[(a.rows-1)*a.dstStride+(a.panels-1)*width+a.edge-1]
	_ = a.init[(a.rows-1)*a.initStride+(a.panels-1)*width+a.edge-1]
	_ = a.x[(a.rows-1)*a.xStride+a.k-1]
	_ = a.w[(a.panels-1)*a.wStride+a.k*width-1]
	d, x, w, init := &a.dst[0], &a.x[0], &a.w[0], &a.init[0]
	switch { // direct calls: through a function value the compiler would take every slice for escaping
	case k == avx2 && a.panels == 4:
		tile1x64AVX2(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case k == avx2 && a.panels == 2:
		tile1x32AVX2(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case k == avx2 && a.rows == 6:
		tile6x16AVX2(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case k == avx2 && a.rows == 4:
		tile4x16AVX2(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case k == avx2 && a.rows == 2:
		tile2x16AVX2(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case k == avx2:
		tile1x16AVX2(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case a.panels == 4:
		tile1x128AVX512(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case a.panels == 2:
		tile1x64AVX512(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case a.rows == 12:
		tile12x32AVX512(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case a.rows == 8:
		tile8x32AVX512(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case a.rows == 4:
		tile4x32AVX512(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	case a.rows == 2:
		tile2x32AVX512(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	default:
		tile1x32AVX512(d, a.dstStride, x, a.xStride, w, a.wStride, init, a.initStride, a.k, a.edge, a.relu)
	}
}

// int8Lanes is how many int8 values a kernel takes at a time, 0 when there is no kernel. The AVX-512 one needs the byte and word
// subset beside the foundation; without it the AVX2 one serves.
func (k isa) int8Lanes() int {
	switch {
	case k == plainGo:
		return 0
	case k == avx512 && cpu.X86.HasAVX512BW:
		return 32
	}
	return 16
}

func (k isa) dotsInt8ASM(dst []int32, w, x []int8, n int) {
	wide := k.int8Lanes() == 32
	for len(dst) > 0 {
		rows := 1
		switch {
		case len(dst) >= 4 && wide:
			rows = 4
			dotInt8x4AVX512(&dst[0], &w[0], len(x), &x[0], n)
		case len(dst) >= 4:
			rows = 4
			dotInt8x4AVX2(&dst[0], &w[0], len(x), &x[0], n)
		case wide:
			dotInt8x1AVX512(&dst[0], &w[0], len(x), &x[0], n)
		default:
			dotInt8x1AVX2(&dst[0], &w[0], len(x), &x[0], n)
		}
		dst, w = dst[rows:], w[rows*len(x):]
	}
}
