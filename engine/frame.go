package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// EdgeKind says which frames exist and what stands beyond the ends of the signal. N is its number of samples, W the window, H
// the hop and F the FFT size. A signal of no samples has no frames under any of them.
type EdgeKind string

const (
	// EdgesSnip keeps frames that lie wholly inside: T = 1 + (N-W)/H, frame t starts at t·H. HTK, Kaldi snip_edges=true.
	EdgesSnip EdgeKind = "snip"
	// EdgesCenter centres frame t at sample t·H, with zeros beyond both ends: T = 1 + N/H for even F. librosa center=True
	// with pad_mode="constant".
	EdgesCenter EdgeKind = "center"
	// EdgesPadTail starts frame t at t·H and fills the last one with zeros: T = 1 + ceil((N-W)/H). python_speech_features.
	EdgesPadTail EdgeKind = "pad_tail"
	// EdgesReflect centres frame t at H/2 + t·H and mirrors the signal at both ends (sample -1 is sample 0):
	// T = (N + H/2)/H. Kaldi snip_edges=false.
	EdgesReflect EdgeKind = "reflect"
)

// PreEmphScope says what the first sample of a frame is differenced against.
type PreEmphScope string

const (
	// PreEmphFrame filters each frame by itself, its first sample against itself: y0 = (1-c)·x0. Kaldi and HTK.
	PreEmphFrame PreEmphScope = "frame"
	// PreEmphSignal filters the whole signal before framing, its first sample against silence. python_speech_features.
	PreEmphSignal PreEmphScope = "signal"
)

// FrameOptions says how samples are cut into frames and what happens to a frame before the FFT.
// The order is: scale, subtract the mean, pre-emphasis, window, zeros up to the FFT size.
type FrameOptions struct {
	Rate         int          // samples per second of the input, MinRate to MaxRate
	WindowMs     float64      // frame length in ms; presets 25
	HopMs        float64      // step between frame starts in ms; presets 10
	Scale        float64      // factor on samples in [-1, 1]; 1, or 32768 where a recipe expects 16-bit integers
	RemoveDC     bool         // subtract the frame's mean
	PreEmph      float64      // c of y[n] = x[n] - c·x[n-1], in [0, 1); 0 is off
	PreEmphScope PreEmphScope // per frame (Kaldi) or over the signal (python_speech_features)
	Window       WindowKind   // tapering window
	FFTSize      int          // FFT length in samples, at least the window; 0 is the next power of two
	Edges        EdgeKind     // which frames exist at the ends
}

// maxFrameSamples bounds window, hop and FFT size, and with them what an extractor allocates.
const maxFrameSamples = 1 << 16

// DefaultFrame returns the framing of Timbre's own models: 25 ms Povey windows every 10 ms, mean removed, pre-emphasis 0.97 within
// the frame, samples in [-1, 1].
func DefaultFrame(rate int) FrameOptions {
	return FrameOptions{Rate: rate, WindowMs: 25, HopMs: 10, Scale: 1, RemoveDC: true, PreEmph: 0.97,
		PreEmphScope: PreEmphFrame, Window: WindowPovey, Edges: EdgesSnip}
}

// WindowSamples returns the frame length W in samples, rounded to the nearest.
func (o FrameOptions) WindowSamples() int { return wholeSamples(o.WindowMs, o.Rate) }

// HopSamples returns the hop H in samples, rounded to the nearest.
func (o FrameOptions) HopSamples() int { return wholeSamples(o.HopMs, o.Rate) }

// FFTSamples returns the FFT length F: FFTSize, or the smallest power of two that holds the window.
func (o FrameOptions) FFTSamples() int {
	if o.FFTSize != 0 {
		return o.FFTSize
	}
	n := 2
	for n < o.WindowSamples() {
		n *= 2
	}
	return n
}

// Bins returns the number of FFT bins from 0 Hz to the Nyquist frequency, F/2 + 1.
func (o FrameOptions) Bins() int { return o.FFTSamples()/2 + 1 }

// BinHz returns the distance of neighbouring FFT bins in Hz.
func (o FrameOptions) BinHz() float64 { return float64(o.Rate) / float64(o.FFTSamples()) }

func wholeSamples(ms float64, rate int) int {
	n := math.Round(ms * float64(rate) / 1000)
	if !(n >= 0 && n <= 1<<30) { // NaN too: Validate names it, the conversion must not be undefined
		return -1
	}
	return int(n)
}

