// Package voiceprint tells who speaks: net speech to an embedding, embeddings to a voiceprint, a trial to a calibrated
// log-likelihood ratio, and that to a decision that explains itself.
package voiceprint
