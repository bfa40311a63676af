package ingest

import (
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

// TestResultsLoseTheOldest: a reader that comes late gets the latest events, and is told how many it missed with the first that comes
// while there is room.
func TestResultsLoseTheOldest(t *testing.T) {
	r := NewResults()
	for seq := range int64(ResultsLen + 50) {
		r.Put(interaction.Event{Type: interaction.EventMark, Tenant: "acme", CallID: "c", Seq: seq})
	}
	for want := int64(50); len(r.Events()) > 0; want++ {
		if e := <-r.Events(); e.Type != interaction.EventMark || e.Seq != want {
			t.Fatalf("%s %d, want the mark %d", e.Type, e.Seq, want)
		}
	}
	r.Put(interaction.Event{Type: interaction.EventSessionEnded, Version: interaction.EventVersion, Tenant: "acme", CallID: "c", Seq: 306})
	r.Close()
	e, ok := <-r.Events()
	if !ok || e.Type != interaction.EventLost || e.Count != 50 || e.Seq != 306 || e.Version != interaction.EventVersion || e.Tenant != "acme" || e.CallID != "c" {
		t.Errorf("%+v, want 50 told as lost before 306", e)
	}
	if e := <-r.Events(); e.Type != interaction.EventSessionEnded {
		t.Errorf("%+v, want session_ended", e)
	}
	if e, ok := <-r.Events(); ok {
		t.Errorf("%+v after the last", e)
	}
}
