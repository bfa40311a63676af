package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
