package audio

import "math"

// mp3Hybrid turns spectra into the samples of 32 subbands: alias reduction, inverse MDCT of 36 or three times 12 points, windows
// and overlap (11172-3, 2.4.3.4.10).
//
// An inverse MDCT of 2N points is a DCT-IV of N with its output laid out by symmetry. With θ = π/4N and Y[k] = X[k] + X[k-1],
//
//	2 cos((2n+1)θ) · Σ X[k] cos((2n+1)(2k+1)θ) = Σ Y[k] cos((2n+1)·2k·θ),
//
// a DCT-III, whose even terms are one of half the size and whose odd terms are so again by the same identity. The last division is
// part of the windows.
type mp3Hybrid struct {
	cs, ca  [8]float32
	windows [2][4][36]float32 // by parity of the subband, whose odd samples change sign in odd ones, and block type
	short   [12]float32
	c       [9]float32 // cos(m·π/18)
	odd36   [9]float32 // 1 / (2 cos((2n+1)π/36))
	odd12   [3]float32 // 1 / (2 cos((2n+1)π/12))
}

func newMP3Hybrid() *mp3Hybrid {
	y := &mp3Hybrid{}
	for i, c := range mp3Alias() {
		y.cs[i], y.ca[i] = float32(1/math.Sqrt(1+c*c)), float32(c/math.Sqrt(1+c*c))
	}
	for m := range y.c {
		y.c[m] = float32(math.Cos(float64(m) * math.Pi / 18))
		y.odd36[m] = float32(0.5 / math.Cos(float64(2*m+1)*math.Pi/36))
	}
	for n := range y.odd12 {
		y.odd12[n] = float32(0.5 / math.Cos(float64(2*n+1)*math.Pi/12))
	}
	sine := func(i, n int) float64 { return math.Sin(math.Pi / float64(n) * (float64(i) + 0.5)) }
	for i := range 36 {
		w := [4]float64{sine(i, 36), sine(i, 36), 0, sine(i, 36)}
		switch { // the side of a start or stop window that meets short blocks
		case i >= 30:
			w[1] = 0
		case i >= 24:
			w[1] = sine(i-18, 12)
		case i >= 18:
			w[1] = 1
		case i >= 12:
			w[3] = 1
		case i >= 6:
			w[3] = sine(i-6, 12)
		default:
			w[3] = 0
		}
		n, sign := mp3Fold(i, 18)
		sign *= 0.5 / math.Cos(float64(2*n+1)*math.Pi/72)
		for b, v := range w {
			y.windows[0][b][i] = float32(v * sign)
			y.windows[1][b][i] = float32(v * sign)
			if i&1 == 1 {
				y.windows[1][b][i] = -y.windows[0][b][i]
			}
		}
	}
	for i := range y.short {
		n, sign := mp3Fold(i, 6)
		y.short[i] = float32(sine(i, 12) * sign * 0.5 / math.Cos(float64(2*n+1)*math.Pi/24))
	}
	return y
}

// mp3Fold tells which output of a DCT-IV of size n, with which sign, is output i of the inverse MDCT of 2n points.
func mp3Fold(i, n int) (at int, sign float64) {
	switch i += n / 2; {
	case i < n:
		return i, 1
	case i < 2*n:
		return 2*n - 1 - i, -1
	}
	return i - 2*n, -1
}

// run turns x, the spectrum of g, into 18 samples of each subband and returns how many subbands may differ from 0. overlap is kept
// from granule to granule, of which active subbands may differ from 0.
func (y *mp3Hybrid) run(out *[18][32]float32, x *[576]float32, overlap *[32][18]float32, active *int, g *mp3Granule) int {
	bands := (g.lines + 17) / 18
	edges := min(bands, 31)
	if g.block == 2 {
		edges = 0
		if g.mixed {
			edges = 1
		}
	}
	for sb := 1; sb <= edges; sb++ {
		lo, hi := (*[8]float32)(x[18*sb-8:18*sb]), (*[8]float32)(x[18*sb:18*sb+8])
		for i := range 8 {
			a, b := lo[7-i], hi[i]
			lo[7-i] = a*y.cs[i] - b*y.ca[i]
			hi[i] = b*y.cs[i] + a*y.ca[i]
		}
	}
	bands = max(bands, min(edges+1, 32))
	if g.lines == 0 {
		bands = 0
	}
	for sb := range bands {
		in, o := (*[18]float32)(x[18*sb:18*sb+18]), &overlap[sb]
		block := g.block
		if g.mixed && sb < 2 {
			block = 0
		}
		if block == 2 {
			y.three12(out, sb, in, o)
		} else {
			y.one36(out, sb, in, o, &y.windows[sb&1][block])
		}
	}
	// Where the spectrum is 0, the last granule rings out.
	all := max(bands, *active)
	for sb := bands; sb < all; sb++ {
		for i, v := range overlap[sb] {
			out[i][sb] = v
		}
		clear(overlap[sb][:])
	}
	*active = bands
	return all
}

