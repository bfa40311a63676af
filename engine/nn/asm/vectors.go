package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// dots takes the inner products of rows with one vector. Each row has two partial sums whatever the number of rows, so that a
// row's result does not depend on its neighbours.
func dots(a isa, rows int) {
	name := fmt.Sprintf("dot%d", rows)
	function(a, name, "dst *float32, w *float32, wStride int, x *float32, n int",
		fmt.Sprintf("%s%s writes the inner products of %d rows of w with x to dst.", name, a.name, rows))
	acc := make([]VecVirtual, 2*rows)
	for i := range acc {
		acc[i] = a.vec()
		a.zero(acc[i])
	}
	ws, x := stride("wStride"), param("x")
	wp := []GPVirtual{param("w")}
	for r := 1; r < rows; r++ {
		p := GP64()
		LEAQ(Mem{Base: wp[r-1], Index: ws, Scale: 1}, p)
		wp = append(wp, p)
	}
	n, xv, wv := param("n"), a.vec(), a.vec()
	loop := func(half int) {
		VMOVUPS(Mem{Base: x, Disp: half * a.bytes()}, xv)
		for r, p := range wp {
			VFMADD231PS(Mem{Base: p, Disp: half * a.bytes()}, xv, acc[2*r+half])
		}
	}
	forward := func(floats int) {
		for _, p := range append(wp, x) {
			ADDQ(I32(int32(4*floats)), p)
		}
	}
	id := name
	SUBQ(I32(int32(2*a.lanes)), n)
	JL(LabelRef(id + "_rest"))
	Label(id + "_two")
	loop(0)
	loop(1)
	forward(2 * a.lanes)
	SUBQ(I32(int32(2*a.lanes)), n)
	JGE(LabelRef(id + "_two"))
	Label(id + "_rest")
	ADDQ(I32(int32(2*a.lanes)), n)
	JZ(LabelRef(id + "_sum"))
	e := a.edges(n, 2)
	for half := range 2 {
		e.load(half, Mem{Base: x, Disp: half * a.bytes()}, xv)
		for r, p := range wp {
			e.load(half, Mem{Base: p, Disp: half * a.bytes()}, wv)
			VFMADD231PS(wv, xv, acc[2*r+half])
		}
	}
	Label(id + "_sum")
	dst := param("dst")
	for r := range rows {
		s := acc[2*r]
		VADDPS(acc[2*r+1], s, s)
		if a.lanes == 16 {
			high := YMM()
			VEXTRACTF64X4(Imm(1), s, high)
			VADDPS(high, s.AsY(), s.AsY())
		}
		high := XMM()
		VEXTRACTF128(Imm(1), s.AsY(), high)
		VADDPS(high, s.AsX(), s.AsX())
		VHADDPS(s.AsX(), s.AsX(), s.AsX())
		VHADDPS(s.AsX(), s.AsX(), s.AsX())
		VMOVSS(s.AsX(), Mem{Base: dst, Disp: 4 * r})
	}
	VZEROUPPER()
	RET()
}

// elementwise runs f over n floats of the slices at ptrs, one vector at a time; the tail is masked.
func elementwise(a isa, id string, ptrs []GPVirtual, f func(load func(ptr int, dst VecVirtual), store func(ptr int, src VecVirtual))) {
	n := param("n")
	SUBQ(Imm(uint64(a.lanes)), n)
	JL(LabelRef(id + "_rest"))
	Label(id + "_full")
	f(func(p int, dst VecVirtual) { VMOVUPS(Mem{Base: ptrs[p]}, dst) }, func(p int, src VecVirtual) { VMOVUPS(src, Mem{Base: ptrs[p]}) })
	for _, p := range ptrs {
		ADDQ(Imm(uint64(a.bytes())), p)
	}
	SUBQ(Imm(uint64(a.lanes)), n)
	JGE(LabelRef(id + "_full"))
	Label(id + "_rest")
	ADDQ(Imm(uint64(a.lanes)), n)
	JZ(LabelRef(id + "_done"))
	e := a.edges(n, 1)
	f(func(p int, dst VecVirtual) { e.load(0, Mem{Base: ptrs[p]}, dst) }, func(p int, src VecVirtual) { e.store(0, src, Mem{Base: ptrs[p]}) })
	Label(id + "_done")
	VZEROUPPER()
	RET()
}

func axpy(a isa) {
	function(a, "axpy", "dst *float32, k float32, x *float32, n int", "axpy"+a.name+" adds k·x to dst.")
	kv, xv, yv := a.vec(), a.vec(), a.vec()
	at, err := Param("k").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(at.Addr, kv)
	elementwise(a, "axpy", []GPVirtual{param("dst"), param("x")}, func(load func(int, VecVirtual), store func(int, VecVirtual)) {
		load(1, xv)
		load(0, yv)
		VFMADD231PS(xv, kv, yv)
		store(0, yv)
	})
}

func scaleShift(a isa) {
	function(a, "scaleShift", "x *float32, scale *float32, shift *float32, n int", "scaleShift"+a.name+" replaces x by x·scale + shift, element by element.")
	xv, sv, bv := a.vec(), a.vec(), a.vec()
	elementwise(a, "scaleShift", []GPVirtual{param("x"), param("scale"), param("shift")}, func(load func(int, VecVirtual), store func(int, VecVirtual)) {
		load(0, xv)
		load(1, sv)
		load(2, bv)
		VFMADD213PS(bv, sv, xv) // x = s·x + b
		store(0, xv)
	})
}
