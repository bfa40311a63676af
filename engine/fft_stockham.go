package engine

import "math"

// stockham is a complex FFT of m points, a power of two from 4 up. It is the self-sorting decimation-in-frequency scheme
// (Stockham 1966; Van Loan, Computational Frameworks for the FFT, 1992, section 1.7): each pass reads one buffer and writes the
// other in an order that leaves the last result sorted, so there is no bit reversal. Passes are radix 4; what is left at the end
// is 4 or 8 points, done without twiddle factors.
type stockham struct {
	passes []pass
	last   int // 4 or 8
	a, b   []complex128
}

// pass is one radix-4 step over blocks of n points that lie stride apart.
type pass struct {
	stride int
	tw     [][3]complex128 // [n/4] exp(-2πi·p/n) to the powers 1, 2, 3
}

func newStockham(m int) *stockham {
	s := &stockham{a: make([]complex128, m), b: make([]complex128, m)}
	n, stride := m, 1
	for n > 8 {
		p := pass{stride: stride, tw: make([][3]complex128, n/4)}
		for i := range p.tw {
			for j := range 3 {
				sin, cos := math.Sincos(-2 * math.Pi * float64((j+1)*i) / float64(n))
				p.tw[i][j] = complex(cos, sin)
			}
		}
		s.passes = append(s.passes, p)
		n, stride = n/4, stride*4
	}
	s.last = n
	return s
}

// transform returns the transform of x, which it leaves unchanged. The result is the plan's and lasts until the next call.
func (s *stockham) transform(x []complex128) []complex128 {
	src, dst, spare := x, s.a, s.b
	for _, p := range s.passes {
		switch p.stride {
		case 1:
			radix4First(dst, src, p.tw)
		case 4:
			radix4Second(dst, src, p.tw)
		default:
			radix4(dst, src, p.tw, p.stride)
		}
		src, dst, spare = dst, spare, dst
	}
	if s.last == 4 {
		radix4Last(dst, src)
	} else {
		radix8Last(dst, src)
	}
	return dst
}

// radix4First is the pass with stride 1: reads four runs, writes groups of four.
func radix4First(y, x []complex128, tw [][3]complex128) {
	m := len(tw)
	x0, x1, x2, x3 := x[:m], x[m:2*m], x[2*m:3*m], x[3*m:4*m]
	for p := range tw {
		w := &tw[p]
		a, b, c, d := x0[p], x1[p], x2[p], x3[p]
		sum, dif := a+c, a-c
		tsum, t := b+d, b-d
		jt := complex(-imag(t), real(t)) // i·t
		o := (*[4]complex128)(y[4*p:])
		o[0] = sum + tsum
		o[1] = w[0] * (dif - jt)
		o[2] = w[1] * (sum - tsum)
		o[3] = w[2] * (dif + jt)
	}
}

// radix4Second is the pass with stride 4, whose runs are too short to set up slices for.
func radix4Second(y, x []complex128, tw [][3]complex128) {
	m := len(tw) * 4
	x0, x1, x2, x3 := x[:m], x[m:2*m], x[2*m:3*m], x[3*m:4*m]
	for p := range tw {
		w1, w2, w3 := tw[p][0], tw[p][1], tw[p][2]
		p0, p1, p2, p3 := (*[4]complex128)(x0[4*p:]), (*[4]complex128)(x1[4*p:]), (*[4]complex128)(x2[4*p:]), (*[4]complex128)(x3[4*p:])
		o := (*[16]complex128)(y[16*p:])
		for q := range 4 {
			a, b, c, d := p0[q], p1[q], p2[q], p3[q]
			sum, dif := a+c, a-c
			tsum, t := b+d, b-d
			jt := complex(-imag(t), real(t))
			o[q] = sum + tsum
			o[q+4] = w1 * (dif - jt)
			o[q+8] = w2 * (sum - tsum)
			o[q+12] = w3 * (dif + jt)
		}
	}
}

