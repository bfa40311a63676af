package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Recordings hands out the audio of calls that the server keeps.
type Recordings interface {
	// Recording opens the audio of a call. Errors: ErrNotFound, where none is kept too.
	Recording(ctx context.Context, tenant, id string) (Recording, error)
	// Listened writes into the audit log that somebody, by the id of the key, was given the audio of a call.
	Listened(ctx context.Context, tenant, by, id string) error
}

// Recording is the audio of a call.
type Recording struct {
	io.ReadSeekCloser
	Type    string // media type
	Changed time.Time
}

func (a *API) recordings() {
	kept := a.opts.Recordings
	d := op{method: http.MethodGet, path: "/v1/interactions/{id}/audio", scope: ScopeReview, id: "get-interaction-audio", summary: "The audio of a call, where it was kept", tag: "interactions",
		about: "Ranges may be asked for (RFC 9110, section 14). That it was given out is in the audit log."}.describe()
	binary := map[string]*huma.MediaType{"audio/*": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	d.Responses = map[string]*huma.Response{
		"200": {Description: "All of it.", Content: binary},
		"206": {Description: "The range that was asked for.", Content: binary},
		"416": {Description: "The range lies outside of it."},
	}
	huma.Register(a.huma, d, func(ctx context.Context, in *struct {
		InteractionPath
		Range string `header:"Range" maxLength:"200"`
	}) (*huma.StreamResponse, error) {
		p := principal(ctx)
		r, err := kept.Recording(ctx, p.Tenant, in.ID)
		if err != nil {
			return nil, a.explain(ctx, err)
		}
		// A player asks for many ranges; the first begins at the start.
		if in.Range == "" || strings.HasPrefix(in.Range, "bytes=0-") || !strings.HasPrefix(in.Range, "bytes=") {
			if err := kept.Listened(ctx, p.Tenant, p.KeyID, in.ID); err != nil {
				r.Close()
				return nil, a.explain(ctx, fmt.Errorf("api: audit: %w", err))
			}
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer r.Close()
			req, w := humago.Unwrap(hc)
			w.Header().Set("Content-Type", r.Type)
			w.Header().Set("Cache-Control", "private, no-store")
			http.ServeContent(w, req, "", r.Changed, r)
		}}, nil
	})
}
