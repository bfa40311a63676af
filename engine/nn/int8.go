package nn

import "fmt"

// MaxInt8Row is the longest row whose inner product always fits an int32.
const MaxInt8Row = (1<<31 - 1) / (128 * 128)

// DotRowsInt8 writes the inner product of every row of w with x to dst: w holds len(dst) rows of len(x) values, at most MaxInt8Row.
// The sums are exact and the same on every processor. It serves galleries of quantised embeddings; rows of a multiple of 32
// values are fastest. It panics on a longer row or a shorter w, and allocates nothing.
func DotRowsInt8(dst []int32, w, x []int8) { best().dotsInt8(dst, w, x) }

func (k isa) dotsInt8(dst []int32, w, x []int8) {
	if len(x) > MaxInt8Row {
		panic(fmt.Sprintf("nn: dot of int8: rows of %d values, want at most %d", len(x), MaxInt8Row))
	}
	w = w[:len(dst)*len(x)] // the kernels see pointers only: a wrong size panics here
	lanes := k.int8Lanes()
	whole := 0
	if lanes > 0 {
		whole = len(x) / lanes * lanes
	}
	if whole == 0 || len(dst) == 0 {
		dotsInt8Go(dst, w, x, 0)
		return
	}
	k.dotsInt8ASM(dst, w, x, whole)
	if whole < len(x) {
		dotsInt8Go(dst, w, x, whole)
	}
}

// dotsInt8Go is the twin of the kernels in plain Go, over the values of each row from one on. Beyond the first they are added to dst.
func dotsInt8Go(dst []int32, w, x []int8, from int) {
	for r := range dst {
		row := w[r*len(x):][:len(x)]
		var sum int32
		for i := from; i < len(x); i++ {
			sum += int32(x[i]) * int32(row[i])
		}
		if from > 0 {
			sum += dst[r]
		}
		dst[r] = sum
	}
}
