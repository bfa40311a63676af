package engine

import (
	"errors"
	"fmt"
	"math"
)

// ShapeOptions says which spectral shape measures are taken and over which frequencies.
// The spectrum is that of FrameOptions with PreEmph 0, since a centroid of a pre-emphasised spectrum describes the filter as well.
type ShapeOptions struct {
	LowHz, HighHz float64      // bins in [LowHz, HighHz] count for centroid, spread, roll-off, flatness and flux
	RollOff       float64      // share of the magnitude below the roll-off frequency, in (0, 1); usually 0.85
	BandEdgesHz   []float64    // rising edges of adjoining bands [e0, e1), [e1, e2)..; empty for no band energies
	SlopesHz      [][2]float64 // ranges [low, high] of the slopes; empty for none
}

// DefaultShape returns the measures for speech at rate: the range of DefaultMel, roll-off at 85 %, octave-like bands up to the
// Nyquist frequency and the two slopes of eGeMAPS (0 to 500 Hz and 500 to 1500 Hz), which follow vocal effort (Eyben et al. 2016).
func DefaultShape(rate int) ShapeOptions {
	o := ShapeOptions{LowHz: 60, HighHz: DefaultMel(rate).HighHz, RollOff: 0.85, SlopesHz: [][2]float64{{0, 500}, {500, 1500}}}
	for _, e := range []float64{0, 250, 500, 1000, 2000, 4000, 8000} {
		if e <= float64(rate)/2 {
			o.BandEdgesHz = append(o.BandEdgesHz, e)
		}
	}
	return o
}

// Validate returns every problem of o for spectra of frame f, joined; errors.Is finds ErrShape.
func (o ShapeOptions) Validate(f FrameOptions) error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrShape}, a...)...))
	}
	if f.Validate() != nil {
		return nil // the bins are not known; the frame's own problems are told elsewhere
	}
	nyquist := float64(f.Rate) / 2
	span := func(what string, low, high float64, least int) {
		if !(low >= 0 && low < high && high <= nyquist) {
			bad("%s %v to %v Hz, want 0 <= low < high <= %v", what, low, high, nyquist)
		} else if lo, hi := binRange(f, low, high); hi-lo < least {
			bad("%s %v to %v Hz holds %d FFT bins, want %d or more", what, low, high, hi-lo, least)
		}
	}
	span("range", o.LowHz, o.HighHz, 2)
	if !(o.RollOff > 0 && o.RollOff < 1) {
		bad("RollOff %v, want above 0 and below 1", o.RollOff)
	}
	if n := len(o.BandEdgesHz); n == 1 || n > 65 {
		bad("%d BandEdgesHz, want none or 2 to 65", n)
	}
	for i := 1; i < len(o.BandEdgesHz); i++ {
		span(fmt.Sprintf("band %d", i-1), o.BandEdgesHz[i-1], o.BandEdgesHz[i], 1)
	}
	if n := len(o.SlopesHz); n > 16 {
		bad("%d SlopesHz, want 16 or fewer", n)
	}
	for i, r := range o.SlopesHz {
		span(fmt.Sprintf("slope %d", i), r[0], r[1], 2)
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o ShapeOptions) String() string {
	return fmt.Sprintf("low_hz=%g high_hz=%g roll_off=%g bands_hz=%v slopes_hz=%v", o.LowHz, o.HighHz, o.RollOff, o.BandEdgesHz, o.SlopesHz)
}

// Shape describes the spectrum of one frame, with magnitudes a[k] = |X[k]| at frequencies f[k]. In digital silence all is 0, but
// Flatness is 1 and levels are LevelFloorDBFS.
type Shape struct {
	CentroidHz     float32   // Σ f·a / Σ a; librosa spectral_centroid
	SpreadHz       float32   // standard deviation of f weighted by a; librosa spectral_bandwidth
	RollOffHz      float32   // least f with at least the share RollOff of Σ a at or below it; librosa spectral_rolloff
	Flatness       float32   // geometric over arithmetic mean of a², 1 for white noise; a² at least 1e-10; librosa spectral_flatness
	Flux           float32   // Euclidean distance of a/‖a‖ from that of the frame before, 0 to √2; 0 for frame 0 (after Scheirer and Slaney 1997)
	SlopesDBPerKHz []float32 // straight line fitted to the bin levels over frequency, per range of SlopesHz
	BandsDBFS      []float32 // level of each band on the scale of LevelDBFS: by Parseval they add up to the level of the windowed frame
}

// binRange returns the bins [lo, hi) whose frequencies lie in [low, high].
func binRange(f FrameOptions, low, high float64) (lo, hi int) {
	const slack = 1e-9 // an edge on a bin must not fall off by rounding
	lo = int(math.Ceil(low/f.BinHz() - slack))
	hi = int(math.Floor(high/f.BinHz()+slack)) + 1
	return lo, min(hi, f.Bins())
}

// shaper computes Shapes frame after frame; it remembers the frame before for the flux.
type shaper struct {
	o        ShapeOptions
	lo, hi   int
	hz       []float64 // [Bins]
	bands    [][2]int
	slopes   []slopeFit
	toFS     []float64 // [Bins] power of a bin, mirror image included, to mean square of samples in [-1, 1]
	level    []float64 // [Bins] dBFS per bin, when a slope wants it
	mag, was []float64 // [hi-lo] magnitudes of this frame and of the one before, the latter of norm 1 or 0
	frames   int64
	log      *logTable
}

