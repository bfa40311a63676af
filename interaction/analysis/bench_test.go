package analysis

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

// BenchmarkSession runs the whole of a two-channel call, in frames of 20 ms as a platform sends them.
func BenchmarkSession(b *testing.B) {
	x, format := read(b, "../../testdata/calls/sample-call.wav")
	e := engineOf(b)
	run := func() *interaction.Interaction {
		s, err := e.NewSession(options(format.Rate, twoSides()))
		if err != nil {
			b.Fatal(err)
		}
		for at := 0; at < len(x[0]); at += 160 {
			for c := range x {
				if err := s.Write(context.Background(), c, x[c][at:min(at+160, len(x[c]))]); err != nil {
					b.Fatal(err)
				}
			}
		}
		r, err := s.Close(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(x) * len(x[0]))) // mu-law: one byte a sample
	for b.Loop() {
		run()
	}
	seconds := float64(len(x[0])) / float64(format.Rate)
	b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}

// BenchmarkSnapshot makes the record of a running call that has come so far, as every checkpoint does, and writes it as JSON.
func BenchmarkSnapshot(b *testing.B) {
	x, format := read(b, "../../testdata/calls/sample-call.wav")
	for _, minutes := range []int{2, 10} {
		s, err := engineOf(b).NewSession(options(format.Rate, twoSides()))
		if err != nil {
			b.Fatal(err)
		}
		for n := minutes * 60 * format.Rate; n > 0; n -= len(x[0]) {
			for c := range x {
				if err := s.Write(context.Background(), c, x[c][:min(n, len(x[c]))]); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprintf("%d_min", minutes), func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				r, err := s.Snapshot(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				doc, err := json.Marshal(r)
				if err != nil {
					b.Fatal(err)
				}
				size = len(doc)
			}
			b.ReportMetric(float64(size), "bytes/record")
		})
		s.Abort()
	}
}
