package nn

// DotRowsInt8 writes the inner product of every row of w with x to dst: w holds len(dst) rows of len(x) values. The sums are exact
// on every processor, for rows of at most 131072 values. It serves galleries of quantised embeddings; rows of a multiple of 64
// values are fastest.
func DotRowsInt8(dst []int32, w, x []int8) {
	_ = w[:len(dst)*len(x)]
	dotsInt8Go(dst, w, x)
}

// dotsInt8Go is the twin of the kernels in plain Go.
func dotsInt8Go(dst []int32, w, x []int8) {
	for r := range dst {
		row := w[r*len(x):][:len(x)]
		var sum int32
		for i, v := range x {
			sum += int32(v) * int32(row[i])
		}
		dst[r] = sum
	}
}
