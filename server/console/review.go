package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/console/scorecard"
)

// submittedStates are those of an evaluation that its agent sees. Read only.
var submittedStates = []string{"submitted", "acknowledged", "disputed"}

// card is the scorecard beside a call, as its reviewer fills it in.
type card struct {
	Call        string
	Form        Form
	Forms       []Form // active ones, to choose from
	Definition  *scorecard.Form
	Evaluation  Evaluation
	Saved       bool // a draft is kept
	ReadOnly    bool // submitted: it stands as it is
	Result      scorecard.Result
	Suggestions map[string]scorecard.Suggestion
	Answers     map[string]string // with suggestions where nothing was answered and no draft is kept
}

// Answer returns the answer to a question, for templates.
func (k *card) Answer(id string) string { return k.Answers[id] }

// Confirmed returns a person's word on an auto-fail, for templates.
func (k *card) Confirmed(id string) string { return k.Answers[scorecard.ConfirmKey(id)] }

// ConfirmKey names the field of a person's word on an auto-fail, for templates.
func (k *card) ConfirmKey(id string) string { return scorecard.ConfirmKey(id) }

// Suggestion returns what the measurements propose, for templates.
func (k *card) Suggestion(id string) *scorecard.Suggestion {
	s, ok := k.Suggestions[id]
	if !ok {
		return nil
	}
	return &s
}

// Section returns a section's score, for templates.
func (k *card) Section(id string) *float64 { return k.Result.Sections[id] }

// Left is how many questions still wait for an answer or a word.
func (k *card) Left() int { return len(k.Result.Missing) + len(k.Result.Confirm) }

