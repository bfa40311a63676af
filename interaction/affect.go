package interaction

// Rules of the alerts that the course of a customer's emotion raises. They stand on arousal and on the probability of anger.
// Valence raises none: it is experimental.
const (
	RuleEscalation = "escalation" // arousal and anger rose
	RuleRecovery   = "recovery"   // both fell again, or fell from the first word on
	RuleColdEnd    = "cold_end"   // the call ended in anger
)

// Affect is the course of one participant's expressed emotion over the call. Definitions are in package interaction/analysis.
type Affect struct {
	ParticipantID string           `json:"participant_id"`
	Overall       AffectPoint      `json:"overall"`
	Start         AffectPoint      `json:"start"`
	End           AffectPoint      `json:"end"`
	PeakPositive  *AffectPoint     `json:"peak_positive,omitempty"` // of the smoothed timeline, where joy is most probable
	PeakNegative  *AffectPoint     `json:"peak_negative,omitempty"` // of the smoothed timeline, where anger is most probable
	Deciles       []AffectPoint    `json:"deciles"`                 // ten equal parts of the participant's time; a part without speech is left out
	Timeline      []AffectPoint    `json:"timeline"`                // smoothed, one point per scored segment
	Trend         string           `json:"trend"`                   // improving, worsening or steady
	ClassMs       map[string]int64 `json:"class_ms,omitempty"`      // speech by its most probable class; sums to overall.speech_ms
	EarlierMs     *int64           `json:"earlier_ms,omitempty"`    // speech of the customer's earlier calls that the scores know of, as much as it counts
}

// AffectPoint is the expressed emotion at a time or over an interval that begins there. The standard deviations are those of the
// estimates, not of the voice.
type AffectPoint struct {
	AtMs      int64    `json:"at_ms"`
	Arousal   float64  `json:"arousal"`   // 0 calm to 1 aroused
	Valence   float64  `json:"valence"`   // 0 negative to 1 positive; experimental
	Anger     float64  `json:"anger"`     // probability of the class angry
	SpeechMs  int64    `json:"speech_ms"` // how much speech stands behind it
	ArousalSD *float64 `json:"arousal_sd,omitempty"`
	ValenceSD *float64 `json:"valence_sd,omitempty"`
	AngerSD   *float64 `json:"anger_sd,omitempty"`
}
