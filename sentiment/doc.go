// Package sentiment tells how something was said: from the sound of a segment of speech it gives the probabilities of four expressed
// emotions (angry, happy, neutral, sad), arousal and valence. It hears the voice and no words. A score is the probability of
// an expressed signal, never a fact about a person.
//
// # A walk
//
// A Reader takes the samples of a segment as they arrive and keeps low-level descriptors of its frames (Descriptors: pitch, level,
// spectral shape, cepstra). A Model sees their functionals over the segment, NumFunctionals values named by FunctionalNames, and beside
// them NumLearned learned functionals, which its trunk hears in the cepstra: each value once against the population and once against
// the speaker's own normal, which a Normaliser gathers from that speaker's other segments of the call. The features are named as
// a set, FeatureSet; weights for another set are refused.
//
//	m, err := sentiment.LoadModel(artefact) // loaded once, shared
//	r, err := sentiment.NewReader()         // one per channel
//	s := m.NewScorer()                      // one per goroutine
//	known := earlier.Earlier()              // one per speaker and call; a zero Normaliser where no earlier calls are known
//	values := make([]float64, sentiment.NumValues)
//	for segment := range segments {
//		r.Reset()
//		r.Write(segment)                       // or piece by piece
//		r.Flush()
//		s.Measure(values, r.Frames())
//		alone, err := s.Score(values, nil)     // ErrTooLittle where nothing was heard
//		score, err := s.Score(values, &known)
//		known.Add(values, float64(alone.Arousal), seconds(segment)) // for the segments after it
//	}
//
// # What a score depends on
//
// Not on the gain of the line: but for one functional all are differences of levels, and that one counts only against the speaker's own
// level. Not on how the samples were cut: batch is the stream fed once and flushed, bit for bit. On the processor by rounding alone: see
// nn for its kernels. On what is known of the speaker: see Normaliser for the rule. On the line and the language, which shift the classes
// as a whole: an artefact may hold a Calibration, fitted to labelled clips of a site's own (package eval).
//
// Arousal is well heard in a voice; valence without the words hardly is. Valence is therefore derived from the classes, experimental,
// and no alert may stand on it.
//
// # Terms
//
// descriptor (low-level descriptor, of a frame), functional (of a segment, over its frames; learned where training has chosen what it says), active frame (within 28 dB of the loudest
// ones), voiced frame (active, with a pitch), loud frame (of the loudest fifth), arousal (calm to aroused), valence (negative to
// positive), normal (mean and spread of a speaker's functionals).
//
// # References
//
//   - Eyben et al.: The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective Computing, IEEE TAC 7, 2016
//   - Schuller, Steidl, Batliner: The INTERSPEECH 2009 Emotion Challenge (functionals, UAR)
//   - Busso, Metallinou, Narayanan: Iterative feature normalization for emotional speech detection, ICASSP 2011 (the speaker's normal)
//   - Guo et al.: On Calibration of Modern Neural Networks, ICML 2017 (temperature)
//   - Russell: A Circumplex Model of Affect, JPSP 39, 1980 (arousal, valence)
package sentiment
