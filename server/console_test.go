package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/api"
)

// page returns what the console answers.
func (n node) page(t *testing.T, path string, want int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s: status %d, %v, want %d", path, resp.StatusCode, err, want)
	}
	return string(body)
}

func TestConsoleShowsAndPlaysARecordingThatThePolicyKeeps(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	c := config(t.TempDir())
	keep := true
	c.Policy.KeepAudio = &keep
	n := run(t, c)
	recording := testkit.Read(t, testkit.Testdata(t, "calls", "short-call.wav"))
	var j api.Job
	n.request(t, http.MethodPost, "/v1/recordings?name=short.wav&customer_id=c-1", "", bytes.NewReader(recording), 202, &j)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil && j.State != "done" && j.State != "failed" {
		n.request(t, http.MethodGet, "/v1/jobs/"+j.ID, "", nil, 200, &j)
	}
	if j.State != "done" {
		t.Fatalf("job %+v", j)
	}
	if list := n.page(t, "/calls", 200); !strings.Contains(list, "/calls/"+j.InteractionID) {
		t.Error("the call is not in the list")
	}
	if call := n.page(t, "/calls/"+j.InteractionID, 200); !strings.Contains(call, `id="play"`) {
		t.Error("the call has no player")
	}
	if heard := n.page(t, "/calls/"+j.InteractionID+"/audio", 200); heard != string(recording) {
		t.Errorf("%d bytes of audio, want the %d of the recording", len(heard), len(recording))
	}
	n.page(t, "/calls/"+j.InteractionID+"/peaks", 200)
	if rules := n.page(t, "/admin/rules", 200); strings.Contains(rules, "no alert rules to show") {
		t.Error("the page of rules has none to try")
	}
	n.page(t, "/nothing", 404)

	// Events reach the console's own socket, which needs no API key.
	socket, resp, err := websocket.DefaultDialer.DialContext(t.Context(), n.ws()+"/live/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	socket.Close()

	n.request(t, http.MethodDelete, "/v1/interactions/"+j.InteractionID, "", nil, 204, nil)
	left, err := filepath.Glob(filepath.Join(c.DataDir, "audio", "*", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("recordings are left after the deletion: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, "audio", "default")); err != nil {
		t.Errorf("the tenant's folder: %v", err)
	}
}
