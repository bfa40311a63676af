//go:build unix

package testkit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// NATSServer is a nats-server in a process of its own, with JetStream, on a port of loopback that it keeps over a restart.
type NATSServer struct {
	tb   testing.TB
	bin  string
	dir  string // streams and log
	port string
	cmd  *exec.Cmd
}

// NATS starts one, which ends with the test. It fails the test where the program is not there: scripts/setup test builds it, of the
// version of go.mod, and Debian has it as nats-server.
func NATS(tb testing.TB) *NATSServer {
	tb.Helper()
	bin := filepath.Join(Root(tb), ".tools", "bin", "nats-server")
	if _, err := os.Stat(bin); err != nil {
		if bin, err = exec.LookPath("nats-server"); err != nil {
			tb.Fatalf("testkit: nats-server: not found in .tools/bin or on the PATH, want it: scripts/setup test builds it: %v", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	n := &NATSServer{tb: tb, bin: bin, dir: tb.TempDir(), port: port}
	n.Start()
	tb.Cleanup(n.Kill)
	return n
}

// URL is the address for clients.
func (n *NATSServer) URL() string { return "nats://127.0.0.1:" + n.port }

// Start runs the server, again after Kill, and returns when it takes connections.
func (n *NATSServer) Start() {
	n.tb.Helper()
	log := filepath.Join(n.dir, "log")
	n.cmd = exec.Command(n.bin, "-a", "127.0.0.1", "-p", n.port, "-js", "-sd", n.dir, "-l", log)
	n.cmd.SysProcAttr = child(nil)
	if err := n.cmd.Start(); err != nil {
		n.tb.Fatalf("testkit: nats-server: %v", err)
	}
	for range 200 {
		c, err := net.Dial("tcp", "127.0.0.1:"+n.port)
		if err == nil {
			if err := c.Close(); err != nil {
				n.tb.Fatal(err)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b, err := os.ReadFile(log)
	n.Kill()
	n.tb.Fatalf("testkit: nats-server: no connection after 10 s: %s", fmt.Append(b, err))
}

// Kill ends the server at once; what its streams hold stays. It does nothing to one that has ended.
func (n *NATSServer) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill() // it may have ended
		_ = n.cmd.Wait()         // killed
		n.cmd = nil
	}
}
