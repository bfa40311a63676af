package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// record returns the full sample record under an id of its own, without what the store owns, edited.
func record(tb testing.TB, id string, edits ...func(*interaction.Interaction)) *interaction.Interaction {
	tb.Helper()
	r := sample(tb)
	r.Contact.ID, r.Contact.Tenant, r.Contact.Revision = id, "", 0
	r.Contact.ContactID = "contact-" + id
	r.CX.Surveys, r.CX.Tasks, r.Evaluations, r.Governance.LegalHold = nil, nil, nil, false
	for i := range r.Segments {
		r.Segments[i].Corrections = nil
	}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

// sample returns the record with everything in it that the interaction package is tested with.
func sample(tb testing.TB) *interaction.Interaction {
	tb.Helper()
	return ok(interaction.Parse(testkit.Read(tb, filepath.Join(testkit.Root(tb), "interaction", "testdata", "record.json"))))(tb)
}

func startingAt(t time.Time) func(*interaction.Interaction) {
	return func(r *interaction.Interaction) {
		end := t.Add(time.Minute)
		r.Contact.StartedAt, r.Contact.EndedAt = &t, &end
	}
}

func save(tb testing.TB, t *Tenant, r *interaction.Interaction) *interaction.Interaction {
	tb.Helper()
	return ok(t.SaveInteraction(tb.Context(), r))(tb)
}

// asJSON compares records as the world sees them: nil and empty are the same.
func asJSON(tb testing.TB, r *interaction.Interaction) string {
	tb.Helper()
	return string(ok(json.MarshalIndent(r, "", " "))(tb))
}

func TestARecordComesBackAsItWasSaved(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		given := sample(t)
		given.Contact.Tenant, given.Governance.LegalHold = "a", false
		before := asJSON(t, given)
		saved := save(t, w.a, given)
		equal(t, asJSON(t, given), before) // what was given is not changed
		want := sample(t)
		want.Contact.Tenant, want.Contact.Revision, want.Governance.LegalHold = "a", 1, false
		equal(t, asJSON(t, saved), asJSON(t, want))
		equal(t, asJSON(t, ok(w.a.Interaction(ctx, given.Contact.ID))(t)), asJSON(t, want))
		must(t, saved.Validate())

		for name, c := range map[string]struct {
			edit func(*interaction.Interaction)
			want string
		}{
			"another_tenant": {func(r *interaction.Interaction) { r.Contact.Tenant = "b" }, "invalid"},
			"no_id":          {func(r *interaction.Interaction) { r.Contact.ID = "" }, "invalid"},
			"endless_id":     {func(r *interaction.Interaction) { r.Contact.ID = strings.Repeat("x", 300) }, "invalid"},
			"not_valid":      {func(r *interaction.Interaction) { r.Contact.DurationMs = -1 }, "invalid"},
		} {
			if _, err := w.a.SaveInteraction(ctx, record(t, "x", c.edit)); Code(err) != c.want {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		_, err := w.Tenant("nobody").SaveInteraction(ctx, record(t, "x"))
		code(t, err, "not_found")
		_, err = w.a.Interaction(ctx, "x")
		code(t, err, "not_found")
	})
}

func TestRevisionGrowsOnlyWhenTheRecordChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		r := record(t, "c1")
		for _, want := range []int{1, 1} {
			if got := save(t, w.a, r).Contact.Revision; got != want {
				t.Errorf("revision %d, want %d", got, want)
			}
		}
		r.Contact.Queue = "sales"
		equal(t, save(t, w.a, r).Contact.Revision, 2)
		changed := ok(w.a.ChangeInteraction(ctx, "c1", func(r *interaction.Interaction) error { r.Contact.Language = "pl"; return nil }))(t)
		equal(t, changed.Contact.Revision, 3)
		rows := ok(w.Pending(ctx, 10))(t)
		if len(rows) != 3 {
			t.Fatalf("%d rows in the outbox, want one for each of 3 revisions", len(rows))
		}
		equal(t, string(rows[2].Body), `{"id":"c1","revision":3,"state":"complete"}`)

		mine := errors.New("mine")
		_, err := w.a.ChangeInteraction(ctx, "c1", func(*interaction.Interaction) error { return mine })
		if !errors.Is(err, mine) {
			t.Errorf("%v, want the edit's own error", err)
		}
		_, err = w.a.ChangeInteraction(ctx, "c1", func(r *interaction.Interaction) error { r.Contact.ID = "c2"; return nil })
		code(t, err, "invalid")
		_, err = w.a.ChangeInteraction(ctx, "none", func(*interaction.Interaction) error { return nil })
		code(t, err, "not_found")
	})
}

