package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// fill puts at least one row in every table of a tenant; every text and id in them holds the mark.
func fill(tb testing.TB, w *world, t *Tenant, mark string) {
	tb.Helper()
	ctx := tb.Context()
	id := func(kind string) string { return kind + "-" + mark }
	speaker := id("speaker")
	ok(t.AddSpeaker(ctx, Speaker{ID: speaker, DisplayName: id("name"), State: EnrolmentPending}, PersonKey{SpeakerID: speaker, KeyID: id("key"), Wrapped: []byte(mark)}))(tb)
	ok(t.SaveVoiceprint(ctx, Voiceprint{ID: id("print"), SpeakerID: speaker, Model: "m", ModelVersion: "1", State: EnrolmentPending, Sealed: []byte(mark), ConsentRef: mark, Sources: 1}))(tb)
	ready := id("ready")
	ok(t.AddSpeaker(ctx, Speaker{ID: ready, DisplayName: id("name")}, PersonKey{SpeakerID: ready, KeyID: id("key"), Wrapped: []byte(mark)}))(tb)
	ok(t.SaveVoiceprint(ctx, Voiceprint{ID: id("ready-print"), SpeakerID: ready, Model: "m", ModelVersion: "1", Sealed: []byte(mark), ConsentRef: mark, Sources: 1}))(tb)
	ok(t.AddConsent(ctx, Consent{ID: id("consent"), SpeakerID: speaker, Ref: mark, Purpose: "verify"}))(tb)
	ok(t.AddConsent(ctx, Consent{ID: id("consent-analytics"), SpeakerID: ready, Ref: mark, Purpose: "analytics"}))(tb)
	must(tb, t.SaveVoiceNormal(ctx, normalOf(ready, mark), id("consent-analytics")))
	must(tb, t.OptOut(ctx, OptOut{Pseudonym: id("pseudonym"), Source: mark}))
	must(tb, t.SaveWatchlist(ctx, Watchlist{Name: id("list"), Purpose: mark, LegalBasis: mark, RetentionDays: 300, Approver: mark}))
	ok(t.AddToWatchlist(ctx, WatchlistEntry{Watchlist: id("list"), SpeakerID: ready, Reason: mark}))(tb)
	ok(t.AddAttempt(ctx, Attempt{ID: id("attempt"), SpeakerID: speaker, Reasons: []string{mark}}, func(l Lockout, a Attempt) Lockout {
		l.Failures, l.LockedAt = 5, a.At
		return l
	}))(tb)
	ok(t.AppendAudit(ctx, AuditEntry{Actor: mark, Action: "a", Subject: id("pseudonym")}))(tb)

	must(tb, t.SaveCheckpoint(ctx, id("node"), record(tb, id("live"), func(r *interaction.Interaction) { r.Contact.State = interaction.StateLive })))
	ok(t.SaveForm(ctx, Form{ID: id("form"), Title: mark, Definition: json.RawMessage(`{"q":"` + mark + `"}`)}))(tb)
	call := id("call")
	save(tb, t, record(tb, call, func(r *interaction.Interaction) {
		past := epoch.Add(-time.Hour)
		r.Governance.RetentionUntil = &past
		r.Contact.Queue, r.Alerts[0].Rule = id("queue"), id("rule")
		r.Participants[0].ExternalID, r.Participants[1].ExternalID, r.Participants[2].ExternalID = id("agent"), id("customer"), id("agent")
		r.Voice.Candidates, r.Voice.Watchlist = nil, []interaction.Candidate{{SpeakerID: speaker, List: id("list")}}
	}))
	ok(t.AddSurvey(ctx, Survey{ID: id("survey"), ContactID: "contact-" + call, Kind: "nps", Value: 9}))(tb)
	ok(t.SaveTask(ctx, Task{ID: id("task"), InteractionID: call, CustomerID: id("customer"), Title: mark, Owner: id("user")}))(tb)
	ok(t.SaveEvaluation(ctx, Evaluation{ID: id("evaluation"), InteractionID: call, AgentID: id("agent"),
		Evaluation: interaction.Evaluation{Form: id("form"), Version: 1, Evaluator: id("user"), State: "submitted"}}))(tb)
	ok(t.AddCorrection(ctx, Correction{InteractionID: call, SegmentID: "s2", Correction: interaction.Correction{Field: "emotion", To: mark, By: mark}}))(tb)
	ok(t.PlaceHold(ctx, Hold{Kind: HoldInteraction, Subject: id("held"), Reason: mark}))(tb)
	ok(t.AddUpload(ctx, Upload{ID: id("upload"), File: mark}))(tb)
	ok(t.SaveUser(ctx, User{ID: id("user"), Login: id("login"), Roles: []string{"lead"}}))(tb)
	must(tb, t.AddSession(ctx, Session{Hash: hash(mark), UserID: id("user"), ExpiresAt: epoch.AddDate(9, 0, 0)}))
	ok(t.AddAPIKey(ctx, APIKey{ID: id("key"), Name: mark, Hash: hash(mark)}))(tb)
	must(tb, t.SaveEndpoint(ctx, Endpoint{Dialect: "twilio", Name: id("endpoint"), Sealed: []byte(mark)}))
	ok(t.SaveWebhook(ctx, Webhook{ID: id("hook"), URL: "https://" + mark}))(tb)
	ok(t.BeginIdempotent(ctx, id("idem"), mark, time.Hour))(tb)
	must(tb, t.FinishIdempotent(ctx, id("idem"), []byte(mark), time.Hour))
	ok(t.SaveView(ctx, SavedView{ID: id("view"), Owner: id("user"), Name: mark, Query: json.RawMessage(`{}`), Shared: true}))(tb)
}

// normalOf is the first normal of a voice.
func normalOf(speaker, mark string) VoiceNormal {
	return VoiceNormal{SpeakerID: speaker, ModelSHA256: "sha", Model: "m", ModelVersion: "1", KeyID: mark, Wrapped: []byte(mark), Sealed: []byte(mark), ConsentRef: mark, SpeechMs: 9000, Calls: 1}
}

func hash(mark string) []byte { return []byte(fmt.Sprintf("%-32s", mark))[:hashSize] }

var createTable = regexp.MustCompile(`CREATE TABLE (\w+)`)

// tableNames lists the tables of the migrations.
func tableNames(tb testing.TB) (names []string) {
	tb.Helper()
	must(tb, fs.WalkDir(migrations, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := migrations.ReadFile(path)
		for _, m := range createTable.FindAllStringSubmatch(string(b), -1) {
			names = append(names, m[1])
		}
		return err
	}))
	return names
}

// dump returns every row of a tenant as text, by table.
func dump(tb testing.TB, w *world, tenant string) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for _, name := range tableNames(tb) {
		if name == "tenants" {
			continue
		}
		rows, err := w.read.QueryContext(context.Background(), "SELECT * FROM "+name+" WHERE tenant = $1", tenant)
		must(tb, err)
		cols := ok(rows.Columns())(tb)
		var lines []string
		for rows.Next() {
			values := make([]any, len(cols))
			for i := range values {
				values[i] = new(any)
			}
			must(tb, rows.Scan(values...))
			var b strings.Builder
			for i, v := range values {
				x := *v.(*any)
				if blob, is := x.([]byte); is {
					x = string(blob)
				}
				fmt.Fprintf(&b, "%s=%v ", cols[i], x)
			}
			lines = append(lines, b.String())
		}
		must(tb, rows.Err())
		must(tb, rows.Close())
		slices.Sort(lines)
		out[name] = strings.Join(lines, "\n")
	}
	return out
}
