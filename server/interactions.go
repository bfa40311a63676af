package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/store"
)

// interactions is api.Interactions over the store.
type interactions struct {
	store *store.Store
	rules rules.Set
	audio *recordings
	saved func() // wakes who delivers
}

var _ api.Interactions = (*interactions)(nil)

// query turns what a client looks for.
func query(q api.Query) store.Query {
	out := store.Query{
		From: q.From, To: q.To, ContactID: q.ContactID, AgentID: q.AgentID, CustomerID: q.CustomerID, Queue: q.Queue, AlertRule: q.Alert,
		Emotion: q.Emotion, Metrics: map[string]store.Range{},
	}
	if q.State != "" {
		out.States = []interaction.State{q.State}
	}
	if q.Decision != "" {
		out.Decisions = []interaction.Decision{interaction.Decision(q.Decision)}
	}
	if q.Emotion != "" {
		out.EmotionShare.Min = &q.MinShare
	}
	for _, m := range []struct {
		name     string
		min, max int64
	}{{"duration_ms", q.MinDuration, q.MaxDuration}, {"non_talk_longest_ms", q.MinNonTalk, 0}, {"overtalk_ms", q.MinOvertalk, 0}} {
		var r store.Range
		if m.min > 0 {
			x := float64(m.min)
			r.Min = &x
		}
		if m.max > 0 {
			x := float64(m.max)
			r.Max = &x
		}
		if r != (store.Range{}) {
			out.Metrics[m.name] = r
		}
	}
	return out
}

func (s *interactions) Interaction(ctx context.Context, tenant, id string) (*interaction.Interaction, error) {
	return with(s.store.Tenant(tenant).Interaction(ctx, id))
}

func (s *interactions) Find(ctx context.Context, tenant string, q api.Query, p api.Page) (api.List[api.Summary], error) {
	l, err := s.store.Tenant(tenant).Interactions(ctx, query(q), pageOf(p))
	return listOf(l, err, summary)
}

// summary is a row of a list, made of what the store keeps beside the record.
func summary(v *store.Summary) api.Summary {
	whole := func(name string) int64 {
		if m := v.Metric(name); m != nil {
			return int64(*m)
		}
		return 0
	}
	return api.Summary{
		ID: v.ID, ContactID: v.ContactID, State: v.State, Revision: v.Revision, StartedAt: present(v.StartedAt), DurationMs: whole("duration_ms"),
		Queue: v.Queue, AgentID: v.AgentID, CustomerID: v.CustomerID, Decision: v.Decision, LongestSilenceMs: whole("non_talk_longest_ms"),
		OvertalkMs: whole("overtalk_ms"), Alerts: whole("alerts"), Severity: []string{"", "info", "warning", "critical"}[v.Severity],
	}
}

func (s *interactions) Export(ctx context.Context, tenant string, q api.Query, format string, w io.Writer) error {
	sq := query(q)
	sq.Ascending = true
	write := s.store.Tenant(tenant).ExportJSONL
	if format == "csv" {
		write = s.store.Tenant(tenant).ExportCSV
	}
	_, err := write(ctx, w, sq)
	return fault(err)
}

func (s *interactions) DeleteInteraction(ctx context.Context, tenant, id string) error {
	return fault(s.audio.deleteCall(ctx, tenant, id))
}

func (s *interactions) EraseCustomer(ctx context.Context, tenant, by, id string) (int, error) {
	alias, err := s.audio.alias(tenant, id)
	if err != nil {
		return 0, err
	}
	t := s.store.Tenant(tenant)
	ids, err := t.EraseCustomer(ctx, id)
	if ids == nil {
		return 0, fault(err)
	}
	// What is deleted is deleted, whatever else fails; the audio of each, and the line in the log.
	errs := []error{fault(err)}
	for _, i := range ids {
		errs = append(errs, s.audio.folder.Remove(tenant, i))
	}
	_, err = t.AppendAudit(ctx, store.AuditEntry{Actor: by, Action: "erase_customer", Subject: alias, Detail: map[string]string{"records": strconv.Itoa(len(ids))}})
	return len(ids), errors.Join(append(errs, fault(err))...)
}

func (s *interactions) Correct(ctx context.Context, tenant, id, segment string, c interaction.Correction) (*interaction.Interaction, error) {
	t := s.store.Tenant(tenant)
	if _, err := t.AddCorrection(ctx, store.Correction{InteractionID: id, SegmentID: segment, Correction: c}); err != nil {
		return nil, fault(err)
	}
	s.saved()
	return with(t.Interaction(ctx, id))
}

func (s *interactions) Evaluate(ctx context.Context, tenant, id string, e interaction.Evaluation) (*interaction.Interaction, error) {
	t := s.store.Tenant(tenant)
	r, err := t.Interaction(ctx, id)
	if err != nil {
		return nil, fault(err)
	}
	if err := judge(ctx, t, &e); err != nil {
		return nil, err
	}
	if _, err := t.SaveEvaluation(ctx, store.Evaluation{InteractionID: id, AgentID: api.Summarise(r).AgentID, Evaluation: e}); err != nil {
		return nil, fault(err)
	}
	s.saved()
	return with(t.Interaction(ctx, id))
}

