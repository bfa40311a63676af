package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// enrolFlags are the flags of timbre enroll.
type enrolFlags struct {
	voiceFlags
	databaseFlags
	speaker, name, consent                    string
	consentText, consentChannel, jurisdiction string
	replace                                   bool
	batch, existing, watchlist                string
	minSpeech                                 float64
	json                                      bool
}

func (a *app) enrollCommand() *cobra.Command {
	f := enrolFlags{}
	floor := voiceprint.DefaultEnrol()
	cmd := &cobra.Command{
		Use:   "enroll --speaker ID --consent REF FILE...",
		Short: "Make a voiceprint of a speaker, or add to one",
		Long: `Make a voiceprint of recordings of one speaker. For a speaker who has one, the recordings are added to it; --replace makes it
anew. The print is sealed with a key of the person; --key-file holds the key that wraps it and is made with the first print.

A recording is refused, with the reason, when it is too noisy, clipped, too short, given twice, holds several speakers or
does not match the rest. Nobody is enrolled without a consent that is in force, nor who opted out. --consent is the site's
reference to the consent: one of the ledger (timbre consent give), or a new one that you vouch for, which is written into the
ledger with the print. Where the ledger has one, --consent may be left out; else it is asked for on a terminal, and required
elsewhere.

The policy (--config) may ask for a consent in writing, and for a look among the enrolled and in watchlists: a voice that seems
to be known waits for approval (timbre speakers pending).

--batch enrols many speakers and prints a job report: a CSV with the columns speaker and path, and if wanted consent,
consent_text, consent_channel, jurisdiction, channel and name, one row per recording; or a folder with one folder of recordings
per speaker, named by the speaker's id.

A voiceprint belongs to one model. To go over to a new model, enrol the speaker with it from a call in which the old print and
a second factor have verified the speaker; both prints stand side by side until the old one is deleted with the speaker.`,
		Example: `  timbre enroll --speaker c-1001 --consent crm-77 --channel 1 call1.wav call2.wav
  timbre enroll --batch enrol.csv --existing skip --json > report.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.batch != "" {
				return wantArgs(0, 0, "none beside --batch")(cmd, args)
			}
			return wantArgs(1, -1, "recordings of one speaker, or --batch")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.enroll(cmd, f, args)
		},
	}
	f.voiceFlags.add(cmd)
	f.databaseFlags.add(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.speaker, "speaker", "", "your `ID` of the person")
	fs.StringVar(&f.name, "name", "", "`name` to show for the person")
	fs.StringVar(&f.consent, "consent", "", "`REF` of the person's consent, as your records name it")
	fs.StringVar(&f.watchlist, "watchlist", "", "make the print for this `LIST`, in the place of a consent; the policy has to permit its search")
	fs.BoolVar(&f.replace, "replace", false, "make the print anew instead of adding to it")
	fs.StringVar(&f.consentText, "consent-text", "", "`VERSION` of the text that the person agreed to, of a consent that is new to the ledger")
	fs.StringVar(&f.consentChannel, "consent-channel", "", "how a consent that is new to the ledger was given: `call|web|paper`")
	fs.StringVar(&f.jurisdiction, "jurisdiction", "", "whose law the print stands under, `CODE` as DE or US-IL (default: as known, else that of the policy)")
	fs.StringVar(&f.batch, "batch", "", "enrol the speakers of a `CSV|DIR`")
	fs.StringVar(&f.existing, "existing", "skip", "what --batch does with speakers that have a print: `skip|overwrite`")
	fs.Float64Var(&f.minSpeech, "min-speech", floor.MinSpeech.Seconds(), "least net speech, `seconds`")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
	return cmd
}

func (f *enrolFlags) check(cmd *cobra.Command) error {
	if err := f.voiceFlags.check(cmd); err != nil {
		return err
	}
	switch {
	case f.batch == "" && f.speaker == "":
		return usagef(cmd, "enroll: --speaker: not given, want your ID of the person")
	case f.batch != "" && f.speaker != "":
		return usagef(cmd, "enroll: --speaker and --batch: both given, want one")
	case f.batch != "" && f.replace:
		return usagef(cmd, "enroll: --replace with --batch, want --existing overwrite")
	case f.batch != "" && f.existing != "skip" && f.existing != "overwrite":
		return usagef(cmd, "enroll: --existing: %q, want skip or overwrite", f.existing)
	case f.batch == "" && cmd.Flags().Changed("existing"):
		return usagef(cmd, "enroll: --existing without --batch, want --replace to make a print anew")
	case f.watchlist != "" && f.consent != "":
		return usagef(cmd, "enroll: --watchlist and --consent: both given, want one: who is on a list was not asked")
	case f.consentChannel != "" && !slices.Contains(consentChannels, f.consentChannel):
		return usagef(cmd, "enroll: --consent-channel: %q, want one of %s", f.consentChannel, strings.Join(consentChannels, ", "))
	case !(f.minSpeech >= 0 && f.minSpeech <= 600):
		return usagef(cmd, "enroll: --min-speech: %g s, want 0 to 600", f.minSpeech)
	}
	return nil
}

func (f *enrolFlags) options() voiceprint.EnrolOptions {
	o := voiceprint.DefaultEnrol()
	o.MinSpeech = time.Duration(f.minSpeech * float64(time.Second))
	o.Recording.NetSpeech = min(o.Recording.NetSpeech, o.MinSpeech)
	return o
}

// askConsent returns the reference of a person's consent: asked for on a terminal, empty elsewhere.
func (a *app) askConsent(speaker string) (string, error) {
	_, shown := terminalWidth(a.con.stderr)
	if !shown || !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", nil
	}
	fmt.Fprintf(a.con.errWriter(), "Reference of the consent of %s to a voiceprint: ", plain(speaker))
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("standard input: %w", reason(err))
	}
	return strings.TrimSpace(line), nil
}

func (a *app) enroll(cmd *cobra.Command, f enrolFlags, files []string) (err error) {
	v, err := loadVoices(f.voiceFlags)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	p, err := openPrints(ctx, f.databaseFlags, mayCreate)
	if err != nil {
		return err
	}
	defer p.close(&err)
	e := &enroller{app: a, voices: v, prints: p, desk: p.desk(v), flags: f}
	if f.batch != "" {
		return e.batch(ctx)
	}
	job := enrolJob{Speaker: f.speaker, Name: f.name, Consent: f.consent, ConsentText: f.consentText, ConsentChannel: f.consentChannel, Jurisdiction: f.jurisdiction}
	if job.Consent == "" && f.watchlist == "" {
		if _, missing, err := p.registry.ConsentInForce(ctx, f.speaker, false); err != nil {
			return err
		} else if missing != "" {
			if job.Consent, err = a.askConsent(f.speaker); err != nil {
				return err
			}
		}
	}
	var bytes int64
	for _, file := range files {
		job.Files = append(job.Files, people.BatchFile{Path: file, Channel: f.channel})
		if info, err := os.Stat(file); err == nil {
			bytes += info.Size()
		}
	}
	bar := newProgress(a.con, "listening", len(files), bytes)
	r, err := e.run(ctx, job, bar)
	bar.end()
	switch {
	case errors.Is(err, errChannel):
		return usagef(cmd, "enroll: %w", err)
	case errors.Is(err, identity.ErrNoConsent) && job.Consent == "":
		return usagef(cmd, "enroll: --consent: not given, want the reference of the person's consent to a voiceprint: %w", err)
	case err != nil:
		return err
	}
	if f.json {
		return printJSON(a.con.outWriter(), r)
	}
	return r.writeText(a.con.outWriter())
}

// enrolJob is the recordings of one speaker.
type enrolJob = people.BatchRow

// enroller makes voiceprints and keeps them.
type enroller struct {
	*app
	voices *voices
	prints *prints
	desk   *people.Desk
	flags  enrolFlags
}

// enrolled is what became of a job, as JSON and as text.
type enrolled struct {
	Speaker     string         `json:"speaker"`
	Action      string         `json:"action"` // enrolled, extended, replaced; in a batch also skipped, failed
	Error       string         `json:"error,omitempty"`
	ID          string         `json:"voiceprint_id,omitempty"`
	State       string         `json:"state,omitempty"`  // active, pending
	Review      string         `json:"review,omitempty"` // why a person has to look at it before it is in force
	Model       *modelJSON     `json:"model,omitempty"`
	ConsentRef  string         `json:"consent_ref,omitempty"`
	NetSpeechMs int64          `json:"net_speech_ms"` // of the print
	SNRdB       *float64       `json:"snr_db"`
	Sources     int            `json:"sources"`
	Recordings  []enrolledFile `json:"recordings"`
	others      []string       // models of the speaker's other prints
	made        *people.Made
}

// enrolledFile is what became of one recording.
type enrolledFile struct {
	File        string              `json:"file"`
	Used        bool                `json:"used"`
	NetSpeechMs int64               `json:"net_speech_ms"`
	SNRdB       *float64            `json:"snr_db"`
	Clipped     float64             `json:"clipped"`
	Codec       string              `json:"codec"`
	Reasons     []voiceprint.Reason `json:"reasons"`
}

// run enrols or extends one speaker.
func (e *enroller) run(ctx context.Context, job enrolJob, bar *progress) (*enrolled, error) {
	r, err := e.hear(ctx, job, bar)
	if err != nil {
		return nil, err
	}
	return r, e.keep(ctx, r)
}

// hear makes the print. Nothing is stored, and nobody is heard whom the registry does not let be enrolled.
func (e *enroller) hear(ctx context.Context, job enrolJob, bar *progress) (*enrolled, error) {
	model := e.voices.model.ID()
	others, _, err := e.prints.others(ctx, job.Speaker, model)
	if err != nil {
		return nil, err
	}
	m := modelOf(model)
	r := &enrolled{Speaker: job.Speaker, others: others, Model: &m, Recordings: []enrolledFile{}}
	ask := job.Request(people.Extend, e.flags.options())
	ask.Watchlist = e.flags.watchlist
	switch {
	case e.flags.batch != "":
		ask.Existing = people.Existing(e.flags.existing)
	case e.flags.replace:
		ask.Existing = people.Overwrite
	}
	r.made, err = e.desk.Prepare(ctx, e.prints.by, ask, func(ctx context.Context) (speech []voiceprint.Speech, err error) {
		for _, file := range job.Files {
			h, err := e.voices.hear(ctx, file.Path, file.Channel, degrade.None, bar)
			bar.fileDone(err)
			if err != nil {
				return nil, err
			}
			for _, w := range h.warnings {
				e.log.Warn(w, "file", file.Path)
			}
			speech = append(speech, h.speech)
			r.Recordings = append(r.Recordings, enrolledFile{File: file.Path, Codec: h.codec})
		}
		return speech, nil
	})
	if err != nil {
		return nil, ofSpeaker(job.Speaker, err)
	}
	r.Action = r.made.Action
	for i, rec := range r.made.Recordings {
		f := &r.Recordings[i]
		f.Used, f.Reasons = rec.Used, rec.Reasons
		f.NetSpeechMs, f.SNRdB, f.Clipped = rec.Quality.NetSpeech.Milliseconds(), finite(rec.Quality.SNRdB), rec.Quality.Clipped
		if f.Reasons == nil {
			f.Reasons = []voiceprint.Reason{}
		}
	}
	return r, nil
}

// keep seals and stores the print of r, with consent and audit.
func (e *enroller) keep(ctx context.Context, r *enrolled) error {
	if err := e.desk.Keep(ctx, e.prints.by, r.made); err != nil {
		return ofSpeaker(r.Speaker, err)
	}
	row := r.made.Print
	r.ID, r.State, r.Review, r.ConsentRef = row.ID, string(row.State), r.made.Review, row.ConsentRef
	r.NetSpeechMs, r.SNRdB, r.Sources = row.NetSpeechMs, row.SNRdB, row.Sources
	return nil
}

func (r *enrolled) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, print of %.1f s of speech from %s, %s %s, consent %s\n", plain(r.Speaker), r.Action,
		seconds(r.NetSpeechMs), count(r.Sources, "recording"), r.Model.Name, r.Model.Version, plain(r.ConsentRef))
	for _, f := range r.Recordings {
		fmt.Fprintf(&b, "  %s: %.1f s of speech", plain(f.File), seconds(f.NetSpeechMs))
		if f.SNRdB != nil {
			fmt.Fprintf(&b, ", SNR %.0f dB", *f.SNRdB)
		}
		if !f.Used {
			b.WriteString(", left out")
		}
		for _, why := range f.Reasons {
			b.WriteString("; " + why.Text)
		}
		b.WriteString("\n")
	}
	if r.State == string(store.EnrolmentPending) {
		fmt.Fprintf(&b, "  waits for approval, %s: timbre speakers approve %s\n", r.Review, r.ID)
	}
	for _, o := range r.others {
		fmt.Fprintf(&b, "  stands beside a print of %s\n", o)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
