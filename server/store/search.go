package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Query says which interactions are wanted; an empty field asks for all. What is asked for has to hold together.
type Query struct {
	From, To     time.Time // Summary.At in [From, To)
	AgentID      string    // of any leg
	CustomerID   string
	SpeakerID    string // named by a search of the gallery or a watchlist
	Queue        string
	ContactID    string
	RelatedID    string // related_contact_id
	Direction    string
	Language     string
	Dialect      string
	Endpoint     string
	Trend        string
	States       []interaction.State
	Decisions    []interaction.Decision
	Reviews      []string         // states of the latest evaluation; "unreviewed": none
	MinSeverity  int              // worst alert at least: 1 info, 2 warning, 3 critical
	AlertRule    string           // an alert of that rule
	Emotion      string           // class that the customer expressed ...
	EmotionShare Range            // ... in that share of the scored speech; both ends open: any
	Metrics      map[string]Range // by MetricNames; what was not measured is in no range
	// Sort is one of MetricNames; "": by time. What was not measured is left out of a list sorted by it. There are indexes for
	// anger_peak, anger_end and non_talk_longest_ms; sorting by another metric reads all that the rest of the query leaves.
	Sort      string
	Ascending bool // the oldest or smallest first; else the latest or largest
}

// Unreviewed is the word of Query.Reviews for interactions without an evaluation.
const Unreviewed = "unreviewed"

// plan is a query as SQL: SELECT ... FROM from WHERE where, in the order by.
type plan struct {
	conditions
	from string
	by   order
}

// plan reads the query. The first table of the join is the one whose index already holds the rows in order of time, so that a
// page reads little more than its own rows.
func (q *Query) plan() (plan, error) {
	p := plan{from: "interactions"}
	first := "interactions"
	join := func(table, alias string) {
		p.from += " JOIN " + table + " " + alias + " ON " + alias + ".tenant = interactions.tenant AND " + alias + ".interaction_id = interactions.id"
		if first == "interactions" {
			first = alias
		}
	}
	for _, x := range []struct{ role, id string }{{"customer", q.CustomerID}, {"agent", q.AgentID}, {"speaker", q.SpeakerID}} {
		if x.id == "" {
			continue
		}
		join("parties", x.role)
		p.add(x.role+".role = '"+x.role+"' AND "+x.role+".external_id = $1", x.id)
	}
	if q.Emotion != "" {
		join("emotions", "emotion")
		p.add("emotion.label = $1", q.Emotion)
		if err := p.within("emotion.share", q.EmotionShare); err != nil {
			return plan{}, err
		}
	} else if q.EmotionShare != (Range{}) {
		return plan{}, invalid("emotion share", "a range", "none where no emotion is asked for")
	}
	if first != "interactions" {
		// The same tenant for every table: an index of the first one begins with it.
		p.parts = append(p.parts, first+".tenant = interactions.tenant")
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return plan{}, invalid("to", q.To, "a time after from "+q.From.String())
	}
	for _, x := range []struct{ col, value string }{{"queue", q.Queue}, {"contact_id", q.ContactID}, {"related_contact_id", q.RelatedID},
		{"direction", q.Direction}, {"language", q.Language}, {"dialect", q.Dialect}, {"endpoint", q.Endpoint}, {"trend", q.Trend}} {
		p.equal("interactions."+x.col, x.value)
	}
	among(&p.conditions, "interactions.state", q.States)
	among(&p.conditions, "interactions.decision", q.Decisions)
	reviews := slices.Clone(q.Reviews)
	for i, r := range reviews {
		if r == Unreviewed {
			reviews[i] = ""
		}
	}
	among(&p.conditions, "interactions.review", reviews)
	switch {
	case q.MinSeverity < 0 || q.MinSeverity >= len(severities):
		return plan{}, invalid("severity", q.MinSeverity, "0 to 3")
	case q.MinSeverity > 0:
		p.add("interactions.severity >= $1", q.MinSeverity)
	}
	if q.AlertRule != "" {
		p.add(`EXISTS (SELECT 1 FROM alerts a WHERE a.tenant = interactions.tenant AND a.interaction_id = interactions.id AND a.rule = $1)`, q.AlertRule)
	}
	for _, name := range slices.Sorted(maps.Keys(q.Metrics)) {
		if !slices.Contains(MetricNames(), name) {
			return plan{}, invalid("metric", name, "one of "+strings.Join(MetricNames(), ", "))
		}
		if err := p.within("interactions."+name, q.Metrics[name]); err != nil {
			return plan{}, err
		}
	}
	id := first + ".interaction_id"
	if first == "interactions" {
		id = "interactions.id"
	}
	switch {
	case q.Sort == "":
		p.between(first+".at", q.From, q.To)
		p.by = order{cols: []string{first + ".at", id}, kinds: "ns", desc: !q.Ascending}
	case slices.Contains(MetricNames(), q.Sort):
		p.between(first+".at", q.From, q.To)
		p.add("interactions." + q.Sort + " IS NOT NULL")
		p.by = order{cols: []string{"interactions." + q.Sort, "interactions.id"}, kinds: "fs", desc: !q.Ascending}
	default:
		return plan{}, invalid("sort", q.Sort, "nothing or one of "+strings.Join(MetricNames(), ", "))
	}
	return p, nil
}

// statement returns the SELECT of a page of limit rows with its arguments, the tenant first.
func (p *plan) statement(tenant, after string, limit int) (string, []any, error) {
	where, args, err := p.by.after(after, p.where(), p.args)
	if err != nil {
		return "", nil, err
	}
	if where != "" {
		where = " AND " + renumber(where, 1)
	}
	return "SELECT " + summaries.columns() + " FROM " + p.from + " WHERE interactions.tenant = $1" + where + " " + p.by.tail(limit),
		append([]any{tenant}, args...), nil
}

// Interactions lists what the query asks for. A cursor is good for the same query only.
func (t *Tenant) Interactions(ctx context.Context, q Query, page Page) (List[Summary], error) {
	limit, err := page.limit()
	if err != nil {
		return List[Summary]{}, err
	}
	p, err := q.plan()
	if err != nil {
		return List[Summary]{}, err
	}
	statement, args, err := p.statement(t.id, page.After, limit+1)
	if err != nil {
		return List[Summary]{}, err
	}
	rows, err := t.s.read.QueryContext(ctx, statement, args...)
	if err != nil {
		return List[Summary]{}, explain(err, "interaction")
	}
	found, err := summaries.scan(rows)
	if err != nil || len(found) <= limit {
		return List[Summary]{Items: found}, err
	}
	found = found[:limit]
	last := &found[limit-1]
	place := []any{last.At.UnixMicro(), last.ID}
	if q.Sort != "" {
		place[0] = *last.Metric(q.Sort)
	}
	next, err := encodeCursor(place)
	return List[Summary]{Items: found, Next: next}, err
}

// Count returns how many interactions the query asks for, at most most: a page says "1,000 or more" without reading all.
func (t *Tenant) Count(ctx context.Context, q Query, most int) (int, error) {
	p, err := q.plan()
	if err != nil {
		return 0, err
	}
	where := p.where()
	if where != "" {
		where = " AND " + renumber(where, 1)
	}
	n, err := count(ctx, t.s.read, fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s WHERE interactions.tenant = $1%s LIMIT %d) AS found",
		p.from, where, most), append([]any{t.id}, p.args...)...)
	return int(n), explain(err, "interaction")
}
