package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// readmeCommands returns the command lines of README's shell blocks.
func readmeCommands(t *testing.T) []string {
	t.Helper()
	readme := string(testkit.Read(t, filepath.Join(testkit.Root(t), "README.md")))
	var out []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		for line := range strings.Lines(block[1]) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				out = append(out, line)
			}
		}
	}
	if len(out) < 5 {
		t.Fatalf("README shows %d commands in shell blocks, want at least 5", len(out))
	}
	return out
}

// TestReadmeCommands carries out every command that README shows. What is itself a test run, or takes minutes, .ci/run carries out
// by name, and that is what is checked of it here.
func TestReadmeCommands(t *testing.T) {
	root := testkit.Root(t)
	ci := string(testkit.Read(t, filepath.Join(root, ".ci", "run")))
	t.Chdir(root)
	for _, line := range readmeCommands(t) {
		t.Run(line, func(t *testing.T) {
			words := strings.Fields(line)
			switch {
			case words[0] == "bin/timbre":
				wantExit(t, exitDone, words[1:])
			case line == "make demo":
				if out, err := exec.CommandContext(t.Context(), "make", "demo").CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				for _, file := range []string{"out/demo/sample-call.json", "out/demo/sample-call.svg"} {
					testkit.Read(t, filepath.Join(root, file))
				}
			case words[0] == "make":
				if !regexp.MustCompile(`(?m)^make ` + regexp.QuoteMeta(words[1]) + `( |$)`).MatchString(ci) {
					t.Errorf(".ci/run does not run make %s", words[1])
				}
			default:
				t.Errorf("no way to run it is known here: want make or bin/timbre in front")
			}
		})
	}
}

// TestReadmeNamesWhatExists holds README's inline commands against the Makefile and the command line.
func TestReadmeNamesWhatExists(t *testing.T) {
	root := testkit.Root(t)
	readme := string(testkit.Read(t, filepath.Join(root, "README.md")))
	makefile := string(testkit.Read(t, filepath.Join(root, "Makefile")))
	for _, m := range regexp.MustCompile("`make ([a-z-]+)").FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("README names make %s, which the Makefile has not", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`go test [^`]*-run '?([A-Za-z|]+)'? \\./([a-z/]+)`").FindAllStringSubmatch(readme, -1) {
		files, err := filepath.Glob(filepath.Join(root, m[2], "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("README tests %s: %d files, %v", m[2], len(files), err)
		}
		var text []byte
		for _, f := range files {
			text = append(text, testkit.Read(t, f)...)
		}
		for _, name := range strings.Split(m[1], "|") {
			if !regexp.MustCompile(`(?m)^func Test\w*` + name).Match(text) {
				t.Errorf("README runs tests named %s in %s, which has none", name, m[2])
			}
		}
	}
	for _, m := range regexp.MustCompile("`timbre ([a-z]+)").FindAllStringSubmatch(readme, -1) {
		wantExit(t, exitDone, []string{m[1], "-h"})
	}
}

// TestReadmeReport holds that the report which README shows is the one that the program prints.
func TestReadmeReport(t *testing.T) {
	root := testkit.Root(t)
	readme := string(testkit.Read(t, filepath.Join(root, "README.md")))
	_, shown, ok := strings.Cut(readme, "```\nTimbre call report")
	shown, _, ok2 := strings.Cut(shown, "\n```")
	if !ok || !ok2 {
		t.Fatal("README shows no report")
	}
	t.Chdir(root)
	if out := wantExit(t, exitDone, []string{"analyze", "testdata/calls/sample-call.wav"}); !strings.HasPrefix(out, "Timbre call report"+shown) {
		t.Errorf("README's report is not what timbre analyze prints now:\n%s", out)
	}
}
