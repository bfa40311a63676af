package server

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/voiceprint"
)

// batchTable is the first file of a batch, and maxBatchTable bounds it.
const (
	batchTable    = "enrol.csv"
	maxBatchTable = 16 << 20
)

var _ api.Batches = (*voices)(nil)

// EnrolBatch implements api.Batches. The recordings wait in a folder of their own until their speaker's turn, and are removed with it.
func (v *voices) EnrolBatch(ctx context.Context, tenant, by string, o api.BatchOptions, body io.Reader, each func(api.BatchResult) error) (api.BatchSummary, error) {
	var sum api.BatchSummary
	d, err := v.desk(tenant)
	if err != nil {
		return sum, err
	}
	if err := v.store.EnsureTenant(ctx, tenant, tenant); err != nil {
		return sum, fault(err)
	}
	dir, err := os.MkdirTemp(v.dir, "batch-")
	if err != nil {
		return sum, fmt.Errorf("server: batch: %w", err)
	}
	defer os.RemoveAll(dir)
	rows, at, err := readBatch(body, dir, people.BatchDefaults{Consent: o.Consent, Channel: -1})
	if err != nil {
		return sum, err
	}
	for _, row := range rows {
		r := v.enrolRow(ctx, d, by, row, people.Existing(o.Existing), at)
		if ctx.Err() != nil {
			return sum, context.Cause(ctx)
		}
		count := map[string]*int{people.Enrolled: &sum.Enrolled, people.Replaced: &sum.Replaced, people.Skipped: &sum.Skipped, batchFailed: &sum.Failed}
		*count[r.Action]++
		sum.Speakers++
		if err := each(r); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// removeBatches removes the recordings that a process which was killed in the middle of a batch left in dir.
func removeBatches(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "batch-*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		return fmt.Errorf("server: batch: %w", err)
	}
	return nil
}

// batchFailed is the action of a speaker who was not enrolled.
const batchFailed = "failed"

// enrolRow enrols one speaker of a batch.
func (v *voices) enrolRow(ctx context.Context, d *people.Desk, by string, row people.BatchRow, existing people.Existing, at map[string]string) api.BatchResult {
	out := api.BatchResult{SpeakerID: row.Speaker, Recordings: []api.BatchFile{}}
	made, err := d.Enrol(ctx, by, row.Request(existing, voiceprint.DefaultEnrol()), func(ctx context.Context) (speech []voiceprint.Speech, err error) {
		for _, f := range row.Files {
			s, err := v.hearFile(ctx, at[f.Path], f.Channel)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Path, err)
			}
			speech = append(speech, s)
			out.Recordings = append(out.Recordings, api.BatchFile{File: f.Path, Reasons: []string{}})
		}
		return speech, nil
	})
	if err != nil {
		out.Action, out.Error = batchFailed, "internal"
		if told := refusal(err); errors.Is(told, api.ErrInvalid) || errors.Is(told, api.ErrForbidden) || errors.Is(told, api.ErrNotFound) || errors.Is(told, api.ErrUnavailable) {
			out.Error = told.Error()
		} else if errors.Is(err, identity.ErrUnknownKey) || errors.Is(err, identity.ErrSealBroken) || errors.Is(err, identity.ErrEnvelope) {
			out.Error = err.Error()
		}
		return out
	}
	out.Action, out.PrintID, out.State, out.Review, out.ConsentRef = made.Action, made.Print.ID, string(made.Print.State), made.Review, made.Print.ConsentRef
	out.NetSpeechMs, out.Sources = made.Print.NetSpeechMs, made.Print.Sources
	for i, r := range made.Recordings {
		f := &out.Recordings[i]
		f.Used, f.NetSpeechMs = r.Used, r.Quality.NetSpeech.Milliseconds()
		for _, why := range r.Reasons {
			f.Reasons = append(f.Reasons, why.Code)
		}
	}
	return out
}

// hearFile hears a recording of a batch; an empty path is one that the batch does not hold.
func (v *voices) hearFile(ctx context.Context, path string, channel int) (voiceprint.Speech, error) {
	if path == "" {
		return voiceprint.Speech{}, fmt.Errorf("%w: recording: not in the batch", api.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return voiceprint.Speech{}, fmt.Errorf("server: batch: %w", err)
	}
	defer f.Close()
	h, err := v.hear(ctx, api.Clip{Audio: f, Channel: channel})
	return h.Speech, err
}

// readBatch reads a batch: its table, and the recordings that the table names into dir. It returns where each of those is. What the
// tar names is never a path here.
func readBatch(body io.Reader, dir string, d people.BatchDefaults) ([]people.BatchRow, map[string]string, error) {
	in := tar.NewReader(body)
	h, err := in.Next()
	if err != nil {
		return nil, nil, badTar(err)
	}
	if tidy(h.Name) != batchTable {
		return nil, nil, fmt.Errorf("%w: batch: the first file is %.80q, want %s", api.ErrInvalid, h.Name, batchTable)
	}
	if h.Size > maxBatchTable {
		return nil, nil, fmt.Errorf("%w: batch: %s of %d bytes, want at most %d", api.ErrTooLarge, batchTable, h.Size, maxBatchTable)
	}
	rows, err := people.ReadBatch(in, d)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: batch: %s: %w", api.ErrInvalid, batchTable, err)
	}
	wanted := map[string]string{} // by tidy name, the name in the table
	for _, r := range rows {
		for _, f := range r.Files {
			wanted[tidy(f.Path)] = f.Path
		}
	}
	at := map[string]string{}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return rows, at, nil
		}
		if err != nil {
			return nil, nil, badTar(err)
		}
		name, ok := wanted[tidy(h.Name)]
		if !ok || h.Typeflag != tar.TypeReg || at[name] != "" {
			continue
		}
		path := filepath.Join(dir, strconv.Itoa(len(at)))
		if err := write(path, in); err != nil {
			return nil, nil, err
		}
		at[name] = path
	}
}

// tidy is a name in a tar or a table, as both mean it.
func tidy(name string) string { return strings.TrimPrefix(filepath.ToSlash(name), "./") }

// badTar words what is wrong with a body; what is wrong with its sender stays as it is.
func badTar(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: batch: %w, want a tar that begins with %s", api.ErrInvalid, err, batchTable)
	}
	return fmt.Errorf("server: batch: %w", err)
}

func write(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("server: batch: %w", err)
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return badTar(err)
	}
	return nil
}
