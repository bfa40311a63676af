package audio

import (
	"bytes"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// The bands of every sampling rate cover the spectrum, and what the decoder calls complete is.
func TestMP3Tables(t *testing.T) {
	for rate := range 9 {
		long, short := 0, 0
		for _, n := range mp3LongBands(rate) {
			long += int(n)
		}
		for _, n := range mp3ShortBands(rate) {
			short += int(n)
		}
		if long != 576 || short != 192 {
			t.Errorf("rate %d: %d lines in long bands, want 576; %d in short ones, want 192", rate, long, short)
		}
	}
	for code := range 33 {
		sum, values := 0.0, map[uint16]bool{}
		entries := mp3Codes(code)
		for _, e := range entries {
			sum += math.Exp2(-float64(e >> 8))
			values[e&0xff] = true
		}
		if none := code == 0 || code == 4 || code == 14; none && entries != nil || !none && (sum != 1 || len(values) != len(entries)) {
			t.Errorf("code %d: words fill %g of the space with %d values for %d words, want all of it and each value once", code, sum, len(values), len(entries))
		}
	}
}

// Every word of every code is read back as its value, and costs its length.
func TestMP3Trees(t *testing.T) {
	s := newMP3Spectrum()
	for code := 1; code < 32; code++ {
		at := uint64(0)
		for _, e := range mp3Codes(code) {
			bits := int(e >> 8)
			var b [24]byte
			for i := range 8 {
				b[i] = byte(at << 32 >> (56 - 8*i))
			}
			// No linbits and no signs are set: they read as 0.
			var x [576]float32
			g := &mp3Granule{pairs: 1, tables: [3]int{code, code, code}}
			want := [2]float32{s.powers[e>>4&15], s.powers[e&15]}
			used := bits
			for _, v := range []int{int(e >> 4 & 15), int(e & 15)} {
				if v > 0 {
					used++
				}
				if v == 15 {
					used += mp3Linbits(code)
				}
			}
			if _, err := s.read(&x, b[:], 0, used, g, [3]int{2, 2, 2}); err != nil || x[0] != want[0] || x[1] != want[1] {
				t.Fatalf("code %d, word %x of %d bits: %v %v, want %v, error %v", code, at>>(32-bits), bits, x[0], x[1], want, err)
			}
			if _, err := s.read(&x, b[:], 0, used-1, g, [3]int{2, 2, 2}); err == nil {
				t.Fatalf("code %d, word %x: read from %d bits of %d", code, at>>(32-bits), used-1, used)
			}
			at += 1 << (32 - bits)
		}
	}
}

// The fast transforms are those of the standard, written out.
func TestMP3Transforms(t *testing.T) {
	y, bank := newMP3Hybrid(), newMP3Bank()
	var x [576]float32
	for i := range x {
		x[i] = float32(math.Sin(float64(i*i)*0.37 + 1))
	}
	for block := range 4 {
		var out [18][32]float32
		var overlap [32][18]float32
		active := 0
		in := x
		g := &mp3Granule{block: block, lines: 576}
		var spectrum [576]float64
		if block != 2 { // alias reduction works on the spectrum first
			for i, v := range in {
				spectrum[i] = float64(v)
			}
			for sb := 1; sb < 32; sb++ {
				for i, c := range mp3Alias() {
					cs, ca := 1/math.Sqrt(1+c*c), c/math.Sqrt(1+c*c)
					a, b := spectrum[18*sb-1-i], spectrum[18*sb+i]
					spectrum[18*sb-1-i], spectrum[18*sb+i] = a*cs-b*ca, b*cs+a*ca
				}
			}
		} else {
			for i, v := range in {
				spectrum[i] = float64(v)
			}
		}
		y.run(&out, &in, &overlap, &active, g)
		for _, sb := range []int{0, 1, 17, 31} {
			want := slowIMDCT(spectrum[18*sb:18*sb+18], block)
			for i := range 36 {
				got := float64(overlap[sb][i%18])
				if i < 18 {
					got = float64(out[i][sb])
				}
				if sb&1 == 1 && i&1 == 1 {
					got = -got
				}
				if d := math.Abs(got - want[i]); d > 2e-5 {
					t.Fatalf("block type %d, subband %d, sample %d: %g, want %g", block, sb, i, got, want[i])
				}
			}
		}
	}
	var z [32]float32
	copy(z[:], x[:])
	bank.dct(&z)
	for m := range z {
		want := 0.0
		for k := range 32 {
			want += float64(x[k]) * math.Cos(float64(m*(2*k+1))*math.Pi/64)
		}
		if math.Abs(float64(z[m])-want) > 2e-5 {
			t.Errorf("DCT output %d: %g, want %g", m, z[m], want)
		}
	}
}

// slowIMDCT is the formula of 11172-3, 2.4.3.4.10, with its windows.
func slowIMDCT(x []float64, block int) (out [36]float64) {
	imdct := func(x []float64, i int) float64 {
		n, sum := 2*len(x), 0.0
		for k, v := range x {
			sum += v * math.Cos(math.Pi/float64(2*n)*float64(2*i+1+n/2)*float64(2*k+1))
		}
		return sum
	}
	if block == 2 {
		for w := range 3 {
			part := []float64{x[w], x[3+w], x[6+w], x[9+w], x[12+w], x[15+w]}
			for i := range 12 {
				out[6+6*w+i] += imdct(part, i) * math.Sin(math.Pi/12*(float64(i)+0.5))
			}
		}
		return out
	}
	for i := range out {
		w, j := math.Sin(math.Pi/36*(float64(i)+0.5)), i
		if block == 3 {
			j = 35 - i
		}
		if block != 0 && j >= 18 { // the flat, then the short side
			w = 1
			if j >= 24 {
				w = math.Sin(math.Pi / 12 * (float64(j-18) + 0.5))
			}
			if j >= 30 {
				w = 0
			}
		}
		out[i] = imdct(x, i) * w
	}
	return out
}

// Positions that mean none leave the band as it is, those of the standard share it out; what lies under coded lines is untouched.
func TestMP3IntensityPositions(t *testing.T) {
	for name, tc := range map[string]struct {
		word        uint32
		position    uint8
		none        bool
		step        int
		left, right float64
	}{
		"mpeg1_middle":      {0xfffb9064, 3, false, 0, 0.5, 0.5},
		"mpeg1_left":        {0xfffb9064, 6, false, 0, 1, 0},
		"mpeg1_right":       {0xfffb9064, 0, false, 0, 0, 1},
		"mpeg1_7_is_none":   {0xfffb9064, 7, false, 0, 1, 0},
		"mpeg2_0":           {0xfff39064, 0, false, 0, 1, 1},
		"mpeg2_7":           {0xfff39064, 7, false, 0, 0.5, 1},
		"mpeg2_8_half_step": {0xfff39064, 8, false, 1, 1, 0.25},
		"mpeg2_top_is_none": {0xfff39064, 15, true, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h, ok := parseMP3Header([]byte{byte(tc.word >> 24), byte(tc.word >> 16), byte(tc.word >> 8), byte(tc.word)})
			if !ok {
				t.Fatal("no header")
			}
			b := newMP3Bands(h)
			var l, r [576]float32
			for i := range l {
				l[i] = 1
			}
			r[3] = 0.25
			g0, g1 := &mp3Granule{lines: 576}, &mp3Granule{lines: 4, compress: tc.step}
			for i := range 21 {
				g1.scale[i] = tc.position
				if tc.none {
					g1.noPosition |= 1 << i
				}
			}
			b.stereo(&l, &r, g0, g1, 1)
			if l[0] != 1 || r[3] != 0.25 || r[0] != 0 {
				t.Errorf("below the last line of the right channel: %g %g %g, want 1 0.25 0", l[0], r[3], r[0])
			}
			for _, i := range []int{int(b.long[0]), 300, 575} {
				if math.Abs(float64(l[i])-tc.left) > 1e-6 || math.Abs(float64(r[i])-tc.right) > 1e-6 {
					t.Errorf("line %d: %g %g, want %g %g", i, l[i], r[i], tc.left, tc.right)
				}
			}
		})
	}
}

