package voiceprint

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// examplePrint returns a print with every field set.
func examplePrint() *Voiceprint {
	p := &Voiceprint{Model: ModelID{Name: "speaker-tdnn-v1", Version: "1.0.0", SHA256: [32]byte{1, 2, 3}}, Vector: []float32{0.6, -0.8, 0},
		Length: 0.75, Quality: Quality{NetSpeech: 31 * time.Second, SNRdB: 18.5, Clipped: 0.01, BandwidthHz: 3400}}
	for i := range 2 {
		p.Sources = append(p.Sources, Source{Digest: [32]byte{byte(i + 9)}, Weight: 2.5 + float64(i), Quality: Quality{NetSpeech: 10 * time.Second, SNRdB: unknown, BandwidthHz: unknown}})
	}
	return p
}

func samePrint(a, b *Voiceprint) bool {
	if len(a.Sources) != len(b.Sources) || !equalQuality(a.Quality, b.Quality) {
		return false
	}
	for i, s := range a.Sources {
		o := b.Sources[i]
		if s.Digest != o.Digest || s.Weight != o.Weight || !equalQuality(s.Quality, o.Quality) {
			return false
		}
	}
	return a.Model == b.Model && a.Length == b.Length && slices.Equal(a.Vector, b.Vector)
}

func TestPrintRoundTrip(t *testing.T) {
	p := examplePrint()
	b, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var q Voiceprint
	if err := q.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if !samePrint(p, &q) {
		t.Errorf("%+v became %+v", p, q)
	}
	clear(b)
	if !samePrint(p, &q) {
		t.Error("the print keeps the bytes it was read from")
	}
}

// TestPrintDamaged cuts a print at every length and turns bits over: nothing panics, and what is read is a valid print.
func TestPrintDamaged(t *testing.T) {
	b, err := examplePrint().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var p Voiceprint
	for n := range b {
		if err := p.UnmarshalBinary(b[:n]); !errors.Is(err, ErrPrint) {
			t.Fatalf("%d of %d bytes: error %v, want ErrPrint", n, len(b), err)
		}
	}
	if err := p.UnmarshalBinary(append(slices.Clone(b), 0)); !errors.Is(err, ErrPrint) {
		t.Errorf("one byte more: error %v, want ErrPrint", err)
	}
	if !reflect.DeepEqual(p, Voiceprint{}) {
		t.Error("a failed read changed the print")
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		d := slices.Clone(b)
		d[r.IntN(len(d))] ^= 1 << r.IntN(8)
		if err := p.UnmarshalBinary(d); err == nil {
			if err := p.Validate(); err != nil {
				t.Fatalf("read a print that is none: %v", err)
			}
		} else if !errors.Is(err, ErrPrint) {
			t.Fatalf("error %v, want ErrPrint", err)
		}
	}
}

func TestPrintValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(p *Voiceprint)
	}{
		{"no_model", func(p *Voiceprint) { p.Model.Name = "" }},
		{"no_version", func(p *Voiceprint) { p.Model.Version = "" }},
		{"no_vector", func(p *Voiceprint) { p.Vector = nil }},
		{"vector_of_length_2", func(p *Voiceprint) { p.Vector = []float32{2, 0, 0} }},
		{"vector_with_nan", func(p *Voiceprint) { p.Vector[2] = float32(math.NaN()) }},
		{"mean_longer_than_1", func(p *Voiceprint) { p.Length = 1.1 }},
		{"mean_of_nothing", func(p *Voiceprint) { p.Length = 0 }},
		{"no_sources", func(p *Voiceprint) { p.Sources = nil }},
		{"too_many_sources", func(p *Voiceprint) { p.Sources = make([]Source, MaxSources+1) }},
		{"same_source_twice", func(p *Voiceprint) { p.Sources[1].Digest = p.Sources[0].Digest }},
		{"weight_of_nan", func(p *Voiceprint) { p.Sources[0].Weight = math.NaN() }},
		{"speech_below_nothing", func(p *Voiceprint) { p.Quality.NetSpeech = -1 }},
		{"more_than_all_clipped", func(p *Voiceprint) { p.Sources[1].Quality.Clipped = 1.5 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := examplePrint()
			c.damage(p)
			if err := p.Validate(); !errors.Is(err, ErrPrint) {
				t.Errorf("error %v, want ErrPrint", err)
			}
			if _, err := p.MarshalBinary(); !errors.Is(err, ErrPrint) {
				t.Errorf("written with error %v, want ErrPrint", err)
			}
		})
	}
}

// FuzzVoiceprint: what is read is written again byte by byte.
func FuzzVoiceprint(f *testing.F) {
	b, err := examplePrint().MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add([]byte("TVP\x01"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Voiceprint
		if err := p.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, ErrPrint) {
				t.Fatalf("error %v, want ErrPrint", err)
			}
			return
		}
		again, err := p.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("read %x and wrote %x, %v", b, again, err)
		}
	})
}
