package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/ingest"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// node is a directory with a hub of the test behind it, which keeps what its calls are given.
type node struct {
	*Directory
	conn *nats.Conn
	lost chan string

	mu    sync.Mutex
	opens int
	calls map[string]*call // by the platform's id; the streams of one call share it
	fail  error            // of the next opening
	slow  chan struct{}    // of every opening, where it is not nil
}

// call is what came for a call, over all streams.
type call struct {
	id      string
	mu      sync.Mutex
	samples map[int][]float32
	log     []string
	block   chan struct{} // of Write, where it is not nil
	events  chan interaction.Event
	ended   chan ingest.End
	once    sync.Once
}

func start(t testing.TB, url string, grace time.Duration) *node {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{conn: conn, lost: make(chan string, 10), calls: map[string]*call{}}
	n.Directory, err = New(t.Context(), Options{Conn: conn, Patience: grace / 4, Grace: grace,
		Lost: func(_ context.Context, tenant, id string) { n.lost <- tenant + "/" + id }})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Serve(n.openHere); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Close()
		conn.Close()
	})
	return n
}

// openHere gives a stream to its call, which releases the claim as a hub does: when the call is over, and after a join at once.
func (n *node) openHere(_ context.Context, s ingest.Start) (ingest.Call, error) {
	if n.slow != nil {
		<-n.slow
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opens++
	if err := n.fail; err != nil {
		n.fail = nil
		n.Release(s.Tenant, s.CallID)
		return nil, err
	}
	c := n.calls[s.CallID]
	if c == nil {
		c = &call{id: "r-" + s.CallID, samples: map[int][]float32{}, events: make(chan interaction.Event, 10), ended: make(chan ingest.End, 100)}
		n.calls[s.CallID] = c
	} else {
		n.Release(s.Tenant, s.CallID)
	}
	return c, nil
}

// open is what a hub does with a stream of its own node.
func (n *node) openStream(ctx context.Context, id string) (ingest.Call, error) {
	s := ingest.Start{Tenant: "acme", Dialect: "twilio", CallID: id, Rate: 8000, Encoding: "pcm_s16le", Tracks: []ingest.Track{{Name: "inbound", Role: interaction.RoleCustomer, Separated: true}}}
	elsewhere, err := n.Claim(ctx, s)
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	return n.openHere(ctx, s)
}

func (n *node) call(id string) *call {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls[id]
}

func (c *call) say(format string, args ...any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, fmt.Sprintf(format, args...))
	return nil
}

func (c *call) ID() string { return c.id }
func (c *call) Write(ctx context.Context, track int, x []float32) error {
	if c.block != nil {
		select {
		case <-c.block:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples[track] = append(c.samples[track], x...)
	return nil
}
func (c *call) Skip(_ context.Context, track int, n int64, reason string) error {
	return c.say("skip %d %d %s", track, n, reason)
}
func (c *call) Digit(_ context.Context, track int, key string, ms int64) error {
	return c.say("digit %d %s %d", track, key, ms)
}
func (c *call) Mark(_ context.Context, kind, detail string) error {
	if kind == "nonsense" {
		return errors.New("live: invalid: mark nonsense")
	}
	return c.say("mark %s %s", kind, detail)
}
func (c *call) Bind(_ context.Context, b interaction.Binding) error {
	return c.say("bind %s %v %v", b.AgentID, b.ChannelRoles, b.Attributes)
}
func (c *call) Warn(text string)                  { _ = c.say("warn %s", text) }
func (c *call) Results() <-chan interaction.Event { return c.events }
func (c *call) End(_ context.Context, how ingest.End) error {
	c.ended <- how
	c.once.Do(func() { close(c.events) })
	return nil
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("nothing came in a minute"))
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-soon(t).Done():
		t.Fatal("nothing came in a minute")
	}
	panic("not reached")
}

func TestOfManyClaimsAtOnceOneWins(t *testing.T) {
	url := testkit.NATS(t).URL()
	var nodes []*node
	for range 6 {
		nodes = append(nodes, start(t, url, 10*time.Second))
	}
	for round := range 20 {
		id := fmt.Sprint("K-", round)
		var wg sync.WaitGroup
		for _, n := range nodes {
			wg.Go(func() {
				c, err := n.openStream(soon(t), id)
				if err != nil {
					t.Errorf("%s: %v", id, err)
				} else if c.ID() != "r-"+id {
					t.Errorf("%s: record %s", id, c.ID())
				}
			})
		}
		wg.Wait()
		owners := 0
		for _, n := range nodes {
			if n.call(id) != nil {
				owners++
				n.Release("acme", id)
			}
		}
		if owners != 1 {
			t.Fatalf("%s: %d nodes have it, want 1", id, owners)
		}
	}
	for _, n := range nodes {
		n.Directory.mu.Lock()
		if len(n.held) != 0 {
			t.Errorf("%d claims held after the last release, want 0", len(n.held))
		}
		n.Directory.mu.Unlock()
	}
}

