package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// cli carries out a command line as main does.
func cli(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// wantExit fails the test unless a command line ended as expected, with a message that has all of what.
func wantExit(t *testing.T, want int, args []string, what ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := cli(t, args...)
	if code != want {
		t.Fatalf("timbre %s: exit status %d, want %d; stderr:\n%s", strings.Join(args, " "), code, want, stderr)
	}
	if want == exitDone && len(what) == 0 && stderr != "" {
		t.Errorf("timbre %s: wrote to stderr: %s", strings.Join(args, " "), stderr)
	}
	for _, w := range what {
		if !strings.Contains(stderr, w) {
			t.Errorf("timbre %s: the message does not say %q:\n%s", strings.Join(args, " "), w, stderr)
		}
	}
	return stdout
}

func call(t *testing.T, name string) string { return testkit.Testdata(t, "calls", name) }
func clip(t *testing.T, name string) string { return testkit.Testdata(t, "audio", name) }

// records reads one record per line.
func records(t *testing.T, lines string) []*interaction.Interaction {
	t.Helper()
	var out []*interaction.Interaction
	for i, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		r, err := interaction.Parse([]byte(line)) // strict: fields, values and the references among them
		if err != nil {
			t.Fatalf("line %d is not a record: %v: %.200s", i+1, err, line)
		}
		if r.Schema != interaction.SchemaID || r.Contact.DurationMs <= 0 {
			t.Errorf("line %d: schema %q, duration %d ms", i+1, r.Schema, r.Contact.DurationMs)
		}
		out = append(out, r)
	}
	return out
}

func TestUsageIsExitStatus2(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "no command given, want one of analyze"},
		{[]string{"analyse"}, `unknown command "analyse", want one of analyze, audit, calibrate, completion, consent, enroll, eval, features, identify, models, policy, serve, speakers, stream, verify, version, watchlist (did you mean analyze?)`},
		{[]string{"eval"}, "no command given, want one of emotion, identification, verification"},
		{[]string{"eval", "verification"}, "eval verification: --trials: not given, want a FILE"},
		{[]string{"eval", "verification", "--trials", "x", "--degrade", "gsm"}, `--degrade: "gsm", want one of none, phone, phone-noisy`},
		{[]string{"eval", "verification", "--trials", "x", "--degrade-test", "gsm"}, `--degrade-test: "gsm"`},
		{[]string{"eval", "verification", "--trials", "x", "--test-seconds", "0"}, "--test-seconds: 0, want above 0"},
		{[]string{"eval", "verification", "--trials", "x", "--det", "x.pdf"}, `--det: "x.pdf", want a name that ends in .png or .svg`},
		{[]string{"eval", "verification", "--trials", "x", "--combine", "sum"}, `--combine: "sum", want pool or average`},
		{[]string{"eval", "verification", "--trials", "x", "--group", "lang"}, "--group without --speakers"},
		{[]string{"eval", "verification", "--trials", "x", "--channel", "-1"}, "--channel: -1, want 0 or more"},
		{[]string{"eval", "identification", "--gallery", "x"}, "eval identification: --probes: not given, want a FILE"},
		{[]string{"calibrate"}, "no command given, want one of csat, emotion, verification"},
		{[]string{"calibrate", "verification", "--trials", "x"}, "--output: not given, want a FILE"},
		{[]string{"verify", "x.wav"}, "--speaker: not given"},
		{[]string{"verify", "--speaker", "a"}, "0 arguments, want one recording"},
		{[]string{"verify", "--speaker", "a", "--fmr", "1", "x.wav"}, "--fmr: 1, want in (0, 1)"},
		{[]string{"verify", "--speaker", "a", "--min-speech", "-1", "x.wav"}, "--min-speech: -1 s, want 0 to 600"},
		{[]string{"speakers", "delete"}, "0 arguments, want the id of one speaker"},
		{[]string{"audit"}, "no command given, want one of verify"},
		{[]string{"models"}, "no command given, want one of info, list, verify"},
		{[]string{"models", "lists"}, `unknown command "lists"`},
		{[]string{"models", "list", "x"}, `unexpected argument "x"`},
		{[]string{"models", "info"}, "0 arguments, want the name or the folder of one model"},
		{[]string{"version", "x"}, `unexpected argument "x"`},
		{[]string{"analyze"}, "0 arguments, want files or folders"},
		{[]string{"analyze", "--colour", "x.wav"}, "unknown flag: --colour"},
		{[]string{"analyze", "--agent-channel", "left", "x.wav"}, "left"},
		{[]string{"analyze", "--agent-channel", "-1", "x.wav"}, "--agent-channel: -1, want 0 or more"},
		{[]string{"analyze", "--agent-channel", "1", "--customer-channel", "1", "x.wav"}, "both 1, want two channels"},
		{[]string{"analyze", "--workers", "0", "x.wav"}, "--workers: 0, want 1 or more"},
		{[]string{"analyze", "--width", "20", "x.wav"}, "--width: 20 columns, want 60 to 250"},
		{[]string{"analyze", "--language", "en_GB", "x.wav"}, `--language: "en_GB", want a BCP 47 tag`},
		{[]string{"analyze", "--json", "--summary", "x.wav"}, "both given"},
		{[]string{"analyze", "-o", "", "x.wav"}, "--output: empty, want a folder"},
		{[]string{"features"}, "0 arguments, want one file"},
		{[]string{"features", "a.wav", "b.wav"}, `unexpected argument "b.wav"`},
		{[]string{"features", "--kind", "plp", "x.wav"}, `--kind: "plp", want one of mfcc, fbank, pitch, vad`},
		{[]string{"features", "--format", "mat", "x.wav"}, `--format: "mat", want one of csv, json, npy`},
		{[]string{"features", "--rate", "11", "x.wav"}, `--rate: "11", want native or 8000 to 48000`},
		{[]string{"features", "--kind", "vad", "--rate", "16000", "x.wav"}, "want 8000"},
		{[]string{"features", "--kind", "pitch", "--preset", "kaldi", "x.wav"}, "presets are of mfcc and fbank"},
		{[]string{"features", "--channel", "-2", "x.wav"}, "--channel: -2, want 0 or more"},
		{[]string{"features", clip(t, "mulaw_stereo_8k.wav")}, "has 2 channels, want --channel 0 to 1"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			if out := wantExit(t, exitUsage, c.args, c.says, " -h' for usage."); out != "" {
				t.Errorf("wrote to standard output: %s", out)
			}
		})
	}
}

