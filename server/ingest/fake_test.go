package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// TestMain fails the run when a connection's goroutine outlives it.
func TestMain(m *testing.M) { testkit.Main(m) }

// fakeCalls keeps what streams bring.
type fakeCalls struct {
	mu    sync.Mutex
	calls []*fakeCall
	ended chan *fakeCall
	fail  error // of Open
	lose  error // of End
}

func newFakeCalls() *fakeCalls { return &fakeCalls{ended: make(chan *fakeCall, 100)} }

func (f *fakeCalls) Open(_ context.Context, s Start) (Call, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	c := &fakeCall{calls: f, start: s, tracks: make([][]float32, len(s.Tracks)), results: make(chan interaction.Event, 100)}
	c.id = fmt.Sprintf("call-%d", len(f.calls)+1)
	f.calls = append(f.calls, c)
	c.note("open dialect=%s tenant=%s call=%s stream=%s encoding=%s rate=%d", s.Dialect, s.Tenant, s.CallID, s.StreamID, s.Encoding, s.Rate)
	for i, t := range s.Tracks {
		c.note("track %d %s role=%s separated=%v mixed=%v", i, t.Name, t.Role, t.Separated, t.Mixed)
	}
	c.noteBinding("start", s.Binding)
	c.results <- interaction.Event{Type: interaction.EventSessionStarted, Version: "1", CallID: c.id, Seq: 1}
	return c, nil
}

// fakeCall writes down what happens, and keeps the samples.
type fakeCall struct {
	calls   *fakeCalls
	id      string
	start   Start
	results chan interaction.Event

	mu       sync.Mutex
	tracks   [][]float32
	log      []string
	lastTr   int
	lastN    int
	warnings []string
	how      End
	blocked  chan struct{} // Write waits for it where it is not nil
}

func (c *fakeCall) note(format string, args ...any) {
	c.flushWrites()
	c.log = append(c.log, fmt.Sprintf(format, args...))
}

// flushWrites notes the writes on one track since the last note as one.
func (c *fakeCall) flushWrites() {
	if c.lastN > 0 {
		c.log = append(c.log, fmt.Sprintf("write %d: %d samples", c.lastTr, c.lastN))
		c.lastN = 0
	}
}

func (c *fakeCall) noteBinding(what string, b interaction.Binding) {
	var parts []string
	add := func(k, v string) {
		if v != "" {
			parts = append(parts, k+"="+v)
		}
	}
	add("agent_id", b.AgentID)
	add("customer_id", b.CustomerID)
	add("claimed_identity", b.ClaimedIdentity)
	add("contact_id", b.ContactID)
	add("direction", b.Direction)
	add("language", b.Language)
	add("queue", b.Queue)
	add("consent_ref", b.ConsentRef)
	if b.NoticePlayedAt != nil {
		add("notice_played_at", b.NoticePlayedAt.UTC().Format(time.RFC3339))
	}
	for i, r := range b.ChannelRoles {
		add(fmt.Sprintf("role[%d]", i), string(r))
	}
	for _, k := range sortedKeys(b.Attributes) {
		add("attributes."+k, b.Attributes[k])
	}
	if len(parts) > 0 {
		c.note("%s %s", what, strings.Join(parts, " "))
	}
}

func (c *fakeCall) ID() string { return c.id }

func (c *fakeCall) Write(ctx context.Context, track int, x []float32) error {
	if c.blocked != nil {
		select {
		case <-c.blocked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if track != c.lastTr {
		c.flushWrites()
	}
	c.tracks[track] = append(c.tracks[track], x...)
	c.lastTr, c.lastN = track, c.lastN+len(x)
	return nil
}

func (c *fakeCall) Skip(_ context.Context, track int, n int64, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note("skip %d: %d samples %s", track, n, reason)
	if n < 1<<20 {
		c.tracks[track] = append(c.tracks[track], make([]float32, n)...)
	}
	return nil
}

func (c *fakeCall) Digit(_ context.Context, track int, key string, lengthMs int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note("digit %d: %s for %d ms", track, key, lengthMs)
	return nil
}

func (c *fakeCall) Mark(_ context.Context, kind, detail string) error {
	if !slices.Contains([]string{"hold", "unhold", "transfer", "agent_joined", "agent_left", "ivr", "privacy_on", "privacy_off"}, kind) {
		return fmt.Errorf("fake: mark kind %q", kind)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note("mark %s %s", kind, detail)
	return nil
}

func (c *fakeCall) Bind(_ context.Context, b interaction.Binding) error {
	if err := b.Validate(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteBinding("bind", b)
	return nil
}

func (c *fakeCall) Warn(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings = append(c.warnings, text)
	c.note("warn %s", text)
}

func (c *fakeCall) Results() <-chan interaction.Event { return c.results }

func (c *fakeCall) End(_ context.Context, how End) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.how != "" {
		return errors.New("fake: ended twice")
	}
	c.how = how
	c.note("end %s", how)
	c.results <- interaction.Event{Type: interaction.EventSessionEnded, Version: "1", CallID: c.id, Seq: 2, Reason: string(how)}
	close(c.results)
	c.calls.ended <- c
	return c.calls.lose
}

func (c *fakeCall) notes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushWrites()
	return slices.Clone(c.log)
}

// endpoints is a table by dialect/name.
type endpoints map[string]Endpoint

func (e endpoints) Endpoint(_ context.Context, dialect, name string) (Endpoint, error) {
	ep, ok := e[dialect+"/"+name]
	if !ok {
		return Endpoint{}, ErrNoEndpoint
	}
	return ep, nil
}

// server is a handler on a real socket.
type server struct {
	*httptest.Server
	h     *Handler
	calls *fakeCalls
}

func (s *server) ws(path string) string { return "ws" + strings.TrimPrefix(s.URL, "http") + path }

// quick are limits under which a test does not wait.
func quick() Limits {
	return Limits{CloseGrace: 200 * time.Millisecond, Handshakes: 1e6, Burst: 1 << 20, QuietGap: time.Hour} // a busy machine is no gap
}

func serve(t testing.TB, o Options) *server {
	t.Helper()
	s := &server{calls: newFakeCalls()}
	if o.Calls == nil {
		o.Calls = s.calls
	}
	if o.Limits == (Limits{}) {
		o.Limits = quick()
	}
	o.Log = slog.New(slog.DiscardHandler)
	var err error
	if s.h, err = New(o); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s.h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.h.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		s.Close()
	})
	return s
}
