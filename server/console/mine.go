package console

import (
	"net/http"
	"time"
)

type mineView struct {
	AgentID string
	Figures AgentFigures
	Reviews []reviewView
	Next    string
	Window  time.Duration
}

// mine shows an agent what is kept about the agent: the figures and every submitted review.
func (c *Console) mine(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	d := mineView{AgentID: v.User.AgentID, Window: c.opts.DisputeWindow}
	if d.AgentID != "" {
		var err error
		if d.Figures, err = t.AgentFigures(ctx, d.AgentID, c.opts.Now().AddDate(0, 0, -30), time.Time{}); err != nil {
			return err
		}
		found, err := t.Evaluations(ctx, EvaluationQuery{AgentID: d.AgentID, States: submittedStates}, Page{After: r.FormValue("after"), Limit: 20})
		if err != nil {
			return err
		}
		d.Next = found.Next
		for _, e := range found.Items {
			x, err := c.reviewOf(ctx, v, e)
			if err != nil {
				return err
			}
			d.Reviews = append(d.Reviews, x)
		}
	}
	c.render(w, r, v, http.StatusOK, "mine", page{Title: "mine.title", Data: d})
	return nil
}
