package server

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// TestDecisionsOverREST walks persons through what is decided about them: a print that waits, a locked factor, a legal hold, a
// watchlist; each step is in the audit log.
func TestDecisionsOverREST(t *testing.T) {
	c, on := config(t.TempDir()), true
	why := policy.Search{Kind: policy.SearchDuplicates, Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "a"}
	c.Policy.Searches = &[]policy.Search{why}
	n := runWith(t, c, Deps{Voice: seededVoice(t)})
	recording := testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))
	send := func(method, path, body string, want int, out any) {
		t.Helper()
		n.request(t, method, path, "", strings.NewReader(body), want, out)
	}
	upload := func(path string, want int, out any) {
		t.Helper()
		n.request(t, http.MethodPost, path, "", bytes.NewReader(recording), want, out)
	}
	var problem string
	upload("/v1/speakers/anna/voiceprints?channel=1", 403, &problem)
	if !strings.Contains(problem, "no consent to voice verification is in the ledger") {
		t.Errorf("without a consent: %s", problem)
	}
	send(http.MethodPost, "/v1/consents", `{"speaker_id": "anna", "ref": "r-1", "purpose": "verify", "channel": "call", "text_version": "3"}`, 201, nil)
	upload("/v1/speakers/anna/voiceprints?channel=1&jurisdiction=US-IL", 403, &problem) // spoken, where a release is asked for
	upload("/v1/speakers/anna/voiceprints?channel=1", 201, nil)
	var e api.Enrolled
	upload("/v1/speakers/anna/voiceprints?channel=1&existing=skip", 201, &e)
	if e.Action != "skipped" {
		t.Errorf("a person who has a print: %+v, want skipped", e)
	}
	upload("/v1/speakers/anna/voiceprints?channel=1&existing=overwrite", 201, &e)
	if e.Action != "replaced" || len(e.Speaker.Prints) != 1 {
		t.Errorf("overwritten: %+v", e)
	}

	// The same voice as somebody else: a lead for a person.
	e = api.Enrolled{}
	upload("/v1/speakers/anna-2/voiceprints?channel=1&consent_ref=r-2&consent_channel=web&consent_text_version=3", 201, &e)
	if !slices.Contains(e.Reasons, "duplicate") || e.Speaker.State != "pending" {
		t.Errorf("a duplicate: %+v", e)
	}
	var waiting api.List[api.Waiting]
	send(http.MethodGet, "/v1/enrolments", "", 200, &waiting)
	if len(waiting.Items) != 1 || waiting.Items[0].SpeakerID != "anna-2" || waiting.Items[0].ConsentRef != "r-2" {
		t.Fatalf("waiting: %+v", waiting.Items)
	}
	send(http.MethodPost, "/v1/enrolments/none/approve", "", 404, nil)
	send(http.MethodPost, "/v1/enrolments/"+waiting.Items[0].ID+"/approve", "", 204, nil)
	send(http.MethodPost, "/v1/enrolments/"+waiting.Items[0].ID+"/reject", "", 403, nil)
	var v interaction.Voice
	upload("/v1/verify?speaker=anna-2&channel=1", 200, &v)
	if v.Decision != interaction.Authenticated {
		t.Errorf("after approval: %+v", v)
	}

	send(http.MethodDelete, "/v1/speakers/bert/lockout", "", 404, nil)
	rows := n.store.Tenant("default")
	if _, err := rows.AddAttempt(t.Context(), store.Attempt{SpeakerID: "anna", Decision: interaction.NotAuthenticated}, func(l store.Lockout, a store.Attempt) store.Lockout {
		l.Failures, l.LockedAt = 10, a.At
		return l
	}); err != nil {
		t.Fatal(err)
	}
	send(http.MethodGet, "/v1/speakers/bert/lockout", "", 404, nil)
	var lock api.Lockout
	send(http.MethodGet, "/v1/speakers/anna/lockout", "", 200, &lock)
	if lock.Failures != 10 || lock.LockedAt == nil {
		t.Errorf("lockout %+v", lock)
	}
	v = interaction.Voice{}
	upload("/v1/verify?speaker=anna&channel=1", 200, &v)
	if v.Decision != interaction.Locked || v.LLR != nil {
		t.Errorf("locked: %+v", v)
	}
	send(http.MethodDelete, "/v1/speakers/anna/lockout", "", 204, nil)
	v = interaction.Voice{}
	upload("/v1/verify?speaker=anna&channel=1", 200, &v)
	if v.Decision != interaction.Authenticated {
		t.Errorf("unlocked: %+v", v)
	}

	var attempts api.List[api.Attempt]
	send(http.MethodGet, "/v1/attempts?speaker_id=anna", "", 200, &attempts)
	if a := attempts.Items; len(a) != 3 || a[0].Decision != interaction.Authenticated || a[0].LLR == nil || a[0].Shadow {
		t.Errorf("attempts %+v", a)
	}

	var hold api.Hold
	send(http.MethodPost, "/v1/speakers/anna/holds", `{"reason": "case 4711"}`, 201, &hold)
	send(http.MethodDelete, "/v1/speakers/anna", "", 409, &problem)
	if !strings.Contains(problem, "case 4711") {
		t.Errorf("a deletion under a hold: %s", problem)
	}
	send(http.MethodDelete, "/v1/holds/"+hold.ID, "", 204, nil)
	send(http.MethodDelete, "/v1/holds/"+hold.ID, "", 409, nil)
	var holds api.List[api.Hold]
	send(http.MethodGet, "/v1/speakers/anna/holds", "", 200, &holds)
	if len(holds.Items) != 1 || holds.Items[0].ReleasedAt == nil || holds.Items[0].PlacedBy != "loopback" {
		t.Errorf("holds %+v", holds.Items)
	}
	send(http.MethodDelete, "/v1/speakers/anna", "", 200, nil)

	send(http.MethodPut, "/v1/watchlists/fraud", `{"purpose": "p", "legal_basis": "l", "retention_days": 30, "approver": "lead"}`, 204, nil)
	send(http.MethodPost, "/v1/watchlists/fraud/entries", `{"speaker_id": "anna-2", "reason": "r", "added_by": "analyst"}`, 201, nil)
	send(http.MethodPost, "/v1/watchlists/fraud/entries/anna-2/approve", `{"approved_by": "analyst"}`, 403, nil)
	send(http.MethodPost, "/v1/watchlists/fraud/entries/anna-2/approve", `{"approved_by": "lead"}`, 204, nil)
	send(http.MethodDelete, "/v1/watchlists/fraud/entries/anna-2", "", 204, nil)
	send(http.MethodDelete, "/v1/watchlists/fraud", "", 204, nil)

	log, err := rows.Audit(t.Context(), "", store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]int{}
	for _, e := range log.Items {
		done[e.Action]++
	}
	for action, want := range map[string]int{
		"enrol_refused": 2, "replace_print": 1, "enrol": 2, "approve": 1, "reject_refused": 1, "unlock": 1, "hold": 1, "release_hold": 1, "delete_refused": 1, "delete": 1,
		"save_watchlist": 1, "add_watchlist_entry": 1, "approve_watchlist_entry_refused": 1, "approve_watchlist_entry": 1, "remove_watchlist_entry": 1, "delete_watchlist": 1,
	} {
		if done[action] != want {
			t.Errorf("%d entries of %s in the audit log, want %d", done[action], action, want)
		}
	}
	if _, err := rows.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}

	// Where the policy asks for a second person, nobody approves what was asked for by the same key.
	c = config(t.TempDir())
	c.Policy.Searches, c.Policy.SecondPerson = &[]policy.Search{why}, &on
	n = runWith(t, c, Deps{Voice: seededVoice(t)})
	upload("/v1/speakers/anna/voiceprints?channel=1&consent_ref=r-1", 201, nil)
	upload("/v1/speakers/anna-2/voiceprints?channel=1&consent_ref=r-2", 201, nil)
	send(http.MethodGet, "/v1/enrolments", "", 200, &waiting)
	send(http.MethodPost, "/v1/enrolments/"+waiting.Items[0].ID+"/approve", "", 403, &problem)
	if !strings.Contains(problem, "second person") {
		t.Errorf("approved by who asked for it: %s", problem)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
}
