package ingest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// vonageDialect is the websocket endpoint of Vonage's Voice API: a participant that hears the mix of everybody else. Two sides
// need two websockets from two legs, told apart by a header side of customer or agent and joined by a header call_id.
func vonageDialect() *dialect {
	return &dialect{name: "vonage", admit: admitVonage, joins: true,
		protocol: func(s *stream) protocol { return &vonage{s: s} }}
}

// vonageEvent is a text of the dialect, the first one apart, which has the site's headers beside these.
type vonageEvent struct {
	Event       string `json:"event"`
	ContentType string `json:"content-type,omitempty"`
	Digit       string `json:"digit,omitempty"`
	Duration    number `json:"duration,omitzero"` // ms
}

// tokenAge is how old a token may be.
const tokenAge = 5 * time.Minute

// admitVonage checks the token that Vonage signs with the account's signature secret, where the endpoint holds it.
func admitVonage(h *Handler, r *http.Request, ep *Endpoint) error {
	if ep.Secret == "" {
		return admitByToken(h, r, ep)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return unauthorized("no token, want Authorization: Bearer with a signed token")
	}
	now := h.now()
	if err := verifyToken(token, ep.Secret, now); err != nil {
		return err
	}
	return h.once.use("vonage "+token, now, now.Add(tokenAge+signatureSkew))
}

// verifyToken checks a JSON web token (RFC 7519) of algorithm HS256 and its times.
func verifyToken(token, secret string, now time.Time) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return unauthorized("token: %d parts, want 3", len(parts))
	}
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(parts[0] + "." + parts[1]))
	if !equal(parts[2], base64.RawURLEncoding.EncodeToString(m.Sum(nil))) {
		return unauthorized("token: the signature is not of the endpoint's secret")
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Issued  *number `json:"iat"`
		Expires *number `json:"exp"`
		From    *number `json:"nbf"`
	}
	for i, v := range []any{&head, &claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(data, v) != nil {
			return unauthorized("token: part %d is no JSON in base64", i+1)
		}
	}
	at := func(n *number) time.Time { return time.Unix(n.n, 0) }
	switch {
	case head.Alg != "HS256":
		return unauthorized("token: alg %.10q, want HS256", head.Alg)
	case claims.Issued == nil || !claims.Issued.ok:
		return unauthorized("token: no time of issue")
	case at(claims.Issued).After(now.Add(signatureSkew)) || claims.From != nil && at(claims.From).After(now.Add(signatureSkew)):
		return unauthorized("token: it is of the future: check the clocks")
	case at(claims.Issued).Add(tokenAge).Before(now) || claims.Expires != nil && !at(claims.Expires).After(now):
		return unauthorized("token: it is stale: check the clocks")
	}
	return nil
}

type vonage struct {
	plain
	s     *stream
	demux *demux
}

func (v *vonage) text(ctx context.Context, data []byte) error {
	var e vonageEvent
	if err := decodeJSON(data, &e); err != nil {
		return err
	}
	switch e.Event {
	case "websocket:connected":
		return v.start(ctx, e.ContentType, data)
	case "websocket:dtmf":
		if v.demux == nil {
			return badRequest("%s before websocket:connected", e.Event)
		}
		return v.s.digit(ctx, 0, e.Digit, e.Duration.or(0))
	case "websocket:cleared", "websocket:notify":
	default:
		v.s.count.unknown.Add(1)
	}
	return nil
}

func (v *vonage) start(ctx context.Context, contentType string, data []byte) error {
	if v.demux != nil {
		return badRequest("a second websocket:connected, want one for each stream")
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "audio/l16" {
		return unsupported("content-type %.60q, want audio/l16;rate=...", contentType)
	}
	rate, err := strconv.Atoi(strings.TrimSpace(params["rate"]))
	if err != nil {
		return unsupported("content-type %.60q, want a rate", contentType)
	}
	all := map[string]json.RawMessage{}
	if err := decodeJSON(data, &all); err != nil {
		return err
	}
	parameters := flatten(all)
	delete(parameters, "event")
	delete(parameters, "content-type")
	side, call := parameters["side"], firstOf(parameters["call_id"], parameters["call-id"])
	for _, k := range []string{"side", "call_id", "call-id"} {
		delete(parameters, k)
	}
	start := Start{Encoding: "pcm_s16le", Rate: rate, CallID: call}
	bind(&start.Binding, parameters)
	start.Binding.ContactID = firstOf(start.Binding.ContactID, call)
	t := Track{Name: "mixed", Role: v.s.ep.Roles["mixed"], Mixed: true}
	if side == "customer" || side == "agent" {
		t = Track{Name: side, Role: interaction.Role(side)}
	}
	if t.Role == interaction.RoleCustomer || t.Role == interaction.RoleAgent {
		t.Separated, t.Mixed = true, false
	}
	start.Tracks = []Track{t}
	if err := v.s.open(ctx, start); err != nil {
		return err
	}
	v.demux, err = newDemux(v.s.call, start.Encoding, rate, 1, v.s.h.limits.QuietGap, v.s.count)
	return err
}

func (v *vonage) binary(ctx context.Context, data []byte) error {
	if v.demux == nil {
		return badRequest("audio before websocket:connected")
	}
	return v.demux.push(ctx, data, v.s.waited, v.s.h.now())
}

// finish gives on what is held.
func (v *vonage) finish(ctx context.Context) error {
	if v.demux == nil {
		return nil
	}
	return v.demux.flush(ctx, v.s.h.now())
}