func TestOddTextsOfAPlatformDoNotLoseARecord(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		r := record(t, "c1", func(r *interaction.Interaction) {
			r.Participants[0].DisplayName = "A\x00B"
			r.Participants[0].ExternalID = strings.Repeat("é", 200)
			r.Contact.Queue = "q\x00"
			r.Alerts[0].Evidence = strings.Repeat("\x00", maxText)
		})
		save(t, w.a, r)
		back := ok(w.a.Interaction(t.Context(), "c1"))(t)
		equal(t, back.Participants, r.Participants)
		equal(t, back.Contact.Queue, "q\x00")
	})
}

func TestOutboxIsWrittenWithTheRecordOrNotAtAll(t *testing.T) {
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "timbre.db"), "postgres": sharedPostgres(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			w := open(t, dsn)
			broken := errors.New("broken")
			w.event = func(r *interaction.Interaction) (string, []byte, error) {
				switch r.Contact.Queue {
				case "broken":
					return "", nil, broken
				case "silent":
					return "", nil, nil
				}
				return "session_ended", []byte(`{"call_id":"` + r.Contact.ID + `"}`), nil
			}
			_, err := w.a.SaveInteraction(ctx, record(t, "x1-"+name, func(r *interaction.Interaction) { r.Contact.Queue = "broken" }))
			if !errors.Is(err, broken) {
				t.Errorf("%v, want the event's own error", err)
			}
			_, err = w.a.Interaction(ctx, "x1-"+name)
			code(t, err, "not_found")
			save(t, w.a, record(t, "x2-"+name, func(r *interaction.Interaction) { r.Contact.Queue = "silent" }))
			save(t, w.b, record(t, "x3-"+name))
			var found []OutboxRow
			for _, r := range ok(w.Pending(ctx, 100))(t) {
				if strings.HasPrefix(r.InteractionID, "x") {
					found = append(found, r)
				}
			}
			if len(found) != 1 || found[0].Tenant != "b" || found[0].InteractionID != "x3-"+name || found[0].Kind != "session_ended" {
				t.Fatalf("%+v, want the event of x3 alone", found)
			}
			for range 2 { // marking twice is no error
				must(t, w.MarkPublished(ctx, []int64{found[0].ID}))
			}
			_, err = w.Pending(ctx, 0)
			code(t, err, "invalid")
		})
	}
}

func TestWhatPeopleAddStandsInTheRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		// A survey that comes before the call waits for it.
		early := ok(w.a.AddSurvey(ctx, Survey{ContactID: "contact-c1", Kind: "nps", Value: 9}))(t)
		r := save(t, w.a, record(t, "c1"))
		if len(r.CX.Surveys) != 1 || r.CX.Surveys[0].Value != 9 {
			t.Errorf("surveys %v, want the early one", r.CX.Surveys)
		}
		equal(t, ok(w.a.Survey(ctx, early.ID))(t).CustomerID, "customer-902")

		late := ok(w.a.AddSurvey(ctx, Survey{ID: "answer-7", ContactID: "contact-c1", Kind: "csat", Value: 4, AskedAt: epoch, AnsweredAt: epoch.Add(time.Hour)}))(t)
		equal(t, late.CustomerID, "customer-902")
		task := ok(w.a.SaveTask(ctx, Task{InteractionID: "c1", CustomerID: "customer-902", Title: "Call back", Owner: "agent-4", Due: epoch}))(t)
		form := ok(w.a.SaveForm(ctx, Form{ID: "billing", Title: "Billing", Definition: json.RawMessage(`{"sections": []}`)}))(t)
		score := 80.0
		review := ok(w.a.SaveEvaluation(ctx, Evaluation{InteractionID: "c1", AgentID: "agent-4", Evaluation: interaction.Evaluation{Form: "billing",
			Version: form.Version, Evaluator: "r1", Answers: map[string]string{"greeting": "yes"}, Score: &score, State: "draft"}, Notes: []Note{{Text: "n"}}}))(t)
		fix := ok(w.a.AddCorrection(ctx, Correction{InteractionID: "c1", SegmentID: "s2", Correction: interaction.Correction{Field: "emotion", To: "sad", By: "r1"}}))(t)
		equal(t, fix.From, "angry")
		hold := ok(w.a.PlaceHold(ctx, Hold{Kind: HoldCustomer, Subject: "customer-902", Reason: "court", PlacedBy: "legal"}))(t)

		got := ok(w.a.Interaction(ctx, "c1"))(t)
		must(t, got.Validate())
		if len(got.CX.Surveys) != 2 || got.CX.Tasks[0].Title != "Call back" || got.Evaluations[0].Evaluator != "r1" || !got.Governance.LegalHold {
			t.Errorf("%s\nwants two surveys, a task, an evaluation and a hold", asJSON(t, got))
		}
		equal(t, got.Segments[1].Corrections, []interaction.Correction{fix.Correction})
		equal(t, got.Contact.Revision, 6)

		// A new analysis of the call, which knows nothing of these, does not lose them.
		again := save(t, w.a, record(t, "c1", func(r *interaction.Interaction) { r.Contact.Language = "en" }))
		got.Contact.Language, got.Contact.Revision = "en", 7
		equal(t, asJSON(t, again), asJSON(t, got))

		for metric, want := range map[string]float64{"nps": 9, "csat": 4} {
			s := ok(w.a.Interactions(ctx, Query{Metrics: map[string]Range{metric: {Min: &want, Max: &want}}}, Page{}))(t)
			if len(s.Items) != 1 {
				t.Errorf("%d interactions with %s %g, want 1", len(s.Items), metric, want)
			}
		}
		review.State = "submitted"
		review = ok(w.a.SaveEvaluation(ctx, review))(t)
		if s := ok(w.a.Interactions(ctx, Query{Reviews: []string{"submitted"}, Sort: "score"}, Page{}))(t); len(s.Items) != 1 || *s.Items[0].Metric("score") != 80 {
			t.Errorf("%+v, want the reviewed interaction with score 80", s.Items)
		}
		must(t, w.a.DeleteTask(ctx, task.ID))
		must(t, w.a.DeleteSurvey(ctx, early.ID))
		must(t, w.a.ReleaseHold(ctx, hold.ID, "legal"))
		code(t, w.a.ReleaseHold(ctx, hold.ID, "legal"), "conflict")
		got = ok(w.a.Interaction(ctx, "c1"))(t)
		if len(got.CX.Surveys) != 1 || got.CX.Tasks != nil || got.Governance.LegalHold {
			t.Errorf("%s\nwants one survey, no task and no hold", asJSON(t, got))
		}
	})
}

func TestCheckpoints(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		live := func(r *interaction.Interaction) { r.Contact.State = interaction.StateLive }
		for range 2 {
			must(t, w.a.SaveCheckpoint(ctx, "node-1", record(t, "c1", live)))
		}
		must(t, w.b.SaveCheckpoint(ctx, "node-2", record(t, "c1", live)))
		c := ok(w.a.Checkpoint(ctx, "c1"))(t)
		if c.Node != "node-1" || c.Record.Contact.State != interaction.StateLive {
			t.Errorf("%+v, want the live record of node-1", c)
		}
		left := ok(w.LeftCheckpoints(ctx, w.time(), Left{}, 10))(t)
		if len(left) != 2 || left[0].Tenant != "a" || left[1].Tenant != "b" || left[0].Node != "node-1" || !left[0].At.Equal(c.At) {
			t.Errorf("%+v, want one of each tenant", left)
		}
		equal(t, ok(w.LeftCheckpoints(ctx, w.time(), left[0], 10))(t), left[1:])
		equal(t, len(ok(w.LeftCheckpoints(ctx, c.At, Left{}, 10))(t)), 0)
		save(t, w.a, record(t, "c1"))
		_, err := w.a.Checkpoint(ctx, "c1")
		code(t, err, "not_found")
		equal(t, len(ok(w.a.Checkpoints(ctx, Page{}))(t).Items), 0)
		equal(t, len(ok(w.b.Checkpoints(ctx, Page{}))(t).Items), 1)
		must(t, w.b.DeleteCheckpoint(ctx, "c1"))
		must(t, w.b.DeleteCheckpoint(ctx, "c1"))
		code(t, w.a.SaveCheckpoint(ctx, "n", record(t, "", live)), "invalid")
		code(t, w.a.SaveCheckpoint(ctx, "n", record(t, "x", func(r *interaction.Interaction) { r.Contact.Tenant = "b" })), "invalid")
	})
}