func TestClaimIsFreeAfterItsRelease(t *testing.T) {
	url := testkit.NATS(t).URL()
	a, b := start(t, url, 10*time.Second), start(t, url, 10*time.Second)
	for range 3 { // back and forth
		for _, n := range []*node{a, b} {
			for range 2 { // twice claimed is twice released
				if _, err := n.openStream(soon(t), "K"); err != nil {
					t.Fatal(err)
				}
			}
			if n.call("K") == nil {
				t.Fatal("another node has the call, after its release")
			}
			if owner, err := a.Owner(soon(t), "acme", "K"); err != nil || owner != n.Address() {
				t.Errorf("owner %q, %v", owner, err)
			}
			delete(n.calls, "K")
			n.Release("acme", "K")
			for owner := "?"; owner != ""; { // the claim goes behind the release
				var err error
				if owner, err = a.Owner(soon(t), "acme", "K"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestAnotherTenantsCallIsAnotherCall(t *testing.T) {
	if keyOf("", "x") != keyOf("default", "x") || keyOf("acme", "x") == keyOf("default", "x") || keyOf("acme", "x") == keyOf("acme", "y") {
		t.Error("keys of calls")
	}
}

func TestForwardedStreamIsAsOneHere(t *testing.T) {
	url := testkit.NATS(t).URL()
	a, b := start(t, url, 10*time.Second), start(t, url, 10*time.Second)
	_, err := a.openStream(soon(t), "K")
	must(t, err)
	c, err := b.openStream(soon(t), "K")
	must(t, err)
	if b.call("K") != nil {
		t.Fatal("the call began on the second node too")
	}
	ctx := soon(t)
	results := c.Results()
	got := a.call("K")
	got.events <- interaction.Event{Type: interaction.EventSessionStarted, CallID: "r-K", Seq: 1}
	if e := await(t, results); e.Type != interaction.EventSessionStarted || e.Seq != 1 {
		t.Errorf("result %+v", e)
	}
	long := make([]float32, 3*maxSamples+17)
	for i := range long {
		long[i] = float32(i) / float32(len(long))
	}
	must(t, c.Write(ctx, 0, long))
	must(t, c.Write(ctx, 0, nil))
	must(t, c.Skip(ctx, 0, 160, "lost"))
	must(t, c.Digit(ctx, 0, "#", 80))
	must(t, c.Mark(ctx, "hold", "music"))
	must(t, c.Bind(ctx, interaction.Binding{AgentID: "a-7", ChannelRoles: []interaction.Role{interaction.RoleAgent}, Attributes: map[string]string{"k": "v"}}))
	c.Warn("odd")
	if err := c.Mark(ctx, "nonsense", ""); err == nil || errors.Is(err, ingest.ErrGone) {
		t.Errorf("a mark that the call refuses: %v", err)
	}
	if f, g := count(b), count(a); f != [2]int64{1, 0} || g != [2]int64{0, 1} {
		t.Errorf("streams forwarded and taken: %v here, %v there", f, g)
	}
	must(t, c.End(ctx, ingest.EndClose))
	must(t, c.End(ctx, ingest.EndClose))
	if how := await(t, got.ended); how != ingest.EndClose {
		t.Errorf("ended by %s", how)
	}
	if _, open := <-results; open {
		t.Error("a result after the end")
	}
	want := []string{"skip 0 160 lost", "digit 0 # 80", "mark hold music", "bind a-7 [agent] map[k:v]", "warn odd"}
	if !slices.Equal(got.log, want) {
		t.Errorf("log %q, want %q", got.log, want)
	}
	if !slices.Equal(got.samples[0], long) {
		t.Errorf("%d samples, want the %d that were sent", len(got.samples[0]), len(long))
	}
}

func count(n *node) [2]int64 {
	f, g := n.Stats()
	return [2]int64{f, g}
}

func TestRefusalOfTheOwnerIsTheStreams(t *testing.T) {
	url := testkit.NATS(t).URL()
	a, b := start(t, url, 10*time.Second), start(t, url, 10*time.Second)
	_, err := a.openStream(soon(t), "K")
	must(t, err)
	for _, want := range []error{ingest.ErrBusy, ingest.ErrMismatch} {
		a.fail = fmt.Errorf("live: %w", want)
		if _, err := b.openStream(soon(t), "K"); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
