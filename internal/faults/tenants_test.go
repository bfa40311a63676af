package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/internal/testkit"
)

const (
	// mark begins every id that tenant a chose. Tenant b guesses these ids, and asks with them.
	mark = "zq-mark-of-a"
	// hidden stands in every text that tenant a owns, and in nothing that b sends.
	hidden = "qz-hidden-words"
)

// scopes are all that a key can have.
var scopes = []string{"ingest", "read", "review", "identity", "admin"}

// addKey makes an API key of a tenant that may do everything.
func addKey(t *testing.T, n *node, db, tenant string) string {
	t.Helper()
	cmd := exec.Command(n.bin, "serve", "keys", "add", "--db", db, "--data-dir", n.args[4], "--tenant", tenant, "--name", tenant, "--scope", strings.Join(scopes, ","))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("key of %s: %v", tenant, err)
	}
	return strings.TrimSpace(string(out))
}

// spacious writes a configuration without limits on requests, that keeps audio and raises alerts.
func spacious(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "timbre.yaml")
	text := "limits: {key_per_second: 1e6, key_burst: 1000000, address_per_second: 1e6, address_burst: 1000000}\npolicy: {keep_audio: true}\nrules: [{name: quiet, silence: {over: 1s}}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// owner is what tenant a has.
type owner struct {
	t    *testing.T
	n    *node
	key  string
	live *call    // running
	ids  []string // of everything
}

func (a *owner) must(method, path, body string) []byte {
	a.t.Helper()
	status, out, err := a.n.do(method, path, a.key, []byte(body))
	if err != nil || status >= 300 {
		a.t.Fatalf("%s %s: status %d, %v: %.300s", method, path, status, err, out)
	}
	return out
}

// fill makes an object of every kind, each with hidden words in it.
func (a *owner) fill() {
	a.t.Helper()
	recording := string(testkit.Read(a.t, testkit.Testdata(a.t, "calls", "sample-call.wav")))
	ended, err := dialWith(a.n, mark, muLaw(a.t), `,"customer_id":"`+mark+`","customer_name":"`+hidden+`","agent_id":"`+mark+`","agent_name":"`+hidden+`","queue":"`+hidden+`"`)
	if err != nil {
		a.t.Fatal(err)
	}
	time.Sleep(4 * time.Second)
	if !ended.stop(20 * time.Second) {
		a.t.Fatal("the call of tenant a was not confirmed")
	}
	if a.live, err = dialWith(a.n, mark+"-running", muLaw(a.t), `,"queue":"`+hidden+`"`); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(a.live.drop)
	a.must(http.MethodPost, "/v1/consents", `{"speaker_id":"`+mark+`","ref":"`+mark+`","purpose":"verify"}`)
	a.must(http.MethodPost, "/v1/speakers/"+mark+"/voiceprints?channel=1&consent_ref="+mark, recording)
	a.must(http.MethodPost, "/v1/verify?channel=1&speaker="+mark, recording)
	a.must(http.MethodPut, "/v1/watchlists/"+mark, `{"purpose":"`+hidden+`","legal_basis":"`+hidden+`","retention_days":30,"approver":"`+hidden+`"}`)
	a.must(http.MethodPost, "/v1/surveys", `{"kind":"nps","value":9,"contact_id":"`+mark+`","customer_id":"`+mark+`"}`)
	a.must(http.MethodPost, "/v1/tasks", `{"title":"`+hidden+`","customer_id":"`+mark+`","source":"person","state":"open"}`)
	a.must(http.MethodPut, "/v1/endpoints", `{"dialect":"twilio","name":"`+mark+`","token":"`+hidden+`"}`)
	var job struct{ ID string }
	if err := json.Unmarshal(a.must(http.MethodPost, "/v1/recordings?agent_channel=0&customer_channel=1&name="+hidden+".wav&customer_id="+mark, recording), &job); err != nil {
		a.t.Fatal(err)
	}
	a.n.until("the upload is done", time.Minute, func() bool {
		return strings.Contains(string(a.must(http.MethodGet, "/v1/jobs/"+job.ID, "")), `"done"`)
	})
}

