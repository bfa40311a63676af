package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// C0Kind says what stands first in a cepstral vector.
type C0Kind string

const (
	C0Cepstrum       C0Kind = "cepstrum"        // c0 of the transform
	C0RawEnergy      C0Kind = "raw_energy"      // ln of the frame's energy after the mean is removed, before pre-emphasis: Kaldi raw_energy=true
	C0WindowedEnergy C0Kind = "windowed_energy" // ln of the energy after pre-emphasis and window: Kaldi raw_energy=false
	C0SpectralEnergy C0Kind = "spectral_energy" // ln of the sum of the spectrum, bins 0 to F/2: python_speech_features
)

// CepstraOptions says how log-mel features become cepstra.
type CepstraOptions struct {
	NumCeps     int     // cepstra kept, c0 included, 1 to the number of mel bands
	Lifter      float64 // L of the weights 1 + L/2·sin(πk/L) (HTK, Kaldi, python_speech_features); 0 is off
	DCT         DCTNorm // scaling of the transform
	C0          C0Kind  // what stands first
	EnergyFloor float64 // energies below this are raised to it before their logarithm; 1e-100 to 1; unused with C0Cepstrum
}

// MFCCOptions describes mel-frequency cepstral coefficients (Davis and Mermelstein 1980).
type MFCCOptions struct {
	Fbank FbankOptions
	CepstraOptions
}

// DefaultCepstra returns 20 orthonormal cepstra, c0 among them, with a lifter of 22.
// 20 is what speaker recognition on telephone speech settled on: more than the 13 of speech recognition, because the finer
// ripples of the envelope tell people apart, and half the 40 bands, above which pitch harmonics show.
func DefaultCepstra() CepstraOptions {
	return CepstraOptions{NumCeps: 20, Lifter: 22, DCT: DCTOrtho, C0: C0Cepstrum, EnergyFloor: 1e-9}
}

// DefaultMFCC returns the cepstra of Timbre's own models: DefaultFbank and DefaultCepstra. Made for 8 kHz telephone speech; any
// rate up to 48 kHz works.
func DefaultMFCC(rate int) MFCCOptions {
	return MFCCOptions{Fbank: DefaultFbank(rate), CepstraOptions: DefaultCepstra()}
}

// Validate returns every problem of o for vectors of numBands log-mel features, joined; errors.Is finds ErrCepstra.
func (o CepstraOptions) Validate(numBands int) error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrCepstra}, a...)...))
	}
	if o.NumCeps < 1 || o.NumCeps > numBands {
		bad("NumCeps %d, want 1 to %d (the mel bands)", o.NumCeps, numBands)
	}
	if !(o.Lifter >= 0 && o.Lifter <= 1000) {
		bad("Lifter %v, want 0 (off) to 1000", o.Lifter)
	}
	if s := []DCTNorm{DCTOrtho, DCTHTK, DCTNone}; !slices.Contains(s, o.DCT) {
		bad("DCT %q, want one of %q", o.DCT, s)
	}
	if s := []C0Kind{C0Cepstrum, C0RawEnergy, C0WindowedEnergy, C0SpectralEnergy}; !slices.Contains(s, o.C0) {
		bad("C0 %q, want one of %q", o.C0, s)
	}
	if !(o.EnergyFloor >= 1e-100 && o.EnergyFloor <= 1) {
		bad("EnergyFloor %v, want 1e-100 to 1", o.EnergyFloor)
	}
	return errors.Join(errs...)
}

// String prints every field.
func (o CepstraOptions) String() string {
	return fmt.Sprintf("ceps=%d lifter=%g dct=%s c0=%s energy_floor=%g", o.NumCeps, o.Lifter, o.DCT, o.C0, o.EnergyFloor)
}

// Validate returns every problem of o, joined.
func (o MFCCOptions) Validate() error {
	return errors.Join(o.Fbank.Validate(), o.CepstraOptions.Validate(o.Fbank.Mel.NumBands))
}

// String prints every field.
func (o MFCCOptions) String() string {
	return fmt.Sprintf("fbank{%v} cepstra{%v}", o.Fbank, o.CepstraOptions)
}

// Stream returns the options of a Stream that yields these cepstra and nothing else beside log-mel and level.
func (o MFCCOptions) Stream() StreamOptions {
	c := o.CepstraOptions
	return StreamOptions{Fbank: o.Fbank, Cepstra: &c}
}

// Lifter returns the n liftering weights 1 + l/2·sin(πk/l) for k = 0..n-1, all 1 when l is 0. They raise the higher cepstra,
// whose variance falls with k, to a similar range (Juang, Rabiner and Wilpon 1987).
func Lifter(n int, l float64) []float64 {
	w := make([]float64, n)
	for k := range w {
		w[k] = 1
		if l > 0 {
			w[k] += l / 2 * math.Sin(math.Pi*float64(k)/l)
		}
	}
	return w
}

// cepstra turns a log-mel vector into cepstra.
type cepstra struct {
	o CepstraOptions
	d *dct
}

func newCepstra(o CepstraOptions, numBands int) (*cepstra, error) {
	if err := o.Validate(numBands); err != nil {
		return nil, err
	}
	return &cepstra{o: o, d: newDCT(numBands, o.NumCeps, o.DCT, Lifter(o.NumCeps, o.Lifter))}, nil
}

// energy returns what replaces c0. s has computed the frame whose moments are m.
func (c *cepstra) energy(s *spectrum, m moments, kind SpectrumKind) float32 {
	e := 0.0
	switch f := float64(s.fft.Len()); c.o.C0 {
	case C0RawEnergy:
		e = m.squares
		if s.o.RemoveDC {
			e -= m.sum * m.sum / float64(len(s.window))
		}
		e *= s.o.Scale * s.o.Scale
	case C0WindowedEnergy:
		// Parseval: bins 1 to F/2-1 stand for their mirror images as well
		for _, p := range s.power {
			e += 2 * p
		}
		e -= s.power[0]
		if s.fft.Len()%2 == 0 {
			e -= s.power[len(s.power)-1]
		}
		e /= f
	case C0SpectralEnergy:
		for _, p := range s.power {
			if kind == SpectrumMagnitude {
				p = math.Sqrt(p)
			}
			e += p
		}
		if kind == SpectrumPeriodogram {
			e /= f
		}
	}
	if !(e > c.o.EnergyFloor) {
		e = c.o.EnergyFloor
	}
	return float32(math.Log(e))
}
