package interaction

// Affect is the course of one participant's expressed emotion over the call.
type Affect struct {
	ParticipantID string        `json:"participant_id"`
	Overall       AffectPoint   `json:"overall"`
	Start         AffectPoint   `json:"start"`
	End           AffectPoint   `json:"end"`
	PeakPositive  *AffectPoint  `json:"peak_positive,omitempty"`
	PeakNegative  *AffectPoint  `json:"peak_negative,omitempty"`
	Deciles       []AffectPoint `json:"deciles"` // ten equal parts of the participant's time; a part without speech is left out
	Timeline      []AffectPoint `json:"timeline"`
	Trend         string        `json:"trend"` // improving, worsening or steady
}

// AffectPoint is the expressed emotion at a time or over an interval that begins there.
type AffectPoint struct {
	AtMs     int64   `json:"at_ms"`
	Arousal  float64 `json:"arousal"`   // 0 calm to 1 aroused
	Valence  float64 `json:"valence"`   // 0 negative to 1 positive; experimental
	Anger    float64 `json:"anger"`     // probability of the class angry
	SpeechMs int64   `json:"speech_ms"` // how much speech stands behind it
}
