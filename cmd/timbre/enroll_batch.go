package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// batchReport is the job report of timbre enroll --batch.
type batchReport struct {
	Speakers int         `json:"speakers"`
	Enrolled int         `json:"enrolled"`
	Replaced int         `json:"replaced"`
	Skipped  int         `json:"skipped"`
	Failed   int         `json:"failed"`
	Results  []*enrolled `json:"results"` // in the order of the batch
}

// batch enrols every speaker of a CSV or a folder. Speakers are heard side by side and stored one after another.
func (e *enroller) batch(ctx context.Context) error {
	jobs, err := e.readBatch(ctx)
	if err != nil {
		return err
	}
	var bytes int64
	files := 0
	for i := range jobs {
		for _, f := range jobs[i].files {
			files++
			if info, err := os.Stat(f.path); err == nil {
				bytes += info.Size()
			}
		}
	}
	bar := newProgress(e.con, "enrolling", files, bytes)
	type result struct {
		r   *enrolled
		err error
	}
	report := batchReport{Speakers: len(jobs), Results: []*enrolled{}}
	workers := runtime.GOMAXPROCS(0)
	done, err := ordered(ctx, len(jobs), workers, 4*workers, func(ctx context.Context, i int) result {
		r, err := e.batchOne(ctx, jobs[i], bar)
		return result{r, err}
	}, func(i int, v result) error {
		if ctx.Err() != nil {
			return nil // it was under way when the run was cancelled: nothing of it is kept
		}
		if v.err == nil && v.r.Action != "skipped" {
			v.err = e.keep(ctx, jobs[i], v.r)
		}
		if v.err != nil {
			v.r = &enrolled{Speaker: jobs[i].speaker, Action: "failed", Error: oneLine(v.err), Recordings: []enrolledFile{}}
		}
		report.add(v.r)
		return nil
	})
	bar.end()
	if err != nil {
		return err
	}
	w := e.con.outWriter()
	if e.flags.json {
		err = printJSON(w, report)
	} else {
		err = report.writeText(w)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("enroll: cancelled after %d of %s; what was done is kept", done, count(len(jobs), "speaker"))
	case report.Failed > 0:
		return fmt.Errorf("enroll: %d of %s failed", report.Failed, count(len(jobs), "speaker"))
	}
	return nil
}

// batchOne hears one speaker of a batch, unless a print is there that is to stay.
func (e *enroller) batchOne(ctx context.Context, job enrolJob, bar *progress) (*enrolled, error) {
	if job.consent == "" {
		return nil, fmt.Errorf("enroll: speaker %q: no consent, want a consent column or --consent", job.speaker)
	}
	if e.flags.existing == "skip" {
		have, _, err := e.prints.of(ctx, job.speaker, e.voices.model.ID())
		if err != nil {
			return nil, err
		}
		if have != nil {
			m := modelOf(have.print.Model)
			return &enrolled{Speaker: job.speaker, Action: "skipped", ID: have.row.ID, Model: &m, ConsentRef: have.row.ConsentRef,
				NetSpeechMs: have.row.NetSpeechMs, SNRdB: have.row.SNRdB, Sources: have.row.Sources, Recordings: []enrolledFile{}}, nil
		}
	}
	return e.hear(ctx, job, bar)
}

func (r *batchReport) add(v *enrolled) {
	r.Results = append(r.Results, v)
	switch v.Action {
	case "enrolled":
		r.Enrolled++
	case "replaced":
		r.Replaced++
	case "skipped":
		r.Skipped++
	case "failed":
		r.Failed++
	}
}

func (r *batchReport) writeText(w io.Writer) error {
	for _, v := range r.Results {
		var err error
		switch v.Action {
		case "failed":
			_, err = fmt.Fprintf(w, "%s: failed: %s\n", plain(v.Speaker), v.Error)
		case "skipped":
			_, err = fmt.Fprintf(w, "%s: skipped, has a print of %.1f s of speech\n", plain(v.Speaker), seconds(v.NetSpeechMs))
		default:
			err = v.writeText(w)
		}
		if err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s: %d enrolled, %d replaced, %d skipped, %d failed\n", count(r.Speakers, "speaker"), r.Enrolled, r.Replaced, r.Skipped, r.Failed)
	return err
}

// readBatch returns the jobs of a CSV or a folder.
func (e *enroller) readBatch(ctx context.Context) ([]enrolJob, error) {
	path := e.flags.batch
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	if info.IsDir() {
		return e.batchFolder(ctx, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, reason(err))
	}
	defer f.Close()
	jobs, err := e.batchCSV(f, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return jobs, nil
}

// batchFolder takes every folder in dir as one speaker.
func (e *enroller) batchFolder(ctx context.Context, dir string) ([]enrolJob, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, reason(err))
	}
	var jobs []enrolJob
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		job := enrolJob{speaker: entry.Name(), consent: e.flags.consent}
		for _, r := range findRecordings(ctx, []string{filepath.Join(dir, entry.Name())}, e.log) {
			job.files = append(job.files, enrolFile{r.path, e.flags.channel}) // one that cannot be read fails when it is heard
		}
		jobs = append(jobs, job)
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("%s: no folder in it, want one of recordings per speaker", dir)
	}
	return jobs, nil
}

// batchCSV reads rows of speaker and path, and if wanted consent, channel and name. Paths are relative to dir. The rows of one
// speaker need not follow each other; what is said of the person in several rows must agree.
func (e *enroller) batchCSV(r io.Reader, dir string) ([]enrolJob, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w, want columns speaker and path", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	column := func(name string) int { return slices.Index(head, name) }
	if column("speaker") < 0 || column("path") < 0 {
		return nil, fmt.Errorf("header %q, want columns speaker and path, and if wanted consent, channel, name", head)
	}
	var jobs []enrolJob
	at := map[string]int{}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
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
		who, file := value("speaker"), value("path")
		if who == "" || file == "" {
			return nil, fmt.Errorf("line %d: speaker %q, path %q, want both", line, who, file)
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, filepath.FromSlash(file))
		}
		channel := e.flags.channel
		if s := value("channel"); s != "" {
			if channel, err = strconv.Atoi(s); err != nil || channel < 0 {
				return nil, fmt.Errorf("line %d: channel %q, want 0 or more", line, s)
			}
		}
		i, ok := at[who]
		if !ok {
			i = len(jobs)
			at[who] = i
			jobs = append(jobs, enrolJob{speaker: who, consent: e.flags.consent})
			if s := value("consent"); s != "" {
				jobs[i].consent = s
			}
			jobs[i].name = value("name")
		}
		if s := value("consent"); s != "" && s != jobs[i].consent {
			return nil, fmt.Errorf("line %d: consent %q of speaker %q, was %q before", line, s, who, jobs[i].consent)
		}
		jobs[i].files = append(jobs[i].files, enrolFile{file, channel})
	}
	if len(jobs) == 0 {
		return nil, errors.New("no rows, want at least one")
	}
	return jobs, nil
}
