// Command timbre analyses recorded contact-center calls, prints what it heard, and tells by voice who speaks.
//
//	timbre analyze call.wav               a report for a reviewer, with a timeline of both sides
//	timbre analyze --json calls/          one interaction record per line
//	timbre analyze -o out calls/          a JSON record and an SVG timeline per call
//	timbre features call.wav --channel 0  the frames the analysis measures, for comparison with other tools
//	timbre enroll --speaker ID call.wav   a voiceprint of a person who consented
//	timbre verify --speaker ID call.wav   whether a call is of that person, with the evidence
//	timbre identify call.wav              who of the enrolled speaks, or none of them
//	timbre speakers list                  the prints kept; delete destroys one with a receipt
//	timbre eval verification --trials F   error rates of the speaker model with intervals
//	timbre serve                          the server: live calls in, events and records out
//	timbre stream call.wav --url ws://... a recording as a live call
//	timbre models list                    the models in this binary, with licence class and checksum
//
// Output goes to standard output, logs and progress to standard error. The exit status is 0 when all of it was done, 1 when
// something failed (the message says what, the value found and the value expected) and 2 when the command line was wrong.
//
// This is the only package that reads flags, the environment and signals.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// Ours is slog. What third-party code says to the standard logger, the FLAC decoder on every frame of some rates, is noise.
	log.SetOutput(io.Discard)
	// A reader that closes our output early must come back as a write error, so that files half written are removed.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
