package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// console is the two output streams of a run. It takes the progress bar off the screen while something else is printed, and
// remembers the first failed write to standard output. Its methods are safe for concurrent use.
type console struct {
	mu             sync.Mutex
	stdout, stderr io.Writer
	bar            interface {
		Clear() error
		RenderBlank() error
	} // nil while no bar is shown
	failed error
}

func newConsole(stdout, stderr io.Writer) *console {
	return &console{stdout: stdout, stderr: stderr}
}

// outErr returns the first error of a write to standard output.
func (c *console) outErr() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *console) outWriter() io.Writer { return consoleWriter{c, false} }
func (c *console) errWriter() io.Writer { return consoleWriter{c, true} }

type consoleWriter struct {
	c      *console
	stderr bool
}

func (w consoleWriter) Write(p []byte) (int, error) {
	c := w.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		c.bar.Clear()
		defer c.bar.RenderBlank()
	}
	if w.stderr {
		return c.stderr.Write(p)
	}
	if c.failed != nil {
		return 0, c.failed
	}
	n, err := c.stdout.Write(p)
	if err != nil {
		c.failed = fmt.Errorf("standard output: %w", reason(err))
		err = c.failed
	}
	return n, err
}

// terminalWidth returns the width of the terminal behind w, or ok false where w is not a terminal.
func terminalWidth(w io.Writer) (columns int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return 80, true
	}
	return columns, true
}

// wantsColour follows no-color.org: colour is for terminals, and never where NO_COLOR is set to anything.
func wantsColour(w io.Writer) bool {
	_, tty := terminalWidth(w)
	return tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
