package analysis

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
)

func fileOptions(t testing.TB) FileOptions {
	return FileOptions{Channels: RolesUntold(), Permit: policy.Default(), Engine: engineOf(t)}
}

func TestAnalyzeFileIsTheSession(t *testing.T) {
	const path = "../../testdata/calls/short-call.wav"
	o := fileOptions(t)
	o.Agent, o.Customer, o.Language = "a-7", "c-9", "nl"
	var last, total int64
	o.Progress = func(done, all int64) { last, total = done, all }
	tapped := make([]int, 2)
	o.Tap = func(c int, x []float32) { tapped[c] += len(x) }
	r, err := AnalyzeFile(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	jsonOf(t, r)
	x, format := read(t, path)
	if tapped[0] != len(x[0]) || tapped[1] != len(x[1]) {
		t.Errorf("tap saw %v samples, want %d", tapped, len(x[0]))
	}
	if info, _ := os.Stat(path); last != info.Size() || total != info.Size() {
		t.Errorf("progress ended at %d of %d, want %d", last, total, info.Size())
	}
	c := r.Contact
	if c.State != interaction.StateComplete || c.Media.Encoding != format.Encoding || c.Media.Channels != 2 ||
		c.Source.URI != "short-call.wav" || c.Language != "nl" || c.Attributes["channel_roles"] != "default" {
		t.Errorf("contact: %+v", c)
	}
	if p := r.Participants; p[0].Role != interaction.RoleAgent || p[0].ExternalID != "a-7" || p[1].Role != interaction.RoleCustomer || p[1].ExternalID != "c-9" {
		t.Errorf("participants: %+v", p)
	}
	again, err := AnalyzeFile(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(jsonOf(t, r), jsonOf(t, again)) {
		t.Error("the same recording gives another record the second time")
	}
}

func TestRoles(t *testing.T) {
	const agent, customer, unknown = interaction.RoleAgent, interaction.RoleCustomer, interaction.RoleUnknown
	for _, c := range []struct {
		name  string
		roles Roles
		n     int
		want  []interaction.Role
		how   string
		err   string
	}{
		{"two_untold", RolesUntold(), 2, []interaction.Role{agent, customer}, "default", ""},
		{"two_customer_told", Roles{-1, 0}, 2, []interaction.Role{customer, agent}, "told", ""},
		{"two_agent_told", Roles{1, -1}, 2, []interaction.Role{customer, agent}, "told", ""},
		{"mono_untold", RolesUntold(), 1, []interaction.Role{unknown}, "default", ""},
		{"mono_is_one_customer", Roles{-1, 0}, 1, []interaction.Role{customer}, "told", ""},
		{"four_untold", RolesUntold(), 4, []interaction.Role{unknown, unknown, unknown, unknown}, "default", ""},
		{"four_told", Roles{2, 1}, 4, []interaction.Role{unknown, customer, agent, unknown}, "told", ""},
		{"beyond", Roles{-1, 2}, 2, nil, "", "customer channel 2, want 0 to 1: the recording has 2"},
		{"both_on_one", Roles{1, 1}, 2, nil, "", "both on channel 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, how, err := c.roles.assign(c.n, FileOptions{})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil || how != c.how || len(got) != c.n {
				t.Fatalf("%v %q %v", got, how, err)
			}
			for i, ch := range got {
				if ch.Role != c.want[i] || ch.Separated == (c.n == 1 && ch.Role == unknown) {
					t.Errorf("channel %d: %+v, want role %s", i, ch, c.want[i])
				}
			}
		})
	}
}

func TestTruncatedRecordingIsInterrupted(t *testing.T) {
	whole, err := os.ReadFile("../../testdata/calls/short-call.wav")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.wav")
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := AnalyzeFile(t.Context(), path, fileOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	jsonOf(t, r)
	if r.Contact.State != interaction.StateInterrupted || len(r.Contact.Media.Warnings) == 0 || len(r.Segments) == 0 {
		t.Errorf("state %q, warnings %q, %d segments: want interrupted, a warning, and what there was", r.Contact.State, r.Contact.Media.Warnings, len(r.Segments))
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.wav")
	if err := os.WriteFile(text, []byte("this is not audio at all, only its name says so\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.wav")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want error
	}{
		{filepath.Join(dir, "missing.wav"), fs.ErrNotExist},
		{text, audio.ErrFormat},
		{empty, audio.ErrTruncated},
		{dir, nil},
	} {
		_, err := AnalyzeFile(t.Context(), c.path, fileOptions(t))
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), c.path+": ") {
			t.Errorf("%s: %v, want %v with the path in front", c.path, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := AnalyzeFile(ctx, "../../testdata/calls/sample-call.wav", fileOptions(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
