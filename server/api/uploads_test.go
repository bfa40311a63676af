package api

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestVoiceByUpload(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/v1/speakers/anna/voiceprints?consent_ref=r-1&channel=1", `x enrol key:k-identity anna r-1 "RIFF" channel 1`},
		{"/v1/verify?speaker=anna", `x verify key:k-identity anna "RIFF" channel -1`},
		{"/v1/identify?watchlist=fraud&top=3", `x identify key:k-identity fraud 3 "RIFF" channel -1`},
	} {
		f := &fake{}
		r := ask(t, http.MethodPost, serve(t, options(f))+c.path, "identity", "RIFF", "Content-Type", "audio/wav")
		if r.status/100 != 2 || !slices.Equal(f.asked, []string{c.want}) {
			t.Errorf("%s: %d %s, asked %q", c.path, r.status, r.body, f.asked)
		}
	}
	f := &fake{}
	if r := ask(t, http.MethodPost, serve(t, options(f))+"/v1/speakers/anna/voiceprints?existing=maybe", "identity", "RIFF"); r.status != 422 || len(f.asked) > 0 {
		t.Errorf("an enrolment that may do anything: %d %s, asked %q", r.status, r.body, f.asked)
	}
}

// TestBatch: the report leaves line by line, and what ends a batch stands in its last line once the first has left.
func TestBatch(t *testing.T) {
	post := func(f *fake, path, key string) reply {
		t.Helper()
		return ask(t, http.MethodPost, serve(t, options(f))+path, key, "tar", "Content-Type", "application/octet-stream")
	}
	f := &fake{}
	r := post(f, "/v1/enrolments?existing=overwrite&consent_ref=c-7", "identity")
	want := `{"speaker_id":"s1","action":"enrolled","net_speech_ms":0,"sources":0,"recordings":[]}` + "\n" +
		`{"summary":{"speakers":1,"enrolled":1,"replaced":0,"skipped":0,"failed":0}}` + "\n"
	if r.status != 200 || r.body != want || r.header.Get("Content-Type") != "application/x-ndjson" || !slices.Equal(f.asked, []string{"x batch key:k-identity overwrite c-7 3"}) {
		t.Errorf("%d %v %s, asked %q", r.status, r.header, r.body, f.asked)
	}
	if r := post(&fake{after: ErrUnavailable}, "/v1/enrolments", "identity"); r.status != 200 || !strings.Contains(r.body, `"enrolled":1,"replaced":0,"skipped":0,"failed":0,"error":"`) {
		t.Errorf("a batch that breaks off: %d %s", r.status, r.body)
	}
	if r := post(&fake{err: ErrInvalid}, "/v1/enrolments", "identity"); r.status != 422 {
		t.Errorf("a batch that cannot be read: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/v1/enrolments?existing=extend", "/v1/enrolments?exsiting=skip", "/v1/enrolments?consent_ref=" + strings.Repeat("x", 501)} {
		f := &fake{}
		if r := post(f, path, "identity"); r.status != 422 || len(f.asked) > 0 {
			t.Errorf("%.60s: %d %s, asked %q", path, r.status, r.body, f.asked)
		}
	}
	f = &fake{}
	if r := post(f, "/v1/enrolments", "read"); r.status != 403 || len(f.asked) > 0 {
		t.Errorf("without the scope: %d %s", r.status, r.body)
	}
}

func TestUpload(t *testing.T) {
	f := &fake{}
	o := options(f)
	o.MaxUpload = 100
	url := serve(t, o)
	r := ask(t, http.MethodPost, url+"/v1/recordings?name=a.wav&agent_channel=0&customer_channel=1&agent_id=ann&queue=sales&started_at=2026-01-02T03:04:05Z", "ingest", "RIFF", "Content-Type", "audio/wav")
	if r.status != 202 || r.header.Get("Location") != "/v1/jobs/j-1" || string(f.audio) != "RIFF" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if u := f.upload; u.Name != "a.wav" || u.AgentChannel != 0 || u.CustomerChannel != 1 || u.Binding.AgentID != "ann" || u.Binding.Queue != "sales" || u.StartedAt.Hour() != 3 {
		t.Errorf("upload %+v", u)
	}
	for name, c := range map[string]struct {
		path, body, kind string
		status           int
	}{
		"too_large":         {"", strings.Repeat("x", 101), "audio/wav", 413},
		"multipart":         {"", "x", "multipart/form-data; boundary=b", 422},
		"channel":           {"?agent_channel=-1", "x", "audio/wav", 422},
		"channel_word":      {"?customer_channel=left", "x", "audio/wav", 422},
		"unknown_parameter": {"?agent=ann", "x", "audio/wav", 422},
		"time":              {"?started_at=today", "x", "audio/wav", 422},
		"direction":         {"?direction=sideways", "x", "audio/wav", 422},
	} {
		f.asked = nil
		r := ask(t, http.MethodPost, url+"/v1/recordings"+c.path, "ingest", c.body, "Content-Type", c.kind)
		if r.status != c.status || len(f.asked) > 0 {
			t.Errorf("%s: %d %s, want %d", name, r.status, r.body, c.status)
		}
		r.problem(t)
	}
	// Without a length the limit still holds.
	req, err := http.NewRequest(http.MethodPost, url+"/v1/recordings", io.MultiReader(strings.NewReader(strings.Repeat("x", 200))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer ingest")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body without length: %d, want 413", resp.StatusCode)
	}
	if r := ask(t, http.MethodPost, url+"/v1/recordings", "read", "RIFF"); r.status != 403 {
		t.Errorf("without the scope: %d, want 403", r.status)
	}
}

func TestBodyTooLarge(t *testing.T) {
	f := &fake{}
	url := serve(t, options(f))
	r := ask(t, http.MethodPost, url+"/v1/tasks", "all", `{"title": "`+strings.Repeat("x", 2<<20)+`"}`)
	if r.status != http.StatusRequestEntityTooLarge || len(f.asked) > 0 {
		t.Errorf("%d %.200s, want 413", r.status, r.body)
	}
}
