package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server"
	"github.com/timbre-voice/timbre/server/api"
)

// serving runs `timbre serve` until the returned function ends it, as a signal would, and returns its address.
func serving(t *testing.T, args ...string) (url string, stop func() (code int, stderr string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var all bytes.Buffer
	var mu sync.Mutex
	address := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		found := regexp.MustCompile(`Timbre listens at (\S+)`)
		b := make([]byte, 4096)
		for {
			n, err := r.Read(b)
			mu.Lock()
			all.Write(b[:n])
			m := found.FindSubmatch(all.Bytes())
			mu.Unlock()
			if m != nil {
				select {
				case address <- string(m[1]):
				default:
				}
			}
			if err != nil {
				return
			}
		}
	}()
	done := make(chan int, 1)
	go func() {
		code := run(ctx, append([]string{"serve"}, args...), io.Discard, w)
		w.Close()
		done <- code
	}()
	stop = sync.OnceValues(func() (int, string) {
		cancel()
		code := <-done
		<-read
		return code, all.String()
	})
	t.Cleanup(func() { stop() })
	select {
	case url = <-address:
	case <-read:
		code, text := stop()
		t.Fatalf("serve ended with %d:\n%s", code, text)
	case <-time.After(time.Minute):
		t.Fatal("serve does not listen")
	}
	return url, stop
}

func get(t *testing.T, url, key string, want int) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s: %s, want %d: %s, %v", url, resp.Status, want, b, err)
	}
	return b
}

// TestServe streams a recording to a server as the two commands do it, and ends the server.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	url, stop := serving(t, "--addr", "127.0.0.1:0", "--data-dir", dir, "--db", filepath.Join(dir, "calls.db"))
	out := wantExit(t, exitDone, []string{"stream", call(t, "short-call.wav"), "--speed", "0", "--call-id", "K-1", "--url", "ws" + strings.TrimPrefix(url, "http") + "/v1/stream"})
	if !strings.Contains(out, `"type":"session_ended"`) {
		t.Errorf("the stream's results have no end:\n%.2000s", out)
	}
	var list api.List[api.Summary]
	if err := json.Unmarshal(get(t, url+"/v1/interactions?contact_id=K-1", "", 200), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, err := interaction.Parse(get(t, url+"/v1/interactions/"+list.Items[0].ID, "", 200)); err != nil {
		t.Error(err)
	}
	code, stderr := stop()
	if code != exitDone || !strings.Contains(stderr, "stopped") {
		t.Errorf("exit status %d:\n%s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "calls.db")); err != nil {
		t.Error(err)
	}
}

// TestServeKeys makes the first key and listens beyond loopback with it.
func TestServeKeys(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"--data-dir", dir}
	beyond := append([]string{"--addr", "0.0.0.0:0", "--accept-model-license"}, flags...)
	wantExit(t, exitFailed, append([]string{"serve", "--addr", "0.0.0.0:0"}, flags...), "emotion-tdnn-v1", "--accept-model-license")
	wantExit(t, exitFailed, append([]string{"serve"}, beyond...), "no API key in force", "timbre serve keys add")
	key := strings.TrimSpace(wantExit(t, exitDone, append([]string{"serve", "keys", "add", "--name", "first", "--scope", "read,ingest"}, flags...)))
	url, stop := serving(t, beyond...)
	url = "http://127.0.0.1" + url[strings.LastIndexByte(url, ':'):]
	get(t, url+"/v1/calls", "", 401)
	get(t, url+"/v1/calls", key, 200)
	get(t, url+"/v1/keys", key, 403)
	if code, stderr := stop(); code != exitDone || strings.Contains(stderr, key) {
		t.Errorf("exit status %d:\n%s", code, stderr)
	}
	out := wantExit(t, exitDone, append([]string{"serve", "keys", "list"}, flags...))
	var k api.Key
	if err := json.Unmarshal([]byte(out), &k); err != nil || k.Name != "first" || strings.Contains(out, key) {
		t.Fatalf("list: %s, %v", out, err)
	}
	wantExit(t, exitDone, append([]string{"serve", "keys", "revoke", k.ID}, flags...))
	wantExit(t, exitFailed, append([]string{"serve", "keys", "revoke", k.ID}, flags...), "not found")
	wantExit(t, exitFailed, append([]string{"serve"}, beyond...), "no API key in force")
}

