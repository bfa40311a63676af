package engine

import "math"

// The presets below reproduce the default features of three tools, so that a model trained on one of them can be fed and so that
// golden values can be compared. Where a tool expects 16-bit integers, Scale is 32768 and the audio stays in [-1, 1].

// epsilon32 is the distance from 1 to the next float32: Kaldi's floor under every logarithm.
const epsilon32 = 1.0 / (1 << 23)

// KaldiFrame returns the framing of Kaldi's compute-mfcc-feats without dither: 25/10 ms, Povey, mean removed, pre-emphasis 0.97.
// Kaldi cuts lengths down to whole samples where this package rounds; the preset absorbs it, so other rates agree as well.
func KaldiFrame(rate int) FrameOptions {
	whole := func(ms float64) float64 { return math.Floor(ms*float64(rate)/1000) * 1000 / float64(rate) }
	o := DefaultFrame(rate)
	o.WindowMs, o.HopMs, o.Scale = whole(25), whole(10), 32768
	return o
}

// KaldiFbank returns Kaldi's compute-fbank-feats: 23 HTK bands from 20 Hz to the Nyquist frequency, natural logarithm, no energy.
func KaldiFbank(rate int) FbankOptions {
	return FbankOptions{
		Frame: KaldiFrame(rate),
		Mel: MelOptions{NumBands: 23, LowHz: 20, HighHz: float64(rate) / 2, Scale: MelHTK,
			Shape: MelShapeMel, Norm: MelNormPeak},
		Spectrum: SpectrumPower, Log: LogNatural, Floor: epsilon32,
	}
}

// KaldiMFCC returns Kaldi's compute-mfcc-feats: 13 cepstra of KaldiFbank, lifter 22, c0 replaced by the raw log energy.
func KaldiMFCC(rate int) MFCCOptions {
	return MFCCOptions{Fbank: KaldiFbank(rate),
		CepstraOptions: CepstraOptions{NumCeps: 13, Lifter: 22, DCT: DCTOrtho, C0: C0RawEnergy, EnergyFloor: epsilon32}}
}

// LibrosaMelDB returns librosa.power_to_db(librosa.feature.melspectrogram(y, sr=rate), top_db=None): 2048 samples every 512
// whatever the rate, centred, periodic Hann, 128 Slaney bands of unit area, dB relative to 1. librosa's default top_db=80 looks
// at the whole recording, which no stream can; TopDB applies it to a finished matrix.
func LibrosaMelDB(rate int) FbankOptions {
	ms := func(samples float64) float64 { return samples * 1000 / float64(rate) }
	return FbankOptions{
		Frame: FrameOptions{Rate: rate, WindowMs: ms(2048), HopMs: ms(512), Scale: 1, PreEmphScope: PreEmphSignal,
			Window: WindowHannPeriodic, FFTSize: 2048, Edges: EdgesCenter},
		Mel: MelOptions{NumBands: 128, LowHz: 0, HighHz: float64(rate) / 2, Scale: MelSlaney,
			Shape: MelShapeHz, Norm: MelNormArea},
		Spectrum: SpectrumPower, Log: LogDB, Floor: 1e-10,
	}
}

// LibrosaMFCC returns librosa.feature.mfcc(S=LibrosaMelDB): 20 orthonormal cepstra, no lifter. With TopDB and Cepstra it becomes
// librosa.feature.mfcc(y, sr=rate).
func LibrosaMFCC(rate int) MFCCOptions {
	return MFCCOptions{Fbank: LibrosaMelDB(rate),
		CepstraOptions: CepstraOptions{NumCeps: 20, DCT: DCTOrtho, C0: C0Cepstrum, EnergyFloor: 1e-10}}
}

// PSFFbank returns python_speech_features.logfbank with the window of its mfcc: rectangular 25/10 ms, pre-emphasis over the signal,
// FFT of 512 or what the window needs, 26 HTK bands with corners on FFT bins, natural logarithm of the periodogram.
func PSFFbank(rate int) FbankOptions {
	o := FbankOptions{
		Frame: FrameOptions{Rate: rate, WindowMs: 25, HopMs: 10, Scale: 32768, PreEmph: 0.97, PreEmphScope: PreEmphSignal,
			Window: WindowRectangular, Edges: EdgesPadTail},
		Mel: MelOptions{NumBands: 26, LowHz: 0, HighHz: float64(rate) / 2, Scale: MelHTK,
			Shape: MelShapeBins, Norm: MelNormPeak},
		Spectrum: SpectrumPeriodogram, Log: LogNatural, Floor: 0x1p-52, // numpy's float64 eps, which the tool puts for a zero
	}
	o.Frame.FFTSize = max(512, o.Frame.FFTSamples())
	return o
}

// PSFMFCC returns python_speech_features.mfcc: 13 cepstra of PSFFbank, lifter 22, c0 replaced by the log of the spectrum's sum.
// Above 20.48 kHz the tool cuts its windows to 512 samples unless told otherwise; this preset takes the longer FFT instead.
func PSFMFCC(rate int) MFCCOptions {
	return MFCCOptions{Fbank: PSFFbank(rate),
		CepstraOptions: CepstraOptions{NumCeps: 13, Lifter: 22, DCT: DCTOrtho, C0: C0SpectralEnergy, EnergyFloor: 0x1p-52}}
}
