package store

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// ids pages through a query and returns what it meets.
func ids(tb testing.TB, t *Tenant, q Query, limit int) (out []string) {
	tb.Helper()
	p := Page{Limit: limit}
	for {
		l := ok(t.Interactions(tb.Context(), q, p))(tb)
		for _, v := range l.Items {
			out = append(out, v.ID)
		}
		if l.Next == "" {
			return out
		}
		p.After = l.Next
	}
}

func TestSearch(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		save(t, w.a, record(t, "c1", startingAt(epoch)))
		save(t, w.a, record(t, "c2", startingAt(epoch.Add(time.Hour)), func(r *interaction.Interaction) {
			r.Contact.Queue, r.Contact.Language, r.Contact.Direction = "sales", "pl", "outbound"
			r.Participants[0].ExternalID, r.Participants[1].ExternalID = "agent-9", "customer-2"
			r.Voice.Decision, r.Voice.LLR = interaction.NotAuthenticated, ptr(-3.0)
			r.Voice.Candidates, r.Voice.Watchlist = nil, nil
			r.Alerts = nil
		}))
		save(t, w.a, record(t, "c3", startingAt(epoch.Add(2*time.Hour)), func(r *interaction.Interaction) {
			r.Contact.State, r.Contact.RelatedContactID = interaction.StateInterrupted, "contact-c1"
			r.Segments[1].Emotion = &interaction.Emotion{Label: "happy", Probabilities: map[string]float64{"happy": 0.9, "angry": 0.1}, Confidence: 0.9}
			r.Affect[0].Trend, r.Affect[0].Overall.Anger, r.Affect[0].PeakNegative = "improving", 0.1, nil
			r.Alerts[0].Severity, r.Alerts[0].Rule = "critical", "anger"
			r.Voice = nil
			r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: "voice", Code: interaction.CodeNoClaim})
		}))
		at := func(metric string, low, high *float64) Query {
			return Query{Metrics: map[string]Range{metric: {low, high}}}
		}
		for _, c := range []struct {
			name string
			q    Query
			want string
		}{
			{"all_the_latest_first", Query{}, "c3 c2 c1"},
			{"the_oldest_first", Query{Ascending: true}, "c1 c2 c3"},
			{"from_is_in", Query{From: epoch.Add(time.Hour)}, "c3 c2"},
			{"to_is_out", Query{To: epoch.Add(time.Hour)}, "c1"},
			{"first_agent", Query{AgentID: "agent-17"}, "c3 c1"},
			{"agent_of_a_later_leg", Query{AgentID: "agent-4"}, "c3 c2 c1"},
			{"customer", Query{CustomerID: "customer-902"}, "c3 c1"},
			{"customer_is_not_found_as_agent", Query{AgentID: "customer-902"}, ""},
			{"customer_and_agent", Query{CustomerID: "customer-2", AgentID: "agent-4"}, "c2"},
			{"customer_in_a_time", Query{CustomerID: "customer-902", From: epoch.Add(time.Minute), To: epoch.Add(9 * time.Hour)}, "c3"},
			{"speaker_of_a_search", Query{SpeakerID: "entry-12"}, "c1"},
			{"queue", Query{Queue: "sales"}, "c2"},
			{"language_and_direction", Query{Language: "pl", Direction: "outbound"}, "c2"},
			{"contact", Query{ContactID: "contact-c2"}, "c2"},
			{"related_contact", Query{RelatedID: "contact-c1"}, "c3"},
			{"states", Query{States: []interaction.State{interaction.StateInterrupted, interaction.StateLive}}, "c3"},
			{"decisions", Query{Decisions: []interaction.Decision{interaction.NotAuthenticated, interaction.Authenticated}}, "c2 c1"},
			{"emotion", Query{Emotion: "angry"}, "c2 c1"},
			{"emotion_share", Query{Emotion: "happy", EmotionShare: Range{Min: ptr(0.5)}}, "c3"},
			{"emotion_share_too_high", Query{Emotion: "happy", EmotionShare: Range{Max: ptr(0.5)}}, ""},
			{"emotion_of_a_customer", Query{Emotion: "angry", CustomerID: "customer-2"}, "c2"},
			{"severity", Query{MinSeverity: 2}, "c3 c1"},
			{"severity_critical", Query{MinSeverity: 3}, "c3"},
			{"alert_rule", Query{AlertRule: "long_hold"}, "c1"},
			{"trend", Query{Trend: "improving"}, "c3"},
			{"unreviewed", Query{Reviews: []string{Unreviewed}}, "c3 c2 c1"},
			{"reviewed", Query{Reviews: []string{"submitted"}}, ""},
			{"metric_at_least", at("anger", ptr(0.5), nil), "c2 c1"},
			{"metric_at_most", at("anger", nil, ptr(0.5)), "c3"},
			{"metric_exactly", at("overtalk_ms", ptr(500.0), ptr(500.0)), "c3 c2 c1"},
			{"metric_not_measured_is_in_no_range", at("llr", ptr(-1e9), nil), "c2 c1"},
			{"dialect_and_endpoint", Query{Dialect: "audiohook", Endpoint: "dublin"}, "c3 c2 c1"},
			{"by_metric_the_largest_first", Query{Sort: "llr"}, "c1 c2"},
			{"by_metric_the_smallest_first", Query{Sort: "anger", Ascending: true}, "c3 c1 c2"},
			{"by_metric_of_a_customer", Query{Sort: "anger", CustomerID: "customer-902"}, "c1 c3"},
		} {
			for _, limit := range []int{1, 2, 50} {
				if got := strings.Join(ids(t, w.a, c.q, limit), " "); got != c.want {
					t.Errorf("%s, pages of %d: %q, want %q", c.name, limit, got, c.want)
				}
			}
			if n := ok(w.a.Count(t.Context(), c.q, 100))(t); n != len(strings.Fields(c.want)) {
				t.Errorf("%s: count %d, want %d", c.name, n, len(strings.Fields(c.want)))
			}
			if n := ok(w.a.Count(t.Context(), c.q, 1))(t); n > 1 {
				t.Errorf("%s: count %d, want at most 1", c.name, n)
			}
		}
		for name, q := range map[string]Query{
			"no_such_metric":        at("mood", nil, nil),
			"no_such_sort":          {Sort: "mood"},
			"range_upside_down":     at("anger", ptr(1.0), ptr(0.0)),
			"to_before_from":        {From: epoch, To: epoch},
			"share_without_emotion": {EmotionShare: Range{Min: ptr(0.1)}},
			"severity_of_no_kind":   {MinSeverity: 4},
		} {
			if _, err := w.a.Interactions(t.Context(), q, Page{}); Code(err) != "invalid" {
				t.Errorf("%s: %v, want invalid", name, err)
			}
			if _, err := w.a.Count(t.Context(), q, 1); Code(err) != "invalid" {
				t.Errorf("count of %s: %v, want invalid", name, err)
			}
		}
	})
}