// radix4 is a pass with stride s of 16 or more: one twiddle triple serves a run of s points.
func radix4(y, x []complex128, tw [][3]complex128, s int) {
	m := len(tw) * s
	for p := range tw {
		w1, w2, w3 := tw[p][0], tw[p][1], tw[p][2]
		i, o := p*s, 4*p*s
		x0, x1, x2, x3 := x[i:i+s], x[m+i:m+i+s], x[2*m+i:2*m+i+s], x[3*m+i:3*m+i+s]
		y0, y1, y2, y3 := y[o:o+s], y[o+s:o+2*s], y[o+2*s:o+3*s], y[o+3*s:o+4*s]
		x1, x2, x3 = x1[:len(x0)], x2[:len(x0)], x3[:len(x0)]
		y0, y1, y2, y3 = y0[:len(x0)], y1[:len(x0)], y2[:len(x0)], y3[:len(x0)]
		for q, a := range x0 {
			b, c, d := x1[q], x2[q], x3[q]
			sum, dif := a+c, a-c
			tsum, t := b+d, b-d
			jt := complex(-imag(t), real(t))
			y0[q] = sum + tsum
			y1[q] = w1 * (dif - jt)
			y2[q] = w2 * (sum - tsum)
			y3[q] = w3 * (dif + jt)
		}
	}
}

// radix4Last does 4-point transforms of points len/4 apart.
func radix4Last(y, x []complex128) {
	s := len(x) / 4
	x0, x1, x2, x3 := x[:s], x[s:2*s], x[2*s:3*s], x[3*s:4*s]
	y0, y1, y2, y3 := y[:s], y[s:2*s], y[2*s:3*s], y[3*s:4*s]
	x1, x2, x3 = x1[:len(x0)], x2[:len(x0)], x3[:len(x0)]
	y0, y1, y2, y3 = y0[:len(x0)], y1[:len(x0)], y2[:len(x0)], y3[:len(x0)]
	for q, a := range x0 {
		b, c, d := x1[q], x2[q], x3[q]
		sum, dif := a+c, a-c
		tsum, t := b+d, b-d
		jt := complex(-imag(t), real(t))
		y0[q], y1[q], y2[q], y3[q] = sum+tsum, dif-jt, sum-tsum, dif+jt
	}
}

// radix8Last does 8-point transforms of points len/8 apart, as two 4-point ones over the even and the odd points.
func radix8Last(y, x []complex128) {
	const r = math.Sqrt2 / 2
	s := len(x) / 8
	x0, x1, x2, x3 := x[:s], x[s:2*s], x[2*s:3*s], x[3*s:4*s]
	x4, x5, x6, x7 := x[4*s:5*s], x[5*s:6*s], x[6*s:7*s], x[7*s:8*s]
	for q := range x0 {
		a, b := x0[q], x4[q]
		s04, d04 := a+b, a-b
		a, b = x2[q], x6[q]
		s26, t := a+b, a-b
		d26 := complex(-imag(t), real(t))
		e0, e1, e2, e3 := s04+s26, d04-d26, s04-s26, d04+d26

		a, b = x1[q], x5[q]
		s15, d15 := a+b, a-b
		a, b = x3[q], x7[q]
		s37, u := a+b, a-b
		d37 := complex(-imag(u), real(u))
		o0, o1, o2, o3 := s15+s37, d15-d37, s15-s37, d15+d37
		// turn by exp(-2πi·k/8)
		o1 = complex(r*(real(o1)+imag(o1)), r*(imag(o1)-real(o1)))
		o2 = complex(imag(o2), -real(o2))
		o3 = complex(r*(imag(o3)-real(o3)), -r*(imag(o3)+real(o3)))

		y[q], y[q+4*s] = e0+o0, e0-o0
		y[q+s], y[q+5*s] = e1+o1, e1-o1
		y[q+2*s], y[q+6*s] = e2+o2, e2-o2
		y[q+3*s], y[q+7*s] = e3+o3, e3-o3
	}
}
