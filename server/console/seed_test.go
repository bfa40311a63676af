package console_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// noon is the time at which every test happens.
var noon = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// sampleRecord is the record of the sample call as the program made it, without any scores.
func sampleRecord(tb testing.TB) *interaction.Interaction {
	tb.Helper()
	r := new(interaction.Interaction)
	if err := json.Unmarshal(testkit.Read(tb, testkit.Testdata(tb, "calls", "sample-call.record.json")), r); err != nil {
		tb.Fatal(err)
	}
	return r
}

// richCall is the sample call with everything that a record can hold: scores that rise to a peak and fall, alerts, a verification,
// surveys and kept audio.
func richCall(tb testing.TB, id string) *interaction.Interaction {
	tb.Helper()
	r := sampleRecord(tb)
	c := &r.Contact
	c.ID, c.ContactID, c.Direction, c.Queue, c.Language = id, "contact-"+id, "inbound", "billing", "en"
	c.StartedAt, c.EndedAt = ptr(noon.Add(-3*time.Hour)), ptr(noon.Add(-3*time.Hour+time.Duration(c.DurationMs)*time.Millisecond))
	c.Audio = interaction.Audio{Kept: "timbre", URI: "timbre:sample-call.wav"}
	r.Participants[0].ExternalID, r.Participants[0].DisplayName = "a-12", "Ada Nowak"
	r.Participants[1].ExternalID, r.Participants[1].DisplayName = "c-4711", "Jan Kowalski"
	a := interaction.Affect{ParticipantID: "customer-1", Trend: "worsening", Deciles: []interaction.AffectPoint{}, EarlierMs: ptr(int64(30_000))}
	for i := range r.Segments {
		s := &r.Segments[i]
		if s.Channel != 1 {
			continue
		}
		t := float64(s.StartMs) / float64(c.DurationMs)
		anger := 0.08 + 0.72*math.Exp(-math.Pow((t-0.6)/0.18, 2))
		p := map[string]float64{"angry": anger, "happy": (1 - anger) * 0.15, "sad": (1 - anger) * 0.2, "neutral": (1 - anger) * 0.65}
		e := &interaction.Emotion{Label: "neutral", Probabilities: p, Arousal: 0.3 + 0.5*anger, Valence: 0.6 - 0.4*anger, Confidence: max(anger, p["neutral"])}
		if anger > p["neutral"] {
			e.Label = "angry"
		} else if i%7 == 0 {
			e.Label, e.Confidence = "happy", 0.4
			p["happy"], p["neutral"] = p["neutral"], p["happy"]
		}
		s.Emotion = e
		point := interaction.AffectPoint{AtMs: s.StartMs, Arousal: e.Arousal, Valence: e.Valence, Anger: anger, SpeechMs: s.EndMs - s.StartMs}
		a.Timeline = append(a.Timeline, point)
		if a.PeakNegative == nil || anger > a.PeakNegative.Anger {
			a.PeakNegative = ptr(point)
		}
		a.Overall.SpeechMs += point.SpeechMs
	}
	a.Overall.Arousal, a.Overall.Valence, a.Overall.Anger = 0.52, 0.44, 0.36
	a.Start, a.End = a.Timeline[0], a.Timeline[len(a.Timeline)-1]
	r.Affect = []interaction.Affect{a}
	r.Alerts = []interaction.Alert{
		{Rule: "escalation", Severity: "critical", StartMs: 49_000, EndMs: 56_000, Evidence: "arousal rose from 0.34 to 0.70, probability of anger from 0.10 to 0.80"},
		{Rule: "dead_air", Severity: "warning", StartMs: 66_384, EndMs: 70_464, Evidence: "nobody spoke for 4.1 s"},
	}
	r.Voice = &interaction.Voice{Decision: interaction.Inconclusive, LLR: ptr(1.8), Threshold: ptr(4.6), NetSpeechMs: 27_632, SNRdB: ptr(31.0), Codec: "mulaw",
		Reasons: []string{"score_between_thresholds", "spoof_not_checked"}, Assurance: interaction.AssuranceEvidenceOnly}
	r.CX = &interaction.CX{PeakEnd: ptr(0.41), PredictedCSAT: &interaction.PredictedCSAT{Value: 2.6, Low: 1.7, High: 3.6},
		Surveys: []interaction.Survey{{Kind: "csat", Value: 2, AnsweredAt: ptr(noon.Add(-time.Hour))}}}
	kept := r.NotComputed[:0]
	for _, n := range r.NotComputed {
		if n.Channel != nil && *n.Channel == 1 && (n.What == "emotion" || n.What == "affect" || n.What == "voice") || n.What == "voice" && n.Channel == nil {
			continue
		}
		kept = append(kept, n)
	}
	r.NotComputed = kept
	return r
}

