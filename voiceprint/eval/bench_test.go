package eval

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
)

// million returns n trials of which one in a hundred is target, between 1000 speakers.
func million(n int) *Set {
	r := rand.New(rand.NewPCG(31, 32))
	s := &Set{LLR: true, Trials: make([]Scored, n)}
	names := make([]string, 1000)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	for i := range s.Trials {
		a := r.IntN(1000)
		t := Scored{EnrolSpeaker: names[a], TestSpeaker: names[(a+1+r.IntN(999))%1000], Score: 2.8*r.NormFloat64() - 4, NetSpeech: Unmeasured}
		if i%100 == 0 {
			t.Target, t.TestSpeaker, t.Score = true, t.EnrolSpeaker, t.Score+8
		}
		s.Trials[i] = t
	}
	return s
}

func BenchmarkRank(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("trials=%d", n), func(b *testing.B) {
			s := million(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Rank(s.Trials); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b, n)
		})
	}
}

// BenchmarkMetric times each metric on a million ranked trials.
func BenchmarkMetric(b *testing.B) {
	const n = 1_000_000
	r, err := Rank(million(n).Trials)
	if err != nil {
		b.Fatal(err)
	}
	c := DefaultCosts()[0]
	for _, m := range []struct {
		name string
		run  func()
	}{
		{"eer", func() { r.EER() }},
		{"eer_hull", func() { r.EERHull() }},
		{"min_dcf", func() { r.MinDCF(c) }},
		{"act_dcf", func() { r.ActDCF(c) }},
		{"cllr", func() { r.Cllr() }},
		{"min_cllr", func() { r.MinCllr() }},
		{"fnmr_at_fmr", func() { r.FNMRAtFMR(0.001, 30) }},
		{"det", func() { r.DET(0.002) }},
	} {
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.run()
			}
			perSecond(b, n)
		})
	}
}

// BenchmarkEvaluate times the whole report; the figure is trials × replicates per second.
func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{5_000, 100_000} {
		b.Run(fmt.Sprintf("trials=%d/replicates=1000", n), func(b *testing.B) {
			s := million(n)
			o := DefaultOptions()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Evaluate(s, o); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b, n*o.Replicates)
		})
	}
}

func BenchmarkDETPlot(b *testing.B) {
	r, err := Rank(million(100_000).Trials)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range []Format{PNG, SVG} {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := WriteDET(io.Discard, f, DefaultPlotOptions(), Curve{"c", r, DefaultCosts()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func perSecond(b *testing.B, trials int) {
	b.ReportMetric(float64(trials)*float64(b.N)/b.Elapsed().Seconds(), "trials/s")
}
