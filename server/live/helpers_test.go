package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/ingest"
)

// TestMain fails the run when a call's goroutine outlives it.
func TestMain(m *testing.M) { testkit.Main(m) }

var testEngine = sync.OnceValues(func() (*analysis.Engine, error) { return analysis.NewEngine(nil) })

// shelf keeps records in memory, as JSON. It fails as often as it is told.
type shelf struct {
	mu          sync.Mutex
	fail        int
	refuse      bool // every record, for good
	checkpoints map[string][]byte
	saved       map[string][]byte
	arrived     chan string
}

func newShelf() *shelf {
	return &shelf{checkpoints: map[string][]byte{}, saved: map[string][]byte{}, arrived: make(chan string, 100)}
}

func (s *shelf) Checkpoint(_ context.Context, r *interaction.Interaction) error {
	return s.put(s.checkpoints, r, "checkpoint")
}

func (s *shelf) Save(_ context.Context, r *interaction.Interaction) error {
	s.mu.Lock()
	if s.fail != 0 {
		s.fail--
		s.mu.Unlock()
		return errors.New("shelf: full")
	}
	if s.refuse {
		s.mu.Unlock()
		return fmt.Errorf("%w: shelf", ErrRefused)
	}
	s.mu.Unlock()
	return s.put(s.saved, r, "saved")
}

func (s *shelf) put(m map[string][]byte, r *interaction.Interaction, what string) error {
	if err := r.Validate(); err != nil {
		return err
	}
	b, err := json.Marshal(r)
	s.mu.Lock()
	m[r.Contact.ID] = b
	s.mu.Unlock()
	select {
	case s.arrived <- what:
	default:
	}
	return err
}

func (s *shelf) record(t *testing.T, id string) *interaction.Interaction {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := interaction.Parse(s.saved[id])
	if err != nil {
		t.Fatalf("record %s: %v", id, err)
	}
	return r
}

// wire keeps the events.
type wire struct {
	mu     sync.Mutex
	events []interaction.Event
}

func (w *wire) Publish(e interaction.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *wire) kinds() map[interaction.EventKind]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[interaction.EventKind]int{}
	for _, e := range w.events {
		if e.IsFinal != nil && !*e.IsFinal {
			continue // a segment that is still being spoken
		}
		out[e.Type]++
	}
	return out
}

// newHub returns a hub that is shut down with the test.
func newHub(t *testing.T, o Options) *Hub {
	t.Helper()
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	o.Engine = engine
	o.Log = slog.New(slog.DiscardHandler)
	if o.Linger == 0 {
		o.Linger = -1
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return h
}

func start(callID string, tracks ...ingest.Track) ingest.Start {
	return ingest.Start{Tenant: "acme", Endpoint: "main", Dialect: "twilio", CallID: callID, Encoding: "mulaw", Rate: 8000, Tracks: tracks}
}

var (
	customer = ingest.Track{Name: "inbound", Role: interaction.RoleCustomer, Separated: true}
	agent    = ingest.Track{Name: "outbound", Role: interaction.RoleAgent, Separated: true}
)

func open(t *testing.T, h *Hub, s ingest.Start) ingest.Call {
	t.Helper()
	c, err := h.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func shortCall(t *testing.T) [][]float32 {
	t.Helper()
	f, err := os.Open(testkit.Testdata(t, "calls", "short-call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, _, _, err := audio.ReadAll(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
