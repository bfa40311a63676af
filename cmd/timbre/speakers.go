package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/store"
)

func (a *app) speakersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "speakers",
		Short: "List, show and delete the enrolled speakers, and decide about them",
		Args:  noSuchCommand,
		RunE:  needsCommand,
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(a.speakersListCommand(), a.speakersShowCommand(), a.speakersDeleteCommand(), a.speakersPendingCommand(), a.speakersAttemptsCommand(), a.speakersSweepCommand())
	cmd.AddCommand(a.registryCommands()...)
	return cmd
}

// keptSpeaker is one enrolled person. No embedding, and no key, ever stands in an output.
type keptSpeaker struct {
	ID          string         `json:"id"`
	DisplayName string         `json:"display_name,omitempty"`
	State       string         `json:"state"`
	CreatedAt   time.Time      `json:"created_at"`
	UsedAt      *time.Time     `json:"used_at"` // last compared with
	ExpiresAt   *time.Time     `json:"expires_at"`
	Voiceprints []keptPrint    `json:"voiceprints"`
	Normals     []keptNormal   `json:"voice_normals,omitempty"`
	Consents    []givenConsent `json:"consents,omitempty"`
	Pseudonym   string         `json:"pseudonym,omitempty"` // in the audit log
}

type keptPrint struct {
	ID          string    `json:"id"`
	Model       modelJSON `json:"model"`
	State       string    `json:"state"`
	NetSpeechMs int64     `json:"net_speech_ms"`
	SNRdB       *float64  `json:"snr_db"`
	Sources     int       `json:"sources"`
	ConsentRef  string    `json:"consent_ref"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// keptNormal says that statistics of what the voice is like are kept, and never what they are.
type keptNormal struct {
	Model      modelJSON `json:"model"`
	SpeechMs   int64     `json:"speech_ms"` // that they weigh
	Calls      int       `json:"calls"`
	ConsentRef string    `json:"consent_ref"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

type givenConsent struct {
	Ref         string     `json:"ref"`
	Purpose     string     `json:"purpose"`
	GivenAt     time.Time  `json:"given_at"`
	WithdrawnAt *time.Time `json:"withdrawn_at"`
}

// when is nil for a time that is not set.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// describe returns a person with the prints.
func (p *prints) describe(ctx context.Context, s store.Speaker) (keptSpeaker, error) {
	out := keptSpeaker{ID: s.ID, DisplayName: s.DisplayName, State: string(s.State), CreatedAt: s.CreatedAt, UsedAt: when(s.UsedAt),
		ExpiresAt: when(s.ExpiresAt), Voiceprints: []keptPrint{}}
	rows, err := p.rows.VoiceprintsOf(ctx, s.ID)
	for _, r := range rows {
		out.Voiceprints = append(out.Voiceprints, keptPrint{ID: r.ID, Model: modelJSON{r.Model, r.ModelVersion, r.ModelSHA256}, State: string(r.State),
			NetSpeechMs: r.NetSpeechMs, SNRdB: r.SNRdB, Sources: r.Sources, ConsentRef: r.ConsentRef, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt})
	}
	normals, errNormals := p.rows.VoiceNormalsOf(ctx, s.ID)
	for _, r := range normals {
		out.Normals = append(out.Normals, keptNormal{Model: modelJSON{r.Model, r.ModelVersion, r.ModelSHA256}, SpeechMs: r.SpeechMs, Calls: r.Calls,
			ConsentRef: r.ConsentRef, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt})
	}
	return out, errors.Join(err, errNormals)
}

// notEnrolled is the state of a person of whom no print was ever made.
const notEnrolled = "not_enrolled"

// person returns a speaker, or a person of whom nothing but the voice's normal is kept.
func (p *prints) person(ctx context.Context, id string) (store.Speaker, error) {
	s, err := p.rows.Speaker(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	normals, e := p.rows.VoiceNormalsOf(ctx, id)
	if e != nil || len(normals) == 0 {
		return s, errors.Join(err, e)
	}
	return store.Speaker{ID: id, State: notEnrolled, CreatedAt: normals[0].CreatedAt}, nil
}

func (a *app) speakersListCommand() *cobra.Command {
	f := databaseFlags{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the enrolled speakers",
		Long:  "List the enrolled speakers by id. With --json one speaker per line.",
		Args:  wantArgs(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			p, err := openPrints(ctx, f, anyKeys)
			if err != nil {
				return err
			}
			defer p.close(&err)
			return a.listSpeakers(ctx, p, asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per speaker")
	return cmd
}

func (a *app) listSpeakers(ctx context.Context, p *prints, asJSON bool) error {
	w := a.con.outWriter()
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(tw, "id\tname\tstate\tprints\tspeech\tenrolled\tlast used")
	}
	for s, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.Speaker], error) {
		return p.rows.Speakers(ctx, "", page)
	}) {
		if err != nil {
			return err
		}
		v, err := p.describe(ctx, s)
		if err != nil {
			return err
		}
		if asJSON {
			if err := printJSON(w, v); err != nil {
				return err
			}
			continue
		}
		var models []string
		var ms int64
		for _, r := range v.Voiceprints {
			models = append(models, r.Model.Name+" "+r.Model.Version)
			ms = max(ms, r.NetSpeechMs)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%.1f s\t%s\t%s\n", plain(v.ID), plain(v.DisplayName), v.State, strings.Join(models, ", "), seconds(ms),
			day(&v.CreatedAt), day(v.UsedAt))
	}
	return tw.Flush()
}

// day returns the date of a time, in UTC, or "never".
func day(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.DateOnly)
}

