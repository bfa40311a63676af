package store

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"
)

// Coverage is how much of one agent's calls reviewers have seen.
type Coverage struct {
	AgentID  string
	Calls    int
	Reviewed int      // with a submitted evaluation
	Score    *float64 // mean of the calls' scores; nil: none
}

// Coverage returns a line for each agent with calls that began in [from, to), by agent; a zero time is no limit. A call counts for
// its last agent.
func (t *Tenant) Coverage(ctx context.Context, from, to time.Time) (out []Coverage, err error) {
	var c conditions
	c.add("agent_id <> ''")
	c.between("at", from, to)
	rows, err := t.s.read.QueryContext(ctx, `SELECT agent_id, COUNT(*), SUM(CASE WHEN review NOT IN ('', 'draft') THEN 1 ELSE 0 END), AVG(score)
		FROM interactions WHERE tenant = $1 AND `+renumber(c.where(), 1)+" GROUP BY agent_id ORDER BY agent_id", append([]any{t.id}, c.args...)...)
	if err != nil {
		return nil, explain(err, "interaction")
	}
	defer rows.Close()
	for rows.Next() {
		var v Coverage
		if err := rows.Scan(&v.AgentID, &v.Calls, &v.Reviewed, &v.Score); err != nil {
			return nil, explain(err, "interaction")
		}
		out = append(out, v)
	}
	return out, explain(rows.Err(), "interaction")
}

// Spread is how a metric lies over many calls.
type Spread struct {
	N    int
	Mean float64
	SD   float64 // of the sample; 0 for fewer than two calls
}

// Spread returns how a metric lies over the calls that began in [from, to) and have it. Errors: ErrInvalid for a metric that is none
// of MetricNames.
func (t *Tenant) Spread(ctx context.Context, metric string, from, to time.Time) (Spread, error) {
	if !slices.Contains(MetricNames(), metric) {
		return Spread{}, invalid("metric", metric, "one of "+strings.Join(MetricNames(), ", "))
	}
	var c conditions
	c.add(metric + " IS NOT NULL")
	c.between("at", from, to)
	var s Spread
	var mean, square *float64
	err := t.s.read.QueryRowContext(ctx, "SELECT COUNT(*), AVG("+metric+"), AVG("+metric+" * "+metric+") FROM interactions WHERE tenant = $1 AND "+
		renumber(c.where(), 1), append([]any{t.id}, c.args...)...).Scan(&s.N, &mean, &square)
	if err != nil {
		return Spread{}, explain(err, "interaction")
	}
	if mean != nil {
		s.Mean = *mean
	}
	if n := float64(s.N); s.N > 1 {
		s.SD = math.Sqrt(max(0, *square-s.Mean*s.Mean) * n / (n - 1))
	}
	return s, nil
}
