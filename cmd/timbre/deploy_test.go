package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server"
)

func deployFile(t *testing.T, name string) string {
	t.Helper()
	return string(testkit.Read(t, filepath.Join(testkit.Root(t), "deploy", name)))
}

// takes fails where the command line has no such command or flag.
func takes(t *testing.T, line string, words []string) *cobra.Command {
	t.Helper()
	root := (&app{con: &console{}}).rootCommand()
	cmd, rest, err := root.Find(words)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err != nil || cmd == root {
		t.Errorf("%s: %v", line, err)
	}
	return cmd
}

// variables fails where an environment variable of ours stands for no flag of timbre serve.
func variables(t *testing.T, text string) {
	t.Helper()
	known := map[string]bool{}
	takes(t, "serve", []string{"serve"}).Flags().VisitAll(func(f *pflag.Flag) {
		known[environmentPrefix+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))] = true
	})
	for _, v := range regexp.MustCompile(environmentPrefix+`[A-Z_]+`).FindAllString(text, -1) {
		if !known[v] {
			t.Errorf("%s stands for no flag of timbre serve", v)
		}
	}
}

// commands fails where a text names a command line that is none. Each begins with the program's name and ends with the line.
func commands(t *testing.T, text string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)(?:^|[ /\x60(])timbre((?: [a-z][a-z-]*)+(?: --?[a-z-]+(?:[ =][^\s\x60)]+)?)*)`).FindAllStringSubmatch(text, -1)
	n := 0
	for _, m := range found {
		words := strings.Fields(m[1])
		if c, _, err := (&app{con: &console{}}).rootCommand().Find(words[:1]); err != nil || c.Name() != words[0] {
			continue // words of a sentence
		}
		n++
		takes(t, m[0], words)
	}
	if n == 0 {
		t.Error("no command line found, want at least one")
	}
}

// TestUnitIsInStepWithTheProgram holds that every command, flag, variable and time of the unit is one of the program.
func TestUnitIsInStepWithTheProgram(t *testing.T) {
	unit := deployFile(t, "timbre.service")
	setting := func(key string) string {
		m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(unit)
		if m == nil {
			t.Fatalf("%s is not in the unit", key)
		}
		return m[1]
	}
	words := strings.Fields(setting("ExecStart"))
	cmd := takes(t, "ExecStart", words[1:])
	if path, err := cmd.Flags().GetString("config"); err != nil || path == "" || !strings.Contains(unit, "configuration as "+path) {
		t.Errorf("ExecStart reads %q (%v), want the file of the comment", path, err)
	}
	variables(t, unit)
	commands(t, unit)
	if s, err := strconv.Atoi(setting("TimeoutStopSec")); err != nil || time.Duration(s)*time.Second <= server.DefaultConfig().ShutdownTimeout {
		t.Errorf("TimeoutStopSec=%s, want more than shutdown_timeout, %s", setting("TimeoutStopSec"), server.DefaultConfig().ShutdownTimeout)
	}
	if "/var/lib/"+setting("StateDirectory") != strings.TrimPrefix(setting("Environment"), "TIMBRE_DATA_DIR=") {
		t.Errorf("StateDirectory=%s and Environment=%s are two folders", setting("StateDirectory"), setting("Environment"))
	}
}

// TestSystemdTakesTheUnit asks systemd itself, with this program in the place of the installed one.
func TestSystemdTakesTheUnit(t *testing.T) {
	unit := strings.ReplaceAll(deployFile(t, "timbre.service"), "/usr/local/bin/timbre", os.Args[0])
	path := filepath.Join(t.TempDir(), "timbre.service")
	if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "timbre.service") {
		t.Errorf("systemd-analyze verify (scripts/setup test installs it): %v\n%s", err, out)
	}
}

// TestContainerIsInStepWithTheProgram does the same for the image.
func TestContainerIsInStepWithTheProgram(t *testing.T) {
	text := deployFile(t, "Containerfile")
	variables(t, text)
	commands(t, text)
	line := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindStringSubmatch(text)
	var words []string
	if line == nil || json.Unmarshal([]byte(line[1]), &words) != nil {
		t.Fatalf("CMD: %q, want a JSON list", line)
	}
	addr, err := takes(t, "CMD", words).Flags().GetString("addr")
	if err != nil || !strings.Contains(text, "EXPOSE "+strings.TrimPrefix(addr, ":")+"\n") {
		t.Errorf("the server listens at %q (%v), and the image exposes another port", addr, err)
	}
	if mod := string(testkit.Read(t, filepath.Join(testkit.Root(t), "go.mod"))); !strings.Contains(text, "golang:"+regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(mod)[1]) {
		t.Error("the image is built with another Go than go.mod names")
	}
}

// TestClusterGuideIsInStepWithTheProgram holds the commands, keys and variables of docs/cluster.md.
func TestClusterGuideIsInStepWithTheProgram(t *testing.T) {
	text := string(testkit.Read(t, filepath.Join(testkit.Root(t), "docs", "cluster.md")))
	variables(t, text)
	commands(t, text)
	var example strings.Builder
	if code := run(context.Background(), []string{"serve", "--print-config"}, &example, io.Discard); code != exitDone {
		t.Fatalf("serve --print-config: exit status %d", code)
	}
	for _, key := range []string{"db", "url", "replicas", "key_file", "endpoint_key_file", "data_dir", "checkpoint"} {
		if !strings.Contains(text, key) || !regexp.MustCompile(`(?m)^ *`+key+`:`).MatchString(example.String()) {
			t.Errorf("key %s: not in the guide or not in the configuration", key)
		}
	}
}
