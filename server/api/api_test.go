package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestModelsAreToldWithTheirCardOneByOne(t *testing.T) {
	url := serve(t, options(&fake{}))
	if r := ask(t, http.MethodGet, url+"/v1/models", "read", ""); r.status != 200 || !strings.Contains(r.body, `"name":"n"`) || strings.Contains(r.body, "hidden-4") {
		t.Errorf("list: %d %s", r.status, r.body)
	}
	if r := ask(t, http.MethodGet, url+"/v1/models/n", "read", ""); r.status != 200 || !strings.Contains(r.body, "hidden-4") {
		t.Errorf("one: %d %s", r.status, r.body)
	}
	if r := ask(t, http.MethodGet, url+"/v1/models/n", "ingest", ""); r.status != 403 {
		t.Errorf("without the scope: %d %s", r.status, r.body)
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		request, body string
		status        int
		asked         string // of the fake, for tenant x
	}{
		{"GET /v1/calls", "", 200, "running"},
		{"GET /v1/calls/c1", "", 200, "snapshot c1"},
		{"PATCH /v1/calls/c1", `{"agent_id": "ann"}`, 204, "bind c1 ann"},
		{"PATCH /v1/calls/c1", `{"agent": "ann"}`, 422, ""},
		{"PATCH /v1/calls/c1", `{"agent_id": 7}`, 422, ""},
		{"POST /v1/calls/c1/marks", `{"kind": "transfer", "detail": "bob"}`, 204, "mark c1 transfer bob"},
		{"POST /v1/calls/c1/marks", `{"kind": "sneeze"}`, 422, ""},
		{"GET /v1/interactions?queue=sales&min_overtalk_ms=5&cursor=abc&limit=7", "", 200, "find queue=sales min=5 cursor=abc limit=7"},
		{"GET /v1/interactions", "", 200, "find queue= min=0 cursor= limit=50"},
		{"GET /v1/interactions?que=sales", "", 422, ""},
		{"GET /v1/interactions?limit=0", "", 422, ""},
		{"GET /v1/interactions?limit=1001", "", 422, ""},
		{"GET /v1/interactions?from=yesterday", "", 422, ""},
		{"GET /v1/interactions?decision=maybe", "", 422, ""},
		{"GET /v1/interactions/i1", "", 200, "interaction i1"},
		{"DELETE /v1/interactions/i1", "", 204, "delete i1"},
		{"GET /v1/interactions/export?format=csv", "", 200, "export"},
		{"POST /v1/interactions/alerts?from=2026-01-01T00:00:00Z", "", 200, "reapply"},
		{"POST /v1/interactions/i1/evaluations?evaluator=eve", `{"form": "f", "version": 1, "answers": {"greeting": "yes"}, "state": "draft"}`, 201, "evaluate i1 eve"},
		{"POST /v1/interactions/i1/evaluations?evaluator=eve", `{"form": "f", "version": 0, "answers": {}, "state": "draft"}`, 422, ""},
		{"POST /v1/interactions/i1/segments/0-0001/corrections", `{"field": "emotion", "to": "neutral", "by": "eve"}`, 201, "correct i1 0-0001 neutral"},
		{"DELETE /v1/customers/c-9", "", 200, "erase c-9 key:k-all"},
		{"GET /v1/customers/c-9/journey", "", 200, "journey c-9"},
		{"GET /v1/agents/ann", "", 200, "agent ann"},
		{"POST /v1/surveys", `{"kind": "nps", "value": 10, "contact_id": "c"}`, 201, "survey nps 10"},
		{"POST /v1/surveys", `{"kind": "csat", "value": 6, "contact_id": "c"}`, 422, ""},
		{"POST /v1/surveys", `{"kind": "ces", "value": 0, "contact_id": "c"}`, 422, ""},
		{"POST /v1/surveys", `{"kind": "nps", "value": 3}`, 422, ""},
		{"POST /v1/surveys", `{"kind": "nps", "value": 3, "contact_id": "c", "asked_at": "2026-02-02T00:00:00Z", "answered_at": "2026-01-01T00:00:00Z"}`, 422, ""},
		{"GET /v1/surveys?kind=nps", "", 200, "surveys"},
		{"POST /v1/tasks", `{"title": "call back", "state": "open"}`, 201, "task call back open"},
		{"GET /v1/tasks?state=open", "", 200, "tasks"},
		{"PATCH /v1/tasks/t1", `{"state": "done"}`, 200, "save task call back ann done"},
		{"GET /v1/speakers", "", 200, "speakers"},
		{"GET /v1/speakers/s1", "", 200, "speaker s1"},
		{"DELETE /v1/speakers/s1", "", 200, "delete speaker key:k-all s1"},
		{"POST /v1/consents", `{"speaker_id": "s1", "ref": "r", "purpose": "verify"}`, 201, "consent r"},
		{"POST /v1/consents", `{"speaker_id": "s1", "ref": "r", "purpose": "fun"}`, 422, ""},
		{"GET /v1/consents?speaker_id=s1", "", 200, "consents s1"},
		{"GET /v1/consents", "", 422, ""},
		{"DELETE /v1/consents?speaker_id=s1&purpose=verify", "", 200, "withdraw s1 verify"},
		{"GET /v1/watchlists", "", 200, "watchlists"},
		{"PUT /v1/watchlists/fraud", `{"purpose": "p", "legal_basis": "l", "retention_days": 30, "approver": "a"}`, 204, "watchlist key:k-all fraud"},
		{"PUT /v1/watchlists/fraud", `{"purpose": "p", "retention_days": 30, "approver": "a"}`, 422, ""},
		{"DELETE /v1/watchlists/fraud", "", 204, "delete watchlist key:k-all fraud"},
		{"GET /v1/watchlists/fraud/entries", "", 200, "entries fraud"},
		{"POST /v1/watchlists/fraud/entries", `{"speaker_id": "s1", "reason": "r", "added_by": "a"}`, 201, "entry key:k-all fraud s1"},
		{"POST /v1/watchlists/fraud/entries", `{"speaker_id": "s1", "reason": "r", "added_by": "a", "approved_by": "b"}`, 422, ""},
		{"POST /v1/watchlists/fraud/entries/s1/approve", `{"approved_by": "lead"}`, 204, "approve entry key:k-all lead fraud s1"},
		{"POST /v1/watchlists/fraud/entries/s1/approve", `{}`, 422, ""},
		{"DELETE /v1/watchlists/fraud/entries/s1", "", 204, "remove key:k-all fraud s1"},
		{"GET /v1/enrolments", "", 200, "pending"},
		{"POST /v1/enrolments/v1/approve", "", 204, "approve key:k-all v1"},
		{"POST /v1/enrolments/v1/reject", "", 204, "reject key:k-all v1"},
		{"GET /v1/attempts?speaker_id=s1", "", 200, "attempts s1"},
		{"GET /v1/speakers/s1/lockout", "", 200, "lockout s1"},
		{"DELETE /v1/speakers/s1/lockout", "", 204, "unlock key:k-all s1"},
		{"GET /v1/speakers/s1/holds", "", 200, "holds s1"},
		{"POST /v1/speakers/s1/holds", `{"reason": "case 4711"}`, 201, "hold key:k-all s1 case 4711"},
		{"POST /v1/speakers/s1/holds", `{"reason": ""}`, 422, ""},
		{"DELETE /v1/holds/h1", "", 204, "release key:k-all h1"},
		{"GET /v1/jobs", "", 200, "jobs"},
		{"GET /v1/jobs/j1", "", 200, "job j1"},
		{"POST /v1/keys", `{"name": "n", "scopes": ["read", "review"]}`, 201, "key [read review]"},
		{"POST /v1/keys", `{"name": "n", "scopes": ["root"]}`, 422, ""},
		{"GET /v1/keys", "", 200, "keys"},
		{"DELETE /v1/keys/k1", "", 204, "revoke k1"},
		{"GET /v1/endpoints", "", 200, "endpoints"},
		{"PUT /v1/endpoints", `{"dialect": "twilio", "name": "", "secret": "abc"}`, 204, "endpoint twilio abc"},
		{"DELETE /v1/endpoints?dialect=twilio&name=eu", "", 204, "delete endpoint twilio eu"},
		{"GET /v1/policy?site=berlin&jurisdiction=DE", "", 200, "policy berlin DE "},
		{"GET /v1/audit?subject=p", "", 200, "audit p"},
		{"GET /v1/audit/check", "", 200, "check audit"},
		{"GET /v1/models/other", "", 404, ""},
		{"GET /v1/webhooks", "", 200, "webhooks"},
		{"POST /v1/webhooks", `{"url": "https://crm.example/", "events": ["alert"]}`, 201, "webhook https://crm.example/[alert]key:k-all"},
		{"POST /v1/webhooks", `{"url": "https://crm.example/", "events": ["segment"]}`, 422, ""},
		{"POST /v1/webhooks", `{"url": ""}`, 422, ""},
		{"POST /v1/webhooks/w1/rotate", `{}`, 200, "rotate w1 24h0m0s key:k-all"},
		{"POST /v1/webhooks/w1/rotate", `{"overlap_hours": 0}`, 200, "rotate w1 0s key:k-all"},
		{"POST /v1/webhooks/w1/rotate", `{"overlap_hours": 721}`, 422, ""},
		{"POST /v1/webhooks/w1/test", "", 200, "test webhook w1 key:k-all"},
		{"DELETE /v1/webhooks/w1", "", 204, "delete webhook w1 key:k-all"},
		{"GET /v1/forms", "", 200, "forms "},
		{"GET /v1/forms/qa", "", 200, "form qa 0"},
		{"GET /v1/forms/qa/versions", "", 200, "forms qa"},
		{"GET /v1/forms/qa/versions/2", "", 200, "form qa 2"},
		{"GET /v1/forms/qa/versions/0", "", 422, ""},
		{"POST /v1/forms", `{"id": "qa", "title": "QA", "definition": {"sections": [{"id": "s", "title": "S", "weight": 1, "questions": [{"id": "q", "title": "Q", "kind": "yes_no", "weight": 1}]}]}}`, 201, "save form qa q key:k-all"},
		{"POST /v1/forms", `{"id": "qa", "title": "QA", "definition": {"parts": []}}`, 422, ""},
		{"POST /v1/forms/qa/versions/2/activate", "", 204, "activate qa 2 key:k-all"},
		{"GET /v1/dead-letters", "", 200, "dead"},
		{"POST /v1/dead-letters/7/retry", "", 204, "retry 7"},
		{"DELETE /v1/dead-letters/7", "", 204, "drop 7"},
		{"GET /v1/nothing", "", 404, ""},
		{"PUT /v1/calls", "", 405, ""},
	} {
		t.Run(c.request, func(t *testing.T) {
			f := &fake{task: Task{ID: "t1", Title: "call back", Owner: "ann", State: "open"}}
			url := serve(t, options(f))
			method, path, _ := strings.Cut(c.request, " ")
			r := ask(t, method, url+path, "all", c.body)
			if r.status != c.status {
				t.Fatalf("status %d, want %d: %s", r.status, c.status, r.body)
			}
			if c.asked == "" {
				r.problem(t)
				if len(f.asked) != 0 {
					t.Errorf("a bad request was carried out: %q", f.asked)
				}
				return
			}
			if len(f.asked) == 0 || f.asked[len(f.asked)-1] != "x "+c.asked {
				t.Errorf("asked %q, want %q of tenant x", f.asked, c.asked)
			}
			if strings.Contains(r.body, "hidden-") {
				t.Errorf("a secret came out: %s", r.body)
			}
			if r.status == 200 && strings.Contains(r.body, `"items":null`) {
				t.Errorf("items are null: %s", r.body)
			}
			if r.header.Get("X-Request-Id") == "" || r.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", r.header)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	var log bytes.Buffer
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("no such thing: %w", ErrNotFound), 404, "not_found"}, {ErrConflict, 409, "conflict"}, {ErrInvalid, 422, "invalid"},
		{ErrForbidden, 403, "forbidden"}, {ErrTooLarge, 413, "too_large"}, {ErrUnavailable, 503, "unavailable"},
		{errors.New("pq: password of db.internal is wrong"), 500, "internal"},
	} {
		f := &fake{err: c.err}
		o := options(f)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		r := ask(t, http.MethodGet, serve(t, o)+"/v1/interactions/i", "read", "")
		if r.status != c.status || r.problem(t) != c.code {
			t.Errorf("%v: %d %s, want %d %s", c.err, r.status, r.body, c.status, c.code)
		}
		id := r.header.Get("X-Request-Id")
		if !strings.Contains(r.body, "urn:timbre:request:"+id) {
			t.Errorf("%v: the answer does not name its request %s: %s", c.err, id, r.body)
		}
		if c.code == "internal" && (strings.Contains(r.body, "password") || !strings.Contains(log.String(), "db.internal") || !strings.Contains(log.String(), id)) {
			t.Errorf("internal text: answer %s, log %s", r.body, &log)
		}
	}
}

func TestIdempotency(t *testing.T) {
	f := &fake{}
	url := serve(t, options(f))
	const survey = `{"kind": "nps", "value": 9, "contact_id": "c"}`
	post := func(key, body string) reply {
		return ask(t, http.MethodPost, url+"/v1/surveys", "all", body, "Idempotency-Key", key)
	}
	first, again := post("k1", survey), post("k1", survey)
	if first.status != 201 || again.status != 201 || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" || len(f.asked) != 1 {
		t.Errorf("first %d %s, again %d %s, carried out %q", first.status, first.body, again.status, again.body, f.asked)
	}
	if r := post("k1", `{"kind": "nps", "value": 1, "contact_id": "c"}`); r.status != 409 {
		t.Errorf("another body under the same key: %d %s, want 409", r.status, r.body)
	}
	if r := ask(t, http.MethodPost, url+"/v1/surveys", "other", survey, "Idempotency-Key", "k1"); r.status != 201 || len(f.asked) != 2 {
		t.Errorf("another tenant's key: %d, carried out %q", r.status, f.asked)
	}
	f.err = ErrUnavailable
	if r := post("k2", survey); r.status != 503 {
		t.Errorf("status %d, want 503", r.status)
	}
	f.err = nil
	if r := post("k2", survey); r.status != 201 {
		t.Errorf("after a passing failure: %d %s, want 201", r.status, r.body)
	}
	if r := post(strings.Repeat("k", 256), survey); r.status != 422 {
		t.Errorf("a long key: %d, want 422", r.status)
	}
	if r := post("k3", `{"comment": "`+strings.Repeat("x", maxReplayed)+`"}`); r.status != 413 {
		t.Errorf("a large body: %d, want 413", r.status)
	}
}

