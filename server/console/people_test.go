package console_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/store"
)

// standard puts the standard form in force, by opening a call as somebody who reviews.
func (w *world) standard(tb testing.TB, call string) {
	tb.Helper()
	b := w.person(tb, "setup", "", "reviewer")
	b.get("/calls/" + call).is(200)
}

// evaluated keeps a submitted evaluation of a call.
func (w *world) evaluated(tb testing.TB, call, who string, score float64, answers map[string]string) store.Evaluation {
	tb.Helper()
	e, err := w.tenant.SaveEvaluation(tb.Context(), store.Evaluation{InteractionID: call, AgentID: "a-12", Evaluation: interaction.Evaluation{
		Form: "standard", Version: 1, Evaluator: who, Answers: answers, Score: &score, State: "submitted"},
		Notes: []store.Note{{AtMs: ptr(int64(49_000)), Text: "The customer asks twice."}}})
	must(tb, err)
	return e
}

func TestLeadFindsAssignsAndSamples(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.save(t, drawnCall(i*97))
	}
	w.save(t, richCall(t, "rich"))
	w.standard(t, "rich")
	w.account(t, "lena", "", "lead")
	w.account(t, "rita", "", "reviewer")
	w.evaluated(t, "rich", "rita", 70, map[string]string{"greeting": "yes"})
	w.evaluated(t, "rich", "lena", 90, map[string]string{"greeting": "no"})
	b := w.chromium(t)
	b.as("lena")
	b.open("/calls?pile=identity")
	if n := b.eval(`document.querySelectorAll(".calls tbody tr").length`); n == "0" {
		t.Error("no call of a failed identity")
	}
	b.look("worklist")
	b.run(chromedp.Click(`input[name=call]`, chromedp.ByQuery), chromedp.SetValue(`.assign-bar select`, "rita", chromedp.ByQuery), chromedp.Click(`.assign-bar button`, chromedp.ByQuery))
	b.until(`document.readyState === "complete" && document.querySelector("input[name=call]:checked") === null`)
	tasks, err := w.tenant.Tasks(t.Context(), store.TaskQuery{Owner: "rita", State: "open"}, store.Page{})
	must(t, err)
	if len(tasks.Items) != 1 || tasks.Items[0].Source != "review" {
		t.Fatalf("tasks %+v, want one review for rita", tasks.Items)
	}
	b.open("/quality?days=365")
	b.look("quality")
	if got := b.eval(`document.querySelector("#agr").closest("section").textContent`); !strings.Contains(got, "Greets and says who is speaking") || !strings.Contains(got, "0 %") {
		t.Errorf("agreement %q, want the question on which two reviewers differ", got)
	}
	b.run(chromedp.Evaluate(`document.querySelector('[name=from]').value = "2026-01-01"; document.querySelector('[name=review]').value = ""`, nil),
		chromedp.Click(`form[action="/sample"] button`, chromedp.ByQuery), chromedp.WaitVisible(`#samples`))
	log := b.eval(`document.querySelector("#samples").nextElementSibling.textContent`)
	if !strings.Contains(log, "seed") || !strings.Contains(log, "from 2025-12-31T23:00:00Z") {
		t.Errorf("sample %q, want its seed and its filter in the lead's zone", log)
	}
	b.quiet()
}

func TestAgentSeesAndDisputesOwnReviews(t *testing.T) {
	w := newWorld(t)
	w.save(t, richCall(t, "rich"))
	w.save(t, drawnCall(1))
	w.standard(t, "rich")
	w.evaluated(t, "rich", "rita", 62, map[string]string{"greeting": "yes", "respect": "3"})
	w.account(t, "ada", "a-12", "agent")
	b := w.chromium(t)
	b.as("ada")
	b.open("/mine")
	if text := b.eval(`document.querySelector("main").textContent`); !strings.Contains(text, "62") || !strings.Contains(text, "No emotion is inferred from your own voice") {
		t.Errorf("the agent's page %q", text)
	}
	b.look("mine")
	b.run(chromedp.Click(`.review-list a.button`, chromedp.ByQuery), chromedp.WaitReady(`#timeline[data-ready=yes]`))
	if b.eval(`document.querySelector("#card") === null && document.querySelector(".review") !== null`) != "true" {
		t.Error("the agent does not see the review, or sees a scorecard to fill in")
	}
	b.open("/mine")
	b.run(chromedp.Click(`.dispute summary`, chromedp.ByQuery), chromedp.SetValue(`textarea[name=dispute]`, "I greeted at 0:03.", chromedp.ByQuery), chromedp.Click(`.dispute button`, chromedp.ByQuery), chromedp.WaitVisible(`.state-disputed`))
	b.quiet()
	if e := w.get(t, "rich").Evaluations[0]; e.State != "disputed" || e.Dispute != "I greeted at 0:03." || *e.Score != 62 {
		t.Errorf("evaluation %+v, want disputed with its score", e)
	}
	agent := w.browser(t)
	agent.login("ada", password)
	agent.get("/calls/call-000001").is(403)

	lead := w.person(t, "lena", "", "lead")
	lead.get("/quality").is(200).has("I greeted at 0:03.")
	id := w.reviews(t, "rich")[0].ID
	lead.post("/evaluations/"+id+"/settle", "reason", "Heard again: it stands.", "next", "/quality").is(200)
	if e := w.get(t, "rich").Evaluations[0]; e.State != "acknowledged" {
		t.Errorf("state %s after the lead settled, want acknowledged", e.State)
	}
}

