package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/console/scorecard"
)

// adminTabs are the pages of administration. Read only.
var adminTabs = []tab{{"/admin", "admin.tab.forms"}, {"/admin/rules", "admin.tab.rules"}, {"/admin/people", "admin.tab.people"}, {"/admin/system", "admin.tab.system"}}

func pathEscape(s string) string { return url.PathEscape(s) }

// adminForms lists the scorecards' versions.
func (c *Console) adminForms(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	if _, err := c.activeForms(r.Context(), v); err != nil {
		return err
	}
	forms, err := c.tenant(v).Forms(r.Context())
	if err != nil {
		return err
	}
	slices.SortStableFunc(forms, func(a, b Form) int { return cmp.Or(cmp.Compare(a.ID, b.ID), b.Version-a.Version) })
	c.render(w, r, v, http.StatusOK, "forms", page{Title: "admin.tab.forms", Tabs: adminTabs, Data: forms})
	return nil
}

type formView struct {
	Form
	New        bool
	Text       string
	Problem    string
	Definition *scorecard.Form // nil: it does not hold together
	Metrics    []string
	Versions   []Form
}

var formID = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// formPage shows a form's newest version, or the one that is asked for. A draft is edited; editing another begins the next.
func (c *Console) formPage(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	forms, err := c.tenant(v).Forms(r.Context())
	if err != nil {
		return err
	}
	d := formView{Form: Form{ID: r.PathValue("id")}, Metrics: scorecard.MetricNames()}
	for _, f := range forms {
		if f.ID == d.ID {
			d.Versions = append(d.Versions, f)
		}
	}
	switch version := r.FormValue("version"); {
	case len(d.Versions) == 0 && d.ID == "new":
		standard, err := files.ReadFile("form.json")
		if err != nil {
			return err
		}
		d.New, d.Form = true, Form{Definition: standard}
	case len(d.Versions) == 0:
		return ErrNotFound
	case version != "":
		n, err := wholeNumber("version", version)
		if err != nil {
			return err
		}
		if d.Form, err = c.tenant(v).Form(r.Context(), d.ID, int(n)); err != nil {
			return err
		}
	default:
		d.Form = d.Versions[len(d.Versions)-1]
	}
	slices.Reverse(d.Versions)
	d.Text = indent(d.Form.Definition)
	return c.showForm(w, r, v, http.StatusOK, d)
}

func (c *Console) showForm(w http.ResponseWriter, r *http.Request, v *Visitor, status int, d formView) error {
	definition, err := scorecard.Parse([]byte(d.Text))
	if err != nil && d.Problem == "" {
		d.Problem = err.Error()
	}
	if err == nil {
		d.Definition = definition
	}
	c.render(w, r, v, status, "form", page{Title: "form.title", Heading: d.Title, Tabs: adminTabs, Data: d})
	return nil
}

func indent(definition json.RawMessage) string {
	f, err := scorecard.Parse(definition)
	if err != nil {
		return string(definition)
	}
	out, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return string(definition)
	}
	return string(out)
}

// saveForm keeps a draft, once it holds together.
func (c *Console) saveForm(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	id := r.PathValue("id")
	d := formView{Form: Form{ID: id, Title: strings.TrimSpace(r.PostFormValue("title")), State: "draft"}, Text: r.PostFormValue("definition"), Metrics: scorecard.MetricNames()}
	if id == "new" {
		d.New, d.ID = true, strings.TrimSpace(r.PostFormValue("id"))
	}
	definition, err := scorecard.Parse([]byte(d.Text))
	switch {
	case err != nil:
		d.Problem = err.Error()
	case !formID.MatchString(d.ID) || d.ID == "new":
		d.Problem = "id: small letters, digits, - and _, beginning with a letter"
	case d.Title == "" || len(d.Title) > 200:
		d.Problem = "title: 1 to 200 bytes"
	}
	if d.Problem != "" {
		return c.showForm(w, r, v, http.StatusUnprocessableEntity, d)
	}
	body, err := json.Marshal(definition)
	if err != nil {
		return err
	}
	f, err := c.tenant(v).SaveForm(r.Context(), Form{ID: d.ID, Title: d.Title, Definition: body, MadeBy: v.User.Login})
	if err != nil {
		return err
	}
	if err := c.note(r.Context(), v, "form_save", formName(f), nil); err != nil {
		return err
	}
	return back(w, r, "/admin/forms/"+pathEscape(f.ID))
}

