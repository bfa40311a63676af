package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// SpectrumKind says what the mel bands sum up.
type SpectrumKind string

const (
	SpectrumPower       SpectrumKind = "power"       // |X[k]|²
	SpectrumMagnitude   SpectrumKind = "magnitude"   // |X[k]|
	SpectrumPeriodogram SpectrumKind = "periodogram" // |X[k]|²/F, python_speech_features
)

// LogKind says how band energies are compressed.
type LogKind string

const (
	LogNatural LogKind = "ln" // natural logarithm
	LogDB      LogKind = "db" // 10·log10, for a magnitude spectrum 20·log10
)

// FbankOptions describes log-mel filterbank features: frames, their spectrum, mel bands, logarithm.
type FbankOptions struct {
	Frame    FrameOptions
	Mel      MelOptions
	Spectrum SpectrumKind // what the bands sum
	Log      LogKind      // compression
	Floor    float64      // band energies below this are raised to it before the logarithm, in units of Spectrum; 1e-100 to 1
}

// DefaultFbank returns the log-mel features of Timbre's own models: DefaultFrame, DefaultMel, power, natural logarithm.
// The floor of 1e-9 lies just under the spectrum of 16-bit rounding noise (1/12 LSB² spread over a Povey window), so that digital
// silence, which telephone systems insert, looks like the quietest real input and not like a hole 20 units deep.
func DefaultFbank(rate int) FbankOptions {
	return FbankOptions{Frame: DefaultFrame(rate), Mel: DefaultMel(rate), Spectrum: SpectrumPower, Log: LogNatural, Floor: 1e-9}
}

// Validate returns every problem of o, joined; besides its own it names those of Frame and Mel.
func (o FbankOptions) Validate() error {
	errs := []error{o.Frame.Validate(), o.Mel.Validate(o.Frame.Rate)}
	if s := []SpectrumKind{SpectrumPower, SpectrumMagnitude, SpectrumPeriodogram}; !slices.Contains(s, o.Spectrum) {
		errs = append(errs, fmt.Errorf("%w: Spectrum %q, want one of %q", ErrFbank, o.Spectrum, s))
	}
	if s := []LogKind{LogNatural, LogDB}; !slices.Contains(s, o.Log) {
		errs = append(errs, fmt.Errorf("%w: Log %q, want one of %q", ErrFbank, o.Log, s))
	}
	if !(o.Floor >= 1e-100 && o.Floor <= 1) {
		errs = append(errs, fmt.Errorf("%w: Floor %v, want 1e-100 to 1", ErrFbank, o.Floor))
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o FbankOptions) String() string {
	return fmt.Sprintf("frame{%v} mel{%v} spectrum=%s log=%s floor=%g", o.Frame, o.Mel, o.Spectrum, o.Log, o.Floor)
}

// fbank turns a power spectrum into log-mel features.
type fbank struct {
	o        FbankOptions
	bank     *MelBank
	log      *logTable
	logScale float64
	band     []float64 // [M] band energies of the last frame
	mag      []float64 // [Bins] when the bands sum magnitudes
}

func newFbank(o FbankOptions) (*fbank, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	bank, err := NewMelBank(o.Mel, o.Frame.Rate, o.Frame.FFTSamples())
	if err != nil {
		return nil, err
	}
	f := &fbank{o: o, bank: bank, log: newLogTable(), logScale: 1, band: make([]float64, o.Mel.NumBands)}
	switch o.Spectrum {
	case SpectrumMagnitude:
		f.mag = make([]float64, o.Frame.Bins())
	case SpectrumPeriodogram:
		for k := range bank.norm {
			bank.norm[k] /= float64(o.Frame.FFTSamples())
		}
	}
	if o.Log == LogDB {
		f.logScale = 10 / math.Ln10
		if o.Spectrum == SpectrumMagnitude {
			f.logScale *= 2
		}
	}
	return f, nil
}

// compute writes the log-mel features of a power spectrum to dst. // bins -> M
func (f *fbank) compute(dst []float32, power []float64) {
	if f.mag != nil {
		for k, p := range power {
			f.mag[k] = math.Sqrt(p)
		}
		power = f.mag
	}
	f.bank.Apply(f.band, power)
	floor, scale, band := f.o.Floor, f.logScale, f.band[:len(dst)]
	for k := range dst {
		e := band[k]
		if !(e > floor) { // NaN falls to the floor as well
			e = floor
		}
		dst[k] = float32(f.log.ln(e) * scale)
	}
}
