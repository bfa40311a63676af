// Package voiceprint tells who speaks: net speech to an embedding, embeddings to a voiceprint, a trial to a calibrated log-likelihood
// ratio, and that to a decision that explains itself. It is made for telephone speech at 8 kHz and is pure: slices in, slices out, no
// files, no clock, no logging, no goroutines.
//
// # A walk
//
// A Collector takes the samples of one channel as they come, at any rate, and keeps the net speech with its quality. An Extractor
// makes an Embedding of it with a loaded Model. Enrol makes a Voiceprint of the recordings of one speaker, or says why they do not
// do; Verify compares a print with a test and decides; a Verifier does the same while a call runs. A Gallery finds who of many speaks,
// or that it is none of them.
//
//	a, err := models.Load("speaker-tdnn-v1")
//	m, err := voiceprint.LoadModel(a)              // one for all, safe for concurrent use
//	e, err := m.NewExtractor()                     // one per goroutine
//	c, err := voiceprint.NewCollector(voiceprint.DefaultCollector(16000), vadNet)
//	err = c.Write(samples)                         // as often as samples come
//	c.Flush()
//	print, report, err := e.Enrol(voiceprint.DefaultEnrol(), c.Speech())
//	decision, err := e.Verify(print, other, voiceprint.DefaultPolicy())
//
// The Example of the package is this walk, compiled.
//
// # From score to evidence
//
// A score is the cosine of two embeddings or, when the model has a cohort, that cosine in units of what either side scores against
// the speakers of the cohort that are nearest to it (adaptive symmetric normalisation). A score is no evidence. A Calibration maps
// it, with the net speech and the noise of both sides, to an LLR; FitCalibration makes one of labelled trials or refuses with the
// reason. A decision compares the LLR with a threshold whose false match rate the trials of the fit could measure. Without a
// calibration, without such a threshold, or below the quality floor, the answer is inconclusive.
//
// Prints of two models have nothing in common. Each embedding, print, gallery and calibration names its model by the digest of the
// weights, and whatever mixes two is ErrModel. An upgrade keeps both prints until the new one was made of calls that the old one, and
// another factor, verified.
//
// # Terms
//
//   - net speech: the segments of speech of a channel, joined
//   - embedding: D values of length 1 that stand for a stretch of net speech
//   - voiceprint: the enrolled template of one speaker · source: a recording behind it
//   - trial: an enrolment against a test, target when both are of one speaker · side: one of the two, ready to be scored
//   - cohort: embeddings of other speakers that scores are normalised with · backend: a linear map in front of the cosine
//   - LLR: natural-log likelihood ratio of one speaker over two · threshold: the LLR from which a claim is accepted
//   - FMR, FNMR: shares of nontarget trials accepted and of target trials refused · FPIR: share of searches for a speaker who is in
//     no gallery entry that name one · reason: a stable code and a sentence
//   - cut-independent: the same whatever pieces the samples came in
//
// # References
//
//   - Snyder et al.: X-Vectors: Robust DNN Embeddings for Speaker Recognition, ICASSP 2018; Desplanques, Thienpondt & Demuynck:
//     ECAPA-TDNN, Interspeech 2020 (the network)
//   - Matějka et al.: Analysis of Score Normalization in Multilingual Speaker Recognition, Interspeech 2017 (adaptive symmetric norm)
//   - Brümmer & du Preez: Application-independent evaluation of speaker detection, Computer Speech & Language 20, 2006 (calibration)
//   - Mandasari et al.: Quality Measure Functions for Calibration of Speaker Recognition Systems, IEEE TASLP 21, 2013
//   - ISO/IEC 19795-1:2021 (FMR, FNMR, FPIR); Dhillon & Modha: Concept Decompositions for Large Sparse Text Data, Machine Learning
//     42, 2001 (2-means on the sphere)
package voiceprint
