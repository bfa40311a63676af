package sentiment

import (
	"slices"

	"github.com/timbre-voice/timbre/engine"
)

// Rate is the sample rate that every feature of this package is defined at: the telephone band. Wider audio is resampled first.
const Rate = 8000

// HopMs is the step between frames in ms.
const HopMs = 10

// The columns of a row of Descriptors. Levels are in dB, frequencies in kHz; what f0 alone defines is 0 in unvoiced frames.
const (
	dF0         = iota // fundamental in semitones above 27.5 Hz, 0 unvoiced
	dStrength          // normalised autocorrelation of the pitch, or of the best candidate
	dHNR               // harmonics-to-noise ratio of the pitch track, dB, 0 unvoiced
	dLevel             // level within the telephone band, dBFS
	dCentroid          // spectral centroid, kHz
	dSpread            // its standard deviation, kHz
	dRollOff           // frequency below which 85 % of the magnitude lies, kHz
	dFlatness          // spectral flatness, natural log
	dFlux              // change of the normalised spectrum from the frame before
	dSlopeLow          // slope of the spectrum from 300 to 1000 Hz, dB per kHz
	dSlopeHigh         // slope of the spectrum from 1000 to 3400 Hz, dB per kHz
	dAlpha             // level above 1 kHz less level below: the alpha ratio, within the telephone band
	dBand250           // level of 250 to 500 Hz less dLevel
	dBand500           // level of 500 to 1000 Hz less dLevel
	dBand1000          // level of 1000 to 2000 Hz less dLevel
	dBand2000          // level of 2000 to 3400 Hz less dLevel
	dCepstra           // mel cepstra 1 to numCepstra
	numScalars  = dCepstra
	numCepstra  = 15
	NumLLD      = numScalars + numCepstra // low-level descriptors of a frame
	numBands    = 32                      // mel bands behind the cepstra
	levelFloor  = -100.0
	bandFloorDB = -60.0
)

// descriptorOptions returns the front end of the set timbre-emotion-lld-v1: 25 ms Hann frames every 10 ms without pre-emphasis,
// 32 mel bands over 150 to 3700 Hz. Frequencies that a telephone line may or may not carry are left out.
func descriptorOptions() engine.StreamOptions {
	pitch := engine.DefaultPitchOptions()
	return engine.StreamOptions{
		Fbank: engine.FbankOptions{
			Frame: engine.FrameOptions{Rate: Rate, WindowMs: 25, HopMs: HopMs, Scale: 1, RemoveDC: true,
				PreEmphScope: engine.PreEmphFrame, Window: engine.WindowHannPeriodic, Edges: engine.EdgesSnip},
			Mel: engine.MelOptions{NumBands: numBands, LowHz: 150, HighHz: 3700, Scale: engine.MelHTK, Shape: engine.MelShapeMel,
				Norm: engine.MelNormPeak},
			Spectrum: engine.SpectrumPower, Log: engine.LogNatural, Floor: 1e-9,
		},
		Cepstra: &engine.CepstraOptions{NumCeps: numCepstra + 1, DCT: engine.DCTOrtho, C0: engine.C0Cepstrum, EnergyFloor: 1e-9},
		Shape: &engine.ShapeOptions{LowHz: 250, HighHz: 3400, RollOff: 0.85, BandEdgesHz: []float64{250, 500, 1000, 2000, 3400},
			SlopesHz: [][2]float64{{300, 1000}, {1000, 3400}}},
		Pitch: &pitch,
	}
}

// Descriptors holds what is measured of each frame of a segment, row-major. While a segment is open Cepstra is ahead of LLD, which
// waits for the pitch; after its end both have T rows.
type Descriptors struct {
	LLD     []float32 // T×NumLLD low-level descriptors
	Cepstra []float32 // T×40 cepstra for the learned functionals

	heard pooled // whole pieces from the first frame on that a Scorer has heard
}

// Frames returns T.
func (d *Descriptors) Frames() int { return len(d.LLD) / NumLLD }

func (d *Descriptors) reset() { d.LLD, d.Cepstra, d.heard = d.LLD[:0], d.Cepstra[:0], pooled{} }

// add appends the row of f.
func (d *Descriptors) add(f *engine.Frame) {
	var row [NumLLD]float32
	if f.Pitch.Voiced() {
		row[dF0] = float32(semitones(float64(f.Pitch.F0Hz)))
		row[dHNR] = float32(min(max(f.Pitch.HNRdB(), -10), 40))
	}
	row[dStrength] = f.Pitch.Strength
	s := &f.Shape
	low := sumDB(s.BandsDBFS[0], s.BandsDBFS[1])
	high := sumDB(s.BandsDBFS[2], s.BandsDBFS[3])
	level := max(sumDB(low, high), levelFloor)
	row[dLevel] = level
	row[dCentroid], row[dSpread], row[dRollOff] = s.CentroidHz/1000, s.SpreadHz/1000, s.RollOffHz/1000
	row[dFlatness] = log32(max(s.Flatness, 1e-6))
	row[dFlux] = s.Flux
	row[dSlopeLow], row[dSlopeHigh] = s.SlopesDBPerKHz[0], s.SlopesDBPerKHz[1]
	row[dAlpha] = min(max(high-low, bandFloorDB), -bandFloorDB)
	for b, v := range s.BandsDBFS {
		row[dBand250+b] = min(max(v-level, bandFloorDB), 0)
	}
	copy(row[dCepstra:], f.MFCC[1:])
	d.LLD = append(d.LLD, row[:]...)
}

// Append copies the first n frames of o, or all where there are fewer, behind those of d.
func (d *Descriptors) Append(o *Descriptors, n int) {
	n = min(n, o.Frames())
	d.LLD = append(d.LLD, o.LLD[:n*NumLLD]...)
	d.Cepstra = append(d.Cepstra, o.Cepstra[:min(n*trunkCepstra, len(o.Cepstra))]...)
}

// Last returns a copy of the last n frames of d, or of all where there are fewer.
func (d *Descriptors) Last(n int) Descriptors {
	from := max(d.Frames()-n, 0)
	return Descriptors{LLD: slices.Clone(d.LLD[from*NumLLD:]), Cepstra: slices.Clone(d.Cepstra[min(from*trunkCepstra, len(d.Cepstra)):])}
}
