package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/store"
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
		func(ctx context.Context, p *prints, r *identity.Registry, id string) (string, error) {
			receipt, err := r.OptOut(ctx, p.by, id, source)
			if errors.Is(err, store.ErrUnavailable) && receipt != nil { // the rows are gone, another process holds the file
				err = p.db.Scrub(ctx)
			}
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
			func(ctx context.Context, p *prints, r *identity.Registry, id string) (string, error) {
				return "in force", (&people.Desk{Registry: r, Policy: p.policy}).Approve(ctx, p.by, id)
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

// waitingPrint is a voiceprint that waits for approval, as JSON.
type waitingPrint struct {
	ID          string    `json:"voiceprint_id"`
	Speaker     string    `json:"speaker"`
	Model       modelJSON `json:"model"`
	NetSpeechMs int64     `json:"net_speech_ms"`
	Sources     int       `json:"sources"`
	ConsentRef  string    `json:"consent_ref"`
	MadeAt      time.Time `json:"made_at"`
}

func (a *app) speakersPendingCommand() *cobra.Command {
	f, asJSON := databaseFlags{}, false
	cmd := &cobra.Command{
		Use:   "pending",
		Short: "List the voiceprints that wait for approval",
		Long: `List the voiceprints that wait for a person: those that were made of calls, and those whose voice seems to be known as somebody
else's. Put one in force with 'timbre speakers approve', or remove it with 'timbre speakers reject'. With --json one per line.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, _ *identity.Registry) error {
				w := a.con.outWriter()
				for page := (store.Page{Limit: store.MaxLimit}); ; {
					list, err := p.rows.PendingVoiceprints(ctx, page)
					if err != nil {
						return err
					}
					for _, v := range list.Items {
						if asJSON {
							err = printJSON(w, waitingPrint{v.ID, v.SpeakerID, modelJSON{v.Model, v.ModelVersion, v.ModelSHA256}, v.NetSpeechMs, v.Sources, v.ConsentRef, v.UpdatedAt})
						} else {
							_, err = fmt.Fprintf(w, "%s  %s, %.1f s of speech from %s, %s\n", v.ID, plain(v.SpeakerID), seconds(v.NetSpeechMs), count(v.Sources, "recording"), day(&v.UpdatedAt))
						}
						if err != nil {
							return err
						}
					}
					if list.Next == "" {
						return nil
					}
					page.After = list.Next
				}
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per voiceprint")
	return cmd
}

func (a *app) speakersSweepCommand() *cobra.Command {
	f := databaseFlags{}
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Delete the speakers whose time is over, as a running server does once a day",
		Long: `Delete the speakers whose print was not compared with for as many months as the policy of their jurisdiction says, those without
a consent in force who are on no watchlist, and the voiceprints that nobody approved in time. What is under a legal hold stays.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, r *identity.Registry) error {
				n, err := (&people.Desk{Registry: r, Policy: p.policy}).Sweep(ctx, p.by)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.con.outWriter(), "deleted: %s, %s that nobody approved; held: %d\n", count(n.Deleted, "speaker"), count(n.Pending, "voiceprint"), n.Held)
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}
