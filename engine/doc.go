// Package engine is the DSP core: it turns the samples of one channel into features, frame by frame, and knows nothing of calls.
//
// It is made for telephone speech at 8 kHz and works at any rate from 8 to 48 kHz. Slices go in and slices come out: no files, no
// clock, no goroutines, no logging, and no allocation per frame. Whatever streams can also be had in one piece, and both give the
// same bits, because the batch form is the stream fed once and flushed.
//
// # A walk
//
// A signal of N samples becomes T frames. Each frame is scaled, freed of its mean, pre-emphasised and windowed (FrameOptions,
// WindowKind), transformed (RealFFT), summed into mel bands (MelOptions, MelBank) and compressed (FbankOptions): its log-mel
// features. A cosine transform and a lifter make cepstra of them (CepstraOptions, MFCCOptions). Time derivatives (DeltaOptions) and
// normalisation over a window or an utterance (SlidingCMVNOptions, CMVNStats) follow; spectral shape (ShapeOptions) and pitch
// (PitchOptions) stand beside.
//
//	o := engine.DefaultStream(8000)         // 25 ms frames every 10 ms, 40 log-mel bands, 20 cepstra
//	o.Deltas = engine.DefaultDeltas()       // 20 -> 60 values, 4 frames later
//	s, err := engine.NewStream(o)           // one per channel
//	if err != nil {
//		return err                          // every problem of o at once
//	}
//	for packet := range packets {           // any number of samples at a time
//		s.Write(packet, func(f *engine.Frame) {
//			use(f.Index, f.LogMel, f.MFCC, f.LevelDBFS) // borrowed until the function returns
//		})
//	}
//	s.Flush(last)                           // the frames that only the end decides
//
// Extract, LogMel, MFCC and Frames do the same for a whole recording. The Example of Stream is this walk, compiled.
//
// # Conventions
//
// Where two traditions exist both are there under their own names: HTK and Slaney mel, triangles straight in mel, in Hz or rounded
// to bins, periodic and symmetric Hann, four ways to treat the ends of a signal. KaldiMFCC, LibrosaMFCC and PSFMFCC (and the
// filterbanks that go with them) put them together as those tools do; the tests hold them to values the tools gave, within 1e-3.
// Default functions give Timbre's own choice. A zero in an option is a value (0 Hz is a frequency, a lifter of 0 is off) and never
// stands for a default; an empty name is refused.
//
// # Terms
//
// sample, frame (a stretch of WindowMs), hop (step between frames), FFT bin, mel band, cepstra (c0 first), lifter, delta, CMVN (mean
// and variance normalisation), level (root mean square in dBFS, where a square wave of full scale has 0), loudness (K-weighted and
// gated, in LUFS), lag (frames that a frame waits for). Letters: N samples, T frames, W window, H hop, F FFT size, M mel bands, D
// dimensions.
//
// # Voice
//
// PitchTracker follows the fundamental frequency frame by frame, VoiceMeter measures jitter, shimmer and the harmonics-to-noise ratio
// of a segment, SyllableMeter its pace. They share the time base of the frames: pitch frame t stands beside spectral frame t.
//
// # Precision and speed
//
// Samples and features are float32; windows, spectra, sums and transforms in between are float64, which on a scalar processor costs the
// same and keeps quiet bands beside loud ones: against the definition evaluated in float64 a log-mel value is off by 1e-6. The
// FFT of a power of two is the package's own (radix-4 Stockham), other lengths run on gonum. make bench-peers times all of it beside
// kaldi-native-fbank and librosa.
//
// # References
//
//   - Davis, Mermelstein: Comparison of Parametric Representations for Monosyllabic Word Recognition, IEEE TASSP 28, 1980 (MFCC)
//   - Young et al.: The HTK Book, 3.4, 2006 (mel scale, lifter, deltas); Povey et al.: The Kaldi Speech Recognition Toolkit, ASRU 2011
//   - Slaney: Auditory Toolbox, version 2, Interval Research, 1998; McFee et al.: librosa, SciPy 2015
//   - Furui: Speaker-Independent Isolated Word Recognition Using Dynamic Features of Speech Spectrum, IEEE TASSP 34, 1986 (deltas)
//   - Viikki, Laurila: Cepstral Domain Segmental Feature Vector Normalization, Speech Communication 25, 1998 (sliding CMVN)
//   - Scheirer, Slaney: Construction and Evaluation of a Robust Multifeature Speech/Music Discriminator, ICASSP 1997 (flux, roll-off)
//   - Eyben et al.: The Geneva Minimalistic Acoustic Parameter Set (GeMAPS), IEEE TAC 7, 2016 (spectral slopes)
//   - Van Loan: Computational Frameworks for the Fast Fourier Transform, SIAM 1992 (Stockham)
//   - Recommendation ITU-R BS.1770-4, 2015; EBU R 128 and Tech 3341, 2016 (loudness)
//   - Boersma: Accurate Short-Term Analysis of the Fundamental Frequency, IFA Proceedings 17, 1993 (pitch)
package engine
