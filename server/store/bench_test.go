package store

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// maxRecords is how many of them have their document: no page reads it, and all of them would be a gigabyte.
const maxRecords = 10_000

// multiply makes n interactions of the sample record inside the database, a minute apart from epoch on, with 20 queues, 200 agents
// and n/4 customers; what is not said here is as in the sample.
func multiply(tb testing.TB, w *world, n int) {
	tb.Helper()
	ctx := tb.Context()
	must(tb, w.EnsureTenant(ctx, "seed", ""))
	save(tb, w.Tenant("seed"), record(tb, "seed", startingAt(epoch)))
	const at = "$1 + i * 60000000"
	customers := max(n/4, 1)
	set := map[string]map[string]string{
		"interactions": {"id": "'c' || i", "at": at, "started_at": at, "queue": "'queue-' || (i % 20)", "agent_id": "'agent-' || (i % 200)",
			"customer_id": fmt.Sprintf("'customer-' || (i %% %d)", customers), "contact_id": "'contact-' || i",
			"decision": "CASE WHEN i % 50 = 0 THEN 'not_authenticated' ELSE 'authenticated' END",
			"severity": "CASE WHEN i % 100 = 0 THEN 3 ELSE 0 END", "anger": "(i * 7919 % 1000) / 1000.0", "anger_peak": "(i * 7907 % 1000) / 1000.0", "duration_ms": "i * 31 % 600000"},
		"records":      {"interaction_id": "'c' || i"},
		"participants": {"interaction_id": "'c' || i"},
		"segments":     {"interaction_id": "'c' || i"},
		"emotions":     {"interaction_id": "'c' || i", "at": at, "share": "(i * 104729 % 1000) / 1000.0"},
		"alerts":       {"interaction_id": "'c' || i", "at": at},
		"parties": {"interaction_id": "'c' || i", "at": at,
			"external_id": fmt.Sprintf("CASE role WHEN 'agent' THEN 'agent-' || ((i + CASE external_id WHEN 'agent-4' THEN 1 ELSE 0 END) %% 200) WHEN 'customer' THEN 'customer-' || (i %% %d) ELSE external_id END", customers)},
	}
	for _, name := range []string{"interactions", "records", "participants", "parties", "segments", "emotions", "alerts"} {
		rows := ok(w.read.QueryContext(ctx, "SELECT * FROM "+name+" LIMIT 0"))(tb)
		cols := ok(rows.Columns())(tb)
		must(tb, rows.Close())
		values := make([]string, len(cols))
		for i, c := range cols {
			values[i] = c
			if x, given := set[name][c]; given {
				values[i] = x
			}
			if c == "tenant" {
				values[i] = "'a'"
			}
		}
		args := []any{epoch.UnixMicro(), n}
		statement := "INSERT INTO " + name + " (" + strings.Join(cols, ", ") + ") WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) SELECT " +
			strings.Join(values, ", ") + " FROM " + name + ", n WHERE tenant = 'seed' AND CAST($1 AS BIGINT) > 0"
		if name == "records" {
			statement += fmt.Sprint(" AND i <= ", maxRecords)
		}
		if _, err := w.write.ExecContext(ctx, statement, args...); err != nil {
			tb.Fatalf("%s: %v\n%s", name, err, statement)
		}
	}
	_, err := w.write.ExecContext(ctx, "ANALYZE")
	must(tb, err)
}

// pages are the searches that a person waits for, with the index that has to serve each.
var pages = []struct {
	name  string
	q     Query
	index string // empty: all rows have to be read
}{
	{"latest", Query{}, "interactions_by_time"},
	{"a_day", Query{From: epoch.Add(24 * time.Hour), To: epoch.Add(48 * time.Hour)}, "interactions_by_time"},
	{"queue", Query{Queue: "queue-7"}, "interactions_by_queue"},
	{"decision", Query{Decisions: []interaction.Decision{interaction.NotAuthenticated}}, "interactions_by_decision"},
	{"contact", Query{ContactID: "contact-77"}, "interactions_by_contact"},
	{"agent", Query{AgentID: "agent-17"}, "parties"},
	{"customer", Query{CustomerID: "customer-17"}, "parties"},
	{"customer_and_agent", Query{CustomerID: "customer-17", AgentID: "agent-17"}, "parties"},
	{"emotion_share", Query{Emotion: "angry", EmotionShare: Range{Min: ptr(0.9)}}, "emotions_by_label"},
	{"metric_range", Query{Metrics: map[string]Range{"anger": {Min: ptr(0.95)}}}, "interactions_by_time"},
	{"metric_found_nowhere", Query{Metrics: map[string]Range{"anger": {Min: ptr(5.0)}}}, ""},
	{"sorted_by_anger_peak", Query{Sort: "anger_peak"}, "interactions_by_anger_peak"},
	{"sorted_by_another_metric", Query{Sort: "pace_agent"}, ""},
}

