package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// moment keeps a time as microseconds since 1970. The zero time is an absent one, NULL. A time read is in UTC.
type moment struct{ t *time.Time }

// at binds a column to a time.
func at(t *time.Time) moment { return moment{t} }

// Value implements driver.Valuer.
func (m moment) Value() (driver.Value, error) {
	if m.t.IsZero() {
		return nil, nil
	}
	return m.t.UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (m moment) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m.t = time.Time{}
	case int64:
		*m.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("store: time: %T, want microseconds", src)
	}
	return nil
}

// document keeps a value as JSON text.
type document struct{ v any }

// jsonOf binds a column to what v points to.
func jsonOf(v any) document { return document{v} }

// Value implements driver.Valuer.
func (d document) Value() (driver.Value, error) {
	b, err := json.Marshal(d.v)
	return string(b), err
}

// Scan implements sql.Scanner.
func (d document) Scan(src any) error {
	v := reflect.ValueOf(d.v).Elem()
	v.SetZero() // json.Unmarshal would add to a map that is there
	switch src := src.(type) {
	case string:
		return json.Unmarshal([]byte(src), d.v)
	case []byte:
		return json.Unmarshal(src, d.v)
	}
	return fmt.Errorf("store: json: %T, want text", src)
}

const (
	maxKey  = 256     // bytes of an id or a name that rows are found by
	maxText = 1 << 20 // bytes of any other text
)

// checkKey refuses what cannot name a row.
func checkKey(what string, key any) error {
	s, ok := key.(string)
	switch {
	case !ok:
		return nil
	case s == "":
		return invalid(what, s, "a text of at least one character")
	case len(s) > maxKey:
		return invalid(what, fmt.Sprintf("%d bytes", len(s)), fmt.Sprintf("at most %d", maxKey))
	}
	return checkText(what, s)
}

// checkText refuses what PostgreSQL cannot keep, on either engine.
func checkText(what, s string) error {
	switch {
	case len(s) > maxText:
		return invalid(what, fmt.Sprintf("%d bytes", len(s)), fmt.Sprintf("at most %d", maxText))
	case !utf8.ValidString(s):
		return invalid(what, s, "valid UTF-8")
	case strings.ContainsRune(s, 0):
		return invalid(what, s, "no NUL character")
	}
	return nil
}

// plain returns the value behind a field pointer as drivers take it.
func plain(field any) (any, error) {
	switch f := field.(type) {
	case driver.Valuer:
		return f.Value()
	case *[]byte:
		if *f == nil {
			return []byte{}, nil // an empty blob, not NULL
		}
		return *f, nil
	}
	v := reflect.ValueOf(field).Elem()
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil, nil
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int64:
		return v.Int(), nil
	case reflect.Float64:
		return v.Float(), nil
	case reflect.Bool:
		return v.Bool(), nil
	}
	return nil, fmt.Errorf("store: column: %s cannot be kept", v.Type())
}
