package eval

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
)

func plotted(tb testing.TB, f Format, o PlotOptions, curves ...Curve) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := WriteDET(&b, f, o, curves...); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func twoCurves(tb testing.TB) []Curve {
	good := mustRank(tb, normalScores(2000, 2, 2), normalScores(8000, -2, 2))
	poor := mustRank(tb, normalScores(500, 0.5, 1), normalScores(500, -0.5, 1))
	return []Curve{{"good", good, DefaultCosts()}, {"poor", poor, nil}}
}

// pixelsOf returns where a PNG holds exactly colour c.
func pixelsOf(tb testing.TB, b []byte, c color.NRGBA) (img image.Image, at []image.Point) {
	tb.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if color.NRGBAModel.Convert(img.At(x, y)) == c {
				at = append(at, image.Pt(x, y))
			}
		}
	}
	return img, at
}

// TestDETIsStraight: scores of equal variance make a straight line of slope -1 on the square plot. The pixels of the curve must lie
// on one, and the curve with the lower EER nearer to the lower left.
func TestDETIsStraight(t *testing.T) {
	o := DefaultPlotOptions()
	curves := twoCurves(t)
	curves[0].Costs = nil
	curves[0].Ranked = mustRank(t, normalScores(4000, 1.75, 1), normalScores(4000, -1.75, 1))
	curves[1].Ranked = mustRank(t, normalScores(4000, 1, 1), normalScores(4000, -1, 1))
	b := plotted(t, PNG, o, curves...)
	var sums [2]float64
	for i := range curves {
		img, at := pixelsOf(t, b, palette()[i])
		if img.Bounds().Dx() != o.WidthPx || img.Bounds().Dy() != o.HeightPx {
			t.Fatalf("picture of %v, want %d by %d", img.Bounds(), o.WidthPx, o.HeightPx)
		}
		var n, sx, sy, sxx, sxy float64
		for _, p := range at {
			if p.X > 450 && p.Y < 200 || p.X > 760 || p.Y < 110 {
				continue // the legend, and the coarse ends of the curve
			}
			x, y := float64(p.X), float64(p.Y)
			n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		}
		if n < 300 {
			t.Fatalf("%v pixels of curve %d, want a line", n, i)
		}
		// y points down, so slope -1 of the rates is +1 of the pixels, but for the margins that make the plot not quite square.
		slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
		if slope < 0.9 || slope > 1.1 {
			t.Errorf("curve %d falls with slope %v, want 1 within a tenth", i, slope)
		}
		sums[i] = sx/n - sy/n
	}
	if sums[0] >= sums[1] {
		t.Errorf("the better curve lies at %v, the poorer at %v, want it nearer to the lower left", sums[0], sums[1])
	}
}

// TestSVG: well-formed, with the words that a reader needs as text.
func TestSVG(t *testing.T) {
	o := DefaultPlotOptions()
	o.Title = "8 kHz <dev>"
	det := plotted(t, SVG, o, twoCurves(t)...)
	var hist bytes.Buffer
	if err := WriteHistogram(&hist, SVG, o, twoCurves(t)[0].Ranked, "LLR, nats", Mark{"FMR 1 %", 2.5}, Mark{"none", math.NaN()}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		svg  []byte
		want []string
	}{
		"det":       {det, []string{"8 kHz <dev>", "FMR: other speakers accepted, %", "FNMR: own speaker refused, %", "good: EER 15.8", "poor: EER 30.", "minDCF(0.05) ", "minDCF(0.01) ", "30 errors", "0.5", "20"}},
		"histogram": {hist.Bytes(), []string{"8 kHz <dev>", "LLR, nats", "target (2000)", "nontarget (8000)", "FMR 1 %: 2.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			d := xml.NewDecoder(bytes.NewReader(c.svg))
			for {
				tok, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if s, ok := tok.(xml.CharData); ok {
					text.Write(s)
					text.WriteByte('\n')
				}
			}
			for _, w := range c.want {
				if !strings.Contains(text.String(), w) {
					t.Errorf("no %q in the text", w)
				}
			}
			if strings.Contains(text.String(), "none") {
				t.Error("a mark that is not a number was drawn")
			}
		})
	}
}

func TestPlotsRepeat(t *testing.T) {
	for _, f := range []Format{PNG, SVG} {
		if !bytes.Equal(plotted(t, f, DefaultPlotOptions(), twoCurves(t)...), plotted(t, f, DefaultPlotOptions(), twoCurves(t)...)) {
			t.Errorf("%s: two drawings of one curve differ", f)
		}
	}
}

