package live

import (
	"context"
	"errors"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/ingest"
)

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
	for range ingest.ResultsLen + 50 {
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
	if n != ingest.ResultsLen || lost != 51 || last != interaction.EventSessionEnded {
		t.Errorf("%d read, %d told as lost, the last is %s; want %d, 51 and session_ended", n, lost, last, ingest.ResultsLen)
	}
}
