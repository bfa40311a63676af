package store

import (
	"math"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// reviewedCall is a call of an agent that lasted durationMs, with a submitted score where score is not negative.
func reviewedCall(id, agent string, durationMs int64, score float64) *interaction.Interaction {
	start := epoch.Add(-time.Hour)
	r := &interaction.Interaction{Schema: interaction.SchemaID,
		Contact: interaction.Contact{ID: id, State: interaction.StateComplete, StartedAt: &start, DurationMs: durationMs, Source: interaction.Source{Kind: "file"},
			Media: interaction.Media{Encoding: "mulaw", SampleRateHz: 8000, Channels: 1, Gaps: []interaction.Gap{}}, Audio: interaction.Audio{Kept: "none"}},
		Participants: []interaction.Participant{{ID: "agent-1", Role: interaction.RoleAgent, ExternalID: agent, ToMs: durationMs}},
		Segments:     []interaction.Segment{}, Sounds: []interaction.Sound{}, Marks: []interaction.Mark{}, Affect: []interaction.Affect{}, Alerts: []interaction.Alert{},
		Evaluations: []interaction.Evaluation{}, Governance: interaction.Governance{Policy: "default", Models: []interaction.Model{}}, NotComputed: []interaction.NotComputed{
			{What: "segments", Code: interaction.CodeNoSpeech}, {What: "affect", Code: interaction.CodeNoSpeech}, {What: "voice", Code: interaction.CodeNoSpeech},
			{What: "conversation", Code: interaction.CodeNoSpeech}}}
	if score >= 0 {
		r.Evaluations = append(r.Evaluations, interaction.Evaluation{Form: "f", Version: 1, Evaluator: "rita", Answers: map[string]string{}, Score: &score, State: "submitted"})
	}
	return r
}

func TestCoverageAndSpread(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, r := range []*interaction.Interaction{reviewedCall("1", "ada", 1000, 80), reviewedCall("2", "ada", 2000, -1), reviewedCall("3", "ada", 3000, 60),
			reviewedCall("4", "bob", 6000, -1), reviewedCall("5", "", 8000, -1)} {
			ok(w.a.SaveInteraction(ctx, r))(t)
		}
		ok(w.b.SaveInteraction(ctx, reviewedCall("1", "ada", 999_000, 1)))(t)
		seventy := 70.0
		equal(t, ok(w.a.Coverage(ctx, time.Time{}, time.Time{}))(t), []Coverage{{"ada", 3, 2, &seventy}, {"bob", 1, 0, nil}})
		equal(t, ok(w.a.Coverage(ctx, epoch, time.Time{}))(t), nil)
		s := ok(w.a.Spread(ctx, "duration_ms", time.Time{}, time.Time{}))(t)
		if s.N != 5 || s.Mean != 4000 || math.Abs(s.SD-2915.476) > 0.01 {
			t.Errorf("spread %+v, want 5 calls, mean 4000, sd 2915.48", s)
		}
		equal(t, ok(w.a.Spread(ctx, "llr", time.Time{}, time.Time{}))(t), Spread{})
		_, err := w.a.Spread(ctx, "id", time.Time{}, time.Time{})
		code(t, err, "invalid")
	})
}
