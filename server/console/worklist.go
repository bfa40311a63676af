package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// pile is a ready-made view of the worklist: why a call is worth a person first.
type pile struct {
	Name string // of the catalogue: pile.NAME, and its reason pile.NAME.why
	with func(q *Query)
}

// piles are in the order in which they are worth a person. Outliers stand apart: their query needs figures first. Read only.
var piles = []pile{
	{"all", func(*Query) {}},
	{"escalation", func(q *Query) { q.Alert = "escalation" }},
	{"cold_end", func(q *Query) { q.Alert = "cold_end" }},
	{"identity", func(q *Query) { q.Decisions = []string{"not_authenticated", "locked"} }},
	{"silence", func(q *Query) {
		q.Metrics = map[string]Range{"non_talk_longest_ms": above(20_000)}
		q.Sort = "non_talk_longest_ms"
	}},
	{"outlier", nil},
	{"disputed", func(q *Query) { q.Reviews = []string{"disputed"} }},
	{"unreviewed", func(q *Query) { q.Reviews = []string{Unreviewed}; q.Severity = 2 }},
	{"assigned", nil},
}

// recent is how far back piles reach unless the form says otherwise.
const recent = 30 * 24 * time.Hour

// mostCounted bounds what the page counts: it says "1,000+" beyond.
const mostCounted = 1000

type worklistView struct {
	Piles     []pileCount
	Pile      string
	Query     url.Values
	Rows      []worklistRow
	Next      string
	First     bool
	Queues    []string
	Views     []SavedView
	Users     []User // who may be assigned
	Filtered  bool
	Sorts     []string
	Filters   []string
	Emotions  []string
	Decisions []string
	Reviews   []string
}

type pileCount struct {
	Name  string
	Count int
	More  bool
}

type worklistRow struct {
	Summary
	Why  []string // piles that the call is of, for words
	Task *Task
}

// worklist lists calls, those worth a person first.
func (c *Console) worklist(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, form := r.Context(), r.URL.Query()
	t := c.tenant(v)
	if find := strings.TrimSpace(form.Get("find")); find != "" {
		to, err := c.find(ctx, t, find)
		if err != nil {
			return err
		}
		if to != "" {
			return back(w, r, to)
		}
	}
	q, err := parseQuery(form, zoneOf(r))
	if err != nil {
		return err
	}
	d := worklistView{Pile: form.Get("pile"), Query: form, First: form.Get("after") == "", Sorts: sorts, Emotions: emotionClasses,
		Decisions: []string{"authenticated", "not_authenticated", "inconclusive", "not_enrolled", "opted_out", "expired", "locked"},
		Reviews:   []string{Unreviewed, "draft", "submitted", "disputed", "acknowledged"}}
	for _, f := range metricFilters {
		d.Filters = append(d.Filters, f.Field)
	}
	for k, values := range form {
		if k != "pile" && k != "after" && k != "sort" && k != "order" && k != "find" && strings.Join(values, "") != "" {
			d.Filtered = true
		}
	}
	now := c.opts.Now()
	for _, p := range piles {
		if p.Name == "assigned" && !v.may(review) {
			continue
		}
		n, err := c.countPile(ctx, v, p, now)
		if err != nil {
			return err
		}
		d.Piles = append(d.Piles, pileCount{p.Name, min(n, mostCounted), n > mostCounted})
	}
	at := slices.IndexFunc(piles, func(p pile) bool { return p.Name == d.Pile })
	if at < 0 {
		at, d.Pile = 0, "all"
	}
	if d.Pile == "assigned" {
		if d.Rows, d.Next, err = c.assigned(ctx, t, v, form.Get("after")); err != nil {
			return err
		}
	} else {
		if q, err = c.narrow(ctx, v, piles[at], q, now); err != nil {
			return err
		}
		found, err := t.Interactions(ctx, q, Page{After: form.Get("after"), Limit: 50})
		if err != nil {
			return err
		}
		for _, s := range found.Items {
			d.Rows = append(d.Rows, worklistRow{Summary: s, Why: whyFirst(&s)})
		}
		d.Next = found.Next
	}
	if r.Header.Get("HX-Request") != "" && form.Get("after") != "" {
		return c.part(w, r, v, "worklist", "rows", d)
	}
	if d.Queues, err = t.Queues(ctx); err != nil {
		return err
	}
	if d.Views, err = t.Views(ctx, v.User.Login); err != nil {
		return err
	}
	if v.may(lead) {
		if d.Users, err = c.reviewers(ctx, v); err != nil {
			return err
		}
	}
	c.render(w, r, v, http.StatusOK, "worklist", page{Title: "calls.title", Scripts: []string{"list.js"}, Data: d})
	return nil
}