func TestDisputeHasAWindow(t *testing.T) {
	w := newWorld(t)
	w.save(t, richCall(t, "rich"))
	w.standard(t, "rich")
	e := w.evaluated(t, "rich", "rita", 62, map[string]string{})
	w.clock.advance(49 * time.Hour)
	agent := w.person(t, "ada", "a-12", "agent")
	agent.get("/mine").is(200).has("The time to dispute this review is over")
	agent.post("/evaluations/"+e.ID+"/dispute", "dispute", "late").is(403)
	other := w.person(t, "bea", "a-13", "agent")
	other.get("/mine").is(200)
	other.post("/evaluations/" + e.ID + "/acknowledge").is(403)
	other.get("/calls/rich").is(403)
	agent.post("/evaluations/"+e.ID+"/acknowledge", "next", "/mine").is(200).has("Acknowledged")
}

func (w *world) reviews(tb testing.TB, call string) []store.Evaluation {
	tb.Helper()
	l, err := w.tenant.Evaluations(tb.Context(), store.EvaluationQuery{InteractionID: call}, store.Page{})
	must(tb, err)
	return l.Items
}

// feed is a socket of events that a test writes to.
type feed struct {
	mu    sync.Mutex
	conns []*websocket.Conn
	seen  int
}

func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u := websocket.Upgrader{}
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	f.mu.Lock()
	f.conns = append(f.conns, c)
	f.seen++
	f.mu.Unlock()
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			c.Close()
			return
		}
	}
}

// connections returns how many there were so far.
func (f *feed) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

func (f *feed) send(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.WriteMessage(websocket.TextMessage, []byte(text)) // one that is gone gets nothing
	}
}

func (f *feed) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

func TestSupervisorSeesCallsAsTheyRun(t *testing.T) {
	f := &feed{}
	w := newWorld(t, func(o *console.Options) { o.Events = func(string) http.Handler { return f } })
	t.Cleanup(f.drop)
	running := richCall(t, "now")
	running.Contact.State = interaction.StateLive
	must(t, w.tenant.SaveCheckpoint(t.Context(), "node", running))
	past := richCall(t, "past")
	past.Contact.StartedAt, past.Contact.EndedAt = ptr(noon.Add(-10*time.Minute)), ptr(noon.Add(-8*time.Minute))
	w.save(t, past)
	w.account(t, "root", "", "admin")
	w.account(t, "sven", "", "supervisor")
	b := w.chromium(t)
	b.as("sven")
	b.open("/live")
	b.until(`document.getElementById("link").dataset.state === "on"`)
	b.look("live")
	// The page also reads the stored state now and then, which holds older values: the event is sent until it is seen.
	shown := `document.querySelector("[data-call=now] [data-anger-text]").textContent === "66 %" && document.querySelector("[data-call=now] [data-time]").textContent === "1:35"`
	again, late := time.NewTicker(100*time.Millisecond), time.After(40*time.Second)
	defer again.Stop()
	for seen := false; !seen; {
		f.send(`{"type":"affect","call_id":"now","time_ms":95000,"affect":[{"end":{"anger":0.66}}]}`)
		seen = b.eval(shown) == "true"
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("an event of a running call is not shown: want %s", shown)
		}
	}
	f.drop()
	b.until(`document.getElementById("link").dataset.state === "lost"`)
	b.until(`document.getElementById("link").dataset.state === "on"`)
	if n := f.connections(); n < 2 {
		t.Errorf("%d connections, want one more after the first was lost", n)
	}
	b.run(chromedp.Click(`.alert-list button[name=snooze]`, chromedp.ByQuery))
	b.until(`document.querySelectorAll(".alert-list > li").length === 1`)
	open, err := w.tenant.Alerts(t.Context(), store.AlertQuery{Open: true}, store.Page{})
	must(t, err)
	if len(open.Items) != 1 {
		t.Errorf("%d open alerts after one was snoozed, want 1", len(open.Items))
	}
	b.run(chromedp.Click(`[data-call=now] a`, chromedp.ByQuery), chromedp.WaitReady(`#timeline[data-ready=yes]`))
	if b.eval(`document.querySelector("#card") === null`) != "true" {
		t.Error("a running call has a scorecard")
	}
}

