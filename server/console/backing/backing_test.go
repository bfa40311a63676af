package backing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/console"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func record(kept, uri string) *interaction.Interaction {
	return &interaction.Interaction{Contact: interaction.Contact{ID: "x", Tenant: "acme", DurationMs: 89_430, Audio: interaction.Audio{Kept: kept, URI: uri}}}
}

// kept returns the audio of a folder that holds the sample call.
func kept(t *testing.T) *Audio {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "acme"), 0o700); err != nil {
		t.Fatal(err)
	}
	wav := testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))
	for _, name := range []string{"acme/call.wav", "secret.wav"} {
		if err := os.WriteFile(filepath.Join(dir, name), wav, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return NewAudio(AudioOptions{Dir: dir})
}

func TestAudioStaysInItsFolder(t *testing.T) {
	a := kept(t)
	for uri, want := range map[string]string{"timbre:call.wav": "", "timbre:../secret.wav": "audio.missing", "timbre:/etc/passwd": "audio.missing",
		"timbre:none.wav": "audio.missing", "file:call.wav": "audio.missing", "": "audio.missing"} {
		if got := a.Available(t.Context(), record("timbre", uri)); got != want {
			t.Errorf("%q is %q, want %q", uri, got, want)
		}
	}
	other := record("timbre", "timbre:call.wav")
	other.Contact.Tenant = "../acme"
	if a.Available(t.Context(), other) == "" {
		t.Error("a tenant's name leads out of the folder")
	}
	if err := os.Symlink(filepath.Join(a.opts.Dir, "secret.wav"), filepath.Join(a.opts.Dir, "acme", "link.wav")); err != nil {
		t.Fatal(err)
	}
	if a.Available(t.Context(), record("timbre", "timbre:link.wav")) == "" {
		t.Error("a link leads out of the folder")
	}
}

func TestServeAnswersRanges(t *testing.T) {
	a := kept(t)
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Range", "bytes=0-99")
	w := httptest.NewRecorder()
	if err := a.Serve(w, req, record("timbre", "timbre:call.wav")); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusPartialContent || w.Body.Len() != 100 || w.Header().Get("Content-Type") != "audio/wav" {
		t.Errorf("status %d, %d bytes of %s, want 206 and 100 of audio/wav", w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
	}
}

func TestLinkedAudioIsProxiedFromKnownHostsAlone(t *testing.T) {
	wav := testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			fmt.Fprint(w, "<script>alert(1)</script>")
		case "/moved":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		default:
			http.ServeContent(w, r, "call.wav", testTime, bytes.NewReader(wav))
		}
	}))
	defer platform.Close()
	host, err := url.Parse(platform.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := NewAudio(AudioOptions{Hosts: []string{host.Host}})
	defer a.opts.Client.CloseIdleConnections()
	get := func(uri, part string) (*httptest.ResponseRecorder, error) {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		if part != "" {
			req.Header.Set("Range", part)
		}
		w := httptest.NewRecorder()
		return w, a.Serve(w, req, record("external", uri))
	}
	w, err := get(platform.URL+"/call.wav", "bytes=44-143")
	if err != nil || w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), wav[44:144]) {
		t.Errorf("range: %v, status %d, %d bytes", err, w.Code, w.Body.Len())
	}
	if w, err := get(platform.URL+"/page", ""); err != nil || w.Header().Get("Content-Type") != "application/octet-stream" {
		t.Errorf("a page: %v, %s, want no page under our name", err, w.Header().Get("Content-Type"))
	}
	for _, bad := range []string{"http://169.254.169.254/latest", "file:///etc/passwd", "http://user@" + host.Host + "/call.wav", platform.URL + "/moved", "://"} {
		if w, err := get(bad, ""); !errors.Is(err, console.ErrNotFound) || w.Body.Len() > 0 {
			t.Errorf("%s: %v, want it refused", bad, err)
		}
	}
	x, err := a.Peaks(t.Context(), record("external", platform.URL+"/call.wav"), 100)
	if err != nil || len(x) != 2 {
		t.Errorf("peaks of a linked recording: %d channels, %v", len(x), err)
	}
}

// TestPeaksAreTheLargestMagnitudes compares with all samples at once.
func TestPeaksAreTheLargestMagnitudes(t *testing.T) {
	a := kept(t)
	const n = 333
	got, err := a.Peaks(t.Context(), record("timbre", "timbre:call.wav"), n)
	if err != nil {
		t.Fatal(err)
	}
	x, f, _, err := audio.ReadAll(bytes.NewReader(testkit.Read(t, testkit.Testdata(t, "calls", "sample-call.wav"))), 0)
	if err != nil {
		t.Fatal(err)
	}
	total := 89_430 * f.Rate / 1000
	for ch := range x {
		want := make([]float32, n)
		for i, v := range x[ch] {
			if k := i * n / total; k < n {
				want[k] = max(want[k], float32(math.Abs(float64(v))))
			}
		}
		for k := range want {
			if want[k] != got[ch][k] {
				t.Fatalf("channel %d, part %d: %g, want %g", ch, k, got[ch][k], want[k])
			}
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Peaks(ended, record("timbre", "timbre:call.wav"), n); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a reader that left, want canceled", err)
	}
}

var testTime = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