// TestWritersAtOnceLoseNothing: calls that end together, surveys that arrive meanwhile, every one is in its record.
func TestWritersAtOnceLoseNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		other, err := Open(ctx, Options{DSN: w.dsn, Now: w.clock.now}) // a second node
		must(t, err)
		defer other.Close()
		const calls, surveys = 4, 6
		var wg sync.WaitGroup
		for i := range calls {
			id := fmt.Sprintf("c%d", i)
			r := record(t, id)
			for n, s := range []*Store{w.Store, other} {
				wg.Go(func() {
					if _, err := s.Tenant("a").SaveInteraction(ctx, r); err != nil {
						t.Error(err)
					}
				})
				for k := range surveys / 2 {
					wg.Go(func() {
						if _, err := s.Tenant("a").AddSurvey(ctx, Survey{ID: fmt.Sprint(id, n, k), ContactID: "contact-" + id, Kind: "nps", Value: k}); err != nil {
							t.Error(err)
						}
					})
				}
			}
		}
		wg.Wait()
		for i := range calls {
			r := ok(w.a.Interaction(ctx, fmt.Sprintf("c%d", i)))(t)
			if len(r.CX.Surveys) != surveys {
				t.Errorf("call %d has %d surveys, want %d", i, len(r.CX.Surveys), surveys)
			}
		}
	})
}

func TestAlerts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		save(t, w.a, record(t, "c1", startingAt(epoch)))
		save(t, w.a, record(t, "c2", startingAt(epoch.Add(time.Hour))))
		open := func(q AlertQuery) (ids []string) {
			for _, a := range ok(w.a.Alerts(ctx, q, Page{}))(t).Items {
				ids = append(ids, a.InteractionID)
			}
			return ids
		}
		equal(t, open(AlertQuery{}), []string{"c2", "c1"})
		equal(t, open(AlertQuery{Rule: "long_hold", Severity: "warning", From: epoch.Add(time.Minute)}), []string{"c2"})
		must(t, w.a.AcknowledgeAlert(ctx, "c1", "long_hold", 10000, "anna"))
		must(t, w.a.SnoozeAlert(ctx, "c2", "long_hold", 10000, w.time().Add(time.Hour)))
		code(t, w.a.AcknowledgeAlert(ctx, "c1", "long_hold", 1, "anna"), "not_found")
		equal(t, open(AlertQuery{Open: true}), nil)
		w.clock.advance(2 * time.Hour)
		equal(t, open(AlertQuery{Open: true}), []string{"c2"})
		// A later revision keeps what was done about an alert, and takes with it an alert that is no more.
		save(t, w.a, record(t, "c1", startingAt(epoch), func(r *interaction.Interaction) { r.Contact.Language = "pl" }))
		equal(t, open(AlertQuery{Open: true}), []string{"c2"})
		save(t, w.a, record(t, "c2", startingAt(epoch), func(r *interaction.Interaction) { r.Alerts = nil }))
		equal(t, open(AlertQuery{}), []string{"c1"})
	})
}

