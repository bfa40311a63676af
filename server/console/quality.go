package console

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/server/console/scorecard"
)

// assign asks reviewers for the calls that were ticked.
func (c *Console) assign(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	who, err := c.reviewerNamed(r.Context(), v, r.PostFormValue("to"))
	if err != nil {
		return err
	}
	calls := r.PostForm["call"]
	if len(calls) == 0 || len(calls) > 100 {
		return invalidf("assignment: %d calls, want 1 to 100", len(calls))
	}
	for _, id := range calls {
		if err := c.askFor(r.Context(), v, id, who, "review"); err != nil {
			return err
		}
	}
	if err := c.note(r.Context(), v, "review_assign", who, map[string]string{"calls": strconv.Itoa(len(calls))}); err != nil {
		return err
	}
	return back(w, r, localPath(r.PostFormValue("next")))
}

func (c *Console) reviewerNamed(ctx context.Context, v *Visitor, login string) (string, error) {
	all, err := c.reviewers(ctx, v)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(all, func(u User) bool { return u.Login == login }) {
		return "", invalidf("reviewer: %q, want the login of a reviewer or lead", login)
	}
	return login, nil
}

// askFor makes the task of a review, unless the reviewer has it already.
func (c *Console) askFor(ctx context.Context, v *Visitor, call, who, source string) error {
	t := c.tenant(v)
	if _, err := t.Interaction(ctx, call); err != nil {
		return err
	}
	open, err := t.Tasks(ctx, TaskQuery{InteractionID: call, Owner: who, State: "open"}, Page{Limit: 100})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(open.Items, isReview) {
		return nil
	}
	_, err = t.SaveTask(ctx, Task{InteractionID: call, Title: "Review", Owner: who, Source: source, Due: c.opts.Now().AddDate(0, 0, 7)})
	return err
}

// maxSampled bounds a sample: agents times calls of each.
const maxSampled = 500

// sampleRecord is how a sample came about, kept so that it can be checked later.
type sampleRecord struct {
	Sample struct {
		Query    Query    `json:"query"`
		Words    string   `json:"words"`
		PerAgent int      `json:"per_agent"`
		Seed     uint64   `json:"seed"`
		To       []string `json:"to"`
		Calls    []string `json:"calls"`
		At       string   `json:"at"`
	} `json:"sample"`
}

// sample draws calls of each agent at random from what the form finds, and asks reviewers for them in turn. The filter, the seed and
// the calls drawn are kept as a view of their own and in the audit log.
func (c *Console) sample(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	n, err := wholeNumber("calls of each agent", r.PostFormValue("per_agent"))
	if err != nil || n < 1 || n > 20 {
		return invalidf("calls of each agent: %q, want 1 to 20", r.PostFormValue("per_agent"))
	}
	q, err := parseQuery(r.PostForm, zoneOf(r))
	if err != nil {
		return err
	}
	if q.From.IsZero() {
		q.From = c.opts.Now().AddDate(0, 0, -7)
	}
	q.Sort, q.Ascending = "", false
	to := r.PostForm["reviewer"]
	if len(to) == 0 {
		return invalidf("sample: no reviewer, want one or more")
	}
	for _, who := range to {
		if _, err := c.reviewerNamed(ctx, v, who); err != nil {
			return err
		}
	}
	var rec sampleRecord
	s := &rec.Sample
	s.Query, s.Words, s.PerAgent, s.Seed, s.To = q, q.describe(), int(n), rand.Uint64(), to
	s.At = c.opts.Now().UTC().Format(time.RFC3339)
	agents, err := t.Coverage(ctx, q.From, q.To)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(s.Seed, uint64(n)))
	for _, a := range agents {
		if q.AgentID != "" && a.AgentID != q.AgentID {
			continue
		}
		drawn, err := c.draw(ctx, t, q, a.AgentID, int(n), random)
		if err != nil {
			return err
		}
		s.Calls = append(s.Calls, drawn...)
		if len(s.Calls) > maxSampled {
			return invalidf("sample: more than %d calls, want a narrower filter or fewer of each agent", maxSampled)
		}
	}
	if len(s.Calls) == 0 {
		return invalidf("sample: the filter finds no calls of an agent")
	}
	body, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	view, err := t.SaveView(ctx, SavedView{Owner: v.User.Login, Name: "Sample " + s.At, Query: body, Shared: true})
	if err != nil {
		return err
	}
	for i, call := range s.Calls {
		if err := c.askFor(ctx, v, call, to[i%len(to)], "sample:"+view.ID); err != nil {
			return err
		}
	}
	if err := c.note(ctx, v, "review_sample", view.ID, map[string]string{"filter": s.Words, "per_agent": strconv.Itoa(s.PerAgent),
		"seed": strconv.FormatUint(s.Seed, 10), "calls": strconv.Itoa(len(s.Calls)), "to": strings.Join(to, ", ")}); err != nil {
		return err
	}
	return back(w, r, "/quality#samples")
}

