package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// What the interfaces of this package return for the client to know; text that wraps them is shown to it. Every other error is
// internal: the client gets an id, the log the text.
var (
	ErrInvalid     = errors.New("invalid")     // a value that cannot be
	ErrNotFound    = errors.New("not found")   // nothing of that name, or not of this tenant
	ErrConflict    = errors.New("conflict")    // the state of what is there forbids it
	ErrForbidden   = errors.New("forbidden")   // policy or law forbids it, whoever asks
	ErrTooLarge    = errors.New("too large")   // more than is taken
	ErrUnavailable = errors.New("unavailable") // the same request may succeed later
)

// problems maps errors to answers, in the order in which they are tried. Read only.
var problems = []struct {
	err    error
	status int
	code   string
}{
	{ErrInvalid, http.StatusUnprocessableEntity, "invalid"},
	{ErrNotFound, http.StatusNotFound, "not_found"},
	{ErrConflict, http.StatusConflict, "conflict"},
	{ErrForbidden, http.StatusForbidden, "forbidden"},
	{ErrTooLarge, http.StatusRequestEntityTooLarge, "too_large"},
	{ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable"},
}

// problem makes the answer to an error. id is the request's.
func problem(status int, code, detail, id string) *huma.ErrorModel {
	return &huma.ErrorModel{
		Type: "urn:timbre:problem:" + code, Title: http.StatusText(status), Status: status, Detail: detail, Instance: "urn:timbre:request:" + id,
	}
}

// explain turns the error of an interface into the answer to the client, and logs what the client must not see.
func (a *API) explain(ctx context.Context, err error) error {
	id := requestID(ctx)
	for _, p := range problems {
		if errors.Is(err, p.err) {
			return problem(p.status, p.code, err.Error(), id)
		}
	}
	a.opts.Log.Error("api: request failed", "request", id, "err", err)
	return problem(http.StatusInternalServerError, "internal", "something failed inside; the log has it under the id of instance", id)
}

// refuse answers a request outside a described operation.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem(status, code, detail, requestID(r.Context()))) // a client that is gone needs no answer
}
