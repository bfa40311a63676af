package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/server/ingest"
)

// streamRate is the rate at which a recording is played: that of the telephone, which every dialect takes.
const streamRate = 8000

// maxStreamSamples bounds what is played, since the recording is held in memory: an hour at 48 kHz.
const maxStreamSamples = 3600 * 48000

// streamFlags are the flags of timbre stream.
type streamFlags struct {
	url, dialect    string
	speed           float64
	agent, customer int // channels; -1: not told
	callID          string
	token           string
	secret          string
	apiKey          string
	parameters      map[string]string
}

func (a *app) streamCommand() *cobra.Command {
	f := streamFlags{}
	cmd := &cobra.Command{
		Use:   "stream FILE --url URL",
		Short: "Play a recording as a live call against a server",
		Long: `Play a recording as a live call against any server that speaks the dialect, in the framing and at the pace of a real
call, and print what the server says, one message a line.

A two-channel recording is taken as channel 0 = agent, 1 = customer unless told otherwise; a mono one is the customer's
alone. The audio is brought to 8000 Hz. Dialects that carry one channel on a connection (asterisk, audiosocket, vonage)
get two connections.

Secrets are better given in the environment than in flags, which other users of the machine can see: TIMBRE_TOKEN,
TIMBRE_SECRET and TIMBRE_API_KEY.`,
		Example: `  timbre stream call.wav --url ws://127.0.0.1:8080/v1/stream
  timbre stream call.wav --url ws://127.0.0.1:8080/v1/ingest/twilio --param agent_id=a-17
  timbre stream call.wav --url wss://calls.example.com/v1/ingest/audiohook/graz --speed 4
  timbre stream call.wav --url tcp://127.0.0.1:9092 --dialect audiosocket`,
		Args: wantArgs(1, 1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.stream(cmd, f, args[0])
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.url, "url", "", "`URL` of the server, ws:// or wss:// (tcp:// for audiosocket); required")
	fs.StringVar(&f.dialect, "dialect", "", "`dialect` to speak: "+strings.Join(ingest.PlayDialects(), ", ")+" (default: that of the URL's path)")
	fs.Float64Var(&f.speed, "speed", 1, "`times` real time; 0: as fast as the server takes it")
	fs.IntVar(&f.agent, "agent-channel", -1, "number of the agent's `channel`, from 0")
	fs.IntVar(&f.customer, "customer-channel", -1, "number of the customer's `channel`, from 0")
	fs.StringVar(&f.callID, "call-id", "", "the platform's `ID` of the call (default: a random one)")
	fs.StringVar(&f.token, "token", "", "`token` or API key of the server (default: TIMBRE_TOKEN)")
	fs.StringVar(&f.secret, "secret", "", "`secret` that signs the request, for twilio and audiohook (default: TIMBRE_SECRET)")
	fs.StringVar(&f.apiKey, "api-key", "", "`key` of audiohook (default: TIMBRE_API_KEY)")
	fs.StringToStringVar(&f.parameters, "param", nil, "parameter of the call, as `name=value`; may be given several times")
	hideDefault(fs, "agent-channel", "customer-channel")
	return cmd
}

// check completes the flags and reports what makes no sense.
func (f *streamFlags) check(cmd *cobra.Command) error {
	u, err := url.Parse(f.url)
	switch {
	case f.url == "":
		return usagef(cmd, "stream: --url: missing, want the URL of the server")
	case err != nil || u.Host == "" || !slices.Contains([]string{"ws", "wss", "tcp"}, u.Scheme):
		return usagef(cmd, "stream: --url: %q, want ws://, wss:// or tcp:// and a host", f.url)
	case f.speed < 0 || f.speed > 1000:
		return usagef(cmd, "stream: --speed: %g, want 0 to 1000", f.speed)
	case f.agent >= 0 && f.agent == f.customer:
		return usagef(cmd, "stream: --agent-channel and --customer-channel: both %d, want two channels", f.agent)
	}
	for name, n := range map[string]int{"agent-channel": f.agent, "customer-channel": f.customer} {
		if cmd.Flags().Changed(name) && n < 0 {
			return usagef(cmd, "stream: --%s: %d, want 0 or more", name, n)
		}
	}
	if f.dialect == "" {
		f.dialect = dialectOf(u)
	}
	if !slices.Contains(ingest.PlayDialects(), f.dialect) {
		return usagef(cmd, "stream: --dialect: %q, want one of %s", f.dialect, strings.Join(ingest.PlayDialects(), ", "))
	}
	if (u.Scheme == "tcp") != (f.dialect == "audiosocket") {
		return usagef(cmd, "stream: --url: %s with --dialect %s, want tcp:// for audiosocket and for nothing else", u.Scheme, f.dialect)
	}
	for value, name := range map[*string]string{&f.token: "TIMBRE_TOKEN", &f.secret: "TIMBRE_SECRET", &f.apiKey: "TIMBRE_API_KEY"} {
		if *value == "" {
			*value = os.Getenv(name)
		}
	}
	return nil
}

// dialectOf returns the dialect that a path of our server speaks, generic for any other.
func dialectOf(u *url.URL) string {
	rest, ok := strings.CutPrefix(u.Path, "/v1/ingest/")
	switch {
	case u.Scheme == "tcp":
		return "audiosocket"
	case ok:
		name, _, _ := strings.Cut(rest, "/")
		return name
	case u.Path == "/v1/listen":
		return "listen"
	}
	return "generic"
}

func (a *app) stream(cmd *cobra.Command, f streamFlags, path string) error {
	customer, agent, err := f.read(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	total := max(len(customer), len(agent))
	bar := newProgress(a.con, "playing", 1, int64(total))
	defer bar.end()
	furthest := 0
	var lost error
	o := ingest.PlayOptions{
		URL: f.url, Dialect: f.dialect, Rate: streamRate, Customer: customer, Agent: agent, Speed: f.speed, CallID: f.callID,
		Token: f.token, Secret: f.secret, APIKey: f.apiKey, Parameters: f.parameters,
		Progress: func(samples int) {
			bar.add(int64(samples - furthest))
			furthest = samples
		},
		Received: func(message []byte) {
			if _, err := fmt.Fprintf(a.con.outWriter(), "%s\n", message); err != nil && lost == nil {
				lost = err
			}
		},
	}
	if err := ingest.Play(cmd.Context(), o); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	a.log.Info("played", "file", path, "dialect", f.dialect, "duration_ms", total*1000/streamRate)
	return lost
}

// read returns the sides of a recording at streamRate; one that is not there is nil.
func (f *streamFlags) read(path string) (customer, agent []float32, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, reason(err)
	}
	defer file.Close()
	x, format, _, err := audio.ReadAll(file, maxStreamSamples)
	if err != nil {
		return nil, nil, err
	}
	if len(x) == 0 || len(x[0]) == 0 {
		return nil, nil, fmt.Errorf("%w: no samples after the header", audio.ErrTruncated)
	}
	agentAt, customerAt := f.agent, f.customer
	switch told := agentAt >= 0 || customerAt >= 0; {
	case !told && len(x) == 1:
		customerAt = 0
	case !told:
		agentAt, customerAt = 0, 1
	case len(x) == 2 && agentAt < 0:
		agentAt = 1 - customerAt
	case len(x) == 2 && customerAt < 0:
		customerAt = 1 - agentAt
	}
	side := func(channel int) ([]float32, error) {
		if channel < 0 {
			return nil, nil
		}
		if channel >= len(x) {
			return nil, fmt.Errorf("channel %d, want 0 to %d: the recording has %s", channel, len(x)-1, count(len(x), "channel"))
		}
		r, err := audio.NewResampler(format.Rate, streamRate)
		if err != nil {
			return nil, err
		}
		return r.Flush(r.Write(nil, x[channel])), nil
	}
	if customer, err = side(customerAt); err != nil {
		return nil, nil, err
	}
	agent, err = side(agentAt)
	return customer, agent, err
}
