package server

import (
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// TestEveryMetricIsDocumented holds docs/metrics.md to what a server tells.
func TestEveryMetricIsDocumented(t *testing.T) {
	n := run(t, config(t.TempDir()))
	text := string(testkit.Read(t, testkit.Testdata(t, "..", "docs", "metrics.md")))
	families, err := n.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	for _, f := range families {
		if name := f.GetName(); strings.HasPrefix(name, "timbre_") {
			ours[name] = true
		}
	}
	for _, c := range dialectCounts { // gathered, or not yet counted
		ours["timbre_ingest_"+c.name] = true
	}
	for _, name := range []string{"timbre_calls_ended_total", "timbre_http_request_seconds"} { // without a label value yet
		ours[name] = true
	}
	for _, name := range []string{"timbre_cluster_streams_forwarded", "timbre_cluster_streams_taken"} { // of a node among others
		ours[name] = true
	}
	for name := range ours {
		if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`"+name+"{") {
			t.Errorf("docs/metrics.md does not tell of %s", name)
		}
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		name := strings.TrimSuffix(word, "_bucket")
		if strings.HasPrefix(name, "timbre_") && !ours[name] {
			t.Errorf("docs/metrics.md tells of %s, which there is not", name)
		}
	}
}
