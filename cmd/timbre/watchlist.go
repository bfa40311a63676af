package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/store"
)

func (a *app) watchlistCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watchlist",
		Short: "Keep the watchlists: make them, propose, approve and remove entries",
		Long: `A watchlist is searched for a voice beside what the caller claims; a hit is a lead for a person, never a refusal. A list has a
purpose, a legal basis, a retention and an approver. An entry is searched once the approver, who must not be who proposed it,
approved it, and until its retention ends.`,
		Args: noSuchCommand,
		RunE: needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.watchlistSaveCommand(), a.watchlistListCommand(), a.watchlistShowCommand(), a.watchlistAddCommand(), a.watchlistApproveCommand(),
		a.watchlistStep("remove LIST ID", "Take a person off a list; the print stays", 2, "a list and the id of a person",
			func(ctx context.Context, p *prints, r *identity.Registry, args []string) (string, error) {
				return "off the list " + plain(args[0]), r.RemoveFromWatchlist(ctx, p.by, args[0], args[1])
			}),
		a.watchlistStep("delete LIST", "Delete a list with its entries; the persons stay", 1, "one list",
			func(ctx context.Context, p *prints, r *identity.Registry, args []string) (string, error) {
				return "deleted", r.DeleteWatchlist(ctx, p.by, args[0])
			}))
	return cmd
}

// watchlistStep is a command that prints what was done to the last of its arguments.
func (a *app) watchlistStep(use, short string, n int, want string, do func(context.Context, *prints, *identity.Registry, []string) (string, error)) *cobra.Command {
	f := databaseFlags{}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  wantArgs(n, n, want),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, r *identity.Registry) error {
				done, err := do(ctx, p, r, args)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.con.outWriter(), "%s: %s\n", plain(args[n-1]), done)
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) watchlistSaveCommand() *cobra.Command {
	w := store.Watchlist{}
	cmd := a.watchlistStep("save LIST", "Make a list, or change what one is for", 1, "one list",
		func(ctx context.Context, p *prints, r *identity.Registry, args []string) (string, error) {
			w.Name = args[0]
			return "saved", (&people.Desk{Registry: r, Policy: p.site}).SaveWatchlist(ctx, p.by, w)
		})
	cmd.Example = "  timbre watchlist save fraud --purpose 'callers who took over accounts' --legal-basis 'GDPR Art. 9(2)(g)' --retention-days 365 --approver fraud-lead"
	fs := cmd.Flags()
	fs.StringVar(&w.Purpose, "purpose", "", "what the list is for, in `words`; required")
	fs.StringVar(&w.LegalBasis, "legal-basis", "", "what `law` permits it; required")
	fs.IntVar(&w.RetentionDays, "retention-days", 0, "`days` that an entry stays; required")
	fs.StringVar(&w.Approver, "approver", "", "`NAME` of who approves entries; required")
	hideDefault(fs, "retention-days")
	return cmd
}

func (a *app) watchlistAddCommand() *cobra.Command {
	why := ""
	cmd := a.watchlistStep("add LIST ID", "Propose a person, who has a print, for a list", 2, "a list and the id of a person",
		func(ctx context.Context, p *prints, r *identity.Registry, args []string) (string, error) {
			e, err := r.AddToWatchlist(ctx, p.by, store.WatchlistEntry{Watchlist: args[0], SpeakerID: args[1], Reason: why, AddedBy: p.who})
			return fmt.Sprintf("proposed for %s, waits for approval, expires %s", plain(args[0]), day(when(e.ExpiresAt))), err
		})
	cmd.Flags().StringVar(&why, "reason", "", "`why` the person is on the list; required")
	wanted(cmd, "by", "reason")
	return cmd
}

func (a *app) watchlistApproveCommand() *cobra.Command {
	cmd := a.watchlistStep("approve LIST ID", "Approve an entry as the list's approver, from when on it is searched", 2, "a list and the id of a person",
		func(ctx context.Context, p *prints, r *identity.Registry, args []string) (string, error) {
			return "approved, is searched under " + plain(args[0]), r.ApproveEntry(ctx, p.by, p.who, args[0], args[1])
		})
	wanted(cmd, "by")
	return cmd
}

// wanted refuses a command without these flags.
func wanted(cmd *cobra.Command, flags ...string) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := required(cmd, flags...); err != nil {
			return err
		}
		return run(cmd, args)
	}
}

// keptWatchlist is a list, as JSON.
type keptWatchlist struct {
	Name          string `json:"name"`
	Purpose       string `json:"purpose"`
	LegalBasis    string `json:"legal_basis"`
	RetentionDays int    `json:"retention_days"`
	Approver      string `json:"approver"`
}

func (a *app) watchlistListCommand() *cobra.Command {
	f, asJSON := databaseFlags{}, false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the watchlists",
		Args:  wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, _ *identity.Registry) error {
				lists, err := p.rows.Watchlists(ctx)
				if err != nil {
					return err
				}
				out := a.con.outWriter()
				for _, w := range lists {
					if asJSON {
						err = printJSON(out, keptWatchlist{w.Name, w.Purpose, w.LegalBasis, w.RetentionDays, w.Approver})
					} else {
						_, err = fmt.Fprintf(out, "%s: %s; %s; entries stay %d days, approved by %s\n", plain(w.Name), plain(w.Purpose), plain(w.LegalBasis), w.RetentionDays, plain(w.Approver))
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per list")
	return cmd
}

func (a *app) watchlistShowCommand() *cobra.Command {
	f := databaseFlags{}
	cmd := &cobra.Command{
		Use:   "show LIST",
		Short: "List the persons on a watchlist",
		Args:  wantArgs(1, 1, "one list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, r *identity.Registry) error {
				if _, err := r.Watchlist(ctx, args[0]); err != nil {
					return err
				}
				for e, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.WatchlistEntry], error) {
					return p.rows.WatchlistEntries(ctx, args[0], page)
				}) {
					if err != nil {
						return err
					}
					approved := "waits for approval"
					if e.ApprovedBy != "" {
						approved = "approved by " + plain(e.ApprovedBy)
					}
					if _, err := fmt.Fprintf(a.con.outWriter(), "%s: %s, added by %s on %s, %s, expires %s\n", plain(e.SpeakerID), plain(e.Reason), plain(e.AddedBy), day(&e.AddedAt),
						approved, day(&e.ExpiresAt)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}
