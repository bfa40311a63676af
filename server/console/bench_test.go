package console_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver, for copies that the store itself need not know to make
)

// copied are the tables of a call, with the column that names it. Read only.
var copied = []struct{ table, id string }{
	{"interactions", "id"}, {"records", "interaction_id"}, {"participants", "interaction_id"}, {"parties", "interaction_id"}, {"segments", "interaction_id"},
	{"emotions", "interaction_id"}, {"alerts", "interaction_id"},
}

// multiply copies every call of the store, each copy a little older and of another id, until there are about times as many.
func (w *world) multiply(b *testing.B, times int) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+w.dsn+"?_pragma=busy_timeout(10000)&_pragma=synchronous(off)")
	must(b, err)
	defer db.Close()
	for _, t := range copied {
		rows, err := db.QueryContext(b.Context(), "SELECT name FROM pragma_table_info('"+t.table+"')")
		must(b, err)
		var names, values []string
		for rows.Next() {
			var name string
			must(b, rows.Scan(&name))
			value := name
			switch name {
			case t.id:
				value = name + " || '-' || k.value"
			case "contact_id":
				value = name + " || '-' || k.value"
			case "at", "started_at":
				value = name + " - k.value * 37000000" // 37 s
			}
			names, values = append(names, name), append(values, value)
		}
		must(b, rows.Err())
		_, err = db.ExecContext(b.Context(), fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM (SELECT * FROM %s), (WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c WHERE value < %d) SELECT value FROM c) k",
			t.table, strings.Join(names, ", "), strings.Join(values, ", "), t.table, times-1))
		must(b, err)
	}
}

// BenchmarkPages measures whole requests over a store of 100,000 calls: 1,000 that are saved, and copies of them. Counts that the
// console keeps for a while are made anew in the sub-benchmark named cold.
func BenchmarkPages(b *testing.B) {
	w := newWorld(b)
	for i := range 1000 {
		w.save(b, drawnCall(i*100))
	}
	w.multiply(b, 100)
	w.save(b, richCall(b, "rich"))
	person := w.browser(b)
	person.get("/calls").is(200).has("1000+")
	for _, c := range []struct{ name, path string }{
		{"worklist", "/calls"}, {"worklist_escalations", "/calls?pile=escalation"}, {"worklist_silences_sorted", "/calls?pile=silence"},
		{"worklist_outliers", "/calls?pile=outlier"}, {"worklist_identity", "/calls?pile=identity"}, {"worklist_filtered", "/calls?queue=queue-3&anger_min=80&agent=a-0"},
		{"worklist_by_anger", "/calls?sort=anger_peak"}, {"call", "/calls/rich"}, {"quality_30_days", "/quality?days=30"}, {"quality_year", "/quality?days=365"},
		{"customers_resolved_but_angry", "/customers"}, {"customer", "/customers/c-100"}, {"identity", "/identity"}, {"live", "/live"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				person.get(c.path).is(200)
			}
		})
	}
	b.Run("worklist_cold", func(b *testing.B) {
		for b.Loop() {
			w.clock.advance(10 * 60 * 1e9)
			person.get("/calls").is(200)
		}
	})
}
