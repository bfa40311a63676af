package store

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// result is what a call gave back, as text: of one that failed its code alone, since the rest repeats what was asked for.
func result(values ...any) string {
	var b strings.Builder
	for _, v := range values {
		if err, is := v.(error); is {
			return "error " + Code(err)
		}
		j, err := json.Marshal(v)
		if err != nil {
			j = []byte(err.Error())
		}
		b.Write(j)
	}
	return b.String()
}

// calls holds a call of every method of Tenant that asks for, or changes, the rows that fill made with the mark secret.
var calls = map[string]func(t *Tenant) string{
	"ID":                 func(t *Tenant) string { return "" },
	"Speaker":            func(t *Tenant) string { return result(t.Speaker(ctx0, "speaker-secret")) },
	"Speakers":           func(t *Tenant) string { return result(t.Speakers(ctx0, "", Page{})) },
	"SpeakersUnused":     func(t *Tenant) string { return result(t.SpeakersUnused(ctx0, epoch.AddDate(9, 0, 0), Page{})) },
	"PersonKey":          func(t *Tenant) string { return result(t.PersonKey(ctx0, "speaker-secret")) },
	"PersonKeysNotUnder": func(t *Tenant) string { return result(t.PersonKeysNotUnder(ctx0, "x", Page{})) },
	"Voiceprint":         func(t *Tenant) string { return result(t.Voiceprint(ctx0, "print-secret")) },
	"VoiceprintsOf":      func(t *Tenant) string { return result(t.VoiceprintsOf(ctx0, "speaker-secret")) },
	"Gallery": func(t *Tenant) string {
		return result(t.Gallery(ctx0, "m", "1", "", Page{})) + result(t.Gallery(ctx0, "m", "1", "list-secret", Page{}))
	},
	"PendingVoiceprints":   func(t *Tenant) string { return result(t.PendingVoiceprints(ctx0, Page{})) },
	"VoiceNormal":          func(t *Tenant) string { return result(t.VoiceNormal(ctx0, "ready-secret", "sha")) },
	"VoiceNormals":         func(t *Tenant) string { return result(t.VoiceNormals(ctx0, Page{})) },
	"VoiceNormalsOf":       func(t *Tenant) string { return result(t.VoiceNormalsOf(ctx0, "ready-secret")) },
	"VoiceNormalsNotUnder": func(t *Tenant) string { return result(t.VoiceNormalsNotUnder(ctx0, "x", Page{})) },
	"Consents":             func(t *Tenant) string { return result(t.Consents(ctx0, "speaker-secret")) },
	"ValidConsent":         func(t *Tenant) string { return result(t.ValidConsent(ctx0, "speaker-secret", "verify")) },
	"IsOptedOut": func(t *Tenant) string {
		if yes, _ := t.IsOptedOut(ctx0, "pseudonym-secret"); yes {
			return "secret"
		}
		return ""
	},
	"OptOuts":            func(t *Tenant) string { return result(t.OptOuts(ctx0, Page{})) },
	"Watchlist":          func(t *Tenant) string { return result(t.Watchlist(ctx0, "list-secret")) },
	"Watchlists":         func(t *Tenant) string { return result(t.Watchlists(ctx0)) },
	"WatchlistEntries":   func(t *Tenant) string { return result(t.WatchlistEntries(ctx0, "list-secret", Page{})) },
	"WatchlistEntriesOf": func(t *Tenant) string { return result(t.WatchlistEntriesOf(ctx0, "ready-secret")) },
	"Attempts":           func(t *Tenant) string { return result(t.Attempts(ctx0, "", Page{})) },
	"Lockout": func(t *Tenant) string {
		if l, _ := t.Lockout(ctx0, "speaker-secret"); l.Failures > 0 {
			return "secret"
		}
		return ""
	},
	"Lockouts": func(t *Tenant) string { return result(t.Lockouts(ctx0, Page{})) },
	"Audit":    func(t *Tenant) string { return result(t.Audit(ctx0, "", Page{})) },
	"VerifyAudit": func(t *Tenant) string {
		return result(t.VerifyAudit(ctx0))
	},
	"Interaction":  func(t *Tenant) string { return result(t.Interaction(ctx0, "call-secret")) },
	"Interactions": func(t *Tenant) string { return searches(t) },
	"Count": func(t *Tenant) string {
		if n, _ := t.Count(ctx0, Query{AgentID: "agent-secret"}, 10); n > 0 {
			return "secret"
		}
		return ""
	},
	"ExpiredInteractions": func(t *Tenant) string { return result(t.ExpiredInteractions(ctx0, 10)) },
	"ExportJSONL": func(t *Tenant) string {
		var b strings.Builder
		t.ExportJSONL(ctx0, &b, Query{})
		return b.String()
	},
	"ExportCSV": func(t *Tenant) string {
		var b strings.Builder
		t.ExportCSV(ctx0, &b, Query{})
		return b.String()
	},
	"Segments":    func(t *Tenant) string { return result(t.Segments(ctx0, "", "", Page{})) },
	"Checkpoint":  func(t *Tenant) string { return result(t.Checkpoint(ctx0, "live-secret")) },
	"Checkpoints": func(t *Tenant) string { return result(t.Checkpoints(ctx0, Page{})) },
	"Alerts":      func(t *Tenant) string { return result(t.Alerts(ctx0, AlertQuery{}, Page{})) },
	"Coverage": func(t *Tenant) string {
		rows, _ := t.Coverage(ctx0, time.Time{}, time.Time{})
		for _, v := range rows {
			if v.AgentID == "agent-secret" {
				return "secret"
			}
		}
		return ""
	},
	"Spread": func(t *Tenant) string {
		if v, _ := t.Spread(ctx0, "duration_ms", time.Time{}, time.Time{}); v.N > 0 {
			return "secret"
		}
		return ""
	},
	"AgentFigures": func(t *Tenant) string {
		if f, _ := t.AgentFigures(ctx0, "agent-secret", time.Time{}, time.Time{}); f.Calls+f.Evaluations > 0 {
			return "secret"
		}
		return ""
	},
	"SurveyCounts": func(t *Tenant) string {
		if n, _ := t.SurveyCounts(ctx0, "nps", time.Time{}, time.Time{}); len(n) > 0 {
			return "secret"
		}
		return ""
	},
	"Entry":        func(t *Tenant) string { return result(t.Entry(ctx0, KindAgent, "agent-secret")) },
	"Entries":      func(t *Tenant) string { return result(t.Entries(ctx0, KindCustomer, Page{})) },
	"Survey":       func(t *Tenant) string { return result(t.Survey(ctx0, "survey-secret")) },
	"Surveys":      func(t *Tenant) string { return result(t.Surveys(ctx0, SurveyQuery{}, Page{})) },
	"Task":         func(t *Tenant) string { return result(t.Task(ctx0, "task-secret")) },
	"Tasks":        func(t *Tenant) string { return result(t.Tasks(ctx0, TaskQuery{}, Page{})) },
	"Evaluation":   func(t *Tenant) string { return result(t.Evaluation(ctx0, "evaluation-secret")) },
	"Evaluations":  func(t *Tenant) string { return result(t.Evaluations(ctx0, EvaluationQuery{}, Page{})) },
	"Form":         func(t *Tenant) string { return result(t.Form(ctx0, "form-secret", 1)) },
	"FormVersions": func(t *Tenant) string { return result(t.FormVersions(ctx0, "form-secret")) },
	"Forms":        func(t *Tenant) string { return result(t.Forms(ctx0, Page{})) },
	"Corrections":  func(t *Tenant) string { return result(t.Corrections(ctx0, Page{})) },
	"Holds":        func(t *Tenant) string { return result(t.Holds(ctx0, Page{})) },
	"Upload":       func(t *Tenant) string { return result(t.Upload(ctx0, "upload-secret")) },
	"Uploads":      func(t *Tenant) string { return result(t.Uploads(ctx0, Page{})) },
	"User":         func(t *Tenant) string { return result(t.User(ctx0, "user-secret")) },
	"UserByLogin":  func(t *Tenant) string { return result(t.UserByLogin(ctx0, "login-secret")) },
	"Users":        func(t *Tenant) string { return result(t.Users(ctx0, Page{})) },
	"APIKeys":      func(t *Tenant) string { return result(t.APIKeys(ctx0, Page{})) },
	"Endpoints":    func(t *Tenant) string { return result(t.Endpoints(ctx0)) },
	"Webhooks":     func(t *Tenant) string { return result(t.Webhooks(ctx0)) },
	"Views":        func(t *Tenant) string { return result(t.Views(ctx0, "user-secret")) },
}