func TestSecurityAnalystChecksCallers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.save(t, richCall(t, "rich"))
	for i := range 40 {
		a := store.Attempt{SpeakerID: fmt.Sprintf("c-%d", i%9), InteractionID: "rich", Decision: interaction.Authenticated, LLR: ptr(6 + float64(i%7)), Threshold: ptr(4.6), NetSpeechMs: 9000, Reasons: []string{"spoof_not_checked"}}
		if i%5 == 0 {
			a.Decision, a.LLR = interaction.NotAuthenticated, ptr(-4-float64(i%4))
		}
		_, err := w.tenant.AddAttempt(ctx, a, func(l store.Lockout, a store.Attempt) store.Lockout {
			if a.SpeakerID == "c-5" {
				l.Failures, l.LockedAt = 5, a.At
			}
			return l
		})
		must(t, err)
	}
	_, err := w.tenant.AddSpeaker(ctx, store.Speaker{ID: "c-9", State: store.EnrolmentPending}, store.PersonKey{SpeakerID: "c-9", KeyID: "k", Wrapped: []byte{1}})
	must(t, err)
	_, err = w.tenant.SaveVoiceprint(ctx, store.Voiceprint{SpeakerID: "c-9", Model: "m", State: store.EnrolmentPending, Sealed: []byte{1}, ConsentRef: "form 17", NetSpeechMs: 31_000, Sources: 2})
	must(t, err)
	_, err = w.tenant.AddConsent(ctx, store.Consent{SpeakerID: "c-9", Ref: "form 17", Purpose: "verify", Channel: "call"})
	must(t, err)
	_, err = w.tenant.AppendAudit(ctx, store.AuditEntry{Actor: "root", Action: "delete", Subject: "pseudonym-of-somebody-long", Detail: map[string]string{"voiceprints": "2"}})
	must(t, err)
	w.account(t, "root", "", "admin")
	w.account(t, "sara", "", "security")
	b := w.chromium(t)
	b.as("sara")
	b.open("/identity")
	b.look("identity")
	b.run(chromedp.Click(`form[action^="/identity/enrolments/"] .primary`, chromedp.ByQuery))
	b.until(`document.querySelector("main").textContent.includes("Nothing waits")`)
	if p, err := w.tenant.PendingVoiceprints(ctx, store.Page{}); err != nil || len(p.Items) != 0 {
		t.Errorf("enrolments that wait: %v, %v, want none after the approval", p.Items, err)
	}
	if log, err := w.tenant.Audit(ctx, "", store.Page{}); err != nil || log.Items[0].Action != "approve" || log.Items[0].Actor != "sara" || len(log.Items[0].Subject) != 32 {
		t.Errorf("the log's end %+v, %v, want the approval by sara under a pseudonym", log.Items[0], err)
	}
	b.open("/identity")
	b.run(chromedp.Click(`form[action="/identity/unlock"] button`, chromedp.ByQuery))
	b.until(`document.querySelector("main").textContent.includes("Nobody is locked")`)
	if l, err := w.tenant.Lockout(ctx, "c-5"); err != nil || l.Failures != 0 {
		t.Errorf("lockout %+v, %v, want none", l, err)
	}
	b.open("/identity/attempts?speaker=c-5")
	b.look("attempts")
	b.open("/identity/people?speaker=c-9")
	if text := b.eval(`document.querySelector("main").textContent`); !strings.Contains(text, "form 17") || !strings.Contains(text, "pseudo…y-long") && !strings.Contains(text, "voiceprints") {
		t.Errorf("consent and receipts %q", text)
	}
	b.look("people")
	b.open("/identity/audit?check=1")
	if text := b.eval(`document.querySelector(".callout.good").textContent`); !strings.Contains(text, "The chain is whole") {
		t.Errorf("the chain: %q", text)
	}
	b.look("audit")
	b.quiet()
}

