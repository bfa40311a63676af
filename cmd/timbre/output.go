package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// outputNames returns one name, without ending, for the output of each path: the file's own where no other file has it, else
// with its ending, else with its folders, else with a number. Names differ in more than upper and lower case, as some file
// systems keep only one of such.
func outputNames(paths []string) []string {
	forms := []func(string) string{
		func(p string) string { b := filepath.Base(p); return strings.TrimSuffix(b, filepath.Ext(b)) },
		filepath.Base,
		func(p string) string {
			p = filepath.ToSlash(filepath.Clean(p))
			return strings.ReplaceAll(strings.Trim(strings.ReplaceAll(p, "../", ""), "/"), "/", "-")
		},
	}
	names := make([]string, len(paths))
	taken := map[string]bool{}
	for _, form := range forms {
		n := map[string]int{}
		for i, p := range paths {
			if names[i] == "" {
				n[strings.ToLower(form(p))]++
			}
		}
		for i, p := range paths {
			if name := form(p); names[i] == "" && n[strings.ToLower(name)] == 1 && !taken[strings.ToLower(name)] && strings.Trim(name, ".") != "" {
				names[i] = name
				taken[strings.ToLower(name)] = true
			}
		}
	}
	for i, p := range paths {
		base := strings.Trim(forms[2](p), ".")
		for k := 1; names[i] == ""; k++ {
			if name := fmt.Sprintf("%s-%d", base, k); !taken[strings.ToLower(name)] {
				names[i] = name
				taken[strings.ToLower(name)] = true
			}
		}
	}
	return names
}

// writeFile writes a file whole or not at all: write fills a temporary file beside it, which then takes its name.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644) // CreateTemp makes it private
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
		return fmt.Errorf("%s: %w", path, reason(err))
	}
	return nil
}

// writeRecord writes r as JSON, on one line where indent is empty.
func writeRecord(w io.Writer, r *interaction.Interaction, indent string) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(r)
}

// writeOutputs writes the JSON record and the SVG timeline of one call into dir.
func writeOutputs(dir, name string, r *interaction.Interaction, env *envelope) error {
	err := writeFile(filepath.Join(dir, name+".json"), func(w io.Writer) error { return writeRecord(w, r, "  ") })
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, name+".svg"), func(w io.Writer) error {
		_, err := w.Write(timelineSVG(r, env))
		return err
	})
}