func ptr[T any](v T) *T { return &v }

// TestEveryMetricIsFoundBy holds each metric's column against the record that it is taken from.
func TestEveryMetricIsFoundBy(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		save(t, w.a, record(t, "c1", func(r *interaction.Interaction) {
			r.Conversation.ResponseLatencyMs[interaction.RoleAgent] = interaction.Latency{Count: 1, MedianMs: 300, P90Ms: 300, MaxMs: 300}
		}))
		for kind, value := range map[string]int{"nps": 3, "csat": 2, "ces": 6} {
			ok(w.a.AddSurvey(ctx, Survey{ContactID: "contact-c1", Kind: kind, Value: value}))(t)
		}
		ok(w.a.SaveForm(ctx, Form{ID: "f", Definition: json.RawMessage("{}")}))(t)
		ok(w.a.SaveEvaluation(ctx, Evaluation{InteractionID: "c1", Evaluation: interaction.Evaluation{Form: "f", Version: 1, Evaluator: "x", State: "submitted", Score: ptr(62.5)}}))(t)
		want := map[string]float64{"duration_ms": 30500, "lost_ms": 60, "talk_share_agent": 0.5109, "talk_share_customer": 0.4891, "non_talk_ms": 16000,
			"non_talk_longest_ms": 16000, "overtalk_ms": 500, "interruptions_agent": 0, "interruptions_customer": 1, "turns": 4,
			"response_latency_agent_ms": 300, "pace_agent": 4.14, "pace_customer": 4.93, "arousal": 0.71, "arousal_end": 0.82, "anger": 0.62,
			"anger_start": 0.5, "anger_end": 0.74, "anger_peak": 0.74, "valence": 0.28, "valence_start": 0.35, "valence_end": 0.21, "llr": 4.2,
			"net_speech_ms": 5400, "alerts": 1, "peak_end": 0.24, "predicted_csat": 2.4, "nps": 3, "csat": 2, "ces": 6, "score": 62.5}
		got := map[string]float64{}
		for _, name := range MetricNames() {
			x, found := want[name]
			if !found {
				t.Errorf("metric %s has no expected value here", name)
			}
			l := ok(w.a.Interactions(ctx, Query{Metrics: map[string]Range{name: {&x, &x}}}, Page{}))(t)
			if len(l.Items) == 1 {
				got[name] = *l.Items[0].Metric(name)
			}
		}
		equal(t, got, want)
		if (&Summary{}).Metric("mood") != nil {
			t.Error("a metric that there is not has a value")
		}
	})
}

