package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// serve starts the interface on a socket.
func serve(t *testing.T, o Options) string {
	t.Helper()
	s := httptest.NewServer(New(o))
	t.Cleanup(s.Close)
	return s.URL
}

type reply struct {
	status int
	header http.Header
	body   string
}

// problem returns the code of a problem details body.
func (r reply) problem(t *testing.T) string {
	t.Helper()
	var p struct {
		Type, Detail, Instance string
		Status                 int
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || !strings.HasPrefix(r.header.Get("Content-Type"), "application/problem+json") || p.Status != r.status {
		t.Errorf("status %d, %s is no problem details: %s", r.status, r.header.Get("Content-Type"), r.body)
	}
	return strings.TrimPrefix(p.Type, "urn:timbre:problem:")
}

func ask(t *testing.T, method, url, key, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// described reads the OpenAPI description.
type described struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		OperationID string           `json:"operationId"`
		Security    []map[string]any `json:"security"`
		Description string           `json:"description"`
		Responses   map[string]any   `json:"responses"`
	} `json:"paths"`
}

func describe(t *testing.T, url string) described {
	t.Helper()
	r := ask(t, http.MethodGet, url+"/openapi.json", "", "")
	var d described
	if err := json.Unmarshal([]byte(r.body), &d); err != nil || r.status != http.StatusOK {
		t.Fatalf("status %d, %v", r.status, err)
	}
	return d
}

// TestEveryOperationAsksForAKeyAndItsScope goes through the whole description, so that no operation can be forgotten.
func TestEveryOperationAsksForAKeyAndItsScope(t *testing.T) {
	f := &fake{}
	o := options(f)
	o.KeyRate, o.RemoteRate = Rate{1e6, 1e6}, Rate{1e6, 1e6}
	url := serve(t, o)
	d := describe(t, url)
	if d.OpenAPI != "3.1.0" || len(d.Paths) < 25 {
		t.Fatalf("OpenAPI %s with %d paths", d.OpenAPI, len(d.Paths))
	}
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			name := strings.ToUpper(method) + " " + path
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s: operation id %q, want one of its own", name, op.OperationID)
			}
			ids[op.OperationID] = true
			if slices.Contains(free, path) {
				continue
			}
			if len(op.Security) == 0 || len(op.Responses) == 0 {
				t.Errorf("%s: no security or no responses described", name)
			}
			at := url + strings.NewReplacer("{id}", "i", "{segment}", "s", "{name}", "n", "{speaker}", "p", "{version}", "1").Replace(path)
			if r := ask(t, strings.ToUpper(method), at, "", ""); r.status != http.StatusUnauthorized || r.problem(t) != "unauthorized" || r.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s without a key: %d %s", name, r.status, r.body)
			}
			refused := 0
			for _, s := range scopes {
				r := ask(t, strings.ToUpper(method), at, string(s), "")
				says := strings.Contains(op.Description, "Needs the scope "+string(s)+".")
				if r.status == http.StatusForbidden {
					refused++
				}
				if (r.status == http.StatusForbidden) == (says || s == ScopeAdmin) {
					t.Errorf("%s with scope %s: %d %s", name, s, r.status, r.body)
				}
			}
			if refused < 3 {
				t.Errorf("%s is refused to %d scopes, want at least 3", name, refused)
			}
		}
	}
}

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

func TestVoiceByUpload(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/v1/speakers/anna/voiceprints?consent_ref=r-1&channel=1", `x enrol key:k-identity anna r-1 "RIFF" channel 1`},
		{"/v1/verify?speaker=anna", `x verify key:k-identity anna "RIFF" channel -1`},
		{"/v1/identify?watchlist=fraud&top=3", `x identify key:k-identity fraud 3 "RIFF" channel -1`},
	} {
		f := &fake{}
		r := ask(t, http.MethodPost, serve(t, options(f))+c.path, "identity", "RIFF", "Content-Type", "audio/wav")
		if r.status/100 != 2 || !slices.Equal(f.asked, []string{c.want}) {
			t.Errorf("%s: %d %s, asked %q", c.path, r.status, r.body, f.asked)
		}
	}
	f := &fake{}
	if r := ask(t, http.MethodPost, serve(t, options(f))+"/v1/speakers/anna/voiceprints?existing=maybe", "identity", "RIFF"); r.status != 422 || len(f.asked) > 0 {
		t.Errorf("an enrolment that may do anything: %d %s, asked %q", r.status, r.body, f.asked)
	}
}

