package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Alert is an alert of a record with what people did about it.
type Alert struct {
	InteractionID string
	interaction.Alert
	At             time.Time // of the alert's start
	AcknowledgedBy string    // "": nobody yet
	AcknowledgedAt time.Time
	SnoozedUntil   time.Time // zero: not snoozed
}

var alerts = table[Alert]{name: "alerts", what: "alert", key: []string{"interaction_id", "rule", "start_ms"},
	cols: []string{"interaction_id", "rule", "start_ms", "end_ms", "severity", "evidence", "at", "acknowledged_by", "acknowledged_at",
		"snoozed_until"},
	fields: func(v *Alert) []any {
		return []any{&v.InteractionID, &v.Rule, &v.StartMs, &v.EndMs, &v.Severity, &v.Evidence, at(&v.At), &v.AcknowledgedBy,
			at(&v.AcknowledgedAt), at(&v.SnoozedUntil)}
	}}

// AlertQuery says which alerts are wanted; an empty field asks for all.
type AlertQuery struct {
	InteractionID, Rule, Severity string
	Open                          bool // neither acknowledged nor snoozed now
	From, To                      time.Time
}

// Alerts lists alerts, the latest first.
func (t *Tenant) Alerts(ctx context.Context, q AlertQuery, p Page) (List[Alert], error) {
	var c conditions
	c.equal("interaction_id", q.InteractionID)
	c.equal("rule", q.Rule)
	c.equal("severity", q.Severity)
	c.between("at", q.From, q.To)
	if q.Open {
		c.add("acknowledged_at IS NULL AND (snoozed_until IS NULL OR snoozed_until <= $1)", t.s.time().UnixMicro())
	}
	latest := order{cols: []string{"at", "interaction_id", "rule"}, kinds: "nss", desc: true}
	return alerts.page(ctx, t.s.read, t.id, p, latest, c.where(), c.args...)
}

// AcknowledgeAlert notes that somebody saw to an alert. Errors: ErrNotFound.
func (t *Tenant) AcknowledgeAlert(ctx context.Context, interaction, rule string, startMs int64, by string) error {
	if err := checkKey("alert acknowledged_by", by); err != nil {
		return err
	}
	return t.s.update(ctx, "alert", func(tx *sql.Tx) error {
		return alerts.set(ctx, tx, t.id, []any{interaction, rule, startMs}, "acknowledged_by = $1, acknowledged_at = $2", by, t.s.time().UnixMicro())
	})
}

// SnoozeAlert hides an alert from open ones for a while. Errors: ErrNotFound.
func (t *Tenant) SnoozeAlert(ctx context.Context, interaction, rule string, startMs int64, until time.Time) error {
	return t.s.update(ctx, "alert", func(tx *sql.Tx) error {
		return alerts.set(ctx, tx, t.id, []any{interaction, rule, startMs}, "snoozed_until = $1", until.UnixMicro())
	})
}