func formName(f Form) string { return f.ID + "/" + strconv.Itoa(f.Version) }

// activateForm puts a draft in force; the version before is locked and stays as the reviews that were made with it.
func (c *Console) activateForm(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	n, err := wholeNumber("version", r.PostFormValue("version"))
	if err != nil {
		return err
	}
	f, err := c.tenant(v).Form(r.Context(), r.PathValue("id"), int(n))
	if err != nil {
		return err
	}
	if _, err := scorecard.Parse(f.Definition); err != nil {
		return invalidf("%v", err)
	}
	if err := c.tenant(v).ActivateForm(r.Context(), f.ID, f.Version); err != nil {
		return err
	}
	if err := c.note(r.Context(), v, "form_activate", formName(f), nil); err != nil {
		return err
	}
	return back(w, r, "/admin/forms/"+pathEscape(f.ID))
}

type rulesView struct {
	Rules   []Rule
	None    bool // the server has no rules to show
	Text    string
	Problem string
	Tried   int
	Hits    []ruleHit
	ByRule  []outcomeOfRule
	Done    bool
}

type ruleHit struct {
	Summary
	Alerts []interaction.Alert
}

type outcomeOfRule struct {
	Name         string
	Calls, Count int
}

// maxTried bounds the calls of a dry run: the latest.
const maxTried = 500

// rulesPage shows the rules in force.
func (c *Console) rulesPage(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	var d rulesView
	return c.showRules(w, r, v, http.StatusOK, &d)
}

func (c *Console) showRules(w http.ResponseWriter, r *http.Request, v *Visitor, status int, d *rulesView) error {
	if d.None = c.opts.Rules == nil; !d.None {
		var err error
		if d.Rules, err = c.opts.Rules.Rules(r.Context(), v.Tenant); err != nil {
			return err
		}
	}
	c.render(w, r, v, status, "rules", page{Title: "admin.tab.rules", Tabs: adminTabs, Data: d})
	return nil
}

// tryRules says what rules would have raised on the latest calls, and changes nothing.
func (c *Console) tryRules(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	d := rulesView{Text: r.PostFormValue("rules")}
	if c.opts.Rules == nil {
		return ErrNotFound
	}
	try, err := c.opts.Rules.Compile(d.Text)
	if errors.Is(err, ErrInvalid) {
		d.Problem = err.Error()
		return c.showRules(w, r, v, http.StatusUnprocessableEntity, &d)
	}
	if err != nil {
		return err
	}
	t := c.tenant(v)
	found, err := t.Interactions(r.Context(), Query{}, Page{Limit: maxTried})
	if err != nil {
		return err
	}
	d.Done, d.Tried = true, len(found.Items)
	for _, s := range found.Items {
		rec, err := t.Interaction(r.Context(), s.ID)
		if err != nil {
			return err
		}
		raised := try(rec)
		if len(raised) == 0 {
			continue
		}
		seen := map[string]bool{}
		for _, a := range raised {
			i := slices.IndexFunc(d.ByRule, func(o outcomeOfRule) bool { return o.Name == a.Rule })
			if i < 0 {
				d.ByRule = append(d.ByRule, outcomeOfRule{Name: a.Rule})
				i = len(d.ByRule) - 1
			}
			d.ByRule[i].Count++
			if !seen[a.Rule] {
				d.ByRule[i].Calls++
				seen[a.Rule] = true
			}
		}
		if len(d.Hits) < 50 {
			d.Hits = append(d.Hits, ruleHit{s, raised})
		}
	}
	return c.showRules(w, r, v, http.StatusOK, &d)
}

type usersView struct {
	Users  []User
	Roles  []string
	Keys   []APIKey
	Scopes []string
	Secret string // of the key that was made just now: shown once
	First  bool
}

// scopes are what an API key may do. Read only.
var scopes = []string{"ingest", "read", "review", "identity", "admin"}

// usersPage shows who may log in, and which programs.
func (c *Console) usersPage(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	return c.showUsers(w, r, v, "")
}

