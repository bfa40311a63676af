package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/server/console/scorecard"
)

// reviewView is a finished review as everybody who may see it reads it.
type reviewView struct {
	Evaluation
	Title       string
	Definition  *scorecard.Form
	Result      scorecard.Result
	MayAnswer   bool      // the agent may acknowledge or dispute it
	DisputeEnds time.Time // when that ends for a dispute
	MayDispute  bool
	MaySettle   bool
}

// Answer returns the answer to a question, for templates.
func (e reviewView) Answer(id string) string { return e.Answers[id] }

// reviewsOf returns the finished reviews of a call that v may see: an agent only those about the agent.
func (c *Console) reviewsOf(ctx context.Context, v *Visitor, call string) ([]reviewView, error) {
	q := EvaluationQuery{InteractionID: call, States: submittedStates}
	if !v.may(seeCalls) {
		q.AgentID = v.User.AgentID
	}
	found, err := c.tenant(v).Evaluations(ctx, q, Page{Limit: 20})
	if err != nil {
		return nil, err
	}
	var out []reviewView
	for _, e := range found.Items {
		x, err := c.reviewOf(ctx, v, e)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (c *Console) reviewOf(ctx context.Context, v *Visitor, e Evaluation) (reviewView, error) {
	f, err := c.tenant(v).Form(ctx, e.Form, e.Version)
	if err != nil {
		return reviewView{}, err
	}
	x := reviewView{Evaluation: e, Title: f.Title}
	if x.Definition, err = scorecard.Parse(f.Definition); err != nil {
		return reviewView{}, err
	}
	x.Result = x.Definition.Score(e.Answers)
	about := v.may(ownReviews) && v.User.AgentID != "" && v.User.AgentID == e.AgentID
	x.DisputeEnds = e.SubmittedAt.Add(c.opts.DisputeWindow)
	x.MayAnswer = about && e.State == "submitted"
	x.MayDispute = x.MayAnswer && c.opts.Now().Before(x.DisputeEnds)
	x.MaySettle = v.may(lead) && e.State == "disputed"
	return x, nil
}

// answerable returns the evaluation of a request with how v stands to it.
func (c *Console) answerable(r *http.Request, v *Visitor) (reviewView, error) {
	e, err := c.tenant(v).Evaluation(r.Context(), r.PathValue("id"))
	if err != nil {
		return reviewView{}, err
	}
	if !slices.Contains(submittedStates, e.State) {
		return reviewView{}, ErrNotFound // a draft is its reviewer's own
	}
	return c.reviewOf(r.Context(), v, e)
}

// acknowledge is an agent's word that a review was read.
func (c *Console) acknowledge(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	return c.answerReview(w, r, v, "acknowledged", func(x *reviewView) bool { return x.MayAnswer })
}

// dispute is an agent's word against a review. The score stays visible.
func (c *Console) dispute(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	return c.answerReview(w, r, v, "disputed", func(x *reviewView) bool { return x.MayDispute })
}

func (c *Console) answerReview(w http.ResponseWriter, r *http.Request, v *Visitor, state string, may func(*reviewView) bool) error {
	x, err := c.answerable(r, v)
	if err != nil {
		return err
	}
	if !may(&x) {
		return errForbidden
	}
	if state == "disputed" {
		x.Dispute = strings.TrimSpace(r.PostFormValue("dispute"))
		if x.Dispute == "" || len(x.Dispute) > 4000 {
			return invalidf("dispute: %d bytes, want the reason in 1 to 4000", len(x.Dispute))
		}
	}
	x.State = state
	return c.saveAnswer(w, r, v, &x, "review_"+state)
}

// settle ends a dispute: the review stands, or its reviewer scores again.
func (c *Console) settle(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	x, err := c.answerable(r, v)
	if err != nil {
		return err
	}
	if !x.MaySettle {
		return errForbidden
	}
	x.State = "acknowledged"
	if reason := strings.TrimSpace(r.PostFormValue("reason")); reason != "" && len(reason) <= 4000 {
		x.Notes = append(x.Notes, Note{Text: v.User.Login + ": " + reason})
	} else {
		return invalidf("settlement: %d bytes, want the reason in 1 to 4000", len(reason))
	}
	return c.saveAnswer(w, r, v, &x, "review_settle")
}

func (c *Console) saveAnswer(w http.ResponseWriter, r *http.Request, v *Visitor, x *reviewView, action string) error {
	if _, err := c.tenant(v).SaveEvaluation(r.Context(), x.Evaluation); err != nil {
		return err
	}
	if err := c.note(r.Context(), v, action, x.InteractionID, map[string]string{"evaluation": x.ID}); err != nil {
		return err
	}
	return back(w, r, localPath(r.PostFormValue("next")))
}
