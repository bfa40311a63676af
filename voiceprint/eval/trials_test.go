package eval

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadTrials(t *testing.T) {
	const list = "\xef\xbb\xbf# a comment\r\n" +
		"target a/1.wav,a/2.wav a/3.wav\r\n" +
		"\n" +
		"  \t\n" +
		"0\ta/1.wav \t b/1.wav,b/2.wav\n" +
		"  # another\n" +
		"1 a/1.wav a/1.wav\n" +
		"nontarget c\u00a0d.wav \xff.wav" // a no-break space and a byte that is not UTF-8 belong to a name; no line end
	got, err := ReadTrials(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	want := []Trial{
		{true, []string{"a/1.wav", "a/2.wav"}, []string{"a/3.wav"}, 2},
		{false, []string{"a/1.wav"}, []string{"b/1.wav", "b/2.wav"}, 5},
		{true, []string{"a/1.wav"}, []string{"a/1.wav"}, 7},
		{false, []string{"c\u00a0d.wav"}, []string{"\xff.wav"}, 8},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got[0].EnrolKey() != "a/1.wav,a/2.wav" || got[1].TestKey() != "b/1.wav,b/2.wav" {
		t.Errorf("keys %q and %q", got[0].EnrolKey(), got[1].TestKey())
	}
	if got[0].SharesFile() || !got[2].SharesFile() {
		t.Error("SharesFile: want it for the third trial only")
	}
}

func TestReadTrialsErrors(t *testing.T) {
	long := strings.Repeat("x", MaxLineBytes)
	for _, c := range []struct{ name, list, want string }{
		{"label", "target a b\nyes a b\n", `eval: trial list: line 2: label "yes", want target, nontarget, 1 or 0`},
		{"label_case", "Target a b", `eval: trial list: line 1: label "Target", want target, nontarget, 1 or 0`},
		{"two_fields", "target a", "eval: trial list: line 1: 2 fields, want 3: label, enrolment files, test files"},
		{"four_fields", "\n\n1 a b c", "eval: trial list: line 3: 4 fields, want 3: label, enrolment files, test files"},
		{"empty_enrolment", "1 a,,c b", `eval: trial list: line 1: enrolment "a,,c" holds an empty name, want FILE[,FILE...]`},
		{"empty_test", "1 a b,", `eval: trial list: line 1: test "b," holds an empty name, want FILE[,FILE...]`},
		{"zero_byte", "1 a\x00 b", "eval: trial list: line 1: a zero byte, want text"},
		{"nothing", "", "eval: trial list: no trial in 0 lines, want at least one"},
		{"comments_only", "# a\n\n", "eval: trial list: no trial in 2 lines, want at least one"},
		{"long_line", "1 a b\n1 a " + long, "eval: trial list: line 2: longer than 65536 bytes, want a shorter line"},
		{"long_line_with_end", "1 a " + long + "\r\n1 a b\n", "eval: trial list: line 1: longer than 65536 bytes, want a shorter line"},
		{"value_cut", strings.Repeat("y", 100) + " a b", `eval: trial list: line 1: label "` + strings.Repeat("y", 60) + `"..., want target, nontarget, 1 or 0`},
		{"two_faults", "x a b\n1 a b\n1 a", "eval: trial list: line 1: label \"x\", want target, nontarget, 1 or 0\neval: trial list: line 3: 2 fields, want 3: label, enrolment files, test files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadTrials(strings.NewReader(c.list))
			if err == nil || err.Error() != c.want {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if got != nil || !errors.Is(err, ErrTrialList) {
				t.Errorf("%v, %v: want no trials and ErrTrialList", got, err)
			}
		})
	}
	t.Run("stops_after_ten", func(t *testing.T) {
		_, err := ReadTrials(strings.NewReader(strings.Repeat("bad\n", 1000)))
		if n := strings.Count(err.Error(), "\n") + 1; n != 11 || !strings.HasSuffix(err.Error(), "stopped after 10 bad lines") {
			t.Errorf("%d lines of error, want 10 and a last word:\n%v", n, err)
		}
		var line *LineError
		if !errors.As(err, &line) || line.Line != 1 {
			t.Errorf("first line error %v, want line 1", line)
		}
	})
	t.Run("reader_fails", func(t *testing.T) {
		_, err := ReadTrials(io.MultiReader(strings.NewReader("1 a b\n"), failing{}))
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrTrialList) {
			t.Errorf("%v, want the reader's own error", err)
		}
	})
	t.Run("longest_line", func(t *testing.T) {
		line := "1 a " + long[:MaxLineBytes-4]
		if got, err := ReadTrials(strings.NewReader(line + "\r\n")); err != nil || len(got) != 1 {
			t.Errorf("line of %d bytes and a line end: %d trials, %v", len(line), len(got), err)
		}
	})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func FuzzReadTrials(f *testing.F) {
	for _, s := range []string{"target a,b c\n0 a d\n", "# x\n\n1 a b", "\xef\xbb\xbf1\ta\tb\r\n", "1 a,, b\nnontarget\n", "1 a b\x00", "2 a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		trials, err := ReadTrials(strings.NewReader(list))
		if err != nil {
			if trials != nil || !errors.Is(err, ErrTrialList) {
				t.Fatalf("%d trials with %v, want none and ErrTrialList", len(trials), err)
			}
			return
		}
		var b strings.Builder
		for i, tr := range trials {
			if len(tr.Enrol) == 0 || len(tr.Test) == 0 || i > 0 && tr.Line <= trials[i-1].Line {
				t.Fatalf("trial %d: %+v", i, tr)
			}
			fmt.Fprintln(&b, tr)
		}
		if len(list) > MaxLineBytes-10 {
			return // "1" is written back as "target": a line at the limit would pass it
		}
		again, err := ReadTrials(strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("written and read again: %v", err)
		}
		for i := range again {
			again[i].Line = trials[i].Line
		}
		if d := cmp.Diff(trials, again); d != "" {
			t.Fatalf("written and read again (-want +got):\n%s", d)
		}
		// Either the labels fit together or the contradiction is told; never a crash.
		if s, err := SpeakersFromTrials(trials); err == nil && s.Check(trials) != nil {
			t.Fatal("speakers that contradict their own trials")
		}
	})
}

func TestSpeakersFromTrials(t *testing.T) {
	trials := []Trial{
		{true, []string{"a1", "a2"}, []string{"a3"}, 1},
		{true, []string{"a3"}, []string{"a4"}, 2}, // linked through a3
		{false, []string{"a4"}, []string{"b1", "b2"}, 3},
		{false, []string{"c1"}, []string{"b2"}, 4},
	}
	s, err := SpeakersFromTrials(trials)
	if err != nil {
		t.Fatal(err)
	}
	want := Speakers{"a1": "a1", "a2": "a1", "a3": "a1", "a4": "a1", "b1": "b1", "b2": "b1", "c1": "c1"}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	_, err = SpeakersFromTrials(append(trials, Trial{false, []string{"a1"}, []string{"a4"}, 5}))
	if !errors.Is(err, ErrSpeakers) || !strings.Contains(err.Error(), "line 5") {
		t.Errorf("%v, want ErrSpeakers at line 5", err)
	}
}

func TestReadSpeakers(t *testing.T) {
	s, err := ReadSpeakers(strings.NewReader("path,sec,speaker\na1,3,anna\na2,4,anna\nb1,5,\"b, bert\"\na1,3,anna\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Speakers{"a1": "anna", "a2": "anna", "b1": "b, bert"}, s); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if who, err := s.Of([]string{"a1", "a2"}); who != "anna" || err != nil {
		t.Errorf("%q, %v, want anna", who, err)
	}
	for _, files := range [][]string{{"a1", "b1"}, {"zz"}, nil} {
		if _, err := s.Of(files); !errors.Is(err, ErrSpeakers) {
			t.Errorf("%v: %v, want ErrSpeakers", files, err)
		}
	}
	if err := s.Check([]Trial{{true, []string{"a1"}, []string{"a2"}, 1}, {true, []string{"a1"}, []string{"b1"}, 2}}); !errors.Is(err, ErrSpeakers) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v, want ErrSpeakers at line 2", err)
	}
	for name, table := range map[string]string{
		"empty": "", "no_column": "path,who\na,b\n", "no_speaker": "path,speaker\na,\n", "two_speakers": "path,speaker\na,x\na,y\n", "fields": "path,speaker\na\n",
	} {
		if _, err := ReadSpeakers(strings.NewReader(table)); !errors.Is(err, ErrSpeakers) {
			t.Errorf("%s: %v, want ErrSpeakers", name, err)
		}
	}
}
