package audio

// ITU-T G.722 (09/2012): two bands of 8 kHz ADPCM, 6 bits low and 2 bits high, 64 kbit/s. Integer arithmetic as in the standard's
// clause 6, so that results match other implementations bit for bit. Tables are those of the standard, named as there.

// g722Band is the predictor and quantizer state of one band. Index 0 is the current sample.
type g722Band struct {
	s, sp, sz int    // signal estimate: of both predictors, poles, zeros
	r, p      [3]int // reconstructed signal, partially reconstructed signal
	a         [3]int // pole coefficients a1, a2
	b, d      [7]int // zero coefficients b1..b6, quantized difference signal
	nb, det   int    // log scale factor, scale factor
}

// sat limits v to 16 bits.
func sat(v int) int { return min(max(v, -32768), 32767) }

// adapt is block 4 of the decoder: it takes the difference signal d0 of this sample, adapts both predictors and forms the
// estimate s for the next one.
func (g *g722Band) adapt(d0 int) {
	g.d[0] = d0
	g.r[0] = sat(g.s + d0)
	g.p[0] = sat(g.sz + d0)
	same := func(i, j int) bool { return g.p[i] < 0 == (g.p[j] < 0) }

	// UPPOL2: second pole
	w := sat(g.a[1] << 2)
	if same(0, 1) {
		w = min(-w, 32767)
	}
	a2 := w >> 7
	if same(0, 2) {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = min(max(a2+(g.a[2]*32512)>>15, -12288), 12288)

	// UPPOL1: first pole, kept inside the stability triangle
	a1 := -192
	if same(0, 1) {
		a1 = 192
	}
	a1 = sat(a1 + (g.a[1]*32640)>>15)
	bound := sat(15360 - a2)
	a1 = min(max(a1, -bound), bound)

	// UPZERO: six zeros
	step := 128
	if d0 == 0 {
		step = 0
	}
	for i := 6; i > 0; i-- {
		w := step
		if g.d[i] < 0 != (d0 < 0) {
			w = -step
		}
		g.b[i] = sat(w + (g.b[i]*32640)>>15)
	}

	// DELAYA
	for i := 6; i > 0; i-- {
		g.d[i] = g.d[i-1]
	}
	g.r[2], g.r[1] = g.r[1], g.r[0]
	g.p[2], g.p[1] = g.p[1], g.p[0]
	g.a[1], g.a[2] = a1, a2

	// FILTEP, FILTEZ, PREDIC
	g.sp = sat((a1*sat(2*g.r[1]))>>15 + (a2*sat(2*g.r[2]))>>15)
	g.sz = 0
	for i := 6; i > 0; i-- {
		g.sz += (g.b[i] * sat(2*g.d[i])) >> 15
	}
	g.sz = sat(g.sz)
	g.s = sat(g.sp + g.sz)
}

// scale is LOGSCL and SCALEL (or H): it moves the log scale factor by w, within top, and takes its exponential; shift is 8 for
// the low band and 10 for the high one.
func (g *g722Band) scale(t *g722Tables, w, top, shift int) {
	g.nb = min(max((g.nb*127)>>7+w, 0), top)
	v, e := t.ilb[g.nb>>6&31], shift-g.nb>>11
	if e < 0 {
		v <<= -e
	} else {
		v >>= e
	}
	g.det = v << 2
}

// g722Tables are the quantizer tables of the standard.
type g722Tables struct {
	qm6 [64]int // low band, 6 bits
	qm4 [16]int // low band, the 4 bits that drive adaptation
	qm2 [4]int  // high band, 2 bits
	rl4 [16]int // 4-bit code -> index into wl
	wl  [8]int
	wh  [4]int // high-band code -> log scale step (WH of RH2)
	ilb [32]int
	qmf [12]int // half of the 24-tap quadrature mirror filter
}

func newG722Tables() *g722Tables {
	t := &g722Tables{
		qm4: [16]int{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0},
		qm2: [4]int{-7408, -1616, 7408, 1616},
		rl4: [16]int{0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0},
		wl:  [8]int{-60, -30, 58, 172, 334, 538, 1198, 3042},
		wh:  [4]int{798, -214, 798, -214},
		ilb: [32]int{
			2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
			2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
		},
		qmf: [12]int{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11},
	}
	// The 64 output levels mirror each other but for the four codes that are never sent and the two innermost pairs.
	levels := [30]int{
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
	}
	for c := range 4 {
		t.qm6[c] = -136
	}
	for i, v := range levels[:28] {
		t.qm6[4+i] = -v
	}
	for i, v := range levels {
		t.qm6[32+i] = v
	}
	t.qm6[62], t.qm6[63] = -432, -136
	return t
}

// g722Decoder decodes octets to two samples each at 16 kHz.
type g722Decoder struct {
	t         *g722Tables
	low, high g722Band
	x         [24]int // QMF history, newest last
}

func newG722Decoder() *g722Decoder {
	d := &g722Decoder{t: newG722Tables()}
	d.low.det, d.high.det = 32, 8
	return d
}

// Rate is 16000 whatever the RTP clock says.
func (d *g722Decoder) Rate() int { return 16000 }

// Decode appends two samples per octet. Every octet is valid.
func (d *g722Decoder) Decode(dst []float32, src []byte) ([]float32, error) {
	const scale = 1.0 / 32768
	for _, c := range src {
		y0, y1 := d.octet(c)
		dst = append(dst, float32(y0)*scale, float32(y1)*scale)
	}
	return dst, nil
}

// octet decodes one octet to two 16-bit samples.
func (d *g722Decoder) octet(c byte) (int, int) {
	t := d.t
	il, ih := int(c&0x3f), int(c>>6)
	// Lower band: 6 bits to the listener, the upper 4 of them to the predictor.
	rl := min(max(d.low.s+(d.low.det*t.qm6[il])>>15, -16384), 16383)
	dl := (d.low.det * t.qm4[il>>2]) >> 15
	d.low.scale(t, t.wl[t.rl4[il>>2]], 18432, 8)
	d.low.adapt(dl)
	// Upper band
	dh := (d.high.det * t.qm2[ih]) >> 15
	rh := min(max(d.high.s+dh, -16384), 16383)
	d.high.scale(t, t.wh[ih], 22528, 10)
	d.high.adapt(dh)
	// Receive QMF
	copy(d.x[:], d.x[2:])
	d.x[22], d.x[23] = rl+rh, rl-rh
	y0, y1 := 0, 0
	for i, h := range t.qmf {
		y1 += d.x[2*i] * h
		y0 += d.x[2*i+1] * t.qmf[11-i]
	}
	return sat(y0 >> 11), sat(y1 >> 11)
}
