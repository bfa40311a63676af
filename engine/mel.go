package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// MelScale names one of the two formulas in use for pitch perception; librosa's words for them.
type MelScale string

const (
	// MelHTK is 2595·log10(1 + f/700): O'Shaughnessy (1987), the HTK Book, Kaldi, python_speech_features.
	MelHTK MelScale = "htk"
	// MelSlaney is 3 mel per 200 Hz up to 1000 Hz and 27 mel per factor 6.4 above: Slaney, Auditory Toolbox (1998), librosa.
	MelSlaney MelScale = "slaney"
)

// MelShape says in which coordinate the sides of the triangles are straight.
type MelShape string

const (
	MelShapeMel  MelShape = "mel" // straight in mel: Kaldi
	MelShapeHz   MelShape = "hz"  // straight in Hz: librosa
	MelShapeBins MelShape = "bin" // corners rounded down to FFT bins, straight in Hz: python_speech_features
)

// MelNorm says how a band is scaled.
type MelNorm string

const (
	MelNormPeak MelNorm = "peak" // peak 1: Kaldi, HTK, python_speech_features, librosa norm=None
	MelNormArea MelNorm = "area" // area 1 when drawn over Hz, 2/width: librosa norm="slaney"
)

// MelOptions describes a bank of triangular filters whose corners are evenly spaced in mel.
type MelOptions struct {
	NumBands int      // number of bands M, 1 to 512
	LowHz    float64  // left corner of the first band, 0 or more
	HighHz   float64  // right corner of the last band, at most half the sample rate
	Scale    MelScale // formula of the mel
	Shape    MelShape // coordinate of the triangles
	Norm     MelNorm  // scale of the bands
}

const maxMelBands = 512

// DefaultMel returns the bank of Timbre's own models: 40 HTK bands, straight in mel, from 60 Hz to 3800 Hz at 8 kHz.
// Below 60 Hz lie mains hum and the roll-off of handsets, above 3800 Hz the filter of the telephone line, so those bins carry the
// line and not the speaker. At other rates the upper corner is 0.95 of the Nyquist frequency, at most 7600 Hz.
func DefaultMel(rate int) MelOptions {
	return MelOptions{NumBands: 40, LowHz: 60, HighHz: min(0.475*float64(rate), 7600), Scale: MelHTK, Shape: MelShapeMel, Norm: MelNormPeak}
}

// Mel returns f Hz in mel.
func (s MelScale) Mel(f float64) float64 {
	if s == MelSlaney {
		if f < slaneyKneeHz {
			return f / slaneyStepHz
		}
		return slaneyKneeHz/slaneyStepHz + math.Log(f/slaneyKneeHz)/slaneyLogStep
	}
	return 2595 * math.Log10(1+f/700)
}

// Hz returns mel m in Hz, the inverse of Mel.
func (s MelScale) Hz(m float64) float64 {
	if s == MelSlaney {
		if knee := slaneyKneeHz / slaneyStepHz; m >= knee {
			return slaneyKneeHz * math.Exp((m-knee)*slaneyLogStep)
		}
		return m * slaneyStepHz
	}
	return 700 * (math.Pow(10, m/2595) - 1)
}

const (
	slaneyKneeHz  = 1000.0
	slaneyStepHz  = 200.0 / 3
	slaneyLogStep = 0.06875177742094911693 // ln(6.4)/27
)

// Validate returns every problem of o at the sample rate given, joined; errors.Is finds ErrMel.
// A band may still turn out to hold no FFT bin, which only NewMelBank can see.
func (o MelOptions) Validate(rate int) error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrMel}, a...)...))
	}
	if o.NumBands < 1 || o.NumBands > maxMelBands {
		bad("NumBands %d, want 1 to %d", o.NumBands, maxMelBands)
	}
	if nyquist := float64(rate) / 2; !(o.LowHz >= 0 && o.LowHz < o.HighHz && o.HighHz <= nyquist) {
		bad("LowHz %v and HighHz %v, want 0 <= LowHz < HighHz <= %v", o.LowHz, o.HighHz, nyquist)
	}
	if s := []MelScale{MelHTK, MelSlaney}; !slices.Contains(s, o.Scale) {
		bad("Scale %q, want one of %q", o.Scale, s)
	}
	if s := []MelShape{MelShapeMel, MelShapeHz, MelShapeBins}; !slices.Contains(s, o.Shape) {
		bad("Shape %q, want one of %q", o.Shape, s)
	}
	if s := []MelNorm{MelNormPeak, MelNormArea}; !slices.Contains(s, o.Norm) {
		bad("Norm %q, want one of %q", o.Norm, s)
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o MelOptions) String() string {
	return fmt.Sprintf("bands=%d low_hz=%g high_hz=%g scale=%s shape=%s norm=%s", o.NumBands, o.LowHz, o.HighHz, o.Scale, o.Shape, o.Norm)
}

