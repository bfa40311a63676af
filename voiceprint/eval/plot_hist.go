package eval

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bin is one bar pair of a score histogram.
type Bin struct {
	From, To            float64 // scores in [From, To), the last bin [From, To]
	Targets, Nontargets float64 // share of all target and of all nontarget trials with a score
}

// Histogram cuts the finite scores into n equal bins, 1 to 1000, from the lowest to the highest; n 0 takes
// three times the cube root of the trials of the rarer kind, within 20 and 100. Infinite scores stand in no bin, so shares may add up to less than 1.
func (r *Ranked) Histogram(n int) ([]Bin, error) {
	if n < 0 || n > 1000 {
		return nil, fmt.Errorf("eval: histogram: %d bins, want 0 to 1000", n)
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range r.scores {
		if !math.IsInf(s, 0) {
			low, high = math.Min(low, s), math.Max(high, s)
		}
	}
	if low > high {
		return nil, fmt.Errorf("%w: histogram: no finite score, want at least one", ErrSet)
	}
	if math.IsInf(high-low, 0) {
		return nil, fmt.Errorf("%w: histogram: scores from %g to %g, want a range below %g", ErrSet, low, high, math.MaxFloat64)
	}
	if n == 0 {
		n = int(math.Max(20, math.Min(100, 3*math.Cbrt(math.Min(r.c.sumTar, r.c.sumNon)))))
	}
	if low == high { // one value: a bin of some width around it
		pad := math.Max(0.5, math.Abs(low)*1e-6)
		low, high = low-pad, high+pad
	}
	width := (high - low) / float64(n)
	bins := make([]Bin, n)
	for i := range bins {
		bins[i].From, bins[i].To = low+float64(i)*width, low+float64(i+1)*width
	}
	bins[n-1].To = high
	for i, s := range r.scores {
		if math.IsInf(s, 0) {
			continue
		}
		k := min(int((s-low)/width), n-1)
		bins[k].Targets += r.c.tar[i] / r.c.sumTar
		bins[k].Nontargets += r.c.non[i] / r.c.sumNon
	}
	return bins, nil
}

// Mark is a threshold drawn into a histogram.
type Mark struct {
	Name string // in the legend
	At   float64
}

// WriteHistogram draws the scores of target and nontarget trials as two overlaid histograms, each as share of its own kind, with
// up to five thresholds as upright lines. A mark that is not finite is left out; xLabel names the score ("LLR, nats", "cosine").
func WriteHistogram(w io.Writer, f Format, o PlotOptions, r *Ranked, xLabel string, marks ...Mark) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if len(marks) > maxCurves-2 {
		return fmt.Errorf("eval: histogram plot: %d marks, want at most %d", len(marks), maxCurves-2)
	}
	if r == nil {
		return fmt.Errorf("eval: histogram plot: no trials, want ranked trials")
	}
	bins, err := r.Histogram(0)
	if err != nil {
		return err
	}
	p := newPlot(o, xLabel, "share of the trials of a kind, %")
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = grey(gridLevel)
	p.Add(grid)
	kinds := []struct {
		name  string
		share func(Bin) float64
	}{
		{fmt.Sprintf("nontarget (%d)", r.Nontargets()), func(b Bin) float64 { return b.Nontargets }},
		{fmt.Sprintf("target (%d)", r.Targets()), func(b Bin) float64 { return b.Targets }},
	}
	top := 0.0
	for k, kind := range kinds {
		outline := plotter.XYs{{X: bins[0].From, Y: 0}}
		for _, b := range bins {
			y := 100 * kind.share(b)
			outline = append(outline, plotter.XY{X: b.From, Y: y}, plotter.XY{X: b.To, Y: y})
			top = math.Max(top, y)
		}
		outline = append(outline, plotter.XY{X: bins[len(bins)-1].To, Y: 0})
		poly, err := plotter.NewPolygon(outline)
		if err != nil {
			return fmt.Errorf("eval: histogram plot: %w", err)
		}
		edge := palette()[1-k] // target blue, nontarget orange
		fill := edge
		fill.A = 90
		poly.Color, poly.LineStyle = fill, draw.LineStyle{Color: edge, Width: 1}
		p.Add(poly)
		p.Legend.Add(kind.name, swatch{fill, edge})
	}
	p.Y.Min, p.Y.Max = 0, top*1.18 // room for the legend
	p.X.Min, p.X.Max = bins[0].From, bins[len(bins)-1].To
	for i, m := range marks {
		if math.IsNaN(m.At) || math.IsInf(m.At, 0) {
			continue
		}
		p.X.Min, p.X.Max = math.Min(p.X.Min, m.At), math.Max(p.X.Max, m.At)
		line := straight(m.At, 0, m.At, top*1.18, grey(markLevel), dashes(i)...)
		line.Width = 1.3
		p.Add(line)
		p.Legend.Add(fmt.Sprintf("%s: %.3g", m.Name, m.At), line)
	}
	pad := (p.X.Max - p.X.Min) * 0.02
	p.X.Min, p.X.Max = p.X.Min-pad, p.X.Max+pad
	return render(w, f, o, p)
}

// dashes tells the marks apart without colour.
func dashes(i int) []vg.Length {
	return [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}, {1, 4}}[i]
}

// swatch is a filled box in the legend.
type swatch struct{ fill, edge color.Color }

var _ plot.Thumbnailer = swatch{}

// Thumbnail draws the box.
func (s swatch) Thumbnail(c *draw.Canvas) {
	box := []vg.Point{{X: c.Min.X, Y: c.Min.Y}, {X: c.Min.X, Y: c.Max.Y}, {X: c.Max.X, Y: c.Max.Y}, {X: c.Max.X, Y: c.Min.Y}}
	c.FillPolygon(s.fill, box)
	c.StrokeLines(draw.LineStyle{Color: s.edge, Width: 1}, append(box, box[0]))
}
