package interaction

import "time"

// Segment is an interval of speech on one channel with what was measured in it.
type Segment struct {
	ID            string       `json:"id"`
	ParticipantID string       `json:"participant_id"`
	Channel       int          `json:"channel"`
	StartMs       int64        `json:"start_ms"`
	EndMs         int64        `json:"end_ms"`
	Emotion       *Emotion     `json:"emotion,omitempty"`
	Prosody       *Prosody     `json:"prosody,omitempty"`
	SNRdB         *float64     `json:"snr_db,omitempty"` // level of the segment above the channel's noise floor
	Corrections   []Correction `json:"corrections,omitempty"`
}

// Emotion is what the voice expressed, as probabilities of a signal and never as a fact about a person.
type Emotion struct {
	Label         string             `json:"label"`         // the most probable class
	Probabilities map[string]float64 `json:"probabilities"` // sums to 1
	Arousal       float64            `json:"arousal"`       // 0 calm to 1 aroused
	Valence       float64            `json:"valence"`       // 0 negative to 1 positive; experimental
	Confidence    float64            `json:"confidence"`    // calibrated probability that Label is right
}

// Prosody is how a segment was spoken. A value that could not be measured is absent.
type Prosody struct {
	F0Hz          *float64 `json:"f0_hz,omitempty"`           // median fundamental frequency of the voiced frames
	F0RangeST     *float64 `json:"f0_range_st,omitempty"`     // 5th to 95th percentile of f0, in semitones
	LoudnessDBFS  *float64 `json:"loudness_dbfs,omitempty"`   // RMS level
	SyllablesPerS *float64 `json:"syllables_per_s,omitempty"` // syllable nuclei per second of sound, pauses left out
	Jitter        *float64 `json:"jitter,omitempty"`          // local jitter, a fraction
	Shimmer       *float64 `json:"shimmer,omitempty"`         // local shimmer, a fraction
	HNRdB         *float64 `json:"hnr_db,omitempty"`          // harmonics-to-noise ratio
}

// Correction is a reviewer's word against a measured label.
type Correction struct {
	Field string    `json:"field"` // emotion or participant
	From  string    `json:"from"`
	To    string    `json:"to"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// SoundKind names a sound that is not speech.
type SoundKind string

// The kinds of sound.
const (
	SoundHoldMusic SoundKind = "hold_music"
	SoundRingback  SoundKind = "ringback"
	SoundDTMF      SoundKind = "dtmf"
	SoundFax       SoundKind = "fax"
	SoundNoise     SoundKind = "noise"
)

// Sound is an interval of something other than speech on one channel.
type Sound struct {
	Kind    SoundKind `json:"kind"`
	Channel int       `json:"channel"`
	StartMs int64     `json:"start_ms"`
	EndMs   int64     `json:"end_ms"`
	Detail  string    `json:"detail,omitempty"` // the tone plan, cadence or fax signal; a DTMF digit is masked unless the policy keeps it
}
