package main

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Check the audit log",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.auditVerifyCommand())
	return cmd
}

// auditHead is where the log ends. Kept elsewhere, it shows later whether the end was cut off.
type auditHead struct {
	Intact bool       `json:"intact"`
	Seq    int64      `json:"seq"`
	Hash   string     `json:"hash"`
	At     *time.Time `json:"at"`
}

func (a *app) auditVerifyCommand() *cobra.Command {
	f := databaseFlags{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that no entry of the audit log was changed, removed or put in",
		Long: `Check the chain of hashes over the whole audit log and print its head. The exit status is 1 where an entry was changed, removed or
put in. Keep the head elsewhere: whether the end of the log was cut off shows only against it.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			p, err := openPrints(ctx, f, anyKeys)
			if err != nil {
				return err
			}
			defer p.close(&err)
			head, err := p.rows.VerifyAudit(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", p.path, err)
			}
			w := a.con.outWriter()
			if asJSON {
				return printJSON(w, auditHead{true, head.Seq, hex.EncodeToString(head.Hash), when(head.At)})
			}
			_, err = fmt.Fprintf(w, "intact: %d entries, head %x\n", head.Seq, head.Hash)
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