// TestPagesOfEqualTimesMeetEveryRowOnce: rows of one time, and of one metric, are told apart by their id.
func TestPagesOfEqualTimesMeetEveryRowOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		r := rand.New(rand.NewPCG(1, 2))
		var want []string
		for i := range 30 {
			id := fmt.Sprintf("c%02d", i)
			save(t, w.a, record(t, id, startingAt(epoch.Add(time.Duration(r.IntN(3))*time.Hour)), func(x *interaction.Interaction) {
				x.Affect[0].Overall.Anger = float64(r.IntN(3)) / 3
			}))
			want = append(want, id)
		}
		for _, q := range []Query{{}, {Ascending: true}, {Sort: "anger"}, {Sort: "anger", Ascending: true}, {CustomerID: "customer-902"}, {Emotion: "angry"}} {
			for _, limit := range []int{1, 7, 30} {
				got := ids(t, w.a, q, limit)
				slices.Sort(got)
				equal(t, got, want)
			}
		}
		l := ok(w.a.Interactions(t.Context(), Query{}, Page{Limit: 10}))(t)
		save(t, w.a, record(t, "new", startingAt(epoch.Add(9*time.Hour)))) // before the first page
		rest := ok(w.a.Interactions(t.Context(), Query{}, Page{Limit: 50, After: l.Next}))(t)
		if len(rest.Items) != 20 {
			t.Errorf("%d rows after the first 10 of 30, want 20", len(rest.Items))
		}
		_, err := w.a.Interactions(t.Context(), Query{Sort: "anger"}, Page{After: "WyJ4IiwieCJd"})
		code(t, err, "invalid")
	})
}

func TestExport(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		const n = exportPage + 3
		for i := range n {
			save(t, w.a, record(t, fmt.Sprintf("c%03d", i), startingAt(epoch.Add(time.Duration(i)*time.Second))))
		}
		var b bytes.Buffer
		equal(t, ok(w.a.ExportJSONL(ctx, &b, Query{Ascending: true}))(t), n)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		equal(t, len(lines), n)
		for i, line := range lines {
			r := ok(interaction.Parse([]byte(line)))(t)
			equal(t, r.Contact.ID, fmt.Sprintf("c%03d", i))
		}
		b.Reset()
		equal(t, ok(w.a.ExportCSV(ctx, &b, Query{AgentID: "agent-4", Ascending: true}))(t), n)
		cells := ok(csv.NewReader(&b).ReadAll())(t)
		equal(t, len(cells), n+1)
		column := func(name string) string { return cells[1][slices.Index(cells[0], name)] }
		for name, want := range map[string]string{"id": "c000", "at": "2026-03-01T09:00:00Z", "decision": "authenticated", "severity": "warning",
			"anger": "0.62", "llr": "4.2", "score": "", "customer_id": "customer-902"} {
			equal(t, column(name), want)
		}
		_, err := w.a.ExportCSV(ctx, &b, Query{Sort: "mood"})
		code(t, err, "invalid")
		for _, export := range []func() (int, error){
			func() (int, error) { return w.a.ExportCSV(ctx, full{}, Query{}) },
			func() (int, error) { return w.a.ExportJSONL(ctx, full{}, Query{}) },
		} {
			if _, err := export(); err == nil || !strings.Contains(err.Error(), "disk is full") {
				t.Errorf("%v, want the writer's error", err)
			}
		}
	})
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("disk is full") }

func TestCellsThatASpreadsheetWouldRun(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "",
		"agent-4":           "agent-4",
		"a=b":               "a=b",
		"=1+1":              "'=1+1",
		"+48 22 123":        "'+48 22 123",
		"-2+3":              "'-2+3",
		"@SUM(A1)":          "'@SUM(A1)",
		"|calc":             "'|calc",
		"  =1":              "'  =1",
		"\t=1":              "'\t=1",
		"\rx":               "'\rx",
		"\nx":               "'\nx",
		"\"=1":              "'\"=1",
		"'=1":               "''=1",
		"\uff1dcmd":         "'\uff1dcmd",
		"é":                 "é",
		"\xff":              "\xff",
		"=HYPERLINK(\"x\")": "'=HYPERLINK(\"x\")",
	} {
		if got := harmless(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func FuzzCursor(f *testing.F) {
	good, err := encodeCursor([]any{int64(1), "x"})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{good, "", "!", "W10", "WzEsMl0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		for _, kinds := range []string{"ns", "fs", "s", "n"} {
			last, err := decodeCursor(cursor, kinds)
			if err != nil {
				if Code(err) != "invalid" {
					t.Errorf("%q: %v, want invalid", cursor, err)
				}
				continue
			}
			again, err := encodeCursor(last)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeCursor(again, kinds); err != nil {
				t.Errorf("%q was read, but %q is not: %v", cursor, again, err)
			}
		}
	})
}

func FuzzHarmless(f *testing.F) {
	for _, s := range []string{"=1", " =1", "x", "\t", "'=", "\u00a0=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := harmless(s)
		if strings.TrimPrefix(got, "'") != s && got != s {
			t.Errorf("%q becomes %q", s, got)
		}
		if got != "" && strings.ContainsRune("=+-@\t\r\n", rune(got[0])) {
			t.Errorf("%q becomes %q, which a spreadsheet would run", s, got)
		}
	})
}
