// Package sentiment tells how something was said: features of a segment of speech, and from them the probabilities of emotions that
// the voice expresses, with arousal and valence. It hears the voice and no words.
package sentiment