func TestDirectoryKeepsNames(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		save(t, w.a, record(t, "c1"))
		equal(t, ok(w.a.Entry(ctx, KindAgent, "agent-17"))(t).DisplayName, "Aoife")
		equal(t, ok(w.a.Entry(ctx, KindQueue, "billing"))(t).DisplayName, "")
		must(t, w.a.SaveEntry(ctx, Entry{Kind: KindQueue, ID: "billing", DisplayName: "Billing", Attributes: map[string]string{"site": "Cork"}}))
		save(t, w.a, record(t, "c2", func(r *interaction.Interaction) { r.Participants[0].DisplayName = "" }))
		got := ok(w.a.Entry(ctx, KindQueue, "billing"))(t)
		if got.DisplayName != "Billing" || got.Attributes["site"] != "Cork" || !got.SeenAt.After(got.CreatedAt) {
			t.Errorf("%+v, want the name that was given", got)
		}
		equal(t, ok(w.a.Entry(ctx, KindAgent, "agent-17"))(t).DisplayName, "Aoife")
		var agents []string
		for _, e := range ok(w.a.Entries(ctx, KindAgent, Page{}))(t).Items {
			agents = append(agents, e.ID)
		}
		equal(t, agents, []string{"agent-17", "agent-4"})
		code(t, w.a.SaveEntry(ctx, Entry{Kind: "robot", ID: "x"}), "invalid")
	})
}

func TestFigures(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		save(t, w.a, record(t, "c1", startingAt(epoch)))
		save(t, w.a, record(t, "c2", startingAt(epoch.Add(time.Hour))))
		f := ok(w.a.AgentFigures(ctx, "agent-4", time.Time{}, time.Time{}))(t)
		if f.Calls != 2 || f.DurationMs != 61000 || f.TalkShare == nil || *f.TalkShare != 0.5109 || f.ResponseLatencyMs != nil || f.Evaluations != 0 {
			t.Errorf("%+v, want two calls of 30.5 s with a talk share of 0.5109 and no latency", f)
		}
		equal(t, ok(w.a.AgentFigures(ctx, "agent-4", epoch.Add(time.Minute), epoch.Add(2*time.Hour)))(t).Calls, 1)
		equal(t, ok(w.a.AgentFigures(ctx, "nobody", time.Time{}, time.Time{}))(t), AgentFigures{})
		for _, v := range []int{9, 9, 3} {
			ok(w.a.AddSurvey(ctx, Survey{ContactID: "x", Kind: "nps", Value: v}))(t)
		}
		equal(t, ok(w.a.SurveyCounts(ctx, "nps", time.Time{}, time.Time{}))(t), map[int]int{9: 2, 3: 1})
		s := ok(w.a.Segments(ctx, "c1", "angry", Page{}))(t)
		if len(s.Items) != 1 || s.Items[0].ID != "s2" || *s.Items[0].Arousal != 0.71 || *s.Items[0].SNRdB != 24 {
			t.Errorf("%+v, want segment s2", s.Items)
		}
		equal(t, len(ok(w.a.Segments(ctx, "", "", Page{}))(t).Items), 8)
	})
}

func TestSurveyValues(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			name string
			s    Survey
			want string
		}{
			{"nps_lowest", Survey{ContactID: "c", Kind: "nps"}, ""},
			{"nps_highest", Survey{ContactID: "c", Kind: "nps", Value: 10}, ""},
			{"nps_above", Survey{ContactID: "c", Kind: "nps", Value: 11}, "invalid"},
			{"nps_below", Survey{ContactID: "c", Kind: "nps", Value: -1}, "invalid"},
			{"csat_below", Survey{ContactID: "c", Kind: "csat"}, "invalid"},
			{"csat_highest", Survey{ContactID: "c", Kind: "csat", Value: 5}, ""},
			{"csat_above", Survey{ContactID: "c", Kind: "csat", Value: 6}, "invalid"},
			{"ces_highest", Survey{ContactID: "c", Kind: "ces", Value: 7}, ""},
			{"ces_above", Survey{ContactID: "c", Kind: "ces", Value: 8}, "invalid"},
			{"another_kind", Survey{ContactID: "c", Kind: "stars", Value: 1}, "invalid"},
			{"no_contact", Survey{Kind: "nps"}, "invalid"},
			{"answered_before_asked", Survey{ContactID: "c", Kind: "nps", AskedAt: epoch, AnsweredAt: epoch.Add(-time.Hour)}, "invalid"},
			{"id_taken", Survey{ID: "first", ContactID: "c", Kind: "nps"}, "conflict"},
		} {
			if c.name == "id_taken" {
				ok(w.a.AddSurvey(t.Context(), Survey{ID: "first", ContactID: "c", Kind: "nps"}))(t)
			}
			if _, err := w.a.AddSurvey(t.Context(), c.s); Code(err) != c.want {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	})
}
