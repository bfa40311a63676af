package interaction

import "time"

// Alert is a rule that fired, with the time that it speaks of.
type Alert struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"` // info, warning or critical
	StartMs  int64  `json:"start_ms"`
	EndMs    int64  `json:"end_ms"`
	Evidence string `json:"evidence"`
}

// CX joins the call with what the customer said of it.
type CX struct {
	PeakEnd       *float64       `json:"peak_end,omitempty"` // 1 less the mean of anger at its peak and at the end; 1 is best
	PredictedCSAT *PredictedCSAT `json:"predicted_csat,omitempty"`
	Surveys       []Survey       `json:"surveys,omitempty"`
	Tasks         []Task         `json:"tasks,omitempty"`
}

// PredictedCSAT is an estimated answer on the 1 to 5 scale, with the interval that holds 95 % of the answers to such calls.
type PredictedCSAT struct {
	Value float64 `json:"value"` // the mean answer
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Survey is one answered question. Value is 0..10 for nps, 1..5 for csat, 1..7 for ces.
type Survey struct {
	Kind       string     `json:"kind"`
	Value      int        `json:"value"`
	AskedAt    *time.Time `json:"asked_at,omitempty"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
}

// Task is something that somebody has to do because of the call.
type Task struct {
	ID     string     `json:"id"`
	Title  string     `json:"title"`
	Owner  string     `json:"owner,omitempty"`
	Due    *time.Time `json:"due,omitempty"`
	Source string     `json:"source,omitempty"`
	State  string     `json:"state"` // open or done
}

// Evaluation is one reviewer's scorecard of the call.
type Evaluation struct {
	Form      string            `json:"form"`
	Version   int               `json:"version"`
	Evaluator string            `json:"evaluator"`
	Answers   map[string]string `json:"answers"`
	Score     *float64          `json:"score,omitempty"` // absent until it can be computed; never 0 for unanswered
	State     string            `json:"state"`           // draft, submitted, acknowledged, disputed
	Dispute   string            `json:"dispute,omitempty"`
}