// harvest collects the ids that tenant a sees in its own lists, whatever lists there are.
func (a *owner) harvest(all []operation, keyB string) {
	seenByAll := map[string]bool{"default": true}
	named := regexp.MustCompile(`"(?:id|ref|name|[a-z_]+_id)":"([^"]{1,200})"`)
	a.ids = []string{mark, mark + "-running"}
	lists := 0
	for _, o := range all {
		if o.method != http.MethodGet || strings.Contains(o.path, "{") || !strings.HasPrefix(o.path, "/v1/") {
			continue
		}
		status, b, err := a.n.do(http.MethodGet, o.path, a.key, nil)
		if err != nil || status != http.StatusOK {
			continue // one that asks for a parameter
		}
		if _, theirs, err := a.n.do(http.MethodGet, o.path, keyB, nil); err == nil {
			for _, m := range named.FindAllStringSubmatch(string(theirs), -1) {
				seenByAll[m[1]] = true
			}
		}
		before := len(a.ids)
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			if !slices.Contains(a.ids, m[1]) && !strings.Contains(m[1], hidden) && len(m[1]) >= 4 {
				a.ids = append(a.ids, m[1])
			}
		}
		if len(a.ids) > before {
			lists++
		}
	}
	// What is everybody's, such as the names of the models, is nobody's secret.
	a.ids = slices.DeleteFunc(a.ids, func(id string) bool { return seenByAll[id] })
	if lists < 4 || len(a.ids) < 8 {
		a.t.Errorf("%d ids in %d lists, want at least 8 in 4: the sweep shows nothing", len(a.ids), lists)
	}
}

// view returns what a key sees on every page that needs no id, as text; pages that move by themselves are left out.
func view(t *testing.T, n *node, all []operation, key string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, o := range all {
		if o.method != http.MethodGet || strings.Contains(o.path, "{") || strings.Contains(o.path, "calls") || strings.Contains(o.path, "keys") || !strings.HasPrefix(o.path, "/v1/") {
			continue
		}
		for _, r := range o.aim(mark) {
			status, b, err := n.do(http.MethodGet, r.path, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status == http.StatusOK {
				out[r.path] = string(b)
			}
		}
	}
	return out
}

// moving is what differs between two answers by itself.
var moving = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z?|urn:timbre:request:[A-Z0-9]+|[0-9a-f]{32,}|[0-9a-hjkmnp-tv-z]{26}|"(id|secret|key_id)":"[^"]*"|\\?"(audit_)?seq\\?":\d+`)

// alike says whether two answers tell the same, but for the ids that were asked for.
func alike(status, twinStatus int, body, twinBody []byte, id, twinID string) bool {
	plain := func(b []byte, id string) string {
		return moving.ReplaceAllString(strings.ReplaceAll(string(b), id, "ID"), "")
	}
	return status == twinStatus && plain(body, id) == plain(twinBody, twinID)
}

// TestTenantsAreApart walks every operation of the OpenAPI file with tenant b's key, aimed at everything that tenant a owns, and at
// a twin of each id that nobody owns: b must not be able to tell the two apart, nor change anything of a's. Sockets of events and
// the pages of the console follow.
func TestTenantsAreApart(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "timbre.db")
	n := newNode(t, dir, "--db", db, "--config", spacious(t, t.TempDir()))
	odd := []string{"*", ">", "a.>", "a.*"} // names that are patterns to a broker
	var oddKeys []string
	keyA, keyB := addKey(t, n, db, "a"), addKey(t, n, db, "b")
	for _, name := range odd {
		cmd := exec.Command(n.bin, "serve", "keys", "add", "--db", db, "--data-dir", dir, "--tenant", name, "--name", "x", "--scope", "read")
		if out, err := cmd.Output(); err == nil { // refused is as good
			oddKeys = append(oddKeys, strings.TrimSpace(string(out)))
		}
	}
	cookieA, cookieB := session(t, db, "a"), session(t, db, "b")
	n.key = keyA
	n.start()
	a := &owner{t: t, n: n, key: keyA}
	a.fill()
	all := operations(t, n)
	a.harvest(all, keyB)
	a.sockets(keyB, oddKeys)

	pages, telling, actions := n.crawl(t, cookieA) // now, for it leaves traces of its own, such as who listened
	before := view(t, n, all, keyA)
	requests, apart := 0, 0
	for _, o := range all {
		for _, id := range a.ids {
			other := twin(id)
			asked, twins := o.aim(id), o.aim(other)
			for i, r := range asked {
				requests++
				status, out, err := n.do(o.method, r.path, keyB, r.body)
				twinStatus, twinOut, twinErr := n.do(o.method, twins[i].path, keyB, twins[i].body)
				switch {
				case err != nil || twinErr != nil:
					t.Errorf("%s %s: %v, %v", o.method, r.path, err, twinErr)
				case strings.Contains(string(out), hidden):
					t.Errorf("%s %s tells tenant b: %d %.300s", o.method, r.path, status, out)
				case status >= 500:
					t.Errorf("%s %s: status %d: %.200s", o.method, r.path, status, out)
				case !alike(status, twinStatus, out, twinOut, id, other):
					t.Errorf("%s %s %s: %d %.300s\nand of what nobody owns: %d %.300s", o.method, r.path, r.body, status, out, twinStatus, twinOut)
				default:
					apart++
				}
			}
			if !o.named() {
				break
			}
		}
	}
	report(t, row{"tenant isolation: every operation with the other tenant's key, aimed at every id", requests, apart, requests - apart, "requests", fmt.Sprintf("%d operations, %d ids, each answer as of an id that nobody owns", len(all), len(a.ids))})
	a.pages(cookieB, pages, telling, actions)
	after := view(t, n, all, keyA)
	changed, seen := 0, 0
	for path, was := range before {
		if after[path] != was {
			changed++
			t.Errorf("%s of tenant a changed:\n%.600s\n%.600s", path, was, after[path])
		}
		if strings.Contains(was, hidden) {
			seen++
		}
	}
	if seen < 5 {
		t.Errorf("tenant a sees its words on %d pages, want 5 or more: the sweep shows nothing", seen)
	}
	report(t, row{"tenant isolation: pages of the owner as they were", len(before), len(before) - changed, changed, "pages", fmt.Sprintf("the owner's words on %d of them", seen)})
}

