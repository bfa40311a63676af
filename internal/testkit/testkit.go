// Package testkit holds the few helpers that the tests of several packages share.
//
// Root and Testdata find files from any package's folder, Text compares a text that the project itself defines (a schema, a
// report) with its committed file, Postgres starts a private PostgreSQL server, NATS a nats-server process, and Main ends a
// package's tests with a check for leaked goroutines. Numbers are never compared with a file that Text wrote: golden values come
// from outside tools, with their provenance in testdata/golden.
package testkit

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the committed texts anew instead of comparing with them")

// Main runs the tests of a package, ends what Postgres started and fails when a goroutine outlives them. Call it from TestMain.
func Main(m *testing.M) {
	// nats.go 1.55 leaves this one behind when a connection closes before its first asynchronous publish: it waits on a nil channel.
	nats := goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect")
	goleak.VerifyTestMain(m, nats, goleak.Cleanup(func(code int) {
		stopPostgres()
		os.Exit(code)
	}))
}

// Root returns the folder of the repository: the nearest one above the test that holds go.mod.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("testkit: go.mod: not found in any folder above the test")
		}
		dir = up
	}
}

// Testdata returns the path of a file under the repository's testdata and fails the test when it is missing.
func Testdata(tb testing.TB, elem ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{Root(tb), "testdata"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("testkit: testdata: %v", err)
	}
	return path
}

// Read returns the content of a file and fails the test when it is missing.
func Read(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Text compares got with the committed file at path, relative to the package, line by line. A missing file is a failure; go test
// -update writes it.
func Text(tb testing.TB, path string, got []byte) {
	tb.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want := Read(tb, path)
	if !bytes.Equal(got, want) {
		tb.Errorf("%s differs (run go test -update in the package if the change is meant); -committed +made:\n%s", path,
			cmp.Diff(lines(want), lines(got)))
	}
}

func lines(b []byte) []string {
	var out []string
	for line := range bytes.Lines(b) {
		out = append(out, string(line))
	}
	return out
}