// NumFrames returns how many frames a signal of n samples has once it has ended.
func (o FrameOptions) NumFrames(n int64) int64 { return o.grid().numFrames(n) }

// FirstSample returns the position of the first sample of frame t; negative where a frame begins before the signal.
func (o FrameOptions) FirstSample(t int64) int64 { return o.grid().firstSample(t) }

// frameGrid is the arithmetic of frame positions, with the lengths already in samples.
type frameGrid struct {
	w, h, f int64 // window, hop, FFT size
	edges   EdgeKind
}

func (o FrameOptions) grid() frameGrid {
	return frameGrid{int64(o.WindowSamples()), int64(o.HopSamples()), int64(o.FFTSamples()), o.Edges}
}

func (g frameGrid) numFrames(n int64) int64 {
	if n <= 0 {
		return 0
	}
	switch g.edges {
	case EdgesCenter:
		room := n + 2*(g.f/2) - g.f
		if room < 0 {
			return 0
		}
		return 1 + room/g.h
	case EdgesPadTail:
		if n <= g.w {
			return 1
		}
		return 1 + (n-g.w+g.h-1)/g.h
	case EdgesReflect:
		return (n + g.h/2) / g.h
	default:
		if n < g.w {
			return 0
		}
		return 1 + (n-g.w)/g.h
	}
}

func (g frameGrid) firstSample(t int64) int64 {
	switch g.edges {
	case EdgesCenter:
		// the window sits in the middle of an FFT frame that is centred at t·H; the rounding is librosa's
		return t*g.h - g.f/2 + (g.f-g.w)/2
	case EdgesReflect:
		return t*g.h + g.h/2 - g.w/2
	default:
		return t * g.h
	}
}

// Validate returns every problem of o, joined; errors.Is finds ErrRate, ErrFrame, ErrWindow and ErrFFT.
func (o FrameOptions) Validate() error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrFrame}, a...)...))
	}
	if o.Rate < MinRate || o.Rate > MaxRate {
		errs = append(errs, fmt.Errorf("%w: %d Hz, want %d to %d", ErrRate, o.Rate, MinRate, MaxRate))
	}
	w, h := o.WindowSamples(), o.HopSamples()
	if w < 2 || w > maxFrameSamples {
		bad("WindowMs %v is %d samples, want 2 to %d", o.WindowMs, w, maxFrameSamples)
	}
	if h < 1 || h > maxFrameSamples {
		bad("HopMs %v is %d samples, want 1 to %d", o.HopMs, h, maxFrameSamples)
	}
	if o.FFTSize != 0 && (o.FFTSize < w || o.FFTSize < 2 || o.FFTSize > maxFrameSamples) {
		errs = append(errs, fmt.Errorf("%w: FFTSize %d, want 0 or %d (the window) to %d", ErrFFT, o.FFTSize, max(w, 2), maxFrameSamples))
	}
	if !(o.Scale > 0) || math.IsInf(o.Scale, 0) {
		bad("Scale %v, want above 0 (1 for samples in [-1, 1])", o.Scale)
	}
	if !(o.PreEmph >= 0 && o.PreEmph < 1) {
		bad("PreEmph %v, want 0 (off) to below 1", o.PreEmph)
	}
	if s := []PreEmphScope{PreEmphFrame, PreEmphSignal}; !slices.Contains(s, o.PreEmphScope) {
		bad("PreEmphScope %q, want one of %q", o.PreEmphScope, s)
	}
	if k := WindowKinds(); !slices.Contains(k, o.Window) {
		errs = append(errs, fmt.Errorf("%w: %q, want one of %q", ErrWindow, o.Window, k))
	}
	if e := []EdgeKind{EdgesSnip, EdgesCenter, EdgesPadTail, EdgesReflect}; !slices.Contains(e, o.Edges) {
		bad("Edges %q, want one of %q", o.Edges, e)
	}
	return errors.Join(errs...)
}

// String prints every field and the derived sample counts.
func (o FrameOptions) String() string {
	return fmt.Sprintf("rate=%d window_ms=%g(%d) hop_ms=%g(%d) scale=%g remove_dc=%t preemph=%g/%s window=%s fft=%d edges=%s",
		o.Rate, o.WindowMs, o.WindowSamples(), o.HopMs, o.HopSamples(), o.Scale, o.RemoveDC, o.PreEmph, o.PreEmphScope,
		o.Window, o.FFTSamples(), o.Edges)
}
