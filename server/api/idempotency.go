package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Idempotency remembers what was answered to a POST.
type Idempotency interface {
	// Begin claims a key of a tenant for a request. It returns the answer that the key got before, where the request was the same;
	// nil where the key is new; ErrConflict, wrapped, where the request was another or is still running.
	Begin(ctx context.Context, tenant, key, request string) (*Answer, error)
	// Finish keeps the answer; a nil one gives the key free.
	Finish(ctx context.Context, tenant, key string, answer *Answer) error
}

// Answer is what a client got.
type Answer struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Location    string `json:"location,omitempty"`
	Body        []byte `json:"body"`
}

const (
	maxIdempotencyKey = 255
	maxReplayed       = 1 << 20 // bytes of a body, in and out, that takes part
)

// once carries out a POST with an Idempotency-Key once.
func (a *API) once(w http.ResponseWriter, r *http.Request, next http.Handler) {
	key := r.Header.Get("Idempotency-Key")
	if r.Method != http.MethodPost || key == "" || a.opts.Idempotency == nil {
		next.ServeHTTP(w, r)
		return
	}
	if len(key) > maxIdempotencyKey {
		refuse(w, r, http.StatusUnprocessableEntity, "invalid", fmt.Sprintf("Idempotency-Key of %d bytes, want at most %d", len(key), maxIdempotencyKey))
		return
	}
	digest, err := a.digest(w, r)
	if err != nil {
		refuse(w, r, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("body of more than %d bytes with an Idempotency-Key", maxReplayed))
		return
	}
	ctx, tenant := r.Context(), principal(r.Context()).Tenant
	before, err := a.opts.Idempotency.Begin(ctx, tenant, key, digest)
	switch {
	case errors.Is(err, ErrConflict):
		w.Header().Set("Retry-After", "1")
		refuse(w, r, http.StatusConflict, "conflict", "the Idempotency-Key was used for another request, or the first is still running")
		return
	case err != nil:
		a.opts.Log.Error("api: idempotency", "request", requestID(ctx), "err", err)
		refuse(w, r, http.StatusServiceUnavailable, "unavailable", "the Idempotency-Key cannot be looked up now")
		return
	case before != nil:
		w.Header().Set("Idempotency-Replayed", "true")
		before.write(w)
		return
	}
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	next.ServeHTTP(rec, r)
	answer := &Answer{Status: rec.status, ContentType: w.Header().Get("Content-Type"), Location: w.Header().Get("Location"), Body: rec.body.Bytes()}
	// What failed for a reason that may pass is to be carried out when it is asked again.
	if rec.status >= 500 || rec.status == http.StatusTooManyRequests || rec.cut {
		answer = nil
	}
	if err := a.opts.Idempotency.Finish(context.WithoutCancel(ctx), tenant, key, answer); err != nil {
		a.opts.Log.Error("api: idempotency", "request", requestID(ctx), "err", err)
	}
}

// digest identifies a request, and leaves its body to be read again. The body of an upload is not part of it: the recording is
// known by its own digest.
func (a *API) digest(w http.ResponseWriter, r *http.Request) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"))
	if r.URL.Path == uploadPath {
		fmt.Fprintf(h, "%d", r.ContentLength)
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReplayed))
	if err != nil {
		return "", err
	}
	h.Write(body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (a *Answer) write(w http.ResponseWriter) {
	if a.ContentType != "" {
		w.Header().Set("Content-Type", a.ContentType)
	}
	if a.Location != "" {
		w.Header().Set("Location", a.Location)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a client that is gone needs no answer
}

// recorder passes a response on and keeps it.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	cut    bool // the body was too large to keep
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.cut = r.cut || r.body.Len()+len(b) > maxReplayed; !r.cut {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
