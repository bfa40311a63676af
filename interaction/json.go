package interaction

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// New returns an empty live record of which no audio is kept, ready to be filled.
func New() *Interaction {
	return &Interaction{Schema: SchemaID, Contact: Contact{State: StateLive, Audio: Audio{Kept: "none"}}}
}

// MarshalJSON writes the record with every array and map that the schema requires as [] or {}, never null. r is not changed.
func (r Interaction) MarshalJSON() ([]byte, error) {
	type plain Interaction // without this method
	return json.Marshal(plain(filled(reflect.ValueOf(r)).Interface().(Interaction)))
}

// filled returns a copy of v in which required slices and maps are not nil. What needs no filling is shared with v.
func filled(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct || v.Type().Elem() == timeType {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(filled(v.Elem()))
		return p
	case reflect.Struct:
		if v.Type() == timeType {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			f := filled(v.Field(i))
			if _, optional := jsonName(v.Type().Field(i)); !optional {
				switch {
				case f.Kind() == reflect.Slice && f.IsNil():
					f = reflect.MakeSlice(f.Type(), 0, 0)
				case f.Kind() == reflect.Map && f.IsNil():
					f = reflect.MakeMap(f.Type())
				}
			}
			out.Field(i).Set(f)
		}
		return out
	case reflect.Slice:
		if v.IsNil() || !nests(v.Type().Elem()) {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(filled(v.Index(i)))
		}
		return out
	case reflect.Map:
		if v.IsNil() || !nests(v.Type().Elem()) {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			e := filled(it.Value())
			if e.Kind() == reflect.Slice && e.IsNil() { // interruptions.by_interrupter
				e = reflect.MakeSlice(e.Type(), 0, 0)
			}
			out.SetMapIndex(it.Key(), e)
		}
		return out
	}
	return v
}

// nests reports whether a value of type t can hold a slice or a map.
func nests(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return t != timeType
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return true
	}
	return false
}

var timeType = reflect.TypeFor[time.Time]()

// Parse reads one record and refuses what the schema refuses (unknown and missing fields, null, wrong types, words and ranges)
// and what Validate refuses. The error lists every *Problem of the first stage that found any.
func Parse(data []byte) (*Interaction, error) {
	r, err := decode(data)
	if err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return r, nil
}

// decode reads data as strictly as the schema does, without the rules that span fields.
func decode(data []byte) (*Interaction, error) {
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("interaction: record: %w", err)
	}
	var c checker
	c.shape(reflect.TypeFor[Interaction](), doc, "")
	if err := c.err(); err != nil {
		return nil, err
	}
	var r Interaction
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("interaction: record: %w", err)
	}
	c.fields(reflect.ValueOf(&r), "", rule{})
	return &r, c.err()
}

// shape compares the members of doc with the fields of t. encoding/json lets missing members, null and names in other letter case
// pass, which the schema does not.
func (c *checker) shape(t reflect.Type, doc any, path string) {
	t = base(t)
	if doc == nil {
		c.add(path, word("null"), "a value; absent where there is none")
		return
	}
	object, isObject := doc.(map[string]any)
	switch {
	case t == timeType:
	case t.Kind() == reflect.Struct && isObject:
		known := make(map[string]bool, t.NumField())
		for i := range t.NumField() {
			name, optional := jsonName(t.Field(i))
			known[name] = true
			if member, ok := object[name]; ok && optional && member == "" {
				c.add(join(path, name), "", "a text; absent where there is none")
			} else if ok {
				c.shape(t.Field(i).Type, member, join(path, name))
			} else if !optional {
				c.add(join(path, name), word("missing"), "a value")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if !known[name] {
				c.add(join(path, name), word("unknown field"), "a field of "+SchemaID)
			}
		}
	case t.Kind() == reflect.Map && isObject:
		for _, name := range slices.Sorted(maps.Keys(object)) {
			c.shape(t.Elem(), object[name], join(path, name))
		}
	case t.Kind() == reflect.Slice:
		if array, ok := doc.([]any); ok {
			for i, e := range array {
				c.shape(t.Elem(), e, index(path, i))
			}
		}
	}
}

// checker collects problems.
type checker struct {
	errs []error
}

func (c *checker) add(path string, value any, want string, args ...any) {
	c.errs = append(c.errs, &Problem{Path: path, Value: show(value), Want: fmt.Sprintf(want, args...)})
}

func (c *checker) err() error {
	return errors.Join(c.errs...)
}
