// Command asm writes the amd64 kernels of package nn: Go assembly from one description per kernel, expanded for AVX2 and for
// AVX-512. It is a module of its own, so that the assembler library is no dependency of the engine. Run it through
// `go generate ./engine/nn`; the result is committed.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set: how wide a register is and how its edges are masked.
type isa struct {
	name  string
	lanes int // float32 per vector register
	mask  Mem // AVX2: table of 16 ones and then 16 zeros, int32
}

func (a isa) bytes() int { return 4 * a.lanes }

func (a isa) vec() VecVirtual {
	if a.lanes == 16 {
		return ZMM()
	}
	return YMM()
}

func (a isa) zero(v VecVirtual) {
	if a.lanes == 16 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
}

// edge is the masks of the last panel or of a tail: which of its floats exist.
type edge struct {
	k []Register // AVX-512: one opmask per vector
	v []VecVirtual
}

// edges makes the masks for n valid floats in count vectors, 1 <= n <= count·lanes. n is destroyed.
func (a isa) edges(n GPVirtual, count int) edge {
	var e edge
	if a.lanes == 16 {
		ones := GP64()
		MOVQ(I64(-1), ones)
		MOVQ(n, RCX)
		SHLQ(CL, ones)
		NOTQ(ones)
		for i := range count {
			if i > 0 {
				SHRQ(Imm(16), ones)
			}
			k := K()
			KMOVW(ones.As32(), k)
			e.k = append(e.k, k)
		}
		return e
	}
	at := GP64()
	LEAQ(a.mask, at)
	SHLQ(Imm(2), n)
	SUBQ(n, at)
	for i := range count {
		v := YMM()
		VMOVUPS(Mem{Base: at, Disp: 64 + 32*i}, v)
		e.v = append(e.v, v)
	}
	return e
}

// load reads vector i of an edge; floats outside are not touched and read as zero.
func (e edge) load(i int, m Mem, dst VecVirtual) {
	if e.k != nil {
		VMOVUPS_Z(m, e.k[i], dst)
	} else {
		VMASKMOVPS(m, e.v[i], dst)
	}
}

func (e edge) store(i int, src VecVirtual, m Mem) {
	if e.k != nil {
		VMOVUPS(src, e.k[i], m)
	} else {
		VMASKMOVPS(src, e.v[i], m)
	}
}

