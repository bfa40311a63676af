package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/live"
)

// kept gives the test each final record.
type kept chan *interaction.Interaction

func (k kept) Checkpoint(context.Context, *interaction.Interaction) error { return nil }

func (k kept) Save(_ context.Context, r *interaction.Interaction) error {
	if err := r.Validate(); err != nil {
		return err
	}
	k <- r
	return nil
}

// liveServer is a whole ingest on a real socket, without store and API.
func liveServer(t *testing.T) (url string, records kept) {
	t.Helper()
	engine, err := analysis.NewEngine(nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	records = make(kept, 10)
	hub, err := live.New(live.Options{Engine: engine, Records: records, Linger: -1, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := ingest.New(ingest.Options{Calls: hub, Open: true, Log: quiet, Limits: ingest.Limits{QuietGap: time.Hour}}) // a busy machine is no gap
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		if err := handler.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := hub.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return "ws" + strings.TrimPrefix(s.URL, "http"), records
}

// TestStreamedCallHasTheRecordOfTheFile streams a call in the dialects that carry both sides on one connection and holds that
// everything measured in the conversation is what the file's own analysis measures.
func TestStreamedCallHasTheRecordOfTheFile(t *testing.T) {
	url, records := liveServer(t)
	engine, err := analysis.NewEngine(nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := analysis.AnalyzeFile(t.Context(), call(t, "short-call.wav"), analysis.FileOptions{Channels: analysis.RolesUntold(), Permit: policy.Default(), Engine: engine})
	if err != nil {
		t.Fatal(err)
	}
	for dialect, path := range map[string]string{"generic": "/v1/stream", "listen": "/v1/listen", "twilio": "/v1/ingest/twilio", "signalwire": "/v1/ingest/signalwire",
		"telnyx": "/v1/ingest/telnyx", "audiohook": "/v1/ingest/audiohook", "freeswitch": "/v1/ingest/freeswitch", "jambonz": "/v1/ingest/jambonz"} {
		t.Run(dialect, func(t *testing.T) {
			wantExit(t, exitDone, []string{"stream", call(t, "short-call.wav"), "--url", url + path, "--speed", "0", "--param", "agent_id=a-7", "--call-id", "5b1e64e8-76d5-4d38-8f4b-d8ff5a4f4e8f"})
			got := <-records
			if diff := cmp.Diff(want.Conversation, got.Conversation, cmpopts.IgnoreFields(interaction.Conversation{}, "Channels")); diff != "" {
				t.Errorf("-file +streamed:\n%s", diff)
			}
			if len(got.Segments) != len(want.Segments) || got.Contact.State != interaction.StateComplete || got.Contact.Source.Dialect != dialect {
				t.Errorf("%d segments of %d, %+v", len(got.Segments), len(want.Segments), got.Contact)
			}
			for _, p := range got.Participants {
				if p.Role == interaction.RoleAgent && p.ExternalID != "a-7" {
					t.Errorf("agent %+v, want a-7", p)
				}
			}
		})
	}
}

// TestStreamPrintsResults streams to the dialects that answer and reads what they say.
func TestStreamPrintsResults(t *testing.T) {
	url, records := liveServer(t)
	lines := func(path string) []map[string]any {
		var out []map[string]any
		stdout := wantExit(t, exitDone, []string{"stream", call(t, "short-call.wav"), "--url", url + path, "--speed", "0"})
		for line := range strings.Lines(stdout) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			out = append(out, m)
		}
		return out
	}
	events := lines("/v1/stream")
	r := <-records
	segments := 0
	for i, e := range events {
		if e["seq"] != float64(i+1) || e["call_id"] != r.Contact.ID {
			t.Errorf("event %d: %v", i, e)
		}
		if e["type"] == "segment" && e["is_final"] != false {
			segments++
		}
	}
	if n := len(events); n < 4 || events[0]["type"] != "session_started" || events[n-2]["type"] != "call_summary" || events[n-1]["type"] != "session_ended" {
		t.Errorf("events %v", events)
	}
	if segments != len(r.Segments) {
		t.Errorf("%d segments were told, the record has %d", segments, len(r.Segments))
	}
	heard := lines("/v1/listen")
	r = <-records
	kinds := map[any]int{}
	for _, m := range heard {
		kinds[m["type"]]++
	}
	if kinds["SpeechStarted"] != len(r.Segments) || kinds["Results"] != len(r.Segments) || kinds["Metadata"] != 1 || heard[len(heard)-1]["request_id"] != r.Contact.ID {
		t.Errorf("heard %v for %d segments", kinds, len(r.Segments))
	}
}

// TestStreamedSidesAreOneCall streams in the dialects that carry a side on each connection: the two make one record.
func TestStreamedSidesAreOneCall(t *testing.T) {
	url, records := liveServer(t)
	for _, dialect := range []string{"asterisk", "vonage"} {
		t.Run(dialect, func(t *testing.T) {
			wantExit(t, exitDone, []string{"stream", call(t, "short-call.wav"), "--url", url + "/v1/ingest/" + dialect, "--speed", "30", "--param", "queue=billing"})
			r := <-records
			if len(r.Participants) != 2 || r.Conversation.Turns == nil || r.Contact.State != interaction.StateComplete || r.Contact.Queue != "billing" {
				t.Errorf("participants %+v, contact %+v", r.Participants, r.Contact)
			}
			select {
			case other := <-records:
				t.Errorf("a second record %+v", other.Contact)
			default:
			}
		})
	}
}

// TestManyStreamsAtOnce streams the same call many times at once, at the pace of a call, and holds that each has the record of the call.
func TestManyStreamsAtOnce(t *testing.T) {
	url, records := liveServer(t)
	const n = 50
	customer, agent, err := (&streamFlags{agent: -1, customer: -1}).read(call(t, "short-call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	customer, agent = customer[:3*streamRate], agent[:3*streamRate]
	dialects := []string{"twilio", "telnyx", "audiohook", "freeswitch"}
	errs := make(chan error, n)
	for i := range n {
		go func() {
			d := dialects[i%len(dialects)]
			errs <- ingest.Play(t.Context(), ingest.PlayOptions{URL: url + "/v1/ingest/" + d, Dialect: d, Rate: streamRate, Customer: customer, Agent: agent, Speed: 1})
		}()
	}
	var first *interaction.Conversation
	for range n {
		r := <-records
		r.Conversation.Channels = nil
		if first == nil {
			first = r.Conversation
		}
		if diff := cmp.Diff(first, r.Conversation); diff != "" {
			t.Errorf("%s: -first +this:\n%s", r.Contact.Source.Dialect, diff)
		}
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestStreamUsage(t *testing.T) {
	wav := call(t, "mono-call.wav")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "0 arguments, want one file"},
		{[]string{wav}, exitUsage, "--url: missing"},
		{[]string{wav, "--url", "http://here/"}, exitUsage, "want ws://, wss:// or tcp://"},
		{[]string{wav, "--url", "ws://here/v1/ingest/morse"}, exitUsage, `--dialect: "morse", want one of asterisk`},
		{[]string{wav, "--url", "ws://here/", "--dialect", "audiosocket"}, exitUsage, "want tcp:// for audiosocket"},
		{[]string{wav, "--url", "ws://here/", "--speed", "-1"}, exitUsage, "--speed: -1"},
		{[]string{wav, "--url", "ws://here/", "--agent-channel", "1", "--customer-channel", "1"}, exitUsage, "both 1, want two channels"},
		{[]string{wav, "--url", "ws://127.0.0.1:1/", "--customer-channel", "3"}, exitFailed, "channel 3, want 0 to 0: the recording has 1 channel"},
		{[]string{"absent.wav", "--url", "ws://127.0.0.1:1/"}, exitFailed, "absent.wav"},
		{[]string{wav, "--url", "ws://127.0.0.1:1/"}, exitFailed, "connection refused"},
	} {
		wantExit(t, c.code, append([]string{"stream"}, c.args...), c.says)
	}
}
