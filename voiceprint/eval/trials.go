package eval

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxLineBytes is the longest line that ReadTrials takes, the line end not counted: room for some hundred files a side.
const MaxLineBytes = 64 << 10

// maxLineErrors is how many bad lines ReadTrials reports before it gives up.
const maxLineErrors = 10

// ErrTrialList is in every error that ReadTrials returns for what a list says (and not for a failing reader).
var ErrTrialList = errors.New("eval: trial list")

// LineError is one bad line of a trial list. It unwraps to ErrTrialList.
type LineError struct {
	Line int    // from 1
	What string // the fault, with the value and what was expected
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%v: line %d: %s", ErrTrialList, e.Line, e.What)
}

func (e *LineError) Unwrap() error { return ErrTrialList }

// Trial is one line of a trial list: is the speaker of Test the one of Enrol?
type Trial struct {
	Target bool
	Enrol  []string // one or more files, joined into one enrolment
	Test   []string // one or more files, joined into one test
	Line   int      // where it stood in the list, from 1; 0 when it came from elsewhere
}

// String returns the line that ReadTrials reads back into the same trial.
func (t Trial) String() string {
	label := "nontarget"
	if t.Target {
		label = "target"
	}
	return label + " " + t.EnrolKey() + " " + t.TestKey()
}

// EnrolKey names the enrolment: the comma list of its files. Trials with equal keys share one enrolment.
func (t Trial) EnrolKey() string { return strings.Join(t.Enrol, ",") }

// TestKey names the test: the comma list of its files.
func (t Trial) TestKey() string { return strings.Join(t.Test, ",") }

// SharesFile reports whether a file stands on both sides. Such a trial compares a recording with itself and flatters the result.
func (t Trial) SharesFile() bool {
	return slices.ContainsFunc(t.Enrol, func(f string) bool { return slices.Contains(t.Test, f) })
}

// ReadTrials reads a trial list: lines of
//
//	target|nontarget|1|0 ENROL[,ENROL...] TEST[,TEST...]
//
// with fields separated by spaces or tabs, so a file name holds neither of them, nor a comma. Empty lines and lines that start
// with # are skipped; CR LF line ends and a UTF-8 byte order mark are taken. File names are not touched or looked up.
//
// The error joins up to ten *LineError, each with ErrTrialList; a list without a trial is ErrTrialList too. Trials are returned
// only without an error.
func ReadTrials(r io.Reader) ([]Trial, error) {
	var (
		trials []Trial
		errs   []error
	)
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), MaxLineBytes+2) // CR and LF are beyond the limit
	line := 0
	for sc.Scan() {
		line++
		b := sc.Bytes()
		if line == 1 {
			b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		}
		if len(b) > MaxLineBytes {
			errs = append(errs, tooLong(line))
			break
		}
		t, ok, fault := parseTrial(string(b))
		switch {
		case fault != "":
			errs = append(errs, &LineError{Line: line, What: fault})
		case ok:
			t.Line = line
			trials = append(trials, t)
		}
		if len(errs) == maxLineErrors {
			errs = append(errs, fmt.Errorf("%w: stopped after %d bad lines", ErrTrialList, maxLineErrors))
			break
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		errs = append(errs, tooLong(line+1))
	case err != nil:
		errs = append(errs, fmt.Errorf("eval: trial list: line %d: %w", line+1, err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(trials) == 0 {
		return nil, fmt.Errorf("%w: no trial in %d lines, want at least one", ErrTrialList, line)
	}
	return trials, nil
}

func tooLong(line int) error {
	return &LineError{Line: line, What: fmt.Sprintf("longer than %d bytes, want a shorter line", MaxLineBytes)}
}

// parseTrial reads one line; ok is false for an empty line and for a comment, fault is not empty for a bad one.
func parseTrial(s string) (t Trial, ok bool, fault string) {
	// Not strings.Fields: a file name may hold a no-break space or bytes that are not UTF-8.
	f := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
	if len(f) == 0 || f[0][0] == '#' {
		return t, false, ""
	}
	if strings.IndexByte(s, 0) >= 0 {
		return t, false, "a zero byte, want text"
	}
	switch f[0] {
	case "target", "1":
		t.Target = true
	case "nontarget", "0":
	default:
		return t, false, fmt.Sprintf("label %s, want target, nontarget, 1 or 0", quote(f[0]))
	}
	if len(f) != 3 {
		return t, false, fmt.Sprintf("%d fields, want 3: label, enrolment files, test files", len(f))
	}
	t.Enrol, t.Test = strings.Split(f[1], ","), strings.Split(f[2], ",")
	if slices.Contains(t.Enrol, "") {
		return t, false, fmt.Sprintf("enrolment %s holds an empty name, want FILE[,FILE...]", quote(f[1]))
	}
	if slices.Contains(t.Test, "") {
		return t, false, fmt.Sprintf("test %s holds an empty name, want FILE[,FILE...]", quote(f[2]))
	}
	return t, true, ""
}

// quote quotes outside text for an error, cut to a length that a terminal bears.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
