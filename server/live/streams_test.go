package live

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/ingest"
)

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
