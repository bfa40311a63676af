package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
)

// The exit statuses, a contract with scripts.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command line that cannot be carried out as written.
type usageError struct {
	command string // whose -h helps
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef returns a usageError of cmd.
func usagef(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd.CommandPath(), fmt.Errorf(format, args...)}
}

// app is what the commands of one run share.
type app struct {
	con     *console
	log     *slog.Logger
	verbose bool
}

// run carries out the command line args and returns the exit status. It reads no signal: ctx is cancelled from outside.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{con: newConsole(stdout, stderr)}
	a.log = slog.New(slog.NewTextHandler(a.con.errWriter(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	root := a.rootCommand()
	root.SetArgs(append([]string{}, args...)) // never nil, for which cobra takes those of the process
	root.SetOut(a.con.outWriter())
	root.SetErr(a.con.errWriter())
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.con.outErr()
	}
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(a.con.errWriter(), "timbre: %s\nRun '%s -h' for usage.\n", oneLine(err), usage.command)
		return exitUsage
	}
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = plain(lines[i]) // a file's name may hold anything
	}
	fmt.Fprintf(a.con.errWriter(), "timbre: %s\n", strings.Join(lines, "\n"))
	return exitFailed
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "timbre",
		Short: "Speech and voice analytics of contact-center calls",
		Long: `Timbre listens to recorded calls, measures the conversation of both sides and writes an interaction record.

Exit status: 0 done, 1 failed, 2 the command line was wrong.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          needsCommand,
		PersistentPreRun: func(*cobra.Command, []string) {
			if a.verbose {
				a.log = slog.New(slog.NewTextHandler(a.con.errWriter(), &slog.HandlerOptions{Level: slog.LevelInfo}))
			}
		},
	}
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log every step to standard error")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), err} })
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(a.analyzeCommand(), a.featuresCommand(), a.modelsCommand(), a.enrollCommand(), a.verifyCommand(), a.identifyCommand(),
		a.speakersCommand(), a.consentCommand(), a.watchlistCommand(), a.auditCommand(), a.evalCommand(), a.calibrateCommand(), a.serveCommand(), a.streamCommand(), a.policyCommand(), a.versionCommand())
	return root
}

// noSuchCommand is the Args of a command that only holds other commands.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", near[0])
	}
	return usagef(cmd, "unknown command %q, want one of %s%s", args[0], commandNames(cmd), hint)
}

// needsCommand is the RunE of a command that only holds other commands.
func needsCommand(cmd *cobra.Command, _ []string) error {
	return usagef(cmd, "no command given, want one of %s", commandNames(cmd))
}

func commandNames(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return strings.Join(names, ", ")
}

// wantArgs returns an Args that asks for at least lo and at most hi arguments (hi < 0: no limit), named in the message.
func wantArgs(lo, hi int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < lo:
			return usagef(cmd, "%s: %d arguments, want %s", cmd.Name(), len(args), what)
		case hi >= 0 && len(args) > hi:
			return usagef(cmd, "%s: unexpected argument %q, want %s", cmd.Name(), args[hi], what)
		}
		return nil
	}
}