// errUnchanged ends a change that would change nothing.
var errUnchanged = errors.New("server: unchanged")

func (s *interactions) Reapply(ctx context.Context, tenant string, q api.Query) (records, alerts int, err error) {
	t := s.store.Tenant(tenant)
	sq := query(q)
	sq.Ascending = true
	for row, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.Summary], error) {
		return t.Interactions(ctx, sq, page)
	}) {
		if err != nil {
			return records, alerts, fault(err)
		}
		added := 0
		_, err := t.ChangeInteraction(ctx, row.ID, func(r *interaction.Interaction) error {
			if added = raise(s.rules, r); added == 0 {
				return errUnchanged
			}
			return nil
		})
		if err != nil && !errors.Is(err, errUnchanged) && store.Code(err) != "not_found" { // one that was deleted meanwhile
			return records, alerts, fault(fmt.Errorf("interaction %s: %w", row.ID, err))
		}
		records++
		alerts += added
	}
	s.saved()
	return records, alerts, nil
}

// raise adds the alerts that the rules find in a finished record and that it does not have, and returns how many. One that was told
// while the call ran stays as it was told: of the same rule, an alert that meets it in time is the same.
func raise(set rules.Set, r *interaction.Interaction) int {
	added := 0
	told := r.Alerts
	for _, a := range set.Evaluate(r) {
		known := false
		for _, o := range told {
			known = known || o.Rule == a.Rule && o.StartMs <= a.EndMs && a.StartMs <= o.EndMs
		}
		if !known {
			r.Alerts = append(r.Alerts[:len(r.Alerts):len(r.Alerts)], a)
			added++
		}
	}
	return added
}

func (s *interactions) Customer(ctx context.Context, tenant, id string, from, to time.Time, p api.Page) (api.Journey, error) {
	t := s.store.Tenant(tenant)
	l, err := t.Interactions(ctx, store.Query{CustomerID: id, From: from, To: to, Ascending: true}, pageOf(p))
	if err != nil {
		return api.Journey{}, fault(err)
	}
	j := api.Journey{CustomerID: id, Contacts: []api.Contact{}, Surveys: []api.SurveyAnswer{}, Tasks: []api.Task{}, Next: l.Next}
	for _, row := range l.Items {
		r, err := t.Interaction(ctx, row.ID)
		if store.Code(err) == "not_found" {
			continue // deleted meanwhile
		}
		if err != nil {
			return api.Journey{}, fault(err)
		}
		c := api.Contact{Summary: api.Summarise(r)}
		if r.CX != nil {
			c.PredictedCSAT = r.CX.PredictedCSAT
		}
		j.Contacts = append(j.Contacts, c)
	}
	if len(j.Contacts) == 0 && p.Cursor == "" {
		tasks, err := t.Tasks(ctx, store.TaskQuery{CustomerID: id}, store.Page{Limit: 1})
		if err != nil {
			return api.Journey{}, fault(err)
		}
		if len(tasks.Items) == 0 {
			return api.Journey{}, fmt.Errorf("%w: nothing is known of customer %q", api.ErrNotFound, id)
		}
	}
	surveys, err := t.Surveys(ctx, store.SurveyQuery{CustomerID: id}, store.Page{Limit: store.MaxLimit})
	if err != nil {
		return api.Journey{}, fault(err)
	}
	for i := range surveys.Items {
		j.Surveys = append(j.Surveys, survey(&surveys.Items[i]))
	}
	tasks, err := t.Tasks(ctx, store.TaskQuery{CustomerID: id, State: "open"}, store.Page{Limit: store.MaxLimit})
	if err != nil {
		return api.Journey{}, fault(err)
	}
	for i := range tasks.Items {
		j.Tasks = append(j.Tasks, task(&tasks.Items[i]))
	}
	return j, nil
}

func (s *interactions) Agent(ctx context.Context, tenant, id string, from, to time.Time) (api.AgentSummary, error) {
	f, err := s.store.Tenant(tenant).AgentFigures(ctx, id, from, to)
	if err != nil {
		return api.AgentSummary{}, fault(err)
	}
	if f.Calls == 0 && f.Evaluations == 0 {
		return api.AgentSummary{}, fmt.Errorf("%w: no call of agent %q in that time", api.ErrNotFound, id)
	}
	return api.AgentSummary{
		AgentID: id, Calls: f.Calls, DurationMs: f.DurationMs, TalkShare: f.TalkShare, Interruptions: f.Interruptions, LatencyMs: f.ResponseLatencyMs,
		SyllablesPerS: f.Pace, OvertalkMs: f.OvertalkMs, NonTalkMs: f.NonTalkMs, Evaluations: f.Evaluations, EvaluationScore: f.Score,
	}, nil
}