// changes holds a call of every method of Tenant that changes rows. Called for another tenant it must not touch those of fill.
var changes = map[string]func(tb testing.TB, t *Tenant) string{
	"AddSpeaker": func(tb testing.TB, t *Tenant) string {
		return result(t.AddSpeaker(ctx0, Speaker{ID: "speaker-secret"}, PersonKey{SpeakerID: "speaker-secret", Wrapped: []byte("x")}))
	},
	"SaveSpeaker": func(tb testing.TB, t *Tenant) string {
		return result(t.SaveSpeaker(ctx0, Speaker{ID: "ready-secret", State: EnrolmentPending}))
	},
	"UsedSpeaker": func(tb testing.TB, t *Tenant) string { return result(t.UsedSpeaker(ctx0, "ready-secret")) },
	"RewrapPersonKey": func(tb testing.TB, t *Tenant) string {
		return result(t.RewrapPersonKey(ctx0, "key-secret", PersonKey{SpeakerID: "ready-secret", Wrapped: []byte("x")}))
	},
	"SaveVoiceprint": func(tb testing.TB, t *Tenant) string {
		return result(t.SaveVoiceprint(ctx0, Voiceprint{ID: "print-secret", SpeakerID: "ready-secret", Model: "m", Sealed: []byte("x"), ConsentRef: "x", Sources: 1}))
	},
	"ApproveVoiceprint": func(tb testing.TB, t *Tenant) string { return result(t.ApproveVoiceprint(ctx0, "print-secret")) },
	"DeleteVoiceprint":  func(tb testing.TB, t *Tenant) string { return result(t.DeleteVoiceprint(ctx0, "print-secret")) },
	"SaveVoiceNormal": func(tb testing.TB, t *Tenant) string {
		v, err := t.VoiceNormal(ctx0, "ready-secret", "sha")
		if err != nil {
			v = normalOf("ready-secret", "other")
		} else {
			v.Calls++
		}
		return result(t.SaveVoiceNormal(ctx0, v, "consent-analytics-secret"))
	},
	"RewrapVoiceNormal": func(tb testing.TB, t *Tenant) string {
		return result(t.RewrapVoiceNormal(ctx0, "secret", VoiceNormal{SpeakerID: "ready-secret", ModelSHA256: "sha", Wrapped: []byte("x")}))
	},
	"DeleteVoiceNormals": func(tb testing.TB, t *Tenant) string {
		gone, err := t.DeleteVoiceNormals(ctx0, "ready-secret")
		if err == nil && len(gone) == 0 {
			return "not_found"
		}
		return result(len(gone), err)
	},
	"AddConsent": func(tb testing.TB, t *Tenant) string {
		return result(t.AddConsent(ctx0, Consent{ID: "consent-secret", SpeakerID: "x", Ref: "x", Purpose: "x"}))
	},
	"WithdrawConsents": func(tb testing.TB, t *Tenant) string { return result(t.WithdrawConsents(ctx0, "speaker-secret", "")) },
	"OptOut": func(tb testing.TB, t *Tenant) string {
		return result(t.OptOut(ctx0, OptOut{Pseudonym: "pseudonym-secret"}))
	},
	"OptIn": func(tb testing.TB, t *Tenant) string { return result(t.OptIn(ctx0, "pseudonym-secret")) },
	"SaveWatchlist": func(tb testing.TB, t *Tenant) string {
		return result(t.SaveWatchlist(ctx0, Watchlist{Name: "list-secret", Purpose: "x", LegalBasis: "x", RetentionDays: 1, Approver: "x"}))
	},
	"AddToWatchlist": func(tb testing.TB, t *Tenant) string {
		return result(t.AddToWatchlist(ctx0, WatchlistEntry{Watchlist: "list-secret", SpeakerID: "ready-secret"}))
	},
	"ApproveWatchlistEntry": func(tb testing.TB, t *Tenant) string {
		return result(t.ApproveWatchlistEntry(ctx0, "list-secret", "ready-secret", "mine"))
	},
	"RemoveFromWatchlist": func(tb testing.TB, t *Tenant) string {
		return result(t.RemoveFromWatchlist(ctx0, "list-secret", "ready-secret"))
	},
	"DeleteWatchlist": func(tb testing.TB, t *Tenant) string { return result(t.DeleteWatchlist(ctx0, "list-secret")) },
	"AddAttempt": func(tb testing.TB, t *Tenant) string {
		l, err := t.AddAttempt(ctx0, Attempt{SpeakerID: "speaker-secret"}, func(l Lockout, _ Attempt) Lockout { l.Failures++; return l })
		return result(l.Failures, err)
	},
	"Unlock":      func(tb testing.TB, t *Tenant) string { return result(t.Unlock(ctx0, "speaker-secret")) },
	"AppendAudit": func(tb testing.TB, t *Tenant) string { return result(t.AppendAudit(ctx0, AuditEntry{Action: "x"})) },
	"SaveInteraction": func(tb testing.TB, t *Tenant) string {
		r, err := t.SaveInteraction(ctx0, record(tb, "call-secret"))
		if err != nil {
			return result(err)
		}
		return result(r.CX.Surveys, r.CX.Tasks, r.Evaluations, r.Contact.Revision)
	},
	"ChangeInteraction": func(tb testing.TB, t *Tenant) string {
		return result(t.ChangeInteraction(ctx0, "call-secret", func(r *interaction.Interaction) error { r.Contact.Language = "x"; return nil }))
	},
	"SaveCheckpoint": func(tb testing.TB, t *Tenant) string {
		return result(t.SaveCheckpoint(ctx0, "x", record(tb, "live-secret")))
	},
	"DeleteCheckpoint": func(tb testing.TB, t *Tenant) string { return result(t.DeleteCheckpoint(ctx0, "live-secret")) },
	"AddSurvey": func(tb testing.TB, t *Tenant) string {
		s, err := t.AddSurvey(ctx0, Survey{ID: "survey-other", ContactID: "contact-call-secret", Kind: "nps", Value: 1})
		return result(s.CustomerID, err)
	},
	"DeleteSurvey": func(tb testing.TB, t *Tenant) string { return result(t.DeleteSurvey(ctx0, "survey-secret")) },
	"SaveTask": func(tb testing.TB, t *Tenant) string {
		s, err := t.SaveTask(ctx0, Task{ID: "task-secret", InteractionID: "call-secret", Title: "x"})
		return result(s.Owner, err)
	},
	"DeleteTask": func(tb testing.TB, t *Tenant) string { return result(t.DeleteTask(ctx0, "task-secret")) },
	"SaveForm": func(tb testing.TB, t *Tenant) string {
		f, err := t.SaveForm(ctx0, Form{ID: "form-secret", Definition: json.RawMessage(`{}`)})
		return result(f.Version, err)
	},
	"ActivateForm": func(tb testing.TB, t *Tenant) string { return result(t.ActivateForm(ctx0, "form-secret", 1)) },
	"SaveEvaluation": func(tb testing.TB, t *Tenant) string {
		return result(t.SaveEvaluation(ctx0, Evaluation{ID: "evaluation-secret", InteractionID: "call-secret",
			Evaluation: interaction.Evaluation{Form: "form-secret", Version: 1, Evaluator: "user-secret", State: "acknowledged"}}))
	},
	"AddCorrection": func(tb testing.TB, t *Tenant) string {
		return result(t.AddCorrection(ctx0, Correction{InteractionID: "call-secret", SegmentID: "s2", Correction: interaction.Correction{Field: "emotion", To: "x", By: "x"}}))
	},
	"PlaceHold": func(tb testing.TB, t *Tenant) string {
		_, err := t.PlaceHold(ctx0, Hold{Kind: HoldInteraction, Subject: "call-secret", Reason: "x"})
		return result(err)
	},
	"ReleaseHold": func(tb testing.TB, t *Tenant) string {
		var id string
		t.s.read.QueryRowContext(ctx0, "SELECT id FROM legal_holds WHERE tenant = 'a' AND subject = 'held-secret'").Scan(&id)
		return result(t.ReleaseHold(ctx0, id, "x"))
	},
	"AcknowledgeAlert": func(tb testing.TB, t *Tenant) string {
		return result(t.AcknowledgeAlert(ctx0, "call-secret", "rule-secret", 10000, "x"))
	},
	"SnoozeAlert": func(tb testing.TB, t *Tenant) string {
		return result(t.SnoozeAlert(ctx0, "call-secret", "rule-secret", 10000, epoch))
	},
	"SaveEntry": func(tb testing.TB, t *Tenant) string {
		return result(t.SaveEntry(ctx0, Entry{Kind: KindAgent, ID: "agent-secret", DisplayName: "x"}))
	},
	"AddUpload": func(tb testing.TB, t *Tenant) string {
		_, err := t.AddUpload(ctx0, Upload{ID: "upload-secret"})
		return result(err)
	},
	"ProgressUpload": func(tb testing.TB, t *Tenant) string {
		return result(t.ProgressUpload(ctx0, "upload-secret", 1, time.Hour))
	},
	"FinishUpload": func(tb testing.TB, t *Tenant) string { return result(t.FinishUpload(ctx0, "upload-secret", "x", "")) },
	"SaveUser": func(tb testing.TB, t *Tenant) string {
		_, err := t.SaveUser(ctx0, User{ID: "user-secret", Login: "login-secret", Disabled: true})
		return result(err)
	},
	"DeleteUser": func(tb testing.TB, t *Tenant) string { return result(t.DeleteUser(ctx0, "user-secret")) },
	"AddSession": func(tb testing.TB, t *Tenant) string {
		return result(t.AddSession(ctx0, Session{Hash: hash("other"), UserID: "user-secret", ExpiresAt: epoch.AddDate(9, 0, 0)}))
	},
	"EndSession": func(tb testing.TB, t *Tenant) string { return result(t.EndSession(ctx0, hash("secret"))) },
	"AddAPIKey": func(tb testing.TB, t *Tenant) string {
		return result(t.AddAPIKey(ctx0, APIKey{ID: "key-secret", Hash: hash("x")}))
	},
	"RevokeAPIKey": func(tb testing.TB, t *Tenant) string { return result(t.RevokeAPIKey(ctx0, "key-secret")) },
	"UsedAPIKey":   func(tb testing.TB, t *Tenant) string { return result(t.UsedAPIKey(ctx0, "key-secret")) },
	"SaveEndpoint": func(tb testing.TB, t *Tenant) string {
		return result(t.SaveEndpoint(ctx0, Endpoint{Dialect: "twilio", Name: "endpoint-secret"}))
	},
	"DeleteEndpoint": func(tb testing.TB, t *Tenant) string {
		return result(t.DeleteEndpoint(ctx0, "twilio", "endpoint-secret"))
	},
	"SaveWebhook": func(tb testing.TB, t *Tenant) string {
		_, err := t.SaveWebhook(ctx0, Webhook{ID: "hook-secret", URL: "x"})
		return result(err)
	},
	"DeleteWebhook": func(tb testing.TB, t *Tenant) string { return result(t.DeleteWebhook(ctx0, "hook-secret")) },
	"BeginIdempotent": func(tb testing.TB, t *Tenant) string {
		return result(t.BeginIdempotent(ctx0, "idem-secret", "other request", time.Hour))
	},
	"FinishIdempotent": func(tb testing.TB, t *Tenant) string {
		return result(t.FinishIdempotent(ctx0, "idem-secret", nil, time.Hour))
	},
	"SaveView": func(tb testing.TB, t *Tenant) string {
		_, err := t.SaveView(ctx0, SavedView{ID: "view-secret", Owner: "user-secret", Name: "x", Query: json.RawMessage(`{}`)})
		return result(err)
	},
	"DeleteView":        func(tb testing.TB, t *Tenant) string { return result(t.DeleteView(ctx0, "user-secret", "view-secret")) },
	"DeleteInteraction": func(tb testing.TB, t *Tenant) string { return result(t.DeleteInteraction(ctx0, "call-secret")) },
	"DeleteSpeaker":     func(tb testing.TB, t *Tenant) string { return result(t.DeleteSpeaker(ctx0, "ready-secret")) },
	"EraseCustomer":     func(tb testing.TB, t *Tenant) string { return result(t.EraseCustomer(ctx0, "customer-secret")) },
}