// explained returns how the engine means to run a page.
func explained(tb testing.TB, w *world, q Query) string {
	tb.Helper()
	p := ok(q.plan())(tb)
	statement, args, err := p.statement("a", "", 51)
	must(tb, err)
	explain := "EXPLAIN "
	if w.skip == "" {
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := w.read.QueryContext(tb.Context(), explain+statement, args...)
	must(tb, err)
	defer rows.Close()
	cols := ok(rows.Columns())(tb)
	var out strings.Builder
	for rows.Next() {
		values := make([]any, len(cols))
		for i := range values {
			values[i] = new(any)
		}
		must(tb, rows.Scan(values...))
		fmt.Fprintln(&out, *values[len(values)-1].(*any))
	}
	must(tb, rows.Err())
	return out.String()
}

func TestPagesAreReadFromTheirIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		multiply(t, w, 5_000)
		for _, c := range pages {
			if c.index == "" {
				continue
			}
			plan := explained(t, w, c.q)
			if !strings.Contains(plan, c.index) || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN interactions\n") {
				t.Errorf("%s does not use %s:\n%s", c.name, c.index, plan)
			}
			if few := c.q.CustomerID != "" || c.q.ContactID != ""; !few && (strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "Sort")) {
				t.Errorf("%s sorts all that it finds instead of reading in order:\n%s", c.name, plan)
			}
		}
	})
}

// BenchmarkPage reads one page of 50 out of 100,000 interactions.
func BenchmarkPage(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := open(b, e.dsn(b))
			multiply(b, w, 100_000)
			for _, c := range pages {
				b.Run(c.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := w.a.Interactions(b.Context(), c.q, Page{}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("record", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := w.a.Interaction(b.Context(), "c777"); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("count_to_1000", func(b *testing.B) {
				for b.Loop() {
					if _, err := w.a.Count(b.Context(), Query{}, 1000); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

var engines = []struct {
	name string
	dsn  func(testing.TB) string
}{
	{"sqlite", func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "timbre.db") }},
	{"postgres", testkit.Postgres},
}

// BenchmarkSave keeps a whole record: what the end of a call costs.
func BenchmarkSave(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := open(b, e.dsn(b))
			r := record(b, "x")
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Contact.ID = fmt.Sprint("c", i)
				if _, err := w.a.SaveInteraction(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheckpoint keeps a running call's record: what each call costs every few seconds.
func BenchmarkCheckpoint(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := open(b, e.dsn(b))
			r := record(b, "x")
			b.ReportAllocs()
			for b.Loop() {
				if err := w.a.SaveCheckpoint(b.Context(), "n", r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExport writes 10,000 interactions.
func BenchmarkExport(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			w := open(b, e.dsn(b))
			multiply(b, w, 10_000)
			for name, export := range map[string]func(context.Context, io.Writer, Query) (int, error){"csv": w.a.ExportCSV, "jsonl": w.a.ExportJSONL} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						if n, err := export(b.Context(), io.Discard, Query{}); err != nil || n != 10_000 {
							b.Fatal(n, err)
						}
					}
					b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "interactions/s")
				})
			}
		})
	}
}

// BenchmarkScrub rebuilds a file of 10,000 interactions: what the deletion of a person costs beside its rows.
func BenchmarkScrub(b *testing.B) {
	w := open(b, filepath.Join(b.TempDir(), "timbre.db"))
	multiply(b, w, 10_000)
	for b.Loop() {
		must(b, w.Scrub(b.Context()))
	}
}
