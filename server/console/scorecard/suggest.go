package scorecard

import (
	"slices"

	"github.com/timbre-voice/timbre/interaction"
)

// Suggestion is an answer that a measurement proposes.
type Suggestion struct {
	Answer string
	Metric string
	Value  float64 // in the metric's own unit
	AtMs   *int64  // where to listen; nil where the value belongs to the whole call
}

// metric is a number of a record that an answer can stand on.
type metric struct {
	name    string
	emotion bool // the customer's
	of      func(*interaction.Interaction) (value float64, at *int64, ok bool)
}

// metrics is read only.
var metrics = [...]metric{
	{"interruptions_agent", false, func(r *interaction.Interaction) (float64, *int64, bool) {
		if r.Conversation == nil || r.Conversation.Interruptions == nil {
			return 0, nil, false
		}
		by := r.Conversation.Interruptions.ByInterrupter[interaction.RoleAgent]
		return float64(len(by)), longest(by), true
	}},
	{"longest_silence_s", false, func(r *interaction.Interaction) (float64, *int64, bool) {
		if r.Conversation == nil {
			return 0, nil, false
		}
		n := &r.Conversation.NonTalkTime
		return float64(n.LongestMs) / 1000, longest(n.Instances), true
	}},
	{"overtalk_s", false, func(r *interaction.Interaction) (float64, *int64, bool) {
		if r.Conversation == nil || r.Conversation.Overtalk == nil {
			return 0, nil, false
		}
		o := r.Conversation.Overtalk
		return float64(o.TotalMs) / 1000, longest(o.Instances), true
	}},
	{"response_latency_agent_s", false, func(r *interaction.Interaction) (float64, *int64, bool) {
		if r.Conversation == nil {
			return 0, nil, false
		}
		l, ok := r.Conversation.ResponseLatencyMs[interaction.RoleAgent]
		return float64(l.MedianMs) / 1000, nil, ok
	}},
	{"talk_share_agent", false, func(r *interaction.Interaction) (float64, *int64, bool) {
		if r.Conversation == nil {
			return 0, nil, false
		}
		t, ok := r.Conversation.TalkTime.ByRole[interaction.RoleAgent]
		return t.Share, nil, ok
	}},
	{"pace_agent", false, func(r *interaction.Interaction) (float64, *int64, bool) {
		if r.Conversation == nil {
			return 0, nil, false
		}
		p, ok := r.Conversation.Pace[interaction.RoleAgent]
		return p.SyllablesPerS, nil, ok
	}},
	{"anger_end", true, func(r *interaction.Interaction) (float64, *int64, bool) {
		a := customer(r)
		if a == nil {
			return 0, nil, false
		}
		return a.End.Anger, &a.End.AtMs, true
	}},
	{"anger_peak", true, func(r *interaction.Interaction) (float64, *int64, bool) {
		a := customer(r)
		if a == nil || a.PeakNegative == nil {
			return 0, nil, false
		}
		return a.PeakNegative.Anger, &a.PeakNegative.AtMs, true
	}},
}

// MetricNames lists what suggestions can stand on.
func MetricNames() []string {
	out := make([]string, len(metrics))
	for i, m := range metrics {
		out[i] = m.name
	}
	return out
}

func longest(in []interaction.Instance) *int64 {
	if len(in) == 0 {
		return nil
	}
	at := slices.MaxFunc(in, func(a, b interaction.Instance) int { return int(a.DurationMs - b.DurationMs) }).StartMs
	return &at
}

// customer returns the affect of the customer who spoke most; nil where none was scored.
func customer(r *interaction.Interaction) *interaction.Affect {
	var most *interaction.Affect
	for i := range r.Affect {
		a := &r.Affect[i]
		of := slices.IndexFunc(r.Participants, func(p interaction.Participant) bool { return p.ID == a.ParticipantID })
		if of >= 0 && r.Participants[of].Role == interaction.RoleCustomer && (most == nil || a.Overall.SpeechMs > most.Overall.SpeechMs) {
			most = a
		}
	}
	return most
}

// Suggest returns the answers that the record's measurements propose, by question id. A question whose metric was not measured
// has none.
func (f *Form) Suggest(r *interaction.Interaction) map[string]Suggestion {
	out := map[string]Suggestion{}
	for _, s := range f.Sections {
		for _, q := range s.Questions {
			if q.Suggest == nil {
				continue
			}
			i := slices.IndexFunc(metrics[:], func(m metric) bool { return m.name == q.Suggest.Metric })
			if i < 0 || metrics[i].emotion && !f.CustomerEmotion {
				continue
			}
			value, at, ok := metrics[i].of(r)
			if !ok {
				continue
			}
			answer := q.Suggest.Otherwise
			for _, step := range q.Suggest.Steps {
				if value < step.Below {
					answer = step.Answer
					break
				}
			}
			out[q.ID] = Suggestion{Answer: answer, Metric: q.Suggest.Metric, Value: value, AtMs: at}
		}
	}
	return out
}
