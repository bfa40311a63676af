package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/degrade"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/voiceprint"
)

// decisionFlags are the flags of verify and identify that make the policy.
type decisionFlags struct {
	voiceFlags
	databaseFlags
	fmr, minSpeech float64
	json           bool
}

func (f *decisionFlags) add(cmd *cobra.Command) {
	f.voiceFlags.add(cmd)
	f.databaseFlags.add(cmd)
	fs, o := cmd.Flags(), voiceprint.DefaultPolicy()
	fs.Float64Var(&f.fmr, "fmr", o.FMR, "false match `rate` to hold, one that the calibration has a threshold for")
	fs.Float64Var(&f.minSpeech, "min-speech", o.Floor.NetSpeech.Seconds(), "least net speech, `seconds`, below which nothing is decided")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
}

func (f *decisionFlags) check(cmd *cobra.Command) error {
	switch {
	case !(f.fmr > 0 && f.fmr < 1):
		return usagef(cmd, "%s: --fmr: %g, want in (0, 1)", cmd.Name(), f.fmr)
	case !(f.minSpeech >= 0 && f.minSpeech <= 600):
		return usagef(cmd, "%s: --min-speech: %g s, want 0 to 600", cmd.Name(), f.minSpeech)
	}
	return f.voiceFlags.check(cmd)
}

func (f *decisionFlags) policy() voiceprint.Policy {
	o := voiceprint.DefaultPolicy()
	o.FMR, o.Floor.NetSpeech = f.fmr, time.Duration(f.minSpeech*float64(time.Second))
	return o
}

func (a *app) verifyCommand() *cobra.Command {
	f := decisionFlags{}
	speaker := ""
	cmd := &cobra.Command{
		Use:   "verify --speaker ID FILE",
		Short: "Say whether a recording is of an enrolled speaker",
		Long: `Compare the voice of a recording with the voiceprint of one speaker and print the decision with its evidence: the natural
logarithm of the likelihood ratio (LLR), the threshold, the net speech, and the reasons.

Decisions: authenticated, not_authenticated, inconclusive, not_enrolled, opted_out, expired, locked. Any of them is exit
status 0. A voice is evidence beside other factors, never a proof by itself.

Each attempt is counted and written into the audit log: after so many failures in a row as the policy says the voice factor of
the speaker waits, then is locked (timbre speakers unlock).`,
		Example: "  timbre verify --speaker c-1001 --channel 1 call.wav",
		Args:    wantArgs(1, 1, "one recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			if speaker == "" {
				return usagef(cmd, "verify: --speaker: not given, want your ID of the person")
			}
			return a.verify(cmd, f, speaker, args[0])
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&speaker, "speaker", "", "your `ID` of the person")
	return cmd
}

// verified is the answer of a verification, as JSON and as text.
type verified struct {
	Speaker string `json:"speaker"`
	interaction.Voice
	Explanations []string  `json:"explanations"` // the reasons in words, in the same order
	Model        modelJSON `json:"model"`
	fmr          float64
}

func (a *app) verify(cmd *cobra.Command, f decisionFlags, speaker, file string) (err error) {
	v, err := loadVoices(f.voiceFlags)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	p, err := openPrints(ctx, f.databaseFlags, needsKeys)
	if err != nil {
		return err
	}
	defer p.close(&err)
	if _, err := os.Stat(file); err != nil { // a wrong name is told even where nothing is listened to
		return fmt.Errorf("%s: %w", file, reason(err))
	}
	d, err := p.desk(v).Verify(ctx, p.by, speaker, f.policy(), a.listener(v, f, file))
	if errors.Is(err, errChannel) {
		return usagef(cmd, "verify: %w", err)
	}
	if err != nil {
		return ofSpeaker(speaker, err)
	}
	if others, own, err := p.others(ctx, speaker, v.model.ID()); err != nil {
		return err
	} else if d.Decision == interaction.NotEnrolled && !own && len(others) > 0 {
		return fmt.Errorf("%w: speaker %q has a print of %s, want one of %v: enrol the speaker with this model, or give --model",
			voiceprint.ErrModel, speaker, strings.Join(others, " and of "), v.model.ID())
	}
	out := verified{Speaker: speaker, Voice: d.Voice, Explanations: d.Explanations, Model: modelOf(v.model.ID()), fmr: f.fmr}
	if f.json {
		return printJSON(a.con.outWriter(), out)
	}
	return out.writeText(a.con.outWriter())
}

// listener hears a recording where it is asked to.
func (a *app) listener(v *voices, f decisionFlags, file string) people.Listen {
	return func(ctx context.Context) (people.Heard, error) {
		bar := a.barFor("listening", file)
		h, err := v.hear(ctx, file, f.channel, degrade.None, bar)
		bar.end()
		if err != nil {
			return people.Heard{}, err
		}
		for _, w := range h.warnings {
			a.log.Warn(w, "file", file)
		}
		return people.Heard{Speech: h.speech, Codec: h.codec}, nil
	}
}

// barFor begins the progress of one file.
func (a *app) barFor(verb, file string) *progress {
	var size int64
	if info, err := os.Stat(file); err == nil {
		size = info.Size()
	}
	return newProgress(a.con, verb, 1, size)
}

func (v *verified) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", plain(v.Speaker), v.Decision)
	evidence(&b, &v.Voice, v.fmr)
	for _, t := range v.Explanations {
		fmt.Fprintf(&b, "  - %s\n", plain(t))
	}
	b.WriteString("  evidence beside other factors, never a proof by itself\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// evidence writes the figures of a result.
func evidence(b *strings.Builder, v *interaction.Voice, fmr float64) {
	if v.Codec == "" {
		return // nothing was listened to
	}
	if v.LLR != nil {
		fmt.Fprintf(b, "  LLR %.2f", *v.LLR)
	} else {
		b.WriteString("  no LLR")
	}
	if v.Threshold != nil {
		fmt.Fprintf(b, ", threshold %.2f for a false match rate of %g %%", *v.Threshold, 100*fmr)
	}
	fmt.Fprintf(b, "\n  %.1f s of speech", seconds(v.NetSpeechMs))
	if v.SNRdB != nil {
		fmt.Fprintf(b, ", SNR %.0f dB", *v.SNRdB)
	}
	fmt.Fprintf(b, ", %s\n", v.Codec)
}