func TestHelpOnEveryCommand(t *testing.T) {
	a := &app{con: newConsole(io.Discard, io.Discard)}
	var walk func(c *cobra.Command, path []string)
	n := 0
	walk = func(c *cobra.Command, path []string) {
		n++
		for _, h := range []string{"-h", "--help"} {
			out := wantExit(t, exitDone, append(path, h))
			if !strings.Contains(out, "Usage:") || c.HasParent() && !strings.Contains(out, c.Name()) {
				t.Errorf("timbre %s %s does not say how it is used:\n%s", strings.Join(path, " "), h, out)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub, append(path[:len(path):len(path)], sub.Name()))
		}
	}
	walk(a.rootCommand(), nil)
	if n < 7 {
		t.Errorf("%d commands, want at least 7", n)
	}
}

func TestVersion(t *testing.T) {
	if out := wantExit(t, exitDone, []string{"version"}); !strings.HasPrefix(out, "timbre ") || !strings.Contains(out, interaction.SchemaID) {
		t.Errorf("version prints %q", out)
	}
	var v buildVersion
	if err := json.Unmarshal([]byte(wantExit(t, exitDone, []string{"version", "--json"})), &v); err != nil || v != newBuildVersion() {
		t.Errorf("version --json prints %+v, error %v", v, err)
	}
}

// failingWriter fails once it has taken n bytes, as a pipe does when its reader goes away.
type failingWriter struct{ n int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestBrokenStandardOutput(t *testing.T) {
	audio, model, b := clip(t, "voice_male_en_8k.wav"), seededModel(t, "1.0.0"), newBank(t)
	b.enrol("anna", clip(t, "voice_female_en_8k.wav"))
	for _, args := range [][]string{
		{"analyze", audio},
		{"analyze", "--json", "--workers", "3", audio, call(t, "mono-call.wav"), call(t, "short-call.wav"), clip(t, "voice_male_it_8k.wav")},
		{"features", audio},
		{"features", "--format", "json", audio},
		{"features", "--format", "npy", audio},
		{"models", "list"},
		{"eval", "verification", "--json", "--model", model, "--audio", testkit.Testdata(t, "audio"), "--trials", voiceTrials(t)},
		{"eval", "verification", "--model", model, "--audio", testkit.Testdata(t, "audio"), "--trials", voiceTrials(t)},
		b.args("enroll", "--speaker", "bert", "--consent", "c", "--min-speech", "2", clip(t, "voice_male_en_8k.wav")),
		b.args("verify", "--speaker", "anna", audio),
		b.args("identify", "--json", audio),
		append([]string{"speakers", "list"}, b.store()...),
		append([]string{"speakers", "show", "anna"}, b.store()...),
		append([]string{"audit", "verify"}, b.store()...),
		{"models", "info", vadModel},
		{"models", "verify"},
		{"version"},
		{"version", "--json"},
		{"analyze", "-h"},
	} {
		t.Run(strings.Join(args[:min(len(args), 2)], " "), func(t *testing.T) {
			var errs bytes.Buffer
			code := run(t.Context(), args, &failingWriter{}, &errs)
			if code != exitFailed || !strings.Contains(errs.String(), "standard output: "+io.ErrClosedPipe.Error()) {
				t.Errorf("timbre %v: exit status %d, want 1 and a word on standard output; stderr: %s", args, code, errs.String())
			}
		})
	}
}

// cancellingWriter cancels the run when the first output comes.
type cancellingWriter struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (w *cancellingWriter) Write(p []byte) (int, error) {
	w.cancel()
	return w.Buffer.Write(p)
}

func TestCancelKeepsWhatIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &cancellingWriter{cancel: cancel}
	var errs bytes.Buffer
	args := []string{"analyze", "--json", "--workers", "1", clip(t, "voice_male_en_8k.wav"), call(t, "sample-call.wav"), call(t, "mono-call.wav"),
		call(t, "short-call.wav"), clip(t, "voice_male_it_8k.wav"), clip(t, "voice_female_en_8k.wav"), clip(t, "voice_female_fr_8k.wav")}
	if code := run(ctx, args, w, &errs); code != exitFailed || !strings.Contains(errs.String(), "cancelled after ") {
		t.Errorf("exit status %d, want 1 and the word cancelled; stderr: %s", code, errs.String())
	}
	got := records(t, w.String())
	if len(got) == 0 || len(got) == 7 || got[0].Contact.Source.URI != "voice_male_en_8k.wav" {
		t.Errorf("%d records, want the first and not all 7", len(got))
	}
	if !strings.Contains(errs.String(), "of 7 recordings; what was done is kept") {
		t.Errorf("the message does not say what was done: %s", errs.String())
	}
}

func TestCancelledBeforeTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"analyze", call(t, "short-call.wav")}, &out, &errs); code != exitFailed || out.Len() > 0 || !strings.Contains(errs.String(), "cancelled after 0 of 1 recording") {
		t.Errorf("exit status %d, want 1 and nothing analysed; stdout %q, stderr %q", code, out.String(), errs.String())
	}
}
