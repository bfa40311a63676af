// Package vad finds speech in a channel of a call while it arrives, and names what is not speech: hold music, ringback, DTMF,
// fax and noise.
//
// # How it works
//
//	samples at 8 kHz -> log-mel row every 16 ms -> Scorer -> probabilities of speech, music and noise
//	                                                  -> one Segmenter per class -> Start and End events
//	samples at 8 kHz -> tone detectors (frequency, level, twist, cadence) -> dtmf, ringback, fax, busy and dial tones
//
// The Scorer is a small network (package models ships its weights) or, without one, a plain energy and spectrum detector, which
// is the fallback and the baseline of every published figure. Segments come from one Segmenter with hysteresis: entry and exit
// threshold, minimum speech, minimum silence, padding, longest segment. A file is the same stream followed by Flush, and gives
// exactly the events that a live call gives.
//
// # Terms
//
//   - step: 128 samples (16 ms) that one probability speaks for, from a 256-sample window that ends with it
//   - exit decision: the first step of a pause with a probability below ExitProb. The End event follows MinOffMs later: its
//     latency (Event.At minus the true end of speech) is the delay of the exit decision plus MinOffMs.
//   - sound: any kind but speech. Sounds overlap speech; nobody is muted by the music behind them.
//
// A fresh detector needs no warm-up: the probability of the first step is valid.
//
// # References
//
// ITU-T Q.23 and Q.24 (DTMF), ITU-T E.180/Q.35 (tones in national signalling), ITU-T T.30 (fax), ITU-T V.8 (answer tone).
// Martin (2001) for noise floors by minimum statistics and Ramírez et al. (2004) for long-term spectral divergence, which the
// energy detector follows.
package vad
