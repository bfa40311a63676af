package server

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/sentiment"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/store"
)

// one is analysis.Normals in memory, of one customer and one earlier call.
type one struct{ earlier, kept *sentiment.Normaliser }

func (o *one) Earlier(context.Context, string, string) (sentiment.Normaliser, bool, error) {
	if o.earlier == nil {
		return sentiment.Normaliser{}, false, nil
	}
	return *o.earlier, true, nil
}

func (o *one) Keep(_ context.Context, _, _ string, n sentiment.Normaliser) error {
	o.kept = &n
	return nil
}

// scores returns what each segment of the customer in a record expresses, as text.
func scores(t *testing.T, r *interaction.Interaction) string {
	t.Helper()
	var all []*interaction.Emotion
	for _, s := range r.Segments {
		if s.Emotion != nil {
			all = append(all, s.Emotion)
		}
	}
	if len(all) == 0 {
		t.Fatal("a record without an emotion")
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// reference analyses a recorded call of anna in this process.
func reference(t *testing.T, name string, n analysis.Normals) *interaction.Interaction {
	t.Helper()
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	r, err := analysis.AnalyzeFile(t.Context(), testkit.Testdata(t, "calls", name), analysis.FileOptions{Channels: analysis.RolesUntold(), Customer: "anna", Permit: permitOf(DefaultConfig()), Engine: engine, Normals: n})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// phone plays a recorded call of a customer as a live one and returns its record.
func (n node) phone(t *testing.T, name, callID, customer string) *interaction.Interaction {
	t.Helper()
	heard := n.listen(t, "/v1/events", "")
	a, c := call(t, name)
	if err := ingest.Play(t.Context(), ingest.PlayOptions{URL: n.ws() + "/v1/stream", Dialect: "generic", Rate: 8000, Agent: a, Customer: c, CallID: callID,
		Parameters: map[string]string{"customer_id": customer}}); err != nil {
		t.Fatal(err)
	}
	return n.recordOf(t, next(t, heard, of(interaction.EventSessionEnded)).CallID)
}

func (n node) recordOf(t *testing.T, id string) *interaction.Interaction {
	t.Helper()
	var raw string
	n.request(t, http.MethodGet, "/v1/interactions/"+id, "", nil, 200, &raw)
	r, err := interaction.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Contact.Media.Warnings) > 0 {
		t.Errorf("warnings %q", r.Contact.Media.Warnings)
	}
	return r
}

// handIn has a recording of a customer analysed and returns its record.
func (n node) handIn(t *testing.T, name, customer string) *interaction.Interaction {
	t.Helper()
	b, err := os.ReadFile(testkit.Testdata(t, "calls", name))
	if err != nil {
		t.Fatal(err)
	}
	var j api.Job
	n.request(t, http.MethodPost, "/v1/recordings?customer_id="+customer, "", strings.NewReader(string(b)), 202, &j)
	deadline := time.Now().Add(time.Minute)
	for j.State != "done" && j.State != "failed" && time.Now().Before(deadline) {
		n.request(t, http.MethodGet, "/v1/jobs/"+j.ID, "", nil, 200, &j)
	}
	return n.recordOf(t, j.InteractionID)
}

// normals returns the rows of everybody.
func (n node) normals(t *testing.T) []store.VoiceNormal {
	t.Helper()
	l, err := n.store.Tenant("default").VoiceNormals(t.Context(), store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return l.Items
}

func (n node) agree(t *testing.T, who, purpose string) {
	t.Helper()
	n.request(t, http.MethodPost, "/v1/consents", "", strings.NewReader(`{"speaker_id": "`+who+`", "ref": "r", "purpose": "`+purpose+`", "channel": "call"}`), 201, nil)
}

// TestSecondCallKnowsTheFirst plays two calls of one customer, and one of who gave no consent, under a policy that keeps what earlier calls say
// and under the default: the second is scored as this process scores it with the statistics of the first, whether it comes live or as a
// recording, and otherwise as if there had been none.
func TestSecondCallKnowsTheFirst(t *testing.T) {
	first := &one{}
	reference(t, "short-call.wav", first)
	if first.kept == nil || first.kept.Seconds() < 5 {
		t.Fatal("the first call says too little for this test")
	}
	want, alone := scores(t, reference(t, "short-call.wav", &one{earlier: first.kept})), scores(t, reference(t, "short-call.wav", nil))
	if want == alone {
		t.Fatal("the first call changes no score of the second")
	}
	for name, on := range map[string]bool{"permitted": true, "by_default": false} {
		t.Run(name, func(t *testing.T) {
			c := config(t.TempDir())
			if on {
				c.Policy.EarlierCalls = &on
			}
			n := run(t, c)
			n.agree(t, "anna", identity.PurposeAnalytics)
			n.agree(t, "carl", identity.PurposeAnalytics)
			n.agree(t, "bert", identity.PurposeVerify)
			second := map[bool]string{true: want, false: alone}[on]
			for _, who := range []string{"anna", "bert", "carl"} {
				n.phone(t, "short-call.wav", who+"-1", who)
			}
			if got := scores(t, n.phone(t, "short-call.wav", "anna-2", "anna")); got != second {
				t.Errorf("the second call\n%s, want\n%s", got, second)
			}
			if got := scores(t, n.phone(t, "short-call.wav", "bert-2", "bert")); got != alone {
				t.Errorf("the second call of who agreed to verification alone\n%s, want\n%s", got, alone)
			}
			if got := scores(t, n.handIn(t, "short-call.wav", "carl")); got != second {
				t.Errorf("a recording that is handed in\n%s, want\n%s", got, second)
			}
			rows := n.normals(t)
			if !on {
				if len(rows) > 0 {
					t.Errorf("%d rows under a policy that keeps none", len(rows))
				}
				return
			}
			if len(rows) != 2 || rows[0].SpeakerID != "anna" || rows[1].SpeakerID != "carl" || rows[0].Calls != 2 {
				t.Errorf("%d rows, want anna's and carl's of two calls", len(rows))
			}
			other, err := n.people.registry("other")
			if err != nil {
				t.Fatal(err)
			}
			if b, err := other.Normal(t.Context(), "anna", n.people.emotion, identity.DefaultRules()); err != nil || b != nil {
				t.Errorf("another tenant reads %d bytes, %v", len(b), err)
			}
			n.request(t, http.MethodPut, "/v1/speakers/carl/opt-out", "", nil, 204, nil)
			n.request(t, http.MethodDelete, "/v1/consents?speaker_id=anna&purpose=analytics", "", nil, 200, nil)
			if rows := n.normals(t); len(rows) > 0 {
				t.Errorf("%d rows after an opt-out and a withdrawal", len(rows))
			}
			if got := scores(t, n.phone(t, "short-call.wav", "anna-3", "anna")); got != alone {
				t.Errorf("after the withdrawal\n%s, want\n%s", got, alone)
			}
			n.agree(t, "dora", identity.PurposeAnalytics)
			n.phone(t, "short-call.wav", "dora-1", "dora")
			if rows := n.normals(t); len(rows) != 1 || rows[0].SpeakerID != "dora" {
				t.Errorf("%d rows, want dora's", len(rows))
			}
			var receipt api.Receipt
			n.request(t, http.MethodDelete, "/v1/speakers/dora", "", nil, 200, &receipt)
			if rows := n.normals(t); len(rows) > 0 || !strings.Contains(receipt.Signed, `"voice_normals":1`) {
				t.Errorf("%d rows after the deletion, receipt %s", len(rows), receipt.Signed)
			}
		})
	}
}
