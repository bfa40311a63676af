package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// callView is the page of one call.
type callView struct {
	R            *interaction.Interaction
	Customer     *interaction.Participant // nil: nobody is known to be the customer
	Agents       []interaction.Participant
	Affect       *interaction.Affect // the customer's; nil: not scored
	NoAffect     *interaction.NotComputed
	Findings     []finding
	Timeline     timeline
	NoAudio      string // why nothing can be played, a key of the catalogue; "": it can
	Earlier      []Summary
	Surveys      []interaction.Survey
	NotComputed  []absence
	Corrections  []labelledCorrection
	Card         *card // nil: the visitor does not review
	Reviews      []reviewView
	Task         *Task // the review that the visitor was asked for
	AgentView    bool
	SelectedTime string
}

// finding is one sentence about what the call shows, with the time to listen at.
type finding struct {
	Icon string
	Tone string // warn, good or plain
	Text string
	AtMs *int64
}

// absence is what was not computed, with how often.
type absence struct {
	What  string
	Code  interaction.Code
	Where []string // channels, in words
	Count int
}

type labelledCorrection struct {
	Segment interaction.Segment
	interaction.Correction
}

// visible returns a call that v may see. An agent sees those that were reviewed.
func (c *Console) visible(ctx context.Context, v *Visitor, id string) (*interaction.Interaction, error) {
	t := c.tenant(v)
	r, err := t.Interaction(ctx, id)
	if errors.Is(err, ErrNotFound) {
		r, err = running(ctx, t, id, err)
	}
	if err != nil {
		return nil, err
	}
	if v.may(seeCalls) {
		return r, nil
	}
	if v.may(ownReviews) && v.User.AgentID != "" {
		own, err := t.Evaluations(ctx, EvaluationQuery{InteractionID: id, AgentID: v.User.AgentID, States: submittedStates}, Page{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(own.Items) > 0 {
			return r, nil
		}
	}
	return nil, errForbidden
}

// running returns the record so far of a call that runs, or notFound.
func running(ctx context.Context, t Tenant, id string, notFound error) (*interaction.Interaction, error) {
	live, err := t.Running(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range live {
		if r.Contact.ID == id {
			return r, nil
		}
	}
	return nil, notFound
}

// callPage shows a call.
func (c *Console) callPage(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx := r.Context()
	rec, err := c.visible(ctx, v, r.PathValue("id"))
	if err != nil {
		return err
	}
	lang := language(r)
	d := callView{R: rec, AgentView: !v.may(seeCalls)}
	for i, p := range rec.Participants {
		switch p.Role {
		case interaction.RoleCustomer:
			if d.Customer == nil {
				d.Customer = &rec.Participants[i]
			}
		case interaction.RoleAgent:
			d.Agents = append(d.Agents, p)
		}
	}
	d.Affect = customerAffect(rec)
	if d.Affect == nil {
		d.NoAffect = whyNoEmotion(rec)
	}
	d.NoAudio = c.whyNoAudio(ctx, v, rec)
	d.Timeline = c.timelineOf(lang, rec, d.NoAudio == "")
	d.Findings = c.findings(lang, rec, &d)
	d.NotComputed = c.absences(lang, rec)
	if rec.CX != nil {
		d.Surveys = rec.CX.Surveys
	}
	for _, s := range rec.Segments {
		for _, k := range s.Corrections {
			d.Corrections = append(d.Corrections, labelledCorrection{s, k})
		}
	}
	t := c.tenant(v)
	if d.Customer != nil && d.Customer.ExternalID != "" && v.may(seeCalls) {
		earlier, err := t.Interactions(ctx, Query{CustomerID: d.Customer.ExternalID}, Page{Limit: 6})
		if err != nil {
			return err
		}
		d.Earlier = slices.DeleteFunc(earlier.Items, func(s Summary) bool { return s.ID == rec.Contact.ID })
	}
	if v.may(review) && rec.Contact.State != interaction.StateLive {
		if d.Card, err = c.cardOf(ctx, v, rec, r.FormValue("scorecard")); err != nil {
			return err
		}
		tasks, err := t.Tasks(ctx, TaskQuery{InteractionID: rec.Contact.ID, Owner: v.User.Login, State: "open"}, Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(tasks.Items) > 0 {
			d.Task = &tasks.Items[0]
		}
	}
	if d.Reviews, err = c.reviewsOf(ctx, v, rec.Contact.ID); err != nil {
		return err
	}
	c.render(w, r, v, http.StatusOK, "call", page{Title: "call.title", Heading: c.callName(lang, rec, &d),
		Scripts: []string{"vendor/wavesurfer.min.js", "vendor/uplot.min.js", "call.js"}, Styles: []string{"vendor/uplot.min.css"}, Data: d})
	return nil
}

// callName is what the page is headed with: who called whom.
func (c *Console) callName(lang string, r *interaction.Interaction, d *callView) string {
	name := func(p *interaction.Participant) string {
		if p == nil {
			return ""
		}
		return cmp.Or(p.DisplayName, p.ExternalID)
	}
	customer := name(d.Customer)
	agent := ""
	if n := len(d.Agents); n > 0 {
		agent = name(&d.Agents[n-1])
	}
	if customer == "" {
		customer = c.words.word(lang, "role", "customer")
	}
	if agent == "" {
		agent = c.words.word(lang, "role", "agent")
	}
	return customer + " · " + agent
}

// customerAffect returns the affect of the customer who spoke most; nil where none was scored.
func customerAffect(r *interaction.Interaction) *interaction.Affect {
	var most *interaction.Affect
	for i := range r.Affect {
		a := &r.Affect[i]
		if roleOf(r, a.ParticipantID) == interaction.RoleCustomer && (most == nil || a.Overall.SpeechMs > most.Overall.SpeechMs) {
			most = a
		}
	}
	return most
}

func roleOf(r *interaction.Interaction, participant string) interaction.Role {
	for _, p := range r.Participants {
		if p.ID == participant {
			return p.Role
		}
	}
	return interaction.RoleUnknown
}

// whyNoEmotion returns the reason that stands for the customer's channel, or for the whole call; nil where the record gives none.
func whyNoEmotion(r *interaction.Interaction) *interaction.NotComputed {
	var any *interaction.NotComputed
	for i, n := range r.NotComputed {
		if (n.What != "emotion" && n.What != "affect") || n.Segment != "" {
			continue
		}
		if n.Channel != nil {
			for _, p := range r.Participants {
				if p.Channel == *n.Channel && p.Role == interaction.RoleCustomer {
					return &r.NotComputed[i]
				}
			}
			if len(r.Participants) > 1 {
				continue // another's channel
			}
		}
		any = &r.NotComputed[i]
	}
	return any
}

// findings returns what the call shows, the most telling first.
func (c *Console) findings(lang string, r *interaction.Interaction, d *callView) []finding {
	var out []finding
	say := func(icon, tone string, at *int64, key string, args ...any) {
		text, err := c.words.text(lang, key, args...)
		if err != nil {
			text = key // a test holds that every key is there
		}
		out = append(out, finding{icon, tone, text, at})
	}
	if a := d.Affect; a != nil {
		if p := a.PeakNegative; p != nil && p.Anger >= 0.5 {
			tone, key := "warn", "finding.anger_stayed"
			if a.End.Anger < p.Anger/2 {
				tone, key = "plain", "finding.anger_fell"
			}
			say("peak", tone, &p.AtMs, key, percent(p.Anger), clock(p.AtMs), percent(a.End.Anger))
		} else {
			say("check", "good", nil, "finding.calm", percent(peakAnger(a)), percent(a.Overall.Arousal))
		}
		if a.EarlierMs != nil {
			say("note", "plain", nil, "finding.earlier_calls", span(*a.EarlierMs))
		}
	} else if d.NoAffect != nil {
		say("note", "plain", nil, "finding.no_emotion", c.words.word(lang, "code", string(d.NoAffect.Code)))
	}
	if x := r.Conversation; x != nil {
		if n := &x.NonTalkTime; n.LongestMs >= 3000 {
			if at := longestOf(n.Instances); at != nil {
				tone := "plain"
				if n.LongestMs >= 20_000 {
					tone = "warn"
				}
				say("silence", tone, &at.StartMs, "finding.silence", span(n.LongestMs), clock(at.StartMs))
			}
		}
		if i := x.Interruptions; i != nil {
			agent, customer := i.ByInterrupter[interaction.RoleAgent], i.ByInterrupter[interaction.RoleCustomer]
			if len(agent)+len(customer) > 0 {
				var at *int64
				if first := longestOf(slices.Concat(agent, customer)); first != nil {
					at = &first.StartMs
				}
				say("next", "plain", at, "finding.interruptions", len(agent), len(customer))
			}
		}
		if by := x.TalkTime.ByRole; len(by) == 2 {
			say("customers", "plain", nil, "finding.talk", percent(by[interaction.RoleAgent].Share), percent(by[interaction.RoleCustomer].Share))
		}
	}
	if v := r.Voice; v != nil {
		tone := "plain"
		switch v.Decision {
		case interaction.Authenticated:
			tone = "good"
		case interaction.NotAuthenticated, interaction.Locked:
			tone = "warn"
		}
		say("identity", tone, nil, "finding.voice", c.words.word(lang, "decision", string(v.Decision)))
	}
	return out
}

func peakAnger(a *interaction.Affect) float64 {
	if a.PeakNegative != nil {
		return a.PeakNegative.Anger
	}
	return a.Overall.Anger
}

func longestOf(in []interaction.Instance) *interaction.Instance {
	var most *interaction.Instance
	for i := range in {
		if most == nil || in[i].DurationMs > most.DurationMs {
			most = &in[i]
		}
	}
	return most
}

// absences gathers what was not computed: a line for each thing and reason.
func (c *Console) absences(lang string, r *interaction.Interaction) []absence {
	var out []absence
	for _, n := range r.NotComputed {
		i := slices.IndexFunc(out, func(a absence) bool { return a.What == n.What && a.Code == n.Code })
		if i < 0 {
			out = append(out, absence{What: n.What, Code: n.Code})
			i = len(out) - 1
		}
		out[i].Count++
		if n.Channel != nil {
			side := c.channelName(lang, r, *n.Channel)
			if !slices.Contains(out[i].Where, side) {
				out[i].Where = append(out[i].Where, side)
			}
		}
	}
	return out
}

// channelName is who is on a channel, in words.
func (c *Console) channelName(lang string, r *interaction.Interaction, channel int) string {
	var names []string
	for _, p := range r.Participants {
		if p.Channel == channel {
			name := c.words.word(lang, "role", string(p.Role))
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return c.words.word(lang, "role", "unknown")
	}
	return strings.Join(names, ", ")
}

// answerAlert acknowledges or snoozes an alert.
func (c *Console) answerAlert(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	id, rule := r.PathValue("id"), r.PostFormValue("rule")
	start, err := wholeNumber("start", r.PostFormValue("start"))
	if err != nil {
		return err
	}
	t := c.tenant(v)
	if minutes := r.PostFormValue("snooze"); minutes != "" {
		m, err := wholeNumber("snooze", minutes)
		if err != nil || m < 1 || m > 24*60 {
			return invalidf("snooze: %q, want 1 to 1440 minutes", minutes)
		}
		err = t.SnoozeAlert(r.Context(), id, rule, start, c.opts.Now().Add(minutesOf(m)))
		if err != nil {
			return err
		}
	} else if err := t.AcknowledgeAlert(r.Context(), id, rule, start, v.User.Login); err != nil {
		return err
	}
	return back(w, r, localPath(cmp.Or(r.PostFormValue("next"), callPath(id))))
}

func callPath(id string) string { return "/calls/" + url.PathEscape(id) }
