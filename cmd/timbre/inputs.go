package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// audioExtensions are the endings by which a recording is found in a folder. A file named on the command line is tried
// whatever its name: its format is told from its content.
func audioExtensions() []string {
	return []string{".wav", ".wave", ".rf64", ".flac", ".mp3", ".opus", ".ogg", ".oga"}
}

// recording is one file to analyse, or what stood in the way of finding it.
type recording struct {
	path string
	size int64 // bytes; 0 where unknown
	err  error // it, or the folder it would be in, cannot be read
}

// findRecordings returns the recordings that args name, in the order of args and inside a folder in the order of names. Folders
// are walked recursively; hidden entries are passed over, links to files followed, links to folders not (so a loop is no harm).
// A file that is named twice is taken once.
func findRecordings(ctx context.Context, args []string, log *slog.Logger) []recording {
	var out []recording
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			out = append(out, recording{path: arg, err: fmt.Errorf("%s: %w", arg, reason(err))})
		case !info.IsDir():
			out = append(out, recording{path: arg, size: info.Size()})
		default:
			w := folderWalk{log: log}
			w.walk(ctx, arg)
			if len(w.found) == 0 {
				w.found = []recording{{path: arg, err: fmt.Errorf("%s: a folder with no recording in %s, want a file that ends in one of %s",
					arg, count(w.others, "file"), strings.Join(audioExtensions(), " "))}}
			}
			out = append(out, w.found...)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(r recording) bool {
		key, err := filepath.Abs(r.path)
		if err != nil {
			key = filepath.Clean(r.path)
		}
		twice := seen[key]
		if twice {
			log.Warn("named twice, analysed once", "file", r.path)
		}
		seen[key] = true
		return twice
	})
}

// reason returns what went wrong without the operation and path that package os puts before it; the caller names the path.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError // of a rename
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}

type folderWalk struct {
	log    *slog.Logger
	found  []recording
	others int // files that are no recordings by their name
}

func (w *folderWalk) walk(ctx context.Context, dir string) {
	if ctx.Err() != nil {
		return
	}
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		w.found = append(w.found, recording{path: dir, err: fmt.Errorf("%s: %w", dir, reason(err))})
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		named := slices.Contains(audioExtensions(), strings.ToLower(filepath.Ext(e.Name())))
		if e.IsDir() {
			w.walk(ctx, path)
			continue
		}
		info, err := os.Stat(path) // through a link
		switch {
		case err == nil && info.IsDir():
			w.log.Warn("link to a folder not followed", "path", path)
		case !named || err == nil && !info.Mode().IsRegular():
			w.others++
		case err != nil:
			w.found = append(w.found, recording{path: path, err: fmt.Errorf("%s: %w", path, reason(err))})
		default:
			w.found = append(w.found, recording{path: path, size: info.Size()})
		}
	}
}
