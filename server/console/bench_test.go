package console_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/timbre-voice/timbre/server/console"
)

// BenchmarkPages measures whole requests over a store of 100,000 calls, or as many as TIMBRE_CALLS says. The store is made once,
// which takes some minutes. Counts that the console keeps for a while are made anew for the sub-benchmarks named cold.
func BenchmarkPages(b *testing.B) {
	calls := 100_000
	if text := os.Getenv("TIMBRE_CALLS"); text != "" {
		n, err := strconv.Atoi(text)
		must(b, err)
		calls = n
	}
	w := newWorld(b, func(o *console.Options) { o.Loopback = true })
	for i := range calls {
		w.save(b, drawnCall(i))
	}
	w.save(b, richCall(b, "rich"))
	person := w.browser(b)
	person.get("/calls").is(200)
	for _, c := range []struct{ name, path string }{
		{"worklist", "/calls"}, {"worklist_escalations", "/calls?pile=escalation"}, {"worklist_silences_sorted", "/calls?pile=silence"},
		{"worklist_outliers", "/calls?pile=outlier"}, {"worklist_identity", "/calls?pile=identity"}, {"worklist_filtered", "/calls?queue=queue-3&anger_min=80&agent=a-12"},
		{"worklist_by_anger", "/calls?sort=anger_peak"}, {"call", "/calls/rich"}, {"quality_30_days", "/quality?days=30"}, {"quality_year", "/quality?days=365"},
		{"customers_resolved_but_angry", "/customers"}, {"customer", "/customers/c-77"}, {"identity", "/identity"}, {"live", "/live"},
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