// TestPlotsOfExtremes: nothing to see is no reason to fail.
func TestPlotsOfExtremes(t *testing.T) {
	inf := math.Inf(1)
	for name, r := range map[string]*Ranked{
		"perfect":   mustRank(t, []float64{1, 2}, []float64{-1, 0}),
		"reversed":  mustRank(t, []float64{-1, 0}, []float64{1, 2}),
		"identical": mustRank(t, []float64{1, 1}, []float64{1}),
		"huge":      mustRank(t, []float64{1e300}, []float64{-1e300}),
		"infinite":  mustRank(t, []float64{inf, 1}, []float64{-inf, 0}),
	} {
		t.Run(name, func(t *testing.T) {
			b := plotted(t, PNG, DefaultPlotOptions(), Curve{"c", r, DefaultCosts()})
			if _, at := pixelsOf(t, b, palette()[0]); len(at) == 0 {
				t.Error("no pixel of the curve's colour")
			}
			var h bytes.Buffer
			if err := WriteHistogram(&h, PNG, DefaultPlotOptions(), r, "score", Mark{"EER", 0.5}); err != nil {
				t.Fatal(err)
			}
			if _, err := png.Decode(&h); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestPlotErrors(t *testing.T) {
	r := twoCurves(t)[0].Ranked
	small := PlotOptions{Title: "a\nb", WidthPx: 10, HeightPx: 5000}
	for name, err := range map[string]error{
		"eval: plot: width 10 px, want 300 to 4000": WriteDET(io.Discard, PNG, small, Curve{"c", r, nil}),
		"eval: plot: height 5000 px":                WriteHistogram(io.Discard, PNG, small, r, "x"),
		"title \"a\\nb\"":                           small.Validate(),
		"0 curves, want 1 to 7":                     WriteDET(io.Discard, PNG, DefaultPlotOptions()),
		"curve \"c\" without trials":                WriteDET(io.Discard, PNG, DefaultPlotOptions(), Curve{Name: "c"}),
		"p_target 2":                                WriteDET(io.Discard, PNG, DefaultPlotOptions(), Curve{"c", r, []Cost{{2, 1, 1}}}),
		"histogram plot: no trials":                 WriteHistogram(io.Discard, PNG, DefaultPlotOptions(), nil, "x"),
		"6 marks, want at most 5":                   WriteHistogram(io.Discard, PNG, DefaultPlotOptions(), r, "x", make([]Mark, 6)...),
		"picture format: \"gif\", want png or svg":  WriteDET(io.Discard, "gif", DefaultPlotOptions(), Curve{"c", r, nil}),
		"no finite score":                           WriteHistogram(io.Discard, PNG, DefaultPlotOptions(), mustRank(t, []float64{math.Inf(1)}, []float64{math.Inf(-1)}), "x"),
		"eval: plot: " + io.ErrClosedPipe.Error():   WriteDET(broken{}, SVG, DefaultPlotOptions(), Curve{"c", r, nil}),
		"want a name ending in .png or .svg":        formatErr("det.pdf"),
		"want a range below":                        WriteHistogram(io.Discard, PNG, DefaultPlotOptions(), mustRank(t, []float64{math.MaxFloat64}, []float64{-math.MaxFloat64}), "x"),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q in it", err, name)
		}
	}
	if f, err := FormatOf("a/B.PNG"); f != PNG || err != nil {
		t.Errorf("%v, %v, want png", f, err)
	}
	if !strings.Contains(DefaultPlotOptions().String(), "width_px=900") {
		t.Errorf("options print as %s", DefaultPlotOptions())
	}
}

func formatErr(name string) error { _, err := FormatOf(name); return err }

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestHistogram(t *testing.T) {
	// Scores 0..4 in 4 bins of width 1; 4 itself belongs to the last, infinite scores to none.
	r := mustRank(t, []float64{2, 3.5, 4, math.Inf(1)}, []float64{0, 0.5, 1, 2})
	got, err := r.Histogram(4)
	if err != nil {
		t.Fatal(err)
	}
	want := []Bin{{0, 1, 0, 0.5}, {1, 2, 0, 0.25}, {2, 3, 0.25, 0.25}, {3, 4, 0.5, 0}}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("bin %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if _, err := r.Histogram(-1); err == nil {
		t.Error("-1 bins: want an error")
	}
	for _, r := range []*Ranked{twoCurves(t)[0].Ranked, mustRank(t, []float64{1e300, -1e300}, []float64{0}), mustRank(t, []float64{5}, []float64{5})} {
		bins, err := r.Histogram(0)
		if err != nil {
			t.Fatal(err)
		}
		var tar, non float64
		for _, b := range bins {
			tar, non = tar+b.Targets, non+b.Nontargets
			if b.From >= b.To {
				t.Fatalf("bin %+v", b)
			}
		}
		if math.Abs(tar-1) > 1e-9 || math.Abs(non-1) > 1e-9 {
			t.Errorf("shares add up to %v and %v, want 1", tar, non)
		}
	}
}
