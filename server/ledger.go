package server

import (
	"context"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// ledger is what people add beside the records, over the store: feedback, consents and watchlists.
type ledger struct {
	store  *store.Store
	people *voices
	saved  func() // wakes who delivers
}

var (
	_ api.Feedback   = (*ledger)(nil)
	_ api.Consents   = (*ledger)(nil)
	_ api.Watchlists = (*ledger)(nil)
)

func survey(v *store.Survey) api.SurveyAnswer {
	return api.SurveyAnswer{ID: v.ID, Kind: v.Kind, Value: v.Value, ContactID: v.ContactID, CustomerID: v.CustomerID, AskedAt: present(v.AskedAt), AnsweredAt: present(v.AnsweredAt)}
}

func (l *ledger) AddSurvey(ctx context.Context, tenant string, s api.SurveyAnswer) (api.SurveyAnswer, error) {
	v, err := l.store.Tenant(tenant).AddSurvey(ctx, store.Survey{
		ID: s.ID, ContactID: s.ContactID, CustomerID: s.CustomerID, Kind: s.Kind, Value: s.Value, AskedAt: given(s.AskedAt), AnsweredAt: given(s.AnsweredAt),
	})
	l.saved()
	return survey(&v), fault(err)
}

func (l *ledger) Surveys(ctx context.Context, tenant string, q api.SurveyQuery, p api.Page) (api.List[api.SurveyAnswer], error) {
	list, err := l.store.Tenant(tenant).Surveys(ctx, store.SurveyQuery{ContactID: q.ContactID, CustomerID: q.CustomerID, Kind: q.Kind}, pageOf(p))
	return listOf(list, err, survey)
}

func task(v *store.Task) api.Task {
	return api.Task{ID: v.ID, Title: v.Title, Owner: v.Owner, Due: present(v.Due), Source: v.Source, State: v.State, InteractionID: v.InteractionID, CustomerID: v.CustomerID}
}

func (l *ledger) AddTask(ctx context.Context, tenant string, t api.Task) (api.Task, error) {
	t.ID = ""
	return l.SaveTask(ctx, tenant, t)
}

func (l *ledger) SaveTask(ctx context.Context, tenant string, t api.Task) (api.Task, error) {
	v, err := l.store.Tenant(tenant).SaveTask(ctx, store.Task{
		ID: t.ID, InteractionID: t.InteractionID, CustomerID: t.CustomerID, Title: t.Title, Owner: t.Owner, Due: given(t.Due), Source: t.Source, State: t.State,
	})
	l.saved()
	return task(&v), fault(err)
}

func (l *ledger) Task(ctx context.Context, tenant, id string) (api.Task, error) {
	v, err := l.store.Tenant(tenant).Task(ctx, id)
	return task(&v), fault(err)
}

func (l *ledger) Tasks(ctx context.Context, tenant string, q api.TaskQuery, p api.Page) (api.List[api.Task], error) {
	list, err := l.store.Tenant(tenant).Tasks(ctx, store.TaskQuery{State: q.State, Owner: q.Owner, CustomerID: q.CustomerID, DueBefore: q.DueBefore}, pageOf(p))
	return listOf(list, err, task)
}

func consent(v *store.Consent) api.Consent {
	return api.Consent{
		ID: v.ID, SpeakerID: v.SpeakerID, Ref: v.Ref, Purpose: v.Purpose, TextVersion: v.TextVersion, Channel: v.Channel, InteractionID: v.InteractionID,
		Jurisdiction: v.Jurisdiction, GivenAt: present(v.GivenAt), ExpiresAt: present(v.ExpiresAt), WithdrawnAt: present(v.WithdrawnAt),
	}
}

func (l *ledger) AddConsent(ctx context.Context, tenant, by string, c api.Consent) (api.Consent, error) {
	// A jurisdiction that is none would refuse every comparison with the person later.
	if _, err := l.people.policy.Resolve(policy.Call{Tenant: tenant, Jurisdiction: c.Jurisdiction}); err != nil {
		return api.Consent{}, refusal(err)
	}
	if err := l.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return api.Consent{}, fault(err)
	}
	r, err := l.people.registry(tenant)
	if err != nil {
		return api.Consent{}, err
	}
	v, err := r.GiveConsent(ctx, by, store.Consent{
		SpeakerID: c.SpeakerID, Ref: c.Ref, Purpose: c.Purpose, TextVersion: c.TextVersion, Channel: c.Channel, InteractionID: c.InteractionID,
		Jurisdiction: c.Jurisdiction, GivenAt: given(c.GivenAt), ExpiresAt: given(c.ExpiresAt),
	})
	return consent(&v), fault(err)
}

