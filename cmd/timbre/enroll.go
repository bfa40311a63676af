package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// enrolFlags are the flags of timbre enroll.
type enrolFlags struct {
	voiceFlags
	databaseFlags
	speaker, name, consent string
	replace, duplicates    bool
	batch, existing        string
	minSpeech              float64
	json                   bool
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
does not match the rest. --consent is the site's reference to the person's consent: it is asked for on a terminal and
required elsewhere. Nobody who opted out is enrolled.

--batch enrols many speakers and prints a job report: a CSV with the columns speaker and path, and if wanted consent, channel
and name, one row per recording; or a folder with one folder of recordings per speaker, named by the speaker's id.

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
	fs.BoolVar(&f.replace, "replace", false, "make the print anew instead of adding to it")
	fs.BoolVar(&f.duplicates, "check-duplicates", false, "refuse a voice that seems to be enrolled under another id")
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

// askConsent returns the reference of a person's consent: asked for on a terminal, refused elsewhere.
func (a *app) askConsent(cmd *cobra.Command, speaker string) (string, error) {
	_, shown := terminalWidth(a.con.stderr)
	if !shown || !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", usagef(cmd, "enroll: --consent: not given, want the reference of the person's consent to a voiceprint")
	}
	fmt.Fprintf(a.con.errWriter(), "Reference of the consent of %s to a voiceprint: ", plain(speaker))
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("standard input: %w", reason(err))
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", errors.New("enroll: no consent, no voiceprint")
	}
	return line, nil
}

func (a *app) enroll(cmd *cobra.Command, f enrolFlags, files []string) (err error) {
	if f.batch == "" && f.consent == "" {
		if f.consent, err = a.askConsent(cmd, f.speaker); err != nil {
			return err
		}
	}
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
	e := &enroller{app: a, voices: v, prints: p, flags: f}
	if f.batch != "" {
		return e.batch(ctx)
	}
	job := enrolJob{speaker: f.speaker, name: f.name, consent: f.consent}
	for _, file := range files {
		job.files = append(job.files, enrolFile{file, f.channel})
	}
	var bytes int64
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			bytes += info.Size()
		}
	}
	bar := newProgress(a.con, "listening", len(files), bytes)
	r, err := e.run(ctx, job, bar)
	bar.end()
	if errors.Is(err, errChannel) {
		return usagef(cmd, "enroll: %w", err)
	}
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(a.con.outWriter(), r)
	}
	return r.writeText(a.con.outWriter())
}

// enrolFile is one recording of a speaker.
type enrolFile struct {
	path    string
	channel int // negative: the only one
}

// enrolJob is the recordings of one speaker.
type enrolJob struct {
	speaker, name, consent string
	files                  []enrolFile
}

// enroller makes voiceprints and keeps them.
type enroller struct {
	*app
	voices *voices
	prints *prints
	flags  enrolFlags
}

// enrolled is what became of a job, as JSON and as text.
type enrolled struct {
	Speaker     string         `json:"speaker"`
	Action      string         `json:"action"` // enrolled, extended, replaced; in a batch also skipped, failed
	Error       string         `json:"error,omitempty"`
	ID          string         `json:"voiceprint_id,omitempty"`
	Model       *modelJSON     `json:"model,omitempty"`
	ConsentRef  string         `json:"consent_ref,omitempty"`
	NetSpeechMs int64          `json:"net_speech_ms"` // of the print
	SNRdB       *float64       `json:"snr_db"`
	Sources     int            `json:"sources"`
	Recordings  []enrolledFile `json:"recordings"`
	others      []string       // models of the speaker's other prints
	print       *voiceprint.Voiceprint
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
	return r, e.keep(ctx, job, r)
}

