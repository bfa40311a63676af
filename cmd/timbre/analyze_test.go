package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
)

func TestAnalyzeReport(t *testing.T) {
	out := wantExit(t, exitDone, []string{"analyze", call(t, "sample-call.wav")})
	for _, want := range []string{
		"Timbre call report  sample-call.wav\n", "mulaw, 8000 Hz, 2 channels", "Channel 0   agent (default)", "Channel 1   customer (default)",
		"--agent-channel 1 swaps them", "\n  AGENT     ", "\n  CUSTOMER  ", "\n  OVERTALK", "\n  NO TALK", "│00:00    │", "♪", "▄",
		"Look here first\n  1  ", "Talk time", "Interrupts the other side", "Time to answer, median", "Pace, syllables per second", "Speech above noise, dB",
		"Sounds that are not speech", "hold music", "Not computed", "motion",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not have %q:\n%s", want, out)
		}
	}
	if flowing := strings.Join(strings.Fields(out), " "); !strings.Contains(flowing, "oice identity (customer): no model for it is loaded; it needs a database of enrolled voices [no_model]") {
		t.Errorf("the report does not say what voice identity needs:\n%s", out)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("the report has colours though standard output is no terminal")
	}
	swapped := wantExit(t, exitDone, []string{"analyze", "--agent-channel", "1", "--agent", "a-17", "--customer", "c-4", "--language", "nl", call(t, "short-call.wav")})
	for _, want := range []string{"Channel 0   customer (as told), c-4", "Channel 1   agent (as told), a-17", "Language    nl"} {
		if !strings.Contains(swapped, want) {
			t.Errorf("the report of swapped channels does not have %q:\n%s", want, swapped)
		}
	}
	ascii := wantExit(t, exitDone, []string{"analyze", "--ascii", "--width", "100", call(t, "short-call.wav")})
	if i := strings.IndexFunc(ascii, func(r rune) bool { return r > '~' }); i >= 0 {
		t.Errorf("--ascii prints %q", ascii[i:i+4])
	}
}

func TestAnalyzeMonoHasNoSidesUntilTold(t *testing.T) {
	path := call(t, "mono-call.wav")
	untold := records(t, wantExit(t, exitDone, []string{"analyze", "--json", path}))[0]
	told := records(t, wantExit(t, exitDone, []string{"analyze", "--json", "--customer-channel", "0", path}))[0]
	if r := untold.Participants[0].Role; r != interaction.RoleUnknown {
		t.Errorf("a mono call has role %q, want unknown", r)
	}
	if r := told.Participants[0].Role; r != interaction.RoleCustomer {
		t.Errorf("a mono call told to be the customer's has role %q", r)
	}
	for r, whats := range map[*interaction.Interaction][]string{untold: {"emotion", "voice"}, told: {"voice"}} {
		want := interaction.CodeSidesNotSeparated
		if r == told {
			want = interaction.CodeNoModel
		}
		for _, what := range whats {
			if !slices.ContainsFunc(r.NotComputed, func(n interaction.NotComputed) bool { return n.What == what && n.Code == want }) {
				t.Errorf("a mono call of role %q: %s is not %s in %+v", r.Participants[0].Role, what, want, r.NotComputed)
			}
		}
	}
	scored := func(s interaction.Segment) bool { return s.Emotion != nil }
	if slices.ContainsFunc(untold.Segments, scored) || !slices.ContainsFunc(told.Segments, scored) {
		t.Error("emotion is not scored where, and only where, the channel is told to be the customer's")
	}
}