// TestBatch: the report leaves line by line, and what ends a batch stands in its last line once the first has left.
func TestBatch(t *testing.T) {
	post := func(f *fake, path, key string) reply {
		t.Helper()
		return ask(t, http.MethodPost, serve(t, options(f))+path, key, "tar", "Content-Type", "application/octet-stream")
	}
	f := &fake{}
	r := post(f, "/v1/enrolments?existing=overwrite&consent_ref=c-7", "identity")
	want := `{"speaker_id":"s1","action":"enrolled","net_speech_ms":0,"sources":0,"recordings":[]}` + "\n" +
		`{"summary":{"speakers":1,"enrolled":1,"replaced":0,"skipped":0,"failed":0}}` + "\n"
	if r.status != 200 || r.body != want || r.header.Get("Content-Type") != "application/x-ndjson" || !slices.Equal(f.asked, []string{"x batch key:k-identity overwrite c-7 3"}) {
		t.Errorf("%d %v %s, asked %q", r.status, r.header, r.body, f.asked)
	}
	if r := post(&fake{after: ErrUnavailable}, "/v1/enrolments", "identity"); r.status != 200 || !strings.Contains(r.body, `"enrolled":1,"replaced":0,"skipped":0,"failed":0,"error":"`) {
		t.Errorf("a batch that breaks off: %d %s", r.status, r.body)
	}
	if r := post(&fake{err: ErrInvalid}, "/v1/enrolments", "identity"); r.status != 422 {
		t.Errorf("a batch that cannot be read: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/v1/enrolments?existing=extend", "/v1/enrolments?exsiting=skip", "/v1/enrolments?consent_ref=" + strings.Repeat("x", 501)} {
		f := &fake{}
		if r := post(f, path, "identity"); r.status != 422 || len(f.asked) > 0 {
			t.Errorf("%.60s: %d %s, asked %q", path, r.status, r.body, f.asked)
		}
	}
	f = &fake{}
	if r := post(f, "/v1/enrolments", "read"); r.status != 403 || len(f.asked) > 0 {
		t.Errorf("without the scope: %d %s", r.status, r.body)
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

func TestKeys(t *testing.T) {
	f := &fake{}
	url := serve(t, options(f))
	for _, c := range []struct {
		name, key string
		header    []string
		status    int
	}{
		{"unknown", "nobody", nil, 401}, {"bearer", "read", nil, 200}, {"header", "", []string{"X-API-Key", "read"}, 200},
		{"basic", "", []string{"Authorization", "Basic cmVhZDo="}, 401}, {"lookup_fails", "broken", nil, 503},
	} {
		r := ask(t, http.MethodGet, url+"/v1/interactions/i", c.key, "", c.header...)
		if r.status != c.status || strings.Contains(r.body, "secret") {
			t.Errorf("%s: %d %s, want %d", c.name, r.status, r.body, c.status)
		}
	}
	f.asked = nil
	if r := ask(t, http.MethodGet, url+"/v1/interactions/i", "other", ""); r.status != 200 || !slices.Equal(f.asked, []string{"y interaction i"}) {
		t.Errorf("another tenant's key: %d, asked %q", r.status, f.asked)
	}
}

// TestOpenServerIsOnlyForThisMachine holds what a page of another site, or a name that points here, must not get without a key.
func TestOpenServerIsOnlyForThisMachine(t *testing.T) {
	f := &fake{}
	o := options(f)
	o.Open = true
	url := serve(t, o)
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"curl", nil, 200}, {"own_page", []string{"Origin", url, "Sec-Fetch-Site", "same-origin"}, 200}, {"typed_address", []string{"Sec-Fetch-Site", "none"}, 200},
		{"foreign_page", []string{"Origin", "https://evil.example"}, 403}, {"foreign_image", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"rebound_name", []string{"Host", "evil.example"}, 403}, {"localhost", []string{"Host", "localhost:8080"}, 200}, {"unknown_key", []string{"X-API-Key", "x"}, 401},
	} {
		f.asked = nil
		r := ask(t, http.MethodGet, url+"/v1/interactions/i", "", "", c.header...)
		if r.status != c.status || r.status == 200 && !slices.Equal(f.asked, []string{"default interaction i"}) {
			t.Errorf("%s: %d %s, asked %q; want %d", c.name, r.status, r.body, f.asked, c.status)
		}
	}
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://127.0.0.1/v1/interactions/i", nil)
	req.RemoteAddr = "10.0.0.9:1234"
	New(o).ServeHTTP(w, req)
	if w.Code != http.StatusForbidden {
		t.Errorf("another machine without a key: %d, want 403", w.Code)
	}
}

func TestGuard(t *testing.T) {
	a := New(options(&fake{}))
	s := httptest.NewServer(a.Guard(ScopeRead, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, TenantOf(r)) })))
	defer s.Close()
	for key, want := range map[string]int{"": 401, "review": 403, "read": 200, "all": 200} {
		if r := ask(t, http.MethodGet, s.URL, key, ""); r.status != want || want == 200 && r.body != "x" {
			t.Errorf("key %q: %d %s, want %d", key, r.status, r.body, want)
		}
	}
}

