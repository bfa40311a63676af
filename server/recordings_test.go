package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/store"
)

// TestKeptAudio streams a call under a policy that keeps the audio, and holds that what is given out is what was streamed, that it
// was written down who listened, and that nothing is left once the record is deleted.
func TestKeptAudio(t *testing.T) {
	dir := t.TempDir()
	c := config(dir)
	keep, days := true, 30
	c.Policy.KeepAudio, c.Policy.RetentionDays = &keep, &days
	n := run(t, c)
	heard := n.listen(t, "/v1/events", "")
	if err := play(t, n, "generic", "/v1/stream", "CA7", 0, nil); err != nil {
		t.Fatal(err)
	}
	ended := next(t, heard, of(interaction.EventSessionEnded))
	path := "/v1/interactions/" + ended.CallID
	var r interaction.Interaction
	n.request(t, http.MethodGet, path, "", nil, 200, &r)
	kept := r.Contact.Audio
	if kept.Kept != "timbre" || kept.URI != "timbre:"+ended.CallID+".wav" || kept.ExpiresAt == nil || r.Governance.RetentionUntil == nil || !kept.ExpiresAt.Equal(*r.Governance.RetentionUntil) {
		t.Errorf("audio %+v, retention until %v", kept, r.Governance.RetentionUntil)
	}

	get := func(part string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL()+path+"/audio", nil)
		if err != nil {
			t.Fatal(err)
		}
		if part != "" {
			req.Header.Set("Range", part)
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, b
	}
	resp, whole := get("")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "audio/wav" || resp.Header.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
	}
	x, format, _, err := audio.ReadAll(bytes.NewReader(whole), 0)
	if err != nil || len(x) != 2 || format.Encoding != "mulaw" || format.Rate != 8000 {
		t.Fatalf("%+v, %d channels, %v", format, len(x), err)
	}
	agent, customer := call(t, "short-call.wav")
	for channel, want := range [][]float32{customer, agent} { // the order of the stream
		if len(x[channel]) < len(want) {
			t.Fatalf("channel %d: %d samples, want %d", channel, len(x[channel]), len(want))
		}
		for i := range want {
			if x[channel][i] != want[i] {
				t.Fatalf("channel %d, sample %d: %g, want %g", channel, i, x[channel][i], want[i])
			}
		}
	}
	for _, p := range []struct {
		part   string
		status int
		want   []byte
	}{
		{"bytes=0-99", 206, whole[:100]}, {"bytes=1000-1999", 206, whole[1000:2000]}, {"bytes=-10", 206, whole[len(whole)-10:]},
	} {
		if resp, b := get(p.part); resp.StatusCode != p.status || !bytes.Equal(b, p.want) {
			t.Errorf("%s: status %d, %d bytes, want %d and %d", p.part, resp.StatusCode, len(b), p.status, len(p.want))
		}
	}
	if resp, _ := get("bytes=99999999-"); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond the end: status %d, want 416", resp.StatusCode)
	}
	log, err := n.store.Tenant("default").Audit(t.Context(), ended.CallID, store.Page{})
	if err != nil || len(log.Items) != 2 || log.Items[0].Action != "listen" {
		t.Errorf("audit %+v, %v, want that it was listened to from the start twice", log.Items, err)
	}

	file := filepath.Join(dir, "audio", "default", ended.CallID+".wav")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	n.request(t, http.MethodDelete, path, "", nil, 204, nil)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after deletion: %v, want no file", err)
	}
	n.request(t, http.MethodGet, path+"/audio", "", nil, 404, nil)
}

// TestAudioThatIsNotGivenOut asks for what is not kept, what is over, and without the scope.
func TestAudioThatIsNotGivenOut(t *testing.T) {
	n := run(t, config(t.TempDir()))
	if err := play(t, n, "generic", "/v1/stream", "CA8", 0, nil); err != nil {
		t.Fatal(err)
	}
	var list api.List[api.Summary]
	n.request(t, http.MethodGet, "/v1/interactions?contact_id=CA8", "", nil, 200, &list)
	if len(list.Items) != 1 {
		t.Fatalf("%d calls, want 1", len(list.Items))
	}
	path := "/v1/interactions/" + list.Items[0].ID
	n.request(t, http.MethodGet, path+"/audio", "", nil, 404, nil)
	n.request(t, http.MethodGet, "/v1/interactions/none/audio", "", nil, 404, nil)

	r, err := n.store.Tenant("default").Interaction(t.Context(), list.Items[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	r.Contact.Audio = interaction.Audio{Kept: "timbre", URI: "timbre:" + r.Contact.ID + ".wav", ExpiresAt: &past}
	if _, err := n.store.Tenant("default").SaveInteraction(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := n.audio.Recording(t.Context(), "default", r.Contact.ID); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("expired: %v, want ErrNotFound", err)
	}
	for scope, want := range map[api.Scope]int{api.ScopeRead: 403, api.ScopeIngest: 403, api.ScopeReview: 404} {
		made, err := NewKey(t.Context(), n.store, "default", api.NewKey{Name: string(scope), Scopes: []api.Scope{scope}})
		if err != nil {
			t.Fatal(err)
		}
		n.request(t, http.MethodGet, path+"/audio", made.Secret, nil, want, nil)
	}
}