// folder makes a folder with recordings good and bad, in several depths.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{
		"a/call.wav": call(t, "short-call.wav"), "a/call.flac": clip(t, "flac_stereo_16k.flac"), "b/call.WAV": clip(t, "voice_male_en_8k.wav"),
		"b/text.wav": clip(t, "text_renamed.wav"), "b/deep/down/voice.mp3": clip(t, "mp3_stereo_44k1.mp3"), "c-empty.wav": clip(t, "empty.wav"),
		"d-silent.wav": clip(t, "silent_call_mulaw_stereo_8k.wav"), "notes.txt": clip(t, "text_renamed.wav"), ".hidden.wav": clip(t, "text_renamed.wav"),
		".git/x.wav": clip(t, "text_renamed.wav"), "e-lying.wav": clip(t, "data_claims_4gib.wav"),
	} {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"b/loop": "..", "b/z-linked.wav": "../a/call.wav", "b/gone.wav": "nowhere.wav"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAnalyzeFolderGoesOn(t *testing.T) {
	dir := folder(t)
	code, out, errs := cli(t, "analyze", "--json", dir)
	if code != exitFailed {
		t.Errorf("exit status %d, want 1", code)
	}
	var got []string
	for _, r := range records(t, out) {
		got = append(got, r.Contact.Source.URI)
	}
	want := []string{"call.flac", "call.wav", "call.WAV", "voice.mp3", "z-linked.wav", "d-silent.wav", "e-lying.wav"}
	if !slices.Equal(got, want) {
		t.Errorf("records of %v, want %v", got, want)
	}
	for _, say := range []string{"analyze: 3 of 10 recordings failed:", "/b/gone.wav: no such file or directory", "/b/text.wav: audio: ", "/c-empty.wav: audio: ", "link to a folder not followed"} {
		if !strings.Contains(errs, say) {
			t.Errorf("the message does not say %q:\n%s", say, errs)
		}
	}
	for _, passed := range []string{"notes.txt", ".hidden", ".git"} {
		if strings.Contains(errs+out, passed) {
			t.Errorf("%s was not passed over:\n%s", passed, errs)
		}
	}
}

// contents reads every file under dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		m[strings.TrimPrefix(path, dir+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAnalyzeOutputDoesNotDependOnTheWorkers(t *testing.T) {
	dir := folder(t)
	var firstOut string
	var firstFiles map[string]string
	for _, workers := range []int{1, 2, 5} {
		for _, form := range []string{"--json", "--summary=false"} {
			into := filepath.Join(t.TempDir(), "new", "folder")
			_, out, errs := cli(t, "analyze", form, "--workers", fmt.Sprint(workers), "-o", into, dir)
			files := contents(t, into)
			if form == "--json" {
				out += regexp.MustCompile(`time=\S+`).ReplaceAllString(errs, "")
			}
			switch {
			case form != "--json":
				if !strings.Contains(out, "recording  ") || strings.Count(out, "Timbre call report") != 7 {
					t.Errorf("%d workers: want 7 reports and a table:\n%s", workers, out)
				}
			case firstFiles == nil:
				firstOut, firstFiles = out, files
				continue
			case out != firstOut:
				t.Errorf("%d workers print something else", workers)
			}
			if !maps.Equal(files, firstFiles) {
				t.Errorf("%d workers write other files", workers)
			}
		}
	}
	want := []string{"call.flac.json", "call.flac.svg", "d-silent.json", "d-silent.svg", "e-lying.json", "e-lying.svg", "voice.json", "voice.svg", "z-linked.json", "z-linked.svg"}
	names := slices.Sorted(maps.Keys(firstFiles))
	for _, w := range want {
		if !slices.Contains(names, w) {
			t.Errorf("wrote %v, want %s among them", names, w)
		}
	}
	if len(names) != 14 {
		t.Errorf("wrote %d files, want 14 and no leftovers: %v", len(names), names)
	}
	for name, text := range firstFiles {
		if strings.HasSuffix(name, ".svg") {
			parseSVG(t, []byte(text))
			continue
		}
		var line bytes.Buffer
		if err := json.Compact(&line, []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(firstOut, line.String()+"\n") {
			t.Errorf("%s is not one of the records on standard output", name)
		}
	}
}

func TestAnalyzeSummaryOfSeveral(t *testing.T) {
	args := []string{"analyze", "--summary", call(t, "short-call.wav"), call(t, "mono-call.wav"), clip(t, "silent_call_mulaw_stereo_8k.wav")}
	out := wantExit(t, exitDone, args)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 5 || strings.Contains(out, "Timbre call report") {
		t.Fatalf("want a head, 3 recordings and a legend:\n%s", out)
	}
	for i, name := range []string{"recording", "short-call.wav", "mono-call.wav", "silent_c"} {
		if !strings.HasPrefix(strings.TrimSpace(lines[i]), name) {
			t.Errorf("line %d is %q, want %s", i+1, lines[i], name)
		}
	}
	wide := wantExit(t, exitDone, append(args, "--width", "140"))
	if !strings.Contains(wide, "look here first") || !strings.Contains(wide, "no speech was found") {
		t.Errorf("a wide table does not say where to look:\n%s", wide)
	}
	for _, l := range strings.Split(out, "\n") {
		if len([]rune(l)) > 80 {
			t.Errorf("a line of %d columns, want at most 80: %q", len([]rune(l)), l)
		}
	}
}

func TestAnalyzeTakesAFileOnce(t *testing.T) {
	path := clip(t, "voice_male_en_8k.wav")
	out := wantExit(t, exitDone, []string{"analyze", "--json", path, filepath.Dir(path) + "/../audio/voice_male_en_8k.wav"}, "named twice")
	if n := len(records(t, out)); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

// TestAnalyzeBadInput asks of each bad file that the message names it, what was found and what was wanted.
func TestAnalyzeBadInput(t *testing.T) {
	for name, says := range map[string]string{
		"empty.wav": "", "text_renamed.wav": "", "html_renamed.wav": "", "random_4096_bytes.wav": "", "zeros_100_bytes.wav": "", "riff_magic_only.wav": "",
		"truncated_in_riff_header.wav": "", "truncated_in_fmt.wav": "fmt", "no_fmt.wav": "fmt", "no_data.wav": "data", "fmt_claims_4gib.wav": "fmt",
		"channels_0.wav": "0 channels", "channels_64.wav": "64 channels", "channels_65535.wav": "65535 channels", "rate_0.wav": "0 Hz", "rate_1.wav": "1 Hz",
		"rate_4294967295.wav": "4294967295 Hz", "bits_12.wav": "12", "tag_1234.wav": "", "riff_avi_renamed.wav": "AVI", "zero_samples_8k.wav": "",
		"vorbis_mono_16k.ogg": "orbis", "opus_channels_0.opus": "0 channels",
	} {
		t.Run(name, func(t *testing.T) {
			path := clip(t, name)
			for _, cmd := range []string{"analyze", "features"} {
				out := wantExit(t, exitFailed, []string{cmd, path}, "timbre: "+path+": ", says)
				if out != "" && cmd == "analyze" {
					t.Errorf("%s prints %q", cmd, out)
				}
			}
			_, _, errs := cli(t, "analyze", path)
			if !regexp.MustCompile(`want|ends|no |not |beyond`).MatchString(errs) {
				t.Errorf("the message does not say what was expected: %s", errs)
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "missing.wav")
	for _, cmd := range []string{"analyze", "features"} {
		wantExit(t, exitFailed, []string{cmd, missing}, "timbre: "+missing+": no such file or directory")
	}
	dir := t.TempDir()
	wantExit(t, exitFailed, []string{"analyze", dir}, dir+": a folder with no recording in 0 files, want a file that ends in one of .wav")
	wantExit(t, exitFailed, []string{"features", dir}, dir+": a folder, want one file")
	stereo := clip(t, "mulaw_stereo_8k.wav")
	wantExit(t, exitFailed, []string{"analyze", "--agent-channel", "2", stereo}, stereo, "channel 2, want 0 to 1")
	wantExit(t, exitFailed, []string{"features", "--channel", "2", stereo}, stereo, "channel 2, want 0 to 1")
	wantExit(t, exitFailed, []string{"analyze", "-o", filepath.Join(stereo, "x"), stereo}, "want a folder to write into")
	wantExit(t, exitFailed, []string{"models", "info", "vad-gru-v99"}, "vad-gru-v99", "want one of ", vadModel)
}

// TestAnalyzeTolerates takes what is damaged but can still be read: a record, with a word on what is wrong.
func TestAnalyzeTolerates(t *testing.T) {
	for _, name := range []string{"truncated_in_data_mono_8k.wav", "data_claims_4gib.wav", "data_length_0_streamed_8k.wav", "truncated_in_frame_stereo_8k.wav"} {
		t.Run(name, func(t *testing.T) {
			r := records(t, wantExit(t, exitDone, []string{"analyze", "--json", clip(t, name)}))[0]
			if len(r.Contact.Media.Warnings) == 0 {
				t.Error("the record has no warning")
			}
			if out := wantExit(t, exitDone, []string{"analyze", clip(t, name)}); !strings.Contains(out, "\n  Caution     ") {
				t.Errorf("the report does not warn:\n%s", out)
			}
		})
	}
	for _, name := range []string{"silent_8k.wav", "silent_call_mulaw_stereo_8k.wav"} {
		r := records(t, wantExit(t, exitDone, []string{"analyze", "--json", clip(t, name)}))[0]
		if len(r.Segments) != 0 || !slices.ContainsFunc(r.NotComputed, func(n interaction.NotComputed) bool { return n.Code == interaction.CodeNoSpeech }) {
			t.Errorf("%s: %d segments, not_computed %+v; want none, and no_speech", name, len(r.Segments), r.NotComputed)
		}
		if out := wantExit(t, exitDone, []string{"analyze", clip(t, name)}); !strings.Contains(out, "No speech was found") {
			t.Errorf("%s: the report does not say that there is no speech:\n%s", name, out)
		}
	}
	r := records(t, wantExit(t, exitDone, []string{"analyze", "--json", clip(t, "all_clipped_8k.wav")}))[0]
	if s := r.Conversation.Channels[0].ClippedShare; s < 0.5 {
		t.Errorf("all_clipped_8k.wav: clipped share %v, want above 0.5", s)
	}
	if out := wantExit(t, exitDone, []string{"analyze", clip(t, "all_clipped_8k.wav")}); !strings.Contains(out, "of the samples are clipped") {
		t.Errorf("the report does not say that the audio is clipped:\n%s", out)
	}
}

func TestAnalyzeReadsEmotionByTheModelThatIsNamed(t *testing.T) {
	path := call(t, "sample-call.wav")
	reader := func(args ...string) string {
		r := records(t, wantExit(t, exitDone, append([]string{"analyze", "--json", path}, args...)))[0]
		if !slices.ContainsFunc(r.Segments, func(s interaction.Segment) bool { return s.Emotion != nil }) {
			t.Errorf("%v: no segment has an emotion", args)
		}
		var names []string
		for _, m := range r.Governance.Models {
			if strings.HasPrefix(m.Name, "emotion-") {
				names = append(names, m.Name+" "+m.LicenceClass)
			}
		}
		return strings.Join(names, ", ")
	}
	if got, want := reader(), analysis.DefaultEmotionModel+" "+models.NonCommercial; got != want {
		t.Errorf("emotion is read by %q, want %q", got, want)
	}
	if got, want := reader("--emotion-model", freeEmotionModel), freeEmotionModel+" "+models.Permissive; got != want {
		t.Errorf("emotion is read by %q, want %q", got, want)
	}
	folder := filepath.Join(t.TempDir(), freeEmotionModel) // one that a site has made
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(testkit.Root(t), "models", freeEmotionModel))); err != nil {
		t.Fatal(err)
	}
	if got, want := reader("--emotion-model", folder), freeEmotionModel+" "+models.Permissive; got != want {
		t.Errorf("emotion is read by %q, want %q", got, want)
	}
	wantExit(t, exitFailed, []string{"analyze", "--emotion-model", vadModel, path}, "--emotion-model", `task "vad", want "emotion"`)
	wantExit(t, exitFailed, []string{"analyze", "--emotion-model", "emotion-none-v1", path}, "--emotion-model", "want one of", freeEmotionModel)
}
