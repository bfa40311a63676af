package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/csat"
	permit "github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/policy"
)

// analyzeFlags are the flags of timbre analyze.
type analyzeFlags struct {
	roles           analysis.Roles
	agent, customer string
	language        string
	json            bool
	out             string // folder; empty: none
	workers         int
	summary         bool
	width           int
	ascii           bool
	store           databaseFlags // db empty: nothing is kept
	jurisdiction    string
	csat            string // file of a calibration; empty: none
	emotionModel    string
}

func (a *app) analyzeCommand() *cobra.Command {
	f := analyzeFlags{}
	cmd := &cobra.Command{
		Use:   "analyze FILE|DIR...",
		Short: "Analyse recordings and print a report of each",
		Long: `Analyse recordings: who spoke when, how, and what else was heard.

Without --json each recording gets a report for a reviewer, and several recordings a table at the end. A folder is
searched recursively for files that end in ` + strings.Join(audioExtensions(), " ") + `; hidden files and links to
folders are passed over. A file named here is tried whatever its name. A recording that cannot be analysed does not stop
the rest: it is named at the end, and the exit status is 1.

A two-channel recording is taken as channel 0 = agent, 1 = customer unless told otherwise, and the report says so. A
mono recording has sides that are not told apart, unless --customer-channel 0 (or --agent-channel 0) says that one
person alone is on it.`,
		Example: `  timbre analyze call.wav
  timbre analyze --json calls/ > records.jsonl
  timbre analyze -o timelines calls/*.wav
  timbre analyze --agent-channel 1 --agent a-17 call.wav`,
		Args: wantArgs(1, -1, "files or folders to analyse"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.analyze(cmd.Context(), f, args)
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&f.roles.Agent, "agent-channel", -1, "number of the agent's `channel`, from 0")
	fs.IntVar(&f.roles.Customer, "customer-channel", -1, "number of the customer's `channel`, from 0")
	fs.StringVar(&f.agent, "agent", "", "your `ID` of the agent, for the record")
	fs.StringVar(&f.customer, "customer", "", "your `ID` of the customer, for the record")
	fs.StringVar(&f.language, "language", "", "BCP 47 `tag` of the language spoken, as en-GB, for the record")
	fs.StringVar(&f.csat, "csat", "", "`FILE` of timbre calibrate csat, to predict the answer to a survey")
	fs.StringVar(&f.emotionModel, "emotion-model", analysis.DefaultEmotionModel, "`NAME` of a shipped emotion model, or the folder of another one")
	fs.BoolVar(&f.json, "json", false, "print one interaction record per line")
	fs.StringVarP(&f.out, "output", "o", "", "also write a JSON record and an SVG timeline per call into `DIR`")
	fs.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "`number` of recordings analysed at a time; one where each is heard against the customer's calls before it")
	fs.BoolVar(&f.summary, "summary", false, "of several recordings, print the table alone")
	fs.IntVar(&f.width, "width", 0, "`columns` of the report, 60 to 250 (default: the terminal's, else 80)")
	fs.BoolVar(&f.ascii, "ascii", false, "draw the report with ASCII characters alone")
	fs.StringVar(&f.store.db, "db", "", "keep the records in the database at `PATH`, and hold --customer against the print in it")
	fs.StringVar(&f.store.keyFile, "key-file", "", "with --db: `PATH` of the tenant keys (default: keys.json in the user's configuration folder)")
	fs.StringVar(&f.store.config, "config", "", "analyse under the policy of this configuration `FILE` (default: the policy where nobody configured one)")
	fs.StringVar(&f.jurisdiction, "jurisdiction", "", "where the calls were, `CODE` as DE, US-IL or EU (default: as the policy says)")
	hideDefault(fs, "agent-channel", "customer-channel")
	return cmd
}

// hideDefault keeps the help from telling the number that stands for "not given".
func hideDefault(fs *pflag.FlagSet, names ...string) {
	for _, name := range names {
		fs.Lookup(name).DefValue = "0"
	}
}

