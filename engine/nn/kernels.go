package nn

// This file is the only place that multiplies. A faster kernel (assembly, a GEMM micro-kernel) replaces bodies here and must
// keep one promise: the sum behind an output element is taken in an order fixed by its row and the column count alone, never by
// how many frames are computed in one call. That is what makes a stream equal its batch exactly.

// dot returns the inner product of a and b over len(a) elements; b must be at least as long.
// Four partial sums hide the latency of the float adder.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// axpy adds k·x to dst element by element; dst must be at least as long as x.
func axpy(dst []float32, k float32, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] += k * v
	}
}

// gemv writes dst = W·x + bias with W rows×cols row-major. bias may be nil. Four rows go together so that each x is loaded once
// for four products.
func gemv(dst, w, x, bias []float32, rows, cols int) {
	x = x[:cols]
	r := 0
	for ; r+4 <= rows; r += 4 {
		w0 := w[r*cols:][:cols]
		w1 := w[(r+1)*cols:][:cols]
		w2 := w[(r+2)*cols:][:cols]
		w3 := w[(r+3)*cols:][:cols]
		var a0, a1, a2, a3, b0, b1, b2, b3 float32
		i := 0
		for ; i+2 <= cols; i += 2 {
			x0, x1 := x[i], x[i+1]
			a0 += w0[i] * x0
			b0 += w0[i+1] * x1
			a1 += w1[i] * x0
			b1 += w1[i+1] * x1
			a2 += w2[i] * x0
			b2 += w2[i+1] * x1
			a3 += w3[i] * x0
			b3 += w3[i+1] * x1
		}
		if i < cols {
			a0 += w0[i] * x[i]
			a1 += w1[i] * x[i]
			a2 += w2[i] * x[i]
			a3 += w3[i] * x[i]
		}
		d := dst[r : r+4 : r+4]
		d[0], d[1], d[2], d[3] = a0+b0, a1+b1, a2+b2, a3+b3
	}
	for ; r < rows; r++ {
		dst[r] = dot(w[r*cols:(r+1)*cols], x)
	}
	if bias != nil {
		axpy(dst[:rows], 1, bias[:rows])
	}
}

// gemm writes dst = X·Wᵀ + bias: X is t×cols with rows xStride floats apart, W rows×cols, dst t×rows.
func gemm(dst, x []float32, t, xStride int, w, bias []float32, rows, cols int) {
	for i := range t {
		gemv(dst[i*rows:(i+1)*rows], w, x[i*xStride:i*xStride+cols], bias, rows, cols)
	}
}
