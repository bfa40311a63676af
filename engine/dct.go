package engine

import "math"

// DCTNorm names a scaling of the type-II cosine transform c[k] = s[k]·Σ x[j]·cos(πk(2j+1)/2M).
type DCTNorm string

const (
	DCTOrtho DCTNorm = "ortho" // s[0] = √(1/M), else √(2/M): Kaldi, librosa, python_speech_features, scipy norm="ortho"
	DCTHTK   DCTNorm = "htk"   // √(2/M) for every k: HTK
	DCTNone  DCTNorm = "none"  // 2 for every k: scipy norm=None, FFTW REDFT10
)

// dct holds the first n rows of the transform of m values, times a lifter. The cosine is even or odd about the middle of the
// input, so even rows see x[j]+x[m-1-j] and odd rows x[j]-x[m-1-j]: half the products of the plain matrix.
type dct struct {
	m, n      int
	even, odd [][]float64 // rows k = 0, 2, 4.. of ceil(m/2) and k = 1, 3, 5.. of m/2 weights
	sum, dif  []float64
}

func newDCT(m, n int, norm DCTNorm, lifter []float64) *dct {
	d := &dct{m: m, n: n, sum: make([]float64, (m+1)/2), dif: make([]float64, m/2)}
	for k := range n {
		s := 2.0
		switch {
		case norm == DCTOrtho && k == 0:
			s = math.Sqrt(1 / float64(m))
		case norm != DCTNone:
			s = math.Sqrt(2 / float64(m))
		}
		s *= lifter[k]
		row := make([]float64, (m+1-k%2)/2)
		for j := range row {
			row[j] = s * math.Cos(math.Pi*float64(k*(2*j+1)%(4*m))/float64(2*m))
		}
		if k%2 == 0 {
			d.even = append(d.even, row)
		} else {
			d.odd = append(d.odd, row)
		}
	}
	return d
}

// transform writes n coefficients of the m values of x to dst.
func (d *dct) transform(dst, x []float32) {
	h := d.m / 2
	lo, sum, dif := x[:h], d.sum[:h], d.dif[:h]
	for j := range lo {
		a, b := float64(lo[j]), float64(x[len(x)-1-j])
		sum[j], dif[j] = a+b, a-b
	}
	if d.m%2 == 1 {
		d.sum[h] = float64(x[h]) // its mirror image is itself; the cosine of odd rows is zero there
	}
	for k, row := range d.even {
		dst[2*k] = float32(dot64(row, d.sum))
	}
	for k, row := range d.odd {
		dst[2*k+1] = float32(dot64(row, d.dif))
	}
}

// dot64 is the inner product of a and b, which must be as long, in four chains.
func dot64(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	b = b[:len(a)]
	for i, v := range a {
		s0 += v * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}
