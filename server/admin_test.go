package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/store"
)

// posted is one delivery with the headers that it is checked by.
type posted struct {
	header http.Header
	body   []byte
}

// verified says which of the secrets signed a delivery.
func (p posted) verified(secrets ...string) (out []bool) {
	for _, s := range secrets {
		out = append(out, events.Verify(s, p.header.Get(events.HeaderSignature), p.header.Get(events.HeaderDelivery), p.body, time.Now(), time.Minute) == nil)
	}
	return out
}

func receiver(t *testing.T) (url string, got <-chan posted) {
	t.Helper()
	c := make(chan posted, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c <- posted{r.Header, body}
	}))
	t.Cleanup(s.Close)
	return s.URL, c
}

func first[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came in a minute")
		panic("not reached")
	}
}

func (n node) actions(t *testing.T, subject string) (out []string) {
	t.Helper()
	l, err := n.store.Tenant("default").Audit(t.Context(), subject, store.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.Items {
		out = append(out, e.Action)
	}
	slices.Reverse(out)
	return out
}

func TestWebhooksOverREST(t *testing.T) {
	url, got := receiver(t)
	c := config(t.TempDir())
	c.WebhookLoopback = true
	c.Webhooks = []WebhookConfig{{ID: "crm", URL: "http://127.0.0.1:9/", Secrets: []string{"a secret of some length"}, Events: []interaction.EventKind{interaction.EventAlert}}}
	n := run(t, c)
	var made api.MadeWebhook
	n.request(t, http.MethodPost, "/v1/webhooks", "", strings.NewReader(`{"url": "`+url+`", "events": ["call_summary"]}`), 201, &made)
	if len(made.Secret) < 16 || made.Source != "api" || !slices.Equal(made.Events, []string{"call_summary"}) {
		t.Fatalf("made %+v", made)
	}
	var text string
	n.request(t, http.MethodGet, "/v1/webhooks", "", nil, 200, &text)
	var list api.List[api.Webhook]
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 || list.Items[0].ID != "crm" || list.Items[0].Source != "configuration" || list.Items[1].ID != made.ID || strings.Contains(text, made.Secret) || strings.Contains(text, "a secret of") {
		t.Errorf("list %s", text)
	}
	var tested api.TestDelivery
	n.request(t, http.MethodPost, "/v1/webhooks/"+made.ID+"/test", "", nil, 200, &tested)
	if p := first(t, got); !tested.Delivered || p.header.Get(events.HeaderEvent) != "test" || !p.verified(made.Secret)[0] {
		t.Errorf("test %+v: %v", tested, p.header)
	}
	n.request(t, http.MethodPost, "/v1/webhooks/crm/test", "", nil, 200, &tested)
	if tested.Delivered || !strings.Contains(tested.Error, "refused") {
		t.Errorf("test of a receiver that is not there: %+v", tested)
	}

	var rotated api.MadeWebhook
	n.request(t, http.MethodPost, "/v1/webhooks/"+made.ID+"/rotate", "", strings.NewReader(`{"overlap_hours": 1}`), 200, &rotated)
	if rotated.Secret == made.Secret || rotated.PreviousUntil == nil {
		t.Fatalf("rotated %+v", rotated)
	}
	if err := play(t, n, "twilio", "/v1/ingest/twilio", "K-1", 0, nil); err != nil {
		t.Fatal(err)
	}
	p := first(t, got) // the record's delivery, by way of the outbox
	if p.header.Get(events.HeaderEvent) != "call_summary" || !slices.Equal(p.verified(rotated.Secret, made.Secret), []bool{true, true}) {
		t.Errorf("delivery %v, signed by %v", p.header, p.verified(rotated.Secret, made.Secret))
	}
	n.request(t, http.MethodPost, "/v1/webhooks/"+made.ID+"/rotate", "", strings.NewReader(`{"overlap_hours": 0}`), 200, &rotated)
	n.request(t, http.MethodPost, "/v1/webhooks/"+made.ID+"/test", "", nil, 200, &tested)
	if p := first(t, got); !slices.Equal(p.verified(rotated.Secret, made.Secret), []bool{true, false}) {
		t.Errorf("after a rotation without overlap signed by %v", p.verified(rotated.Secret, made.Secret))
	}
	rows, err := n.store.Tenant("default").Webhooks(t.Context())
	if err != nil || len(rows) != 1 || strings.Contains(string(rows[0].Sealed), rotated.Secret) {
		t.Errorf("%d rows, %v: the secret must lie sealed", len(rows), err)
	}

	n.request(t, http.MethodDelete, "/v1/webhooks/crm", "", nil, 409, nil)
	n.request(t, http.MethodPost, "/v1/webhooks/nothing/rotate", "", strings.NewReader(`{}`), 404, nil)
	n.request(t, http.MethodPost, "/v1/webhooks/nothing/test", "", nil, 404, nil)
	n.request(t, http.MethodDelete, "/v1/webhooks/"+made.ID, "", nil, 204, nil)
	n.request(t, http.MethodDelete, "/v1/webhooks/"+made.ID, "", nil, 404, nil)
	want := []string{"webhook_add", "webhook_test", "webhook_rotate", "webhook_rotate", "webhook_test", "webhook_delete"}
	if have := n.actions(t, made.ID); !slices.Equal(have, want) {
		t.Errorf("audit %q, want %q", have, want)
	}
}

func TestWebhookOfThisMachineIsRefusedUnlessPermitted(t *testing.T) {
	n := run(t, config(t.TempDir()))
	for _, url := range []string{"http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/", "https://user:pass@crm.example/", "file:///etc/passwd"} {
		n.request(t, http.MethodPost, "/v1/webhooks", "", strings.NewReader(`{"url": "`+url+`"}`), 422, nil)
	}
	for range maxWebhooks {
		n.request(t, http.MethodPost, "/v1/webhooks", "", strings.NewReader(`{"url": "https://crm.example/"}`), 201, nil)
	}
	n.request(t, http.MethodPost, "/v1/webhooks", "", strings.NewReader(`{"url": "https://crm.example/"}`), 409, nil)
}

const formBody = `{"id": "qa", "title": "QA", "definition": {"sections": [{"id": "s", "title": "S", "weight": 1, "questions": [
	{"id": "greeting", "title": "Greeted?", "kind": "yes_no", "weight": 1}, {"id": "pace", "title": "Pace", "kind": "scale", "max": 5, "weight": 1}]}]}}`

func TestFormsOverREST(t *testing.T) {
	n := run(t, config(t.TempDir()))
	if err := play(t, n, "twilio", "/v1/ingest/twilio", "K-1", 0, nil); err != nil {
		t.Fatal(err)
	}
	id := n.recordsOf(t, "K-1")[0].Contact.ID
	evaluate := "/v1/interactions/" + id + "/evaluations?evaluator=ann"
	answers := `{"form": "qa", "version": 1, "state": "submitted", "answers": {"greeting": "yes", "pace": "3"}}`
	n.request(t, http.MethodPost, evaluate, "", strings.NewReader(answers), 404, nil)

	var f api.Form
	n.request(t, http.MethodPost, "/v1/forms", "", strings.NewReader(formBody), 201, &f)
	n.request(t, http.MethodPost, "/v1/forms", "", strings.NewReader(strings.Replace(formBody, `"QA"`, `"Quality"`, 1)), 201, &f)
	if f.Version != 1 || f.State != "draft" || f.Title != "Quality" || len(f.Definition.Sections) != 1 {
		t.Fatalf("draft %+v", f)
	}
	n.request(t, http.MethodPost, "/v1/forms", "", strings.NewReader(strings.Replace(formBody, `"scale", "max": 5`, `"scale", "max": 1`, 1)), 422, nil)
	n.request(t, http.MethodPost, "/v1/forms/qa/versions/1/activate", "", nil, 204, nil)
	n.request(t, http.MethodPost, "/v1/forms/qa/versions/1/activate", "", nil, 409, nil)
	n.request(t, http.MethodPost, "/v1/forms/qa/versions/9/activate", "", nil, 404, nil)
	n.request(t, http.MethodPost, "/v1/forms", "", strings.NewReader(formBody), 201, &f)
	if f.Version != 2 || f.State != "draft" {
		t.Errorf("after the activation a draft is version %d, %s", f.Version, f.State)
	}
	n.request(t, http.MethodGet, "/v1/forms/qa", "", nil, 200, &f)
	if f.Version != 1 || f.State != "active" {
		t.Errorf("in force: version %d, %s", f.Version, f.State)
	}
	n.request(t, http.MethodGet, "/v1/forms/qa/versions/2", "", nil, 200, &f)
	n.request(t, http.MethodGet, "/v1/forms/nothing", "", nil, 404, nil)
	n.request(t, http.MethodGet, "/v1/forms/nothing/versions", "", nil, 404, nil)
	var l api.List[api.FormVersion]
	n.request(t, http.MethodGet, "/v1/forms/qa/versions", "", nil, 200, &l)
	if len(l.Items) != 2 || l.Items[0].State != "active" || l.Items[1].State != "draft" {
		t.Errorf("versions %+v", l.Items)
	}
	n.request(t, http.MethodGet, "/v1/forms", "", nil, 200, &l)
	if len(l.Items) != 2 {
		t.Errorf("forms %+v", l.Items)
	}
	if have, want := n.actions(t, "qa/1"), []string{"form_save", "form_save", "form_activate"}; !slices.Equal(have, want) {
		t.Errorf("audit %q, want %q", have, want)
	}

	for name, body := range map[string]string{
		"no_such_question": `{"form": "qa", "version": 1, "state": "draft", "answers": {"shoes": "yes"}}`,
		"no_such_answer":   `{"form": "qa", "version": 1, "state": "draft", "answers": {"pace": "6"}}`,
		"not_all_answered": `{"form": "qa", "version": 1, "state": "submitted", "answers": {"pace": "5"}}`,
		"another_score":    `{"form": "qa", "version": 1, "state": "submitted", "score": 99, "answers": {"greeting": "yes", "pace": "3"}}`,
	} {
		t.Run(name, func(t *testing.T) { n.request(t, http.MethodPost, evaluate, "", strings.NewReader(body), 422, nil) })
	}
	var r interaction.Interaction
	n.request(t, http.MethodPost, evaluate, "", strings.NewReader(answers), 201, &r)
	if len(r.Evaluations) != 1 || r.Evaluations[0].Score == nil || *r.Evaluations[0].Score != 75 { // yes is 100, 3 of 1 to 5 is 50
		t.Errorf("evaluations %+v", r.Evaluations)
	}
}

func TestGovernanceOverREST(t *testing.T) {
	n := run(t, config(t.TempDir()))
	var p api.Policy
	n.request(t, http.MethodGet, "/v1/policy?jurisdiction=DE", "", nil, 200, &p)
	if p.Jurisdiction != "DE" || !slices.ContainsFunc(p.Lines, func(l api.PolicyLine) bool {
		return l.Key == "agent_emotion" && l.Value == false && l.Text != "" && l.Source != ""
	}) {
		t.Errorf("policy %+v", p)
	}
	n.request(t, http.MethodGet, "/v1/policy?jurisdiction=Atlantis", "", nil, 422, nil)
	var c api.AuditCheck
	n.request(t, http.MethodGet, "/v1/audit/check", "", nil, 200, &c)
	if !c.Intact || c.Entries != 0 {
		t.Errorf("an empty log: %+v", c)
	}
	n.request(t, http.MethodPost, "/v1/forms", "", strings.NewReader(formBody), 201, nil)
	n.request(t, http.MethodPost, "/v1/forms", "", strings.NewReader(formBody), 201, nil)
	n.request(t, http.MethodGet, "/v1/audit/check", "", nil, 200, &c)
	if !c.Intact || c.Entries != 2 || len(c.Head) != 64 {
		t.Errorf("check %+v", c)
	}
	var l api.List[api.AuditLine]
	n.request(t, http.MethodGet, "/v1/audit?subject=qa/1&limit=1", "", nil, 200, &l)
	if len(l.Items) != 1 || l.Items[0].Action != "form_save" || l.Items[0].Seq != 2 || l.Items[0].Hash != c.Head || l.Next == "" {
		t.Errorf("log %+v", l)
	}
}

func TestKeysAndEndpointsAreAudited(t *testing.T) {
	n := run(t, config(t.TempDir()))
	n.request(t, http.MethodPut, "/v1/endpoints", "", strings.NewReader(`{"dialect": "twilio", "name": "x", "secret": "s"}`), 204, nil)
	n.request(t, http.MethodDelete, "/v1/endpoints?dialect=twilio&name=x", "", nil, 204, nil)
	n.request(t, http.MethodDelete, "/v1/endpoints?dialect=twilio&name=x", "", nil, 404, nil)
	if have, want := n.actions(t, "twilio/x"), []string{"endpoint_save", "endpoint_delete"}; !slices.Equal(have, want) {
		t.Errorf("audit %q, want %q", have, want)
	}
	var k api.MadeKey
	n.request(t, http.MethodPost, "/v1/keys", "", strings.NewReader(`{"name": "first", "scopes": ["admin"]}`), 201, &k)
	n.request(t, http.MethodDelete, "/v1/keys/"+k.ID, k.Secret, nil, 204, nil)
	if have, want := n.actions(t, k.ID), []string{"key_add", "key_revoke"}; !slices.Equal(have, want) {
		t.Errorf("audit %q, want %q", have, want)
	}
}
