package api

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/console/scorecard"
)

// Options is what the interface stands on. An interface that is nil leaves its paths out.
type Options struct {
	Version string // of the program, for the description
	Keys    Keys

	Open          bool   // requests without a key from this machine act for DefaultTenant
	DefaultTenant string // empty: "default"

	Live         Live
	Interactions Interactions
	Recordings   Recordings
	Feedback     Feedback
	Forms        Forms
	Identity     Identity
	Uploads      Uploads
	Admin        Admin
	Governance   Governance
	Models       []Model // that the program holds
	Idempotency  Idempotency
	Ready        func(context.Context) map[string]error // what has to work for the server to be ready, by name

	KeyRate    Rate          // of one key, default 100 in a second, 200 at once
	RemoteRate Rate          // of one address, before its key is looked up, default 200 in a second, 400 at once
	Timeout    time.Duration // of one request without upload or export, default 15 s
	MaxUpload  int64         // bytes of a recording, default 1 GiB
	Now        func() time.Time
	Log        *slog.Logger // nil: discarded
}

// API answers requests. Its zero value is not usable.
type API struct {
	opts   Options
	mux    *http.ServeMux
	huma   huma.API
	limits *limiter
}

// New returns the handler of all paths that o has something behind.
func New(o Options) *API {
	if o.DefaultTenant == "" {
		o.DefaultTenant = "default"
	}
	if o.KeyRate == (Rate{}) {
		o.KeyRate = Rate{100, 200}
	}
	if o.RemoteRate == (Rate{}) {
		o.RemoteRate = Rate{200, 400}
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.MaxUpload <= 0 {
		o.MaxUpload = 1 << 30
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{opts: o, mux: http.NewServeMux(), limits: &limiter{now: o.Now, buckets: map[string]*bucket{}}}
	c := huma.DefaultConfig("Timbre", o.Version)
	c.Info.Description = "Speech and voice analytics of contact-center calls. A voice result is evidence, never a sole factor; an emotion is the probability of an expressed signal, never a fact about a person."
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.CreateHooks = nil // no $schema beside our own fields
	c.DocsPath, c.SchemasPath = "", ""
	c.RejectUnknownQueryParameters = true // a misspelt filter would otherwise show everything
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "An API key."},
		"key":    {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "An API key."},
	}
	a.huma = humago.New(a.mux, c)
	a.huma.UseMiddleware(a.scoped)
	a.health()
	if o.Live != nil {
		a.calls()
	}
	if o.Interactions != nil {
		a.interactions()
		if o.Recordings != nil {
			a.recordings()
		}
		a.views()
	}
	if o.Feedback != nil {
		a.feedback()
	}
	if o.Forms != nil {
		a.forms(o.Forms)
	}
	a.identity()
	if o.Uploads != nil {
		a.uploads()
	}
	a.admin()
	if o.Governance != nil {
		a.governance(o.Governance)
	}
	if len(o.Models) > 0 {
		a.models(o.Models)
	}
	return a
}

// schemaName keeps the types of the record and of scorecards apart from those of this package that have the same name.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case reflect.TypeFor[interaction.Interaction]().PkgPath():
		if name != "Interaction" {
			return "Record" + name
		}
	case reflect.TypeFor[scorecard.Form]().PkgPath():
		return "Scorecard" + name
	}
	return name
}

// free are the paths that need no key. Read only.
var free = []string{"/healthz", "/readyz", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml"}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = identified(w, r)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	for _, path := range free {
		if r.URL.Path == path {
			a.mux.ServeHTTP(w, r)
			return
		}
	}
	if _, pattern := a.mux.Handler(r); pattern == "" && !strings.HasPrefix(r.URL.Path, "/v1/") {
		refuse(w, r, http.StatusNotFound, "not_found", "no such path")
		return
	}
	r, ok := a.enter(w, r)
	if !ok {
		return
	}
	if h, pattern := a.mux.Handler(r); pattern == "" {
		a.unrouted(w, r, h)
		return
	}
	a.once(w, r, a.mux)
}

// unrouted answers where there is no such path, or no such method on it.
func (a *API) unrouted(w http.ResponseWriter, r *http.Request, mux http.Handler) {
	probe := &statusOnly{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		refuse(w, r, http.StatusMethodNotAllowed, "invalid", "no method "+r.Method+" here, want one of "+probe.header.Get("Allow"))
		return
	}
	refuse(w, r, http.StatusNotFound, "not_found", "no such path")
}

// statusOnly is a response that keeps the status and the headers.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }

// scopeKey is where an operation keeps the scope that it needs.
const scopeKey = "scope"

// scoped refuses a key without the scope of the operation.
func (a *API) scoped(ctx huma.Context, next func(huma.Context)) {
	s, ok := ctx.Operation().Metadata[scopeKey].(Scope)
	if ok && !principal(ctx.Context()).Has(s) {
		r, w := humago.Unwrap(ctx)
		refuse(w, r, http.StatusForbidden, "forbidden", "the API key has no scope "+string(s))
		return
	}
	next(ctx)
}

// op describes one operation.
type op struct {
	method, path string
	scope        Scope
	id, summary  string
	about        string // more than the summary says
	tag          string
	status       int           // of success; 0: 200
	timeout      time.Duration // 0: Options.Timeout; negative: none
	maxBody      int64         // 0: 1 MiB
}

func (o op) describe() huma.Operation {
	errors := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if strings.Contains(o.path, "{") {
		errors = append(errors, http.StatusNotFound)
	}
	if o.method != http.MethodGet {
		errors = append(errors, http.StatusConflict)
	}
	d := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: o.about, Tags: []string{o.tag}, Errors: errors,
		DefaultStatus: o.status, MaxBodyBytes: o.maxBody, BodyReadTimeout: 30 * time.Second,
	}
	if o.scope != "" {
		d.Metadata = map[string]any{scopeKey: o.scope}
		d.Security = []map[string][]string{{"bearer": {}}, {"key": {}}}
		d.Description = strings.TrimSpace(o.about + " Needs the scope " + string(o.scope) + ".")
	}
	return d
}

// add registers an operation whose handler gets who asks and may return the errors of this package.
func add[I, O any](a *API, o op, handle func(ctx context.Context, p Principal, in *I) (*O, error)) {
	timeout := o.timeout
	if timeout == 0 {
		timeout = a.opts.Timeout
	}
	huma.Register(a.huma, o.describe(), func(ctx context.Context, in *I) (*O, error) {
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		out, err := handle(ctx, principal(ctx), in)
		if err != nil {
			return nil, a.explain(ctx, err)
		}
		return out, nil
	})
}

// body is a response of one value.
type body[T any] struct{ Body T }

func ok[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// none is a response without a body.
type none struct{}

func done(err error) (*none, error) { return &none{}, err }

// Page says which part of a list is wanted.
type Page struct {
	Cursor string `query:"cursor" maxLength:"2048" doc:"next_cursor of the page before; absent for the first."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"Rows at most."`
}

// List is one page of a list.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent at the end."`
}

// page makes a response of a list, whose items are never null.
func page[T any](l List[T], err error) (*body[List[T]], error) {
	if l.Items == nil {
		l.Items = []T{}
	}
	return ok(l, err)
}
