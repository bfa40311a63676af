package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// derive writes the rows that repeat a part of the record so that it is found: participants, parties, segments, emotions, alerts
// and the directory.
func (t *Tenant) derive(ctx context.Context, tx *sql.Tx, r *interaction.Interaction, at time.Time) error {
	id := r.Contact.ID
	for _, name := range []string{"participants", "parties", "segments", "emotions"} {
		if _, err := exec(ctx, tx, "DELETE FROM "+name+" WHERE tenant = $1 AND interaction_id = $2", t.id, id); err != nil {
			return explain(err, "interaction", id)
		}
	}
	participants := rows{name: "participants", cols: "tenant, interaction_id, id, role, channel, external_id, display_name, from_ms, to_ms"}
	for _, p := range r.Participants {
		participants.add(t.id, id, word(p.ID), string(p.Role), p.Channel, word(p.ExternalID), word(p.DisplayName), p.FromMs, p.ToMs)
	}
	parties := rows{name: "parties", cols: "tenant, role, external_id, at, interaction_id"}
	for _, p := range partiesOf(r) {
		parties.add(t.id, p.role, p.id, at.UnixMicro(), id)
	}
	segments := rows{name: "segments", cols: "tenant, interaction_id, id, participant_id, channel, start_ms, end_ms, label, arousal, valence, confidence, snr_db"}
	for _, s := range r.Segments {
		label, scores := "", [3]any{}
		if e := s.Emotion; e != nil {
			label, scores = word(e.Label), [3]any{e.Arousal, e.Valence, e.Confidence}
		}
		segments.add(t.id, id, word(s.ID), word(s.ParticipantID), s.Channel, s.StartMs, s.EndMs, label, scores[0], scores[1], scores[2], s.SNRdB)
	}
	emotions := rows{name: "emotions", cols: "tenant, interaction_id, label, at, share"}
	shares := emotionShares(r)
	for _, label := range slices.Sorted(maps.Keys(shares)) {
		emotions.add(t.id, id, word(label), at.UnixMicro(), shares[label])
	}
	for _, rs := range []*rows{&participants, &parties, &segments, &emotions} {
		if err := rs.insert(ctx, tx); err != nil {
			return explain(err, "interaction", id)
		}
	}
	if err := t.deriveAlerts(ctx, tx, r, at); err != nil {
		return err
	}
	return t.deriveDirectory(ctx, tx, r)
}

// party is one way to find an interaction by who is in it.
type party struct{ role, id string }

func partiesOf(r *interaction.Interaction) []party {
	found := map[party]bool{}
	for _, p := range r.Participants {
		if p.ExternalID != "" && p.Role != interaction.RoleUnknown {
			found[party{string(p.Role), word(p.ExternalID)}] = true
		}
	}
	if r.Voice != nil {
		for _, c := range slices.Concat(r.Voice.Candidates, r.Voice.Watchlist) {
			found[party{"speaker", word(c.SpeakerID)}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b party) int { return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.id, b.id)) })
}

// rows collects rows of one table to insert in few statements.
type rows struct {
	name, cols string
	values     []any
}

func (rs *rows) add(values ...any) { rs.values = append(rs.values, values...) }

func (rs *rows) insert(ctx context.Context, q querier) error {
	const most = 30_000 // parameters of a statement: SQLite takes 32,766
	width := 1 + strings.Count(rs.cols, ",")
	for chunk := range slices.Chunk(rs.values, most/width*width) {
		var b strings.Builder
		b.WriteString("INSERT INTO " + rs.name + " (" + rs.cols + ") VALUES ")
		for i := 0; i < len(chunk); i += width {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + parameters(i+1, i+width) + ")")
		}
		if _, err := exec(ctx, q, b.String(), chunk...); err != nil {
			return err
		}
	}
	return nil
}

// deriveAlerts keeps what people did about an alert that is still in the record.
func (t *Tenant) deriveAlerts(ctx context.Context, tx *sql.Tx, r *interaction.Interaction, start time.Time) error {
	before, err := alerts.find(ctx, tx, t.id, "interaction_id = $1", "", r.Contact.ID)
	if err != nil {
		return err
	}
	if _, err := exec(ctx, tx, "DELETE FROM alerts WHERE tenant = $1 AND interaction_id = $2", t.id, r.Contact.ID); err != nil {
		return explain(err, "alert")
	}
	for _, a := range r.Alerts {
		row := Alert{InteractionID: r.Contact.ID, Alert: a, At: start.Add(time.Duration(a.StartMs) * time.Millisecond)}
		row.Rule, row.Evidence = word(a.Rule), fit(a.Evidence, maxText)
		for _, b := range before {
			if b.Rule == row.Rule && b.StartMs == row.StartMs {
				row.AcknowledgedBy, row.AcknowledgedAt, row.SnoozedUntil = b.AcknowledgedBy, b.AcknowledgedAt, b.SnoozedUntil
			}
		}
		if _, err := alerts.insertNew(ctx, tx, t.id, &row); err != nil {
			return err
		}
	}
	return nil
}

// deriveDirectory notes who was seen. A name in the directory is only replaced by one, never by none.
func (t *Tenant) deriveDirectory(ctx context.Context, tx *sql.Tx, r *interaction.Interaction) error {
	seen := map[party]string{}
	if r.Contact.Queue != "" {
		seen[party{string(KindQueue), word(r.Contact.Queue)}] = ""
	}
	for _, p := range r.Participants {
		if key := (party{string(p.Role), word(p.ExternalID)}); key.id != "" && p.Role != interaction.RoleUnknown {
			seen[key] = cmp.Or(word(p.DisplayName), seen[key])
		}
	}
	// In order, so that two nodes that save at once lock the rows in the same one.
	for _, p := range slices.SortedFunc(maps.Keys(seen), func(a, b party) int { return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.id, b.id)) }) {
		now := t.s.time().UnixMicro()
		if _, err := exec(ctx, tx, `INSERT INTO directory (tenant, kind, id, display_name, attributes, created_at, seen_at)
			VALUES ($1, $2, $3, $4, '{}', $5, $5) ON CONFLICT (tenant, kind, id) DO UPDATE SET seen_at = excluded.seen_at,
			display_name = CASE WHEN excluded.display_name = '' THEN directory.display_name ELSE excluded.display_name END`,
			t.id, p.role, p.id, seen[p], now); err != nil {
			return explain(err, "directory")
		}
	}
	return nil
}
