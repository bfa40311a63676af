package server

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// shippedVoice is the model that ships.
func shippedVoice(t *testing.T) Voice {
	t.Helper()
	a, err := models.Load("speaker-tdnn-v1")
	if err != nil {
		t.Fatal(err)
	}
	m, err := voiceprint.LoadModel(a)
	if err != nil {
		t.Fatal(err)
	}
	return Voice{Model: m, LicenceClass: a.Manifest.LicenceClass, Speech: seededVoice(t).Speech}
}

// TestCallsMakePrintsThatWait plays live calls of customers under a policy that permits prints made of calls: one with a consent and
// enough speech of one voice gets a print that waits, is removed when nobody approves it, and is in force once somebody does; nobody
// else gets one.
func TestCallsMakePrintsThatWait(t *testing.T) {
	var ahead atomic.Int64
	c, on := config(t.TempDir()), true
	c.Policy.PassiveEnrolment = &on
	c.Policy.Searches = &[]policy.Search{{Kind: policy.SearchWatchlist, List: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 300, Approver: "lead"}}
	n := runWith(t, c, Deps{Voice: shippedVoice(t), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	send := func(method, path, body string, want int, out any) {
		t.Helper()
		n.request(t, method, path, "", strings.NewReader(body), want, out)
	}
	agent, customer := call(t, "sample-call.wav")
	calls := 0
	phone := func(who string, voice []float32) *interaction.Interaction {
		t.Helper()
		calls++
		heard := n.listen(t, "/v1/events", "")
		if err := ingest.Play(t.Context(), ingest.PlayOptions{URL: n.ws() + "/v1/stream", Dialect: "generic", Rate: 8000, Agent: agent, Customer: voice,
			CallID: who + strings.Repeat("i", calls), Parameters: map[string]string{"customer_id": who}}); err != nil {
			t.Fatal(err)
		}
		e := next(t, heard, of(interaction.EventSessionEnded))
		var raw string
		send(http.MethodGet, "/v1/interactions/"+e.CallID, "", 200, &raw)
		r, err := interaction.Parse([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	consent := func(who string) {
		t.Helper()
		send(http.MethodPost, "/v1/consents", `{"speaker_id": "`+who+`", "ref": "r-`+who+`", "purpose": "verify", "channel": "web"}`, 201, nil)
	}
	waiting := func() []api.Waiting {
		t.Helper()
		var l api.List[api.Waiting]
		send(http.MethodGet, "/v1/enrolments", "", 200, &l)
		return l.Items
	}

	phone("nobody-asked", customer)
	consent("short")
	phone("short", customer[:15*8000])
	consent("two")
	phone("two", slices.Concat(customer[:len(customer)/2], agent[:len(agent)/2])) // two voices on the customer's line
	send(http.MethodPut, "/v1/speakers/gone/opt-out", "", 204, nil)
	consent("gone")
	phone("gone", customer)
	if w := waiting(); len(w) != 0 {
		t.Errorf("%+v wait, want nobody", w)
	}

	consent("anna")
	r := phone("anna", customer)
	if r.Voice == nil || r.Voice.Decision != interaction.Inconclusive || r.Voice.LLR != nil || len(r.Contact.Media.Warnings) > 0 {
		t.Errorf("voice %+v, warnings %q: want no decision, since nobody claimed anything", r.Voice, r.Contact.Media.Warnings)
	}
	phone("anna", customer) // while one waits there is no other
	w := waiting()
	if len(w) != 1 || w[0].SpeakerID != "anna" || w[0].ConsentRef != "r-anna" || w[0].NetSpeechMs < 20000 {
		t.Fatalf("%+v wait, want anna's print", w)
	}
	if claim := claimed(t, n, "anna"); claim.Decision != interaction.NotEnrolled {
		t.Errorf("before approval: %+v", claim)
	}
	ahead.Add(int64(31 * 24 * time.Hour))
	if s, err := n.people.sweep(t.Context(), "default"); err != nil || s.Pending != 1 {
		t.Errorf("%+v, %v after 31 days, want one removed", s, err)
	}
	if w := waiting(); len(w) != 0 {
		t.Errorf("%+v wait after 31 days", w)
	}

	phone("anna", customer)
	if w = waiting(); len(w) != 1 {
		t.Fatalf("%+v wait, want a new one of anna", w)
	}
	send(http.MethodPost, "/v1/enrolments/"+w[0].ID+"/approve", "", 204, nil)
	if claim := claimed(t, n, "anna"); claim.Decision != "" {
		t.Errorf("after approval: %+v", claim)
	}
	phone("anna", customer)
	if w = waiting(); len(w) != 0 {
		t.Errorf("%+v wait, though anna has a print", w)
	}

	// Anna comes onto a watchlist; her voice calls as somebody else.
	send(http.MethodPut, "/v1/watchlists/fraud", `{"purpose": "p", "legal_basis": "l", "retention_days": 301, "approver": "lead"}`, 403, nil)
	send(http.MethodPut, "/v1/watchlists/fraud", `{"purpose": "p", "legal_basis": "l", "retention_days": 300, "approver": "eve"}`, 403, nil)
	send(http.MethodPut, "/v1/watchlists/fraud", `{"purpose": "p", "legal_basis": "l", "retention_days": 300, "approver": "lead"}`, 204, nil)
	send(http.MethodPost, "/v1/watchlists/fraud/entries", `{"speaker_id": "anna", "reason": "r", "added_by": "eve"}`, 201, nil)
	send(http.MethodPost, "/v1/watchlists/fraud/entries/anna/approve", `{"approved_by": "lead"}`, 204, nil)
	consent("bert")
	phone("bert", customer)
	if w = waiting(); len(w) != 1 || w[0].SpeakerID != "bert" {
		t.Fatalf("%+v wait, want bert", w)
	}
	log, err := n.store.Tenant("default").Audit(t.Context(), "", store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(log.Items, func(e store.AuditEntry) bool { return e.Detail["voiceprint"] == w[0].ID })
	if e := log.Items[i]; e.Action != "enrol" || e.Actor != "server" || e.Detail["review"] != "watchlist_match" || e.Detail["state"] != "pending" || e.Detail["interaction"] == "" {
		t.Errorf("the log says %+v, want an enrolment by the server, to be reviewed", e)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
}

// claimed returns what the registry answers to a claim.
func claimed(t *testing.T, n node, who string) identity.Claim {
	t.Helper()
	r, err := n.people.registry("default")
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Claim(t.Context(), who, n.people.known.Model(), identity.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
