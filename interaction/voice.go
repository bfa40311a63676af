package interaction

// Decision is the answer of voice verification, in the vocabulary that platforms know from the closed services.
type Decision string

// The decisions.
const (
	Authenticated    Decision = "authenticated"
	NotAuthenticated Decision = "not_authenticated"
	Inconclusive     Decision = "inconclusive"
	NotEnrolled      Decision = "not_enrolled"
	OptedOut         Decision = "opted_out"
	Expired          Decision = "expired"
	Locked           Decision = "locked"
)

// AssuranceEvidenceOnly is the only assurance that a voice result carries: it is evidence beside other factors.
const AssuranceEvidenceOnly = "evidence_only"

// Voice is what the customer's voice says about a claimed identity.
type Voice struct {
	Decision    Decision    `json:"decision"`
	LLR         *float64    `json:"llr,omitempty"` // natural-log likelihood ratio, calibrated
	Threshold   *float64    `json:"threshold,omitempty"`
	NetSpeechMs int64       `json:"net_speech_ms"`
	SNRdB       *float64    `json:"snr_db,omitempty"`
	Codec       string      `json:"codec,omitempty"`
	Reasons     []string    `json:"reasons"`
	Candidates  []Candidate `json:"candidates,omitempty"`
	Watchlist   []Candidate `json:"watchlist,omitempty"`
	Spoof       *Spoof      `json:"spoof,omitempty"` // absent: reason spoof_not_checked
	Assurance   string      `json:"assurance"`       // AssuranceEvidenceOnly
}

// Candidate is one person that a search found.
type Candidate struct {
	SpeakerID string  `json:"speaker_id"`
	LLR       float64 `json:"llr"`
	List      string  `json:"list,omitempty"` // the watchlist
}

// Spoof is the answer of replay and synthesis detection.
type Spoof struct {
	Decision string  `json:"decision"`
	Score    float64 `json:"score"`
}
