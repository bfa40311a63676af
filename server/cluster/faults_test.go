package cluster

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/ingest"
)

// pair returns two nodes and a stream of the second on a call of the first.
func pair(t *testing.T, url string, grace time.Duration) (a, b *node, c ingest.Call) {
	t.Helper()
	a, b = start(t, url, grace), start(t, url, grace)
	_, err := a.openStream(soon(t), "K")
	must(t, err)
	c, err = b.openStream(soon(t), "K")
	must(t, err)
	return a, b, c
}

func TestDeadOwnerEndsTheStreamAndItsClaimIsTakenOver(t *testing.T) {
	a, b, c := pair(t, testkit.NATS(t).URL(), 2*time.Second)
	must(t, c.Write(soon(t), 0, []float32{1}))
	a.conn.Close() // as a process that is killed leaves it
	if err := c.Write(soon(t), 0, []float32{2}); !errors.Is(err, ingest.ErrGone) {
		t.Fatalf("Write after the owner's death: %v, want ErrGone", err)
	}
	if id := await(t, b.lost); id != "acme/r-K" {
		t.Errorf("lost %s", id)
	}
	if err := c.End(soon(t), ingest.EndDropped); !errors.Is(err, ingest.ErrGone) {
		t.Errorf("End: %v, want ErrGone", err)
	}
	if _, err := b.openStream(soon(t), "K"); err != nil || b.call("K") == nil {
		t.Errorf("the call is not the other node's: %v", err)
	}
	if owner, err := b.Owner(soon(t), "acme", "K"); err != nil || owner != b.Address() {
		t.Errorf("owner %q, %v", owner, err)
	}
}

