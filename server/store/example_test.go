package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
)

// A call is kept, a survey that comes later finds its way into the record, and the call is found by both.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(ctx, store.Options{DSN: filepath.Join(dir, "timbre.db"), Now: time.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	if err := s.EnsureTenant(ctx, "acme", "Acme Ltd"); err != nil {
		fmt.Println(err)
		return
	}
	acme := s.Tenant("acme")

	data, err := os.ReadFile("../../interaction/testdata/record.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := interaction.Parse(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err = acme.SaveInteraction(ctx, record)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := acme.AddSurvey(ctx, store.Survey{ContactID: record.Contact.ContactID, Kind: "nps", Value: 2}); err != nil {
		fmt.Println(err)
		return
	}

	angry, detractor := 0.5, 6.0
	found, err := acme.Interactions(ctx, store.Query{AgentID: "agent-4", Metrics: map[string]store.Range{
		"anger_peak": {Min: &angry}, "nps": {Max: &detractor}}}, store.Page{Limit: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range found.Items {
		fmt.Println(v.ID, "revision", v.Revision, "peak of anger", *v.Metric("anger_peak"), "NPS", *v.Metric("nps"))
	}
	_, err = s.Tenant("other").Interaction(ctx, record.Contact.ID)
	fmt.Println(errors.Is(err, store.ErrNotFound), store.Code(err))
	// Output:
	// 01JD8M3Z7Q revision 2 peak of anger 0.74 NPS 2
	// true not_found
}