func TestExportBreaksOff(t *testing.T) {
	f := &fake{err: errors.New("disk")}
	s := httptest.NewUnstartedServer(New(options(f)))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	defer s.Close()
	req, err := http.NewRequest(http.MethodGet, s.URL+"/v1/interactions/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer read")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return // before the first byte
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("an export that failed looks whole")
	}
}

func TestHealth(t *testing.T) {
	f := &fake{}
	url := serve(t, options(f))
	if r := ask(t, http.MethodGet, url+"/healthz", "", ""); r.status != 200 || !strings.Contains(r.body, `"ok"`) {
		t.Errorf("healthz: %d %s", r.status, r.body)
	}
	if r := ask(t, http.MethodGet, url+"/readyz", "", ""); r.status != 200 {
		t.Errorf("readyz: %d %s", r.status, r.body)
	}
	f.err = errors.New("db.internal is gone")
	if r := ask(t, http.MethodGet, url+"/readyz", "", ""); r.status != 503 || !strings.Contains(r.body, `"store":"unavailable"`) || strings.Contains(r.body, "internal") {
		t.Errorf("readyz of a broken server: %d %s", r.status, r.body)
	}
	if r := ask(t, http.MethodGet, url+"/other", "", ""); r.status != 404 {
		t.Errorf("another path: %d, want 404", r.status)
	}
}