// dct9 is s[n] = Σ a[j] cos((2n+1)·j·π/18).
func (y *mp3Hybrid) dct9(a *[9]float32) {
	c := &y.c
	half := a[0] + 0.5*a[6]
	e0 := half + a[2]*c[2] + a[4]*c[4] + a[8]*c[8]
	e1 := a[0] - a[6] + 0.5*(a[2]-a[4]-a[8])
	e2 := half - a[2]*c[8] - a[4]*c[2] + a[8]*c[4]
	e3 := half - a[2]*c[4] + a[4]*c[8] - a[8]*c[2]
	e4 := a[0] - a[2] + a[4] - a[6] + a[8]
	mid := a[3] * c[3]
	o0 := mid + a[1]*c[1] + a[5]*c[5] + a[7]*c[7]
	o1 := c[3] * (a[1] - a[5] - a[7])
	o2 := a[1]*c[5] - mid - a[5]*c[7] + a[7]*c[1]
	o3 := a[1]*c[7] - mid + a[5]*c[1] - a[7]*c[5]
	a[0], a[8] = e0+o0, e0-o0
	a[1], a[7] = e1+o1, e1-o1
	a[2], a[6] = e2+o2, e2-o2
	a[3], a[5] = e3+o3, e3-o3
	a[4] = e4
}

// one36 is the transform of one subband in a long block.
func (y *mp3Hybrid) one36(out *[18][32]float32, sb int, x, overlap *[18]float32, w *[36]float32) {
	var e, o [9]float32
	e[0] = x[0]
	o[0] = x[1] + x[0]
	last := o[0]
	for j := 1; j < 9; j++ {
		e[j] = x[2*j] + x[2*j-1]
		odd := x[2*j+1] + x[2*j]
		o[j] = odd + last
		last = odd
	}
	y.dct9(&e)
	y.dct9(&o)
	// e ± o are outputs n and 17-n of the DCT-IV: 9+i comes first in the block, 8-i in its second half.
	for i := range 9 {
		odd := o[8-i] * y.odd36[8-i]
		front, back := e[8-i]-odd, e[8-i]+odd
		out[i][sb&31] = front*w[i] + overlap[i]
		out[17-i][sb&31] = front*w[17-i] + overlap[17-i]
		overlap[i] = back * w[18+i]
		overlap[17-i] = back * w[35-i]
	}
}

// three12 is the transform of one subband in a short block: three windows, six samples apart.
func (y *mp3Hybrid) three12(out *[18][32]float32, sb int, x, overlap *[18]float32) {
	const cos30 = 0.86602540378443864676
	var sum [36]float32
	for w := range 3 {
		y0 := x[w]
		y1, y2, y3 := x[3+w]+y0, x[6+w]+x[3+w], x[9+w]+x[6+w]
		y4, y5 := x[12+w]+x[9+w], x[15+w]+x[12+w]
		// Two DCT-III of three points: even terms, odd terms.
		a, b := y0+0.5*y4, cos30*y2
		e := [3]float32{a + b, y0 - y4, a - b}
		z1, z2 := y3+y1, y5+y3
		a, b = y1+0.5*z2, cos30*z1
		o := [3]float32{(a + b) * y.odd12[0], (y1 - z2) * y.odd12[1], (a - b) * y.odd12[2]}
		s := (*[12]float32)(sum[6+6*w : 18+6*w])
		for i := range 3 {
			front, back := e[2-i]-o[2-i], e[2-i]+o[2-i]
			s[i] += front * y.short[i]
			s[5-i] += front * y.short[5-i]
			s[6+i] += back * y.short[6+i]
			s[11-i] += back * y.short[11-i]
		}
	}
	if sb&1 == 1 {
		for i := 1; i < 36; i += 2 {
			sum[i] = -sum[i]
		}
	}
	for i := range overlap {
		out[i][sb&31] = sum[i] + overlap[i]
		overlap[i] = sum[18+i]
	}
}
