package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/timbre-voice/timbre/internal/table"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// calibrateShadow fits on the attempts of a database that a table labels.
func (a *app) calibrateShadow(ctx context.Context, f calibrateFlags) (err error) {
	v, err := loadVoices(f.voiceFlags)
	if err != nil {
		return err
	}
	in, err := os.Open(f.shadow)
	if err != nil {
		return fmt.Errorf("%s: %w", f.shadow, reason(err))
	}
	defer in.Close()
	labels, err := readLabels(in)
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
	t, err := table.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("header: %w, want columns attempt or interaction, and label", err)
	}
	if !t.Has("label") || !t.Has("attempt") && !t.Has("interaction") {
		return nil, fmt.Errorf("header %q, want columns attempt or interaction, label, and if wanted speaker", t.Header())
	}
	out := map[labelKey]*verdict{}
	for row, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		k := labelKey{attempt: row.Value("attempt")}
		if k.attempt == "" {
			k.interaction = row.Value("interaction")
		}
		v := &verdict{speaker: row.Value("speaker"), line: row.Line}
		switch s := row.Value("label"); s {
		case "target":
			v.target = true
		case "nontarget":
		default:
			return nil, fmt.Errorf("line %d: label %q, want target or nontarget", row.Line, s)
		}
		switch {
		case k == labelKey{}:
			return nil, fmt.Errorf("line %d: neither attempt nor interaction, want one", row.Line)
		case out[k] != nil:
			return nil, fmt.Errorf("line %d: stands in line %d, too", row.Line, out[k].line)
		}
		out[k] = v
	}
	return out, nil
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