func (c *Console) showUsers(w http.ResponseWriter, r *http.Request, v *Visitor, secret string) error {
	d := usersView{Roles: roles, Scopes: scopes, Secret: secret, First: v.Owner}
	var err error
	if d.Users, err = c.tenant(v).Users(r.Context()); err != nil {
		return err
	}
	if d.Keys, err = c.tenant(v).APIKeys(r.Context()); err != nil {
		return err
	}
	c.render(w, r, v, http.StatusOK, "users", page{Title: "admin.tab.people", Tabs: adminTabs, Data: d})
	return nil
}

// saveUser adds a user, or changes one. The first one has to be an administrator: from then on nobody comes in without a login.
func (c *Console) saveUser(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	ctx, t := r.Context(), c.tenant(v)
	login := strings.TrimSpace(r.PostFormValue("login"))
	users, err := t.Users(ctx)
	if err != nil {
		return err
	}
	u := User{Login: login}
	i := slices.IndexFunc(users, func(x User) bool { return x.Login == login })
	known := i >= 0
	if known {
		u = users[i]
	}
	u.DisplayName = strings.TrimSpace(r.PostFormValue("name"))
	u.AgentID = strings.TrimSpace(r.PostFormValue("agent"))
	u.Roles = r.PostForm["role"]
	u.Disabled = r.PostFormValue("disabled") != ""
	for _, role := range u.Roles {
		if !slices.Contains(roles, role) {
			return invalidf("role: %q, want one of %s", role, strings.Join(roles, ", "))
		}
	}
	others := slices.ContainsFunc(users, func(x User) bool { return x.Login != login && !x.Disabled && slices.Contains(x.Roles, RoleAdmin) })
	if !others && (u.Disabled || !slices.Contains(u.Roles, RoleAdmin)) {
		return invalidf("roles of %q: %s, want admin: nobody else is one", login, strings.Join(u.Roles, ", "))
	}
	password := r.PostFormValue("password")
	if password != "" || !known {
		if u.PasswordHash, err = c.hashing.hash(ctx, password); err != nil {
			return err
		}
	}
	if _, err = t.SaveUser(ctx, u); err != nil {
		return err
	}
	if err := c.note(ctx, v, "user_save", login, map[string]string{"roles": strings.Join(u.Roles, ", ")}); err != nil {
		return err
	}
	return back(w, r, "/admin/people")
}

// addKey makes an API key and shows it once.
func (c *Console) addKey(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	name := strings.TrimSpace(r.PostFormValue("name"))
	asked := r.PostForm["scope"]
	if name == "" || len(name) > 100 || len(asked) == 0 {
		return invalidf("api key: name of %d bytes and %d scopes, want 1 to 100 and 1 or more", len(name), len(asked))
	}
	for _, s := range asked {
		if !slices.Contains(scopes, s) {
			return invalidf("api key scope: %q, want one of %s", s, strings.Join(scopes, ", "))
		}
	}
	secret, err := c.tenant(v).AddAPIKey(r.Context(), name, asked)
	if err != nil {
		return err
	}
	if err := c.note(r.Context(), v, "key_add", name, map[string]string{"scopes": strings.Join(asked, ", ")}); err != nil {
		return err
	}
	return c.showUsers(w, r, v, secret)
}

func (c *Console) revokeKey(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	if err := c.tenant(v).RevokeAPIKey(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	if err := c.note(r.Context(), v, "key_revoke", r.PathValue("id"), nil); err != nil {
		return err
	}
	return back(w, r, "/admin/people#keys")
}

type systemView struct {
	Policy policy.Permit
	Parts  []part
	Now    time.Time
}

// part is something that has to work.
type part struct {
	Name string
	OK   bool
}

// systemPage says the policy in words and whether everything works.
func (c *Console) systemPage(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	d := systemView{Now: c.opts.Now()}
	var err error
	if d.Policy, err = c.opts.Policy(r.Context(), v.Tenant); err != nil {
		return err
	}
	if c.opts.Health != nil {
		for name, err := range c.opts.Health(r.Context()) {
			d.Parts = append(d.Parts, part{name, err == nil})
			if err != nil {
				c.log.Warn("console: not ready", "part", name, "err", err)
			}
		}
		slices.SortFunc(d.Parts, func(a, b part) int { return strings.Compare(a.Name, b.Name) })
	} else {
		_, err := c.tenant(v).Users(r.Context())
		d.Parts = []part{{"store", err == nil}}
	}
	c.render(w, r, v, http.StatusOK, "system", page{Title: "admin.tab.system", Tabs: adminTabs, Data: d})
	return nil
}
