package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestZTable prints the table after the cases, which Go runs in the order of the files.
func TestZTable(t *testing.T) {
	table.Lock()
	defer table.Unlock()
	if len(table.rows) == 0 {
		t.Skip("no case ran")
	}
	var b strings.Builder
	b.WriteString("| fault | tried | survived | lost | |\n|---|---|---|---|---|\n")
	for _, r := range table.rows {
		fmt.Fprintf(&b, "| %s | %d %s | %d | %d | %s |\n", r.what, r.tried, r.unit, r.survived, r.lost, r.note)
	}
	if path := os.Getenv("FAULTS_TABLE"); path != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("\n%s", b.String())
}
