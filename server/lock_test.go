package server

import (
	"strings"
	"testing"
)

// TestOneProcessForAFolder: a second server over the folder of one that runs is refused, and one after it is not.
func TestOneProcessForAFolder(t *testing.T) {
	dir := t.TempDir()
	first := run(t, config(dir))
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	second, err := New(t.Context(), config(dir), Deps{Engine: engine})
	if err == nil {
		second.Close()
		t.Fatal("two servers have one folder")
	}
	if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("%v, want the folder and who has it", err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	run(t, config(dir))
}