// Where the header of a frame is gone its data is gone as well. What refers to it is silence, not noise, and the rest is what it was.
func TestMP3LostFrame(t *testing.T) {
	file := bytes.Clone(goldenFile(t, "matrix-joint-44100.mp3"))
	want, _, _, err := ReadAll(bytes.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	at := 10 + int(file[9])
	for range 4 { // the Xing frame and three others
		h, ok := parseMP3Header(file[at:])
		if !ok {
			t.Fatalf("no frame at offset %d", at)
		}
		at += h.size
	}
	file[at], file[at+1] = 0, 0
	x, _, warnings, err := ReadAll(bytes.NewReader(file), 0)
	if err != nil || !strings.Contains(strings.Join(warnings, "; "), "belong to no frame") {
		t.Fatalf("error %v, warnings %q", err, warnings)
	}
	for c := range want {
		if n := 3*1152 - 1105 - 600; !slices.Equal(x[c][:n], want[c][:n]) {
			t.Errorf("channel %d: samples before the lost frame changed", c)
		}
		from := 8*1152 - 1105
		if n := min(len(x[c]), len(want[c])-1152) - from; n < 1152 || !slices.Equal(x[c][from:from+n], want[c][from+1152:][:n]) {
			t.Errorf("channel %d: samples well behind the lost frame changed", c)
		}
		if got, most := slices.Max(x[c]), slices.Max(want[c]); got > 1.05*most {
			t.Errorf("channel %d: reaches %g, want at most %g", c, got, most)
		}
	}
}

// A frame costs no allocation, whatever is in it.
func TestMP3AllocatesNothing(t *testing.T) {
	for _, name := range []string{"matrix-joint-44100.mp3", "crafted-both-48000.mp3", "crafted-both-11025.mp3", "matrix-mono-8000.mp3"} {
		file := goldenFile(t, name)
		frames := bytes.Repeat(file, 60)
		rd, err := NewReader(bytes.NewReader(frames))
		if err != nil {
			t.Fatal(err)
		}
		dst := make([][]float32, rd.Format().Channels)
		for c := range dst {
			dst[c] = make([]float32, 1152)
		}
		r := rd.(*mp3Reader)
		r.gate.total = -1 // on through all copies
		for range 20 {
			if _, err := rd.Read(dst); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(200, func() {
			if _, err := rd.Read(dst); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %g allocations a frame, want 0", name, n)
		}
	}
}

// breakFrame gives a frame of MPEG-1 with one channel more big values than there are lines.
func breakFrame(b []byte) {
	b[4+3] |= 3 // bits 30 to 38 of the side information
	b[4+4] |= 0xfe
}

// Frames that cannot be decoded keep their time at the start as well, and a stream of nothing else is refused.
func TestMP3FirstFramesBad(t *testing.T) {
	good := goldenFile(t, "mono-48k-noxing.mp3")
	want, _, _, err := ReadAll(bytes.NewReader(good), 0)
	if err != nil {
		t.Fatal(err)
	}
	file := bytes.Clone(good)
	for f := range 3 {
		breakFrame(file[192*f:])
	}
	x, _, warnings, err := ReadAll(bytes.NewReader(file), 0)
	if err != nil || len(x[0]) != len(want[0]) {
		t.Fatalf("%d samples, want %d, error %v", len(x[0]), len(want[0]), err)
	}
	if w := strings.Join(warnings, "; "); !strings.Contains(w, "3 frames could not be decoded") || !strings.Contains(w, "offset 0: side information") {
		t.Errorf("warnings %q", w)
	}
	if slices.Max(x[0][:3*1152]) != 0 || !slices.Equal(x[0][6*1152:], want[0][6*1152:]) {
		t.Error("not silence, or the frames well behind it changed")
	}
	all := bytes.Repeat(file[:192], mp3MaxBad)
	_, _, _, err = ReadAll(bytes.NewReader(all), 0)
	wantErr(t, err, ErrFormat, "no frame could be decoded", "pairs of big values")
	_, _, _, err = ReadAll(bytes.NewReader(bytes.Repeat(file[:192], mp3MaxBad+1)), 0)
	wantErr(t, err, ErrFormat, "51 frames in a row")
}

// Where the number of channels changes, the first frame's stands: one channel fills both, of two the first is read.
func TestMP3ChannelsChange(t *testing.T) {
	one, two := goldenFile(t, "mono-48k-noxing.mp3"), goldenFile(t, "crafted-dual-48000.mp3")
	for name, tc := range map[string]struct {
		data     []byte
		channels int
	}{"two_to_one": {slices.Concat(two, one), 2}, "one_to_two": {slices.Concat(one, two), 1}} {
		t.Run(name, func(t *testing.T) {
			x, f, warnings, err := ReadAll(bytes.NewReader(tc.data), 0)
			if err != nil || f.Channels != tc.channels {
				t.Fatalf("%v, error %v", f, err)
			}
			if frames := len(one)/192 + 14; len(x[0]) != 1152*frames {
				t.Errorf("%d samples, want %d", len(x[0]), 1152*frames)
			}
			if w := strings.Join(warnings, "; "); !strings.Contains(w, "change the number of channels") {
				t.Errorf("warnings %q", w)
			}
			if tc.channels == 2 && !slices.Equal(x[0][16*1152:], x[1][16*1152:]) {
				t.Error("the channels of the second part differ")
			}
		})
	}
}