// languageTag is the shape of a BCP 47 tag (RFC 5646 section 2.1): subtags of one to eight letters and digits.
var languageTag = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$`)

// check reports flags that contradict each other or make no sense.
func (f *analyzeFlags) check(cmd *cobra.Command) error {
	for _, c := range []struct {
		flag string
		n    int
	}{{"agent-channel", f.roles.Agent}, {"customer-channel", f.roles.Customer}} {
		if cmd.Flags().Changed(c.flag) && c.n < 0 {
			return usagef(cmd, "analyze: --%s: %d, want 0 or more", c.flag, c.n)
		}
	}
	switch {
	case f.roles.Agent >= 0 && f.roles.Agent == f.roles.Customer:
		return usagef(cmd, "analyze: --agent-channel and --customer-channel: both %d, want two channels", f.roles.Agent)
	case f.workers < 1:
		return usagef(cmd, "analyze: --workers: %d, want 1 or more", f.workers)
	case cmd.Flags().Changed("width") && (f.width < 60 || f.width > 250):
		return usagef(cmd, "analyze: --width: %d columns, want 60 to 250", f.width)
	case f.language != "" && !languageTag.MatchString(f.language):
		return usagef(cmd, "analyze: --language: %q, want a BCP 47 tag such as en-GB", f.language)
	case cmd.Flags().Changed("db") && f.store.db == "":
		return usagef(cmd, "analyze: --db: empty, want a path")
	case f.store.keyFile != "" && f.store.db == "":
		return usagef(cmd, "analyze: --key-file without --db, want both")
	case f.json && f.summary:
		return usagef(cmd, "analyze: --json and --summary: both given, want one")
	case cmd.Flags().Changed("output") && f.out == "":
		return usagef(cmd, "analyze: --output: empty, want a folder")
	}
	return nil
}

// analysed is what became of one recording.
type analysed struct {
	record *interaction.Interaction // nil where err is not, except when only an output failed
	err    error
}

// analyze carries out the command. What fails is named in the returned error; everything else was printed and written.
func (a *app) analyze(ctx context.Context, f analyzeFlags, args []string) (err error) {
	emotion, err := loadArtefact(f.emotionModel)
	if err != nil {
		return fmt.Errorf("analyze: --emotion-model: %w", err)
	}
	engine, err := analysis.NewEngine(emotion)
	if err != nil {
		return fmt.Errorf("analyze: --emotion-model: %w", err)
	}
	calibration, err := loadCSAT(f.csat)
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := os.MkdirAll(f.out, 0o755); err != nil {
			return fmt.Errorf("%s: %w, want a folder to write into", f.out, reason(err))
		}
	}
	call, err := f.resolve()
	if err != nil {
		return err
	}
	var db *archive
	if f.store.db != "" {
		if db, err = openArchive(ctx, f.store, engine); err != nil {
			return err
		}
		defer db.close(&err)
	}
	files := findRecordings(ctx, args, a.log)
	var paths []string
	var bytes int64
	for _, r := range files {
		paths = append(paths, r.path)
		bytes += r.size
	}
	names := outputNames(paths)
	bar := newProgress(a.con, "analysing", len(files), bytes)
	work := func(ctx context.Context, i int) analysed {
		v := a.analyzeOne(ctx, f, call.Permit, engine, calibration, db, files[i], names[i], bar)
		bar.fileDone(v.err)
		return v
	}
	workers := min(f.workers, len(files))
	if db != nil && f.customer != "" && call.EarlierCalls {
		workers = 1 // each is heard against those before it: what is said must not depend on which ends first
	}
	t := &tally{app: a, flags: f, files: files}
	_, err = ordered(ctx, len(files), workers, 4*f.workers, work, t.take)
	bar.end()
	if err != nil {
		return err
	}
	return t.close(ctx)
}

// resolve resolves the policy for the recordings.
func (f *analyzeFlags) resolve() (policy.Resolved, error) {
	configured := databaseFlags{config: f.store.config} // its policy alone: where records are kept --db says
	rules, tenant, err := configured.site()
	if err != nil {
		return policy.Resolved{}, err
	}
	return rules.Resolve(policy.Call{Tenant: tenant, Jurisdiction: f.jurisdiction})
}

// analyzeOne analyses one recording, keeps its record where db is not nil, and writes its files. It runs in a worker.
func (a *app) analyzeOne(ctx context.Context, f analyzeFlags, permit permit.Permit, engine *analysis.Engine, calibration *csat.Model, db *archive, file recording, name string, bar *progress) analysed {
	if file.err != nil {
		return analysed{err: file.err}
	}
	start := time.Now()
	var read int64
	o := analysis.FileOptions{
		Channels: f.roles, Agent: f.agent, Customer: f.customer, Language: f.language,
		Permit: permit, Engine: engine, CSAT: calibration, Claim: f.customer,
		Progress: func(done, _ int64) {
			done = min(done, file.size) // it may have grown since
			bar.add(done - read)
			read = done
		},
	}
	var err error
	if db != nil {
		if o.Voice, o.Normals, err = db.customer(ctx, o.Permit); err != nil {
			return analysed{err: fmt.Errorf("%s: %w", file.path, err)}
		}
	}
	var env *envelope
	if f.out != "" {
		env = &envelope{}
		o.Tap = env.add
	}
	r, err := analysis.AnalyzeFile(ctx, file.path, o)
	bar.add(file.size - read)
	if err != nil {
		a.log.Info("not analysed", "file", file.path, "err", err)
		return analysed{err: err}
	}
	a.log.Info("analysed", "file", file.path, "interaction", r.Contact.ID, "duration_ms", r.Contact.DurationMs,
		"x_realtime", fmt.Sprintf("%.0f", seconds(r.Contact.DurationMs)/max(time.Since(start).Seconds(), 1e-6)))
	if db != nil {
		if r, err = db.save(ctx, r); err != nil {
			return analysed{err: fmt.Errorf("%s: %w", file.path, err)}
		}
	}
	if f.out != "" {
		err = writeOutputs(f.out, name, r, env)
	}
	return analysed{r, err}
}

// tally prints the results in the order of the recordings and keeps what the end of the run has to say.
type tally struct {
	*app
	flags  analyzeFlags
	files  []recording
	done   int
	failed []error
	rows   []summaryRow
}

// take prints one result. Its error is that of standard output.
func (t *tally) take(i int, v analysed) error {
	if errors.Is(v.err, context.Canceled) {
		return nil // it was under way when the run was cancelled
	}
	if v.err != nil {
		t.failed = append(t.failed, v.err)
	} else {
		t.done++
	}
	if v.record == nil {
		return nil
	}
	w := t.con.outWriter()
	if t.flags.json {
		return writeRecord(w, v.record, "")
	}
	if len(t.files) > 1 {
		t.rows = append(t.rows, newSummaryRow(t.files[i].path, v.record))
		if t.flags.summary {
			return nil
		}
	}
	o := t.reportOptions()
	o.Path = t.files[i].path
	if len(t.rows) > 1 {
		fmt.Fprint(w, "\n\n")
	}
	return render(w, v.record, o)
}

func (t *tally) reportOptions() reportOptions {
	o := reportOptions{Width: t.flags.width, ASCII: t.flags.ascii, Colour: wantsColour(t.con.stdout)}
	if columns, tty := terminalWidth(t.con.stdout); tty && o.Width == 0 {
		o.Width = min(columns, 160) // a wider one is harder to read
	}
	return o
}

// close prints the table of several recordings and returns an error that names what failed.
func (t *tally) close(ctx context.Context) error {
	if len(t.rows) > 0 {
		if err := renderSummary(t.con.outWriter(), t.rows, t.reportOptions(), !t.flags.summary); err != nil {
			return err
		}
	}
	var b strings.Builder
	for _, err := range t.failed {
		b.WriteString("\n  " + oneLine(err))
	}
	named := b.String()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("analyze: cancelled after %d of %s; what was done is kept%s", t.done, count(len(t.files), "recording"), named)
	case len(t.failed) == 0:
		return nil
	case len(t.files) == 1:
		return t.failed[0]
	}
	return fmt.Errorf("analyze: %d of %s failed:%s", len(t.failed), count(len(t.files), "recording"), named)
}
