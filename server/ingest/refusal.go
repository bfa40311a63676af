package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// refusal is why we say no. Before the upgrade it is an HTTP status, after it the dialect's own message and a close code
// (RFC 6455 §7.4). The text is ours and safe to tell.
type refusal struct {
	slug   string // bad_request, unauthorized, ...
	status int
	code   int
	text   string
}

func (r *refusal) Error() string { return "ingest: " + r.slug + ": " + r.text }

// Close codes.
const (
	closeNormal      = 1000
	closeGoingAway   = 1001
	closeUnsupported = 1003
	closeBadData     = 1007
	closeNoStatus    = 1005
	closePolicy      = 1008
	closeTooLarge    = 1009
	closeInternal    = 1011
	closeTryLater    = 1013
)

func refuse(slug string, status, code int, format string, args []any) *refusal {
	return &refusal{slug, status, code, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *refusal {
	return refuse("bad_request", http.StatusBadRequest, closeBadData, format, args)
}

func wrongFrame(format string, args ...any) *refusal {
	return refuse("bad_request", http.StatusBadRequest, closeUnsupported, format, args)
}

func unsupported(format string, args ...any) *refusal {
	return refuse("unsupported_media", http.StatusUnsupportedMediaType, closeUnsupported, format, args)
}

func unauthorized(format string, args ...any) *refusal {
	return refuse("unauthorized", http.StatusUnauthorized, closePolicy, format, args)
}

func forbidden(format string, args ...any) *refusal {
	return refuse("unauthorized", http.StatusForbidden, closePolicy, format, args)
}

func timedOut(format string, args ...any) *refusal {
	return refuse("timeout", http.StatusRequestTimeout, closePolicy, format, args)
}

func tooLarge(format string, args ...any) *refusal {
	return refuse("too_large", http.StatusRequestEntityTooLarge, closeTooLarge, format, args)
}

func unavailable(format string, args ...any) *refusal {
	return refuse("unavailable", http.StatusServiceUnavailable, closeTryLater, format, args)
}

func rateLimited(format string, args ...any) *refusal {
	return refuse("rate_limited", http.StatusTooManyRequests, closeTryLater, format, args)
}

// asRefusal makes of any error what the platform may know of it.
func asRefusal(err error) *refusal {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, ErrBusy):
		return unavailable("no room for another call, want a retry later")
	case errors.Is(err, ErrMismatch):
		return badRequest("%s", err)
	case errors.Is(err, ErrGone):
		return refuse("unavailable", http.StatusServiceUnavailable, closeGoingAway, "the node that has the call is gone, want a new connection", nil)
	case errors.Is(err, context.Canceled):
		return refuse("unavailable", http.StatusServiceUnavailable, closeGoingAway, "the server is shutting down", nil)
	}
	return refuse("internal", http.StatusInternalServerError, closeInternal, "the call could not be taken", nil)
}
