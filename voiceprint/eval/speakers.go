package eval

import (
	"errors"
	"fmt"
	"io"

	"github.com/timbre-voice/timbre/internal/table"
)

// ErrSpeakers is in the errors about who speaks in which file: a contradiction, or a file nobody is named for.
var ErrSpeakers = errors.New("eval: speakers")

// Speakers maps a file of a trial list to the key of its speaker.
type Speakers map[string]string

// SpeakersFromTrials derives the speakers from the labels alone: files joined on one side are one speaker's, and so are the two
// sides of a target trial. Keys are the first file, in order of the list, of each speaker. It returns ErrSpeakers when a
// nontarget trial then compares a speaker with itself: the list contradicts itself.
//
// A speaker whose files no target trial links counts as several. That happens to pure impostors only; intervals come out a
// little narrower than with a table of speakers (ReadSpeakers).
func SpeakersFromTrials(trials []Trial) (Speakers, error) {
	parent := map[string]string{}
	first := map[string]int{} // order of appearance, which decides the key
	find := func(f string) string {
		if _, ok := parent[f]; !ok {
			parent[f], first[f] = f, len(first)
		}
		root := f
		for parent[root] != root {
			root = parent[root]
		}
		for parent[f] != root {
			parent[f], f = root, parent[f]
		}
		return root
	}
	join := func(a, b string) {
		ra, rb := find(a), find(b)
		if first[ra] > first[rb] {
			ra, rb = rb, ra
		}
		parent[rb] = ra
	}
	for _, t := range trials {
		for _, side := range [][]string{t.Enrol, t.Test} {
			for _, f := range side {
				join(side[0], f)
			}
		}
		if t.Target && len(t.Enrol) > 0 && len(t.Test) > 0 {
			join(t.Enrol[0], t.Test[0])
		}
	}
	s := make(Speakers, len(parent))
	for f := range parent {
		s[f] = find(f)
	}
	return s, s.Check(trials)
}

// ReadSpeakers reads a CSV table with a header that names the columns path and speaker, in any place among others.
func ReadSpeakers(r io.Reader) (Speakers, error) {
	t, err := table.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrSpeakers, err)
	}
	if !t.Has("path", "speaker") {
		return nil, fmt.Errorf("%w: header %s, want columns path and speaker", ErrSpeakers, quote(fmt.Sprint(t.Header())))
	}
	s := Speakers{}
	for row, err := range t.Rows() {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSpeakers, err)
		}
		p, who := row.Value("path"), row.Value("speaker")
		if p == "" || who == "" {
			return nil, fmt.Errorf("%w: line %d: path %s, speaker %s, want both", ErrSpeakers, row.Line, quote(p), quote(who))
		}
		if old, ok := s[p]; ok && old != who {
			return nil, fmt.Errorf("%w: line %d: %s is of %s, but was of %s before", ErrSpeakers, row.Line, quote(p), quote(who), quote(old))
		}
		s[p] = who
	}
	return s, nil
}

// Of returns the speaker of one side of a trial, which is one speaker for all of its files, or ErrSpeakers.
func (s Speakers) Of(files []string) (string, error) {
	who := ""
	for i, f := range files {
		k, ok := s[f]
		if !ok {
			return "", fmt.Errorf("%w: no speaker for %s", ErrSpeakers, quote(f))
		}
		if i > 0 && k != who {
			return "", fmt.Errorf("%w: %s and %s are joined but of two speakers", ErrSpeakers, quote(files[0]), quote(f))
		}
		who = k
	}
	if who == "" {
		return "", fmt.Errorf("%w: no files", ErrSpeakers)
	}
	return who, nil
}

// Check returns ErrSpeakers, with the line, for the first trial whose label does not fit its speakers.
func (s Speakers) Check(trials []Trial) error {
	for _, t := range trials {
		e, err := s.Of(t.Enrol)
		if err != nil {
			return fmt.Errorf("line %d: enrolment: %w", t.Line, err)
		}
		x, err := s.Of(t.Test)
		if err != nil {
			return fmt.Errorf("line %d: test: %w", t.Line, err)
		}
		if t.Target != (e == x) {
			return fmt.Errorf("%w: line %d: label target %t, but enrolment is of %s and test of %s", ErrSpeakers, t.Line, t.Target, quote(e), quote(x))
		}
	}
	return nil
}