func param(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

func stride(name string) GPVirtual { // a distance in floats, wanted in bytes
	r := param(name)
	SHLQ(Imm(2), r)
	return r
}

func main() {
	mask := GLOBL("edgeMask", RODATA|NOPTR)
	for i := range 32 {
		v := I32(-1)
		if i >= 16 {
			v = 0
		}
		DATA(4*i, v)
	}
	avx2, avx512 := isa{"AVX2", 8, mask}, isa{"AVX512", 16, Mem{}}
	for _, rows := range []int{6, 4, 2, 1} {
		tile(avx2, rows, 1)
	}
	for _, rows := range []int{12, 8, 4, 2, 1} {
		tile(avx512, rows, 1)
	}
	for _, a := range []isa{avx2, avx512} {
		tile(a, 1, 2)
		tile(a, 1, 4)
		dots(a, 1)
		dots(a, 4)
		axpy(a)
		scaleShift(a)
		dotsInt8(a, 1)
		dotsInt8(a, 4)
	}
	Generate()
}

func function(a isa, name, args string, doc ...string) {
	TEXT(name+a.name, NOSPLIT, "func("+args+")")
	Pragma("noescape")
	Doc(doc...)
}

// tile multiplies rows of x with panels of packed weights. A panel is two vectors wide: for each k in turn, 2·lanes weights of
// as many output channels. Every sum starts from init and takes k in order, so it does not depend on rows or panels.
func tile(a isa, rows, panels int) {
	name := fmt.Sprintf("tile%dx%d", rows, panels*2*a.lanes)
	function(a, name, "dst *float32, dstStride int, x *float32, xStride int, w *float32, wStride int, init *float32, initStride int, k int, edge int, relu bool",
		fmt.Sprintf("%s%s multiplies %d row(s) of x with %d panel(s) of %d channels; of the last panel, edge channels exist.", name, a.name, rows, panels, 2*a.lanes))
	vectors := 2 * panels
	acc := make([]VecVirtual, rows*vectors)
	for i := range acc {
		acc[i] = a.vec()
	}
	e := a.edges(param("edge"), 2)
	// each applies f to vector v of row i of a matrix at p.
	each := func(p, step GPVirtual, f func(i int, m Mem, edge int)) {
		for i := range rows {
			for v := range vectors {
				f(i*vectors+v, Mem{Base: p, Disp: v * a.bytes()}, v-(vectors-2))
			}
			if i+1 < rows {
				ADDQ(step, p)
			}
		}
	}
	each(param("init"), stride("initStride"), func(i int, m Mem, edge int) {
		if edge >= 0 {
			e.load(edge, m, acc[i])
		} else {
			VMOVUPS(m, acc[i])
		}
	})

	xs, xp := stride("xStride"), []GPVirtual{param("x")}
	for r := 3; r < rows; r += 3 { // rows r, r+1, r+2 are one base and one index register
		p := GP64()
		LEAQ(Mem{Base: xp[len(xp)-1], Index: xs, Scale: 2}, p)
		ADDQ(xs, p)
		xp = append(xp, p)
	}
	ws, wp := stride("wStride"), []GPVirtual{param("w")}
	for p := 1; p < panels; p++ {
		r := GP64()
		LEAQ(Mem{Base: wp[p-1], Index: ws, Scale: 1}, r)
		wp = append(wp, r)
	}
	xv, wv := a.vec(), []VecVirtual{}
	if rows > 1 {
		wv = []VecVirtual{a.vec(), a.vec()}
	}
	step := func(j int) { // k+j
		weight := func(v int) Mem { return Mem{Base: wp[v/2], Disp: (2*j + v%2) * a.bytes()} }
		for v := range wv {
			VMOVUPS(weight(v), wv[v])
		}
		for i := range rows {
			m := Mem{Base: xp[i/3], Disp: 4 * j}
			if i%3 > 0 {
				m.Index, m.Scale = xs, uint8(i%3)
			}
			VBROADCASTSS(m, xv)
			for v := range vectors {
				if rows > 1 {
					VFMADD231PS(wv[v], xv, acc[i*vectors+v])
				} else {
					VFMADD231PS(weight(v), xv, acc[v])
				}
			}
		}
	}
	forward := func(n int) {
		for _, p := range xp {
			ADDQ(Imm(uint64(4*n)), p)
		}
		for _, p := range wp {
			ADDQ(I32(int32(2*n*a.bytes())), p)
		}
	}
	k, id := param("k"), name
	SUBQ(Imm(4), k)
	JL(LabelRef(id + "_rest"))
	Label(id + "_four")
	for j := range 4 {
		step(j)
	}
	forward(4)
	SUBQ(Imm(4), k)
	JGE(LabelRef(id + "_four"))
	Label(id + "_rest")
	ADDQ(Imm(4), k)
	JZ(LabelRef(id + "_done"))
	Label(id + "_one")
	step(0)
	forward(1)
	DECQ(k)
	JNZ(LabelRef(id + "_one"))
	Label(id + "_done")

	relu := Load(Param("relu"), GP8())
	TESTB(relu, relu)
	JZ(LabelRef(id + "_store"))
	zero := xv
	a.zero(zero)
	for _, r := range acc { // the second source is what MAX returns for a NaN and between zeros: the sum itself
		VMAXPS(r, zero, r)
	}
	Label(id + "_store")
	last := e
	if a.lanes == 8 { // the mask registers went to the loop
		last = a.edges(param("edge"), 2)
	}
	each(param("dst"), stride("dstStride"), func(i int, m Mem, edge int) {
		if edge >= 0 {
			last.store(edge, acc[i], m)
		} else {
			VMOVUPS(acc[i], m)
		}
	})
	VZEROUPPER()
	RET()
}
