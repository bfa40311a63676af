package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// calibrateShadow fits on the attempts of a database that a table labels.
func (a *app) calibrateShadow(ctx context.Context, f calibrateFlags) (err error) {
	v, err := loadVoices(f.voiceFlags)
	if err != nil {
		return err
	}
	table, err := os.Open(f.shadow)
	if err != nil {
		return fmt.Errorf("%s: %w", f.shadow, reason(err))
	}
	defer table.Close()
	labels, err := readLabels(table)
	if err != nil {
		return fmt.Errorf("%s: %w", f.shadow, err)
	}
	p, err := openPrints(ctx, f.databaseFlags, anyKeys)
	if err != nil {
		return err
	}
	defer p.close(&err)
	trials, unheard, err := judgedTrials(ctx, p.rows, labels)
	if err != nil {
		return err
	}
	if unheard > 0 {
		a.log.Warn("labelled attempts without an LLR, left out", "n", unheard)
	}
	o := voiceprint.DefaultFit()
	o.Data = f.data
	c, err := v.model.Recalibrate(trials, o)
	if err != nil {
		return err
	}
	return a.writeCalibration(f, c)
}

// verdict says what an attempt was in truth.
type verdict struct {
	target  bool
	speaker string // who it was; empty in a nontarget: nobody who is known
	line    int
}

// labelKey names an attempt: by its own id, or by its call.
type labelKey struct{ attempt, interaction string }

// readLabels reads a CSV with a header: attempt or interaction, label, and if wanted speaker.
func readLabels(r io.Reader) (map[labelKey]*verdict, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w, want columns attempt or interaction, and label", err)
	}
	column := func(name string) int { return slices.Index(head, name) }
	if column("label") < 0 || column("attempt") < 0 && column("interaction") < 0 {
		return nil, fmt.Errorf("header %q, want columns attempt or interaction, label, and if wanted speaker", head)
	}
	out := map[labelKey]*verdict{}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		value := func(name string) string {
			if i := column(name); i >= 0 {
				return row[i]
			}
			return ""
		}
		k := labelKey{attempt: value("attempt")}
		if k.attempt == "" {
			k.interaction = value("interaction")
		}
		v := &verdict{speaker: value("speaker"), line: line}
		switch s := value("label"); s {
		case "target":
			v.target = true
		case "nontarget":
		default:
			return nil, fmt.Errorf("line %d: label %q, want target or nontarget", line, s)
		}
		switch {
		case k == labelKey{}:
			return nil, fmt.Errorf("line %d: neither attempt nor interaction, want one", line)
		case out[k] != nil:
			return nil, fmt.Errorf("line %d: stands in line %d, too", line, out[k].line)
		}
		out[k] = v
	}
}

// judgedTrials looks the labelled attempts up; unheard counts those that have no LLR. A label whose attempt is not there is an error.
func judgedTrials(ctx context.Context, rows *store.Tenant, labels map[labelKey]*verdict) (trials []voiceprint.JudgedTrial, unheard int, err error) {
	found := map[labelKey]bool{}
	for at, err := range store.Every(ctx, func(ctx context.Context, page store.Page) (store.List[store.Attempt], error) {
		return rows.Attempts(ctx, "", page)
	}) {
		if err != nil {
			return nil, 0, err
		}
		k := labelKey{attempt: at.ID}
		l := labels[k]
		if l == nil && at.InteractionID != "" {
			k = labelKey{interaction: at.InteractionID}
			l = labels[k]
		}
		if l == nil {
			continue
		}
		found[k] = true
		if at.LLR == nil {
			unheard++
			continue
		}
		t := voiceprint.JudgedTrial{Target: l.target, LLR: *at.LLR, EnrolSpeaker: at.SpeakerID, TestSpeaker: at.SpeakerID}
		switch {
		case l.target && l.speaker != "" && l.speaker != at.SpeakerID:
			return nil, 0, fmt.Errorf("calibrate verification: line %d: a target of speaker %q, but the attempt claims %q", l.line, l.speaker, at.SpeakerID)
		case !l.target && l.speaker == at.SpeakerID:
			return nil, 0, fmt.Errorf("calibrate verification: line %d: a nontarget of speaker %q, whom the attempt claims", l.line, l.speaker)
		case !l.target && l.speaker != "":
			t.TestSpeaker = l.speaker
		case !l.target:
			t.TestSpeaker = "unknown\x00" + at.ID
		}
		trials = append(trials, t)
	}
	for k, l := range labels {
		if !found[k] {
			return nil, 0, fmt.Errorf("calibrate verification: line %d: attempt %q, interaction %q: not in the database", l.line, k.attempt, k.interaction)
		}
	}
	return trials, unheard, nil
}