// sockets listens to events with other tenants' keys while a call of tenant a runs.
func (a *owner) sockets(keyB string, oddKeys []string) {
	a.t.Helper()
	listen := func(path, key string) <-chan string {
		out := make(chan string, 10_000)
		ws, r, err := websocket.DefaultDialer.Dial("ws://"+a.n.addr+path, http.Header{"Authorization": {"Bearer " + key}})
		if err != nil {
			if r != nil {
				r.Body.Close()
			}
			close(out)
			return out
		}
		r.Body.Close()
		a.t.Cleanup(func() { ws.Close() })
		go func() {
			defer close(out)
			for {
				_, b, err := ws.ReadMessage()
				if err != nil {
					return
				}
				out <- string(b)
			}
		}()
		return out
	}
	var running struct {
		Items []struct{ ID string }
	}
	if err := json.Unmarshal(a.must(http.MethodGet, "/v1/calls", ""), &running); err != nil || len(running.Items) != 1 {
		a.t.Fatalf("calls of tenant a: %+v, %v, want one", running, err)
	}
	own := listen("/v1/events", a.key)
	var foreign []<-chan string
	for _, id := range []string{running.Items[0].ID, mark + "-running", "*", ">", "%2A", "%3E", "a." + running.Items[0].ID} {
		foreign = append(foreign, listen("/v1/calls/"+id+"/events", keyB))
	}
	for _, q := range []string{"", "?agent_id=" + mark, "?queue=" + hidden, "?tenant=a", "?queue=%2A", "?queue=%3E"} {
		foreign = append(foreign, listen("/v1/events"+q, keyB))
	}
	for _, key := range oddKeys {
		foreign = append(foreign, listen("/v1/events", key), listen("/v1/calls/"+running.Items[0].ID+"/events", key))
	}
	heard := 0
	a.n.until("events of tenant a", time.Minute, func() bool {
		for {
			select {
			case <-own:
				heard++
			default:
				return heard >= size(5, 20)
			}
		}
	})
	apart := 0
	for i, c := range foreign {
		quiet := true
		for drained := false; !drained; {
			select {
			case e, open := <-c:
				if drained = !open; open && (strings.Contains(e, hidden) || strings.Contains(e, running.Items[0].ID) || strings.Contains(e, `"tenant":"a"`)) {
					quiet = false
					a.t.Errorf("socket %d of another tenant hears %.300s", i, e)
				}
			default:
				drained = true
			}
		}
		if quiet {
			apart++
		}
	}
	report(a.t, row{"tenant isolation: sockets of events of other tenants hear nothing", len(foreign), apart, len(foreign) - apart, "sockets", fmt.Sprintf("%d events of the owner's call meanwhile", heard)})
}
