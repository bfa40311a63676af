package store

import (
	"slices"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Summary is what lists show of an interaction, without reading its record.
type Summary struct {
	ID               string
	At               time.Time // StartedAt or, where nothing told it, the time of the first save
	Revision         int
	State            interaction.State
	ContactID        string
	RelatedContactID string
	StartedAt        time.Time // zero: nothing told it
	EndedAt          time.Time // zero: nothing told it
	Direction        string
	Language         string
	Queue            string
	AgentID          string // of the last agent
	CustomerID       string
	Source           string // file or stream
	Dialect          string
	Endpoint         string
	Decision         interaction.Decision // "": no verification
	Trend            string               // of the customer's affect
	Severity         int                  // of the worst alert: 0 none, 1 info, 2 warning, 3 critical
	Review           string               // state of the latest evaluation; "": none
	AudioKept        string
	Policy           string
	Jurisdiction     string
	RetentionUntil   time.Time // zero: no limit
	CreatedAt        time.Time
	UpdatedAt        time.Time
	Metrics          [len(metrics)]*float64 // in the order of MetricNames; nil: not measured
}

// Metric returns a metric by name; nil where it was not measured or there is none of that name.
func (v *Summary) Metric(name string) *float64 {
	i := slices.IndexFunc(metrics[:], func(m metric) bool { return m.name == name })
	if i < 0 {
		return nil
	}
	return v.Metrics[i]
}

// MetricNames lists the metrics that interactions are found and sorted by. Affect is the customer's.
func MetricNames() []string {
	out := make([]string, len(metrics))
	for i, m := range metrics {
		out[i] = m.name
	}
	return out
}

var summaries = table[Summary]{name: "interactions", what: "interaction", key: []string{"id"},
	cols: append([]string{"id", "at", "revision", "state", "contact_id", "related_contact_id", "started_at", "ended_at", "direction", "language",
		"queue", "agent_id", "customer_id", "source", "dialect", "endpoint", "decision", "trend", "severity", "review", "audio_kept", "policy",
		"jurisdiction", "retention_until", "created_at", "updated_at"}, MetricNames()...),
	fields: func(v *Summary) []any {
		out := []any{&v.ID, at(&v.At), &v.Revision, &v.State, &v.ContactID, &v.RelatedContactID, at(&v.StartedAt), at(&v.EndedAt), &v.Direction,
			&v.Language, &v.Queue, &v.AgentID, &v.CustomerID, &v.Source, &v.Dialect, &v.Endpoint, &v.Decision, &v.Trend, &v.Severity, &v.Review,
			&v.AudioKept, &v.Policy, &v.Jurisdiction, at(&v.RetentionUntil), at(&v.CreatedAt), at(&v.UpdatedAt)}
		for i := range v.Metrics {
			out = append(out, &v.Metrics[i])
		}
		return out
	}}

// severities are the alerts' words in rising order.
var severities = []string{"", "info", "warning", "critical"}

// index fills v from a record. CreatedAt stays, and At where the record does not tell its start.
func (v *Summary) index(r *interaction.Interaction, now time.Time) {
	c := &r.Contact
	kept := *v
	*v = Summary{ID: c.ID, At: kept.At, Revision: c.Revision, State: c.State, ContactID: word(c.ContactID), RelatedContactID: word(c.RelatedContactID),
		StartedAt: stored(c.StartedAt), EndedAt: stored(c.EndedAt), Direction: c.Direction, Language: word(c.Language), Queue: word(c.Queue),
		AgentID: word(r.ExternalID(interaction.RoleAgent)), CustomerID: word(r.ExternalID(interaction.RoleCustomer)),
		Source: c.Source.Kind, Dialect: word(c.Source.Dialect), Endpoint: word(c.Source.Endpoint), AudioKept: c.Audio.Kept,
		Policy: word(r.Governance.Policy), Jurisdiction: word(r.Governance.Jurisdiction), RetentionUntil: stored(r.Governance.RetentionUntil),
		CreatedAt: kept.CreatedAt, UpdatedAt: now}
	switch {
	case !v.StartedAt.IsZero():
		v.At = v.StartedAt
	case v.At.IsZero():
		v.At = now
	}
	if r.Voice != nil {
		v.Decision = r.Voice.Decision
	}
	if a := customerAffect(r); a != nil {
		v.Trend = a.Trend
	}
	for _, a := range r.Alerts {
		v.Severity = max(v.Severity, slices.Index(severities, a.Severity))
	}
	if n := len(r.Evaluations); n > 0 {
		v.Review = r.Evaluations[n-1].State
	}
	for i, m := range metrics {
		v.Metrics[i] = m.of(r)
	}
}

// stored returns a record's time as a row keeps it.
func stored(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// word makes a text of a record fit an indexed column.
func word(s string) string { return fit(s, maxKey) }

// fit makes a text of a record fit a column of at most so many bytes; the record keeps what was said. A finished record must not
// be lost because a platform sent an odd name.
func fit(s string, most int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
