package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/voiceprint"
)

func (a *app) identifyCommand() *cobra.Command {
	f := decisionFlags{}
	o := voiceprint.DefaultIdentify()
	watchlist := ""
	cmd := &cobra.Command{
		Use:   "identify FILE",
		Short: "Search the enrolled speakers for the voice of a recording",
		Long: `Search the enrolled speakers, or one watchlist, for the voice of a recording and print the candidates at or above the
threshold, the best first, or none. The threshold rises with the number of entries, so that the rate of false alarms does not.

With --config the policy has to permit the search; without it a database that is a file of this machine is searched for whoever
may read it and its keys, and a watchlist for what the list says. Each search is written into the audit log.

A candidate is a lead for a person to follow, never a finding. Any answer is exit status 0.`,
		Example: "  timbre identify --top 3 --channel 1 call.wav",
		Args:    wantArgs(1, 1, "one recording"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			if o.Top < 1 || o.Top > 1000 {
				return usagef(cmd, "identify: --top: %d, want 1 to 1000", o.Top)
			}
			o.Policy = f.policy()
			return a.identify(cmd, f, o, watchlist, args[0])
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&o.Top, "top", o.Top, "candidates at most, `N`")
	cmd.Flags().StringVar(&watchlist, "watchlist", "", "search this watchlist alone, by `NAME`")
	return cmd
}

// identified is the answer of a search, as JSON and as text.
type identified struct {
	Candidates   []interaction.Candidate `json:"candidates"` // empty: none, or nothing was decided (see reasons)
	Nearest      []nearestSpeaker        `json:"nearest"`    // the best whatever their LLR
	Threshold    *float64                `json:"threshold"`
	Entries      int                     `json:"entries"`
	Watchlist    string                  `json:"watchlist,omitempty"`
	NetSpeechMs  int64                   `json:"net_speech_ms"`
	SNRdB        *float64                `json:"snr_db"`
	Codec        string                  `json:"codec"`
	Reasons      []string                `json:"reasons"`
	Explanations []string                `json:"explanations"`
	Assurance    string                  `json:"assurance"`
	Model        modelJSON               `json:"model"`
}

// nearestSpeaker is one of the best entries.
type nearestSpeaker struct {
	SpeakerID string   `json:"speaker_id"`
	Score     float64  `json:"score"` // raw: no evidence by itself
	LLR       *float64 `json:"llr"`
}

func (a *app) identify(cmd *cobra.Command, f decisionFlags, o voiceprint.IdentifyOptions, watchlist, file string) (err error) {
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
	found, err := p.desk(v).Identify(ctx, p.by, watchlist, o, a.listener(v, f, file))
	switch {
	case errors.Is(err, errChannel):
		return usagef(cmd, "identify: %w", err)
	case errors.Is(err, identity.ErrNotPermitted) && f.config == "" && watchlist != "":
		return fmt.Errorf("identify: --watchlist: %w", errors.Join(err, fmt.Errorf("watchlist %q: there is none in the database", watchlist)))
	case err != nil:
		return err
	}
	out := identified{Candidates: slices.Concat([]interaction.Candidate{}, found.Candidates, found.Watchlist), Nearest: []nearestSpeaker{}, Threshold: found.Threshold,
		Entries: found.Entries, Watchlist: watchlist, NetSpeechMs: found.NetSpeechMs, SNRdB: found.SNRdB, Codec: found.Codec, Reasons: found.Reasons,
		Explanations: found.Explanations, Assurance: found.Assurance, Model: modelOf(v.model.ID())}
	for _, c := range found.Nearest {
		out.Nearest = append(out.Nearest, nearestSpeaker{c.Speaker, c.Score, c.LLR})
	}
	if f.json {
		return printJSON(a.con.outWriter(), out)
	}
	return out.writeText(a.con.outWriter())
}

func (r *identified) writeText(w io.Writer) error {
	var b strings.Builder
	scope := "enrolled speakers"
	if r.Watchlist != "" {
		scope = "entries of watchlist " + plain(r.Watchlist)
	}
	if len(r.Candidates) == 0 {
		fmt.Fprintf(&b, "none of %d %s\n", r.Entries, scope)
	} else {
		fmt.Fprintf(&b, "%s among %d %s\n", count(len(r.Candidates), "candidate"), r.Entries, scope)
	}
	for i, c := range r.Candidates {
		fmt.Fprintf(&b, "  %d. %s, LLR %.2f\n", i+1, plain(c.SpeakerID), c.LLR)
	}
	for i, n := range r.Nearest[min(len(r.Candidates), len(r.Nearest)):] {
		if i == 0 {
			b.WriteString("  below the threshold:\n")
		}
		if n.LLR != nil {
			fmt.Fprintf(&b, "     %s, LLR %.2f\n", plain(n.SpeakerID), *n.LLR)
		} else {
			fmt.Fprintf(&b, "     %s, score %.3f\n", plain(n.SpeakerID), n.Score)
		}
	}
	fmt.Fprintf(&b, "  %.1f s of speech", seconds(r.NetSpeechMs))
	if r.SNRdB != nil {
		fmt.Fprintf(&b, ", SNR %.0f dB", *r.SNRdB)
	}
	fmt.Fprintf(&b, ", %s\n", r.Codec)
	for _, t := range r.Explanations {
		fmt.Fprintf(&b, "  - %s\n", plain(t))
	}
	b.WriteString("  a candidate is a lead for a person to follow, never a finding\n")
	_, err := io.WriteString(w, b.String())
	return err
}
