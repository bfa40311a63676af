package sentiment

// Classes returns the emotion classes in the order of Score.Probabilities.
func Classes() []string { return []string{"angry", "happy", "neutral", "sad"} }

// The classes by index.
const (
	Angry = iota
	Happy
	Neutral
	Sad
	NumClasses
)

// Score is what a segment expressed: probabilities of a signal, never a fact about a person.
type Score struct {
	Probabilities [NumClasses]float32 // of Classes, summing to 1
	Arousal       float32             // probability of high arousal: 0 calm to 1 aroused
	Valence       float32             // 0 negative to 1 positive: P(happy) + P(neutral)/2; experimental
}

// Label returns the index of the most probable class, the first of equals.
func (s *Score) Label() int {
	best := 0
	for i, p := range s.Probabilities {
		if p > s.Probabilities[best] {
			best = i
		}
	}
	return best
}

// Confidence returns the calibrated probability that Label is right.
func (s *Score) Confidence() float32 { return s.Probabilities[s.Label()] }