var ctx0 = context.Background()

// searches asks for the call of fill by everything that it can be found by.
func searches(t *Tenant) string {
	var out string
	zero := 0.0
	for _, q := range []Query{{}, {AgentID: "agent-secret"}, {CustomerID: "customer-secret"}, {SpeakerID: "speaker-secret"}, {Queue: "queue-secret"},
		{ContactID: "contact-call-secret"}, {Emotion: "angry"}, {AlertRule: "rule-secret"}, {Metrics: map[string]Range{"duration_ms": {Min: &zero}}},
		{CustomerID: "customer-secret", AgentID: "agent-secret", Emotion: "angry"}, {Sort: "anger"}} {
		l, err := t.Interactions(ctx0, q, Page{})
		out += result(l, err)
	}
	return out
}

// open to all tenants are these methods of Store alone: each acts before a tenant is known, or for all.
var storeMethods = []string{"APIKey", "ClaimUpload", "Close", "Endpoint", "EnsureTenant", "LeftCheckpoints", "MarkPublished", "Pending", "Ping", "Scrub",
	"ScrubDeleted", "SessionUser", "Sweep", "Tenant", "Tenants"}

func TestEveryMethodIsInTheIsolationTest(t *testing.T) {
	for m := range reflect.TypeFor[*Tenant]().Methods() {
		_, reads := calls[m.Name]
		_, changes := changes[m.Name]
		if reads == changes {
			t.Errorf("Tenant.%s: in calls %v, in changes %v, want one", m.Name, reads, changes)
		}
	}
	var have []string
	for m := range reflect.TypeFor[*Store]().Methods() {
		have = append(have, m.Name)
	}
	equal(t, have, storeMethods)
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		fill(t, w, w.a, "secret")
		before := dump(t, w, "a")
		for name, rows := range before {
			if !strings.Contains(rows, "secret") && name != "emotions" && name != "lockouts" {
				t.Errorf("table %s: %q, want a row with the mark", name, rows)
			}
		}
		for name, call := range calls {
			if got := call(w.b); strings.Contains(got, "secret") {
				t.Errorf("%s shows b what is a's: %s", name, got)
			}
			if got := call(w.a); name != "ID" && !strings.Contains(got, "secret") {
				t.Errorf("%s shows a nothing, so it shows nothing about b: %s", name, got)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(changes)) {
			must(t, w.EnsureTenant(ctx0, "b-"+name, "")) // nothing that another change left is in its way
			// An id that was given comes back, as x-secret; the mark by itself is a's.
			if got := changes[name](t, w.Tenant("b-"+name)); strings.Contains(got, `"secret"`) {
				t.Errorf("%s shows b what is a's: %s", name, got)
			}
			after := dump(t, w, "a")
			for table, rows := range before {
				if after[table] != rows {
					t.Errorf("%s of b changed %s of a:\n%s\n%s", name, table, rows, after[table])
				}
			}
			before = after
		}
		// The same changes do find their rows where the tenant is theirs. Those that take rows away from others come last.
		last := []string{"DeleteVoiceNormals", "SaveInteraction", "DeleteInteraction", "DeleteWatchlist", "DeleteSpeaker", "EraseCustomer", "DeleteUser"}
		first := slices.DeleteFunc(slices.Sorted(maps.Keys(changes)), func(name string) bool { return slices.Contains(last, name) })
		for _, name := range slices.Concat(first, last) {
			if got := changes[name](t, w.a); strings.Contains(got, "not_found") {
				t.Errorf("%s of a does not find a's rows: %s", name, got)
			}
		}
	})
}
