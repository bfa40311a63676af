package console

import "github.com/timbre-voice/timbre/interaction"

// summarise returns a record as lists show it.
func summarise(r *interaction.Interaction) Summary {
	k := &r.Contact
	s := Summary{ID: k.ID, State: k.State, ContactID: k.ContactID, Direction: k.Direction, Queue: k.Queue, AudioKept: k.Audio.Kept,
		AgentID: r.ExternalID(interaction.RoleAgent), CustomerID: r.ExternalID(interaction.RoleCustomer),
		Metrics: map[string]float64{"duration_ms": float64(k.DurationMs)}}
	if k.StartedAt != nil {
		s.At = *k.StartedAt
	}
	if r.Voice != nil {
		s.Decision = r.Voice.Decision
	}
	for _, a := range r.Alerts {
		s.Severity = max(s.Severity, map[string]int{"info": 1, "warning": 2, "critical": 3}[a.Severity])
	}
	if n := len(r.Evaluations); n > 0 {
		s.Review = r.Evaluations[n-1].State
		if x := r.Evaluations[n-1].Score; x != nil {
			s.Metrics["score"] = *x
		}
	}
	if a := customerAffect(r); a != nil {
		s.Trend = a.Trend
		s.Metrics["arousal"], s.Metrics["anger_end"], s.Metrics["anger_peak"] = a.Overall.Arousal, a.End.Anger, peakAnger(a)
		s.Metrics["anger_start"] = a.Start.Anger
	}
	if x := r.Conversation; x != nil {
		s.Metrics["non_talk_longest_ms"] = float64(x.NonTalkTime.LongestMs)
		if x.Overtalk != nil {
			s.Metrics["overtalk_ms"] = float64(x.Overtalk.TotalMs)
		}
		if by, ok := x.TalkTime.ByRole[interaction.RoleAgent]; ok {
			s.Metrics["talk_share_agent"] = by.Share
		}
	}
	return s
}
