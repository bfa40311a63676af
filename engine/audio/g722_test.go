package audio

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Octets of an encoder and octets of noise decode to what ffmpeg makes of them, bit for bit.
func TestG722Golden(t *testing.T) {
	var cases []goldenCase
	golden(t, "g722.json", &cases)
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, g := range cases {
		d, err := NewDecoder("g722", 8000)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(nil, goldenFile(t, g.File))
		if err != nil {
			t.Fatal(err)
		}
		want := reference(t, g.Reference, 1)[0]
		if d.Rate() != g.Rate || len(got) != len(want) {
			t.Fatalf("%s: %d samples at %d Hz, want %d at %d Hz", g.File, len(got), d.Rate(), len(want), g.Rate)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: sample %d is %v, want %v", g.File, i, got[i]*32768, want[i]*32768)
			}
		}
	}
}

func TestG722CutsChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 22))
	src := goldenFile(t, "tone.g722")
	d := newG722Decoder()
	want, _ := d.Decode(nil, src)
	d = newG722Decoder()
	var got []float32
	for rest := src; len(rest) > 0; {
		n := min(len(rest), r.IntN(200))
		got, _ = d.Decode(got, rest[:n])
		rest = rest[n:]
	}
	if !slices.Equal(got, want) {
		t.Error("frames differ from the whole")
	}
}

func FuzzG722(f *testing.F) {
	f.Add(goldenFile(f, "tone.g722")[:500])
	f.Add(goldenFile(f, "noise.g722")[:500])
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := newG722Decoder().Decode(nil, b)
		if err != nil || len(x) != 2*len(b) {
			t.Fatalf("%d samples from %d octets, error %v", len(x), len(b), err)
		}
		for _, v := range x {
			if v < -1 || v >= 1 {
				t.Fatalf("sample %v", v)
			}
		}
	})
}

func BenchmarkG722(b *testing.B) { benchDecoder(b, "g722", 16000, goldenFile(b, "tone.g722")[:160]) }
