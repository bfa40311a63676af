package events

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// outsideServer in the environment makes the test binary a nats-server of its own process, with its streams in that folder.
const outsideServer = "TIMBRE_TEST_NATS_SERVER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(outsideServer); dir != "" {
		serveNATS(dir)
		return
	}
	testkit.Main(m)
}

// serveNATS runs until its standard input ends, and prints the address first.
func serveNATS(dir string) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		os.Exit(1)
	}
	fmt.Println(s.ClientURL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	s.WaitForShutdown()
}

// outside starts a nats-server in another process and returns its address.
func outside(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), outsideServer+"="+t.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("nats-server: %v", err)
		}
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("nats-server: no address: %v", err)
	}
	return strings.TrimSpace(url)
}

func start(t *testing.T, o BrokerOptions) *Broker {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	b, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		goleak.VerifyNone(t, ignore)
	})
	return b
}

// onBoth runs a test on an embedded server and on one of another process.
func onBoth(t *testing.T, test func(t *testing.T, b *Broker)) {
	t.Run("embedded", func(t *testing.T) { test(t, start(t, BrokerOptions{Dir: t.TempDir()})) })
	t.Run("outside", func(t *testing.T) { test(t, start(t, BrokerOptions{URL: outside(t)})) })
}

// soon bounds what a test waits for; it is never reached by a test that passes.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errors.New("nothing came in 30 s"))
	t.Cleanup(cancel)
	return ctx
}
