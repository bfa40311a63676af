package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// metricFilters are the numbers that the worklist filters by: the field of the form, the metric, and how many of the metric's units
// one of the form's is. Read only.
var metricFilters = []struct {
	Field, Metric string
	Unit          float64
}{
	{"silence", "non_talk_longest_ms", 1000},
	{"overtalk", "overtalk_ms", 1000},
	{"duration", "duration_ms", 60_000},
	{"anger", "anger_peak", 0.01},
	{"anger_end", "anger_end", 0.01},
	{"score", "score", 1},
	{"csat", "csat", 1},
	{"nps", "nps", 1},
}

// sorts are the orders that the worklist offers, by the catalogue's key below sort. Read only.
var sorts = []string{"", "anger_peak", "anger_end", "arousal", "non_talk_longest_ms", "overtalk_ms", "duration_ms", "interruptions_agent", "score", "csat"}

// parseQuery reads the worklist's form. Days are those of zone, and the last one is asked for whole.
func parseQuery(q url.Values, zone *time.Location) (Query, error) {
	out := Query{AgentID: q.Get("agent"), CustomerID: q.Get("customer"), ContactID: q.Get("contact"), Queue: q.Get("queue"),
		Direction: q.Get("direction"), Language: q.Get("language"), Trend: q.Get("trend"), Alert: q.Get("alert"), Emotion: q.Get("emotion"),
		Sort: q.Get("sort"), Ascending: q.Get("order") == "asc"}
	for _, d := range []struct {
		field string
		to    *time.Time
		days  int
	}{{"from", &out.From, 0}, {"to", &out.To, 1}} {
		if text := q.Get(d.field); text != "" {
			t, err := time.ParseInLocation("2006-01-02", text, zone)
			if err != nil {
				return Query{}, invalidf("%s: %q, want a day as 2026-03-31", d.field, text)
			}
			*d.to = t.AddDate(0, 0, d.days)
		}
	}
	if d := q.Get("decision"); d != "" {
		out.Decisions = []string{d}
	}
	if s := q.Get("review"); s != "" {
		out.Reviews = []string{s}
	}
	if s := q.Get("severity"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 3 {
			return Query{}, invalidf("severity: %q, want 0 to 3", s)
		}
		out.Severity = n
	}
	if !slices.Contains(sorts, out.Sort) {
		return Query{}, invalidf("sort: %q, want one that the page offers", out.Sort)
	}
	for _, f := range metricFilters {
		var r Range
		for _, end := range []struct {
			name string
			to   **float64
		}{{"min", &r.Min}, {"max", &r.Max}} {
			text := strings.ReplaceAll(q.Get(f.Field+"_"+end.name), ",", ".")
			if text == "" {
				continue
			}
			x, err := strconv.ParseFloat(text, 64)
			if err != nil || !(x >= -1e9 && x <= 1e9) {
				return Query{}, invalidf("%s: %q, want a number", f.Field, text)
			}
			x *= f.Unit
			*end.to = &x
		}
		if r != (Range{}) {
			if out.Metrics == nil {
				out.Metrics = map[string]Range{}
			}
			out.Metrics[f.Metric] = r
		}
	}
	return out, nil
}

// zoneCookie holds the viewer's time zone, which the page's script tells.
const zoneCookie = "timbre_zone"

// wholeNumber reads a number that is not negative.
func wholeNumber(what, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, invalidf("%s: %q, want a whole number of 0 or more", what, text)
	}
	return n, nil
}

func minutesOf(n int64) time.Duration { return time.Duration(n) * time.Minute }

// above returns the range of values of at least x.
func above(x float64) Range { return Range{Min: &x} }

// describe says in words what a query asks for, for the record of a sample.
func (q Query) describe() string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if !q.From.IsZero() {
		say("from %s", q.From.UTC().Format(time.RFC3339))
	}
	if !q.To.IsZero() {
		say("before %s", q.To.UTC().Format(time.RFC3339))
	}
	for _, f := range []struct{ name, value string }{{"agent", q.AgentID}, {"customer", q.CustomerID}, {"contact", q.ContactID}, {"queue", q.Queue},
		{"direction", q.Direction}, {"language", q.Language}, {"trend", q.Trend}, {"alert", q.Alert}, {"emotion", q.Emotion}} {
		if f.value != "" {
			say("%s %s", f.name, f.value)
		}
	}
	if len(q.Decisions) > 0 {
		say("decision %s", strings.Join(q.Decisions, " or "))
	}
	if len(q.Reviews) > 0 {
		say("review %s", strings.Join(q.Reviews, " or "))
	}
	if q.Severity > 0 {
		say("severity %d or worse", q.Severity)
	}
	for _, f := range metricFilters {
		r, ok := q.Metrics[f.Metric]
		if ok && r.Min != nil {
			say("%s at least %g", f.Metric, *r.Min)
		}
		if ok && r.Max != nil {
			say("%s at most %g", f.Metric, *r.Max)
		}
	}
	if len(parts) == 0 {
		return "every call"
	}
	return strings.Join(parts, ", ")
}
