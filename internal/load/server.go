package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is the program under measurement.
type server struct {
	url string
	cmd *exec.Cmd
	dir string
	log chan struct{} // closed when its standard error has ended
}

// claimed is the person that every caller claims to be, and consent under which they are enrolled.
const (
	claimed = "bench-caller"
	consent = "bench"
)

// start enrols a person and starts a server on a core of its own, on SQLite in a new folder.
func start(ctx context.Context, o options, customer []float32) (*server, error) {
	dir, err := os.MkdirTemp("", "timbre-load-*")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, log: make(chan struct{})}
	if err := s.begin(ctx, o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *server) begin(ctx context.Context, o options) error {
	enrol := exec.CommandContext(ctx, o.program, "enroll", "--speaker", claimed, "--consent", consent, "--channel", "1",
		"--db", filepath.Join(s.dir, "timbre.db"), "--key-file", filepath.Join(s.dir, "keys.json"), o.recording)
	if out, err := enrol.CombinedOutput(); err != nil {
		return fmt.Errorf("enroll: %w: %s", err, bytes.TrimSpace(out))
	}
	s.cmd = exec.CommandContext(ctx, "taskset", "-c", o.core, o.program, "serve", "--addr", "127.0.0.1:0", "--data-dir", s.dir, "--log-level", "warn")
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = time.Minute
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		at, ok := strings.CutPrefix(lines.Text(), "Timbre listens at ")
		if !ok {
			fmt.Fprintln(os.Stderr, lines.Text())
			continue
		}
		s.url = at
		go func() {
			defer close(s.log)
			for lines.Scan() {
				fmt.Fprintln(os.Stderr, lines.Text())
			}
		}()
		return nil
	}
	return fmt.Errorf("serve: did not start: %w", s.cmd.Wait())
}

// end drains the server and removes what it stored.
func (s *server) end() error {
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.log
	return errors.Join(err, s.cmd.Wait(), os.RemoveAll(s.dir))
}

// perf has perf sample what the server does, into a file, until the function that it returns is called.
func (s *server) perf(ctx context.Context, file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	cmd := exec.CommandContext(ctx, "perf", "record", "-q", "-g", "-F", "499", "-o", file, "-p", strconv.Itoa(s.cmd.Process.Pid))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("perf: %w", err)
	}
	return func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return fmt.Errorf("perf: %w", err)
		}
		var by *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &by) { // it ends by the signal
			return fmt.Errorf("perf: %w", err)
		}
		return nil
	}, nil
}

// usage is what a process has used.
type usage struct {
	cpu time.Duration
	rss float64 // bytes
}

// ticksPerSecond is USER_HZ, which Linux fixes at 100 for every architecture that we run on.
const ticksPerSecond = 100

// usage reads what the server has used so far (proc_pid_stat(5)). taskset becomes the program that it starts, so that its process
// is the server's.
func (s *server) usage() (usage, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return usage{}, err
	}
	return parseStat(text, os.Getpagesize())
}

func parseStat(text []byte, page int) (usage, error) {
	// The name, in parentheses, may hold anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const utime, stime, rss = 11, 12, 21
	if len(fields) <= rss {
		return usage{}, fmt.Errorf("stat: %d fields after the name, want more than %d", len(fields), rss)
	}
	var v [3]int64
	for i, f := range []int{utime, stime, rss} {
		var err error
		if v[i], err = strconv.ParseInt(string(fields[f]), 10, 64); err != nil {
			return usage{}, fmt.Errorf("stat: %w", err)
		}
	}
	return usage{cpu: time.Duration(v[0]+v[1]) * time.Second / ticksPerSecond, rss: float64(v[2]) * float64(page)}, nil
}