// MelBank sums FFT bins into mel bands. It is read-only once made and safe for concurrent use.
//
// The corners cut the bins into M+1 runs. A bin of run k belongs to two bands only: it climbs band k with weight r and leaves band
// k-1 with weight 1-r, so one table of r serves both and a spectrum is read once.
type MelBank struct {
	edges []float64 // [M+2] corners in Hz
	first int       // first bin of run 0
	runs  []int32   // [M+1] bins per run
	rise  []float64 // r of every bin, run after run
	norm  []float64 // [M] scale of each band
}

// NewMelBank returns the bank for spectra of an FFT of fftSize samples at rate. It returns the problems of o, or ErrMel when a band
// holds no FFT bin, which happens when the bands are narrower than the bins.
func NewMelBank(o MelOptions, rate, fftSize int) (*MelBank, error) {
	if err := o.Validate(rate); err != nil {
		return nil, err
	}
	if fftSize < 2 || fftSize > maxFFT {
		return nil, fmt.Errorf("%w: %d, want 2 to %d", ErrFFT, fftSize, maxFFT)
	}
	binHz := float64(rate) / float64(fftSize)
	b := &MelBank{runs: make([]int32, o.NumBands+1), norm: make([]float64, o.NumBands)}
	low, high := o.Scale.Mel(o.LowHz), o.Scale.Mel(o.HighHz)
	corner := make([]float64, o.NumBands+2) // in the coordinate of the shape
	for k := range corner {
		mel := low + (high-low)*float64(k)/float64(o.NumBands+1)
		hz := o.Scale.Hz(mel)
		b.edges = append(b.edges, hz)
		switch o.Shape {
		case MelShapeHz:
			corner[k] = hz
		case MelShapeMel:
			corner[k] = mel
		case MelShapeBins:
			corner[k] = math.Floor(float64(fftSize+1) * hz / float64(rate))
		}
	}
	at := func(bin int) float64 {
		switch hz := float64(bin) * binHz; o.Shape {
		case MelShapeHz:
			return hz
		case MelShapeMel:
			return o.Scale.Mel(hz)
		default:
			return float64(bin)
		}
	}
	bin := 0
	for bin <= fftSize/2 && at(bin) < corner[0] {
		bin++
	}
	b.first = bin
	for k := range b.runs {
		for bin <= fftSize/2 && at(bin) < corner[k+1] {
			b.rise = append(b.rise, (at(bin)-corner[k])/(corner[k+1]-corner[k]))
			b.runs[k]++
			bin++
		}
	}
	for k := range b.norm {
		b.norm[k] = 1
		if o.Norm == MelNormArea {
			b.norm[k] = 2 / (b.edges[k+2] - b.edges[k])
		}
	}
	for k, row := range b.Weights(fftSize/2 + 1) {
		if !slices.ContainsFunc(row, func(w float64) bool { return w > 0 }) {
			return nil, fmt.Errorf("%w: band %d of %d (%.1f to %.1f Hz) holds no FFT bin at %.2f Hz per bin, want fewer bands or a longer FFT",
				ErrMel, k, o.NumBands, b.edges[k], b.edges[k+2], binHz)
		}
	}
	return b, nil
}

// NumBands returns M.
func (b *MelBank) NumBands() int { return len(b.norm) }

// EdgesHz returns the M+2 corners in Hz, a copy: band k rises from edge k, peaks at k+1 and ends at k+2.
func (b *MelBank) EdgesHz() []float64 { return slices.Clone(b.edges) }

// Weights returns the bank as a dense M×bins matrix, for inspection and tests.
func (b *MelBank) Weights(bins int) [][]float64 {
	w := make([][]float64, len(b.norm))
	for k := range w {
		w[k] = make([]float64, bins)
	}
	i := 0
	for k, n := range b.runs {
		for range n {
			if bin := b.first + i; bin < bins {
				if k < len(w) {
					w[k][bin] += b.rise[i] * b.norm[k]
				}
				if k > 0 {
					w[k-1][bin] += (1 - b.rise[i]) * b.norm[k-1]
				}
			}
			i++
		}
	}
	return w
}

// Apply writes the M band sums of spectrum to dst, whose length must be NumBands. The spectrum must reach the last band.
func (b *MelBank) Apply(dst, spectrum []float64) {
	x := spectrum[b.first : b.first+len(b.rise)]
	r := b.rise[:len(x)]
	norm := b.norm[:len(dst)]
	rising, i := 0.0, 0 // rising side of band k-1
	for k, n := range b.runs {
		up, down := 0.0, 0.0
		for end := i + int(n); i < end; i++ {
			v := x[i]
			u := r[i] * v
			up += u
			down += v - u
		}
		if k > 0 {
			dst[k-1] = (rising + down) * norm[k-1]
		}
		rising = up
	}
}
