package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// ErrOverloaded is what Options.Ready gives for a part that works and cannot take more.
var ErrOverloaded = errors.New("api: overloaded")

// Health is whether the server and what it needs work.
type Health struct {
	Status string            `json:"status" enum:"ok,unavailable,overloaded"`
	Checks map[string]string `json:"checks,omitempty" doc:"By part: ok, unavailable or overloaded."`
}

func (a *API) health() {
	huma.Register(a.huma, op{method: http.MethodGet, path: "/healthz", id: "health", summary: "Whether the process lives", tag: "operation"}.describe(),
		func(context.Context, *struct{}) (*body[Health], error) {
			return &body[Health]{Health{Status: "ok"}}, nil
		})
	type ready struct {
		Status int
		Body   Health
	}
	huma.Register(a.huma, op{method: http.MethodGet, path: "/readyz", id: "ready", summary: "Whether calls and requests can be taken", tag: "operation"}.describe(),
		func(ctx context.Context, _ *struct{}) (*ready, error) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			out := &ready{Status: http.StatusOK, Body: Health{Status: "ok", Checks: map[string]string{}}}
			if a.opts.Ready == nil {
				return out, nil
			}
			for name, err := range a.opts.Ready(ctx) {
				out.Body.Checks[name] = "ok"
				if err == nil {
					continue
				}
				// The text may name addresses: it is for the log.
				a.opts.Log.Warn("api: not ready", "part", name, "err", err)
				word := "unavailable"
				if errors.Is(err, ErrOverloaded) {
					word = "overloaded"
				}
				if out.Body.Checks[name] = word; out.Body.Status != "unavailable" {
					out.Body.Status = word
				}
				out.Status = http.StatusServiceUnavailable
			}
			return out, nil
		})
}
