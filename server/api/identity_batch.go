package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Batches enrols many persons from recordings.
type Batches interface {
	// EnrolBatch reads a tar from body to its end and enrols its speakers, one after another. each is given what became of a speaker;
	// its error ends the batch, and what was enrolled stays. Errors before the first speaker are of the whole batch: ErrInvalid,
	// ErrTooLarge.
	EnrolBatch(ctx context.Context, tenant, by string, o BatchOptions, body io.Reader, each func(BatchResult) error) (BatchSummary, error)
}

// BatchOptions is what a client tells of a batch.
type BatchOptions struct {
	Existing string // skip, overwrite
	Consent  string // of rows that name none
}

// BatchResult is what became of one speaker of a batch.
type BatchResult struct {
	SpeakerID   string      `json:"speaker_id"`
	Action      string      `json:"action" enum:"enrolled,replaced,skipped,failed"`
	Error       string      `json:"error,omitempty"`
	PrintID     string      `json:"voiceprint_id,omitempty"`
	State       string      `json:"state,omitempty" doc:"pending: waits for a person's approval."`
	Review      string      `json:"review,omitempty" doc:"Why it waits."`
	ConsentRef  string      `json:"consent_ref,omitempty"`
	NetSpeechMs int64       `json:"net_speech_ms"`
	Sources     int         `json:"sources"`
	Recordings  []BatchFile `json:"recordings"`
}

// BatchFile is what became of one recording of a batch.
type BatchFile struct {
	File        string   `json:"file"`
	Used        bool     `json:"used"`
	NetSpeechMs int64    `json:"net_speech_ms"`
	Reasons     []string `json:"reasons"`
}

// BatchSummary is the end of a job report.
type BatchSummary struct {
	Speakers int    `json:"speakers"`
	Enrolled int    `json:"enrolled"`
	Replaced int    `json:"replaced"`
	Skipped  int    `json:"skipped"`
	Failed   int    `json:"failed"`
	Error    string `json:"error,omitempty" doc:"Present where the batch ended before its last speaker."`
}

// batchLine is one line of a job report: a speaker, or the summary as the last.
type batchLine struct {
	*BatchResult
	Summary *BatchSummary `json:"summary,omitempty"`
}

// batchPath takes batches.
const batchPath = "/v1/enrolments"

func (a *API) batches(b Batches) {
	// The body is passed on as it comes, and the report leaves as it is made, which a described operation cannot.
	a.mux.HandleFunc("POST "+batchPath, func(w http.ResponseWriter, r *http.Request) { a.enrolBatch(w, r, b) })
	d := op{method: http.MethodPost, path: batchPath, scope: ScopeIdentity, id: "enrol-batch", summary: "Enrol many persons from recordings", tag: "identity",
		about: "The body is a tar whose first file is enrol.csv, with the columns speaker and path, and if wanted consent, consent_text, consent_channel, jurisdiction, channel and name; " +
			"the recordings follow under the paths that it names. The answer is a job report, one line of JSON per speaker while it goes, the last one a summary. " +
			"A batch that was cut short is taken up by sending it again with existing=skip."}.describe()
	existing := param("existing", "What is done with persons who have a voiceprint of the model: skip or overwrite.", huma.TypeString)
	existing.Schema.Enum, existing.Schema.Default = []any{"skip", "overwrite"}, "skip"
	d.Parameters = append(d.Parameters, existing, param("consent_ref", "Reference of the consent of rows that name none.", huma.TypeString))
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	d.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: binary}}}
	line := a.huma.OpenAPI().Components.Schemas.Schema(typeOf[BatchResult](), true, "BatchResult")
	d.Responses = map[string]*huma.Response{"200": {Description: "The job report", Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: line}}}}
	a.huma.OpenAPI().AddOperation(&d)
}

// enrolBatch takes one batch.
func (a *API) enrolBatch(w http.ResponseWriter, r *http.Request, b Batches) {
	p := principal(r.Context())
	if !p.Has(ScopeIdentity) {
		refuse(w, r, http.StatusForbidden, "forbidden", "the API key has no scope "+string(ScopeIdentity))
		return
	}
	o, err := readBatchOptions(r)
	if err != nil {
		refuse(w, r, http.StatusUnprocessableEntity, "invalid", err.Error())
		return
	}
	rc, begun := http.NewResponseController(w), false
	out := json.NewEncoder(w)
	tell := func(l batchLine) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.WriteHeader(http.StatusOK)
		}
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if err := out.Encode(l); err != nil {
			return err
		}
		if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return nil
	}
	summary, err := b.EnrolBatch(r.Context(), p.Tenant, p.by(), o, &patient{rc: rc, r: http.MaxBytesReader(w, r.Body, a.opts.MaxUpload)},
		func(v BatchResult) error { return tell(batchLine{BatchResult: &v}) })
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		err = fmt.Errorf("%w: batch of more than %d bytes", ErrTooLarge, large.Limit)
	}
	var e *huma.ErrorModel
	switch {
	case err == nil:
	case !errors.As(a.explain(r.Context(), err), &e):
		return
	case !begun:
		refuse(w, r, e.Status, strings.TrimPrefix(e.Type, "urn:timbre:problem:"), e.Detail)
		return
	default:
		summary.Error = e.Detail
	}
	_ = tell(batchLine{Summary: &summary}) // a client that is gone sends it again
}

func readBatchOptions(r *http.Request) (BatchOptions, error) {
	o := BatchOptions{Existing: "skip"}
	for name, values := range r.URL.Query() {
		switch v := values[0]; name {
		case "existing":
			if o.Existing = v; !slices.Contains([]string{"skip", "overwrite"}, v) {
				return o, fmt.Errorf("existing: %q, want skip or overwrite", v)
			}
		case "consent_ref":
			if o.Consent = v; len(v) > 500 {
				return o, fmt.Errorf("consent_ref of %d bytes, want at most 500", len(v))
			}
		default:
			return o, fmt.Errorf("parameter %q is not known", name)
		}
	}
	return o, nil
}
