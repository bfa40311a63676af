package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// mark stands in every text that tenant a owns, and in no name of a route.
const mark = "zq-secret-of-a"

// scopes are all that a key can have.
var scopes = []string{"ingest", "read", "review", "identity", "admin"}

// addKey makes an API key of a tenant that may do everything.
func addKey(t *testing.T, n *node, db, tenant string) string {
	t.Helper()
	cmd := exec.Command(n.bin, "serve", "keys", "add", "--db", db, "--data-dir", n.args[4], "--tenant", tenant, "--name", tenant, "--scope", strings.Join(scopes, ","))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("key of %s: %v", tenant, err)
	}
	return strings.TrimSpace(string(out))
}

// operation is one operation of the OpenAPI file.
type operation struct {
	method, path string
	parameters   []parameter
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   struct {
		Type string `json:"type"`
		Enum []any  `json:"enum"`
	} `json:"schema"`
}

func operations(t *testing.T, n *node) []operation {
	t.Helper()
	status, b, err := n.do(http.MethodGet, "/openapi.json", n.key, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("openapi.json: status %d, %v", status, err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	var out []operation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			if !slices.Contains([]string{"get", "put", "post", "patch", "delete"}, method) {
				continue
			}
			o := operation{method: strings.ToUpper(method), path: path}
			var body struct {
				Parameters []parameter `json:"parameters"`
			}
			if err := json.Unmarshal(doc.Paths[path][method], &body); err != nil {
				t.Fatal(err)
			}
			o.parameters = body.Parameters
			out = append(out, o)
		}
	}
	return out
}

// aim fills the parameters of an operation with what tenant a owns.
func (o operation) aim(owned map[string][]string) []string {
	paths := []string{o.path}
	q := url.Values{}
	for _, p := range o.parameters {
		values := append([]string{mark}, owned[p.Name]...)
		if strings.HasPrefix(o.path, "/v1/interactions") || strings.HasPrefix(o.path, "/v1/calls") {
			values = append(values, owned["interaction"]...)
		}
		switch {
		case p.In == "path":
			var next []string
			for _, path := range paths {
				for _, v := range values {
					next = append(next, strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(v)))
				}
			}
			paths = next
		case p.In == "query" && len(p.Schema.Enum) > 0:
			if p.Required {
				q.Set(p.Name, fmt.Sprint(p.Schema.Enum[0]))
			}
		case p.In == "query" && p.Schema.Type == "string" && (p.Required || strings.HasSuffix(p.Name, "_id")):
			q.Set(p.Name, mark)
		}
	}
	if len(q) == 0 {
		return paths
	}
	for _, path := range slices.Clone(paths) { // with and without
		paths = append(paths, path+"?"+q.Encode())
	}
	return paths
}

// TestTenantsAreApart walks every operation of the OpenAPI file with tenant b's key, aimed at what tenant a owns.
func TestTenantsAreApart(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "timbre.db")
	n := newNode(t, dir, "--db", db)
	a, b := addKey(t, n, db, "a"), addKey(t, n, db, "b")
	n.key = a
	n.start()
	must := func(method, path, body string) []byte {
		t.Helper()
		status, out, err := n.do(method, path, a, []byte(body))
		if err != nil || status >= 300 {
			t.Fatalf("%s %s: status %d, %v: %.300s", method, path, status, err, out)
		}
		return out
	}
	ended, err := dial(n, mark, muLaw(t))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if !ended.stop(20 * time.Second) {
		t.Fatal("the call of tenant a was not confirmed")
	}
	r, err := n.record(mark)
	if err != nil {
		t.Fatal(err)
	}
	running, err := dial(n, mark+"-running", muLaw(t))
	if err != nil {
		t.Fatal(err)
	}
	defer running.drop()
	must(http.MethodPost, "/v1/consents", `{"speaker_id":"`+mark+`","ref":"`+mark+`","purpose":"verify"}`)
	must(http.MethodPut, "/v1/watchlists/"+mark, `{"purpose":"`+mark+`","legal_basis":"l","retention_days":30,"approver":"`+mark+`"}`)
	must(http.MethodPost, "/v1/surveys", `{"kind":"nps","value":9,"contact_id":"`+mark+`","customer_id":"`+mark+`"}`)
	must(http.MethodPost, "/v1/tasks", `{"title":"`+mark+`","customer_id":"`+mark+`","source":"person","state":"open"}`)
	owned := map[string][]string{"interaction": {r.ID}}
	var list struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	for name, path := range map[string]string{"call": "/v1/calls", "task": "/v1/tasks", "key": "/v1/keys"} {
		if err := json.Unmarshal(must(http.MethodGet, path, ""), &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			owned["id"] = append(owned["id"], item.ID)
		}
		if len(list.Items) == 0 {
			t.Errorf("tenant a sees no %s of its own: the sweep shows nothing about it", name)
		}
	}
	owned["id"] = append(owned["id"], r.ID)

	all := operations(t, n)
	before := view(t, n, all, a)
	requests, apart := 0, 0
	for _, o := range all {
		for _, path := range o.aim(owned) {
			var bodies []string
			if o.method == http.MethodGet || o.method == http.MethodDelete {
				bodies = []string{""}
			} else {
				bodies = []string{"{}", `{"id":"` + mark + `","title":"x","state":"done","owner":"x","agent_id":"b","kind":"hold"}`}
			}
			for _, body := range bodies {
				requests++
				status, out, err := n.do(o.method, path, b, []byte(body))
				if err != nil {
					t.Errorf("%s %s: %v", o.method, path, err)
					continue
				}
				// What was asked for may be repeated in an error's text; what is owned may not be told.
				if status < 300 && (strings.Contains(string(out), mark) || strings.Contains(string(out), r.ID)) {
					t.Errorf("%s %s tells tenant b: %d %.300s", o.method, path, status, out)
					continue
				}
				if status >= 500 {
					t.Errorf("%s %s: status %d: %.200s", o.method, path, status, out)
				}
				apart++
			}
		}
	}
	after := view(t, n, all, a)
	changed := 0
	for path, was := range before {
		if after[path] != was {
			changed++
			t.Errorf("%s of tenant a changed:\n%.400s\n%.400s", path, was, after[path])
		}
	}
	seen := 0
	for _, text := range before {
		if strings.Contains(text, mark) {
			seen++
		}
	}
	if seen < 5 {
		t.Errorf("tenant a sees its mark on %d pages, want 5 or more: the sweep shows nothing", seen)
	}
	report(t, row{"tenant isolation: every operation with the other tenant's key", requests, apart, requests - apart, "requests", fmt.Sprintf("%d operations", len(all))})
	report(t, row{"tenant isolation: pages of the owner as they were", len(before), len(before) - changed, changed, "pages", fmt.Sprintf("the mark on %d of them", seen)})
}

// view returns what a key sees on every page that needs no id, as text; pages that move by themselves are left out.
func view(t *testing.T, n *node, all []operation, key string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, o := range all {
		if o.method != http.MethodGet || strings.Contains(o.path, "{") || strings.Contains(o.path, "calls") || strings.Contains(o.path, "keys") || !strings.HasPrefix(o.path, "/v1/") {
			continue
		}
		for _, path := range o.aim(nil) {
			status, b, err := n.do(http.MethodGet, path, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status == http.StatusOK {
				out[path] = string(b)
			}
		}
	}
	return out
}