// hear makes the print. Nothing is stored, and nobody who opted out is heard.
func (e *enroller) hear(ctx context.Context, job enrolJob, bar *progress) (*enrolled, error) {
	if out, err := e.prints.optedOut(ctx, job.speaker); err != nil {
		return nil, err
	} else if out {
		return nil, fmt.Errorf("enroll: speaker %q opted out of being known by voice, want an opt-in first", job.speaker)
	}
	model := e.voices.model.ID()
	have, others, err := e.prints.of(ctx, job.speaker, model)
	if err != nil {
		return nil, err
	}
	r := &enrolled{Speaker: job.speaker, Action: "enrolled", others: others, ConsentRef: job.consent}
	m := modelOf(model)
	r.Model = &m
	var speech []voiceprint.Speech
	for _, file := range job.files {
		h, err := e.voices.hear(ctx, file.path, file.channel, degrade.None, bar)
		bar.fileDone(err)
		if err != nil {
			return nil, err
		}
		speech = append(speech, h.speech)
		r.Recordings = append(r.Recordings, enrolledFile{File: file.path, Codec: h.codec})
	}
	x, err := e.voices.extractor()
	if err != nil {
		return nil, err
	}
	defer e.voices.extractors.Put(x)
	var report []voiceprint.Recording
	switch {
	case have == nil:
		r.print, report, err = x.Enrol(e.flags.options(), speech...)
	case e.flags.replace || e.flags.batch != "":
		r.Action, r.ID = "replaced", have.row.ID
		r.print, report, err = x.Enrol(e.flags.options(), speech...)
	default:
		r.Action, r.ID = "extended", have.row.ID
		r.print, report, err = x.Extend(have.print, e.flags.options(), speech...)
	}
	for i, rec := range report {
		f := &r.Recordings[i]
		f.Used, f.Reasons = rec.Used, rec.Reasons
		f.NetSpeechMs, f.SNRdB, f.Clipped = rec.Quality.NetSpeech.Milliseconds(), finite(rec.Quality.SNRdB), rec.Quality.Clipped
		if f.Reasons == nil {
			f.Reasons = []voiceprint.Reason{}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("enroll: speaker %q: %w", job.speaker, err)
	}
	if e.flags.duplicates {
		return r, e.refuseDuplicate(ctx, job.speaker, r.print)
	}
	return r, nil
}

// refuseDuplicate fails where the voice seems to be enrolled under another id.
func (e *enroller) refuseDuplicate(ctx context.Context, speaker string, v *voiceprint.Voiceprint) error {
	g, who, err := e.prints.gallery(ctx, e.voices.model, "")
	if err != nil {
		return err
	}
	own := ""
	for id, s := range who {
		if s == speaker {
			own = id
		}
	}
	found, err := g.Duplicates(own, v, voiceprint.DefaultIdentify())
	if err != nil {
		return fmt.Errorf("enroll: --check-duplicates: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("enroll: speaker %q: the voice seems to be enrolled as %q, LLR %.2f: a person has to look", speaker, who[found[0].ID], *found[0].LLR)
	}
	return nil
}

// keep seals and stores the print of r, with consent and audit.
func (e *enroller) keep(ctx context.Context, job enrolJob, r *enrolled) error {
	p := e.prints
	person, err := p.rows.Speaker(ctx, job.speaker)
	switch {
	case errors.Is(err, store.ErrNotFound):
		wrapped, err := p.vault.NewPersonKey(ctx, subjectOf(job.speaker))
		if err != nil {
			return err
		}
		by, err := identity.WrappedBy(wrapped)
		if err != nil {
			return err
		}
		_, err = p.rows.AddSpeaker(ctx, store.Speaker{ID: job.speaker, DisplayName: job.name},
			store.PersonKey{SpeakerID: job.speaker, KeyID: by.String(), Wrapped: wrapped})
		if err != nil {
			return err
		}
	case err != nil:
		return err
	case job.name != "" && job.name != person.DisplayName:
		person.DisplayName = job.name
		if err := p.rows.SaveSpeaker(ctx, person); err != nil {
			return err
		}
	}
	if _, err := p.rows.AddConsent(ctx, store.Consent{SpeakerID: job.speaker, Ref: job.consent, Purpose: "verify"}); err != nil {
		return err
	}
	row, err := p.save(ctx, job.speaker, r.ID, job.consent, r.print)
	if err != nil {
		return err
	}
	r.ID, r.NetSpeechMs, r.SNRdB, r.Sources = row.ID, row.NetSpeechMs, row.SNRdB, row.Sources
	_, err = p.audit(ctx, r.Action, job.speaker, map[string]string{"model": row.Model, "model_version": row.ModelVersion, "sources": fmt.Sprint(row.Sources)})
	return err
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
	for _, o := range r.others {
		fmt.Fprintf(&b, "  stands beside a print of %s\n", o)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
