package api

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Feedback keeps what customers answered and what has to be done about it.
type Feedback interface {
	AddSurvey(ctx context.Context, tenant string, s SurveyAnswer) (SurveyAnswer, error)
	Surveys(ctx context.Context, tenant string, q SurveyQuery, p Page) (List[SurveyAnswer], error)
	AddTask(ctx context.Context, tenant string, t Task) (Task, error)
	Task(ctx context.Context, tenant, id string) (Task, error)
	SaveTask(ctx context.Context, tenant string, t Task) (Task, error)
	Tasks(ctx context.Context, tenant string, q TaskQuery, p Page) (List[Task], error)
}

// SurveyAnswer is one answered question, joined to a call by its contact id.
type SurveyAnswer struct {
	ID         string     `json:"id,omitempty" readOnly:"true"`
	Kind       string     `json:"kind" enum:"nps,csat,ces"`
	Value      int        `json:"value" minimum:"0" maximum:"10" doc:"0 to 10 for nps, 1 to 5 for csat, 1 to 7 for ces."`
	ContactID  string     `json:"contact_id" minLength:"1" maxLength:"512"`
	CustomerID string     `json:"customer_id,omitempty" maxLength:"512" doc:"Absent: taken from the call."`
	AskedAt    *time.Time `json:"asked_at,omitempty"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
}

// surveyRange is the scale of each kind. Read only.
var surveyRange = map[string][2]int{"nps": {0, 10}, "csat": {1, 5}, "ces": {1, 7}}

func (s SurveyAnswer) check() error {
	if r := surveyRange[s.Kind]; s.Value < r[0] || s.Value > r[1] {
		return fmt.Errorf("%w: value: %d, want %d to %d for %s", ErrInvalid, s.Value, r[0], r[1], s.Kind)
	}
	if s.AskedAt != nil && s.AnsweredAt != nil && s.AnsweredAt.Before(*s.AskedAt) {
		return fmt.Errorf("%w: answered_at: %s, want not before asked_at", ErrInvalid, s.AnsweredAt.Format(time.RFC3339))
	}
	return nil
}

// SurveyQuery narrows a list of answers.
type SurveyQuery struct {
	Kind       string `query:"kind" enum:"nps,csat,ces"`
	ContactID  string `query:"contact_id" maxLength:"512"`
	CustomerID string `query:"customer_id" maxLength:"512"`
}

// Task is something that somebody has to do.
type Task struct {
	ID            string     `json:"id,omitempty" readOnly:"true"`
	Title         string     `json:"title" minLength:"1" maxLength:"500"`
	Owner         string     `json:"owner,omitempty" maxLength:"200"`
	Due           *time.Time `json:"due,omitempty"`
	Source        string     `json:"source,omitempty" maxLength:"200" doc:"What it came from: survey, alert, reviewer."`
	State         string     `json:"state" enum:"open,done" default:"open"`
	InteractionID string     `json:"interaction_id,omitempty" maxLength:"128"`
	CustomerID    string     `json:"customer_id,omitempty" maxLength:"512"`
}

// TaskQuery narrows a list of tasks.
type TaskQuery struct {
	State      string    `query:"state" enum:"open,done"`
	Owner      string    `query:"owner" maxLength:"200"`
	CustomerID string    `query:"customer_id" maxLength:"512"`
	DueBefore  time.Time `query:"due_before" doc:"RFC 3339."`
}

// TaskChange is what of a task changes; what is absent stays.
type TaskChange struct {
	Title *string    `json:"title,omitempty" minLength:"1" maxLength:"500"`
	Owner *string    `json:"owner,omitempty" maxLength:"200"`
	Due   *time.Time `json:"due,omitempty"`
	State *string    `json:"state,omitempty" enum:"open,done"`
}

func (a *API) feedback() {
	store := a.opts.Feedback
	type surveys struct {
		SurveyQuery
		Page
	}
	type tasks struct {
		TaskQuery
		Page
	}
	add(a, op{method: http.MethodPost, path: "/v1/surveys", scope: ScopeReview, id: "add-survey", summary: "Tell what a customer answered", tag: "feedback", status: http.StatusCreated},
		func(ctx context.Context, p Principal, in *struct{ Body SurveyAnswer }) (*body[SurveyAnswer], error) {
			if err := in.Body.check(); err != nil {
				return nil, err
			}
			return ok(store.AddSurvey(ctx, p.Tenant, in.Body))
		})
	add(a, op{method: http.MethodGet, path: "/v1/surveys", scope: ScopeRead, id: "list-surveys", summary: "Answers of customers, in the order in which they came", tag: "feedback"},
		func(ctx context.Context, p Principal, in *surveys) (*body[List[SurveyAnswer]], error) {
			return page(store.Surveys(ctx, p.Tenant, in.SurveyQuery, in.Page))
		})
	add(a, op{method: http.MethodPost, path: "/v1/tasks", scope: ScopeReview, id: "add-task", summary: "Give somebody something to do", tag: "feedback", status: http.StatusCreated},
		func(ctx context.Context, p Principal, in *struct{ Body Task }) (*body[Task], error) {
			return ok(store.AddTask(ctx, p.Tenant, in.Body))
		})
	add(a, op{method: http.MethodGet, path: "/v1/tasks", scope: ScopeRead, id: "list-tasks", summary: "Tasks", tag: "feedback"},
		func(ctx context.Context, p Principal, in *tasks) (*body[List[Task]], error) {
			return page(store.Tasks(ctx, p.Tenant, in.TaskQuery, in.Page))
		})
	add(a, op{method: http.MethodPatch, path: "/v1/tasks/{id}", scope: ScopeReview, id: "change-task", summary: "Change a task", tag: "feedback"},
		func(ctx context.Context, p Principal, in *struct {
			ID   string `path:"id" maxLength:"128"`
			Body TaskChange
		}) (*body[Task], error) {
			t, err := store.Task(ctx, p.Tenant, in.ID)
			if err != nil {
				return nil, err
			}
			set(&t.Title, in.Body.Title)
			set(&t.Owner, in.Body.Owner)
			set(&t.State, in.Body.State)
			if in.Body.Due != nil {
				t.Due = in.Body.Due
			}
			return ok(store.SaveTask(ctx, p.Tenant, t))
		})
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
