package server

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

func TestKeptAudio(t *testing.T) {
	dir := t.TempDir()
	k := keptAudio{filepath.Join(dir, "audio")}
	recording := filepath.Join(dir, "upload-1")
	if err := os.WriteFile(recording, []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &interaction.Interaction{Contact: interaction.Contact{ID: "call-1"}}
	if err := k.keep("acme", recording, "Monday.WAV", r); err != nil {
		t.Fatal(err)
	}
	if want := (interaction.Audio{Kept: "timbre", URI: "timbre:call-1.wav"}); r.Contact.Audio != want {
		t.Errorf("audio %+v, want %+v", r.Contact.Audio, want)
	}
	file := filepath.Join(dir, "audio", "acme", "call-1.wav")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("kept file: %v, %v, want one of mode 600", info, err)
	}
	if err := k.forget("other", "call-1"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("another tenant's deletion removed the recording: %v", err)
	}
	if err := k.forget("acme", "call-1"); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 0 {
		t.Errorf("%d files are left, want none", len(left))
	}
	for _, bad := range []struct{ tenant, id string }{{"../x", "call-1"}, {"a/b", "call-1"}, {"acme", "../call-1"}, {"acme", "a/b"}} {
		if err := k.keep(bad.tenant, recording, "x.wav", &interaction.Interaction{Contact: interaction.Contact{ID: bad.id}}); err == nil {
			t.Errorf("kept as tenant %q, call %q", bad.tenant, bad.id)
		}
	}
}
