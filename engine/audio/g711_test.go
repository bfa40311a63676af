package audio

import (
	"slices"
	"testing"
)

// lawGolden is what ffmpeg and sox make of one law.
type lawGolden struct {
	Decode []int    `json:"decode"`
	FFmpeg [][2]int `json:"encode_ffmpeg"` // [count, code] runs over -32768 .. 32767
	Sox    [][2]int `json:"encode_sox"`
}

func expand(t *testing.T, runs [][2]int) []byte {
	t.Helper()
	var b []byte
	for _, r := range runs {
		for range r[0] {
			b = append(b, byte(r[1]))
		}
	}
	if len(b) != 65536 {
		t.Fatalf("%d codes, want 65536", len(b))
	}
	return b
}

// All 256 codes decode as ffmpeg and sox decode them, and all 65536 values are encoded as sox does it but for rounding.
func TestG711Golden(t *testing.T) {
	var values map[string]lawGolden
	golden(t, "g711.json", &values)
	for _, law := range []string{"mulaw", "alaw"} {
		t.Run(law, func(t *testing.T) {
			g, want := newG711(law), values[law]
			if len(want.Decode) != 256 {
				t.Fatalf("%d codes, want 256", len(want.Decode))
			}
			for c, v := range want.Decode {
				if got := g.decode[c] * 32768; got != float32(v) {
					t.Errorf("code %#02x: %v, want %d", c, got, v)
				}
			}
			// The standard decides on 14 (mu-law) or 13 bits (A-law), and tools differ in how they round 16 bits to them: within
			// that step of v, sox must give our code. ffmpeg takes the nearest level and differs between segments.
			sox, ff := expand(t, want.Sox), expand(t, want.FFmpeg)
			step := map[string]int{"mulaw": 4, "alaw": 8}[law]
			offSox, offFF := 0, 0
			for v := -32768; v <= 32767; v++ {
				got := g.decode[g.encode(v)]
				if got != g.decode[sox[v+32768]] {
					offSox++
				}
				if got != g.decode[ff[v+32768]] {
					offFF++
				}
				near := sox[max(v-step, -32768)+32768 : min(v+step, 32767)+32769]
				if !slices.ContainsFunc(near, func(c byte) bool { return g.decode[c] == got }) {
					t.Fatalf("value %d: becomes %v, with sox %v", v, got*32768, g.decode[sox[v+32768]]*32768)
				}
			}
			t.Logf("of 65536 values %d get another level from sox and %d from ffmpeg", offSox, offFF)
			if offSox > 1100 || offFF > 3000 {
				t.Errorf("too many levels differ: %d from sox, want at most 1100, %d from ffmpeg, want at most 3000", offSox, offFF)
			}
		})
	}
}

func TestG711CodesSurvive(t *testing.T) {
	for _, law := range []string{"mulaw", "alaw"} {
		g := newG711(law)
		for c := range 256 {
			got := g.encode(int(g.decode[c] * 32768))
			if want := byte(c); got != want && (law != "mulaw" || want != 0x7f || got != 0xff) { // minus zero becomes zero
				t.Errorf("%s: code %#02x becomes %#02x", law, want, got)
			}
		}
	}
}

func BenchmarkG711(b *testing.B) {
	for _, law := range []string{"mulaw", "alaw"} {
		b.Run(law, func(b *testing.B) { benchDecoder(b, law, 8000, count(160)) })
	}
}

// benchDecoder decodes one frame of 20 ms over and over.
func benchDecoder(b *testing.B, encoding string, rate int, frame []byte) {
	d, err := NewDecoder(encoding, rate)
	if err != nil {
		b.Fatal(err)
	}
	var dst []float32
	samples := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if dst, err = d.Decode(dst[:0], frame); err != nil {
			b.Fatal(err)
		}
		samples += len(dst)
	}
	b.ReportMetric(float64(samples)/float64(d.Rate())/b.Elapsed().Seconds(), "x_realtime")
}
