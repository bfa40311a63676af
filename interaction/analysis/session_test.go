package analysis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
)

var testEngine = sync.OnceValues(func() (*Engine, error) { return NewEngine(nil) })

func engineOf(t testing.TB) *Engine {
	t.Helper()
	e, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// read returns the channels of a recording in testdata.
func read(t testing.TB, path string) ([][]float32, audio.Format) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, format, _, err := audio.ReadAll(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return x, format
}

func twoSides() []Channel {
	return []Channel{
		{Role: interaction.RoleAgent, ExternalID: "a-7", Separated: true},
		{Role: interaction.RoleCustomer, Separated: true},
	}
}

func options(rate int, channels []Channel) Options {
	return Options{ID: "test", Rate: rate, Channels: channels, Permit: policy.Default(), Contact: interaction.Contact{
		Source: interaction.Source{Kind: "stream"},
		Media:  interaction.Media{Encoding: "mulaw"},
	}}
}

// jsonOf returns the record as it leaves.
func jsonOf(t testing.TB, r *interaction.Interaction) []byte {
	t.Helper()
	if err := r.Validate(); err != nil {
		t.Fatalf("the record is not valid: %v", err)
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRecordDoesNotDependOnCuts writes one call in random pieces, the channels in random turns, and wants the very same record.
func TestRecordDoesNotDependOnCuts(t *testing.T) {
	x, format := read(t, "../../testdata/calls/short-call.wav")
	ctx := t.Context()
	analyse := func(write func(s *Session)) []byte {
		s, err := engineOf(t).NewSession(options(format.Rate, twoSides()))
		if err != nil {
			t.Fatal(err)
		}
		write(s)
		r, err := s.Close(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return jsonOf(t, r)
	}
	want := analyse(func(s *Session) {
		for c := range x {
			if err := s.Write(ctx, c, x[c]); err != nil {
				t.Fatal(err)
			}
		}
	})
	r := rand.New(rand.NewPCG(5, 6))
	for range 8 {
		got := analyse(func(s *Session) {
			at := make([]int, len(x))
			for at[0] < len(x[0]) || at[1] < len(x[1]) {
				c := r.IntN(len(x))
				n := min(r.IntN(3000), len(x[c])-at[c])
				if err := s.Write(ctx, c, x[c][at[c]:at[c]+n]); err != nil {
					t.Fatal(err)
				}
				at[c] += n
			}
		})
		if !bytes.Equal(got, want) {
			t.Fatal("the record depends on how the samples were cut")
		}
	}
}

func TestEventsAreTheRecordsSegments(t *testing.T) {
	x, format := read(t, "../../testdata/calls/short-call.wav")
	var events []Event
	o := options(format.Rate, twoSides())
	o.OnEvent = func(e Event) { events = append(events, e) }
	s, err := engineOf(t).NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(x[0]); at += 160 { // 20 ms of each side in turn, as a platform sends
		for c := range x {
			if err := s.Write(t.Context(), c, x[c][at:min(at+160, len(x[c]))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := s.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]*interaction.Segment{}
	started := 0
	for _, e := range events {
		switch e.Kind {
		case EventSpeechStarted:
			started++
		case EventSegment:
			live[e.Segment.ID] = e.Segment
		}
	}
	if len(r.Segments) == 0 || len(live) != len(r.Segments) || started != len(r.Segments) {
		t.Fatalf("%d segments in the record, %d in events, %d starts", len(r.Segments), len(live), started)
	}
	for _, s := range r.Segments {
		e := live[s.ID]
		if e == nil || e.StartMs != s.StartMs || e.EndMs != s.EndMs || *e.Prosody.LoudnessDBFS != *s.Prosody.LoudnessDBFS {
			t.Errorf("segment %s: event %+v, record %+v", s.ID, e, s)
		}
	}
}

func TestSilentSession(t *testing.T) {
	s, err := engineOf(t).NewSession(options(8000, twoSides()))
	if err != nil {
		t.Fatal(err)
	}
	for c := range 2 {
		if err := s.Write(t.Context(), c, make([]float32, 5*8000)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jsonOf(t, r)
	if len(r.Segments) != 0 || r.Contact.DurationMs != 5000 {
		t.Errorf("%d segments in %d ms, want none in 5000", len(r.Segments), r.Contact.DurationMs)
	}
	for c := range 2 {
		if code := codeOf(r, "segments", c); code != interaction.CodeNoSpeech {
			t.Errorf("channel %d: segments not computed with code %q, want no_speech", c, code)
		}
	}
	if r.Conversation.TalkTime.TotalMs != 0 || r.Conversation.Turns != nil {
		t.Errorf("a silent call has a conversation: %+v", r.Conversation)
	}
}

// codeOf returns the code with which what is absent on a channel.
func codeOf(r *interaction.Interaction, what string, channel int) interaction.Code {
	for _, n := range r.NotComputed {
		if n.What == what && n.Channel != nil && *n.Channel == channel && n.Segment == "" {
			return n.Code
		}
	}
	return ""
}

func TestPermitDecidesBeforeAnyModel(t *testing.T) {
	x, format := read(t, "../../testdata/calls/short-call.wav")
	forbid := policy.Permit{Policy: "nothing"}
	lone := []Channel{{Role: interaction.RoleUnknown}}
	customer := []Channel{{Role: interaction.RoleCustomer, Separated: true}}
	for _, c := range []struct {
		name           string
		permit         policy.Permit
		channels       []Channel
		channel        int
		emotion, voice interaction.Code
	}{
		{"agent", policy.Default(), twoSides(), 0, interaction.CodePolicy, interaction.CodePolicy},
		{"customer", policy.Default(), twoSides(), 1, "", interaction.CodeNoModel},
		{"customer_forbidden", forbid, twoSides(), 1, interaction.CodePolicy, interaction.CodePolicy},
		{"mono", policy.Default(), lone, 0, interaction.CodeSidesNotSeparated, interaction.CodeSidesNotSeparated},
		{"mono_of_one_customer", policy.Default(), customer, 0, "", interaction.CodeNoModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(format.Rate, c.channels)
			o.Permit = c.permit
			s, err := engineOf(t).NewSession(o)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.channels {
				if err := s.Write(t.Context(), i, x[i]); err != nil {
					t.Fatal(err)
				}
			}
			r, err := s.Close(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			jsonOf(t, r)
			if got := codeOf(r, "emotion", c.channel); got != c.emotion {
				t.Errorf("emotion: %q, want %q", got, c.emotion)
			}
			if got := codeOf(r, "voice", c.channel); got != c.voice {
				t.Errorf("voice: %q, want %q", got, c.voice)
			}
			scored := false
			for _, s := range r.Segments {
				scored = scored || s.Emotion != nil && s.Channel == c.channel
				if s.Emotion != nil && !(c.permit.CustomerEmotion && c.channels[s.Channel].Role == interaction.RoleCustomer) {
					t.Errorf("segment %s has an emotion", s.ID)
				}
			}
			if scored != (c.emotion == "") {
				t.Errorf("emotion is scored: %t, with the code %q", scored, c.emotion)
			}
		})
	}
}

func TestGapKeepsPositionsTrue(t *testing.T) {
	x, format := read(t, "../../testdata/calls/short-call.wav")
	run := func(skip int64) *interaction.Interaction {
		s, err := engineOf(t).NewSession(options(format.Rate, twoSides()))
		if err != nil {
			t.Fatal(err)
		}
		for c := range x {
			if err := s.Skip(t.Context(), c, skip, "lost"); err != nil {
				t.Fatal(err)
			}
			if err := s.Write(t.Context(), c, x[c]); err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		jsonOf(t, r)
		return r
	}
	const lost = 4096 // whole detector steps, so that the frames fall alike
	plain, late := run(0), run(lost)
	if len(plain.Contact.Media.Gaps) != 0 || len(late.Contact.Media.Gaps) != 2 || late.Contact.Media.LostMs != 2*lost/8 {
		t.Fatalf("gaps %+v, %d ms lost", late.Contact.Media.Gaps, late.Contact.Media.LostMs)
	}
	if len(plain.Segments) != len(late.Segments) {
		t.Fatalf("%d segments, %d after a gap", len(plain.Segments), len(late.Segments))
	}
	for i := range plain.Segments {
		if d := late.Segments[i].StartMs - plain.Segments[i].StartMs - lost/8; d < -40 || d > 40 {
			t.Errorf("segment %d is %d ms off its place", i, d)
		}
	}
	if got := late.Conversation.Channels[0].LostMs; got != lost/8 {
		t.Errorf("channel 0 lost %d ms, want %d", got, lost/8)
	}
}

func TestSessionErrors(t *testing.T) {
	e := engineOf(t)
	bad := Options{Rate: 100, Channels: []Channel{{Role: interaction.RoleAgent}, {Role: interaction.RoleAgent}, {Role: "boss"}}}
	bad.Permit.AgentEmotion = true
	_, err := e.NewSession(bad)
	for _, want := range []string{"id: empty", "rate: 100 Hz", "source kind", "media encoding: empty", "policy: name: empty", "channels 0 and 1 are both the agent's", `role "boss"`, "agent emotion is prohibited"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewSession: %v\nwant a line with %q", err, want)
		}
	}
	s, err := e.NewSession(options(8000, twoSides()))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), 2, nil); err == nil || !strings.Contains(err.Error(), "channel 2, want 0 to 1") {
		t.Errorf("Write to channel 2: %v", err)
	}
	for _, n := range []int64{-1, 1 << 40} {
		if err := s.Skip(t.Context(), 0, n, "lost"); err == nil {
			t.Errorf("a gap of %d samples is accepted", n)
		}
	}
	s.Abort()
	if err := s.Write(t.Context(), 0, make([]float32, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Abort: %v, want ErrClosed", err)
	}
	if _, err := s.Close(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Close after Abort: %v, want ErrClosed", err)
	}
}

// TestBackPressure holds that a full queue makes Write wait and that the wait ends with the context.
func TestBackPressure(t *testing.T) {
	release := make(chan struct{})
	o := options(8000, []Channel{{Role: interaction.RoleCustomer, Separated: true}})
	blocked := make(chan struct{}, 1)
	o.OnEvent = func(Event) {
		select {
		case blocked <- struct{}{}:
		default:
		}
		<-release
	}
	s, err := engineOf(t).NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := read(t, "../../testdata/calls/short-call.wav")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	full := make(chan error)
	go func() {
		for {
			if err := s.Write(ctx, 0, x[1]); err != nil {
				full <- err
				return
			}
		}
	}()
	<-blocked
	cancel()
	if err := <-full; !errors.Is(err, context.Canceled) {
		t.Errorf("Write into a full queue: %v, want context canceled", err)
	}
	close(release)
	s.Abort()
}
