package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
)

// The words of the consent ledger.
var (
	consentChannels = []string{"call", "web", "paper"}
	consentPurposes = []string{identity.PurposeVerify, "identify", "watchlist", "analytics"}
)

func (a *app) consentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "consent",
		Short: "Keep the ledger of consents: give, list, withdraw",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.consentGiveCommand(), a.consentListCommand(), a.consentWithdrawCommand())
	return cmd
}

func (a *app) consentGiveCommand() *cobra.Command {
	f, c, expires := databaseFlags{}, store.Consent{}, ""
	cmd := &cobra.Command{
		Use:   "give --speaker ID --ref REF",
		Short: "Write a person's consent into the ledger",
		Long: `Write a person's consent into the ledger: what for, to which version of the text, how it was given, until when. A voiceprint needs one
for the purpose verify, what calls say of how the voice sounds (earlier_calls of the policy) one for analytics; where the law asks for a
release (Illinois, Texas) one given on paper or by web.`,
		Example: "  timbre consent give --speaker c-1001 --ref crm-77 --text-version 2026-03 --channel web",
		Args:    wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case c.SpeakerID == "":
				return usagef(cmd, "give: --speaker: not given, want your ID of the person")
			case c.Ref == "":
				return usagef(cmd, "give: --ref: not given, want your reference of the consent")
			case !slices.Contains(consentPurposes, c.Purpose):
				return usagef(cmd, "give: --purpose: %q, want one of %s", c.Purpose, strings.Join(consentPurposes, ", "))
			case c.Channel != "" && !slices.Contains(consentChannels, c.Channel):
				return usagef(cmd, "give: --channel: %q, want one of %s", c.Channel, strings.Join(consentChannels, ", "))
			}
			if expires != "" {
				var err error
				if c.ExpiresAt, err = time.Parse(time.DateOnly, expires); err != nil {
					return usagef(cmd, "give: --expires: %q, want a day as 2027-01-31", expires)
				}
			}
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, r *identity.Registry) error {
				// A jurisdiction that is none would refuse every comparison with the person later.
				if _, err := p.site.Resolve(policy.Call{Tenant: p.rows.ID(), Jurisdiction: c.Jurisdiction}); err != nil {
					return fmt.Errorf("--jurisdiction: %w", err)
				}
				given, err := r.GiveConsent(ctx, p.by, c)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.con.outWriter(), "%s: consent %s for %s is in the ledger, %s\n", plain(c.SpeakerID), plain(given.Ref), given.Purpose, given.ID)
				return err
			})
		},
	}
	f.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&c.SpeakerID, "speaker", "", "your `ID` of the person")
	fs.StringVar(&c.Ref, "ref", "", "your `REF` of the consent")
	fs.StringVar(&c.Purpose, "purpose", identity.PurposeVerify, "what for: `"+strings.Join(consentPurposes, "|")+"`")
	fs.StringVar(&c.TextVersion, "text-version", "", "`VERSION` of the text that the person agreed to")
	fs.StringVar(&c.Channel, "channel", "", "how it was given: `call|web|paper`")
	fs.StringVar(&c.InteractionID, "interaction", "", "`ID` of the call in which it was given")
	fs.StringVar(&c.Jurisdiction, "jurisdiction", "", "whose law it was given under, `CODE` as DE or US-IL")
	fs.StringVar(&expires, "expires", "", "last `DAY` on which it holds no more, as 2027-01-31 (default: until it is withdrawn)")
	return cmd
}

// keptConsent is one entry of the ledger, as JSON.
type keptConsent struct {
	ID            string     `json:"id"`
	Speaker       string     `json:"speaker"`
	Ref           string     `json:"ref"`
	Purpose       string     `json:"purpose"`
	TextVersion   string     `json:"text_version,omitempty"`
	Channel       string     `json:"channel,omitempty"`
	InteractionID string     `json:"interaction_id,omitempty"`
	Jurisdiction  string     `json:"jurisdiction,omitempty"`
	GivenAt       time.Time  `json:"given_at"`
	ExpiresAt     *time.Time `json:"expires_at"`
	WithdrawnAt   *time.Time `json:"withdrawn_at"`
}

func (a *app) consentListCommand() *cobra.Command {
	f, speaker, asJSON := databaseFlags{}, "", false
	cmd := &cobra.Command{
		Use:   "list --speaker ID",
		Short: "List a person's consents, the oldest first",
		Args:  wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if speaker == "" {
				return usagef(cmd, "list: --speaker: not given, want your ID of the person")
			}
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, _ *identity.Registry) error {
				rows, err := p.rows.Consents(ctx, speaker)
				if err != nil {
					return err
				}
				w := a.con.outWriter()
				for _, c := range rows {
					if asJSON {
						err = printJSON(w, keptConsent{c.ID, c.SpeakerID, c.Ref, c.Purpose, c.TextVersion, c.Channel, c.InteractionID, c.Jurisdiction, c.GivenAt, when(c.ExpiresAt), when(c.WithdrawnAt)})
					} else {
						_, err = fmt.Fprintf(w, "%s for %s, text %s, by %s, given %s, expires %s, withdrawn %s\n", plain(c.Ref), plain(c.Purpose), dash(c.TextVersion), dash(c.Channel),
							day(&c.GivenAt), day(when(c.ExpiresAt)), day(when(c.WithdrawnAt)))
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
	cmd.Flags().StringVar(&speaker, "speaker", "", "your `ID` of the person")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per consent")
	return cmd
}

// dash is "-" for a text that is not there.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return plain(s)
}

func (a *app) consentWithdrawCommand() *cobra.Command {
	f, speaker, purpose := databaseFlags{}, "", ""
	cmd := &cobra.Command{
		Use:   "withdraw --speaker ID",
		Short: "Withdraw a person's consents",
		Long: `Withdraw a person's consents, for one purpose or all. From then on the person is not compared with; 'timbre speakers delete' destroys the
prints, and so does the next sweep; what a consent to analytics covered is destroyed at once.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case speaker == "":
				return usagef(cmd, "withdraw: --speaker: not given, want your ID of the person")
			case purpose != "" && !slices.Contains(consentPurposes, purpose):
				return usagef(cmd, "withdraw: --purpose: %q, want one of %s", purpose, strings.Join(consentPurposes, ", "))
			}
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, _ *identity.Registry) error {
				n, err := p.decider().WithdrawConsent(ctx, p.by, speaker, purpose)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.con.outWriter(), "%s: withdrawn %s\n", plain(speaker), count(int(n), "consent"))
				return err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&speaker, "speaker", "", "your `ID` of the person")
	cmd.Flags().StringVar(&purpose, "purpose", "", "for one `purpose` alone (default: all)")
	return cmd
}
