package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/internal/testkit"
)

var (
	full   = flag.Bool("full", false, "run every case at full size")
	live   = flag.Int("calls", 50, "live calls under a full kill -9, as many as the machine analyses in real time")
	rounds = flag.Int("rounds", 20, "kills at full size")
	core   = flag.String("core", "", "core that the server has for its own, as taskset names it; this program belongs on another")
)

// size is how much a case tries.
func size(small, whole int) int {
	if *full {
		return whole
	}
	return small
}

func TestMain(m *testing.M) { testkit.Main(m) }

// row is one line of the table.
type row struct {
	what                  string
	tried, survived, lost int
	unit                  string
	note                  string
}

var table struct {
	sync.Mutex
	rows []row
}

func report(t *testing.T, r row) {
	t.Helper()
	table.Lock()
	table.rows = append(table.rows, r)
	table.Unlock()
	t.Logf("| %s | %d %s | %d | %d | %s |", r.what, r.tried, r.unit, r.survived, r.lost, r.note)
	if r.lost > 0 || r.survived != r.tried {
		t.Errorf("%s: %d of %d survived, %d lost", r.what, r.survived, r.tried, r.lost)
	}
}

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "timbre-faults")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "timbre")
	out, err := exec.Command("go", "build", "-o", path, "github.com/timbre-voice/timbre/cmd/timbre").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// node is a server process.
type node struct {
	t    *testing.T
	bin  string
	addr string
	args []string
	env  []string
	log  string // file
	cmd  *exec.Cmd
	key  string
}

// freeAddr returns an address that nobody listens at.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newNode prepares a server; start runs it.
func newNode(t *testing.T, dir string, args ...string) *node {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	n := &node{t: t, bin: bin, addr: addr, log: filepath.Join(t.TempDir(), "log"), args: append([]string{"serve", "--addr", addr, "--data-dir", dir}, args...)}
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			b, _ := os.ReadFile(n.log)
			t.Logf("the server's log ends:\n%s", b[max(0, len(b)-4000):])
		}
	})
	return n
}

func (n *node) start() {
	n.t.Helper()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	n.cmd = exec.Command(n.bin, n.args...)
	if *core != "" {
		n.cmd = exec.Command("taskset", append([]string{"-c", *core, n.bin}, n.args...)...) // which becomes the server: the process is its
	}
	n.cmd.Stdout, n.cmd.Stderr, n.cmd.Env = log, log, append(os.Environ(), n.env...)
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.until("the server is ready", time.Minute, func() bool { return n.ready() })
}

func (n *node) ready() bool {
	r, err := http.Get("http://" + n.addr + "/readyz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// alive reports whether the process answers at all.
func (n *node) alive() bool {
	r, err := http.Get("http://" + n.addr + "/healthz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// kill ends the process at once.
func (n *node) kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill() // it may have ended
		_ = n.cmd.Wait()
		n.cmd = nil
	}
}

// stop drains the process.
func (n *node) stop() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("the drained server: %v", err)
	}
	n.cmd = nil
}

// until waits for something that another process does.
func (n *node) until(what string, most time.Duration, ok func() bool) {
	n.t.Helper()
	if !within(most, ok) {
		n.t.Fatalf("%s: not within %s", what, most)
	}
}

// within reports whether something comes to be in time.
func within(most time.Duration, ok func() bool) bool {
	for end := time.Now().Add(most); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// do sends a request, with headers as names and values, and returns status and body.
func (n *node) do(method, path, key string, body []byte, header ...string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(n.t.Context(), method, "http://"+n.addr+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	return r.StatusCode, b, err
}

// summary is what a case asks of a record.
type summary struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	DurationMs int64  `json:"duration_ms"`
}

// record finds the record of a call by the platform's id.
func (n *node) record(contact string) (summary, error) {
	status, b, err := n.do(http.MethodGet, "/v1/interactions?contact_id="+url.QueryEscape(contact), n.key, nil)
	if err != nil {
		return summary{}, err
	}
	if status != http.StatusOK {
		return summary{}, fmt.Errorf("status %d: %.300s", status, b)
	}
	var list struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return summary{}, err
	}
	if len(list.Items) != 1 {
		return summary{}, fmt.Errorf("%d records of %s, want 1: %.300s", len(list.Items), contact, b)
	}
	status, b, err = n.do(http.MethodGet, "/v1/interactions/"+list.Items[0].ID, n.key, nil)
	if err != nil || status != http.StatusOK {
		return summary{}, errors.Join(err, fmt.Errorf("record %s: status %d", list.Items[0].ID, status))
	}
	var r struct {
		Contact summary `json:"contact"`
	}
	return r.Contact, json.Unmarshal(b, &r)
}

func (n *node) mention(pattern string) bool {
	b, _ := os.ReadFile(n.log)
	return strings.Contains(string(b), pattern)
}
