// Command load measures how many live calls one core carries. It starts `timbre serve` on one core, and from another core streams N
// two-channel calls to it at the pace of real time, listens to the events, and finds the largest N with which they still come in time;
// then it holds that many for a while and looks whether the memory stays flat.
//
//	taskset -c 1 go run ./internal/load -timbre bin/timbre -core 0 testdata/calls/sample-call.wav
//
// What a call has is what the server does by default: voice activity, features, conversation metrics, and, where the models are in
// the binary, emotion of the customer and verification of the identity that each call claims. Calls last one to three minutes,
// or as -shortest and -longest say, at places of the recording that differ, so that calls begin, end and are saved all the while.
//
// The latency of an event is its receipt minus the sending of the frame at the event's own time, time_ms. The frame's sending is when
// the generator began to write it, so that a server that pushes back does not look quick.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
)

// rate is that of the telephone, which every dialect takes.
const rate = 8000

// Bounds on what is asked for.
const (
	maxCalls    = 2000
	maxDuration = 24 * time.Hour
	maxCall     = time.Hour
)

// options says what to measure.
type options struct {
	program   string
	core      string        // of the server, as taskset names it
	dialect   string        // that the calls speak
	first     int           // calls of the first step
	step      int           // further calls of each next one
	most      int           // calls
	calls     int           // held; 0: the largest number that is found
	window    time.Duration // of one step
	hold      time.Duration
	limit     time.Duration // of the 99th percentile
	shortest  time.Duration // call, and the longest one
	longest   time.Duration
	profile   string // file for the events of perf, empty: none
	recording string
}

func main() {
	var o options
	flag.StringVar(&o.program, "timbre", "bin/timbre", "the `program` whose server is measured")
	flag.StringVar(&o.core, "core", "0", "`core` that the server has for its own; this program belongs on another")
	flag.StringVar(&o.dialect, "dialect", "generic", "`dialect` that the calls speak")
	flag.IntVar(&o.first, "first", 50, "`calls` of the first step")
	flag.IntVar(&o.step, "step", 25, "further `calls` of each next step")
	flag.IntVar(&o.most, "most", 1000, "`calls` at which the search ends")
	flag.IntVar(&o.calls, "calls", 0, "hold so many `calls`, without a search")
	flag.DurationVar(&o.window, "window", 20*time.Second, "`time` that a step is measured")
	flag.DurationVar(&o.hold, "duration", 10*time.Minute, "`time` that the calls are held; 0: not at all")
	flag.DurationVar(&o.limit, "limit", 500*time.Millisecond, "longest 99th percentile of the `latency`")
	flag.DurationVar(&o.shortest, "shortest", time.Minute, "`length` of the shortest call")
	flag.DurationVar(&o.longest, "longest", 3*time.Minute, "`length` of the longest call")
	flag.StringVar(&o.profile, "perf", "", "have perf write what the server does while calls are held into `FILE`")
	flag.Parse()
	o.recording = flag.Arg(0)
	if err := o.check(flag.NArg()); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// check reports what makes no sense.
func (o *options) check(files int) error {
	var errs []error
	if files != 1 {
		errs = append(errs, fmt.Errorf("recordings: %d, want 1", files))
	}
	for name, n := range map[string]int{"first": o.first, "step": o.step, "most": o.most, "calls": o.calls} {
		if n < 0 || n > maxCalls || n == 0 && name != "calls" {
			errs = append(errs, fmt.Errorf("-%s: %d, want 1 to %d", name, n, maxCalls))
		}
	}
	for name, d := range map[string]time.Duration{"window": o.window, "limit": o.limit, "duration": o.hold} {
		if d < 0 || d > maxDuration || d == 0 && name != "duration" {
			errs = append(errs, fmt.Errorf("-%s: %s, want more than 0 and at most %s", name, d, maxDuration))
		}
	}
	if o.shortest < time.Second || o.longest < o.shortest || o.longest > maxCall {
		errs = append(errs, fmt.Errorf("-shortest, -longest: %s, %s, want 1s to %s, the shortest first", o.shortest, o.longest, maxCall))
	}
	return errors.Join(errs...)
}

// measure searches, holds and reports.
func measure(ctx context.Context, w io.Writer, o options) error {
	agent, customer, err := read(o.recording)
	if err != nil {
		return fmt.Errorf("%s: %w", o.recording, err)
	}
	held := o.calls
	if held == 0 {
		if held, err = search(ctx, w, o, agent, customer); err != nil {
			return err
		}
		if held == 0 {
			return fmt.Errorf("%d calls are too many already, want a smaller -first", o.first)
		}
		fmt.Fprintf(w, "\nThe largest number of two-channel calls with p99 under %s: %d\n", o.limit, held)
	}
	if o.hold == 0 {
		return nil
	}
	return hold(ctx, w, o, held, agent, customer)
}

// read returns the sides of a recording: channel 0 is the agent's, 1 the customer's.
func read(path string) (agent, customer []float32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	x, format, _, err := audio.ReadAll(f, 3600*rate)
	if err != nil {
		return nil, nil, err
	}
	if format.Rate != rate || len(x) != 2 || len(x[0]) < rate {
		return nil, nil, fmt.Errorf("%d Hz, %d channels, want %d Hz, 2 channels and a second of audio", format.Rate, len(x), rate)
	}
	return x[0], x[1], nil
}

const header = "calls  events  p50_ms  p99_ms  max_ms  behind_ms  cpu_%  cpu_ms/call/s  rss_MiB  lost  failed"

// line is a row under header.
func line(w io.Writer, calls int, r result) {
	fmt.Fprintf(w, "%5d  %6d  %6.0f  %6.0f  %6.0f  %9.0f  %5.1f  %13.2f  %7.0f  %4d  %6d\n", calls, r.events, r.p50, r.p99, r.most, r.behind,
		100*r.cpu, 1000*r.cpu/float64(calls), r.rss/(1<<20), r.lost, r.failed)
}

// search adds calls until their events come too late twice, and returns the last number with which they did not.
func search(ctx context.Context, w io.Writer, o options, agent, customer []float32) (best int, err error) {
	s, err := start(ctx, o, customer)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	g, err := newGenerator(ctx, o, s.url, agent, customer)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.end()) }()
	fmt.Fprintln(w, header)
	again := false
	for n := o.first; n <= o.most; {
		g.grow(n)
		r, err := g.window(ctx, s, o.window)
		if err != nil {
			return best, err
		}
		line(w, n, r)
		switch {
		case r.inTime(o.limit):
			best, again = n, false
			n += o.step
		case again:
			return best, nil
		default:
			again = true // once more: a machine that others use has its moments
		}
	}
	return best, nil
}