// slopeFit is a least-squares line over bins lo..: slope = Σ w[k]·level[lo+k].
type slopeFit struct {
	lo int
	w  []float64
}

func newShaper(o ShapeOptions, s *spectrum) *shaper {
	f := s.o
	h := &shaper{o: o, hz: make([]float64, f.Bins()), log: newLogTable()}
	for k := range h.hz {
		h.hz[k] = float64(k) * f.BinHz()
	}
	h.lo, h.hi = binRange(f, o.LowHz, o.HighHz)
	h.mag, h.was = make([]float64, h.hi-h.lo), make([]float64, h.hi-h.lo)
	for i := 1; i < len(o.BandEdgesHz); i++ {
		lo, hi := binRange(f, o.BandEdgesHz[i-1], o.BandEdgesHz[i])
		if i+1 < len(o.BandEdgesHz) && hi > lo {
			next, _ := binRange(f, o.BandEdgesHz[i], o.BandEdgesHz[i+1])
			hi = min(hi, next) // a bin on the edge belongs to the upper band
		}
		h.bands = append(h.bands, [2]int{lo, hi})
	}
	for _, r := range o.SlopesHz {
		lo, hi := binRange(f, r[0], r[1])
		h.slopes = append(h.slopes, fitSlope(h.hz[lo:hi], lo))
	}
	if len(h.slopes) > 0 {
		h.level = make([]float64, f.Bins())
	}
	energy := 0.0
	for _, w := range s.window {
		energy += w * w
	}
	h.toFS = make([]float64, f.Bins())
	for k := range h.toFS {
		h.toFS[k] = 2 / (energy * float64(f.FFTSamples()))
		if k == 0 || 2*k == f.FFTSamples() {
			h.toFS[k] /= 2 // 0 Hz and the Nyquist frequency have no mirror image
		}
	}
	return h
}

func fitSlope(hz []float64, lo int) slopeFit {
	mean, sq := 0.0, 0.0
	for _, f := range hz {
		mean += f / 1000 / float64(len(hz))
	}
	w := make([]float64, len(hz))
	for k, f := range hz {
		w[k] = f/1000 - mean
		sq += w[k] * w[k]
	}
	for k := range w {
		w[k] /= sq
	}
	return slopeFit{lo, w}
}

func (h *shaper) reset() { h.frames = 0 }

// newShape returns a Shape whose slices have the sizes h fills.
func (h *shaper) newShape() Shape {
	return Shape{SlopesDBPerKHz: make([]float32, len(h.slopes)), BandsDBFS: make([]float32, len(h.bands))}
}

// compute fills s from a power spectrum.
func (h *shaper) compute(s *Shape, power []float64) {
	h.centroid(s, power[h.lo:h.hi], h.hz[h.lo:h.hi])
	for i, b := range h.bands {
		sum := 0.0
		for k := b[0]; k < b[1]; k++ {
			sum += power[k] * h.toFS[k]
		}
		s.BandsDBFS[i] = levelOf(sum, 1)
	}
	if len(h.slopes) > 0 {
		for k, p := range power {
			h.level[k] = 10 / math.Ln10 * h.log.ln(finiteAtLeast(p*h.toFS[k], 1e-15))
		}
		for i, f := range h.slopes {
			s.SlopesDBPerKHz[i] = float32(dot64(f.w, h.level[f.lo:f.lo+len(f.w)]))
		}
	}
	h.frames++
}

// finiteAtLeast maps NaN and everything below floor to floor and infinity to the largest number.
func finiteAtLeast(x, floor float64) float64 {
	if !(x > floor) {
		return floor
	}
	return min(x, math.MaxFloat64)
}

func (h *shaper) centroid(s *Shape, power, hz []float64) {
	mag, was := h.mag[:len(power)], h.was[:len(power)]
	hz = hz[:len(power)]
	sum, first, squares, logs := 0.0, 0.0, 0.0, 0.0
	for k, p := range power {
		a := math.Sqrt(p)
		mag[k] = a
		sum += a
		first += a * hz[k]
		e := finiteAtLeast(p, 1e-10) // librosa's amin
		squares += e
		logs += h.log.ln(e)
	}
	n := float64(len(power))
	s.CentroidHz, s.SpreadHz, s.RollOffHz, s.Flux = 0, 0, 0, 0
	s.Flatness = float32(math.Exp(logs/n) / (squares / n))
	if !(sum > 0) || math.IsInf(sum, 0) {
		clear(was)
		return
	}
	mean := first / sum
	second, below, norm := 0.0, 0.0, 0.0
	roll := -1
	for k, a := range mag {
		second += a * (hz[k] - mean) * (hz[k] - mean)
		below += a
		if roll < 0 && below >= h.o.RollOff*sum {
			roll = k
		}
		norm += a * a
	}
	s.CentroidHz, s.SpreadHz = float32(mean), float32(math.Sqrt(second/sum))
	s.RollOffHz = float32(hz[max(roll, 0)])
	flux, scale := 0.0, 1/math.Sqrt(norm)
	for k, a := range mag {
		a *= scale
		flux += (a - was[k]) * (a - was[k])
		was[k] = a
	}
	if h.frames > 0 {
		s.Flux = float32(math.Sqrt(flux))
	}
}
