package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/timbre-voice/timbre/interaction"
)

// Uploads takes recordings to be analysed in the background.
type Uploads interface {
	// Add takes a recording and what is known of it. audio is read to its end before Add returns; its errors, such as
	// *http.MaxBytesError, come back wrapped.
	Add(ctx context.Context, tenant string, u Upload, audio io.Reader) (Job, error)
	Job(ctx context.Context, tenant, id string) (Job, error)
	Jobs(ctx context.Context, tenant string, p Page) (List[Job], error)
}

// Upload says what is known of a recording. A negative channel: nobody told.
type Upload struct {
	Name            string // of the file, for people to read
	AgentChannel    int
	CustomerChannel int
	Binding         interaction.Binding
	StartedAt       *time.Time
}

// Job is the analysis of one recording.
type Job struct {
	ID            string    `json:"id"`
	State         string    `json:"state" enum:"queued,running,done,failed"`
	Progress      float64   `json:"progress" doc:"0 to 1."`
	Name          string    `json:"name,omitempty"`
	Bytes         int64     `json:"bytes"`
	InteractionID string    `json:"interaction_id,omitempty" doc:"Of the record, once done."`
	Error         string    `json:"error,omitempty"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// uploadPath takes recordings.
const uploadPath = "/v1/recordings"

// uploadTexts are the query parameters that fill a binding. Read only.
var uploadTexts = []struct {
	name string
	of   func(*interaction.Binding) *string
}{
	{"agent_id", func(b *interaction.Binding) *string { return &b.AgentID }},
	{"customer_id", func(b *interaction.Binding) *string { return &b.CustomerID }},
	{"claimed_identity", func(b *interaction.Binding) *string { return &b.ClaimedIdentity }},
	{"contact_id", func(b *interaction.Binding) *string { return &b.ContactID }},
	{"queue", func(b *interaction.Binding) *string { return &b.Queue }},
	{"language", func(b *interaction.Binding) *string { return &b.Language }},
	{"direction", func(b *interaction.Binding) *string { return &b.Direction }},
	{"consent_ref", func(b *interaction.Binding) *string { return &b.ConsentRef }},
}

func (a *API) uploads() {
	store := a.opts.Uploads
	// The body is passed on as it comes, which a described operation cannot: it reads all of it first.
	a.mux.HandleFunc("POST "+uploadPath, func(w http.ResponseWriter, r *http.Request) { a.upload(w, r, store) })
	d := op{method: http.MethodPost, path: uploadPath, scope: ScopeIngest, id: "upload-recording", summary: "Have a recording analysed", tag: "recordings",
		about: "Answered when the recording is in safe hands; its job tells the progress. The body is the recording: WAV, FLAC, Ogg Opus or MP3."}.describe()
	d.Parameters = append(d.Parameters, param("name", "Of the file, for people to read.", huma.TypeString),
		param("agent_channel", "Channel of the agent, from 0.", huma.TypeInteger), param("customer_channel", "Channel of the customer, from 0.", huma.TypeInteger),
		param("started_at", "When the call began, RFC 3339.", huma.TypeString))
	for _, t := range uploadTexts {
		d.Parameters = append(d.Parameters, param(t.name, "As in the record.", huma.TypeString))
	}
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	d.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: binary}}}
	job := a.huma.OpenAPI().Components.Schemas.Schema(typeOf[Job](), true, "Job")
	d.Responses = map[string]*huma.Response{"202": {Description: "Accepted", Content: map[string]*huma.MediaType{"application/json": {Schema: job}}}}
	a.huma.OpenAPI().AddOperation(&d)
	add(a, op{method: http.MethodGet, path: "/v1/jobs/{id}", scope: ScopeRead, id: "get-job", summary: "How far the analysis of a recording has come", tag: "recordings"},
		func(ctx context.Context, p Principal, in *struct {
			ID string `path:"id" maxLength:"128"`
		}) (*body[Job], error) {
			return ok(store.Job(ctx, p.Tenant, in.ID))
		})
	add(a, op{method: http.MethodGet, path: "/v1/jobs", scope: ScopeRead, id: "list-jobs", summary: "Analyses of recordings, newest first", tag: "recordings"},
		func(ctx context.Context, p Principal, in *Page) (*body[List[Job]], error) {
			return page(store.Jobs(ctx, p.Tenant, *in))
		})
}

func param(name, doc, kind string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: kind}}
}

// upload takes one recording.
func (a *API) upload(w http.ResponseWriter, r *http.Request, store Uploads) {
	p := principal(r.Context())
	if !p.Has(ScopeIngest) {
		refuse(w, r, http.StatusForbidden, "forbidden", "the API key has no scope "+string(ScopeIngest))
		return
	}
	u, err := readUpload(r)
	if err != nil {
		refuse(w, r, http.StatusUnprocessableEntity, "invalid", err.Error())
		return
	}
	if r.ContentLength > a.opts.MaxUpload {
		refuse(w, r, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("recording of %d bytes, want at most %d", r.ContentLength, a.opts.MaxUpload))
		return
	}
	job, err := store.Add(r.Context(), p.Tenant, u, &patient{rc: http.NewResponseController(w), r: http.MaxBytesReader(w, r.Body, a.opts.MaxUpload)})
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		err = fmt.Errorf("%w: recording of more than %d bytes", ErrTooLarge, large.Limit)
	}
	if err != nil {
		var e *huma.ErrorModel
		if errors.As(a.explain(r.Context(), err), &e) {
			refuse(w, r, e.Status, strings.TrimPrefix(e.Type, "urn:timbre:problem:"), e.Detail)
		}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/v1/jobs/"+job.ID)
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(job) // a client that is gone finds the job in the list
}

const (
	// stall is how long a client may send nothing in the middle of a recording.
	stall = 30 * time.Second
	// leastRate is how fast it has to be altogether, in bytes a second: an eighth of the speed of speech on the telephone.
	leastRate = 1000
)

// patient reads a body of any length whose sender neither stalls nor drips.
type patient struct {
	rc    *http.ResponseController
	r     io.Reader
	begun time.Time // of the first read
	n     int64     // bytes so far
}

func (p *patient) Read(b []byte) (int, error) {
	now := time.Now()
	if p.begun.IsZero() {
		p.begun = now
	}
	until := p.begun.Add(stall + time.Duration(p.n/leastRate)*time.Second)
	if still := now.Add(stall); still.Before(until) {
		until = still
	}
	if err := p.rc.SetReadDeadline(until); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}

func readUpload(r *http.Request) (Upload, error) {
	u := Upload{AgentChannel: -1, CustomerChannel: -1}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "application/x-www-form") {
		return u, fmt.Errorf("content type %s, want the recording itself as the body", kind)
	}
	q := r.URL.Query()
	take := func(name string) string {
		v := q.Get(name)
		q.Del(name)
		return v
	}
	u.Name = take("name")
	if len(u.Name) > 255 {
		return u, fmt.Errorf("name of %d bytes, want at most 255", len(u.Name))
	}
	for _, c := range []struct {
		name string
		to   *int
	}{{"agent_channel", &u.AgentChannel}, {"customer_channel", &u.CustomerChannel}} {
		if v := take(c.name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 || n > 31 {
				return u, fmt.Errorf("%s: %q, want 0 to 31", c.name, v)
			}
			*c.to = n
		}
	}
	if v := take("started_at"); v != "" {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return u, fmt.Errorf("started_at: %q, want a time of RFC 3339", v)
		}
		u.StartedAt = &t
	}
	for _, t := range uploadTexts {
		*t.of(&u.Binding) = take(t.name)
	}
	for name := range q {
		return u, fmt.Errorf("parameter %q is not known", name)
	}
	return u, u.Binding.Validate()
}
