package console

import (
	"math"

	"github.com/timbre-voice/timbre/interaction"
)

// scorePlot is where the LLRs of attempts lie beside the threshold: two histograms over the same bins, as heights 0 to 1 of the
// tallest. It shows outcomes, since who really called is not known here.
type scorePlot struct {
	Bars      []scoreBar
	Low, High float64 // of the axis
	Threshold *float64
	At        float64 // of the threshold on the axis, 0 to 100
	Accepted  int
	Refused   int
}

type scoreBar struct {
	X, Width          float64 // 0 to 100
	Accepted, Refused float64 // heights, 0 to 100
	From, To          float64
	NAccepted         int
	NRefused          int
}

const scoreBins = 24

// plotScores bins the scored attempts; without any the plot has no bars.
func plotScores(attempts []Attempt) scorePlot {
	p := scorePlot{Low: math.Inf(1), High: math.Inf(-1)}
	for _, a := range attempts {
		if a.LLR == nil || math.IsNaN(*a.LLR) || math.IsInf(*a.LLR, 0) {
			continue
		}
		p.Low, p.High = min(p.Low, *a.LLR), max(p.High, *a.LLR)
		if a.Threshold != nil && p.Threshold == nil {
			p.Threshold = a.Threshold // the latest: attempts come the latest first
		}
	}
	if math.IsInf(p.Low, 0) {
		return scorePlot{}
	}
	if p.Threshold != nil {
		p.Low, p.High = min(p.Low, *p.Threshold), max(p.High, *p.Threshold)
	}
	p.Low, p.High = math.Floor(p.Low-0.5), math.Ceil(p.High+0.5)
	width := (p.High - p.Low) / scoreBins
	p.Bars = make([]scoreBar, scoreBins)
	most := 0
	for _, a := range attempts {
		if a.LLR == nil || math.IsNaN(*a.LLR) || math.IsInf(*a.LLR, 0) {
			continue
		}
		b := &p.Bars[min(int((*a.LLR-p.Low)/width), scoreBins-1)]
		switch a.Decision {
		case interaction.Authenticated:
			b.NAccepted++
			p.Accepted++
		case interaction.NotAuthenticated:
			b.NRefused++
			p.Refused++
		}
		most = max(most, b.NAccepted, b.NRefused)
	}
	for i := range p.Bars {
		b := &p.Bars[i]
		b.X, b.Width = 100*float64(i)/scoreBins, 100.0/scoreBins
		b.From, b.To = p.Low+float64(i)*width, p.Low+float64(i+1)*width
		if most > 0 {
			b.Accepted, b.Refused = 100*float64(b.NAccepted)/float64(most), 100*float64(b.NRefused)/float64(most)
		}
	}
	if p.Threshold != nil {
		p.At = 100 * (*p.Threshold - p.Low) / (p.High - p.Low)
	}
	return p
}
