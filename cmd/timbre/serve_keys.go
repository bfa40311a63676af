package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/store"
)

// serveKeysCommand makes the first key, without which the server does not start beyond loopback, and later ones.
func (a *app) serveKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke API keys",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.keysAddCommand(), a.keysListCommand(), a.keysRevokeCommand())
	return cmd
}

// withStore opens the configured store for one command.
func withStore(cmd *cobra.Command, f *serveFlags, do func(c server.Config, st *store.Store) error) (err error) {
	c, err := f.load(cmd)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("%s: %w", c.DataDir, reason(err))
	}
	st, err := store.Open(cmd.Context(), store.Options{DSN: c.Database(), Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return do(c, st)
}

// apiScopes lists the scopes that a key may have.
var apiScopes = []string{string(api.ScopeIngest), string(api.ScopeRead), string(api.ScopeReview), string(api.ScopeIdentity), string(api.ScopeAdmin)}

func (a *app) keysAddCommand() *cobra.Command {
	var f serveFlags
	var name, tenant string
	var scopes []string
	var expires time.Duration
	cmd := &cobra.Command{
		Use:     "add --name NAME --scope SCOPE[,SCOPE...]",
		Short:   "Make an API key and print it, this once",
		Example: "  timbre serve keys add --name console --scope read,review",
		Args:    wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k := api.NewKey{Name: name}
			for _, s := range scopes {
				if !slices.Contains(apiScopes, s) {
					return usagef(cmd, "add: --scope: %q, want some of %s", s, strings.Join(apiScopes, ", "))
				}
				k.Scopes = append(k.Scopes, api.Scope(s))
			}
			switch {
			case name == "":
				return usagef(cmd, "add: --name: missing, want who uses the key")
			case len(scopes) == 0:
				return usagef(cmd, "add: --scope: missing, want some of %s", strings.Join(apiScopes, ", "))
			case expires < 0:
				return usagef(cmd, "add: --expires: %s, want 0 or more", expires)
			case expires > 0:
				at := time.Now().Add(expires)
				k.ExpiresAt = &at
			}
			return withStore(cmd, &f, func(c server.Config, st *store.Store) error {
				if tenant == "" {
					tenant = c.Tenant
				}
				made, err := server.NewKey(cmd.Context(), st, tenant, k)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), made.Secret)
				return err
			})
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&name, "name", "", "`name` of who uses the key; required")
	cmd.Flags().StringVar(&tenant, "tenant", "", "`tenant` that the key acts for (default: that of the configuration)")
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "what the key may do: "+strings.Join(apiScopes, ", ")+"; required")
	cmd.Flags().DurationVar(&expires, "expires", 0, "`time` after which the key ends (default: never)")
	hideDefault(cmd.Flags(), "expires")
	return cmd
}

func (a *app) keysListCommand() *cobra.Command {
	var f serveFlags
	var tenant string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the API keys of a tenant, as one JSON object a line",
		Args:  wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, &f, func(c server.Config, st *store.Store) error {
				if tenant == "" {
					tenant = c.Tenant
				}
				keys, err := server.Keys(cmd.Context(), st, tenant)
				for _, k := range keys {
					if err := printJSON(cmd.OutOrStdout(), k); err != nil {
						return err
					}
				}
				return err
			})
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&tenant, "tenant", "", "`tenant` whose keys (default: that of the configuration)")
	return cmd
}

func (a *app) keysRevokeCommand() *cobra.Command {
	var f serveFlags
	var tenant string
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke an API key",
		Args:  wantArgs(1, 1, "the id of one key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd, &f, func(c server.Config, st *store.Store) error {
				if tenant == "" {
					tenant = c.Tenant
				}
				return st.Tenant(tenant).RevokeAPIKey(cmd.Context(), args[0])
			})
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&tenant, "tenant", "", "`tenant` whose key (default: that of the configuration)")
	return cmd
}
