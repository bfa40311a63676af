package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/models"
)

func (a *app) modelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List the models in this binary, show one, check them or your own",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.modelsListCommand(), a.modelsInfoCommand(), a.modelsVerifyCommand())
	return cmd
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (a *app) modelsListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the models, with task, size and licence class",
		Long:  "List the models in this binary. With --json one manifest per line.",
		Args:  wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			list, err := models.List()
			if !asJSON && len(list) > 0 {
				if _, err := fmt.Fprintf(w, "%-16s %-8s %-8s %9s %9s %8s  %s\n", "name", "task", "version", "params", "bytes", "Hz", "licence class"); err != nil {
					return err
				}
			}
			for _, m := range list {
				if asJSON {
					if err := printJSON(w, m); err != nil {
						return err
					}
					continue
				}
				_, err := fmt.Fprintf(w, "%-16s %-8s %-8s %9d %9d %8d  %s\n", m.Name, m.Task, m.Version, m.Params, m.WeightsBytes, m.SampleRateHz, m.LicenceClass)
				if err != nil {
					return err
				}
			}
			return err // of the artefacts that could not be read
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one manifest per line")
	return cmd
}

func (a *app) modelsInfoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "info NAME|DIR",
		Short:   "Show what a model is, what it was trained on, and its card",
		Example: "  timbre models info " + vadModel + "\n  timbre models info ./emotion-mlp-v3",
		Args:    wantArgs(1, 1, "the name or the folder of one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := loadArtefact(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					models.Manifest
					Card string `json:"card"`
				}{m.Manifest, m.Card})
			}
			_, err = io.WriteString(cmd.OutOrStdout(), manifestText(m.Manifest)+"\n"+strings.TrimSpace(m.Card)+"\n")
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the manifest and the card as one JSON object")
	return cmd
}

// unknownModel adds the names that would do to an error of a name that does not.
func unknownModel(err error) error {
	list, _ := models.List() // a broken neighbour is no reason to hide the others
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	if !errors.Is(err, models.ErrNotFound) || len(names) == 0 {
		return err
	}
	return fmt.Errorf("%w, want one of %s", err, strings.Join(names, ", "))
}

func manifestText(m models.Manifest) string {
	var b strings.Builder
	field := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	field("name", "%s", m.Name)
	field("version", "%s (%s)", m.Version, m.Created)
	field("summary", "%s", m.Summary)
	field("task", "%s, %s", m.Task, m.Arch)
	field("input", "%d Hz, %d values a frame: %s", m.SampleRateHz, m.InputDims, m.Features)
	field("output", "%d values %s", m.OutputDims, strings.Join(m.Classes, ", "))
	field("weights", "%d values as %s, %d bytes", m.Params, m.WeightsType, m.WeightsBytes)
	field("sha256", "%s", m.SHA256)
	field("licence", "%s (%s)", m.Licence, m.LicenceClass)
	for _, d := range m.TrainingData {
		field("trained on", "%s, %s: %s", d.Name, d.Licence, d.What)
	}
	field("recipe", "%s", m.Recipe)
	return b.String()
}

func (a *app) modelsVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [NAME|DIR...]",
		Short: "Check the weights of the models against their checksums",
		Long:  "Check every model, or those named, against the checksum and size of its manifest. The exit status is 1 where one differs.",
		Args:  wantArgs(0, -1, "names or folders of models"),
		RunE: func(cmd *cobra.Command, names []string) error {
			var errs []error
			if len(names) == 0 {
				list, err := models.List()
				errs = append(errs, err)
				for _, m := range list {
					names = append(names, m.Name)
				}
			}
			for _, name := range names {
				if _, err := loadArtefact(name); err != nil {
					errs = append(errs, err)
					continue
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: intact\n", name); err != nil {
					return err
				}
			}
			return errors.Join(errs...)
		},
	}
}
