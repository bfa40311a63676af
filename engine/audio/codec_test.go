package audio

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNewDecoderNames(t *testing.T) {
	for _, tc := range []struct {
		encoding string
		rate     int
		out      int
		src      []byte
		want     []float32 // in units of 1/32768
	}{
		{"mulaw", 8000, 8000, []byte{0xff, 0x00, 0x80}, []float32{0, -32124, 32124}},
		{"pcmu", 8000, 8000, []byte{0x00}, []float32{-32124}},
		{"ulaw", 16000, 16000, []byte{0x00}, []float32{-32124}},
		{"alaw", 8000, 8000, []byte{0xd5, 0xaa}, []float32{8, 32256}},
		{"pcma", 8000, 8000, []byte{0x2a}, []float32{-32256}},
		{"l16", 8000, 8000, []byte{0x01, 0x02, 0x80, 0x00}, []float32{0x0102, -32768}},
		{"pcm_s16be", 44100, 44100, []byte{0x7f, 0xff}, []float32{32767}},
		{"pcm_s16le", 8000, 8000, []byte{0x01, 0x02, 0x00, 0x80}, []float32{0x0201, -32768}},
		{"linear16", 8000, 8000, []byte{0xff, 0x7f}, []float32{32767}},
		{"slin16", 16000, 16000, []byte{0xff, 0xff}, []float32{-1}},
		{"g722", 8000, 16000, nil, nil},
		{"g722", 16000, 16000, nil, nil},
		{"mulaw", 8000, 8000, nil, nil},
	} {
		d, err := NewDecoder(tc.encoding, tc.rate)
		if err != nil {
			t.Fatalf("%s: %v", tc.encoding, err)
		}
		got, err := d.Decode([]float32{7}, tc.src)
		if err != nil || d.Rate() != tc.out {
			t.Fatalf("%s: rate %d, error %v, want %d", tc.encoding, d.Rate(), err, tc.out)
		}
		want := []float32{7}
		for _, v := range tc.want {
			want = append(want, v/32768)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", tc.encoding, got, want)
		}
	}
}

func TestNewDecoderRefuses(t *testing.T) {
	for _, tc := range []struct {
		encoding string
		rate     int
		is       error
		text     string
	}{
		{"g729", 8000, ErrUnsupported, `codec "g729", want mulaw`},
		{"", 8000, ErrUnsupported, `codec ""`},
		{"mulaw", 0, ErrLimit, "0 Hz"},
		{"l16", 1 << 30, ErrLimit, "1073741824 Hz"},
		{"g722", 48000, ErrUnsupported, "48000 Hz, want 16000"},
		{"opus", 44100, ErrUnsupported, "44100 Hz, want 8000"},
	} {
		_, err := NewDecoder(tc.encoding, tc.rate)
		wantErr(t, err, tc.is, tc.text)
	}
}

// A byte stream of 16-bit samples may be cut inside one.
func TestL16CutsChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 16))
	src := make([]byte, 2000)
	for i := range src {
		src[i] = byte(r.IntN(256))
	}
	for _, encoding := range []string{"l16", "pcm_s16le"} {
		d, _ := NewDecoder(encoding, 8000)
		want, _ := d.Decode(nil, src)
		d, _ = NewDecoder(encoding, 8000)
		var got []float32
		for rest := src; len(rest) > 0; {
			n := min(len(rest), r.IntN(8))
			got, _ = d.Decode(got, rest[:n])
			rest = rest[n:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: frames differ from the whole", encoding)
		}
	}
}

// Network Opus: the packets of a file, at the rate of a call, and a bad one in between that changes nothing but itself.
func TestOpusFrames(t *testing.T) {
	packets, _ := readPackets(t, goldenFile(t, "silk-8k-20ms.opus"))
	d, err := NewDecoder("opus", 8000)
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	for _, p := range packets[2:] {
		n := len(x)
		if x, err = d.Decode(x, p); err != nil || len(x) != n+160 {
			t.Fatalf("%d samples, error %v, want 160", len(x)-n, err)
		}
		if y, err := d.Decode(x, []byte{0x03}); err == nil || len(y) != len(x) {
			t.Fatalf("a packet without frames gives %d samples, error %v", len(y)-len(x), err)
		}
	}
	var power float64
	for _, v := range x {
		power += float64(v) * float64(v)
	}
	if power/float64(len(x)) < 1e-3 {
		t.Errorf("mean square %g, want speech", power/float64(len(x)))
	}
}

func TestDecodersAllocateNothing(t *testing.T) {
	for _, encoding := range []string{"mulaw", "alaw", "l16", "pcm_s16le", "g722"} {
		d, err := NewDecoder(encoding, 8000)
		if err != nil {
			t.Fatal(err)
		}
		src, dst := count(160), make([]float32, 0, 400)
		if n := testing.AllocsPerRun(100, func() { dst, _ = d.Decode(dst[:0], src) }); n != 0 {
			t.Errorf("%s: %v allocations a frame, want 0", encoding, n)
		}
	}
}

// FuzzFrames feeds payloads of any length, cut in two, to every decoder that has no error of its own.
func FuzzFrames(f *testing.F) {
	f.Add(count(160), uint8(7))
	f.Add([]byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		at := min(int(cut), len(b))
		for _, encoding := range []string{"mulaw", "alaw", "l16", "pcm_s16le", "g722"} {
			d, err := NewDecoder(encoding, 8000)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := d.Decode(nil, b)
			d, _ = NewDecoder(encoding, 8000)
			got, err1 := d.Decode(nil, b[:at])
			got, err2 := d.Decode(got, b[at:])
			if err1 != nil || err2 != nil || !slices.Equal(got, want) {
				t.Fatalf("%s: %d samples in two cuts, %d in one (%v, %v)", encoding, len(got), len(want), err1, err2)
			}
			for _, v := range got {
				if v < -1 || v >= 1 {
					t.Fatalf("%s: sample %v", encoding, v)
				}
			}
		}
	})
}

func BenchmarkL16(b *testing.B) {
	for _, encoding := range []string{"l16", "pcm_s16le"} {
		b.Run(encoding, func(b *testing.B) { benchDecoder(b, encoding, 8000, count(240)) })
	}
}
