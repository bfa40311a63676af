package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// recorder is a test that notes its failures.
type recorder struct {
	testing.TB
	errors, fatals []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatal(args ...any) {
	r.fatals = append(r.fatals, fmt.Sprint(args...))
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// run calls f as a test of its own.
func run(t *testing.T, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatal ends the goroutine that calls it
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func TestText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text")
	if r := run(t, func(tb testing.TB) { Text(tb, path, []byte("a\nb\n")) }); len(r.fatals) != 1 {
		t.Errorf("a missing file: %q, want one failure", r.fatals)
	}
	if err := os.WriteFile(path, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, func(tb testing.TB) { Text(tb, path, []byte("a\nb\n")) }); len(r.errors)+len(r.fatals) != 0 {
		t.Errorf("the same text: %q", r.errors)
	}
	r := run(t, func(tb testing.TB) { Text(tb, path, []byte("a\nc\n")) })
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], `"c\n"`) {
		t.Errorf("another text: %q, want one failure that shows the line", r.errors)
	}
}

func TestRootAndTestdata(t *testing.T) {
	if dir := Root(t); filepath.Join(dir, "internal", "testkit") != mustGetwd(t) {
		t.Errorf("root %s", dir)
	}
	r := run(t, func(tb testing.TB) { Testdata(tb, "no_such_file") })
	if len(r.fatals) != 1 || !strings.Contains(r.fatals[0], "no_such_file") {
		t.Errorf("a missing file: %q, want one failure that names it", r.fatals)
	}
}

func mustGetwd(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