// activeForms returns the forms that reviewers get. Where a tenant has no form at all the standard one is put in force, so that the
// first reviewer finds a scorecard.
func (c *Console) activeForms(ctx context.Context, v *Visitor) ([]Form, error) {
	t := c.tenant(v)
	forms, err := t.Forms(ctx)
	if err != nil {
		return nil, err
	}
	if len(forms) == 0 {
		if err := c.adoptStandardForm(ctx, v); err != nil {
			return nil, err
		}
		if forms, err = t.Forms(ctx); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(forms, func(f Form) bool { return f.State != "active" }), nil
}

// standardForm is the id of the form that the console brings.
const standardForm = "standard"

func (c *Console) adoptStandardForm(ctx context.Context, v *Visitor) error {
	definition, err := files.ReadFile("form.json")
	if err != nil {
		return err
	}
	f, err := c.tenant(v).SaveForm(ctx, Form{ID: standardForm, Title: "Standard call review", Definition: definition, MadeBy: "timbre"})
	if err != nil {
		return err
	}
	err = c.tenant(v).ActivateForm(ctx, f.ID, f.Version)
	if errors.Is(err, ErrConflict) { // another request was faster
		return nil
	}
	if err != nil {
		return err
	}
	return c.note(ctx, v, "form_activate", f.ID+"/"+strconv.Itoa(f.Version), nil)
}

// cardOf returns the scorecard of a call as v fills it in: v's own evaluation where there is one, else a new one with the active form.
func (c *Console) cardOf(ctx context.Context, v *Visitor, rec *interaction.Interaction, form string) (*card, error) {
	t := c.tenant(v)
	k := &card{Call: rec.Contact.ID}
	var err error
	if k.Forms, err = c.activeForms(ctx, v); err != nil {
		return nil, err
	}
	own, err := t.Evaluations(ctx, EvaluationQuery{InteractionID: rec.Contact.ID, Evaluator: v.User.Login, Form: form}, Page{Limit: 1})
	if err != nil {
		return nil, err
	}
	switch {
	case len(own.Items) > 0:
		k.Evaluation, k.Saved = own.Items[0], true
		k.ReadOnly = k.Evaluation.State == "submitted" || k.Evaluation.State == "acknowledged"
		if k.Form, err = t.Form(ctx, k.Evaluation.Form, k.Evaluation.Version); err != nil {
			return nil, err
		}
	case len(k.Forms) == 0:
		return k, nil
	default:
		k.Form = k.Forms[0]
		for _, f := range k.Forms {
			if f.ID == form {
				k.Form = f
			}
		}
		k.Evaluation = Evaluation{InteractionID: rec.Contact.ID, AgentID: rec.ExternalID(interaction.RoleAgent), Evaluation: interaction.Evaluation{
			Form: k.Form.ID, Version: k.Form.Version, Evaluator: v.User.Login, State: "draft", Answers: map[string]string{}}}
	}
	if k.Definition, err = scorecard.Parse(k.Form.Definition); err != nil {
		return nil, err
	}
	k.Suggestions = k.Definition.Suggest(rec)
	k.Answers = map[string]string{}
	for id, a := range k.Evaluation.Answers {
		k.Answers[id] = a
	}
	if !k.Saved {
		for _, s := range k.Definition.Sections {
			for _, q := range s.Questions {
				if p, ok := k.Suggestions[q.ID]; ok && !q.AutoFail {
					k.Answers[q.ID] = p.Answer
				}
			}
		}
	}
	k.Result = k.Definition.Score(k.Answers)
	return k, nil
}

// evaluate keeps a draft or submits it.
func (c *Console) evaluate(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx := r.Context()
	k, err := c.openCard(r, v)
	if err != nil {
		return err
	}
	answers := map[string]string{}
	for _, s := range k.Definition.Sections {
		for _, q := range s.Questions {
			for _, id := range []string{q.ID, scorecard.ConfirmKey(q.ID)} {
				if a := strings.TrimSpace(r.PostFormValue("q." + id)); a != "" {
					answers[id] = a
				}
			}
			if q.AutoFail && answers[q.ID] != scorecard.No {
				delete(answers, scorecard.ConfirmKey(q.ID)) // a word on a no that is none any more
			}
		}
	}
	if err := k.Definition.Check(answers); err != nil {
		return invalidf("%v", err)
	}
	k.Result = k.Definition.Score(answers)
	k.Evaluation.Answers, k.Evaluation.Score, k.Answers = answers, k.Result.Score, answers
	submit := r.PostFormValue("do") == "submit"
	if submit && !k.Result.Complete() {
		return c.showCard(w, r, v, k, "card.incomplete")
	}
	if submit {
		k.Evaluation.State = "submitted"
	} else if k.Evaluation.State != "disputed" {
		k.Evaluation.State = "draft"
	} else {
		return invalidf("evaluation: a disputed one is only submitted again")
	}
	t := c.tenant(v)
	if k.Evaluation, err = t.SaveEvaluation(ctx, k.Evaluation); err != nil {
		return err
	}
	k.Saved = true
	if !submit {
		if r.Header.Get("HX-Request") != "" {
			return c.part(w, r, v, "call", "card-total", k)
		}
		return back(w, r, callPath(k.Call)+"?scorecard="+k.Form.ID+"#card")
	}
	if err := c.note(ctx, v, "review_submit", k.Call, map[string]string{"evaluation": k.Evaluation.ID, "form": k.Form.ID + "/" + strconv.Itoa(k.Form.Version)}); err != nil {
		return err
	}
	if err := c.closeTasks(ctx, v, k.Call); err != nil {
		return err
	}
	return back(w, r, callPath(k.Call)+"?scorecard="+k.Form.ID+"#card")
}

// closeTasks marks the reviews of a call that v was asked for as done.
func (c *Console) closeTasks(ctx context.Context, v *Visitor, call string) error {
	t := c.tenant(v)
	open, err := t.Tasks(ctx, TaskQuery{InteractionID: call, Owner: v.User.Login, State: "open"}, Page{Limit: 100})
	if err != nil {
		return err
	}
	for _, task := range open.Items {
		if !isReview(task) {
			continue
		}
		task.State = "done"
		if _, err := t.SaveTask(ctx, task); err != nil {
			return err
		}
	}
	return nil
}

// openCard returns the scorecard that a request changes.
func (c *Console) openCard(r *http.Request, v *Visitor) (*card, error) {
	rec, err := c.visible(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if rec.Contact.State == interaction.StateLive {
		return nil, invalidf("evaluation: the call still runs")
	}
	k, err := c.cardOf(r.Context(), v, rec, r.PostFormValue("scorecard"))
	if err != nil {
		return nil, err
	}
	switch {
	case k.Definition == nil:
		return nil, invalidf("evaluation: no form is in force")
	case k.ReadOnly:
		return nil, invalidf("evaluation: submitted already")
	}
	return k, nil
}

// showCard shows the scorecard again with what is wrong.
func (c *Console) showCard(w http.ResponseWriter, r *http.Request, v *Visitor, k *card, problem string) error {
	text, err := c.words.text(language(r), problem, k.Left())
	if err != nil {
		return err
	}
	c.problem(w, r, v, http.StatusUnprocessableEntity, "invalid", text)
	return nil
}

// addNote adds a remark, at a time of the call where one is given, and keeps the draft.
func (c *Console) addNote(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	k, err := c.openCard(r, v)
	if err != nil {
		return err
	}
	n := Note{Text: strings.TrimSpace(r.PostFormValue("text"))}
	if n.Text == "" || len(n.Text) > 2000 || len(k.Evaluation.Notes) >= 200 {
		return invalidf("note: %d bytes beside %d notes, want 1 to 2000 beside fewer than 200", len(n.Text), len(k.Evaluation.Notes))
	}
	if at := r.PostFormValue("at"); at != "" {
		ms, err := wholeNumber("at", at)
		if err != nil {
			return err
		}
		n.AtMs = &ms
	}
	if k.Evaluation.State == "disputed" {
		return invalidf("note: the review is disputed, want its answer")
	}
	if !k.Saved {
		k.Evaluation.Answers = k.Answers
		k.Evaluation.Score = k.Result.Score
	}
	k.Evaluation.Notes = append(k.Evaluation.Notes, n)
	slices.SortStableFunc(k.Evaluation.Notes, func(a, b Note) int { return int(noteTime(a) - noteTime(b)) })
	if k.Evaluation, err = c.tenant(v).SaveEvaluation(r.Context(), k.Evaluation); err != nil {
		return err
	}
	if r.Header.Get("HX-Request") == "" {
		return back(w, r, callPath(k.Call)+"?scorecard="+k.Form.ID+"#card")
	}
	return c.part(w, r, v, "call", "notes", k.Evaluation.Notes)
}

func noteTime(n Note) int64 {
	if n.AtMs == nil {
		return -1
	}
	return *n.AtMs
}
