package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/goccy/go-yaml"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/console"
	"github.com/timbre-voice/timbre/server/console/backing"
	"github.com/timbre-voice/timbre/server/events"
	"github.com/timbre-voice/timbre/server/events/rules"
	"github.com/timbre-voice/timbre/server/ingest"
)

// visitorTenant is where a request to the console's socket of events keeps whose events it may see.
type visitorTenant struct{}

// openConsole makes the console over what the server has.
func (s *Server) openConsole(set rules.Set) error {
	s.visitors = events.NewSocket(s.bus, events.SocketOptions{
		Tenant: func(w http.ResponseWriter, r *http.Request) (string, bool) {
			tenant, ok := r.Context().Value(visitorTenant{}).(string)
			if !ok {
				http.Error(w, "server: events: nobody logged in", http.StatusForbidden)
			}
			return tenant, ok
		},
		MaxConn: s.config.Limits.Subscribers, Log: s.log,
	})
	newKey := func(ctx context.Context, tenant, name string, scopes []string) (string, error) {
		k := api.NewKey{Name: name}
		for _, x := range scopes {
			k.Scopes = append(k.Scopes, api.Scope(x))
		}
		made, err := NewKey(ctx, s.store, tenant, k)
		return made.Secret, err
	}
	var err error
	s.console, err = console.New(console.Options{
		Store: backing.New(s.store, backing.Options{NewKey: newKey, Decide: deciding{s.people}}), Tenant: s.config.Tenant, Loopback: s.config.Loopback(),
		Audio: backing.NewAudio(backing.AudioOptions{Dir: s.config.audioDir(), Hosts: s.config.RecordingHosts}),
		Rules: siteRules{set},
		Policy: func(ctx context.Context, tenant string) (policy.Permit, error) {
			return permits{s.config.Policy}.Permit(ctx, ingest.Start{Tenant: tenant})
		},
		Health: s.ready, Now: s.now, Log: s.log,
		Events: func(tenant string) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.visitors.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorTenant{}, tenant)))
			})
		},
	})
	return err
}

// siteRules shows the alert rules of the configuration, and tries others on records.
type siteRules struct{ set rules.Set }

var _ console.Rules = siteRules{}

func (s siteRules) Rules(context.Context, string) ([]console.Rule, error) {
	var out []console.Rule
	for _, r := range s.set.Rules {
		text, err := yaml.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("server: rule %s: %w", r.Name, err)
		}
		severity := r.Severity
		if severity == "" {
			severity = "warning"
		}
		out = append(out, console.Rule{Name: r.Name, Severity: severity, Text: string(text)})
	}
	return out, nil
}

func (siteRules) Compile(text string) (func(*interaction.Interaction) []interaction.Alert, error) {
	set, err := rules.Parse([]byte(text))
	if err == nil {
		err = set.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", console.ErrInvalid, err)
	}
	return set.Evaluate, nil
}

// deciding is the registry for the console.
type deciding struct{ people *voices }

var _ backing.Decider = deciding{}

// refused makes an error of the REST interface one of the console, which shows its text.
func refused(err error) error {
	for _, c := range []struct{ kind, as error }{
		{api.ErrNotFound, console.ErrNotFound}, {api.ErrForbidden, console.ErrConflict}, {api.ErrConflict, console.ErrConflict}, {api.ErrInvalid, console.ErrInvalid},
	} {
		if errors.Is(err, c.kind) {
			return fmt.Errorf("%w: %w", c.as, err)
		}
	}
	return err
}

func (d deciding) Approve(ctx context.Context, tenant, by, print string) error {
	return refused(d.people.Approve(ctx, tenant, by, print))
}

func (d deciding) Reject(ctx context.Context, tenant, by, print string) error {
	return refused(d.people.Reject(ctx, tenant, by, print))
}

func (d deciding) Unlock(ctx context.Context, tenant, by, speaker string) error {
	return refused(d.people.Unlock(ctx, tenant, by, speaker))
}