func (l *ledger) Consents(ctx context.Context, tenant, speaker string) ([]api.Consent, error) {
	rows, err := l.store.Tenant(tenant).Consents(ctx, speaker)
	var out []api.Consent
	for i := range rows {
		out = append(out, consent(&rows[i]))
	}
	return out, fault(err)
}

func (l *ledger) WithdrawConsents(ctx context.Context, tenant, by, speaker, purpose string) (int, error) {
	d, err := l.people.decider(tenant)
	if err != nil {
		return 0, err
	}
	n, err := d.WithdrawConsent(ctx, by, speaker, purpose)
	return int(n), refusal(err)
}

func (l *ledger) Watchlists(ctx context.Context, tenant string) ([]api.Watchlist, error) {
	rows, err := l.store.Tenant(tenant).Watchlists(ctx)
	var out []api.Watchlist
	for _, v := range rows {
		out = append(out, api.Watchlist{Name: v.Name, Purpose: v.Purpose, LegalBasis: v.LegalBasis, RetentionDays: v.RetentionDays, Approver: v.Approver})
	}
	return out, fault(err)
}

func (l *ledger) SaveWatchlist(ctx context.Context, tenant, by string, w api.Watchlist) error {
	d, err := l.people.decider(tenant)
	if err != nil {
		return err
	}
	return refusal(d.SaveWatchlist(ctx, by, store.Watchlist{
		Name: w.Name, Purpose: w.Purpose, LegalBasis: w.LegalBasis, RetentionDays: w.RetentionDays, Approver: w.Approver,
	}))
}

func (l *ledger) DeleteWatchlist(ctx context.Context, tenant, by, name string) error {
	r, err := l.people.registry(tenant)
	if err != nil {
		return err
	}
	return l.changed(tenant, r.DeleteWatchlist(ctx, by, name))
}

// changed has the galleries of a tenant read anew, and passes on the error.
func (l *ledger) changed(tenant string, err error) error {
	if l.people.known != nil {
		l.people.known.Forget(tenant)
	}
	return refusal(err)
}

func watchlistEntry(v *store.WatchlistEntry) api.WatchlistEntry {
	return api.WatchlistEntry{SpeakerID: v.SpeakerID, Reason: v.Reason, AddedBy: v.AddedBy, ApprovedBy: v.ApprovedBy, AddedAt: present(v.AddedAt), ExpiresAt: present(v.ExpiresAt)}
}

func (l *ledger) WatchlistEntries(ctx context.Context, tenant, name string, p api.Page) (api.List[api.WatchlistEntry], error) {
	t := l.store.Tenant(tenant)
	if _, err := t.Watchlist(ctx, name); err != nil {
		return api.List[api.WatchlistEntry]{}, fault(err)
	}
	list, err := t.WatchlistEntries(ctx, name, pageOf(p))
	return listOf(list, err, watchlistEntry)
}

func (l *ledger) AddToWatchlist(ctx context.Context, tenant, by, name string, e api.NewEntry) (api.WatchlistEntry, error) {
	r, err := l.people.registry(tenant)
	if err != nil {
		return api.WatchlistEntry{}, err
	}
	v, err := r.AddToWatchlist(ctx, by, store.WatchlistEntry{Watchlist: name, SpeakerID: e.SpeakerID, Reason: e.Reason, AddedBy: e.AddedBy})
	return watchlistEntry(&v), l.changed(tenant, err)
}

func (l *ledger) ApproveEntry(ctx context.Context, tenant, by, approver, name, speaker string) error {
	r, err := l.people.registry(tenant)
	if err != nil {
		return err
	}
	return l.changed(tenant, r.ApproveEntry(ctx, by, approver, name, speaker))
}

func (l *ledger) RemoveFromWatchlist(ctx context.Context, tenant, by, name, speaker string) error {
	r, err := l.people.registry(tenant)
	if err != nil {
		return err
	}
	return l.changed(tenant, r.RemoveFromWatchlist(ctx, by, name, speaker))
}
