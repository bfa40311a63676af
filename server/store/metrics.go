package store

import (
	"github.com/timbre-voice/timbre/interaction"
)

// metric is a number of a record that interactions are found by. name is also its column.
type metric struct {
	name string
	of   func(*interaction.Interaction) *float64 // nil: not measured
}

// metrics is read only.
var metrics = [...]metric{
	{"duration_ms", func(r *interaction.Interaction) *float64 { return number(r.Contact.DurationMs) }},
	{"lost_ms", func(r *interaction.Interaction) *float64 { return number(r.Contact.Media.LostMs) }},
	{"talk_share_agent", talkShare(interaction.RoleAgent)},
	{"talk_share_customer", talkShare(interaction.RoleCustomer)},
	{"non_talk_ms", conversation(func(c *interaction.Conversation) *float64 { return number(c.NonTalkTime.TotalMs) })},
	{"non_talk_longest_ms", conversation(func(c *interaction.Conversation) *float64 { return number(c.NonTalkTime.LongestMs) })},
	{"overtalk_ms", conversation(func(c *interaction.Conversation) *float64 {
		if c.Overtalk == nil {
			return nil
		}
		return number(c.Overtalk.TotalMs)
	})},
	{"interruptions_agent", interruptions(interaction.RoleAgent)},
	{"interruptions_customer", interruptions(interaction.RoleCustomer)},
	{"turns", conversation(func(c *interaction.Conversation) *float64 {
		if c.Turns == nil {
			return nil
		}
		return number(c.Turns.TotalCount)
	})},
	{"response_latency_agent_ms", conversation(func(c *interaction.Conversation) *float64 {
		l, ok := c.ResponseLatencyMs[interaction.RoleAgent]
		if !ok {
			return nil
		}
		return number(l.MedianMs)
	})},
	{"pace_agent", pace(interaction.RoleAgent)},
	{"pace_customer", pace(interaction.RoleCustomer)},
	{"arousal", affect(func(a *interaction.Affect) *float64 { return &a.Overall.Arousal })},
	{"arousal_end", affect(func(a *interaction.Affect) *float64 { return &a.End.Arousal })},
	{"anger", affect(func(a *interaction.Affect) *float64 { return &a.Overall.Anger })},
	{"anger_start", affect(func(a *interaction.Affect) *float64 { return &a.Start.Anger })},
	{"anger_end", affect(func(a *interaction.Affect) *float64 { return &a.End.Anger })},
	{"anger_peak", affect(func(a *interaction.Affect) *float64 {
		if a.PeakNegative == nil {
			return nil
		}
		return &a.PeakNegative.Anger
	})},
	{"valence", affect(func(a *interaction.Affect) *float64 { return &a.Overall.Valence })},
	{"valence_start", affect(func(a *interaction.Affect) *float64 { return &a.Start.Valence })},
	{"valence_end", affect(func(a *interaction.Affect) *float64 { return &a.End.Valence })},
	{"llr", func(r *interaction.Interaction) *float64 {
		if r.Voice == nil {
			return nil
		}
		return r.Voice.LLR
	}},
	{"net_speech_ms", func(r *interaction.Interaction) *float64 {
		if r.Voice == nil {
			return nil
		}
		return number(r.Voice.NetSpeechMs)
	}},
	{"alerts", func(r *interaction.Interaction) *float64 { return number(len(r.Alerts)) }},
	{"peak_end", func(r *interaction.Interaction) *float64 {
		if r.CX == nil {
			return nil
		}
		return r.CX.PeakEnd
	}},
	{"predicted_csat", func(r *interaction.Interaction) *float64 {
		if r.CX == nil || r.CX.PredictedCSAT == nil {
			return nil
		}
		return &r.CX.PredictedCSAT.Value
	}},
	{"nps", survey("nps")},
	{"csat", survey("csat")},
	{"ces", survey("ces")},
	{"score", func(r *interaction.Interaction) *float64 {
		for i := len(r.Evaluations) - 1; i >= 0; i-- {
			if e := &r.Evaluations[i]; e.State != "draft" && e.Score != nil {
				return e.Score
			}
		}
		return nil
	}},
}

func number[N int | int64](n N) *float64 {
	x := float64(n)
	return &x
}

func conversation(of func(*interaction.Conversation) *float64) func(*interaction.Interaction) *float64 {
	return func(r *interaction.Interaction) *float64 {
		if r.Conversation == nil {
			return nil
		}
		return of(r.Conversation)
	}
}

func talkShare(role interaction.Role) func(*interaction.Interaction) *float64 {
	return conversation(func(c *interaction.Conversation) *float64 {
		t, ok := c.TalkTime.ByRole[role]
		if !ok {
			return nil
		}
		return &t.Share
	})
}

func interruptions(role interaction.Role) func(*interaction.Interaction) *float64 {
	return conversation(func(c *interaction.Conversation) *float64 {
		if c.Interruptions == nil {
			return nil
		}
		return number(len(c.Interruptions.ByInterrupter[role]))
	})
}

func pace(role interaction.Role) func(*interaction.Interaction) *float64 {
	return conversation(func(c *interaction.Conversation) *float64 {
		p, ok := c.Pace[role]
		if !ok {
			return nil
		}
		return &p.SyllablesPerS
	})
}

func affect(of func(*interaction.Affect) *float64) func(*interaction.Interaction) *float64 {
	return func(r *interaction.Interaction) *float64 {
		a := customerAffect(r)
		if a == nil {
			return nil
		}
		return of(a)
	}
}

// customerAffect returns the affect of the customer, of the one who spoke most where there are several; nil where none was scored.
func customerAffect(r *interaction.Interaction) *interaction.Affect {
	var most *interaction.Affect
	for i := range r.Affect {
		a := &r.Affect[i]
		if isCustomer(r, a.ParticipantID) && (most == nil || a.Overall.SpeechMs > most.Overall.SpeechMs) {
			most = a
		}
	}
	return most
}

func isCustomer(r *interaction.Interaction, participant string) bool {
	for _, p := range r.Participants {
		if p.ID == participant {
			return p.Role == interaction.RoleCustomer
		}
	}
	return false
}

// survey returns the latest answer of a kind; compose leaves them in order of time.
func survey(kind string) func(*interaction.Interaction) *float64 {
	return func(r *interaction.Interaction) (latest *float64) {
		if r.CX == nil {
			return nil
		}
		for _, s := range r.CX.Surveys {
			if s.Kind == kind {
				latest = number(s.Value)
			}
		}
		return latest
	}
}

// emotionShares returns for each class its share of the customer's scored speech; empty where none was scored.
func emotionShares(r *interaction.Interaction) map[string]float64 {
	shares, total := map[string]float64{}, 0.0
	for _, s := range r.Segments {
		if s.Emotion != nil && isCustomer(r, s.ParticipantID) {
			length := float64(s.EndMs - s.StartMs)
			shares[s.Emotion.Label] += length
			total += length
		}
	}
	for label := range shares {
		shares[label] /= total
	}
	return shares
}
