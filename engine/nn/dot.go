package nn

// Dot returns the inner product of a and b, which must be equally long.
func Dot(a, b []float32) float32 {
	if len(a) != len(b) {
		panic("nn: dot: lengths differ")
	}
	return best().dot(a, b)
}

// DotRows writes the inner product of every row of w with x to dst: w holds len(dst) rows of len(x) floats. A row's result does
// not depend on the other rows. It serves matrices that change too often to be packed, such as a gallery of embeddings.
func DotRows(dst, w, x []float32) { best().dots(dst, w, x, len(x)) }
