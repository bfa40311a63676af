package eval

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// ErrFormat is in the error for a picture format that is not written here.
var ErrFormat = errors.New("eval: picture format")

// Format is a picture format.
type Format string

// The formats that plots are written in.
const (
	PNG Format = "png"
	SVG Format = "svg"
)

// FormatOf returns the format that the ending of a file name asks for, or ErrFormat.
func FormatOf(name string) (Format, error) {
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".png":
		return PNG, nil
	case ".svg":
		return SVG, nil
	default:
		return "", fmt.Errorf("%w: %s, want a name ending in .png or .svg", ErrFormat, quote(name))
	}
}

// PlotOptions says how a plot looks.
type PlotOptions struct {
	Title    string // one line above the plot; empty: none
	WidthPx  int    // 300 to 4000, default 900
	HeightPx int    // 300 to 4000, default 900
}

// DefaultPlotOptions returns a square of 900 pixels without a title.
func DefaultPlotOptions() PlotOptions { return PlotOptions{WidthPx: 900, HeightPx: 900} }

// Validate returns every fault of o.
func (o PlotOptions) Validate() error {
	var errs []error
	for _, s := range []struct {
		name string
		px   int
	}{{"width", o.WidthPx}, {"height", o.HeightPx}} {
		if s.px < 300 || s.px > 4000 {
			errs = append(errs, fmt.Errorf("eval: plot: %s %d px, want 300 to 4000", s.name, s.px))
		}
	}
	if strings.ContainsAny(o.Title, "\r\n") {
		errs = append(errs, fmt.Errorf("eval: plot: title %s, want one line", quote(o.Title)))
	}
	return errors.Join(errs...)
}

// String returns every option on one line.
func (o PlotOptions) String() string {
	return fmt.Sprintf("title=%q width_px=%d height_px=%d", o.Title, o.WidthPx, o.HeightPx)
}

// palette returns the colours of the curves, told apart with every common colour blindness (Okabe & Ito 2008).
func palette() []color.NRGBA {
	return []color.NRGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255}, {0, 0, 0, 255},
	}
}

// Levels of grey: the grid, and the lines that are no curve.
const (
	gridLevel = 215
	lineLevel = 130
	markLevel = 60
)

func grey(level uint8) color.Color { return color.Gray{Y: level} }

// newPlot returns an empty plot in the common style: white, sans serif, a light grid, the legend framed by nothing.
func newPlot(o PlotOptions, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text = o.Title
	p.X.Label.Text, p.Y.Label.Text = x, y
	sans := func(f *font.Font, size vg.Length) { f.Variant, f.Size = "Sans", size }
	sans(&p.Title.TextStyle.Font, 14)
	p.Title.Padding = 8
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		sans(&a.Label.TextStyle.Font, 12)
		sans(&a.Tick.Label.Font, 10)
		a.Label.Padding = 6
		a.Padding = 0
	}
	sans(&p.Legend.TextStyle.Font, 11)
	p.Legend.Top = true
	p.Legend.Padding = 3
	p.Legend.ThumbnailWidth = 24
	p.Legend.XOffs, p.Legend.YOffs = -8, -8
	return p
}

// render draws p at 96 dots per inch.
func render(w io.Writer, f Format, o PlotOptions, p *plot.Plot) error {
	const pointsPerPx = 72.0 / 96
	width, height := vg.Length(o.WidthPx)*pointsPerPx, vg.Length(o.HeightPx)*pointsPerPx
	margins := func(c vg.CanvasSizer) draw.Canvas { return draw.Crop(draw.New(c), 10, -18, 10, -12) }
	var out io.WriterTo
	switch f {
	case PNG:
		c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(96), vgimg.UseBackgroundColor(color.White))
		p.Draw(margins(c))
		out = vgimg.PngCanvas{Canvas: c}
	case SVG:
		c := vgsvg.New(width, height)
		p.Draw(margins(c))
		out = c
	default:
		return fmt.Errorf("%w: %s, want png or svg", ErrFormat, quote(string(f)))
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	return nil
}

// straight is a line between two points, clipped to the plot.
func straight(x0, y0, x1, y1 float64, c color.Color, dashes ...vg.Length) *plotter.Line {
	return &plotter.Line{
		XYs:       plotter.XYs{{X: x0, Y: y0}, {X: x1, Y: y1}},
		LineStyle: draw.LineStyle{Color: c, Width: 1, Dashes: dashes},
	}
}

// probitTicks returns the ticks of a probit axis between two rates, labelled in percent.
func probitTicks(low, high float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for _, p := range []float64{1e-6, 1e-5, 1e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999} {
		if p >= low && p <= high {
			ticks = append(ticks, plot.Tick{Value: Probit(p), Label: fmt.Sprintf("%g", math.Round(p*1e8)/1e6)})
		}
	}
	return ticks
}
