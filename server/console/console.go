package console

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
)

//go:embed templates static catalogue.tsv form.json
var files embed.FS

// Options is what the console stands on.
type Options struct {
	Store  Store  // required
	Tenant string // whose people log in where the login page names no other; "": "default"
	// Loopback says that the server is reached from this machine alone: until there is a user, whoever comes is the owner, and
	// cookies may travel without TLS.
	Loopback bool
	Login    Login // nil: passwords that the store keeps
	Audio    Audio // nil: nothing can be played
	// Events returns the websocket of a tenant's live events; nil: the live page asks again by itself.
	Events func(tenant string) http.Handler
	Rules  Rules // nil: the page of rules says that there are none
	// Policy returns what may be computed for a tenant's calls; nil: the default.
	Policy func(ctx context.Context, tenant string) (policy.Permit, error)
	// Health returns what has to work, by name; nil: the page shows the store alone.
	Health func(ctx context.Context) map[string]error
	// DisputeWindow is how long an agent may dispute a submitted review; 0: 48 hours.
	DisputeWindow time.Duration
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger     // nil: discarded
}

// Audio gives the audio of calls that have one: kept by the server, or linked from the platform.
type Audio interface {
	// Available says why the audio of a record cannot be played, as a key of the catalogue, or "" where it can.
	Available(ctx context.Context, r *interaction.Interaction) string
	// Serve writes the audio, or the range that the request asks for. Errors: ErrNotFound before anything was written.
	Serve(w http.ResponseWriter, req *http.Request, r *interaction.Interaction) error
	// Peaks returns for each channel the largest magnitude, 0 to 1, in each of n equal parts of the audio.
	Peaks(ctx context.Context, r *interaction.Interaction, n int) ([][]float32, error)
}

// Rules are the site's alert rules.
type Rules interface {
	Rules(ctx context.Context, tenant string) ([]Rule, error)
	// Compile reads rules as they stand in the configuration and returns what they raise on a finished record. Errors: ErrInvalid
	// with what is wrong.
	Compile(text string) (func(*interaction.Interaction) []interaction.Alert, error)
}

// Rule is one alert rule.
type Rule struct {
	Name     string
	Severity string
	Text     string // as it stands in the configuration
}

// Console answers the requests of people. Safe for concurrent use.
type Console struct {
	opts        Options
	log         *slog.Logger
	mux         *http.ServeMux
	words       *catalogue
	templates   map[string]pageTemplates // by language
	assets      *assets
	hashing     hashing
	loginRate   *limiter
	addressRate *limiter
	counts      *remembered[int]
	spreads     *remembered[Spread]
	peaks       *remembered[[]byte]
}

// New returns the console's handler for every path that the server's other interfaces do not take. Errors: a missing Store, or files
// in the binary that do not fit together.
func New(o Options) (*Console, error) {
	if o.Store == nil {
		return nil, errors.New("console: options: Store: nil, want one")
	}
	if o.Tenant == "" {
		o.Tenant = "default"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.DisputeWindow <= 0 {
		o.DisputeWindow = 48 * time.Hour
	}
	if o.Policy == nil {
		o.Policy = func(context.Context, string) (policy.Permit, error) { return policy.Default(), nil }
	}
	c := &Console{opts: o, log: o.Log, mux: http.NewServeMux(), hashing: newHashing(),
		loginRate: newLimiter(5, time.Minute, o.Now), addressRate: newLimiter(30, 10*time.Second, o.Now),
		counts: newRemembered[int](4096, 20*time.Second, o.Now), spreads: newRemembered[Spread](256, 5*time.Minute, o.Now),
		peaks: newRemembered[[]byte](64, time.Hour, o.Now)}
	if c.opts.Login == nil {
		c.opts.Login = passwords{c.hashing}
	}
	var err error
	if c.words, err = readCatalogue(files); err != nil {
		return nil, err
	}
	if c.assets, err = readAssets(files); err != nil {
		return nil, err
	}
	if c.templates, err = c.parseTemplates(); err != nil {
		return nil, err
	}
	c.routes()
	return c, nil
}

// handle is a page that a visitor was let in to.
type handle func(w http.ResponseWriter, r *http.Request, v *Visitor) error

func (c *Console) routes() {
	c.mux.Handle("GET /static/", c.assets)
	c.mux.HandleFunc("GET /login", c.loginPage)
	c.mux.HandleFunc("POST /login", c.login)
	c.mux.HandleFunc("POST /language", c.setLanguage)
	page := func(pattern string, needs right, h handle) { c.mux.Handle(pattern, c.guard(needs, h)) }
	page("GET /{$}", "", c.home)
	page("POST /logout", "", c.logout)

	page("GET /calls", seeCalls, c.worklist)
	page("POST /views", seeCalls, c.saveView)
	page("POST /views/{view}/delete", seeCalls, c.deleteView)
	page("POST /assign", lead, c.assign)
	page("POST /sample", lead, c.sample)
	page("GET /calls/{id}", "", c.callPage)
	page("GET /calls/{id}/audio", "", c.audio)
	page("GET /calls/{id}/peaks", "", c.peaksOf)
	page("GET /calls/{id}/segments/{segment}", "", c.segment)
	page("POST /calls/{id}/segments/{segment}", review, c.correct)
	page("POST /calls/{id}/evaluation", review, c.evaluate)
	page("POST /calls/{id}/notes", review, c.addNote)
	page("POST /calls/{id}/alerts", seeCalls, c.answerAlert)
	page("POST /evaluations/{id}/acknowledge", ownReviews, c.acknowledge)
	page("POST /evaluations/{id}/dispute", ownReviews, c.dispute)
	page("POST /evaluations/{id}/settle", lead, c.settle)

	page("GET /live", live, c.livePage)
	page("GET /live/calls", live, c.liveCalls)
	page("GET /live/events", live, c.liveEvents)
	page("GET /quality", lead, c.quality)
	page("GET /mine", ownReviews, c.mine)

	page("GET /identity", seeIdentity, c.identity)
	page("GET /identity/attempts", seeIdentity, c.attempts)
	page("GET /identity/people", seeIdentity, c.people)
	page("GET /identity/audit", seeIdentity, c.auditLog)
	page("POST /identity/enrolments/{id}", seeIdentity, c.decideEnrolment)
	page("POST /identity/unlock", seeIdentity, c.unlock)

	page("GET /customers", journeys, c.customers)
	page("GET /customers/{id}", journeys, c.customer)
	page("GET /export", journeys, c.export)

	page("GET /admin", administer, c.adminForms)
	page("GET /admin/forms/{id}", administer, c.formPage)
	page("POST /admin/forms/{id}", administer, c.saveForm)
	page("POST /admin/forms/{id}/activate", administer, c.activateForm)
	page("GET /admin/rules", administer, c.rulesPage)
	page("POST /admin/rules/try", administer, c.tryRules)
	page("GET /admin/people", administer, c.usersPage)
	page("POST /admin/people", administer, c.saveUser)
	page("POST /admin/keys", administer, c.addKey)
	page("POST /admin/keys/{id}/revoke", administer, c.revokeKey)
	page("GET /admin/system", administer, c.systemPage)
	c.mux.Handle("GET /", c.guard("", func(http.ResponseWriter, *http.Request, *Visitor) error { return ErrNotFound }))
}

// maxForm bounds the body of a request.
const maxForm = 1 << 20

// ServeHTTP answers a request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	h := w.Header()
	// The nonce is for the style sheet that the waveform puts into its own shadow tree.
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+"'; img-src 'self' data:; "+
		"connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keyNonce, nonce)))
}

