package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/ingest"
)

// TestMain fails the run when a call's goroutine outlives it.
func TestMain(m *testing.M) { testkit.Main(m) }

var testEngine = sync.OnceValues(analysis.NewEngine)

// shelf keeps records in memory, as JSON. It fails as often as it is told.
type shelf struct {
	mu          sync.Mutex
	fail        int
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

func TestCallFromStartToRecord(t *testing.T) {
	records, events := newShelf(), &wire{}
	h := newHub(t, Options{Records: records, Events: events})
	x := shortCall(t)
	c := open(t, h, start("CA1", agent, customer))
	results := c.Results()
	ctx := t.Context()
	for i := 0; i < len(x[0]); i += 160 {
		switch i {
		case 16000:
			must(t, h.Bind(ctx, "acme", "CA1", interaction.Binding{CustomerID: "c-9", Queue: "billing", ConsentRef: "k/1"}),
				h.Mark(ctx, "acme", c.ID(), "hold", ""))
		case 32000:
			must(t, c.Mark(ctx, "unhold", ""), c.Digit(ctx, 1, "5", 100), c.Bind(ctx, interaction.Binding{AgentID: "a-7"}))
		}
		must(t, c.Write(ctx, 0, x[0][i:min(i+160, len(x[0]))]), c.Write(ctx, 1, x[1][i:min(i+160, len(x[1]))]))
	}
	if list := h.Running("acme"); len(list) != 1 || list[0].AgentID != "a-7" || list[0].Queue != "billing" || list[0].DurationMs == 0 {
		t.Errorf("running: %+v", list)
	}
	if list := h.Running("other"); len(list) != 0 {
		t.Errorf("another tenant sees %+v", list)
	}
	must(t, c.End(ctx, ingest.EndStop), c.End(ctx, ingest.EndStop))
	r := records.record(t, c.ID())
	if r.Contact.State != interaction.StateComplete || r.Contact.ContactID != "CA1" || r.Contact.Queue != "billing" || r.Contact.Source.Dialect != "twilio" ||
		r.Contact.EndedAt == nil || r.Conversation.Overtalk == nil || len(r.Marks) != 2 || r.Marks[0].AtMs != 2000 {
		t.Errorf("record %+v marks %+v", r.Contact, r.Marks)
	}
	var seq int64
	last := interaction.EventKind("")
	for e := range results {
		if e.Seq != seq+1 || e.CallID != c.ID() || e.Tenant != "acme" {
			t.Fatalf("event %+v after seq %d", e, seq)
		}
		seq, last = e.Seq, e.Type
	}
	if last != interaction.EventSessionEnded {
		t.Errorf("the last event is %s", last)
	}
	kinds := events.kinds()
	for _, k := range []interaction.EventKind{"session_started", "call_updated", "speech_started", "segment", "sound", "mark", "call_summary", "session_ended"} {
		if kinds[k] == 0 {
			t.Errorf("no event %s", k)
		}
	}
	if kinds["segment"] != len(r.Segments) {
		t.Errorf("%d events of segments, the record has %d", kinds["segment"], len(r.Segments))
	}
	if err := h.Bind(ctx, "acme", c.ID(), interaction.Binding{Queue: "q"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("bound after the end: %v", err)
	}
}

func TestTwoStreamsAreOneCall(t *testing.T) {
	records := newShelf()
	h := newHub(t, Options{Records: records})
	x := shortCall(t)
	a := open(t, h, start("CA2", agent))
	must(t, a.Write(t.Context(), 0, x[0][:16000]))
	b := open(t, h, start("CA2", customer))
	if a.ID() != b.ID() {
		t.Fatalf("two calls %s and %s", a.ID(), b.ID())
	}
	other := start("CA2", customer)
	other.Tenant = "rival"
	if o := open(t, h, other); o.ID() == a.ID() {
		t.Fatal("a stream of another tenant joined the call")
	} else {
		must(t, o.End(t.Context(), ingest.EndStop))
	}
	must(t, b.Write(t.Context(), 0, x[1][16000:]), a.Write(t.Context(), 0, x[0][16000:]))
	must(t, a.End(t.Context(), ingest.EndStop))
	if len(h.Running("acme")) != 1 {
		t.Fatal("the call ended with its first stream")
	}
	must(t, b.End(t.Context(), ingest.EndClose))
	r := records.record(t, a.ID())
	if g := r.Contact.Media.Gaps; len(g) != 1 || g[0].Reason != "late" || g[0].EndMs != 2000 || g[0].Channel != 1 {
		t.Errorf("gaps %+v, want the 2 s that the second stream missed", g)
	}
	if r.Conversation.Turns == nil || r.Contact.State != interaction.StateComplete {
		t.Errorf("state %s, turns %+v", r.Contact.State, r.Conversation.Turns)
	}
	wide := start("CA3", agent)
	c := open(t, h, wide)
	wide.Rate, wide.Tracks = 16000, []ingest.Track{customer}
	if _, err := h.Open(t.Context(), wide); !errors.Is(err, ingest.ErrMismatch) {
		t.Errorf("a stream of another rate joined: %v", err)
	}
	must(t, c.End(t.Context(), ingest.EndStop))
}

// TestStreamsThatComeAtOnce opens both sides of a call at the same moment, many times.
func TestStreamsThatComeAtOnce(t *testing.T) {
	records := newShelf()
	h := newHub(t, Options{Records: records})
	for i := range 30 {
		id := fmt.Sprintf("CB%d", i)
		var both sync.WaitGroup
		var ids [2]string
		errs := make([]error, 2)
		ready := make(chan struct{})
		opened := make(chan struct{}, 2)
		for k, track := range []ingest.Track{customer, agent} {
			both.Go(func() {
				<-ready
				c, err := h.Open(context.Background(), start(id, track))
				opened <- struct{}{}
				if err != nil {
					errs[k] = err
					return
				}
				ids[k] = c.ID()
				for len(opened) < 2 { // neither ends before the other is there
					runtime.Gosched()
				}
				errs[k] = errors.Join(c.Write(context.Background(), 0, make([]float32, 800)), c.End(context.Background(), ingest.EndStop))
			})
		}
		close(ready)
		both.Wait()
		must(t, errs...)
		if ids[0] != ids[1] {
			t.Fatalf("two calls %v", ids)
		}
		roles := map[interaction.Role]int{}
		for _, p := range records.record(t, ids[0]).Participants {
			roles[p.Role]++
		}
		if roles[interaction.RoleAgent] != 1 || roles[interaction.RoleCustomer] != 1 {
			t.Fatalf("participants %v", roles)
		}
	}
}

// elsewhere says of one call that another node has it.
type elsewhere struct {
	callID   string
	call     ingest.Call
	released []string
}

func (e *elsewhere) Claim(_ context.Context, s ingest.Start) (ingest.Call, error) {
	if s.CallID == e.callID {
		return e.call, nil
	}
	return nil, nil
}

func (e *elsewhere) Release(_, callID string) { e.released = append(e.released, callID) }

func TestCallOfAnotherNode(t *testing.T) {
	there := newHub(t, Options{Records: newShelf()})
	far := open(t, there, start("CC1", customer))
	d := &elsewhere{callID: "CC1", call: far}
	h := newHub(t, Options{Records: newShelf(), Directory: d})
	if c := open(t, h, start("CC1", agent)); c != far {
		t.Error("the stream did not go to the node that has the call")
	}
	here := open(t, h, start("CC2", customer))
	must(t, here.End(t.Context(), ingest.EndStop), far.End(t.Context(), ingest.EndStop))
	if len(d.released) != 1 || d.released[0] != "CC2" {
		t.Errorf("released %v, want CC2", d.released)
	}
}

// strict gives a permit by the policy that the endpoint names.
type strict struct{}

func (strict) Permit(_ context.Context, s ingest.Start) (policy.Permit, error) {
	if s.Policy == "" {
		return policy.Permit{}, errors.New("strict: no policy")
	}
	return policy.Permit{Policy: s.Policy, KeepDigits: true}, nil
}

func TestPermitIsAsked(t *testing.T) {
	records := newShelf()
	h := newHub(t, Options{Records: records, Permits: strict{}})
	if _, err := h.Open(t.Context(), start("CD1", customer)); err == nil {
		t.Error("a call without a permit was opened")
	}
	s := start("CD1", customer)
	s.Policy = "eu"
	c := open(t, h, s)
	must(t, c.Write(t.Context(), 0, make([]float32, 8000)), c.Digit(t.Context(), 0, "5", 100), c.End(t.Context(), ingest.EndStop))
	r := records.record(t, c.ID())
	if r.Governance.Policy != "eu" || len(r.Sounds) != 1 || r.Sounds[0].Detail != "5" {
		t.Errorf("policy %s, sounds %+v", r.Governance.Policy, r.Sounds)
	}
}

func TestBrokenStream(t *testing.T) {
	x := shortCall(t)
	t.Run("is_waited_for_and_continued", func(t *testing.T) {
		records := newShelf()
		h := newHub(t, Options{Records: records, Linger: time.Hour})
		a := open(t, h, start("CA4", agent, customer))
		must(t, a.Write(t.Context(), 0, x[0][:24000]), a.Write(t.Context(), 1, x[1][:16000]))
		ended := make(chan error, 1)
		go func() { ended <- a.End(context.Background(), ingest.EndDropped) }()
		for h.Running("acme")[0].Streams != 0 {
			runtime.Gosched()
		}
		b := open(t, h, start("CA4", agent, customer))
		if a.ID() != b.ID() {
			t.Fatal("the call did not go on")
		}
		must(t, b.Write(t.Context(), 0, x[0][24000:]), b.Write(t.Context(), 1, x[1][24000:]), b.End(t.Context(), ingest.EndStop), <-ended)
		if r := records.record(t, a.ID()); r.Contact.State != interaction.StateComplete || len(r.Contact.Media.Gaps) == 0 || r.Contact.Media.Gaps[0].Reason != "lost" {
			t.Errorf("state %s, gaps %+v", r.Contact.State, r.Contact.Media.Gaps)
		}
	})
	for how, want := range map[ingest.End]interaction.State{ingest.EndDropped: "interrupted", ingest.EndFailed: "interrupted",
		ingest.EndDrained: "interrupted", ingest.EndClose: "complete", ingest.EndStop: "complete"} {
		t.Run(string(how), func(t *testing.T) {
			records := newShelf()
			h := newHub(t, Options{Records: records})
			c := open(t, h, start("", customer))
			must(t, c.Write(t.Context(), 0, x[1][:8000]), c.End(t.Context(), how))
			if r := records.record(t, c.ID()); r.Contact.State != want || r.Contact.DurationMs != 1000 {
				t.Errorf("state %s of %d ms, want %s", r.Contact.State, r.Contact.DurationMs, want)
			}
		})
	}
}

// TestPrivacyDropsSamples speaks under privacy and holds that the record is the one of a call with nothing there.
func TestPrivacyDropsSamples(t *testing.T) {
	records := newShelf()
	h := newHub(t, Options{Records: records})
	x := shortCall(t)
	ctx := t.Context()
	c := open(t, h, start("CA5", agent, customer))
	for i := 0; i < len(x[0]); i += 160 {
		if i == 32000 {
			must(t, h.Mark(ctx, "acme", "CA5", "privacy_on", ""))
		}
		if i == 64000 {
			must(t, c.Digit(ctx, 0, "4", 0), h.Mark(ctx, "acme", "CA5", "privacy_off", ""))
		}
		must(t, c.Write(ctx, 0, x[0][i:min(i+160, len(x[0]))]), c.Write(ctx, 1, x[1][i:min(i+160, len(x[1]))]))
	}
	must(t, c.End(ctx, ingest.EndStop))
	r := records.record(t, c.ID())
	want := []interaction.Gap{{Channel: 0, StartMs: 4000, EndMs: 8500, Reason: "privacy"}, {Channel: 1, StartMs: 4000, EndMs: 8500, Reason: "privacy"}}
	if len(r.Contact.Media.Gaps) != 2 || r.Contact.Media.Gaps[0] != want[0] || r.Contact.Media.Gaps[1] != want[1] {
		t.Errorf("gaps %+v, want %+v", r.Contact.Media.Gaps, want)
	}
	if len(r.Marks) != 2 || r.Marks[0].AtMs != 4000 || r.Marks[1].AtMs != 8000 {
		t.Errorf("marks %+v", r.Marks)
	}
	for _, s := range r.Segments {
		if s.StartMs > 4300 && s.EndMs < 8200 {
			t.Errorf("segment %+v lies under privacy", s)
		}
	}
	for _, s := range r.Sounds {
		if s.Kind == interaction.SoundDTMF {
			t.Errorf("key %+v was pressed under privacy", s)
		}
	}
}

func TestRecordIsNeverLost(t *testing.T) {
	x := shortCall(t)
	finished := func(t *testing.T, h *Hub) ingest.Call {
		c := open(t, h, start("", customer))
		must(t, c.Write(t.Context(), 0, x[1][:8000]), c.End(t.Context(), ingest.EndStop))
		return c
	}
	t.Run("saved_after_failures", func(t *testing.T) {
		records := newShelf()
		records.fail = 2
		h := newHub(t, Options{Records: records})
		records.record(t, finished(t, h).ID())
	})
	t.Run("spilled_and_saved_in_the_background", func(t *testing.T) {
		records, dir := newShelf(), t.TempDir()
		records.fail = spillAfter
		h := newHub(t, Options{Records: records, Spill: dir})
		c := finished(t, h)
		for what := range records.arrived {
			if what == "saved" {
				break
			}
		}
		records.record(t, c.ID())
		must(t, h.Shutdown(t.Context()))
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
			t.Errorf("left in the spill folder: %v", left)
		}
	})
	t.Run("spilled_and_saved_by_the_next_run", func(t *testing.T) {
		records, dir := newShelf(), t.TempDir()
		records.fail = -1 // for ever
		engine, err := testEngine()
		if err != nil {
			t.Fatal(err)
		}
		h, err := New(Options{Engine: engine, Records: records, Spill: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c := finished(t, h)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("shutdown: %v", err)
		}
		again := newShelf()
		h2 := newHub(t, Options{Records: again, Spill: dir})
		if what := <-again.arrived; what != "saved" {
			t.Errorf("%s arrived", what)
		}
		again.record(t, c.ID())
		must(t, h2.Shutdown(t.Context()))
	})
}

func TestCheckpointsArriveWhileTheCallRuns(t *testing.T) {
	records := newShelf()
	h := newHub(t, Options{Records: records, Checkpoint: time.Millisecond})
	c := open(t, h, start("", customer))
	x := shortCall(t)
	must(t, c.Write(t.Context(), 0, x[1][:24000]))
	if what := <-records.arrived; what != "checkpoint" {
		t.Errorf("%s arrived first", what)
	}
	records.mu.Lock()
	r, err := interaction.Parse(records.checkpoints[c.ID()])
	records.mu.Unlock()
	if err != nil || r.Contact.State != interaction.StateLive {
		t.Errorf("checkpoint: %v", err)
	}
	must(t, c.End(t.Context(), ingest.EndStop))
}

func TestLimitsAndBadInput(t *testing.T) {
	h := newHub(t, Options{Records: newShelf(), MaxCalls: 1})
	c := open(t, h, start("CA6", customer))
	if _, err := h.Open(t.Context(), start("CA7", customer)); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("a call too many: %v", err)
	}
	ctx := t.Context()
	for name, err := range map[string]error{
		"mark":         h.Mark(ctx, "acme", "CA6", "lunch", ""),
		"role":         h.Bind(ctx, "acme", "CA6", interaction.Binding{ChannelRoles: []interaction.Role{"", "agent"}}),
		"stream_role":  c.Bind(ctx, interaction.Binding{ChannelRoles: []interaction.Role{"", "agent"}}),
		"control_char": h.Bind(ctx, "acme", "CA6", interaction.Binding{Queue: "a\nb"}),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	for name, err := range map[string]error{
		"tenant": h.Mark(ctx, "rival", "CA6", "hold", ""),
		"id":     h.Bind(ctx, "acme", "CA8", interaction.Binding{Queue: "q"}),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	must(t, c.End(ctx, ingest.EndStop))
	bad := start("CA6", customer)
	bad.Rate = 1
	if _, err := h.Open(ctx, bad); !errors.Is(err, ErrInvalid) {
		t.Errorf("a rate of 1 Hz: %v, want ErrInvalid", err)
	}
	if len(h.Running("")) != 0 {
		t.Errorf("a call that never began is running: %+v", h.Running(""))
	}
	c = open(t, h, start("CA6", customer))
	if err := c.Write(ctx, 1, []float32{0}); err == nil {
		t.Error("track 1 of 1 was taken")
	}
	must(t, c.End(ctx, ingest.EndStop))
}

// TestSlowReaderLosesOldest subscribes and does not read.
func TestSlowReaderLosesOldest(t *testing.T) {
	h := newHub(t, Options{Records: newShelf()})
	c := open(t, h, start("CA9", customer))
	results := c.Results()
	ctx := t.Context()
	for range resultsLen + 50 {
		must(t, c.Mark(ctx, "hold", ""))
	}
	var lost int64
	n := 0
	for len(results) > 0 {
		<-results
		n++
	}
	must(t, c.Mark(ctx, "unhold", ""), c.End(ctx, ingest.EndStop))
	last := interaction.EventKind("")
	for e := range results {
		if e.Type == interaction.EventLost {
			lost += e.Count
		}
		last = e.Type
	}
	if n != resultsLen || lost != 51 || last != interaction.EventSessionEnded {
		t.Errorf("%d read, %d told as lost, the last is %s; want %d, 51 and session_ended", n, lost, last, resultsLen)
	}
}
