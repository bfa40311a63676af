package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/timbre-voice/timbre/interaction"
)

// number is an integer that platforms write as 4, "4", 4.0 or, when they have none, "" or null.
type number struct {
	n  int64
	ok bool // there is one
}

func (v *number) UnmarshalJSON(b []byte) error {
	*v = number{}
	s := string(bytes.Trim(b, `" `))
	if s == "" || s == "null" {
		return nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		*v = number{n, true}
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1<<53 {
		return fmt.Errorf("%.40q, want an integer", s)
	}
	*v = number{int64(f), true}
	return nil
}

// MarshalJSON writes the number as the string that most platforms send.
func (v number) MarshalJSON() ([]byte, error) {
	if !v.ok {
		return []byte(`""`), nil
	}
	return strconv.AppendQuote(nil, strconv.FormatInt(v.n, 10)), nil
}

func numberOf[T ~int | ~int64](n T) number { return number{int64(n), true} }

// or returns the number, or other where there is none.
func (v number) or(other int64) int64 {
	if v.ok {
		return v.n
	}
	return other
}

// decodeJSON reads one message. What is wrong with it is told to the platform, without its content.
func decodeJSON(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	if t, ok := err.(*json.UnmarshalTypeError); ok {
		if t.Field == "" {
			return badRequest("message: %s, want an object", t.Value)
		}
		return badRequest("message: field %s: %s, want %s", t.Field, t.Value, jsonKind(t.Type.Kind()))
	}
	return badRequest("message of %d bytes: no JSON object of this dialect: %.120s", len(data), err)
}

// jsonKind is JSON's word for a kind of Go.
func jsonKind(k reflect.Kind) string {
	switch k {
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "object"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	}
	return k.String()
}

// decodeBase64 appends the bytes of s, padded or not, to dst.
func decodeBase64(dst []byte, s string) ([]byte, error) {
	s = strings.TrimRight(s, "=")
	n := len(dst)
	dst, err := base64.RawStdEncoding.AppendDecode(dst, []byte(s))
	if err != nil {
		return dst[:n], badRequest("media payload: not base64: %.80s", err)
	}
	return dst, nil
}

// skipWAVHeader returns what follows the header where a payload begins with one, as some clients send files.
func skipWAVHeader(b []byte) []byte {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return b
	}
	if i := bytes.Index(b, []byte("data")); i >= 0 && i+8 <= len(b) {
		return b[i+8:]
	}
	return nil
}

// codec returns the name that engine/audio has for how a platform spells an encoding: audio/x-mulaw, PCMU, L16, slin16, ...
// Parameters after a semicolon are passed over. 16-bit linear on websockets is little endian whatever RFC 3551 says of L16, unless
// the endpoint says l16.
func (e Endpoint) codec(spelled string) (string, error) {
	s, _, _ := strings.Cut(strings.ToLower(spelled), ";")
	s = strings.TrimSpace(s)
	s = strings.TrimPrefix(strings.TrimPrefix(s, "audio/"), "x-")
	switch s {
	case "mulaw", "ulaw", "pcmu", "mu-law", "g711u", "basic":
		return "mulaw", nil
	case "alaw", "pcma", "a-law", "g711a":
		return "alaw", nil
	case "g722":
		return "g722", nil
	case "opus":
		return "opus", nil
	case "l16", "linear16", "s16le", "pcm_s16le", "pcm", "raw", "slin", "lpcm16", "linear":
		if e.Encoding == "l16" || e.Encoding == "pcm_s16be" {
			return "pcm_s16be", nil
		}
		return "pcm_s16le", nil
	case "pcm_s16be", "s16be":
		return "pcm_s16be", nil
	}
	return "", unsupported("encoding %.40q, want mulaw, alaw, s16le, g722 or opus", spelled)
}

// bindingKeys are the names under which custom parameters of a platform fill a binding. Others become attributes.
var bindingKeys = map[string]func(*interaction.Binding, string){
	"agent_id":           func(b *interaction.Binding, v string) { b.AgentID = v },
	"agent_name":         func(b *interaction.Binding, v string) { b.AgentName = v },
	"customer_id":        func(b *interaction.Binding, v string) { b.CustomerID = v },
	"customer_name":      func(b *interaction.Binding, v string) { b.CustomerName = v },
	"claimed_identity":   func(b *interaction.Binding, v string) { b.ClaimedIdentity = v },
	"contact_id":         func(b *interaction.Binding, v string) { b.ContactID = v },
	"related_contact_id": func(b *interaction.Binding, v string) { b.RelatedContactID = v },
	"direction":          func(b *interaction.Binding, v string) { b.Direction = direction(v) },
	"language":           func(b *interaction.Binding, v string) { b.Language = v },
	"queue":              func(b *interaction.Binding, v string) { b.Queue = v },
	"consent_ref":        func(b *interaction.Binding, v string) { b.ConsentRef = v },
	"notice_played_at": func(b *interaction.Binding, v string) {
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			b.NoticePlayedAt = &t
		}
	},
}

// direction returns inbound or outbound, or "" for another word.
func direction(s string) string {
	switch s = strings.ToLower(s); {
	case strings.HasPrefix(s, "inbound"):
		return "inbound"
	case strings.HasPrefix(s, "outbound"):
		return "outbound"
	}
	return ""
}

const (
	maxParameters     = 48  // attributes taken from one stream
	maxParameterBytes = 256 // of a value; a longer one is cut
)

// bind fills b from the parameters that a site chose for a stream: the keys of a binding, in any spelling of case with _ or -, and
// attributes. It returns the roles that they tell of tracks: customer=inbound says that the customer is on the track inbound.
func bind(b *interaction.Binding, parameters map[string]string) (roles map[string]interaction.Role) {
	roles = map[string]interaction.Role{}
	taken := 0
	for _, key := range sortedKeys(parameters) {
		value := clean(parameters[key])
		name := strings.ReplaceAll(strings.ToLower(key), "-", "_")
		if value == "" || name == "token" {
			continue
		}
		switch fill := bindingKeys[name]; {
		case fill != nil:
			fill(b, value)
		case name == "customer_track":
			roles[value] = interaction.RoleCustomer
		case name == "agent_track":
			roles[value] = interaction.RoleAgent
		default:
			if key = clean(key); key == "" || taken == maxParameters {
				continue
			}
			if b.Attributes == nil {
				b.Attributes = map[string]string{}
			}
			b.Attributes[key] = value
			taken++
		}
	}
	return roles
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// clean makes a text from outside fit a record: valid, printable, of bounded length.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > maxParameterBytes {
		s = s[:maxParameterBytes]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

// flatten turns the values of a JSON object into texts; objects and lists within are written as JSON.
func flatten(m map[string]json.RawMessage) map[string]string {
	out := make(map[string]string, len(m))
	for k, raw := range m {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		if s != "" && s != "null" {
			out[k] = s
		}
	}
	return out
}
