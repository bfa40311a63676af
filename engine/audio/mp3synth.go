package audio

import "math"

// mp3Bank is the polyphase synthesis filter bank of 32 subbands (11172-3, 2.4.3.2.2): every step is a matrix of cosines, done as a
// fast DCT-II (B. G. Lee 1984), and a window of 512 over the last 16 of them.
type mp3Bank struct {
	half  [31]float32       // 1 / (2 cos((2k+1)π/2n)) for n = 32, 16, 8, 4, 2
	first [17][2][8]float32 // window over the even and the odd steps for output j,
	other [16][2][8]float32 // and for 32-j, which takes the same values
}

// mp3Past is the last 16 steps of one channel. Row m holds output m of the DCTs twice, so that the last 16 always stand together.
type mp3Past struct {
	rows [32][32]float32
	at   int
}

func newMP3Bank() *mp3Bank {
	b := &mp3Bank{}
	i := 0
	for n := 32; n > 1; n /= 2 {
		for k := range n / 2 {
			b.half[i] = float32(0.5 / math.Cos(float64(2*k+1)*math.Pi/float64(2*n)))
			i++
		}
	}
	d := mp3Window()
	window := func(i int) float32 {
		switch {
		case i <= 256:
			return float32(d[i]) / 65536
		case i%64 == 0:
			return float32(d[512-i]) / 65536
		}
		return -float32(d[512-i]) / 65536
	}
	// Output j is the sum over i of D[j+64i]·V[2i][j] + D[j+32+64i]·V[2i+1][j+32], where V of a step is its DCT folded out:
	// V[j] is DCT[16+j], 0 at 16 and -DCT[48-j] above; V[32+j] is -DCT[|16-j|].
	for i := range 8 {
		for j := range 17 {
			if j < 16 {
				b.first[j][0][i] = window(j + 64*i)
			}
			b.first[j][1][i] = -window(j + 32 + 64*i)
			if j > 0 && j < 16 {
				b.other[j][0][i] = -window(32 - j + 64*i)
				b.other[j][1][i] = -window(64 - j + 64*i)
			}
		}
	}
	return b
}

// dct turns x into its DCT-II: X[m] = Σ x[k] cos(m(2k+1)π/64). A DCT-II of n is one of the sums of mirrored inputs, which gives the
// even outputs, and one of their differences over 2 cos((2k+1)π/2n), whose neighbours added give the odd ones.
func (b *mp3Bank) dct(x *[32]float32) {
	var t [32]float32
	h32, h16, h8, h4 := (*[16]float32)(b.half[0:16]), (*[8]float32)(b.half[16:24]), (*[4]float32)(b.half[24:28]), (*[2]float32)(b.half[28:30])
	h2 := b.half[30]
	for k := range 16 {
		p, q := x[k], x[31-k]
		t[k], t[16+k] = p+q, (p-q)*h32[k]
	}
	for s := 0; s < 32; s += 16 {
		u, v := (*[16]float32)(t[s:s+16]), (*[16]float32)(x[s:s+16])
		for k := range 8 {
			p, q := u[k], u[15-k]
			v[k], v[8+k] = p+q, (p-q)*h16[k]
		}
	}
	for s := 0; s < 32; s += 8 {
		// Eight points at once: X0, X4, X2 + X6, ... in the order of their halves.
		v := (*[8]float32)(x[s : s+8])
		a0, a1, a2, a3 := v[0]+v[7], v[1]+v[6], v[2]+v[5], v[3]+v[4]
		d0, d1, d2, d3 := (v[0]-v[7])*h8[0], (v[1]-v[6])*h8[1], (v[2]-v[5])*h8[2], (v[3]-v[4])*h8[3]
		e0, e1, f0, f1 := a0+a3, a1+a2, (a0-a3)*h4[0], (a1-a2)*h4[1]
		g0, g1 := f0+f1, (f0-f1)*h2
		v[0], v[4] = e0+e1, (e0-e1)*h2
		v[2], v[6] = g0+g1, g1
		e0, e1, f0, f1 = d0+d3, d1+d2, (d0-d3)*h4[0], (d1-d2)*h4[1]
		g0, g1 = f0+f1, (f0-f1)*h2
		o0, o2 := e0+e1, (e0-e1)*h2
		o1, o3 := g0+g1, g1
		v[1], v[3], v[5], v[7] = o0+o1, o1+o2, o2+o3, o3
	}
	for s := 0; s < 32; s += 16 {
		v, u := (*[16]float32)(x[s:s+16]), (*[16]float32)(t[s:s+16])
		for i := range 7 {
			u[2*i], u[2*i+1] = v[i], v[8+i]+v[9+i]
		}
		u[14], u[15] = v[7], v[15]
	}
	for i := range 15 {
		x[2*i], x[2*i+1] = t[i], t[16+i]+t[17+i]
	}
	x[30], x[31] = t[15], t[31]
}

// step takes one sample of each subband, which it overwrites, and gives 32 samples in [-1, 1].
func (b *mp3Bank) step(out *[32]float32, x *[32]float32, past *mp3Past) {
	b.dct(x)
	past.at = (past.at - 1) & 15
	at := past.at
	for m := range past.rows {
		row := &past.rows[m]
		row[at], row[at+16] = x[m], x[m]
	}
	// Output 0 and 16 stand alone, every other has its mirror image.
	p := (*[16]float32)(past.rows[16][at : at+16])
	out[0] = mp3Clip(mp3Even(p, &b.first[0][0]) + mp3Odd(p, &b.first[0][1]))
	out[16] = mp3Clip(mp3Odd((*[16]float32)(past.rows[0][at:at+16]), &b.first[16][1]))
	for j := 1; j < 16; j++ {
		p, q := (*[16]float32)(past.rows[16+j][at:at+16]), (*[16]float32)(past.rows[16-j][at:at+16])
		w, v := &b.first[j], &b.other[j]
		out[j] = mp3Clip(mp3Even(p, &w[0]) + mp3Odd(q, &w[1]))
		out[32-j] = mp3Clip(mp3Even(p, &v[0]) + mp3Odd(q, &v[1]))
	}
}

// mp3Even weighs steps 0, 2, ... 14 of the past, the newest being 0.
func mp3Even(p *[16]float32, w *[8]float32) float32 {
	return p[0]*w[0] + p[2]*w[1] + p[4]*w[2] + p[6]*w[3] + p[8]*w[4] + p[10]*w[5] + p[12]*w[6] + p[14]*w[7]
}

// mp3Odd weighs steps 1, 3, ... 15.
func mp3Odd(p *[16]float32, w *[8]float32) float32 {
	return p[1]*w[0] + p[3]*w[1] + p[5]*w[2] + p[7]*w[3] + p[9]*w[4] + p[11]*w[5] + p[13]*w[6] + p[15]*w[7]
}

func mp3Clip(v float32) float32 { return min(max(v, -1), 1) }
