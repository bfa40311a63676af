package engine

import (
	"errors"
	"fmt"
)

// StreamOptions says what a Stream yields per frame. Log-mel features and the level are always there, the rest where asked.
type StreamOptions struct {
	Fbank       FbankOptions
	Cepstra     *CepstraOptions     // nil: no MFCC
	Deltas      DeltaOptions        // derivatives appended to the MFCC; the zero value is none
	LogMelCMVN  *SlidingCMVNOptions // nil: log-mel as computed
	CepstraCMVN *SlidingCMVNOptions // nil: MFCC and their derivatives as computed; else normalised after the derivatives are taken
	Shape       *ShapeOptions       // nil: no spectral shape
	Pitch       *PitchOptions       // nil: no pitch; else its Rate must be that of the frames
}

// DefaultStream returns log-mel features and cepstra of DefaultMFCC at rate, and no more.
func DefaultStream(rate int) StreamOptions { return DefaultMFCC(rate).Stream() }

// Validate returns every problem of o, joined.
func (o StreamOptions) Validate() error {
	errs := []error{o.Fbank.Validate(), o.Deltas.Validate()}
	if o.Cepstra != nil {
		errs = append(errs, o.Cepstra.Validate(o.Fbank.Mel.NumBands))
	} else {
		if o.Deltas.Order > 0 {
			errs = append(errs, fmt.Errorf("%w: Order %d without Cepstra, want 0", ErrDelta, o.Deltas.Order))
		}
		if o.CepstraCMVN != nil {
			errs = append(errs, fmt.Errorf("%w: CepstraCMVN without Cepstra, want nil", ErrCMVN))
		}
	}
	for _, c := range []*SlidingCMVNOptions{o.LogMelCMVN, o.CepstraCMVN} {
		if c != nil {
			errs = append(errs, c.Validate())
		}
	}
	if o.Shape != nil {
		errs = append(errs, o.Shape.Validate(o.Fbank.Frame))
	}
	if o.Pitch != nil {
		errs = append(errs, o.Pitch.Validate())
		if o.Pitch.Rate != o.Fbank.Frame.Rate {
			errs = append(errs, fmt.Errorf("%w: pitch at %d Hz, frames at %d Hz, want one rate", ErrRate, o.Pitch.Rate, o.Fbank.Frame.Rate))
		}
	}
	return errors.Join(errs...)
}

// String prints every field; what is not asked for reads "none".
func (o StreamOptions) String() string {
	s := fmt.Sprintf("fbank{%v} cepstra{%s} deltas{%v} logmel_cmvn{%s} cepstra_cmvn{%s} shape{%s} pitch{%s}", o.Fbank,
		orNone(o.Cepstra), o.Deltas, orNone(o.LogMelCMVN), orNone(o.CepstraCMVN), orNone(o.Shape), orNone(o.Pitch))
	return s
}

func orNone[T fmt.Stringer](p *T) string {
	if p == nil {
		return "none"
	}
	return (*p).String()
}

// NumCols returns the length of a frame's MFCC, derivatives included; 0 without Cepstra.
func (o StreamOptions) NumCols() int {
	if o.Cepstra == nil {
		return 0
	}
	return o.Cepstra.NumCeps * (1 + o.Deltas.Order)
}

// LagFrames returns the greatest number of frames that a frame waits for after its own last sample: derivatives, then
// normalisation, and beside them the pitch. 0 means that a frame is out with its last sample.
func (o StreamOptions) LagFrames() int {
	lag := 0
	if o.Cepstra != nil {
		lag = o.Deltas.Lag()
		if o.CepstraCMVN != nil {
			lag += o.CepstraCMVN.Lag()
		}
	}
	if o.LogMelCMVN != nil {
		lag = max(lag, o.LogMelCMVN.Lag())
	}
	if o.Pitch != nil {
		lag = max(lag, o.pitchLag())
	}
	return lag
}

// pitchLag returns how many frames may end before the pitch beside one is settled: the pitch frame nearest to its middle lies up to
// half a pitch hop later, needs half a pitch window, and waits for MaxLagFrames further pitch frames.
func (o StreamOptions) pitchLag() int {
	hop, p := o.Fbank.Frame.HopSamples(), *o.Pitch
	samples := p.HopSamples()*(p.MaxLagFrames()+2) + p.halfWindow()
	return max(samples-o.Fbank.Frame.WindowSamples()/2, 0)/hop + 2
}
