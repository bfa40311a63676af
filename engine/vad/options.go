package vad

import (
	"errors"
	"fmt"
)

// Rate is the sample rate that detectors work at. Wider audio is resampled down first.
const Rate = 8000

// Step sizes of every scorer: a score is given for each StepSamples of input, the moment its last sample is in, from a window of
// WindowSamples that ends there.
const (
	StepSamples   = 128 // 16 ms
	WindowSamples = 256 // 32 ms
)

// ErrRate says that a detector was asked for a sample rate it does not work at.
var ErrRate = errors.New("vad: sample rate not supported")

// SegmentOptions turn a probability per step into intervals.
type SegmentOptions struct {
	EntryProb float64 // a probability at or above it opens a segment, which then begins with the steps at or above
	// ExitProb that led there, at most MinOffMs back; in (0, 1]
	ExitProb     float64 // a probability below it lets the open segment run out; in (0, EntryProb]
	MinOnMs      int     // total time at or above ExitProb before a segment is believed and its Start is told; 0 or more
	MinOffMs     int     // time below ExitProb that closes a segment; shorter gaps stay inside; 16 or more
	PadMs        int     // added before and after what was heard, never into a neighbour; 0 to MinOffMs
	MaxSegmentMs int     // a longer segment is split at its least probable step past the middle; 0 = never, else 1000 to 600000
}

// Validate reports every field that is out of range.
func (o SegmentOptions) Validate() error {
	var errs []error
	bad := func(name string, v any, want string) {
		errs = append(errs, fmt.Errorf("vad: %s: %v, want %s", name, v, want))
	}
	if !(o.EntryProb > 0 && o.EntryProb <= 1) {
		bad("EntryProb", o.EntryProb, "in (0, 1]")
	}
	if !(o.ExitProb > 0 && o.ExitProb <= o.EntryProb) {
		bad("ExitProb", o.ExitProb, fmt.Sprintf("in (0, EntryProb = %g]", o.EntryProb))
	}
	if o.MinOnMs < 0 || o.MinOnMs > 60000 {
		bad("MinOnMs", o.MinOnMs, "0 to 60000")
	}
	if o.MinOffMs < 16 || o.MinOffMs > 60000 {
		bad("MinOffMs", o.MinOffMs, "16 to 60000")
	}
	if o.PadMs < 0 || o.PadMs > o.MinOffMs {
		bad("PadMs", o.PadMs, fmt.Sprintf("0 to MinOffMs = %d", o.MinOffMs))
	}
	if o.MaxSegmentMs != 0 && (o.MaxSegmentMs < 1000 || o.MaxSegmentMs > 600000) {
		bad("MaxSegmentMs", o.MaxSegmentMs, "0 or 1000 to 600000")
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o SegmentOptions) String() string {
	return fmt.Sprintf("entry %g exit %g min on %d ms min off %d ms pad %d ms max %d ms",
		o.EntryProb, o.ExitProb, o.MinOnMs, o.MinOffMs, o.PadMs, o.MaxSegmentMs)
}

// Options configure a Detector.
type Options struct {
	Rate   int            // samples per second of the input; 8000
	Speech SegmentOptions // segments of speech
	Music  SegmentOptions // hold music; needs a network
	Noise  SegmentOptions // sustained noise where nobody speaks; needs a network
	Tones  bool           // look for DTMF, ringback and other call-progress tones, and fax
}

// DefaultOptions returns the settings that the shipped figures were measured with.
func DefaultOptions() Options {
	return Options{
		Rate:   Rate,
		Speech: SegmentOptions{EntryProb: 0.65, ExitProb: 0.55, MinOnMs: 96, MinOffMs: 96, PadMs: 48, MaxSegmentMs: 30000},
		Music:  SegmentOptions{EntryProb: 0.8, ExitProb: 0.5, MinOnMs: 2500, MinOffMs: 1500, PadMs: 0, MaxSegmentMs: 0},
		Noise:  SegmentOptions{EntryProb: 0.8, ExitProb: 0.55, MinOnMs: 1500, MinOffMs: 1000, PadMs: 0, MaxSegmentMs: 0},
		Tones:  true,
	}
}

// Validate reports every field that is out of range; errors.Is finds ErrRate.
func (o Options) Validate() error {
	var errs []error
	if o.Rate != Rate {
		errs = append(errs, fmt.Errorf("%w: %d Hz, want %d", ErrRate, o.Rate, Rate))
	}
	for _, s := range []struct {
		name string
		o    SegmentOptions
	}{{"Speech", o.Speech}, {"Music", o.Music}, {"Noise", o.Noise}} {
		if err := s.o.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o Options) String() string {
	return fmt.Sprintf("rate %d Hz; speech: %v; music: %v; noise: %v; tones %v", o.Rate, o.Speech, o.Music, o.Noise, o.Tones)
}