// draw returns n calls of an agent at random, each as likely as any other (reservoir sampling, J. S. Vitter 1985, algorithm R).
func (c *Console) draw(ctx context.Context, t Tenant, q Query, agent string, n int, random *rand.Rand) ([]string, error) {
	q.AgentID = agent
	var out []string
	seen := 0
	for after := ""; ; {
		found, err := t.Interactions(ctx, q, Page{After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, s := range found.Items {
			seen++
			if len(out) < n {
				out = append(out, s.ID)
			} else if i := random.IntN(seen); i < n {
				out[i] = s.ID
			}
		}
		if found.Next == "" {
			return out, nil
		}
		after = found.Next
	}
}

type qualityView struct {
	Days      int
	Coverage  []Coverage
	Calls     int
	Reviewed  int
	Agreement []agreementRow
	Drift     []scorecard.Drift
	Reviews   int
	Samples   []sampleView
	Users     []User
	Queues    []string
	Disputes  []Evaluation
}

type agreementRow struct {
	scorecard.Agreement
	Title string // of the question
}

type sampleView struct {
	SavedView
	Record sampleRecord
	Done   int
}

// maxCompared bounds the reviews that agreement and drift are taken from: the latest.
const maxCompared = 5000

// quality shows how much was reviewed and how far reviewers agree.
func (c *Console) quality(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	d := qualityView{Days: 30}
	if days := r.FormValue("days"); days == "7" || days == "90" || days == "365" {
		d.Days, _ = strconv.Atoi(days) // one of three numbers
	}
	from := c.opts.Now().AddDate(0, 0, -d.Days)
	var err error
	if d.Coverage, err = t.Coverage(ctx, from, time.Time{}); err != nil {
		return err
	}
	for _, a := range d.Coverage {
		d.Calls += a.Calls
		d.Reviewed += a.Reviewed
	}
	slices.SortStableFunc(d.Coverage, func(a, b Coverage) int { return a.Reviewed*b.Calls - b.Reviewed*a.Calls }) // least seen first
	reviews, err := c.recentReviews(ctx, t, from)
	if err != nil {
		return err
	}
	d.Reviews = len(reviews)
	titles, err := questionTitles(ctx, t)
	if err != nil {
		return err
	}
	for _, a := range scorecard.Agree(reviews) {
		title := titles[a.Form+"/"+a.Question]
		if title == "" {
			continue // a word on an auto-fail, or a text
		}
		d.Agreement = append(d.Agreement, agreementRow{a, title})
	}
	d.Drift = scorecard.Drifts(reviews)
	disputes, err := t.Evaluations(ctx, EvaluationQuery{States: []string{"disputed"}}, Page{Limit: 50})
	if err != nil {
		return err
	}
	d.Disputes = disputes.Items
	views, err := t.Views(ctx, v.User.Login)
	if err != nil {
		return err
	}
	for _, view := range views {
		s := sampleView{SavedView: view}
		if json.Unmarshal(view.Query, &s.Record) != nil || len(s.Record.Sample.Calls) == 0 || len(d.Samples) == 20 {
			continue
		}
		done, err := t.Tasks(ctx, TaskQuery{State: "done"}, Page{Limit: 1000})
		if err != nil {
			return err
		}
		for _, task := range done.Items {
			if task.Source == "sample:"+view.ID {
				s.Done++
			}
		}
		d.Samples = append(d.Samples, s)
	}
	slices.SortStableFunc(d.Samples, func(a, b sampleView) int { return b.CreatedAt.Compare(a.CreatedAt) })
	if d.Users, err = c.reviewers(ctx, v); err != nil {
		return err
	}
	if d.Queues, err = t.Queues(ctx); err != nil {
		return err
	}
	c.render(w, r, v, http.StatusOK, "quality", page{Title: "quality.title", Data: d})
	return nil
}

// recentReviews returns the finished reviews since a time, the oldest first, at most maxCompared of the latest.
func (c *Console) recentReviews(ctx context.Context, t Tenant, from time.Time) ([]scorecard.Review, error) {
	var out []scorecard.Review
	for after := ""; len(out) < maxCompared; {
		found, err := t.Evaluations(ctx, EvaluationQuery{States: submittedStates}, Page{After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, e := range found.Items {
			if e.CreatedAt.Before(from) {
				continue
			}
			out = append(out, scorecard.Review{Call: e.InteractionID, Form: e.Form + "/" + strconv.Itoa(e.Version), Evaluator: e.Evaluator, Answers: e.Answers, Score: e.Score})
		}
		if found.Next == "" {
			break
		}
		after = found.Next
	}
	slices.Reverse(out)
	return out, nil
}

// questionTitles returns the title of each question that scores, by form, version and id.
func questionTitles(ctx context.Context, t Tenant) (map[string]string, error) {
	forms, err := t.Forms(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, f := range forms {
		d, err := scorecard.Parse(f.Definition)
		if err != nil {
			continue // an unfinished draft
		}
		for _, s := range d.Sections {
			for _, q := range s.Questions {
				if q.Kind != scorecard.Text {
					out[f.ID+"/"+strconv.Itoa(f.Version)+"/"+q.ID] = q.Title
				}
			}
		}
	}
	return out, nil
}
