package interaction

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// place is a value inside a document. Each change returns how to take it back.
type place struct {
	path   string
	value  any
	member map[string]any // the object that holds it, under key
	key    string
	array  []any // or the array, at i
	i      int
}

func (p place) set(v any) (undo func()) {
	if p.member == nil {
		p.array[p.i] = v
		return func() { p.array[p.i] = p.value }
	}
	p.member[p.key] = v
	return func() { p.member[p.key] = p.value }
}

func (p place) remove() (undo func()) {
	delete(p.member, p.key)
	return func() { p.member[p.key] = p.value }
}

// capitals writes the name in capitals, which encoding/json alone takes for the same.
func (p place) capitals() (undo func()) {
	upper := strings.ToUpper(p.key)
	delete(p.member, p.key)
	p.member[upper] = p.value
	return func() { delete(p.member, upper); p.member[p.key] = p.value }
}

// add puts an unknown member into an object.
func (p place) add() (undo func()) {
	object := p.value.(map[string]any)
	object["unknown_member"] = 1
	return func() { delete(object, "unknown_member") }
}

// places lists every value under doc.
func places(doc any, path string) []place {
	var out []place
	switch d := doc.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(d)) {
			p := join(path, key)
			out = append(out, place{path: p, value: d[key], member: d, key: key})
			out = append(out, places(d[key], p)...)
		}
	case []any:
		for i := range d {
			p := index(path, i)
			out = append(out, place{path: p, value: d[i], array: d, i: i})
			out = append(out, places(d[i], p)...)
		}
	}
	return out
}

// wrongFor returns bad values by what stood there: each is a fault wherever the golden record has such a value.
func wrongFor(v any) []any {
	const wrongTime = "2026-13-01T00:00:00Z"
	switch s := v.(type) {
	case string:
		if len(s) >= 20 && s[4] == '-' && s[10] == 'T' {
			return []any{nil, 7, wrongTime, "yesterday"}
		}
		return []any{nil, 7, true, []any{}, map[string]any{}}
	case json.Number:
		return []any{nil, "1", true, []any{}}
	case bool:
		return []any{nil, "true", 1}
	case []any:
		return []any{nil, "", map[string]any{}, []any{nil}}
	case map[string]any:
		return []any{nil, "", []any{}, 0}
	}
	return nil
}
