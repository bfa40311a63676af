package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// identityTabs are the pages of voice identity. Read only.
var identityTabs = []tab{{"/identity", "identity.tab.overview"}, {"/identity/attempts", "identity.tab.attempts"},
	{"/identity/people", "identity.tab.people"}, {"/identity/audit", "identity.tab.audit"}}

type identityView struct {
	Outcomes  []outcome
	Total     int
	Scores    scorePlot
	Refused   []Attempt
	Hits      []watchHit
	Lists     []listView
	Pending   []Enrolment
	Lockouts  []Lockout
	Truncated bool
}

type outcome struct {
	Decision interaction.Decision
	Count    int
}

type listView struct {
	Watchlist
	Entries int
	Waiting int // for approval
	More    bool
}

// watchHit is a call in which a voice resembled one on a watchlist: a lead for a person.
type watchHit struct {
	Call      string
	At        time.Time
	Candidate interaction.Candidate
}

// maxScored bounds the attempts that the overview is taken from: the latest.
const maxScored = 1000

// identity shows how verification fares and what waits for a person.
func (c *Console) identity(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	var d identityView
	latest, err := t.Attempts(ctx, "", Page{Limit: maxScored})
	if err != nil {
		return err
	}
	d.Total, d.Truncated = len(latest.Items), latest.Next != ""
	counts := map[interaction.Decision]int{}
	for _, a := range latest.Items {
		counts[a.Decision]++
		if a.Decision == interaction.NotAuthenticated && len(d.Refused) < 8 {
			d.Refused = append(d.Refused, a)
		}
	}
	for _, k := range []interaction.Decision{interaction.Authenticated, interaction.NotAuthenticated, interaction.Inconclusive,
		interaction.NotEnrolled, interaction.OptedOut, interaction.Expired, interaction.Locked} {
		if counts[k] > 0 {
			d.Outcomes = append(d.Outcomes, outcome{k, counts[k]})
		}
	}
	d.Scores = plotScores(latest.Items)
	if d.Hits, err = c.watchHits(ctx, t); err != nil {
		return err
	}
	lists, err := t.Watchlists(ctx)
	if err != nil {
		return err
	}
	for _, l := range lists {
		entries, err := t.WatchlistEntries(ctx, l.Name, Page{Limit: 1000})
		if err != nil {
			return err
		}
		x := listView{Watchlist: l, Entries: len(entries.Items), More: entries.Next != ""}
		for _, e := range entries.Items {
			if e.ApprovedBy == "" {
				x.Waiting++
			}
		}
		d.Lists = append(d.Lists, x)
	}
	pending, err := t.Pending(ctx, Page{Limit: 50})
	if err != nil {
		return err
	}
	d.Pending = pending.Items
	locked, err := t.Lockouts(ctx, Page{Limit: 50})
	if err != nil {
		return err
	}
	d.Lockouts = locked.Items
	c.render(w, r, v, http.StatusOK, "identity", page{Title: "identity.title", Tabs: identityTabs, Data: d})
	return nil
}

// watchHits returns the hits of recent calls, the latest first.
func (c *Console) watchHits(ctx context.Context, t Tenant) ([]watchHit, error) {
	found, err := t.Alerts(ctx, AlertQuery{Rule: "watchlist", From: c.opts.Now().Add(-recent)}, Page{Limit: 20})
	if err != nil {
		return nil, err
	}
	var out []watchHit
	for _, a := range found.Items {
		rec, err := t.Interaction(ctx, a.InteractionID)
		if err != nil {
			return nil, err
		}
		if rec.Voice == nil {
			continue
		}
		for _, k := range rec.Voice.Watchlist {
			out = append(out, watchHit{a.InteractionID, a.At, k})
		}
	}
	return out, nil
}

type attemptsView struct {
	Speaker string
	Items   []Attempt
	Next    string
	Lockout *Lockout
}

// attempts lists verifications, of one claimed identity where one is asked for.
func (c *Console) attempts(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	d := attemptsView{Speaker: strings.TrimSpace(r.FormValue("speaker"))}
	found, err := c.tenant(v).Attempts(r.Context(), d.Speaker, Page{After: r.FormValue("after"), Limit: 50})
	if err != nil {
		return err
	}
	d.Items, d.Next = found.Items, found.Next
	locked, err := c.tenant(v).Lockouts(r.Context(), Page{Limit: 1000})
	if err != nil {
		return err
	}
	for i, l := range locked.Items {
		if l.SpeakerID == d.Speaker {
			d.Lockout = &locked.Items[i]
		}
	}
	c.render(w, r, v, http.StatusOK, "attempts", page{Title: "identity.tab.attempts", Tabs: identityTabs, Data: d})
	return nil
}

type peopleView struct {
	Speaker  string
	Consents []Consent
	OptOuts  []OptOut
	Receipts []AuditEntry // of deletions, the latest first
	Now      time.Time
}

// people shows a person's consents, the opt-outs and the receipts of deletions.
func (c *Console) people(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	d := peopleView{Speaker: strings.TrimSpace(r.FormValue("speaker")), Now: c.opts.Now()}
	var err error
	if d.Speaker != "" {
		if d.Consents, err = t.Consents(ctx, d.Speaker); err != nil {
			return err
		}
	}
	outs, err := t.OptOuts(ctx, Page{Limit: 50})
	if err != nil {
		return err
	}
	d.OptOuts = outs.Items
	log, err := t.Audit(ctx, "", Page{Limit: 1000})
	if err != nil {
		return err
	}
	for _, e := range log.Items {
		if e.Action == "delete" {
			d.Receipts = append(d.Receipts, e)
		}
	}
	c.render(w, r, v, http.StatusOK, "people", page{Title: "identity.tab.people", Tabs: identityTabs, Data: d})
	return nil
}

type auditView struct {
	Subject string
	Items   []AuditEntry
	Next    string
	Entries int64
	Fault   string
	Checked bool
}

// auditLog shows the log; its chain is checked when asked for, since that reads all of it.
func (c *Console) auditLog(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	d := auditView{Subject: strings.TrimSpace(r.FormValue("subject")), Checked: r.FormValue("check") != ""}
	found, err := c.tenant(v).Audit(r.Context(), d.Subject, Page{After: r.FormValue("after"), Limit: 50})
	if err != nil {
		return err
	}
	d.Items, d.Next = found.Items, found.Next
	if d.Checked {
		if d.Entries, d.Fault, err = c.tenant(v).VerifyAudit(r.Context()); err != nil {
			return err
		}
	}
	c.render(w, r, v, http.StatusOK, "audit", page{Title: "identity.tab.audit", Tabs: identityTabs, Data: d})
	return nil
}

// decideEnrolment approves or rejects a voiceprint that waits.
func (c *Console) decideEnrolment(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t, id := r.Context(), c.tenant(v), r.PathValue("id")
	var err error
	switch r.PostFormValue("do") {
	case "approve":
		err = t.ApproveEnrolment(ctx, v.User.Login, id)
	case "reject":
		err = t.RejectEnrolment(ctx, v.User.Login, id)
	default:
		err = invalidf("enrolment: %q, want approve or reject", r.PostFormValue("do"))
	}
	if err != nil {
		return err
	}
	return back(w, r, "/identity#pending")
}

// unlock forgets the failures of a claimed identity. It locks the voice factor alone, never the customer.
func (c *Console) unlock(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	if err := c.tenant(v).Unlock(r.Context(), v.User.Login, r.PostFormValue("speaker")); err != nil {
		return err
	}
	return back(w, r, localPath(r.PostFormValue("next")))
}
