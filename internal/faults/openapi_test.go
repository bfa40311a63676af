package faults

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// operation is one operation of the OpenAPI file.
type operation struct {
	method, path string
	parameters   []parameter
	body         *schema // of JSON; nil: none
	schemas      map[string]*schema
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   schema `json:"schema"`
}

// schema is as much of JSON Schema as makes a valid value. Its type may be a list.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       json.RawMessage    `json:"type"`
	Enum       []any              `json:"enum"`
	Format     string             `json:"format"`
	MinLength  int                `json:"minLength"`
	Minimum    *float64           `json:"minimum"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	MinItems   int                `json:"minItems"`
	ReadOnly   bool               `json:"readOnly"`
	Additional json.RawMessage    `json:"additionalProperties"`
}

func operations(t *testing.T, n *node) []operation {
	t.Helper()
	status, b, err := n.do(http.MethodGet, "/openapi.json", n.key, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("openapi.json: status %d, %v", status, err)
	}
	var doc struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]*schema `json:"schemas"`
		} `json:"components"`
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
			var op struct {
				Parameters  []parameter `json:"parameters"`
				RequestBody struct {
					Content map[string]struct {
						Schema *schema `json:"schema"`
					} `json:"content"`
				} `json:"requestBody"`
			}
			if err := json.Unmarshal(doc.Paths[path][method], &op); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			out = append(out, operation{strings.ToUpper(method), path, op.Parameters, op.RequestBody.Content["application/json"].Schema, doc.Components.Schemas})
		}
	}
	return out
}

// named says whether anything of a request is an id.
func (o operation) named() bool {
	return o.body != nil || slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.In == "path" || p.In == "query" })
}

// aimed is a request at an id.
type aimed struct {
	path string
	body []byte
}

// aim makes requests with an id wherever one may stand: alone in the path, and with every text of the query, and in the body, first
// with what is required alone. The requests of two ids are as many and of the same kinds.
func (o operation) aim(id string) []aimed {
	path := o.path
	q, required := url.Values{}, url.Values{}
	for _, p := range o.parameters {
		value := id
		if len(p.Schema.Enum) > 0 || p.Schema.kind() != "string" {
			b, _ := json.Marshal(p.Schema.value(p.Name, id, o.schemas, true, 0)) // of our own values: never fails
			value = strings.Trim(string(b), `"`)
		}
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(id))
		case p.In == "query" && p.Required:
			required.Set(p.Name, value)
			q.Set(p.Name, value)
		case p.In == "query" && p.Schema.kind() == "string" && len(p.Schema.Enum) == 0 && p.Schema.Format == "" && p.Name != "cursor":
			q.Set(p.Name, value)
		}
	}
	paths := []string{path}
	if len(required) > 0 {
		paths[0] += "?" + required.Encode()
	}
	if len(q) > len(required) {
		paths = append(paths, path+"?"+q.Encode())
	}
	var out []aimed
	for _, p := range paths {
		if o.body == nil {
			var body []byte
			if o.method == http.MethodPost || o.method == http.MethodPut || o.method == http.MethodPatch {
				body = []byte("{}")
			}
			out = append(out, aimed{p, body})
			continue
		}
		for _, whole := range []bool{false, true} {
			b, err := json.Marshal(o.body.value("", id, o.schemas, whole, 0))
			if err != nil {
				b = []byte("{}")
			}
			out = append(out, aimed{p, b})
		}
	}
	return out
}

func (s *schema) kind() string {
	var one string
	if json.Unmarshal(s.Type, &one) == nil {
		return one
	}
	var several []string
	if json.Unmarshal(s.Type, &several) == nil {
		for _, k := range several {
			if k != "null" {
				return k
			}
		}
	}
	return ""
}

// value returns a value that the schema allows, with id as its texts; whole: with what is not required, too.
func (s *schema) value(name, id string, all map[string]*schema, whole bool, depth int) any {
	if s.Ref != "" {
		if s = all[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]]; s == nil {
			return nil
		}
	}
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case depth > 6:
		return nil
	}
	switch s.kind() {
	case "object":
		out := map[string]any{}
		for key, p := range s.Properties {
			if key != "$schema" && !p.ReadOnly && (whole || slices.Contains(s.Required, key)) {
				out[key] = p.value(key, id, all, whole, depth+1)
			}
		}
		return out
	case "array":
		if s.Items == nil || !whole && s.MinItems == 0 {
			return []any{}
		}
		return []any{s.Items.value(name, id, all, whole, depth+1)}
	case "integer", "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "boolean":
		return false
	case "string":
		switch s.Format {
		case "date-time":
			return "2026-01-02T03:04:05Z"
		case "uri":
			return "https://example.invalid/" + id
		}
		return id
	}
	return nil
}

// twin returns an id like another that nobody owns.
func twin(id string) string {
	digits := false
	out := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			digits = true
			return '0' + (r-'0'+1)%10
		}
		return r
	}, id)
	if digits {
		return out
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'y' {
			return r + 1
		}
		return r
	}, id)
}
