package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/timbre-voice/timbre/server/people"
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
		for _, f := range jobs[i].Files {
			files++
			if info, err := os.Stat(f.Path); err == nil {
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
		r, err := e.hear(ctx, jobs[i], bar)
		return result{r, err}
	}, func(i int, v result) error {
		if ctx.Err() != nil {
			return nil // it was under way when the run was cancelled: nothing of it is kept
		}
		if v.err == nil {
			v.err = e.keep(ctx, v.r)
		}
		if v.err != nil {
			v.r = &enrolled{Speaker: jobs[i].Speaker, Action: "failed", Error: oneLine(v.err), Recordings: []enrolledFile{}}
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
	rows, err := people.ReadBatch(f, e.batchDefaults())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range rows {
		for k := range rows[i].Files {
			if file := &rows[i].Files[k]; !filepath.IsAbs(file.Path) {
				file.Path = filepath.Join(filepath.Dir(path), filepath.FromSlash(file.Path))
			}
		}
	}
	return rows, nil
}

// batchDefaults is what holds for rows that do not tell.
func (e *enroller) batchDefaults() people.BatchDefaults {
	f := &e.flags
	return people.BatchDefaults{Consent: f.consent, ConsentText: f.consentText, ConsentChannel: f.consentChannel, Jurisdiction: f.jurisdiction, Channel: f.channel}
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
		job := e.batchDefaults().Row(entry.Name())
		for _, r := range findRecordings(ctx, []string{filepath.Join(dir, entry.Name())}, e.log) {
			job.Files = append(job.Files, people.BatchFile{Path: r.path, Channel: e.flags.channel}) // one that cannot be read fails when it is heard
		}
		jobs = append(jobs, job)
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("%s: no folder in it, want one of recordings per speaker", dir)
	}
	return jobs, nil
}
