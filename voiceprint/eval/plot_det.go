package eval

import (
	"fmt"
	"io"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Curve is one line of a DET plot.
type Curve struct {
	Name   string // in the legend
	Ranked *Ranked
	Costs  []Cost // the minDCF point of each is marked; may be empty
}

// maxCurves is how many lines a DET plot bears: one per colour of the palette.
const maxCurves = 7

// WriteDET draws a DET plot of one to seven curves: FMR against FNMR in percent, both on probit axes. A ring marks the plain EER,
// a triangle each minDCF. Dotted lines mark where the first curve has 30 errors: beyond them, left or below, it is a matter of
// single trials (rule of 30). The axes reach as low as the trials of the largest curve do.
func WriteDET(w io.Writer, f Format, o PlotOptions, curves ...Curve) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if len(curves) < 1 || len(curves) > maxCurves {
		return fmt.Errorf("eval: det plot: %d curves, want 1 to %d", len(curves), maxCurves)
	}
	for _, c := range curves {
		if c.Ranked == nil {
			return fmt.Errorf("eval: det plot: curve %s without trials, want ranked trials", quote(c.Name))
		}
		for _, cost := range c.Costs {
			if err := cost.Validate(); err != nil {
				return err
			}
		}
	}
	xLow, xHigh, yLow, yHigh := detRange(curves)
	p := newPlot(o, "FMR: other speakers accepted, %", "FNMR: own speaker refused, %")
	axes := func() { p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = Probit(xLow), Probit(xHigh), Probit(yLow), Probit(yHigh) }
	p.X.Tick.Marker, p.Y.Tick.Marker = probitTicks(xLow, xHigh), probitTicks(yLow, yHigh)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = grey(gridLevel), grey(gridLevel)
	p.Add(grid, straight(-9, -9, 9, 9, grey(gridLevel))) // the diagonal holds the EERs

	first := curves[0].Ranked
	dots := []vg.Length{1.5, 3}
	x30, y30 := 30/first.c.sumNon, 30/first.c.sumTar
	thirty := straight(Probit(math.Min(x30, 1)), -9, Probit(math.Min(x30, 1)), 9, grey(lineLevel), dots...)
	p.Add(thirty, straight(-9, Probit(math.Min(y30, 1)), 9, Probit(math.Min(y30, 1)), grey(lineLevel), dots...))

	for i, c := range curves {
		col := palette()[i]
		line := &plotter.Line{LineStyle: draw.LineStyle{Color: col, Width: 1.8}}
		for _, d := range c.Ranked.DET(0.002) {
			// A rate of 0 or 1 has no place on the axis: far outside, the line is clipped at the frame.
			line.XYs = append(line.XYs, plotter.XY{X: clamp(d.X), Y: clamp(d.Y)})
		}
		eer, _ := c.Ranked.EER()
		ring := &plotter.Scatter{XYs: plotter.XYs{{X: inside(Probit(eer), Probit(xLow), Probit(xHigh)), Y: inside(Probit(eer), Probit(yLow), Probit(yHigh))}},
			GlyphStyle: draw.GlyphStyle{Color: col, Radius: 5, Shape: draw.RingGlyph{}}}
		if eer > 0.25 { // such a curve runs through the upper right corner: the legend goes to the lower left
			p.Legend.Top, p.Legend.Left = false, true
			p.Legend.XOffs, p.Legend.YOffs = 8, 8
		}
		p.Add(line, ring)
		p.Legend.Add(fmt.Sprintf("%s: EER %.2f %%", c.Name, 100*eer), line, ring)
		for _, cost := range c.Costs {
			dcf, threshold := c.Ranked.MinDCF(cost)
			fmr, fnmr := c.Ranked.Rates(threshold)
			tri := &plotter.Scatter{XYs: plotter.XYs{{X: inside(Probit(fmr), Probit(xLow), Probit(xHigh)), Y: inside(Probit(fnmr), Probit(yLow), Probit(yHigh))}},
				GlyphStyle: draw.GlyphStyle{Color: col, Radius: 5, Shape: draw.TriangleGlyph{}}}
			p.Add(tri)
			p.Legend.Add(fmt.Sprintf("minDCF(%g) %.3f", cost.PTarget, dcf), tri)
		}
	}
	p.Legend.Add("30 errors", thirty)
	axes() // Add has stretched them over the clamped points
	return render(w, f, o, p)
}

// detRange returns the rates that the axes run between: low enough for the trials, high enough for every mark.
func detRange(curves []Curve) (xLow, xHigh, yLow, yHigh float64) {
	xLow, xHigh, yLow, yHigh = 0.01, 0.5, 0.01, 0.5
	fit := func(high *float64, rate float64) {
		for _, h := range []float64{0.6, 0.8, 0.95, 0.999} {
			if rate >= *high*0.98 {
				*high = h
			}
		}
	}
	for _, c := range curves {
		xLow = math.Min(xLow, 0.7/c.Ranked.c.sumNon)
		yLow = math.Min(yLow, 0.7/c.Ranked.c.sumTar)
		eer, _ := c.Ranked.EER()
		fit(&xHigh, eer)
		fit(&yHigh, eer)
		for _, cost := range c.Costs {
			_, threshold := c.Ranked.MinDCF(cost)
			fmr, fnmr := c.Ranked.Rates(threshold)
			fit(&xHigh, fmr)
			fit(&yHigh, fnmr)
		}
	}
	return math.Max(xLow, 1e-6), xHigh, math.Max(yLow, 1e-6), yHigh
}

// clamp keeps a probit within reach of the clipping arithmetic; no axis runs beyond ±5.
func clamp(x float64) float64 { return inside(x, -9, 9) }

func inside(x, low, high float64) float64 { return math.Max(low, math.Min(high, x)) }
