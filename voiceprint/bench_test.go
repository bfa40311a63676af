package voiceprint

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkEmbed makes embeddings with a network of the shipped sizes, front end included.
func BenchmarkEmbed(b *testing.B) {
	e := extractor(b, load(b, artefact(b, randomWeights(b, shippedSizes, 1), 192)))
	x := slices.Repeat(voice(b, "voice_female_en_8k"), 10)
	dst := make([]float32, 192)
	for _, s := range []int{3, 10, 30} {
		b.Run(fmt.Sprintf("%d_s", s), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(2 * s * Rate))
			if err := e.Into(dst, x[:s*Rate]); err != nil { // the scratch grows
				b.Fatal(err)
			}
			for b.Loop() {
				if err := e.Into(dst, x[:s*Rate]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(s)*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
		})
	}
}

// BenchmarkCollector finds the net speech of a channel.
func BenchmarkCollector(b *testing.B) {
	x := pauses(b, "voice_female_en_8k", "voice_male_it_8k")
	c := collector(b, Rate)
	b.ReportAllocs()
	b.SetBytes(int64(2 * len(x)))
	for b.Loop() {
		c.Reset()
		if err := c.Write(x); err != nil {
			b.Fatal(err)
		}
		c.Flush()
	}
	b.ReportMetric(float64(len(x))/Rate*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}

// TestEmbedAllocatesNothing in steady state, at any length up to the longest seen.
func TestEmbedAllocatesNothing(t *testing.T) {
	e := extractor(t, tinyModel(t))
	x := slices.Repeat(voice(t, "voice_female_en_8k"), 3)
	dst := make([]float32, tiny.dims)
	if err := e.Into(dst, x); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{len(x), 3000, 2 * Rate} {
		if a := testing.AllocsPerRun(5, func() {
			if err := e.Into(dst, x[:n]); err != nil {
				t.Fatal(err)
			}
		}); a != 0 {
			t.Errorf("%d samples: %g allocations, want none", n, a)
		}
	}
}
