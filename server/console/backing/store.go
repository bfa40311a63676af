package backing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/store"
)

// Options is what the store alone cannot do.
type Options struct {
	// NewKey makes an API key and returns its text; nil: the console makes none.
	NewKey func(ctx context.Context, tenant, name string, scopes []string) (secret string, err error)
	// Decide is the registry of persons known by voice; nil: the console decides nothing about them.
	Decide Decider
}

// Decider decides about persons known by voice, and writes it into the audit log. Its errors are those of package console.
type Decider interface {
	Approve(ctx context.Context, tenant, by, print string) error
	Reject(ctx context.Context, tenant, by, print string) error
	Unlock(ctx context.Context, tenant, by, speaker string) error
}

// Store is the store as the console sees it. Safe for concurrent use.
type Store struct {
	st   *store.Store
	opts Options
}

// New returns st as the console sees it.
func New(st *store.Store, o Options) *Store { return &Store{st, o} }

var _ console.Store = (*Store)(nil)

// fault turns an error of the store into what the console tells apart.
func fault(err error) error {
	kind := map[string]error{"not_found": console.ErrNotFound, "conflict": console.ErrConflict, "invalid": console.ErrInvalid}[store.Code(err)]
	if kind == nil {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

func pageOf(p console.Page) store.Page { return store.Page{After: p.After, Limit: p.Limit} }

// listOf turns a page of rows.
func listOf[R, T any](l store.List[R], err error, of func(R) T) (console.List[T], error) {
	out := console.List[T]{Next: l.Next}
	for _, r := range l.Items {
		out.Items = append(out.Items, of(r))
	}
	return out, fault(err)
}

// sliceOf turns rows.
func sliceOf[R, T any](rows []R, err error, of func(R) T) ([]T, error) {
	var out []T
	for _, r := range rows {
		out = append(out, of(r))
	}
	return out, fault(err)
}

// all reads every page of a list of what one tenant has few of.
func all[R, T any](ctx context.Context, list func(context.Context, store.Page) (store.List[R], error), of func(R) T) ([]T, error) {
	var out []T
	for r, err := range store.Every(ctx, list) {
		if err != nil {
			return nil, fault(err)
		}
		out = append(out, of(r))
	}
	return out, nil
}

// SessionUser implements console.Store.
func (s *Store) SessionUser(ctx context.Context, hash []byte) (string, console.User, error) {
	tenant, u, err := s.st.SessionUser(ctx, hash)
	return tenant, console.User(u), fault(err)
}

// Tenant implements console.Store.
func (s *Store) Tenant(id string) console.Tenant { return &tenant{s.st.Tenant(id), s.opts} }

type tenant struct {
	t    *store.Tenant
	opts Options
}

func (t *tenant) UserByLogin(ctx context.Context, login string) (console.User, error) {
	u, err := t.t.UserByLogin(ctx, login)
	return console.User(u), fault(err)
}

func (t *tenant) Users(ctx context.Context) ([]console.User, error) {
	return all(ctx, t.t.Users, func(u store.User) console.User { return console.User(u) })
}

func (t *tenant) SaveUser(ctx context.Context, u console.User) (console.User, error) {
	out, err := t.t.SaveUser(ctx, store.User(u))
	return console.User(out), fault(err)
}

func (t *tenant) AddSession(ctx context.Context, v console.Session) error {
	return fault(t.t.AddSession(ctx, store.Session(v)))
}

func (t *tenant) EndSession(ctx context.Context, hash []byte) error {
	return fault(t.t.EndSession(ctx, hash))
}

func (t *tenant) Interaction(ctx context.Context, id string) (*interaction.Interaction, error) {
	r, err := t.t.Interaction(ctx, id)
	return r, fault(err)
}

// emotionShare is the least share of the customer's scored speech for a call to be one of an emotion.
const emotionShare = 0.1

func queryOf(q console.Query) store.Query {
	out := store.Query{From: q.From, To: q.To, AgentID: q.AgentID, CustomerID: q.CustomerID, ContactID: q.ContactID, SpeakerID: q.SpeakerID,
		Queue: q.Queue, Direction: q.Direction, Language: q.Language, Trend: q.Trend, Reviews: q.Reviews, MinSeverity: q.Severity, AlertRule: q.Alert,
		Emotion: q.Emotion, Sort: q.Sort, Ascending: q.Ascending}
	for _, d := range q.Decisions {
		out.Decisions = append(out.Decisions, interaction.Decision(d))
	}
	if q.Emotion != "" {
		least := emotionShare
		out.EmotionShare = store.Range{Min: &least}
	}
	for name, r := range q.Metrics {
		if out.Metrics == nil {
			out.Metrics = map[string]store.Range{}
		}
		out.Metrics[name] = store.Range(r)
	}
	return out
}

func summaryOf(v store.Summary) console.Summary {
	out := console.Summary{ID: v.ID, At: v.At, State: v.State, ContactID: v.ContactID, Direction: v.Direction, Queue: v.Queue, AgentID: v.AgentID,
		CustomerID: v.CustomerID, Decision: v.Decision, Trend: v.Trend, Severity: v.Severity, Review: v.Review, AudioKept: v.AudioKept,
		Metrics: map[string]float64{}}
	for i, name := range store.MetricNames() {
		if v.Metrics[i] != nil {
			out.Metrics[name] = *v.Metrics[i]
		}
	}
	return out
}

func (t *tenant) Interactions(ctx context.Context, q console.Query, p console.Page) (console.List[console.Summary], error) {
	l, err := t.t.Interactions(ctx, queryOf(q), pageOf(p))
	return listOf(l, err, summaryOf)
}

func (t *tenant) Count(ctx context.Context, q console.Query, most int) (int, error) {
	n, err := t.t.Count(ctx, queryOf(q), most)
	return n, fault(err)
}

func (t *tenant) Spread(ctx context.Context, metric string, from, to time.Time) (console.Spread, error) {
	s, err := t.t.Spread(ctx, metric, from, to)
	return console.Spread(s), fault(err)
}

func (t *tenant) Coverage(ctx context.Context, from, to time.Time) ([]console.Coverage, error) {
	rows, err := t.t.Coverage(ctx, from, to)
	return sliceOf(rows, err, func(v store.Coverage) console.Coverage { return console.Coverage(v) })
}

func (t *tenant) AgentFigures(ctx context.Context, agent string, from, to time.Time) (console.AgentFigures, error) {
	f, err := t.t.AgentFigures(ctx, agent, from, to)
	return console.AgentFigures(f), fault(err)
}

func (t *tenant) Running(ctx context.Context) ([]*interaction.Interaction, error) {
	out, err := all(ctx, t.t.Checkpoints,
		func(c store.Checkpoint) *interaction.Interaction { return c.Record })
	slices.SortStableFunc(out, func(a, b *interaction.Interaction) int {
		return cmp.Compare(started(b), started(a))
	})
	return out, err
}

func started(r *interaction.Interaction) int64 {
	if r.Contact.StartedAt == nil {
		return 0
	}
	return r.Contact.StartedAt.UnixMicro()
}

func (t *tenant) AddCorrection(ctx context.Context, call, segment string, c interaction.Correction) error {
	_, err := t.t.AddCorrection(ctx, store.Correction{InteractionID: call, SegmentID: segment, Correction: c})
	return fault(err)
}

func (t *tenant) Queues(ctx context.Context) ([]string, error) {
	return all(ctx, func(ctx context.Context, p store.Page) (store.List[store.Entry], error) {
		return t.t.Entries(ctx, store.KindQueue, p)
	}, func(e store.Entry) string { return e.ID })
}

func (t *tenant) Alerts(ctx context.Context, q console.AlertQuery, p console.Page) (console.List[console.Alert], error) {
	l, err := t.t.Alerts(ctx, store.AlertQuery(q), pageOf(p))
	return listOf(l, err, func(v store.Alert) console.Alert { return console.Alert(v) })
}

func (t *tenant) AcknowledgeAlert(ctx context.Context, call, rule string, startMs int64, by string) error {
	return fault(t.t.AcknowledgeAlert(ctx, call, rule, startMs, by))
}

func (t *tenant) SnoozeAlert(ctx context.Context, call, rule string, startMs int64, until time.Time) error {
	return fault(t.t.SnoozeAlert(ctx, call, rule, startMs, until))
}

// errKeys says that the console cannot make API keys here.
var errKeys = errors.New("backing: api keys: the server makes none through the console")
