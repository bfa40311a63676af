package store

import (
	"context"
	"time"
)

// AgentFigures sums up an agent's calls in a time: what is measured on every side, and how reviewers scored. Nothing in it is
// inferred from the agent's voice.
type AgentFigures struct {
	Calls             int
	DurationMs        int64
	TalkShare         *float64 // means over the calls where it was measured; nil: in none
	Interruptions     *float64 // by the agent, a call
	ResponseLatencyMs *float64
	Pace              *float64 // syllables a second
	OvertalkMs        *float64
	NonTalkMs         *float64
	Evaluations       int // submitted
	Score             *float64
}

// AgentFigures returns the figures of an agent over calls that began in [from, to); a zero time is no limit. A call with several
// agents counts for each.
func (t *Tenant) AgentFigures(ctx context.Context, agent string, from, to time.Time) (f AgentFigures, err error) {
	var c conditions
	c.add("p.external_id = $1", agent)
	c.between("p.at", from, to)
	err = t.s.read.QueryRowContext(ctx, `SELECT COUNT(*), CAST(COALESCE(SUM(i.duration_ms), 0) AS BIGINT), AVG(i.talk_share_agent), AVG(i.interruptions_agent),
		AVG(i.response_latency_agent_ms), AVG(i.pace_agent), AVG(i.overtalk_ms), AVG(i.non_talk_ms)
		FROM parties p JOIN interactions i ON i.tenant = p.tenant AND i.id = p.interaction_id
		WHERE p.tenant = $1 AND p.role = 'agent' AND `+renumber(c.where(), 1), append([]any{t.id}, c.args...)...).
		Scan(&f.Calls, &f.DurationMs, &f.TalkShare, &f.Interruptions, &f.ResponseLatencyMs, &f.Pace, &f.OvertalkMs, &f.NonTalkMs)
	if err != nil {
		return AgentFigures{}, explain(err, "agent", agent)
	}
	c = conditions{}
	c.add("e.agent_id = $1", agent)
	c.between("i.at", from, to)
	err = t.s.read.QueryRowContext(ctx, `SELECT COUNT(*), AVG(e.score) FROM evaluations e
		JOIN interactions i ON i.tenant = e.tenant AND i.id = e.interaction_id
		WHERE e.tenant = $1 AND e.state <> 'draft' AND `+renumber(c.where(), 1), append([]any{t.id}, c.args...)...).Scan(&f.Evaluations, &f.Score)
	if err != nil {
		return AgentFigures{}, explain(err, "agent", agent)
	}
	return f, nil
}

// SurveyCounts returns how often each value was answered in [from, to), by the time at which the answer came; a zero time is no
// limit. NPS, CSAT and their intervals follow from it.
func (t *Tenant) SurveyCounts(ctx context.Context, kind string, from, to time.Time) (counts map[int]int, err error) {
	var c conditions
	c.add("kind = $1", kind)
	c.between("created_at", from, to)
	rows, err := t.s.read.QueryContext(ctx, "SELECT value, COUNT(*) FROM surveys WHERE tenant = $1 AND "+renumber(c.where(), 1)+" GROUP BY value",
		append([]any{t.id}, c.args...)...)
	if err != nil {
		return nil, explain(err, "survey")
	}
	defer rows.Close()
	counts = map[int]int{}
	for rows.Next() {
		var value, n int
		if err := rows.Scan(&value, &n); err != nil {
			return nil, explain(err, "survey")
		}
		counts[value] = n
	}
	return counts, explain(rows.Err(), "survey")
}

// Segment is a stretch of speech as it is searched: the record has the whole of it.
type Segment struct {
	InteractionID string
	ID            string
	ParticipantID string
	Channel       int
	StartMs       int64
	EndMs         int64
	Label         string // "": not scored
	Arousal       *float64
	Valence       *float64
	Confidence    *float64
	SNRdB         *float64
}

var segments = table[Segment]{name: "segments", what: "segment", key: []string{"interaction_id", "id"},
	cols: []string{"interaction_id", "id", "participant_id", "channel", "start_ms", "end_ms", "label", "arousal", "valence", "confidence", "snr_db"},
	fields: func(v *Segment) []any {
		return []any{&v.InteractionID, &v.ID, &v.ParticipantID, &v.Channel, &v.StartMs, &v.EndMs, &v.Label, &v.Arousal, &v.Valence, &v.Confidence,
			&v.SNRdB}
	}}

// Segments lists the segments of an interaction, or of all where it is empty, by interaction and id; of one class unless label is
// empty.
func (t *Tenant) Segments(ctx context.Context, interaction, label string, p Page) (List[Segment], error) {
	var c conditions
	c.equal("interaction_id", interaction)
	c.equal("label", label)
	return segments.page(ctx, t.s.read, t.id, p, order{cols: []string{"interaction_id", "id"}, kinds: "ss"}, c.where(), c.args...)
}
