package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
)

// waitingPrint is a voiceprint that waits for approval, as JSON.
type waitingPrint struct {
	ID          string    `json:"voiceprint_id"`
	Speaker     string    `json:"speaker"`
	Model       modelJSON `json:"model"`
	NetSpeechMs int64     `json:"net_speech_ms"`
	Sources     int       `json:"sources"`
	ConsentRef  string    `json:"consent_ref"`
	MadeAt      time.Time `json:"made_at"`
}

func (a *app) speakersPendingCommand() *cobra.Command {
	f, asJSON := databaseFlags{}, false
	cmd := &cobra.Command{
		Use:   "pending",
		Short: "List the voiceprints that wait for approval",
		Long: `List the voiceprints that wait for a person: those that were made of calls, and those whose voice seems to be known as somebody
else's. Put one in force with 'timbre speakers approve', or remove it with 'timbre speakers reject'. With --json one per line.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, _ *identity.Registry) error {
				w := a.con.outWriter()
				for v, err := range store.Every(ctx, p.rows.PendingVoiceprints) {
					if err != nil {
						return err
					}
					if asJSON {
						err = printJSON(w, waitingPrint{v.ID, v.SpeakerID, modelJSON{v.Model, v.ModelVersion, v.ModelSHA256}, v.NetSpeechMs, v.Sources, v.ConsentRef, v.UpdatedAt})
					} else {
						_, err = fmt.Fprintf(w, "%s  %s, %.1f s of speech from %s, %s\n", v.ID, plain(v.SpeakerID), seconds(v.NetSpeechMs), count(v.Sources, "recording"), day(&v.UpdatedAt))
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per voiceprint")
	return cmd
}

func (a *app) speakersSweepCommand() *cobra.Command {
	f := databaseFlags{}
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Delete the speakers whose time is over, as a running server does once a day",
		Long: `Delete the speakers whose print was not compared with for as many months as the policy of their jurisdiction says, those without
a consent in force who are on no watchlist, the voiceprints that nobody approved in time, and what is kept of how voices sound that no
call was added to for as long or whose own consent ended. What is under a legal hold stays.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRegistry(cmd, f, func(ctx context.Context, p *prints, _ *identity.Registry) error {
				n, err := p.decider().Sweep(ctx, p.by)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.con.outWriter(), "deleted: %s, %s that nobody approved; held: %d\n", count(n.Deleted, "speaker"), count(n.Pending, "voiceprint"), n.Held)
				if err == nil && n.Normals > 0 {
					_, err = fmt.Fprintf(a.con.outWriter(), "what a voice is like is kept no longer of %s\n", count(n.Normals, "person"))
				}
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}

// keptAttempt is one verification of a claimed identity, as JSON.
type keptAttempt struct {
	ID            string               `json:"attempt"`
	Speaker       string               `json:"speaker"`
	InteractionID string               `json:"interaction,omitempty"`
	Decision      interaction.Decision `json:"decision"`
	LLR           *float64             `json:"llr"`
	Threshold     *float64             `json:"threshold"`
	NetSpeechMs   int64                `json:"net_speech_ms"`
	Reasons       []string             `json:"reasons"`
	Shadow        bool                 `json:"shadow"` // kept and not shown
	At            time.Time            `json:"at"`
}

func (a *app) speakersAttemptsCommand() *cobra.Command {
	f, speaker, shadow, asJSON := databaseFlags{}, "", false, false
	cmd := &cobra.Command{
		Use:   "attempts",
		Short: "List the verifications that were counted, and those of shadow mode",
		Long: `List the verifications of claimed identities, the latest first. Those of shadow mode were shown to nobody on the call: labelled with
what each was in truth, they are what 'timbre calibrate verification --shadow' fits on. With --json one per line.`,
		Args: wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			p, err := openPrints(ctx, f, anyKeys)
			if err != nil {
				return err
			}
			defer p.close(&err)
			return a.listAttempts(ctx, p, speaker, shadow, asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&speaker, "speaker", "", "of one speaker alone, by `ID`")
	cmd.Flags().BoolVar(&shadow, "shadow", false, "those of shadow mode alone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per attempt")
	return cmd
}

func (a *app) listAttempts(ctx context.Context, p *prints, speaker string, shadow, asJSON bool) error {
	w := a.con.outWriter()
	for v, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.Attempt], error) {
		return p.rows.Attempts(ctx, speaker, page)
	}) {
		if err != nil {
			return err
		}
		switch {
		case shadow && !v.Shadow:
		case asJSON:
			err = printJSON(w, keptAttempt{v.ID, v.SpeakerID, v.InteractionID, v.Decision, v.LLR, v.Threshold, v.NetSpeechMs, v.Reasons, v.Shadow, v.At})
		default:
			llr := "no LLR"
			if v.LLR != nil {
				llr = fmt.Sprintf("LLR %.2f", *v.LLR)
			}
			_, err = fmt.Fprintf(w, "%s  %s: %s, %s, %.1f s of speech, %s\n", v.ID, plain(v.SpeakerID), v.Decision, llr, seconds(v.NetSpeechMs), v.At.UTC().Format(time.RFC3339))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
