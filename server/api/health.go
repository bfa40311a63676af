package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Health is whether the server and what it needs work.
type Health struct {
	Status string            `json:"status" enum:"ok,unavailable"`
	Checks map[string]string `json:"checks,omitempty" doc:"By part: ok or unavailable."`
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
				if err != nil { // the text may name addresses: it is for the log
					a.opts.Log.Warn("api: not ready", "part", name, "err", err)
					out.Status, out.Body.Status, out.Body.Checks[name] = http.StatusServiceUnavailable, "unavailable", "unavailable"
				}
			}
			return out, nil
		})
}
