package engine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestKWeightingTables: at 48 kHz the filters are the ones printed in ITU-R BS.1770-4, tables 1 and 2.
func TestKWeightingTables(t *testing.T) {
	shelf, high := kWeighting(48000)
	got := []float64{shelf.B0, shelf.B1, shelf.B2, shelf.A1, shelf.A2, high.B0, high.B1, high.B2, high.A1, high.A2}
	want := []float64{1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585,
		1, -2, 1, -1.99004745483398, 0.99007225036621}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-13 {
			t.Errorf("coefficient %d: %.15g, want %.15g", i, got[i], want[i])
		}
	}
}

// TestGoldenLoudness holds every momentary, short-term and the integrated value against ffmpeg's ebur128.
func TestGoldenLoudness(t *testing.T) {
	for _, f := range goldenFiles(t, 8, "loudness", "*.json") {
		t.Run(f.name, func(t *testing.T) {
			once, rate := f.audio(t)
			var x []float32
			for _, s := range f.Options["shifts"].([]any) {
				for _, v := range once {
					k := int16(v * 32768)
					x = append(x, float32(k>>int(s.(float64)))/32768)
					if s.(float64) >= 16 {
						x[len(x)-1] = 0
					}
				}
			}
			var want struct {
				Momentary  []float64
				ShortTerm  []float64 `json:"short_term"`
				Integrated float64
			}
			f.value(t, &want)
			l, err := NewLoudness(rate)
			if err != nil {
				t.Fatal(err)
			}
			checked := 0
			near := func(what string, i int, got float64, ok bool, w float64) {
				if !ok || w < -100 { // the tool prints -120.691 before the first block and in silence
					return
				}
				if checked++; math.Abs(got-w) > f.AbsTol {
					t.Errorf("%s %d: %.3f LUFS, %s has %.3f", what, i, got, f.Tool, w)
				}
			}
			for i := range len(x) / (rate / 10) {
				l.Write(x[i*(rate/10) : (i+1)*(rate/10)])
				m, ok := l.Momentary()
				near("momentary", i, m, ok, want.Momentary[i])
				s, ok := l.ShortTerm()
				near("short-term", i, s, ok, want.ShortTerm[i])
			}
			got, ok := l.Integrated()
			near("integrated", 0, got, ok, want.Integrated)
			if checked < 10 {
				t.Errorf("only %d values compared", checked)
			}
		})
	}
}

// TestLoudnessEBU3341 plays the test sequences of EBU Tech 3341 (cases 1 to 5) on one channel, where they read 3.01 LU less than on
// the two of the document. The document allows ±0.1 LU.
func TestLoudnessEBU3341(t *testing.T) {
	type tone struct{ dbfs, seconds float64 }
	cases := []struct {
		name  string
		tones []tone
		want  float64
	}{
		{"1", []tone{{-23, 20}}, -23},
		{"2", []tone{{-33, 20}}, -33},
		{"3", []tone{{-36, 10}, {-23, 60}, {-36, 10}}, -23},
		{"4", []tone{{-72, 10}, {-36, 10}, {-23, 60}, {-36, 10}, {-72, 10}}, -23},
		{"5", []tone{{-26, 20}, {-20, 20.1}, {-26, 20}}, -23},
	}
	for _, rate := range []int{8000, 11025, 48000} {
		for _, c := range cases {
			l, err := NewLoudness(rate)
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			for _, tone := range c.tones {
				x := make([]float32, int(tone.seconds*float64(rate)))
				for k := range x {
					x[k] = float32(math.Pow(10, tone.dbfs/20) * math.Sin(2*math.Pi*1000*float64(i)/float64(rate)))
					i++
				}
				l.Write(x)
			}
			got, ok := l.Integrated()
			if !ok || math.Abs(got-(c.want-10*math.Log10(2))) > 0.1 {
				t.Errorf("%d Hz case %s: %.2f LUFS (%t), want %.2f", rate, c.name, got, ok, c.want-10*math.Log10(2))
			}
		}
	}
}

func TestLoudnessSilence(t *testing.T) {
	l, err := NewLoudness(8000)
	if err != nil {
		t.Fatal(err)
	}
	l.Write(make([]float32, 80000))
	if v, ok := l.Integrated(); ok {
		t.Errorf("silence has a loudness of %v", v)
	}
	if v, ok := l.Momentary(); !ok || v > -100 {
		t.Errorf("momentary %v %t, want far below -100", v, ok)
	}
	x := speechLike(8000, 2, 3)
	l.Write([]float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 3e38})
	l.Write(x)
	if v, ok := l.Integrated(); !ok || math.IsNaN(v) || v < -60 || v > 0 {
		t.Errorf("after broken samples: %v %t", v, ok)
	}
}

func TestLoudnessCutsAndReset(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := speechLike(8000, 5, 2)
	a, err := NewLoudness(8000)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewLoudness(8000)
	if err != nil {
		t.Fatal(err)
	}
	read := func(l *Loudness) string {
		i, ok := l.Integrated()
		m, _ := l.Momentary()
		s, _ := l.ShortTerm()
		return fmt.Sprint(i, ok, m, s)
	}
	a.Write(x)
	for range 20 {
		for rest := x; len(rest) > 0; {
			n := min(len(rest), r.IntN(900))
			b.Write(rest[:n])
			rest = rest[n:]
		}
		if read(a) != read(b) {
			t.Fatalf("cut: %s, whole: %s", read(b), read(a))
		}
		b.Reset()
	}
	if n := testing.AllocsPerRun(10, func() { a.Write(x) }); n != 0 {
		t.Errorf("%v allocations per Write", n)
	}
}

func TestLoudnessRefusesRates(t *testing.T) {
	for _, rate := range []int{-1, 0, MinRate - 1, MaxRate + 1} {
		if _, err := NewLoudness(rate); !errors.Is(err, ErrRate) {
			t.Errorf("%d: %v, want ErrRate", rate, err)
		}
	}
}
