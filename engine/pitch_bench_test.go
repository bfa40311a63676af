package engine

import (
	"path/filepath"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// realVoices joins the recorded voices of one rate.
func realVoices(b *testing.B, rate int) []float32 {
	b.Helper()
	pattern := map[int]string{8000: "voice_*_8k.wav", 16000: "voice_*_16k.wav"}[rate]
	paths, err := filepath.Glob(filepath.Join(testkit.Root(b), "testdata", "audio", pattern))
	if err != nil || len(paths) == 0 {
		b.Fatalf("no voices match %s (%v)", pattern, err)
	}
	var x []float32
	for _, p := range paths {
		v, got := wav16(b, testkit.Read(b, p))
		if got != rate {
			b.Fatalf("%s: %d Hz, want %d", p, got, rate)
		}
		x = append(x, v...)
	}
	return x
}

func reportRealTime(b *testing.B, samples, rate int) {
	b.ReportMetric(float64(samples)/float64(rate)*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}

func BenchmarkPitchTracker(b *testing.B) {
	for name, rate := range map[string]int{"8k": 8000, "16k": 16000} {
		b.Run(name, func(b *testing.B) {
			x := realVoices(b, rate)
			o := DefaultPitchOptions()
			o.Rate = rate
			t, err := NewPitchTracker(o)
			if err != nil {
				b.Fatal(err)
			}
			frames := 0
			emit := func(PitchFrame) { frames++ }
			b.ReportAllocs()
			b.SetBytes(int64(2 * len(x)))
			for b.Loop() {
				t.Write(x, emit)
				t.Flush(emit)
			}
			reportRealTime(b, len(x), rate)
		})
	}
}

func BenchmarkVoiceMeter(b *testing.B) {
	for name, rate := range map[string]int{"8k": 8000, "16k": 16000} {
		b.Run(name, func(b *testing.B) {
			x := realVoices(b, rate)
			track := mustPitch(b, rate, x)
			m, err := NewVoiceMeter(DefaultVoiceOptions(rate))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := m.Measure(x, 0, track); err != nil { // the buffers grow
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(2 * len(x)))
			for b.Loop() {
				if _, err := m.Measure(x, 0, track); err != nil {
					b.Fatal(err)
				}
			}
			reportRealTime(b, len(x), rate)
		})
	}
}

func BenchmarkSyllableMeter(b *testing.B) {
	for name, rate := range map[string]int{"8k": 8000, "16k": 16000} {
		b.Run(name, func(b *testing.B) {
			x := realVoices(b, rate)
			track := mustPitch(b, rate, x)
			m, err := NewSyllableMeter(DefaultSyllableOptions(rate))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := m.Measure(x, 0, track); err != nil { // the buffers grow
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(2 * len(x)))
			for b.Loop() {
				if _, err := m.Measure(x, 0, track); err != nil {
					b.Fatal(err)
				}
			}
			reportRealTime(b, len(x), rate)
		})
	}
}