// hold keeps a number of calls up on a server of its own.
func hold(ctx context.Context, w io.Writer, o options, calls int, agent, customer []float32) (err error) {
	s, err := start(ctx, o, customer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	g, err := newGenerator(ctx, o, s.url, agent, customer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.end()) }()
	idle, err := s.usage()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nHeld for %s:\n%s\n", o.hold, header)
	g.grow(calls)
	stop, err := s.perf(ctx, o.profile)
	if err != nil {
		return err
	}
	var rows []result
	late := 0
	for left := o.hold; left > 0; left -= o.window {
		r, err := g.window(ctx, s, min(left, o.window))
		if err != nil {
			return errors.Join(err, stop())
		}
		line(w, calls, r)
		rows = append(rows, r)
		if !r.inTime(o.limit) {
			late++
		}
	}
	if err := stop(); err != nil {
		return err
	}
	last := rows[len(rows)-1]
	fmt.Fprintf(w, "memory for each call: %.0f KiB; ", (last.rss-idle.rss)/1024/float64(calls))
	if from, to, ok := drift(rows); ok {
		fmt.Fprintf(w, "of the server, second quarter of the time to the last: %.0f to %.0f MiB (%+.1f %%)\n", from/(1<<20), to/(1<<20), 100*(to-from)/from)
	} else {
		fmt.Fprintf(w, "too short to say whether it is flat\n")
	}
	fmt.Fprintf(w, "calls ended and saved: %d; steps with p99 at %s or more: %d of %d\n", g.ended(), o.limit, late, len(rows))
	return nil
}

// drift returns the mean memory of the second and of the last quarter; in the first one the heap still grows to its size.
func drift(rows []result) (from, to float64, ok bool) {
	q := len(rows) / 4
	if q == 0 {
		return 0, 0, false
	}
	for i := range q {
		from += rows[q+i].rss / float64(q)
		to += rows[len(rows)-1-i].rss / float64(q)
	}
	return from, to, true
}
