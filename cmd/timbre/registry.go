package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server/identity"
)

// registryCommands are what a person decides about the enrolled, one step each, written into the audit log.
func (a *app) registryCommands() []*cobra.Command {
	reason, source := "", ""
	hold := a.registryCommand("hold ID", "Forbid to delete a speaker until the hold is released", "the id of one speaker",
		func(ctx context.Context, p *prints, r *identity.Registry, id string) (string, error) {
			if reason == "" {
				return "", errors.New("speakers hold: --reason: not given, want why the speaker is held")
			}
			h, err := r.Hold(ctx, p.by, id, reason)
			return "held, hold " + h.ID, err
		})
	hold.Flags().StringVar(&reason, "reason", "", "`why` the speaker is held, for who is refused a deletion; required")
	optOut := a.registryCommand("opt-out ID", "Never know a person by voice, enrolled or not, and delete what is kept of the voice", "the id of one person",
		func(ctx context.Context, p *prints, _ *identity.Registry, id string) (string, error) {
			receipt, err := p.decider().OptOut(ctx, p.by, id, source)
			if receipt == nil {
				return "opted out, nothing was kept", err
			}
			return fmt.Sprintf("opted out, deleted with audit entry %d", receipt.AuditSeq), err
		})
	optOut.Flags().StringVar(&source, "source", "", "`where` the wish came from: call, web, letter")
	return []*cobra.Command{
		optOut, hold,
		a.registryCommand("opt-in ID", "Take an opt-out back, at the person's own wish", "the id of one person",
			func(ctx context.Context, p *prints, r *identity.Registry, id string) (string, error) {
				return "may be enrolled again", r.OptIn(ctx, p.by, id)
			}),
		a.registryCommand("unlock ID", "Open the voice factor of a speaker that failed attempts have locked", "the id of one speaker",
			func(ctx context.Context, p *prints, r *identity.Registry, id string) (string, error) {
				return "unlocked", r.Unlock(ctx, p.by, id)
			}),
		a.registryCommand("approve VOICEPRINT", "Put a voiceprint in force that waits for approval", "the id of one voiceprint",
			func(ctx context.Context, p *prints, _ *identity.Registry, id string) (string, error) {
				return "in force", p.decider().Approve(ctx, p.by, id)
			}),
		a.registryCommand("reject VOICEPRINT", "Remove a voiceprint that waits for approval", "the id of one voiceprint",
			func(ctx context.Context, p *prints, r *identity.Registry, id string) (string, error) {
				return "removed", r.Reject(ctx, p.by, id)
			}),
		a.registryCommand("release HOLD", "End a legal hold", "the id of one hold",
			func(ctx context.Context, p *prints, r *identity.Registry, id string) (string, error) {
				return "released", r.Release(ctx, p.by, id)
			}),
		a.rotateCommand(),
	}
}

// registryCommand is a command that takes one id and prints what was done to it.
func (a *app) registryCommand(use, short, want string, do func(context.Context, *prints, *identity.Registry, string) (string, error)) *cobra.Command {
	f := databaseFlags{}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  wantArgs(1, 1, want),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, r *identity.Registry) error {
				done, err := do(ctx, p, r, args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.con.outWriter(), "%s: %s\n", plain(args[0]), done)
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}

// withRegistry opens the database and the keys.
func (a *app) withRegistry(cmd *cobra.Command, f databaseFlags, do func(context.Context, *prints, *identity.Registry) error) (err error) {
	ctx := cmd.Context()
	p, err := openPrints(ctx, f, mayCreate) // who opts out may be the first of whom anything is known
	if err != nil {
		return err
	}
	defer p.close(&err)
	return do(ctx, p, p.registry)
}

func (a *app) rotateCommand() *cobra.Command {
	f := databaseFlags{}
	cmd := &cobra.Command{
		Use:   "rotate-key",
		Short: "Give the tenant a new key, wrap every speaker's key anew and destroy the old one",
		Long: `Give the tenant a new key, wrap every speaker's key anew with it and destroy the earlier ones, so that a stolen copy of the key file
opens nothing any more that it could not open already. Stop the server first: it holds the keys that it read. A rotation that was
cut short is finished by running the command again.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, r *identity.Registry) error {
				n, err := r.Rotate(ctx, p.by, p.keys)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.con.outWriter(), "wrapped anew: %s\n", count(n, "key"))
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}
