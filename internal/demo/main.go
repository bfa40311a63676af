// Command demo shows the server at work, with the program itself and nothing else: it starts `timbre serve` on a SQLite file of its own,
// listens to the events, streams a recorded call over a websocket in a call platform's framing, and prints the stored record as the
// REST interface gives it.
//
//	go run ./internal/demo -timbre bin/timbre -o out/demo testdata/calls/sample-call.wav
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/interaction"
)

func main() {
	program := flag.String("timbre", "bin/timbre", "the `program` to show")
	out := flag.String("o", "out/demo", "`folder` for the record")
	speed := flag.String("speed", "10", "`times` real time")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "demo: want one recording")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := show(ctx, os.Stdout, *program, flag.Arg(0), *out, *speed); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// rules are what the demo has the server raise alerts for.
const rules = `rules:
  - name: dead_air
    silence: {over: 4s}
  - name: talking_over
    overtalk: {over: 1s, within: 60s}
`

func show(ctx context.Context, w io.Writer, program, recording, out, speed string) (err error) {
	dir, err := os.MkdirTemp("", "timbre-demo-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "timbre.yaml")
	if err := os.WriteFile(config, []byte(rules), 0o600); err != nil {
		return err
	}
	url, wait, err := serve(ctx, program, "--addr", "127.0.0.1:0", "--config", config, "--data-dir", dir, "--log-level", "warn")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wait()) }()
	fmt.Fprintf(w, "The server runs at %s, on SQLite in one file.\n\n", url)

	ws := "ws" + strings.TrimPrefix(url, "http")
	events, _, err := websocket.DefaultDialer.DialContext(ctx, ws+"/v1/events", nil)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	defer events.Close()
	fmt.Fprintf(w, "$ timbre stream %s --url %s/v1/ingest/twilio --speed %s\n", recording, ws, speed)
	player := exec.CommandContext(ctx, program, "stream", recording, "--url", ws+"/v1/ingest/twilio", "--speed", speed,
		"--param", "agent_id=a-17", "--param", "customer_id=c-4711", "--param", "queue=billing")
	player.Stderr = os.Stderr
	if err := player.Start(); err != nil {
		return err
	}
	id, err := follow(w, events)
	if err = errors.Join(err, player.Wait()); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	fmt.Fprintf(w, "\n$ curl %s/v1/interactions/%s\n", url, id)
	return fetch(ctx, w, url+"/v1/interactions/"+id, filepath.Join(out, "live-call.json"))
}

// serve starts the server and returns its address, and a function that drains it and waits.
func serve(ctx context.Context, program string, args ...string) (url string, wait func() error, err error) {
	cmd := exec.CommandContext(ctx, program, append([]string{"serve"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "Timbre listens at "); ok {
			logged := make(chan struct{})
			go func() {
				defer close(logged)
				for lines.Scan() {
					fmt.Fprintln(os.Stderr, lines.Text())
				}
			}()
			return at, func() error {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					return err
				}
				<-logged
				return cmd.Wait()
			}, nil
		}
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	return "", nil, fmt.Errorf("serve: did not start: %w", cmd.Wait())
}

// follow prints the events of one call, one a line, and returns its id.
func follow(w io.Writer, events *websocket.Conn) (id string, err error) {
	for {
		if err := events.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return "", err
		}
		var e interaction.Event
		if err := events.ReadJSON(&e); err != nil {
			return "", fmt.Errorf("events: %w", err)
		}
		if line := describe(&e); line != "" {
			fmt.Fprintf(w, "%4d  %s  %-16s %s\n", e.Seq, clock(e.TimeMs), e.Type, line)
		}
		if e.Type == interaction.EventSessionEnded {
			return e.CallID, nil
		}
	}
}

func clock(ms int64) string { return fmt.Sprintf("%02d:%04.1f", ms/60000, float64(ms%60000)/1000) }

// describe says an event in a few words; nothing of one that only tells the progress.
func describe(e *interaction.Event) string {
	switch e.Type {
	case interaction.EventSessionStarted:
		return "call " + e.CallID
	case interaction.EventSpeechStarted:
		if e.StartMs == nil {
			return string(e.Role)
		}
		return fmt.Sprintf("%-9s at %s", e.Role, clock(*e.StartMs))
	case interaction.EventSegment:
		s := fmt.Sprintf("%-9s %s to %s", e.Role, clock(e.Segment.StartMs), clock(e.Segment.EndMs))
		if p := e.Segment.Prosody; p != nil {
			for _, x := range []struct {
				v    *float64
				unit string
			}{{p.F0Hz, "%4.0f Hz"}, {p.LoudnessDBFS, "%6.1f dBFS"}, {p.SyllablesPerS, "%4.1f syllables/s"}} {
				if x.v != nil {
					s += "  " + fmt.Sprintf(x.unit, *x.v)
				}
			}
		}
		if m := e.Segment.Emotion; m != nil {
			s += fmt.Sprintf("  %s %.2f", m.Label, m.Probabilities[m.Label])
		}
		if e.IsFinal != nil && !*e.IsFinal {
			s += ", so far"
		}
		return s
	case interaction.EventAffect:
		s := string(e.Role)
		for _, a := range e.Affect {
			s = fmt.Sprintf("%-9s so far: anger %.2f, arousal %.2f, %s", e.Role, a.Overall.Anger, a.Overall.Arousal, a.Trend)
		}
		return s
	case interaction.EventSoundStarted:
		return fmt.Sprintf("%s on channel %d, from %s", e.Sound.Kind, e.Sound.Channel, clock(e.Sound.StartMs))
	case interaction.EventSound:
		return fmt.Sprintf("%s on channel %d, %s to %s", e.Sound.Kind, e.Sound.Channel, clock(e.Sound.StartMs), clock(e.Sound.EndMs))
	case interaction.EventAlert:
		return fmt.Sprintf("%s (%s): %s", e.Alert.Rule, e.Alert.Severity, e.Alert.Evidence)
	case interaction.EventCallUpdated:
		return fmt.Sprintf("agent %s, queue %s", e.AgentID, e.Queue)
	case interaction.EventVoice:
		return string(e.Voice.Decision)
	case interaction.EventSummary:
		return fmt.Sprintf("%d segments, %d alerts", len(e.Record.Segments), len(e.Record.Alerts))
	case interaction.EventSessionEnded:
		return fmt.Sprintf("%s (%s)", e.State, e.Reason)
	case interaction.EventProgress:
		return ""
	}
	return "-"
}

// fetch gets the record, keeps all of it in a file, and prints it with its long lists cut.
func fetch(ctx context.Context, w io.Writer, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	if _, err := interaction.Parse(body); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, body, 0o644); err != nil {
		return err
	}
	var all any
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	short, err := json.MarshalIndent(cut(all), "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n\nThe whole record is in %s.\n", short, file)
	return err
}

// cut leaves the first of every list and says how many follow.
func cut(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = cut(x)
		}
	case []any:
		if len(v) > 2 {
			return []any{cut(v[0]), fmt.Sprintf("and %d more", len(v)-1)}
		}
		for i, x := range v {
			v[i] = cut(x)
		}
	}
	return v
}