// drawnCall is a small synthetic call, one of many: number i of a reproducible series that lies over 60 days before noon.
func drawnCall(i int) *interaction.Interaction {
	random := rand.New(rand.NewPCG(uint64(i), 7))
	duration := int64(60_000 + random.ExpFloat64()*180_000)
	duration = min(duration, 3_600_000)
	start := noon.Add(-time.Duration(float64(i%100_000)/100_000*60*24) * time.Hour).Add(-time.Duration(i%3600) * time.Second)
	anger := math.Pow(random.Float64(), 3)
	end := anger * random.Float64()
	silence := min(2001+int64(random.ExpFloat64()*6000), duration/2)
	label := "neutral"
	if anger > 0.5 {
		label = "angry"
	}
	r := &interaction.Interaction{
		Schema: interaction.SchemaID,
		Contact: interaction.Contact{ID: fmt.Sprintf("call-%06d", i), Tenant: "default", State: interaction.StateComplete, Revision: 1,
			ContactID: fmt.Sprintf("k-%06d", i), Direction: "inbound", StartedAt: &start, DurationMs: duration, Language: "en",
			Queue: fmt.Sprintf("queue-%d", i%9), Source: interaction.Source{Kind: "stream", Dialect: "twilio"},
			Media: interaction.Media{Encoding: "mulaw", SampleRateHz: 8000, Channels: 2, Gaps: []interaction.Gap{}}, Audio: interaction.Audio{Kept: "none"}},
		Participants: []interaction.Participant{{ID: "agent-1", Role: interaction.RoleAgent, ExternalID: fmt.Sprintf("a-%d", i%200), ToMs: duration},
			{ID: "customer-1", Role: interaction.RoleCustomer, Channel: 1, ExternalID: fmt.Sprintf("c-%d", i%30_000), ToMs: duration}},
		Segments: []interaction.Segment{{ID: "1-0001", ParticipantID: "customer-1", Channel: 1, StartMs: 1000, EndMs: 6000, Emotion: &interaction.Emotion{
			Label: label, Probabilities: map[string]float64{"angry": anger, "neutral": 1 - anger}, Arousal: 0.4, Valence: 0.5, Confidence: 0.6}}},
		Sounds: []interaction.Sound{}, Marks: []interaction.Mark{}, Alerts: []interaction.Alert{}, Evaluations: []interaction.Evaluation{},
		Conversation: &interaction.Conversation{TotalConversationDurationMs: duration, TalkTime: interaction.TalkTime{TotalMs: duration / 2,
			ByRole: map[interaction.Role]interaction.RoleTalk{interaction.RoleAgent: {TotalMs: duration / 2, Share: 0.6}, interaction.RoleCustomer: {TotalMs: duration / 3, Share: 0.4}}},
			NonTalkTime: interaction.NonTalkTime{TotalMs: silence, LongestMs: silence, Instances: []interaction.Instance{{StartMs: 8000, EndMs: 8000 + silence, DurationMs: silence}}},
			Channels:    []interaction.ChannelMetrics{}},
		Affect: []interaction.Affect{{ParticipantID: "customer-1", Overall: interaction.AffectPoint{Arousal: 0.4, Valence: 0.5, Anger: anger / 2, SpeechMs: 5000},
			Start: interaction.AffectPoint{Anger: anger / 3}, End: interaction.AffectPoint{AtMs: duration - 1000, Anger: end}, PeakNegative: &interaction.AffectPoint{AtMs: duration / 2, Anger: anger},
			Deciles: []interaction.AffectPoint{}, Timeline: []interaction.AffectPoint{}, Trend: "steady"}},
		Governance: interaction.Governance{Policy: "default", Models: []interaction.Model{{Name: "drawn", Version: "1", SHA256: strings.Repeat("0", 64), LicenceClass: "open"}}},
	}
	for _, what := range []string{"prosody", "conversation.overtalk", "conversation.interruptions", "conversation.turns", "conversation.response_latency_ms", "conversation.pace"} {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: what, Code: interaction.CodeNoModel})
	}
	if anger > 0.75 {
		r.Alerts = append(r.Alerts, interaction.Alert{Rule: "escalation", Severity: "warning", StartMs: duration / 2, EndMs: duration/2 + 5000, Evidence: "probability of anger rose"})
	}
	if end > 0.5 {
		r.Alerts = append(r.Alerts, interaction.Alert{Rule: "cold_end", Severity: "warning", StartMs: duration - 5000, EndMs: duration, Evidence: "the call ended in anger"})
	}
	if i%97 == 0 {
		r.Voice = &interaction.Voice{Decision: interaction.NotAuthenticated, NetSpeechMs: 8000, LLR: ptr(-3.0), Threshold: ptr(4.6), Reasons: []string{"below_threshold", "spoof_not_checked"}, Assurance: interaction.AssuranceEvidenceOnly}
	} else {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: "voice", Code: interaction.CodeNoClaim})
	}
	return r
}
