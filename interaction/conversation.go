package interaction

// Conversation measures who spoke when. Everything that compares the sides is absent, with a NotComputed entry of code
// sides_not_separated, where the sides are not on channels of their own. Definitions are in package interaction/analysis.
type Conversation struct {
	TotalConversationDurationMs int64            `json:"total_conversation_duration_ms"`
	TalkTime                    TalkTime         `json:"talk_time"`
	NonTalkTime                 NonTalkTime      `json:"non_talk_time"`
	Overtalk                    *Overtalk        `json:"overtalk,omitempty"`
	Interruptions               *Interruptions   `json:"interruptions,omitempty"`
	Turns                       *Turns           `json:"turns,omitempty"`
	ResponseLatencyMs           map[Role]Latency `json:"response_latency_ms,omitempty"` // keyed by who answers
	Pace                        map[Role]Pace    `json:"pace,omitempty"`
	Channels                    []ChannelMetrics `json:"channels"`
	Legs                        []LegMetrics     `json:"legs,omitempty"` // of the agents, where several were on the call one after the other
}

// LegMetrics credits one agent of several with what happened in that agent's part of the call. What spans a transfer belongs to
// the leg in which it began.
type LegMetrics struct {
	ParticipantID     string   `json:"participant_id"`
	TalkTimeMs        int64    `json:"talk_time_ms"`
	Turns             RoleTurn `json:"turns"`
	InterruptionCount int      `json:"interruption_count"` // by this agent
	ResponseLatencyMs *Latency `json:"response_latency_ms,omitempty"`
	Pace              *Pace    `json:"pace,omitempty"`
}

// TalkTime is how long there was speech.
type TalkTime struct {
	TotalMs int64             `json:"total_ms"` // time with speech on any channel, overtalk counted once
	ByRole  map[Role]RoleTalk `json:"by_role"`
}

// RoleTalk is the speech of one side.
type RoleTalk struct {
	TotalMs int64   `json:"total_ms"`
	Share   float64 `json:"share"` // of the sum over sides; 0 where nobody spoke
}

// Instance is one occurrence in time.
type Instance struct {
	StartMs    int64 `json:"start_ms"`
	EndMs      int64 `json:"end_ms"`
	DurationMs int64 `json:"duration_ms"`
}

// NonTalkTime is the time in which nobody spoke, in instances over two seconds.
type NonTalkTime struct {
	TotalMs   int64      `json:"total_ms"`
	LongestMs int64      `json:"longest_ms"`
	Instances []Instance `json:"instances"`
}

// Overtalk is the time in which both sides spoke.
type Overtalk struct {
	TotalMs   int64      `json:"total_ms"`
	LongestMs int64      `json:"longest_ms"`
	Instances []Instance `json:"instances"`
}

// Interruptions lists who took the floor from whom.
type Interruptions struct {
	TotalCount    int                 `json:"total_count"`
	TotalMs       int64               `json:"total_ms"` // overtalk inside the interruptions
	ByInterrupter map[Role][]Instance `json:"by_interrupter"`
}

// Turns counts the stretches in which one side held the floor.
type Turns struct {
	TotalCount int               `json:"total_count"`
	ByRole     map[Role]RoleTurn `json:"by_role"`
}

// RoleTurn is one side's turns.
type RoleTurn struct {
	Count     int   `json:"count"`
	MeanMs    int64 `json:"mean_ms"`
	LongestMs int64 `json:"longest_ms"`
}

// Latency summarises the silences before one side's answers.
type Latency struct {
	Count    int   `json:"count"`
	MedianMs int64 `json:"median_ms"`
	P90Ms    int64 `json:"p90_ms"`
	MaxMs    int64 `json:"max_ms"`
}

// Pace is how fast one side spoke.
type Pace struct {
	SyllablesPerS float64 `json:"syllables_per_s"` // nuclei per second of speech
	Syllables     int     `json:"syllables"`
}

// ChannelMetrics is what was measured on one channel, whoever is on it.
type ChannelMetrics struct {
	Channel      int      `json:"channel"`
	Role         Role     `json:"role"`
	TalkTimeMs   int64    `json:"talk_time_ms"`
	LoudnessDBFS *float64 `json:"loudness_dbfs,omitempty"` // RMS level of the speech
	LoudnessLUFS *float64 `json:"loudness_lufs,omitempty"` // ITU-R BS.1770 gated loudness of the speech
	NoiseDBFS    *float64 `json:"noise_dbfs,omitempty"`    // level of the noise floor
	SNRdB        *float64 `json:"snr_db,omitempty"`
	ClippedShare float64  `json:"clipped_share"` // of the samples, at or beyond full scale in runs
	LostMs       int64    `json:"lost_ms"`
}
