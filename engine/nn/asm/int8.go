package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// dotsInt8 takes the inner products of rows of int8 with one vector of int8. Products of widened pairs are added to int32, which
// loses nothing. n is a multiple of the lanes, at least one of them.
func dotsInt8(a isa, rows int) {
	name := fmt.Sprintf("dotInt8x%d", rows)
	values := 2 * a.lanes // int16 per register
	function(a, name, "dst *int32, w *int8, wStride int, x *int8, n int",
		fmt.Sprintf("%s%s writes the inner products of %d rows of w with x to dst; n is a multiple of %d.", name, a.name, rows, values))
	acc := make([]VecVirtual, rows)
	for i := range acc {
		acc[i] = a.vec()
		a.zero(acc[i])
	}
	ws, x := param("wStride"), param("x")
	wp := []GPVirtual{param("w")}
	for r := 1; r < rows; r++ {
		p := GP64()
		LEAQ(Mem{Base: wp[r-1], Index: ws, Scale: 1}, p)
		wp = append(wp, p)
	}
	n, xv, wv := param("n"), a.vec(), a.vec()
	Label(name + "_loop")
	VPMOVSXBW(Mem{Base: x}, xv)
	for r, p := range wp {
		VPMOVSXBW(Mem{Base: p}, wv)
		VPMADDWD(xv, wv, wv)
		VPADDD(wv, acc[r], acc[r])
	}
	for _, p := range append(wp, x) {
		ADDQ(I32(int32(values)), p)
	}
	SUBQ(I32(int32(values)), n)
	JG(LabelRef(name + "_loop"))
	dst := param("dst")
	for r, s := range acc {
		if a.lanes == 16 {
			high := YMM()
			VEXTRACTI64X4(Imm(1), s, high)
			VPADDD(high, s.AsY(), s.AsY())
		}
		high := XMM()
		VEXTRACTI128(Imm(1), s.AsY(), high)
		VPADDD(high, s.AsX(), s.AsX())
		VPHADDD(s.AsX(), s.AsX(), s.AsX())
		VPHADDD(s.AsX(), s.AsX(), s.AsX())
		VMOVD(s.AsX(), Mem{Base: dst, Disp: 4 * r})
	}
	VZEROUPPER()
	RET()
}