func TestAnalystFollowsAJourney(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		r := drawnCall(i * 3)
		r.Participants[1].ExternalID = "c-77"
		r.Contact.Attributes = map[string]string{"resolved": "true"}
		r.Affect[0].End.Anger, r.Affect[0].PeakNegative.Anger = 0.3+0.1*float64(i), 0.4+0.1*float64(i)
		r.Contact.StartedAt = ptr(noon.AddDate(0, 0, -2*i))
		w.save(t, r)
	}
	_, err := w.tenant.AddSurvey(t.Context(), store.Survey{ContactID: "k-000003", CustomerID: "c-77", Kind: "csat", Value: 2, AnsweredAt: noon.Add(-time.Hour)})
	must(t, err)
	w.account(t, "root", "", "admin")
	w.account(t, "carl", "", "analyst")
	b := w.chromium(t)
	b.as("carl")
	b.open("/customers")
	if n := b.eval(`document.querySelectorAll(".calls tbody tr").length`); n != "3" { // ends of 0.6, 0.7 and 0.8; 0.5 is stored a hair below
		if n != "4" {
			t.Errorf("%s calls resolved but angry, want those that ended above 0.5", n)
		}
	}
	b.look("customers")
	b.open("/customers/c-77")
	b.look("customer")
	if n := b.eval(`document.querySelectorAll(".journey li").length + " " + document.querySelectorAll(".course .mark.peak").length + " " + document.querySelector(".journey").textContent.includes("CSAT 2")`); n != "6 6 true" {
		t.Errorf("journey %q, want 6 contacts with the survey", n)
	}
	b.quiet()
	csv := w.browser(t)
	csv.login("carl", password)
	p := csv.get("/export?customer=c-77").is(200)
	if lines := strings.Count(p.body, "\n"); lines != 7 || !strings.HasPrefix(p.body, "id,at,") {
		t.Errorf("export of %d lines, want a heading and 6 calls", lines)
	}
	if !w.audited(t, "export", "carl", "interactions") {
		t.Error("the export is not in the audit log")
	}
}

// tried is a set of rules that raises one alert on every call.
type tried struct{}

func (tried) Rules(context.Context, string) ([]console.Rule, error) {
	return []console.Rule{{Name: "dead_air", Severity: "warning", Text: "silence: {over: 20s}"}}, nil
}

func (tried) Compile(text string) (func(*interaction.Interaction) []interaction.Alert, error) {
	if !strings.HasPrefix(text, "rules:") {
		return nil, fmt.Errorf("%w: want rules", console.ErrInvalid)
	}
	return func(*interaction.Interaction) []interaction.Alert {
		return []interaction.Alert{{Rule: "long_silence", Severity: "warning", StartMs: 1000, EndMs: 2000, Evidence: "nobody spoke"}}
	}, nil
}

func TestAdminSetsTheConsoleUp(t *testing.T) {
	w := newWorld(t, func(o *console.Options) { o.Rules = tried{} })
	w.save(t, richCall(t, "rich"))
	b := w.chromium(t)
	b.open("/admin/people")
	b.look("first-run")
	b.run(chromedp.SetValue(`input[name=login]`, "root", chromedp.ByQuery), chromedp.SetValue(`input[name=password]`, password, chromedp.ByQuery),
		chromedp.Click(`input[name=role][value=admin]`, chromedp.ByQuery), chromedp.Click(`form[action="/admin/people"] .primary`, chromedp.ByQuery), chromedp.WaitVisible(`.login`))
	b.look("login")
	b.as("root")
	b.open("/admin")
	b.look("forms")
	b.open("/admin/forms/standard")
	b.run(chromedp.SetValue(`input[name=title]`, "Calls of 2026", chromedp.ByQuery), chromedp.Click(`form.stack .primary`, chromedp.ByQuery), chromedp.WaitVisible(`.form-draft`, chromedp.ByQuery))
	b.look("form")
	b.run(chromedp.Click(`form[action$="/activate"] button`, chromedp.ByQuery), chromedp.WaitVisible(`.meta .form-active`))
	if f, err := w.tenant.Form(t.Context(), "standard", 1); err != nil || f.State != "locked" {
		t.Errorf("version 1 is %q, %v, want locked", f.State, err)
	}
	b.open("/admin/rules")
	b.run(chromedp.Click(`form[action="/admin/rules/try"] .primary`, chromedp.ByQuery), chromedp.WaitVisible(`[role=status] ~ table`))
	b.look("rules")
	b.open("/admin/system")
	b.look("system")
	b.quiet()
	b.open("/calls")
	if b.eval(`document.querySelector(".problem h1").textContent`) != "Not yours to see" {
		t.Error("an administrator without another role sees calls")
	}
	b.forgive() // the browser reports the status, as it should
	b.look("forbidden")
}