func (a *app) speakersShowCommand() *cobra.Command {
	f := databaseFlags{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show what is kept about a speaker",
		Args:  wantArgs(1, 1, "the id of one speaker"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			p, err := openPrints(ctx, f, anyKeys)
			if err != nil {
				return err
			}
			defer p.close(&err)
			s, err := p.person(ctx, args[0])
			if err != nil {
				return err
			}
			v, err := p.describe(ctx, s)
			if err != nil {
				return err
			}
			given, err := p.rows.Consents(ctx, s.ID)
			if err != nil {
				return err
			}
			for _, c := range given {
				v.Consents = append(v.Consents, givenConsent{c.Ref, c.Purpose, c.GivenAt, when(c.WithdrawnAt)})
			}
			if p.keys != nil {
				if v.Pseudonym, err = p.keys.Pseudonym(identity.Subject{Tenant: p.rows.ID(), Speaker: s.ID}); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(a.con.outWriter(), v)
			}
			return v.writeText(a.con.outWriter())
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func (v *keptSpeaker) writeText(w io.Writer) error {
	var b strings.Builder
	field := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	field("id", "%s", plain(v.ID))
	if v.DisplayName != "" {
		field("name", "%s", plain(v.DisplayName))
	}
	field("state", "%s", v.State)
	if v.State != notEnrolled {
		field("enrolled", "%s, last used %s", day(&v.CreatedAt), day(v.UsedAt))
	}
	if v.ExpiresAt != nil {
		field("expires", "%s", day(v.ExpiresAt))
	}
	for _, r := range v.Voiceprints {
		field("voiceprint", "%s %s, %s, %.1f s of speech from %s, consent %s", r.Model.Name, r.Model.Version, r.State, seconds(r.NetSpeechMs),
			count(r.Sources, "recording"), plain(r.ConsentRef))
	}
	for _, r := range v.Normals {
		field("normal", "%s %s, statistics of %.1f s of speech from %s, the last on %s, consent %s", r.Model.Name, r.Model.Version, seconds(r.SpeechMs), count(r.Calls, "call"),
			day(&r.UpdatedAt), plain(r.ConsentRef))
	}
	for _, c := range v.Consents {
		state := "given " + day(&c.GivenAt)
		if c.WithdrawnAt != nil {
			state += ", withdrawn " + day(c.WithdrawnAt)
		}
		field("consent", "%s for %s, %s", plain(c.Ref), plain(c.Purpose), state)
	}
	if v.Pseudonym != "" {
		field("pseudonym", "%s", v.Pseudonym)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (a *app) speakersDeleteCommand() *cobra.Command {
	f := databaseFlags{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "delete ID",
		Short: "Destroy a speaker's key, prints and every other trace",
		Long: `Destroy the person's key first, which makes every print of the person unreadable in every copy of the database, then delete
prints, consents, statistics of the voice, watchlist entries and attempts, and rebuild the file so that nothing of them is left in it. What was destroyed
is printed with what cannot be reached, signed, and kept in the audit log under a pseudonym. The key file is changed, too, so that
a copy of the database from before stays shut for this person. It works without the key file as well, where that is lost: the
receipt is then not signed and names no pseudonym.`,
		Args: wantArgs(1, 1, "the id of one speaker"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			p, err := openPrints(ctx, f, anyKeys)
			if err != nil {
				return err
			}
			defer p.close(&err)
			return a.deleteSpeaker(ctx, p, args[0], asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// receipt says what a deletion destroyed.
type receipt struct {
	Speaker          string    `json:"speaker"`
	Pseudonym        string    `json:"pseudonym"`
	Keys             int64     `json:"keys"`
	Voiceprints      int64     `json:"voiceprints"`
	Consents         int64     `json:"consents"`
	VoiceNormals     int64     `json:"voice_normals"`
	WatchlistEntries int64     `json:"watchlist_entries"`
	Attempts         int64     `json:"attempts"`
	DeletedAt        time.Time `json:"deleted_at"`
	AuditSeq         int64     `json:"audit_seq"`

	Proof *identity.Receipt `json:"proof,omitempty"` // signed; absent without the key file
}

func (a *app) deleteSpeaker(ctx context.Context, p *prints, speaker string, asJSON bool) error {
	proof, err := p.destroy(ctx, speaker)
	switch {
	case proof != nil && err != nil:
		return fmt.Errorf("the key and the rows of the speaker are gone, but the file could not be rebuilt: run the command again when nothing else has it open: %w", err)
	case errors.Is(err, store.ErrNotFound): // of one who is gone the file may still hold something
		if e := p.db.Scrub(ctx); e != nil {
			return errors.Join(err, e)
		}
		return fmt.Errorf("%w; the file was rebuilt and holds nothing of who was deleted before", err)
	case err != nil:
		return err
	}
	d := proof.Destroyed
	r := &receipt{Speaker: speaker, Pseudonym: proof.Pseudonym, Keys: d["keys"], Voiceprints: d["voiceprints"], Consents: d["consents"], VoiceNormals: d["voice_normals"],
		WatchlistEntries: d["watchlist_entries"], Attempts: d["attempts"], DeletedAt: proof.DeletedAt, AuditSeq: proof.AuditSeq}
	if proof.Signature != "" {
		r.Proof = proof
	}
	if asJSON {
		return printJSON(a.con.outWriter(), r)
	}
	w := a.con.outWriter()
	_, err = fmt.Fprintf(w, "%s: destroyed %s, %s, %s, %s of a voice, %d watchlist entries, %s\n  receipt: audit entry %d of %s, pseudonym %s\n",
		plain(speaker), count(int(r.Keys), "key"), count(int(r.Voiceprints), "voiceprint"), count(int(r.Consents), "consent"), count(int(r.VoiceNormals), "normal"),
		r.WatchlistEntries, count(int(r.Attempts), "attempt"), r.AuditSeq, r.DeletedAt.UTC().Format(time.RFC3339), orDash(r.Pseudonym != "", func() string { return r.Pseudonym }))
	if err != nil || r.Proof == nil {
		return err
	}
	fmt.Fprintf(w, "  signed with %s (--json shows the signature)\n", r.Proof.PublicKey)
	for _, b := range r.Proof.Beyond {
		fmt.Fprintf(w, "  not reached: %s\n", b)
	}
	return nil
}

// destroy deletes a speaker: with the key file at the desk, which signs the receipt; without it, by the rows alone.
func (p *prints) destroy(ctx context.Context, speaker string) (*identity.Receipt, error) {
	if p.registry == nil {
		return people.DeleteWithoutKeys(ctx, p.db, p.rows.ID(), p.by, speaker)
	}
	return p.decider().Delete(ctx, p.by, speaker, "request")
}