func TestRateLimit(t *testing.T) {
	f := &fake{}
	o := options(f)
	now := time.Unix(1764090000, 0)
	var mu sync.Mutex
	o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	o.KeyRate = Rate{PerSecond: 0.5, Burst: 2}
	url := serve(t, o)
	get := func(key string) reply { return ask(t, http.MethodGet, url+"/v1/calls", key, "") }
	for i, want := range []int{200, 200, 429} {
		r := get("read")
		if r.status != want {
			t.Errorf("request %d: %d, want %d", i, r.status, want)
		}
		if want == 429 && (r.problem(t) != "rate_limited" || r.header.Get("Retry-After") != "2") {
			t.Errorf("refused with %v %s", r.header, r.body)
		}
	}
	if r := get("all"); r.status != 200 {
		t.Errorf("another key: %d, want 200", r.status)
	}
	mu.Lock()
	now = now.Add(2 * time.Second)
	mu.Unlock()
	if r := get("read"); r.status != 200 {
		t.Errorf("after the wait: %d, want 200", r.status)
	}
}

func TestLimiterForgets(t *testing.T) {
	now := time.Unix(0, 0)
	l := &limiter{now: func() time.Time { return now }, buckets: map[string]*bucket{}}
	for i := range 3 * maxBuckets {
		l.take(fmt.Sprint(i), Rate{1, 1})
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d buckets, want at most %d", len(l.buckets), maxBuckets)
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

func TestUpload(t *testing.T) {
	f := &fake{}
	o := options(f)
	o.MaxUpload = 100
	url := serve(t, o)
	r := ask(t, http.MethodPost, url+"/v1/recordings?name=a.wav&agent_channel=0&customer_channel=1&agent_id=ann&queue=sales&started_at=2026-01-02T03:04:05Z", "ingest", "RIFF", "Content-Type", "audio/wav")
	if r.status != 202 || r.header.Get("Location") != "/v1/jobs/j-1" || string(f.audio) != "RIFF" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if u := f.upload; u.Name != "a.wav" || u.AgentChannel != 0 || u.CustomerChannel != 1 || u.Binding.AgentID != "ann" || u.Binding.Queue != "sales" || u.StartedAt.Hour() != 3 {
		t.Errorf("upload %+v", u)
	}
	for name, c := range map[string]struct {
		path, body, kind string
		status           int
	}{
		"too_large":         {"", strings.Repeat("x", 101), "audio/wav", 413},
		"multipart":         {"", "x", "multipart/form-data; boundary=b", 422},
		"channel":           {"?agent_channel=-1", "x", "audio/wav", 422},
		"channel_word":      {"?customer_channel=left", "x", "audio/wav", 422},
		"unknown_parameter": {"?agent=ann", "x", "audio/wav", 422},
		"time":              {"?started_at=today", "x", "audio/wav", 422},
		"direction":         {"?direction=sideways", "x", "audio/wav", 422},
	} {
		f.asked = nil
		r := ask(t, http.MethodPost, url+"/v1/recordings"+c.path, "ingest", c.body, "Content-Type", c.kind)
		if r.status != c.status || len(f.asked) > 0 {
			t.Errorf("%s: %d %s, want %d", name, r.status, r.body, c.status)
		}
		r.problem(t)
	}
	// Without a length the limit still holds.
	req, err := http.NewRequest(http.MethodPost, url+"/v1/recordings", io.MultiReader(strings.NewReader(strings.Repeat("x", 200))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer ingest")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body without length: %d, want 413", resp.StatusCode)
	}
	if r := ask(t, http.MethodPost, url+"/v1/recordings", "read", "RIFF"); r.status != 403 {
		t.Errorf("without the scope: %d, want 403", r.status)
	}
}

func TestBodyTooLarge(t *testing.T) {
	f := &fake{}
	url := serve(t, options(f))
	r := ask(t, http.MethodPost, url+"/v1/tasks", "all", `{"title": "`+strings.Repeat("x", 2<<20)+`"}`)
	if r.status != http.StatusRequestEntityTooLarge || len(f.asked) > 0 {
		t.Errorf("%d %.200s, want 413", r.status, r.body)
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
