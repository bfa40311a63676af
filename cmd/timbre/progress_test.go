package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestProgressShowsWhatLasts(t *testing.T) {
	var screen bytes.Buffer
	con := newConsole(&screen, &screen)
	p := newProgress(con, "analysing", 3, 1000) // a buffer is no terminal: nothing runs by itself
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ticks := make(chan time.Time)
	p.wg.Go(func() { p.follow(start, ticks) })
	at := func(ms int) {
		ticks <- start.Add(time.Duration(ms) * time.Millisecond)
		ticks <- start // taken up only once the tick before is drawn; too early to draw anything itself
	}
	p.add(200)
	at(400)
	if screen.Len() != 0 {
		t.Errorf("after 0.4 s the screen has %q, want nothing", screen.String())
	}
	p.fileDone(nil)
	p.fileDone(errors.New("bad"))
	p.add(300)
	at(1200)
	if s := screen.String(); !strings.Contains(s, "analysing 2/3 (1 failed)") || !strings.Contains(s, "50%") {
		t.Errorf("after 1.2 s the screen has %q, want 2 of 3 files, one failed, 50%%", s)
	}
	screen.Reset()
	if _, err := con.outWriter().Write([]byte("a report\n")); err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(screen.String(), "a report\n")
	if !ok || !strings.HasSuffix(strings.TrimRight(before, " "), "\r") || !strings.Contains(after, "analysing 2/3") {
		t.Errorf("around a report the screen has %q, want the bar away before and there again after", screen.String())
	}
	p.add(5000) // a file that grew while it was read
	at(1400)
	screen.Reset()
	p.end()
	if s := screen.String(); strings.Contains(s, "analysing") || !strings.HasSuffix(strings.TrimRight(s, " "), "\r") {
		t.Errorf("at the end the screen has %q, want the bar away", s)
	}
	screen.Reset()
	if _, err := con.errWriter().Write([]byte("x")); err != nil || screen.String() != "x" {
		t.Errorf("after the end a message comes out as %q, error %v", screen.String(), err)
	}
}