// find returns where a text that somebody typed leads: to a call of that id or contact, to a customer's or an agent's calls; "" where
// nothing is named so.
func (c *Console) find(ctx context.Context, t Tenant, text string) (string, error) {
	if len(text) > 256 {
		return "", nil
	}
	_, err := t.Interaction(ctx, text)
	if err == nil {
		return callPath(text), nil
	}
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrInvalid) {
		return "", err
	}
	for _, by := range []struct {
		field string
		q     Query
	}{{"contact", Query{ContactID: text}}, {"customer", Query{CustomerID: text}}, {"agent", Query{AgentID: text}}, {"queue", Query{Queue: text}}} {
		n, err := t.Count(ctx, by.q, 1)
		if err != nil {
			return "", err
		}
		if n > 0 {
			return "/calls?" + url.Values{by.field: {text}}.Encode(), nil
		}
	}
	return "", nil
}

// narrow returns the query of a pile within what the form asks for.
func (c *Console) narrow(ctx context.Context, v *Visitor, p pile, q Query, now time.Time) (Query, error) {
	if p.Name == "outlier" {
		s, err := c.durationSpread(ctx, v, now)
		if err != nil {
			return Query{}, err
		}
		if q.Metrics == nil {
			q.Metrics = map[string]Range{}
		}
		if _, ok := q.Metrics["duration_ms"]; !ok {
			q.Metrics["duration_ms"] = above(s.Mean + 2*s.SD)
		}
		if q.Sort == "" {
			q.Sort = "duration_ms"
		}
	} else if p.with != nil {
		asked := q
		p.with(&q)
		if len(asked.Metrics) > 0 { // the form's own bounds stand
			if q.Metrics == nil {
				q.Metrics = map[string]Range{}
			}
			for name, r := range asked.Metrics {
				q.Metrics[name] = r
			}
		}
		if asked.Sort != "" {
			q.Sort = asked.Sort
		}
		if len(asked.Reviews) > 0 {
			q.Reviews = asked.Reviews
		}
		if asked.Severity > 0 {
			q.Severity = asked.Severity
		}
	}
	if p.Name != "all" && q.From.IsZero() && q.To.IsZero() {
		q.From = now.Add(-recent)
	}
	return q, nil
}

// durationSpread returns how long recent calls last.
func (c *Console) durationSpread(ctx context.Context, v *Visitor, now time.Time) (Spread, error) {
	return c.spreads.get(v.Tenant+"/duration_ms", func() (Spread, error) {
		return c.tenant(v).Spread(ctx, "duration_ms", now.Add(-recent), time.Time{})
	})
}

// countPile counts a pile, at most one more than mostCounted.
func (c *Console) countPile(ctx context.Context, v *Visitor, p pile, now time.Time) (int, error) {
	if p.Name == "assigned" {
		open, err := c.tenant(v).Tasks(ctx, TaskQuery{Owner: v.User.Login, State: "open"}, Page{Limit: 1000})
		if err != nil {
			return 0, err
		}
		return len(slices.DeleteFunc(open.Items, func(t Task) bool { return !isReview(t) })), nil
	}
	return c.counts.get(v.Tenant+"/"+p.Name, func() (int, error) {
		q, err := c.narrow(ctx, v, p, Query{}, now)
		if err != nil {
			return 0, err
		}
		q.Sort = ""
		return c.tenant(v).Count(ctx, q, mostCounted+1)
	})
}