func TestServeConfiguration(t *testing.T) {
	if out := wantExit(t, exitDone, []string{"serve", "--print-config"}); out != string(server.ExampleConfig()) {
		t.Error("--print-config prints something else than the documented file")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "timbre.yaml")
	if err := os.WriteFile(file, []byte("addr: 127.0.0.1:1\ndata_dir: "+dir+"\nlog: {level: warn}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TIMBRE_CONFIG", file)
	t.Setenv("TIMBRE_ADDR", "127.0.0.1:0") // over the file
	url, stop := serving(t)
	get(t, url+"/healthz", "", 200)
	if code, stderr := stop(); code != exitDone || strings.Contains(stderr, "level=INFO") {
		t.Errorf("exit status %d:\n%s", code, stderr)
	}
	wantExit(t, exitFailed, []string{"serve", "--addr", "nowhere"}, `addr: "nowhere", want host:port`) // over the environment
	t.Setenv("TIMBRE_ACCEPT_MODEL_LICENSE", "perhaps")
	wantExit(t, exitUsage, []string{"serve"}, "TIMBRE_ACCEPT_MODEL_LICENSE")
}

func TestServeUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("adress: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantExit(t, exitFailed, []string{"serve", "--config", missing}, missing, "no such file")
	wantExit(t, exitFailed, []string{"serve", "--config", bad}, "adress")
	wantExit(t, exitFailed, []string{"serve", "--config", t.TempDir()}, "want a file")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"serve", "now"}, `unexpected argument "now"`},
		{[]string{"serve", "keys"}, "no command given, want one of add, list, revoke"},
		{[]string{"serve", "keys", "add"}, "--name: missing"},
		{[]string{"serve", "keys", "add", "--name", "n"}, "--scope: missing"},
		{[]string{"serve", "keys", "add", "--name", "n", "--scope", "root"}, `"root", want some of ingest`},
		{[]string{"serve", "keys", "add", "--name", "n", "--scope", "read", "--expires", "-1h"}, "--expires: -1h0m0s"},
		{[]string{"serve", "keys", "revoke"}, "0 arguments, want the id of one key"},
	} {
		wantExit(t, exitUsage, c.args, c.says)
	}
}

func TestLicencesBeyondLoopback(t *testing.T) {
	for _, c := range []struct {
		model  string
		class  string
		addr   string
		accept bool
		refuse bool
	}{
		{analysis.DefaultEmotionModel, models.NonCommercial, "127.0.0.1:1", false, false},
		{analysis.DefaultEmotionModel, models.NonCommercial, "0.0.0.0:1", true, false},
		{analysis.DefaultEmotionModel, models.NonCommercial, "0.0.0.0:1", false, true},
		{freeEmotionModel, models.Permissive, "0.0.0.0:1", false, false},
	} {
		emotion, err := models.Load(c.model)
		if err != nil {
			t.Fatal(err)
		}
		if got := emotion.Manifest.LicenceClass; got != c.class {
			t.Errorf("%s is of class %s, want %s", c.model, got, c.class)
		}
		held, err := modelsInUse(emotion)
		if err != nil {
			t.Fatal(err)
		}
		cfg := server.DefaultConfig()
		cfg.Addr, cfg.AcceptModelLicense = c.addr, c.accept
		if err := licences(&cfg, held, cfg.Logger(io.Discard)); (err != nil) != c.refuse {
			t.Errorf("%s at %s, accepted %v: %v, want an error: %v", c.model, c.addr, c.accept, err, c.refuse)
		}
	}
}
