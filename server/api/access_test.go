package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

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