// assigned lists the calls that v was asked to review, the longest waiting first.
func (c *Console) assigned(ctx context.Context, t Tenant, v *Visitor, after string) ([]worklistRow, string, error) {
	open, err := t.Tasks(ctx, TaskQuery{Owner: v.User.Login, State: "open"}, Page{After: after, Limit: 50})
	if err != nil {
		return nil, "", err
	}
	var out []worklistRow
	for i, task := range open.Items {
		if !isReview(task) {
			continue
		}
		s, err := summaryOf(ctx, t, task.InteractionID)
		if errors.Is(err, ErrNotFound) {
			continue // deleted since
		}
		if err != nil {
			return nil, "", err
		}
		out = append(out, worklistRow{Summary: s, Why: whyFirst(&s), Task: &open.Items[i]})
	}
	return out, open.Next, nil
}

// summaryOf returns a stored call as lists show it.
func summaryOf(ctx context.Context, t Tenant, id string) (Summary, error) {
	r, err := t.Interaction(ctx, id)
	if err != nil {
		return Summary{}, err
	}
	return summarise(r), nil
}

// whyFirst returns the piles that a call is of, as words of the catalogue below why.
func whyFirst(s *Summary) []string {
	var out []string
	if s.Severity >= 2 {
		out = append(out, "alert")
	}
	if x, ok := s.Metrics["anger_end"]; ok && x >= 0.5 {
		out = append(out, "cold_end")
	}
	if s.Decision == "not_authenticated" || s.Decision == "locked" {
		out = append(out, "identity")
	}
	if s.Metrics["non_talk_longest_ms"] >= 20_000 {
		out = append(out, "silence")
	}
	if s.Review == "disputed" {
		out = append(out, "disputed")
	}
	return out
}

// isReview reports whether a task asks for a review.
func isReview(t Task) bool { return t.Source == "review" || strings.HasPrefix(t.Source, "sample:") }

// reviewers returns the users who may review.
func (c *Console) reviewers(ctx context.Context, v *Visitor) ([]User, error) {
	users, err := c.tenant(v).Users(ctx)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(users, func(u User) bool { return u.Disabled || !(&Visitor{User: u}).may(review) })
	if v.Owner {
		out = append(out, v.User)
	}
	return out, nil
}

// saveView gives the search of the form a name.
func (c *Console) saveView(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	name, search := strings.TrimSpace(r.PostFormValue("name")), r.PostFormValue("search")
	q, err := url.ParseQuery(search)
	if err != nil || name == "" || len(name) > 100 {
		return invalidf("view: name of %d bytes, want 1 to 100", len(name))
	}
	q.Del("after")
	if _, err := parseQuery(q, time.UTC); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"search": q.Encode()})
	if err != nil {
		return err
	}
	if _, err := c.tenant(v).SaveView(r.Context(), SavedView{Owner: v.User.Login, Name: name, Query: body, Shared: r.PostFormValue("shared") != "" && v.may(lead)}); err != nil {
		return err
	}
	return back(w, r, "/calls?"+q.Encode())
}

// Search returns the search of a view, for templates; "" where it is a sample's record.
func (s SavedView) Search() string {
	var q struct{ Search string }
	if json.Unmarshal(s.Query, &q) != nil {
		return ""
	}
	return q.Search
}

func (c *Console) deleteView(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	if err := c.tenant(v).DeleteView(r.Context(), v.User.Login, r.PathValue("view")); err != nil {
		return err
	}
	return back(w, r, "/calls")
}

// zoneOf returns the viewer's time zone; UTC where the browser has not told it yet.
func zoneOf(r *http.Request) *time.Location {
	k, err := r.Cookie(zoneCookie)
	if err != nil {
		return time.UTC
	}
	name, err := url.QueryUnescape(k.Value)
	if err != nil || name == "Local" || len(name) > 64 {
		return time.UTC
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return z
}
