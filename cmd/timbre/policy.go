package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server"
	"github.com/timbre-voice/timbre/server/policy"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Say what may be computed on a call and kept of it",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.policyExplainCommand())
	return cmd
}

// explained is a policy in words, as JSON.
type explained struct {
	Policy       string        `json:"policy"`
	Jurisdiction string        `json:"jurisdiction"`
	Lines        []policy.Line `json:"lines"`
}

func (a *app) policyExplainCommand() *cobra.Command {
	config, asJSON := "", false
	var call policy.Call
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Print the policy for a tenant, a site and a jurisdiction, with what decided each line",
		Long: `Read the policy of the configuration file that 'timbre serve' takes, or the default, and print in words what it comes to for a
call: what is computed, kept, searched for and shown, and whether the default, an override of the file or a law decided it. A
policy that contradicts itself, or the law of a jurisdiction that it names, is refused with the reason.`,
		Example: `  timbre policy explain
  timbre policy explain --config timbre.yaml --tenant acme --site berlin --jurisdiction DE`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := policy.Default()
			if config != "" {
				text, err := readConfig(config)
				if err != nil {
					return err
				}
				whole, err := server.ParseConfig(text, os.LookupEnv)
				if err != nil {
					return fmt.Errorf("%s: %w", config, err)
				}
				c = whole.Policy
			}
			if err := c.Validate(); err != nil {
				return err
			}
			r, err := c.Resolve(call)
			if err != nil {
				return err
			}
			w := a.con.outWriter()
			if asJSON {
				return printJSON(w, explained{r.Permit.Policy, r.Permit.Jurisdiction, r.Lines()})
			}
			_, err = io.WriteString(w, r.Text())
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&config, "config", "", "read the policy of this configuration `FILE`")
	fs.StringVar(&call.Tenant, "tenant", "", "the call's tenant, `ID`")
	fs.StringVar(&call.Site, "site", "", "the call's site, `NAME`: the policy that its endpoint names")
	fs.StringVar(&call.Jurisdiction, "jurisdiction", "", "where the call is, `CODE` as DE, US-IL or EU; by default as the policy says")
	fs.StringVar(&call.Queue, "queue", "", "the call's queue, `NAME`")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