type contextKey int

const keyNonce contextKey = iota

// guard lets a visitor who may do what needs asks in to h; "" asks for nothing but a login.
func (c *Console) guard(needs right, h handle) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := c.visitor(w, r)
		switch {
		case err != nil:
			c.fail(w, r, nil, err)
			return
		case v == nil:
			c.toLogin(w, r)
			return
		case r.Method != http.MethodGet && !sameSite(r, v.secret):
			c.problem(w, r, v, http.StatusForbidden, "stale", "")
			return
		case needs != "" && !v.may(needs):
			c.problem(w, r, v, http.StatusForbidden, "forbidden", "")
			return
		}
		if err := h(w, r, v); err != nil {
			c.fail(w, r, v, err)
		}
	})
}

func (c *Console) toLogin(w http.ResponseWriter, r *http.Request) {
	to := "/login"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	if r.Header.Get("HX-Request") != "" { // a part of a page: the whole page has to go
		w.Header().Set("HX-Redirect", "/login")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// fail answers with the page of an error.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, v *Visitor, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		c.problem(w, r, v, http.StatusNotFound, "not_found", "")
	case errors.Is(err, errForbidden):
		c.problem(w, r, v, http.StatusForbidden, "forbidden", "")
	case errors.Is(err, ErrConflict):
		c.problem(w, r, v, http.StatusConflict, "conflict", err.Error())
	case errors.Is(err, ErrInvalid):
		c.problem(w, r, v, http.StatusUnprocessableEntity, "invalid", err.Error())
	case errors.Is(err, context.Canceled):
		w.WriteHeader(499) // the person went on: nobody reads it
	default:
		id := rand.Text()[:10]
		c.log.Error("console: request failed", "request", id, "path", r.URL.Path, "err", err)
		c.problem(w, r, v, http.StatusInternalServerError, "internal", id)
	}
}

// errForbidden is a page that the visitor's roles do not open.
var errForbidden = errors.New("console: forbidden")

// problemView is an error as a page says it.
type problemView struct {
	Code   string // of the catalogue: problem.CODE
	Detail string // what the person can do something about, or the id under which the log has it
}

func (c *Console) problem(w http.ResponseWriter, r *http.Request, v *Visitor, status int, code, detail string) {
	c.render(w, r, v, status, "problem", page{Title: "problem." + code, Bare: v == nil, Data: problemView{code, detail}})
}

// home goes to the first page that a visitor may see.
func (c *Console) home(w http.ResponseWriter, r *http.Request, v *Visitor) error {
	to := placesOf(v)
	if len(to) == 0 {
		return errForbidden
	}
	http.Redirect(w, r, to[0].Path, http.StatusSeeOther)
	return nil
}

// tenant returns the data that v may see.
func (c *Console) tenant(v *Visitor) Tenant { return c.opts.Store.Tenant(v.Tenant) }

// note writes what a visitor did into the audit log.
func (c *Console) note(ctx context.Context, v *Visitor, action, subject string, detail map[string]string) error {
	return c.tenant(v).AppendAudit(ctx, AuditEntry{Actor: v.User.Login, Action: action, Subject: subject, Detail: detail})
}

// back goes back to a page after a change.
func back(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// seconds returns a wait for Retry-After.
func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}