func TestClaimBehindWhichNoCallIsIsTakenOverAtOnce(t *testing.T) {
	url := testkit.NATS(t).URL()
	a, b := start(t, url, 10*time.Second), start(t, url, 10*time.Second)
	if _, _, err := a.claims.create(soon(t), keyOf("acme", "K"), a.Address()); err != nil { // its release was lost
		t.Fatal(err)
	}
	if _, err := b.openStream(soon(t), "K"); err != nil || b.call("K") == nil {
		t.Errorf("the call is not the other node's: %v", err)
	}
	if _, err := a.openStream(soon(t), "K"); err != nil || a.call("K") != nil {
		t.Errorf("the call is of both: %v", err)
	}
	if _, _, err := a.claims.create(soon(t), keyOf("acme", "L"), a.Address()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.openStream(soon(t), "L"); err != nil || a.call("L") == nil {
		t.Errorf("its own claim that it does not hold: %v", err)
	}
}

func TestDeadBringerIsABrokenConnection(t *testing.T) {
	a, b, _ := pair(t, testkit.NATS(t).URL(), time.Second)
	b.conn.Close()
	if how := await(t, a.call("K").ended); how != ingest.EndDropped {
		t.Errorf("ended by %s, want dropped", how)
	}
}

func TestQuietStreamIsKeptAlive(t *testing.T) {
	a, b, c := pair(t, testkit.NATS(t).URL(), 500*time.Millisecond)
	for range 3 { // longer than the grace, by the clock that the owner goes by
		heard := a.guest().heard.Load()
		for a.guest().heard.Load() == heard {
			time.Sleep(10 * time.Millisecond)
		}
	}
	must(t, c.Write(soon(t), 0, []float32{1}))
	if n := len(b.lost); n > 0 {
		t.Errorf("%d streams lost", n)
	}
}

func (n *node) guest() *guest {
	n.Directory.mu.Lock()
	defer n.Directory.mu.Unlock()
	for _, g := range n.guests {
		return g
	}
	return nil
}

func TestCallThatIsBehindSlowsItsStreamAndDoesNotEndIt(t *testing.T) {
	grace := 500 * time.Millisecond
	a, _, c := pair(t, testkit.NATS(t).URL(), grace)
	got := a.call("K")
	got.block = make(chan struct{})
	written := make(chan error, 1)
	begun := time.Now()
	go func() { written <- c.Write(soon(t), 0, []float32{1, 2, 3}) }()
	for time.Since(begun) < 2*grace {
		select {
		case err := <-written:
			t.Fatalf("Write returned before the call took it: %v", err)
		case <-time.After(grace / 10):
		}
	}
	close(got.block)
	must(t, await(t, written))
	if !slices.Equal(got.samples[0], []float32{1, 2, 3}) {
		t.Errorf("samples %v, want each once", got.samples[0])
	}
}

func TestRestartOfNATSLosesNoSample(t *testing.T) {
	server := testkit.NATS(t)
	a, b, c := pair(t, server.URL(), 20*time.Second)
	r := rand.New(rand.NewPCG(1, 2))
	var want []float32
	for i := range 300 {
		away := i == 100 || i == 200
		if away {
			server.Kill()
		}
		x := make([]float32, r.IntN(400))
		for j := range x {
			x[j] = r.Float32()
		}
		want = append(want, x...)
		done := make(chan error, 1)
		go func() { done <- c.Write(soon(t), 0, x) }()
		if away {
			server.Start()
		}
		must(t, await(t, done))
	}
	must(t, c.End(soon(t), ingest.EndStop))
	if got := a.call("K").samples[0]; !slices.Equal(got, want) {
		t.Errorf("%d samples, want the %d that were sent, in their order", len(got), len(want))
	}
	if owner, err := b.Owner(soon(t), "acme", "K"); err != nil || owner != a.Address() {
		t.Errorf("the claim after the restart: owner %q, %v", owner, err)
	}
}

func TestCallIsTakenWithoutNATSAndClaimedLater(t *testing.T) {
	server := testkit.NATS(t)
	a, b := start(t, server.URL(), 2*time.Second), start(t, server.URL(), 2*time.Second)
	server.Kill()
	if _, err := a.openStream(soon(t), "K"); err != nil || a.call("K") == nil {
		t.Fatalf("a call while NATS is away: %v", err)
	}
	server.Start()
	for owner := ""; owner != a.Address(); {
		owner, _ = a.Owner(soon(t), "acme", "K") // fails until the connection stands
	}
	c, err := b.openStream(soon(t), "K")
	must(t, err)
	if b.call("K") != nil || c.ID() != "r-K" {
		t.Error("the other leg is a call of its own")
	}
}

func TestNodeThatIsSlowToOpenKeepsItsCall(t *testing.T) {
	url := testkit.NATS(t).URL()
	grace := time.Second
	a, b := start(t, url, grace), start(t, url, grace)
	_, err := a.openStream(soon(t), "K")
	must(t, err)
	a.slow = make(chan struct{})
	opened := make(chan error, 1)
	go func() {
		_, err := b.openStream(soon(t), "K")
		opened <- err
	}()
	for begun := time.Now(); time.Since(begun) < 2*grace; {
		select {
		case err := <-opened:
			t.Fatalf("opened before the owner did: %v", err)
		case <-time.After(grace / 10):
		}
	}
	close(a.slow)
	must(t, await(t, opened))
	if b.call("K") != nil || a.opens != 2 {
		t.Errorf("opened %d times at the owner, want 2, and at the other node %v", a.opens, b.call("K"))
	}
}

func TestDrainedOwnerEndsItsGuestsInOrder(t *testing.T) {
	a, b, c := pair(t, testkit.NATS(t).URL(), 10*time.Second)
	must(t, a.Shutdown(soon(t)))
	if how := await(t, a.call("K").ended); how != ingest.EndDrained {
		t.Errorf("ended by %s, want drained", how)
	}
	if err := c.Write(soon(t), 0, []float32{1}); !errors.Is(err, ingest.ErrGone) {
		t.Errorf("Write: %v, want ErrGone", err)
	}
	if err := c.End(soon(t), ingest.EndDropped); err != nil {
		t.Errorf("End of a stream that the owner ended in order: %v", err)
	}
	if _, err := b.openStream(soon(t), "K"); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("another stream for a node that drains: %v, want ErrBusy", err)
	}
	if len(b.lost) > 0 {
		t.Error("a drained node was taken for dead")
	}
}
