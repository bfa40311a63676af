package server

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events"
)

// TestDeliveriesAreMadeOfTheRecordAsItStands: what is queued names the call; who and what is read when it is sent.
func TestDeliveriesAreMadeOfTheRecordAsItStands(t *testing.T) {
	n := run(t, config(t.TempDir()))
	ctx := t.Context()
	running := shortRecord(t, "running", interaction.StateLive)
	running.Participants = []interaction.Participant{
		{ID: "agent-1", Role: interaction.RoleAgent, ExternalID: "ann"}, {ID: "agent-2", Role: interaction.RoleAgent, ExternalID: "bob", FromMs: 5000},
		{ID: "customer-1", Role: interaction.RoleCustomer, ExternalID: "anna"},
	}
	running.Alerts = []interaction.Alert{{Rule: "hit", StartMs: 100, Evidence: "early"}, {Rule: "hit", StartMs: 7000, Evidence: "anna"}, {Rule: "other", StartMs: 7000}}
	v := bodies{n.store, func(_ context.Context, _, id string) (*interaction.Interaction, error) {
		if id == "running" {
			return running, nil
		}
		return nil, api.ErrNotFound
	}}
	whole := func(e interaction.Event) interaction.Event {
		t.Helper()
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if body, err = v.whole(ctx, events.Delivery{Tenant: "default", Body: body}); err != nil {
			t.Fatal(err)
		}
		var out interaction.Event
		if body != nil {
			if err := json.Unmarshal(body, &out); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	alert := interaction.Alert{Rule: "hit", StartMs: 6900, Evidence: "names a person"}
	if name := nameOf(&alert); name.Evidence != "" || name.Rule != "hit" || alert.Evidence == "" || nameOf(nil) != nil {
		t.Errorf("queued as %+v", name)
	}
	e := whole(interaction.Event{Type: interaction.EventAlert, CallID: "running", TimeMs: 7100, Alert: nameOf(&alert)})
	if e.AgentID != "bob" || e.Alert == nil || e.Alert.Evidence != "anna" {
		t.Errorf("alert of a running call: %+v, %+v", e, e.Alert)
	}
	e = whole(interaction.Event{Type: interaction.EventAlert, CallID: "running", TimeMs: 900, Alert: &interaction.Alert{Rule: "unknown", StartMs: 3}})
	if e.AgentID != "ann" || e.Alert == nil || e.Alert.Rule != "unknown" || e.Alert.StartMs != 3 {
		t.Errorf("an alert that the record does not have: %+v, %+v", e, e.Alert)
	}

	r := shortRecord(t, "ended", interaction.StateComplete)
	r.Contact.Queue = "sales"
	if err := n.records.Save(ctx, r); err != nil {
		t.Fatal(err)
	}
	kind, name, err := told(r)
	if err != nil || kind != string(interaction.EventSummary) {
		t.Fatal(kind, err)
	}
	var queued interaction.Event
	if err := json.Unmarshal(name, &queued); err != nil || queued.Record != nil || queued.Queue != "" || queued.CallID != "ended" {
		t.Errorf("queued: %s, %v, want a name alone", name, err)
	}
	if e = whole(queued); e.Record == nil || e.Queue != "sales" || e.Record.Contact.ID != "ended" || e.State != interaction.StateComplete || e.TimeMs != r.Contact.DurationMs {
		t.Errorf("summary: %+v", e)
	}
	if err := n.store.Tenant("default").DeleteInteraction(ctx, "ended"); err != nil {
		t.Fatal(err)
	}
	if e = whole(queued); e.CallID != "" {
		t.Errorf("told of a record that was deleted: %+v", e)
	}
	if _, err := v.whole(ctx, events.Delivery{Tenant: "default", Body: json.RawMessage("x")}); err == nil {
		t.Error("a body that is no event: no error")
	}
}
