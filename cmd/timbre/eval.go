package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/internal/degrade"
)

func (a *app) evalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure the models on labelled recordings",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.evalVerificationCommand(), a.evalIdentificationCommand())
	return cmd
}

// conditionFlags are the flags of every evaluation: what is done to the recordings before a model hears them.
type conditionFlags struct {
	audio       string // folder that the paths of the lists are relative to
	testSeconds float64
	degrade     string
	json        bool
}

func (f *conditionFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.audio, "audio", ".", "`DIR` that the paths in the lists are relative to")
	fs.Float64Var(&f.testSeconds, "test-seconds", 0, "take the first `N` seconds of speech of each test only (default: all)")
	fs.StringVar(&f.degrade, "degrade", string(degrade.None), "put every recording through a `line`: "+strings.Join(degrade.Lines(), ", "))
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
}

// check reports flags that make no sense and returns the line.
func (f *conditionFlags) check(cmd *cobra.Command) (degrade.Line, error) {
	if cmd.Flags().Changed("test-seconds") && !(f.testSeconds > 0 && f.testSeconds <= 3600) {
		return "", usagef(cmd, "%s: --test-seconds: %g, want above 0, at most 3600", evalName(cmd), f.testSeconds)
	}
	return parseLine(cmd, "degrade", f.degrade)
}

func parseLine(cmd *cobra.Command, flag, name string) (degrade.Line, error) {
	line, err := degrade.Parse(name)
	if err != nil {
		return "", usagef(cmd, "%s: --%s: %q, want one of %s", evalName(cmd), flag, name, strings.Join(degrade.Lines(), ", "))
	}
	return line, nil
}

// evalName is what a message calls a command of two words: "eval verification".
func evalName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), "timbre ")
}

// required fails where a flag that has no default was not given.
func required(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f.Value.String() == "" {
			return usagef(cmd, "%s: --%s: not given, want a %s", evalName(cmd), name, placeholder(f.Usage))
		}
	}
	return nil
}

// placeholder returns the word that a flag's usage marks for its value.
func placeholder(usage string) string {
	if _, rest, ok := strings.Cut(usage, "`"); ok {
		if word, _, ok := strings.Cut(rest, "`"); ok {
			return word
		}
	}
	return "value"
}

// failedSide is one side of a trial that gave no embedding, and why.
type failedSide struct {
	Side   string `json:"side"` // enrol or test
	Files  string `json:"files"`
	Reason string `json:"reason"`
}

// maxFailures is how many failures are named in an output.
const maxFailures = 50

// writeFailures names the first failures for a reader.
func writeFailures(failed []failedSide) string {
	if len(failed) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s gave no embedding:\n", count(len(failed), "side"))
	for i, f := range failed {
		if i == maxFailures {
			fmt.Fprintf(&b, "  and %d more\n", len(failed)-i)
			break
		}
		fmt.Fprintf(&b, "  %s: %s\n", f.Side, plain(f.Reason))
	}
	return b.String()
}
